//! The services against a model of them: random grants, checks, revocations, rotations and all else that changes what a
//! check comes to, with crashes between, on a real store, and on a few lines of plain data. Both must agree at every
//! step. What the model says is the specification; it knows nothing of SQL, caches or digests.
//!
//! That the comparison can fail is shown too: on stores that were sabotaged in cascade, rotation, epochs and counters.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use rusqlite::Connection;
use support::{NOW, open_at};
use tempfile::TempDir;
use tessera_native::clock::FixedClock;
use tessera_native::error::{Error, ErrorCode};
use tessera_native::model::{
    Actor, Algorithm, Conditions, Outcome, RotationMode, Token, TokenFilter, TokenFormat, TokenSet,
};
use tessera_native::policy::{AccessContext, Lifetime};
use tessera_native::service::{Engine, Grant, GrantRequest, RotationRequest};

/// A hundred thousand steps.
const CASES: u32 = 500;
const STEPS: usize = 200;
const THREADS: u32 = 4;
/// In seconds: how much the clocks of two machines may differ, for a JWT.
const SKEW: i64 = 30;
const NINETY_DAYS: i64 = 90 * 86_400;

/// Each includes those before it.
const ROLES: [&str; 3] = ["Reader", "Operator", "Administrator"];
const NAMES: [&str; 3] = ["Adam", "Eve", "Root"];
const ROOT: usize = 2;
const PROFILES: [&str; 3] = ["Default", "Wary", "AppNeta"];

#[derive(Debug, Clone)]
enum Step {
    Grant {
        name: usize,
        rank: usize,
        life: usize,
        is_jwt: bool,
        uses: Option<i64>,
        delay: Option<i64>,
        is_wary: bool,
    },
    /// To the identity of the granting token where no name is given.
    GrantByToken {
        by: Index,
        name: Option<usize>,
        rank: usize,
    },
    GrantByRoot {
        name: usize,
        rank: usize,
    },
    Check {
        token: Index,
        rank: Option<usize>,
    },
    Revoke(Index),
    RevokeByValue(Index),
    RevokeSet {
        like: Index,
        set: usize,
    },
    Disable(Index),
    Enable(Index),
    Remove(Index),
    Rotate {
        token: Index,
        mode: usize,
    },
    CreateIdentity {
        name: usize,
        rank: usize,
    },
    ChangeRole {
        name: usize,
        rank: usize,
    },
    RemoveIdentity {
        name: usize,
    },
    Advance(i64),
    CreateKey,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let token = any::<Index>;
    let (name, rank) = (0..NAMES.len(), 0..ROLES.len());
    let uses = prop::option::weighted(0.3, 1..4_i64);
    let delay = prop::option::weighted(0.1, prop::sample::select(vec![20, 700]));
    prop_oneof![
        8 => (name.clone(), rank.clone(), 0..4_usize, prop::bool::weighted(0.3), uses, delay, any::<bool>()).prop_map(
            |(name, rank, life, is_jwt, uses, delay, is_wary)| Step::Grant { name, rank, life, is_jwt, uses, delay, is_wary }
        ),
        9 => (token(), prop::option::of(name.clone()), rank.clone())
            .prop_map(|(by, name, rank)| Step::GrantByToken { by, name, rank }),
        3 => (name.clone(), rank.clone()).prop_map(|(name, rank)| Step::GrantByRoot { name, rank }),
        40 => (token(), prop::option::of(rank.clone())).prop_map(|(token, rank)| Step::Check { token, rank }),
        4 => token().prop_map(Step::Revoke),
        2 => token().prop_map(Step::RevokeByValue),
        2 => (token(), 0..5_usize).prop_map(|(like, set)| Step::RevokeSet { like, set }),
        2 => token().prop_map(Step::Disable),
        2 => token().prop_map(Step::Enable),
        3 => token().prop_map(Step::Remove),
        14 => (token(), 0..4_usize).prop_map(|(token, mode)| Step::Rotate { token, mode }),
        3 => (name.clone(), rank.clone()).prop_map(|(name, rank)| Step::CreateIdentity { name, rank }),
        3 => (name.clone(), rank).prop_map(|(name, rank)| Step::ChangeRole { name, rank }),
        1 => name.prop_map(|name| Step::RemoveIdentity { name }),
        6 => prop::sample::select(vec![1, 25, 300, 600, 2_000]).prop_map(Step::Advance),
        1 => Just(Step::CreateKey),
        1 => Just(Step::Crash),
    ]
}

// ---- The model -------------------------------------------------------------------------------------------------------

struct Person {
    id: i64,
    name: usize,
    rank: usize,
    is_there: bool,
}

#[derive(Clone)]
struct Card {
    id: String,
    value: Vec<u8>,
    key_id: Option<String>,
    is_jwt: bool,
    profile: usize,
    person: usize,
    creator: Option<usize>,
    parent: Option<usize>,
    rank: usize,
    created: i64,
    begins: Option<i64>,
    ends: Option<i64>,
    uses: Option<i64>,
    is_off: bool,
    is_revoked: bool,
    retires: Option<i64>,
    is_waiting: bool,
    predecessor: Option<usize>,
    family: usize,
    was_reported: bool,
    is_there: bool,
}

/// A fact by which all tokens so far were revoked.
#[derive(Clone, PartialEq)]
enum Fact {
    Person(usize),
    Profile(usize),
    Key(String),
    All,
}

impl Fact {
    fn is_of(&self, card: &Card) -> bool {
        match self {
            Self::Person(person) => card.person == *person,
            Self::Profile(profile) => card.profile == *profile,
            Self::Key(key_id) => card.key_id.as_ref() == Some(key_id),
            Self::All => true,
        }
    }
}

#[derive(Default)]
struct Model {
    now: i64,
    people: Vec<Person>,
    /// In the order of their making.
    cards: Vec<Card>,
    /// With the number of tokens that there were.
    epochs: Vec<(Fact, usize)>,
}

type Said<T> = Result<T, ErrorCode>;

impl Model {
    fn person(&self, name: usize) -> Option<usize> {
        self.people.iter().position(|person| person.is_there && person.name == name)
    }

    fn is_revoked(&self, index: usize) -> bool {
        let card = &self.cards[index];
        card.is_revoked
            || card.retires.is_some_and(|at| at <= self.now)
            || self.epochs.iter().any(|(fact, up_to)| index < *up_to && fact.is_of(card))
    }

    /// As lists show it.
    fn has_ended(&self, index: usize) -> bool {
        let card = &self.cards[index];
        self.is_revoked(index) || (PROFILES[card.profile] == "AppNeta" && card.ends.is_some_and(|end| end <= self.now))
    }

    fn state(&self, index: usize) -> &'static str {
        let card = &self.cards[index];
        let is_over = card.ends.is_some_and(|end| end <= self.now);
        if self.has_ended(index) {
            "Revoked"
        } else if card.is_off {
            "Disabled"
        } else if (card.is_waiting && !is_over) || card.begins.is_some_and(|at| self.now < at) {
            "Pending"
        } else if is_over {
            "Expired"
        } else {
            "Active"
        }
    }

    /// Whether it was to take over and will never be used.
    fn expired_unused(&self, index: usize) -> bool {
        self.cards[index].is_waiting && self.standing(index) == Outcome::Expired
    }

    fn standing(&self, index: usize) -> Outcome {
        let card = &self.cards[index];
        let skew = if card.is_jwt { SKEW } else { 0 };
        if !card.is_there {
            Outcome::Unknown
        } else if self.is_revoked(index) {
            Outcome::Revoked
        } else if card.is_off {
            Outcome::Disabled
        } else if card.begins.is_some_and(|at| self.now + skew < at) {
            Outcome::NotYetValid
        } else if card.ends.is_some_and(|end| end + skew <= self.now) {
            Outcome::Expired
        } else {
            Outcome::Valid
        }
    }

    /// What the token may do: at most what it was granted, what those that bound it may do, and what granted it. None:
    /// nothing.
    fn rank(&self, index: usize) -> Option<usize> {
        let card = &self.cards[index];
        let of = |person: usize| Some(&self.people[person]).filter(|person| person.is_there).map(|person| person.rank);
        let mut rank = card.rank.min(of(card.person)?);
        if let Some(creator) = card.creator.filter(|_| PROFILES[card.profile] == "AppNeta") {
            rank = rank.min(of(creator)?);
        }
        if let Some(parent) = card.parent {
            rank = rank.min(if self.cards[parent].is_there { self.rank(parent)? } else { return None });
        }
        Some(rank)
    }

    fn check(&mut self, index: usize, asked: Option<usize>) -> Outcome {
        let (now, card) = (self.now, &self.cards[index]);
        let is_retired = card.retires.is_some_and(|at| at <= now);
        if card.is_there && is_retired && !card.was_reported {
            self.cards[index].was_reported = true;
            if PROFILES[self.cards[index].profile] == "Wary" {
                let family = self.cards[index].family;
                let all: Vec<_> = (0..self.cards.len()).filter(|&each| self.cards[each].family == family).collect();
                self.end(&all);
                self.end_line(&all);
            }
            return Outcome::Revoked;
        }
        let standing = self.standing(index);
        if standing != Outcome::Valid {
            return standing;
        }
        if asked.is_some_and(|asked| self.rank(index).is_none_or(|rank| rank < asked)) {
            return Outcome::RoleDenied;
        }
        if self.cards[index].is_waiting {
            self.cards[index].is_waiting = false;
            if let Some(old) = self.cards[index].predecessor.filter(|&old| self.cards[old].is_there) {
                self.cards[index].uses = self.cards[old].uses;
                self.cards[old].retires = Some(self.cards[old].retires.map_or(now, |at| at.min(now)));
            }
        }
        match &mut self.cards[index].uses {
            None => Outcome::Valid,
            Some(0) => Outcome::UsesExhausted,
            Some(uses) => {
                *uses -= 1;
                Outcome::Valid
            }
        }
    }

    /// Revokes those that have not ended; gives how many.
    fn end(&mut self, cards: &[usize]) -> u64 {
        let live: Vec<_> =
            cards.iter().copied().filter(|&card| self.cards[card].is_there && !self.has_ended(card)).collect();
        for &card in &live {
            self.cards[card].is_revoked = true;
        }
        live.len() as u64
    }

    /// Revokes what falls with `roots`: what they granted, what those granted from which they took over, and so on.
    fn end_line(&mut self, roots: &[usize]) -> u64 {
        let mut line = roots.to_vec();
        let mut next = 0;
        while let Some(&card) = line.get(next) {
            next += 1;
            let older = self.cards[card].predecessor.filter(|&older| {
                self.cards[older].is_there && self.cards[older].retires.is_some_and(|at| at <= self.now)
            });
            let granted = (0..self.cards.len()).filter(|&each| self.cards[each].parent == Some(card));
            for found in granted.chain(older).collect::<Vec<_>>() {
                if !line.contains(&found) {
                    line.push(found);
                }
            }
        }
        self.end(&line)
    }

    fn end_fact(&mut self, fact: &Fact) -> u64 {
        let of_fact = |model: &Self| -> Vec<usize> {
            (0..model.cards.len())
                .filter(|&card| model.cards[card].is_there && fact.is_of(&model.cards[card]))
                .collect()
        };
        let live = of_fact(self).into_iter().filter(|&card| !self.has_ended(card)).count() as u64;
        if live == 0 {
            return 0;
        }
        self.epochs.push((fact.clone(), self.cards.len()));
        // What granted a token counts as long as something that took over from it does.
        let mut roots = of_fact(self);
        let mut next = 0;
        while let Some(&card) = roots.get(next) {
            next += 1;
            if let Some(older) = self.cards[card].predecessor
                && self.cards[older].is_there
                && self.cards[older].retires.is_some_and(|at| at <= self.now)
                && !roots.contains(&older)
            {
                roots.push(older);
            }
        }
        live + self.end_line(&roots)
    }

    fn revoke(&mut self, index: usize) -> Said<bool> {
        if !self.cards[index].is_there {
            return Err(ErrorCode::NotFound);
        }
        Ok(self.end(&[index]) + self.end_line(&[index]) > 0)
    }

    fn remove(&mut self, index: usize) -> bool {
        if !self.cards[index].is_there {
            return false;
        }
        self.end(&[index]);
        self.end_line(&[index]);
        self.cards[index].is_there = false;
        true
    }

    fn remove_person(&mut self, name: usize) -> Option<u64> {
        let person = self.person(name)?;
        let made: Vec<_> = (0..self.cards.len())
            .filter(|&card| {
                let card = &self.cards[card];
                card.is_there && card.creator == Some(person) && PROFILES[card.profile] == "AppNeta"
            })
            .collect();
        let ended = self.end(&made) + self.end_line(&made) + self.end_fact(&Fact::Person(person));
        self.people[person].is_there = false;
        Some(ended)
    }

    /// Where the one that took over from `index` stands, if there is one.
    fn successor(&self, index: usize) -> Option<usize> {
        (0..self.cards.len()).find(|&card| self.cards[card].is_there && self.cards[card].predecessor == Some(index))
    }

    /// When the successor of `index` is to end.
    fn successor_end(&self, index: usize) -> Said<Option<i64>> {
        let card = &self.cards[index];
        let first = card.begins.unwrap_or(card.created).max(card.created);
        let begin = card.begins.filter(|at| *at > self.now).unwrap_or(self.now);
        let end = card.ends.map(|end| begin + (end - first));
        let mut granted_by = card.parent;
        let mut latest = None;
        while let Some(by) = granted_by.filter(|&by| self.cards[by].is_there) {
            latest = self.cards[by].ends;
            granted_by = self.cards[by].retires.filter(|at| *at <= self.now).and_then(|_| self.successor(by));
        }
        match (latest, card.ends) {
            (Some(latest), Some(own)) if own <= latest => {
                let end = end.map_or(latest, |end| end.min(latest));
                if end > begin { Ok(Some(end)) } else { Err(ErrorCode::InvalidArgument) }
            }
            _ => Ok(end),
        }
    }

    /// The successor of a token, as far as the model can tell it, or why there is none.
    fn rotate(&mut self, index: usize, mode: RotationMode) -> Said<Card> {
        let card = self.cards[index].clone();
        if !card.is_there {
            return Err(ErrorCode::NotFound);
        }
        let is_usable = match self.state(index) {
            "Active" => true,
            "Pending" => !card.is_waiting,
            _ => false,
        };
        if !is_usable || card.uses == Some(0) {
            return Err(ErrorCode::Conflict);
        }
        if matches!(mode, RotationMode::Grace { .. }) && card.uses.is_some() {
            return Err(ErrorCode::InvalidArgument);
        }
        let ends = self.successor_end(index)?;
        match self.successor(index) {
            Some(other) if !(self.has_ended(other) || self.expired_unused(other)) => return Err(ErrorCode::Conflict),
            Some(other) => self.cards[other].predecessor = None,
            None => {}
        }
        self.cards[index].retires = match mode {
            RotationMode::Immediate => Some(self.now),
            RotationMode::Confirm { deadline } => deadline,
            RotationMode::Grace { seconds } => Some(self.now + seconds),
        };
        Ok(Card {
            created: self.now,
            begins: card.begins.filter(|at| *at > self.now),
            ends,
            is_waiting: matches!(mode, RotationMode::Confirm { .. }),
            predecessor: Some(index),
            retires: None,
            was_reported: false,
            is_off: false,
            ..card
        })
    }
}

// ---- The store -------------------------------------------------------------------------------------------------------

struct Run {
    folder: TempDir,
    crashes: usize,
    clock: Arc<FixedClock>,
    engine: Option<Engine>,
    model: Model,
}

fn code<T>(result: Result<T, Error>) -> Said<T> {
    result.map_err(|error| error.code())
}

impl Run {
    fn new() -> Self {
        // Not one of the folders that are kept: there are too many.
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::new(NOW));
        fs::create_dir(folder.path().join("0")).unwrap();
        let engine = open_at(folder.path().join("0/tokens.db"), &clock);
        engine.owner().create_profile("Wary", None, r#"{"reuseRevokesFamily":true}"#).unwrap();
        let mut model = Model { now: NOW, ..Model::default() };
        for (rank, name) in [(1, 0), (0, 1), (2, ROOT)] {
            let made = engine.owner().create_identity(NAMES[name], &[ROLES[rank].to_owned()], None).unwrap();
            model.people.push(Person { id: made.id, name, rank, is_there: true });
        }
        Self { folder, crashes: 0, clock, engine: Some(engine), model }
    }

    fn engine(&self) -> &Engine {
        self.engine.as_ref().unwrap()
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(self.crashes.to_string()).join("tokens.db")
    }

    /// Goes on with what is in the files at this moment, as after a loss of power.
    fn crash(&mut self) {
        // So that nothing is written while the files are copied.
        self.engine().flush().unwrap();
        let from = self.path();
        self.crashes += 1;
        let to = self.path();
        fs::create_dir(to.parent().unwrap()).unwrap();
        for end in ["", "-wal", ".key"] {
            let of = |path: &PathBuf| PathBuf::from(format!("{}{end}", path.display()));
            fs::copy(of(&from), of(&to)).unwrap();
        }
        let before = self.engine.replace(open_at(to, &self.clock));
        drop(before);
    }

    /// One of the last tokens, mostly, for there something is going on.
    fn token(&self, index: &Index) -> Option<usize> {
        let recent = self.model.cards.len().min(10);
        (recent > 0).then(|| self.model.cards.len() - 1 - index.index(recent))
    }

    fn new_card(&self, grant: &Grant, profile: usize, person: usize, rank: usize) -> Card {
        Card {
            id: grant.token.id.to_string(),
            value: grant.value.as_bytes().to_vec(),
            key_id: grant.token.key_id.clone(),
            is_jwt: grant.token.format == TokenFormat::Jwt,
            profile,
            person,
            creator: None,
            parent: None,
            rank,
            created: self.model.now,
            begins: None,
            ends: None,
            uses: None,
            is_off: false,
            is_revoked: false,
            retires: None,
            is_waiting: false,
            predecessor: None,
            family: self.model.cards.len(),
            was_reported: false,
            is_there: true,
        }
    }

    /// Does the step in both; what they say of it must be the same.
    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let role = |rank: usize| Some(vec![ROLES[rank].to_owned()]);
        match *step {
            Step::Grant { name, rank, life, is_jwt, uses, delay, is_wary } => {
                let now = self.model.now;
                let seconds = [1_000, 5_000, 100_000][life.min(2)];
                let is_forever = life == 3 && !is_jwt;
                let request = GrantRequest {
                    identity: NAMES[name].to_owned(),
                    roles: role(rank),
                    format: is_jwt.then_some(TokenFormat::Jwt),
                    lifetime: if is_forever { Lifetime::Never } else { Lifetime::Seconds(seconds) },
                    not_before: delay.map(|delay| now + delay),
                    profile: is_wary.then(|| "Wary".to_owned()),
                    conditions: Conditions { uses: uses.map(i64::unsigned_abs), ..Conditions::default() },
                    ..GrantRequest::default()
                };
                let expected = match self.model.person(name) {
                    None => Err(ErrorCode::NotFound),
                    Some(person) if self.model.people[person].rank < rank => Err(ErrorCode::NotPermitted),
                    Some(person) => Ok(person),
                };
                let granted = code(self.engine().owner().grant(&request));
                prop_assert_eq!(granted.as_ref().map(drop).map_err(|&code| code), expected.map(drop));
                if let (Ok(grant), Ok(person)) = (granted, expected) {
                    let begin = now + delay.unwrap_or(0);
                    let card = self.new_card(&grant, usize::from(is_wary), person, rank);
                    let begins = delay.map(|_| begin);
                    self.model.cards.push(Card { uses, begins, ends: (!is_forever).then(|| begin + seconds), ..card });
                }
            }
            Step::GrantByToken { ref by, name, rank } => {
                let Some(by) = self.token(by).filter(|&by| PROFILES[self.model.cards[by].profile] != "AppNeta") else {
                    return Ok(());
                };
                let card = &self.model.cards[by];
                let name = name.unwrap_or(self.model.people[card.person].name);
                let (own, target) = (self.model.rank(by), self.model.person(name));
                let may_grant = target == Some(card.person) || own == Some(2);
                let expected = if self.model.standing(by) != Outcome::Valid || !may_grant {
                    Err(ErrorCode::NotPermitted)
                } else if let Some(person) = target {
                    let is_within = self.model.people[person].rank >= rank && own.is_some_and(|own| own >= rank);
                    // Its uses would be multiplied.
                    if is_within && card.uses.is_none() { Ok(person) } else { Err(ErrorCode::NotPermitted) }
                } else {
                    Err(ErrorCode::NotFound)
                };
                let actor = Actor::Token {
                    id: tessera_native::model::TokenId::parse(&card.id).unwrap(),
                    identity: NAMES[self.model.people[card.person].name].to_owned(),
                };
                let request =
                    GrantRequest { identity: NAMES[name].to_owned(), roles: role(rank), ..GrantRequest::default() };
                let granted = code(self.engine().session(&actor).grant(&request));
                prop_assert_eq!(granted.as_ref().map(drop).map_err(|&code| code), expected.map(drop));
                if let (Ok(grant), Ok(person)) = (granted, expected) {
                    let end = self.model.now + NINETY_DAYS;
                    let latest = card.ends.filter(|_| own != Some(2));
                    let ends = Some(latest.map_or(end, |latest| end.min(latest)));
                    let card = self.new_card(&grant, 0, person, rank);
                    self.model.cards.push(Card { parent: Some(by), ends, ..card });
                }
            }
            Step::GrantByRoot { name, rank } => {
                let Some(root) = self.model.people.iter().rposition(|person| person.name == ROOT) else {
                    return Ok(());
                };
                let (acting, target) = (&self.model.people[root], self.model.person(name));
                let expected = if !acting.is_there || (target != Some(root) && acting.rank < 2) {
                    Err(ErrorCode::NotPermitted)
                } else if let Some(person) = target {
                    let is_within = self.model.people[person].rank.min(acting.rank) >= rank;
                    if is_within { Ok(person) } else { Err(ErrorCode::NotPermitted) }
                } else {
                    Err(ErrorCode::NotFound)
                };
                let actor = Actor::Identity { id: acting.id, name: NAMES[ROOT].to_owned() };
                let request = GrantRequest {
                    identity: NAMES[name].to_owned(),
                    name: Some("monitor".to_owned()),
                    roles: role(rank),
                    lifetime: Lifetime::Seconds(5_000),
                    profile: Some("AppNeta".to_owned()),
                    ..GrantRequest::default()
                };
                let granted = code(self.engine().session(&actor).grant(&request));
                prop_assert_eq!(granted.as_ref().map(drop).map_err(|&code| code), expected.map(drop));
                if let (Ok(grant), Ok(person)) = (granted, expected) {
                    let card = self.new_card(&grant, 2, person, rank);
                    let ends = Some(self.model.now + 5_000);
                    self.model.cards.push(Card { creator: Some(root), ends, ..card });
                }
            }
            Step::Check { ref token, rank } => {
                let Some(token) = self.token(token) else { return Ok(()) };
                let context = AccessContext { role: rank.map(|rank| ROLES[rank]), ..AccessContext::default() };
                let found = self.engine().validate(&self.model.cards[token].value, context).outcome;
                prop_assert_eq!(found, self.model.check(token, rank));
            }
            Step::Revoke(ref token) => {
                let Some(token) = self.token(token) else { return Ok(()) };
                let found = code(self.engine().owner().revoke_token(&self.model.cards[token].id, None));
                prop_assert_eq!(found.map(|(_, changed)| changed), self.model.revoke(token));
            }
            Step::RevokeByValue(ref token) => {
                let Some(token) = self.token(token) else { return Ok(()) };
                let found = self.engine().owner().revoke_by_value(&self.model.cards[token].value, None).unwrap();
                prop_assert_eq!(found.map(|(_, changed)| changed), self.model.revoke(token).ok());
            }
            Step::RevokeSet { ref like, set } => {
                let Some(card) = self.token(like).map(|like| &self.model.cards[like]) else { return Ok(()) };
                let (fact, set) = match (set, &card.key_id) {
                    (0 | 1, _) if self.model.people[card.person].is_there => {
                        let name = NAMES[self.model.people[card.person].name];
                        (Fact::Person(card.person), TokenSet::Identity(name.to_owned()))
                    }
                    (2, _) => (Fact::Profile(card.profile), TokenSet::Profile(PROFILES[card.profile].to_owned())),
                    (3, Some(key_id)) => (Fact::Key(key_id.clone()), TokenSet::Key(key_id.clone())),
                    (4, _) => (Fact::All, TokenSet::All),
                    _ => return Ok(()),
                };
                let found = self.engine().owner().revoke_tokens(&set, None).unwrap();
                prop_assert_eq!(found, self.model.end_fact(&fact));
            }
            Step::Disable(ref token) | Step::Enable(ref token) => {
                let Some(token) = self.token(token) else { return Ok(()) };
                let is_off = matches!(step, Step::Disable(_));
                let (owner, card) = (self.engine().owner(), &self.model.cards[token]);
                let found = if is_off { owner.disable_token(&card.id, None) } else { owner.enable_token(&card.id) };
                let expected = if card.is_there { Ok(card.is_off != is_off) } else { Err(ErrorCode::NotFound) };
                prop_assert_eq!(code(found).map(|(_, changed)| changed), expected);
                self.model.cards[token].is_off = is_off;
            }
            Step::Remove(ref token) => {
                let Some(token) = self.token(token) else { return Ok(()) };
                let found = self.engine().owner().remove_token(&self.model.cards[token].id).unwrap();
                prop_assert_eq!(found, self.model.remove(token));
            }
            Step::Rotate { ref token, mode } => {
                let Some(token) = self.token(token) else { return Ok(()) };
                let mode = match mode {
                    0 => RotationMode::Immediate,
                    1 => RotationMode::Confirm { deadline: None },
                    2 => RotationMode::Confirm { deadline: Some(self.model.now + 500) },
                    _ => RotationMode::Grace { seconds: 500 },
                };
                let id = self.model.cards[token].id.clone();
                let request = RotationRequest { id, mode, lifetime: None, idempotency_key: None };
                let found = code(self.engine().owner().rotate(&request));
                let expected = self.model.rotate(token, mode);
                prop_assert_eq!(
                    found.as_ref().map(drop).map_err(|&code| code),
                    expected.as_ref().map(drop).map_err(|&code| code)
                );
                if let (Ok(rotation), Ok(card)) = (found, expected) {
                    let (id, key_id) = (rotation.successor.id.to_string(), rotation.successor.key_id);
                    let value = rotation.value.unwrap().as_bytes().to_vec();
                    self.model.cards.push(Card { id, key_id, value, ..card });
                }
            }
            Step::CreateIdentity { name, rank } => {
                let made = code(self.engine().owner().create_identity(NAMES[name], &[ROLES[rank].to_owned()], None));
                prop_assert_eq!(made.is_ok(), self.model.person(name).is_none());
                if let Ok(made) = made {
                    self.model.people.push(Person { id: made.id, name, rank, is_there: true });
                }
            }
            Step::ChangeRole { name, rank } => {
                let changed = self.engine().owner().update_identity(NAMES[name], Some(&role(rank).unwrap()), None);
                prop_assert_eq!(changed.is_ok(), self.model.person(name).is_some());
                if let Some(person) = self.model.person(name) {
                    self.model.people[person].rank = rank;
                }
            }
            Step::RemoveIdentity { name } => {
                let found = self.engine().owner().remove_identity(NAMES[name]).unwrap();
                prop_assert_eq!(found, self.model.remove_person(name));
            }
            Step::Advance(seconds) => {
                self.model.now += seconds;
                self.clock.set(self.model.now);
            }
            Step::CreateKey => {
                self.engine().owner().create_key(Algorithm::ES256).unwrap();
            }
            Step::Crash => {
                self.crash();
                self.compare_lists()?;
            }
        }
        Ok(())
    }

    fn compare_lists(&self) -> Result<(), TestCaseError> {
        let shown = |token: Token| {
            let state = token.state(self.model.now).name();
            (token.id.to_string(), (state, token.uses_left, token.expires_at, token.retires_at))
        };
        let filter = TokenFilter { limit: 1_000, ..TokenFilter::default() };
        let found: BTreeMap<_, _> = self.engine().owner().tokens(&filter).unwrap().into_iter().map(shown).collect();
        let there = (0..self.model.cards.len()).filter(|&card| self.model.cards[card].is_there);
        let expected: BTreeMap<_, _> = there
            .map(|index| {
                let card = &self.model.cards[index];
                (card.id.clone(), (self.model.state(index), card.uses, card.ends, card.retires))
            })
            .collect();
        prop_assert_eq!(found, expected);
        Ok(())
    }
}

fn compare(steps: &[Step], sabotage: Option<&str>) -> Result<(), TestCaseError> {
    let mut run = Run::new();
    if let Some(sql) = sabotage {
        // It stays in the file, so it outlives crashes.
        Connection::open(run.path()).unwrap().execute_batch(sql).unwrap();
    }
    for (number, step) in steps.iter().enumerate() {
        run.step(step).map_err(|error| TestCaseError::fail(format!("step {number}, {step:?}: {error}")))?;
    }
    run.compare_lists()
}

fn runner(cases: u32, maximum_shrink_iterations: u32) -> TestRunner {
    let max_shrink_iters = maximum_shrink_iterations;
    TestRunner::new(Config { failure_persistence: None, max_shrink_iters, ..Config::with_cases(cases) })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), STEPS)
}

#[test]
fn the_services_do_what_the_model_does() {
    // Each store waits for its disk most of the time.
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                if let Err(error) = runner(CASES / THREADS, 2_000).run(&steps(), |steps| compare(&steps, None)) {
                    panic!("{error}");
                }
            });
        }
    });
}

/// What a store does that has a defect: each statement undoes, within SQLite, one thing that the services do.
#[test]
fn a_defect_is_noticed() {
    let defects = [
        (
            "cascade: what a token granted lives on",
            "CREATE TRIGGER defect AFTER UPDATE OF revoked_at ON token WHEN NEW.revoked_reason LIKE '%granted it%'
             BEGIN UPDATE token SET revoked_at = NULL, revoked_by = NULL, revoked_reason = NULL
                   WHERE sequence = NEW.sequence; END",
        ),
        (
            "rotation: the first use of a successor does not end the old token",
            "CREATE TRIGGER defect AFTER UPDATE OF rotation_stage ON token WHEN OLD.rotation_stage = 'Waiting'
             BEGIN UPDATE token SET predecessor = NULL WHERE sequence = NEW.sequence; END;
             CREATE TRIGGER retirement BEFORE UPDATE OF retires_at ON token
             WHEN NEW.retired_by IS OLD.retired_by BEGIN SELECT RAISE(IGNORE); END",
        ),
        (
            "epoch: it does not cover the newest token",
            "CREATE TRIGGER defect AFTER INSERT ON epoch
             BEGIN UPDATE epoch SET up_to_sequence = up_to_sequence - 1 WHERE rowid = NEW.rowid; END",
        ),
        (
            "counter: a use is not charged",
            "CREATE TRIGGER defect AFTER UPDATE OF uses_left ON token WHEN NEW.uses_left = OLD.uses_left - 1
             BEGIN UPDATE token SET uses_left = OLD.uses_left WHERE sequence = NEW.sequence; END",
        ),
    ];
    for (name, sql) in defects {
        let outcome = runner(CASES, 0).run(&steps(), |steps| compare(&steps, Some(sql)));
        assert!(matches!(outcome, Err(TestError::Fail(..))), "{name}");
    }
}
