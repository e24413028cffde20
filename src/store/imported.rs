//! Tokens on their way into the store: many of them in little memory.

use std::sync::OnceLock;

use crate::error::{Error, ErrorCode, Result};
use crate::model::{Conditions, Name, TokenFormat, TokenId};

use super::{ImportedToken, NewToken, StoredDigest, StoredPepper};

/// Tokens to bring over together, in the order of their lines.
///
/// A token of the ordinary kind is kept as bytes, some hundred of them: as a record it would take more than ten times as
/// much, and the more tokens a transaction has, the fewer pages are written for each.
pub struct ImportBatch {
    packed: Vec<u8>,
    /// The line of each token, and where in the bytes it begins.
    places: Vec<(u64, usize)>,
    /// The tokens that are not of the ordinary kind.
    whole: Vec<ImportedToken>,
    whole_bytes: usize,
    /// The peppers of the ordinary tokens.
    peppers: Vec<StoredPepper>,
    /// The tokens' places in the order of their digests, once that was asked for. None inside where the tokens have to be
    /// put into the store in the order of their lines.
    order: OnceLock<Option<Vec<usize>>>,
}

/// A token of a batch.
#[expect(clippy::large_enum_variant, reason = "it is looked at and never kept")]
pub(super) enum Packed<'a> {
    Ordinary(OrdinaryToken<'a>),
    Whole(&'a ImportedToken),
}

/// A token that is found by its digest, and with which there is nothing but what most tokens have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct OrdinaryToken<'a> {
    pub(super) id: &'a str,
    pub(super) digest: StoredDigest,
    pub(super) format: TokenFormat,
    pub(super) profile: &'a str,
    pub(super) identity: &'a str,
    pub(super) name: Option<&'a str>,
    /// The names of its roles, with commas between them, which none of them holds.
    pub(super) roles: &'a str,
    pub(super) key_id: Option<&'a str>,
    pub(super) created_by: &'a str,
    /// The name of the identity that granted it, where that is to be one of the store.
    pub(super) creator: Option<&'a str>,
    pub(super) needs_creator: bool,
    pub(super) creator_id: Option<i64>,
    pub(super) created_at: i64,
    pub(super) not_before: Option<i64>,
    pub(super) expires_at: Option<i64>,
    pub(super) warn_after: Option<i64>,
}

impl ImportBatch {
    /// The most tokens of a batch, which are written in one transaction, and so keep other writers waiting. Beside an import
    /// of 300,000 into a store of 1,000,000, the longest wait of a revocation was 0.33 s in another process and 0.52 s in the
    /// same (2026-11-24, two cores). With fewer the import takes longer: it writes the same pages more often.
    pub const MAXIMUM_TOKENS: usize = 20_000;
    /// The memory of a batch, which is full when that is, in bytes: 300 for each of its tokens, where most take 110 or so.
    const ROOM: usize = 6 * 1_024 * 1_024;
    /// The most that a token takes beyond it: 64 roles with names of 1,024 bytes, and as much again for the rest.
    const ONE_MORE: usize = 2 * 65_536;
    /// A part of a batch. Only so many refusals and new identities come of one transaction, and only so many tokens of
    /// one that takes each back alone: all of that costs far more than a token that is merely put there. And so many bad
    /// lines are kept until they are told. Fewer tokens are not worth another order than that of their lines, in which
    /// they are listed otherwise.
    pub(crate) const PART: usize = 4_000;

    /// An empty batch. Its memory is asked for at once, so that it never moves.
    pub fn new() -> Self {
        Self {
            packed: Vec::with_capacity(Self::ROOM + Self::ONE_MORE),
            places: Vec::new(),
            whole: Vec::new(),
            whole_bytes: 0,
            peppers: Vec::new(),
            order: OnceLock::new(),
        }
    }

    /// An empty batch in the memory of this one.
    pub fn cleared(mut self) -> Self {
        self.packed.clear();
        self.places.clear();
        self.whole.clear();
        self.peppers.clear();
        (self.whole_bytes, self.order) = (0, OnceLock::new());
        self
    }

    /// Adds the token of a line, which has `row_bytes`.
    pub fn push(&mut self, line: u64, row_bytes: u64, token: ImportedToken) {
        self.places.push((line, self.packed.len()));
        if is_ordinary(&token) {
            if let Some(pepper) = token.pepper.as_ref().filter(|pepper| !self.peppers.contains(pepper)) {
                self.peppers.push(pepper.clone());
            }
            self.packed.push(1);
            pack(&mut self.packed, &token);
        } else {
            self.packed.push(0);
            put_number(&mut self.packed, self.whole.len() as u64);
            // A record's parts are what the row says, and some room around it.
            self.whole_bytes += size_of::<ImportedToken>() + 2 * usize::try_from(row_bytes).unwrap_or(usize::MAX / 4);
            self.whole.push(token);
        }
    }

    /// The places in the order of the digests: neighbours in it are neighbours in the index too. It is found the first time
    /// that it is asked for, which takes some milliseconds, so not in a transaction.
    ///
    /// There is none for a few tokens, and where what becomes of one could hang on which other comes before it: where two
    /// have the same id or digest, and where one is not of the ordinary kind.
    pub(super) fn order(&self) -> Option<&[usize]> {
        self.order.get_or_init(|| self.find_order()).as_deref()
    }

    fn find_order(&self) -> Option<Vec<usize>> {
        if self.len() < Self::PART || !self.whole.is_empty() {
            return None;
        }
        let tokens = || {
            (0..self.len()).filter_map(|place| match self.token(place) {
                Ok(Packed::Ordinary(token)) => Some((place, token)),
                _ => None,
            })
        };
        let mut ids: Vec<&str> = tokens().map(|(_, token)| token.id).collect();
        ids.sort_unstable();
        let is_id_twice = ids.windows(2).any(|pair| pair[0] == pair[1]);
        drop(ids);
        // By their first bytes, beside which the places cost little.
        let beginning = |(place, token): (usize, OrdinaryToken<'_>)| {
            (token.digest.bytes.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes)), place)
        };
        let mut order: Vec<(u64, usize)> = tokens().map(beginning).collect();
        order.sort_unstable();
        let is_digest_twice = order.windows(2).any(|pair| pair[0].0 == pair[1].0);
        let is_whole = order.len() == self.len();
        (is_whole && !is_id_twice && !is_digest_twice).then(|| order.into_iter().map(|(_, place)| place).collect())
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether there is room for no other.
    pub fn is_full(&self) -> bool {
        self.places.len() >= Self::MAXIMUM_TOKENS || self.packed.len() + self.whole_bytes >= Self::ROOM
    }

    /// The number of the line of a token.
    pub fn line(&self, index: usize) -> u64 {
        self.places[index].0
    }

    pub(super) fn token(&self, index: usize) -> Result<Packed<'_>> {
        let unpacked = || {
            let mut unpack = Unpack(self.packed.get(self.places.get(index)?.1..)?);
            match unpack.byte()? {
                0 => self.whole.get(usize::try_from(unpack.number()?).ok()?).map(Packed::Whole),
                _ => unpack.token().map(Packed::Ordinary),
            }
        };
        unpacked().ok_or_else(damaged)
    }

    /// A token as a record.
    pub(super) fn record(&self, token: &OrdinaryToken<'_>) -> Result<ImportedToken> {
        let name = |name: &str| Name::parse(name, "name");
        Ok(ImportedToken {
            token: NewToken {
                id: TokenId::parse(token.id).ok_or_else(damaged)?,
                digest: Some(token.digest),
                salted: None,
                value_sealed: None,
                format: token.format,
                profile: token.profile.to_owned(),
                identity_id: 0,
                name: token.name.map(name).transpose()?,
                roles: token.role_names().map(str::to_owned).collect(),
                tags: Vec::new(),
                remark: None,
                key_id: token.key_id.map(str::to_owned),
                audiences: Vec::new(),
                organizations: None,
                conditions: Conditions::default(),
                is_decoy: false,
                created_by: token.created_by.to_owned(),
                creator_id: token.creator_id,
                parent: None,
                created_at: token.created_at,
                not_before: token.not_before,
                expires_at: token.expires_at,
                warn_after: token.warn_after,
                idempotency: None,
            },
            identity: name(token.identity)?,
            creator: token.creator.map(name).transpose()?,
            needs_creator: token.needs_creator,
            pepper: self.peppers.iter().find(|pepper| Some(pepper.id) == token.digest.pepper_id).cloned(),
            disabled: None,
            revocation: None,
        })
    }
}

fn damaged() -> Error {
    Error::new(ErrorCode::Internal, "A defect in Tessera: a token to import is not as it was put there.")
}

impl Default for ImportBatch {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> OrdinaryToken<'a> {
    pub(super) fn role_names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.roles.split(',').filter(|name| !name.is_empty())
    }
}

/// Whether an [`OrdinaryToken`] says all of it.
fn is_ordinary(imported: &ImportedToken) -> bool {
    // All members are named, so that a new one is thought of here.
    let ImportedToken { token, identity: _, creator: _, needs_creator: _, pepper: _, disabled, revocation } = imported;
    let NewToken {
        id: _,
        digest,
        salted,
        value_sealed,
        format: _,
        profile: _,
        identity_id: _,
        name: _,
        roles: _,
        tags,
        remark,
        key_id: _,
        audiences,
        organizations,
        conditions,
        is_decoy,
        created_by: _,
        creator_id: _,
        parent,
        created_at: _,
        not_before: _,
        expires_at: _,
        warn_after: _,
        idempotency,
    } = token;
    disabled.is_none()
        && revocation.is_none()
        && digest.is_some()
        && salted.is_none()
        && value_sealed.is_none()
        && tags.is_empty()
        && remark.is_none()
        && audiences.is_empty()
        && organizations.is_none()
        && conditions.is_none()
        && !is_decoy
        && parent.is_none()
        && idempotency.is_none()
}

fn pack(to: &mut Vec<u8>, imported: &ImportedToken) {
    let token = &imported.token;
    let digest = token.digest.unwrap_or(StoredDigest { bytes: [0; 32], pepper_id: None });
    to.extend_from_slice(&digest.bytes);
    put_signed(to, digest.pepper_id);
    put_text(to, Some(token.id.as_str()));
    to.push(u8::from(token.format == TokenFormat::Jwt));
    put_text(to, Some(&token.profile));
    put_text(to, Some(imported.identity.as_str()));
    put_text(to, token.name.as_ref().map(Name::as_str));
    put_text(to, Some(&token.roles.join(",")));
    put_text(to, token.key_id.as_deref());
    put_text(to, Some(&token.created_by));
    put_text(to, imported.creator.as_ref().map(Name::as_str));
    to.push(u8::from(imported.needs_creator));
    for number in [token.creator_id, Some(token.created_at), token.not_before, token.expires_at, token.warn_after] {
        put_signed(to, number);
    }
}

/// Seven bits a byte, the lowest first, each but the last with its highest bit set.
fn put_number(to: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        to.push((number as u8) | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// A byte that says whether there is a number, or one below zero, and then that.
fn put_signed(to: &mut Vec<u8>, number: Option<i64>) {
    let Some(number) = number else { return to.push(0) };
    to.push(if number < 0 { 2 } else { 1 });
    put_number(to, number.unsigned_abs());
}

/// The length and one, or zero for none, and then the text.
fn put_text(to: &mut Vec<u8>, text: Option<&str>) {
    let Some(text) = text else { return to.push(0) };
    put_number(to, text.len() as u64 + 1);
    to.extend_from_slice(text.as_bytes());
}

/// What is left of the bytes. What is read gives none where it is not there, or not as [`pack`] puts it.
struct Unpack<'a>(&'a [u8]);

impl<'a> Unpack<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, left) = self.0.split_at_checked(count)?;
        self.0 = left;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<Option<i64>> {
        Some(match self.byte()? {
            0 => None,
            1 => Some(self.number()?.cast_signed()),
            _ => Some(self.number()?.cast_signed().wrapping_neg()),
        })
    }

    fn text(&mut self) -> Option<Option<&'a str>> {
        let Some(length) = usize::try_from(self.number()?).ok()?.checked_sub(1) else { return Some(None) };
        std::str::from_utf8(self.take(length)?).ok().map(Some)
    }

    fn token(&mut self) -> Option<OrdinaryToken<'a>> {
        // In the order in which `pack` puts them.
        Some(OrdinaryToken {
            digest: StoredDigest { bytes: self.take(32)?.try_into().ok()?, pepper_id: self.signed()? },
            id: self.text()??,
            format: if self.byte()? == 1 { TokenFormat::Jwt } else { TokenFormat::Opaque },
            profile: self.text()??,
            identity: self.text()??,
            name: self.text()?,
            roles: self.text()??,
            key_id: self.text()?,
            created_by: self.text()??,
            creator: self.text()?,
            needs_creator: self.byte()? == 1,
            creator_id: self.signed()?,
            created_at: self.signed()??,
            not_before: self.signed()?,
            expires_at: self.signed()?,
            warn_after: self.signed()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordinary(number: u8) -> ImportedToken {
        let name = |text: &str| Name::parse(text, "name").unwrap();
        let batch = ImportBatch::new();
        let token = OrdinaryToken {
            id: "AbCdEfGhIjKl",
            digest: StoredDigest { bytes: [number; 32], pepper_id: None },
            format: TokenFormat::Opaque,
            profile: "Default",
            identity: "Adam",
            name: None,
            roles: "",
            key_id: None,
            created_by: "local owner",
            creator: None,
            needs_creator: false,
            creator_id: None,
            created_at: 0,
            not_before: None,
            expires_at: None,
            warn_after: None,
        };
        let mut imported = batch.record(&token).unwrap();
        imported.token.name = Some(name("nightly"));
        imported
    }

    /// What there is in a batch, as the records that it came from.
    fn records(batch: &ImportBatch) -> Vec<(u64, ImportedToken)> {
        let record = |index: usize| match batch.token(index).unwrap() {
            Packed::Ordinary(token) => batch.record(&token).unwrap(),
            Packed::Whole(token) => token.clone(),
        };
        (0..batch.len()).map(|index| (batch.line(index), record(index))).collect()
    }

    fn assert_same(one: &ImportedToken, other: &ImportedToken) {
        let mut batches = [ImportBatch::new(), ImportBatch::new()];
        for (batch, token) in batches.iter_mut().zip([one, other]) {
            batch.push(1, 0, token.clone());
        }
        let [one, other] = batches;
        assert!(one.packed == other.packed && one.peppers == other.peppers && one.whole.len() == other.whole.len());
    }

    #[test]
    fn a_token_comes_out_as_it_went_in() {
        let name = |text: &str| Name::parse(text, "name").unwrap();
        let mut full = ordinary(2);
        full.identity = name("\u{c4}nne \u{1f511}");
        full.creator = Some(name("Eva"));
        full.needs_creator = true;
        full.pepper = Some(StoredPepper { id: -7, key_check: vec![1], sealed: Some(vec![2]) });
        full.token.digest = Some(StoredDigest { bytes: [9; 32], pepper_id: Some(-7) });
        full.token.format = TokenFormat::Jwt;
        full.token.name = Some(name(&"n".repeat(256)));
        full.token.roles = vec!["Auditor".to_owned(), "Reader".to_owned()];
        full.token.key_id = Some("key".to_owned());
        full.token.creator_id = Some(i64::MAX);
        full.token.created_at = i64::MIN;
        full.token.not_before = Some(0);
        full.token.expires_at = Some(253_402_300_799);
        full.token.warn_after = Some(-1);
        let mut batch = ImportBatch::new();
        batch.push(1, 10, ordinary(1));
        batch.push(u64::MAX, 10, full.clone());
        assert!(batch.whole.is_empty());
        let records = records(&batch);
        assert_eq!(records.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, u64::MAX]);
        assert_same(&records[0].1, &ordinary(1));
        assert_same(&records[1].1, &full);
        let token = &records[1].1.token;
        assert_eq!((token.roles.as_slice(), token.name.as_ref()), (&full.token.roles[..], full.token.name.as_ref()));
        assert_eq!((token.created_at, token.not_before, token.warn_after), (i64::MIN, Some(0), Some(-1)));
        assert_eq!((token.creator_id, token.expires_at), (Some(i64::MAX), Some(253_402_300_799)));
        assert_eq!((token.key_id.as_deref(), token.digest.unwrap().pepper_id), (Some("key"), Some(-7)));
        assert_eq!((&records[1].1.identity, &records[1].1.creator), (&full.identity, &full.creator));
        assert!(records[1].1.pepper == full.pepper && records[1].1.needs_creator);
    }

    #[test]
    fn bytes_that_are_not_as_they_were_put_there_are_a_defect_and_no_token() {
        let mut batch = ImportBatch::new();
        batch.push(1, 10, ordinary(1));
        let bytes = batch.packed.clone();
        for length in 0..bytes.len() {
            batch.packed.truncate(length);
            assert_eq!(batch.token(0).err().unwrap().code(), ErrorCode::Internal, "{length} bytes");
            batch.packed.clone_from(&bytes);
        }
        // The length of the id, behind the kind, the digest and the pepper: one that is no number, and one of no text.
        for length in [0xff, 0] {
            batch.packed[34] = length;
            assert!(batch.token(0).is_err());
        }
        assert!(batch.token(1).is_err());
    }

    #[test]
    fn what_few_tokens_have_is_kept_whole() {
        type Change = fn(&mut ImportedToken);
        let changes: [Change; 12] = [
            |imported| imported.disabled = Some(crate::model::Revocation { at: 1, by: String::new(), reason: None }),
            |imported| imported.revocation = Some(crate::model::Revocation { at: 1, by: String::new(), reason: None }),
            |imported| imported.token.digest = None,
            |imported| imported.token.salted = Some(("part".to_owned(), "digest".to_owned())),
            |imported| imported.token.value_sealed = Some(vec![1]),
            |imported| imported.token.tags = vec!["a".to_owned()],
            |imported| imported.token.remark = Some("a".to_owned()),
            |imported| imported.token.audiences = vec!["a".to_owned()],
            |imported| imported.token.organizations = Some(Vec::new()),
            |imported| imported.token.conditions.uses = Some(1),
            |imported| imported.token.is_decoy = true,
            |imported| imported.token.parent = TokenId::parse("AAAAAAAAAAAA"),
        ];
        let mut batch = ImportBatch::new();
        for (number, change) in changes.iter().enumerate() {
            let mut token = ordinary(1);
            change(&mut token);
            batch.push(number as u64, 10, token);
            assert_eq!((batch.len(), batch.whole.len()), (number + 1, number + 1));
        }
        assert!(matches!(batch.token(10), Ok(Packed::Whole(token)) if token.token.is_decoy));
        assert_eq!(batch.line(11), 11);
    }

    #[test]
    fn only_tokens_that_do_not_hang_on_each_other_are_put_in_another_order() {
        let count = ImportBatch::PART as u64;
        let batch = |count: u64, change: &dyn Fn(u64, &mut ImportedToken)| {
            let mut batch = ImportBatch::new();
            for number in 0..count {
                let mut token = ordinary(0);
                let mut bytes = [0; 32];
                bytes[..8].copy_from_slice(&number.reverse_bits().to_be_bytes());
                token.token.digest = Some(StoredDigest { bytes, pepper_id: None });
                token.token.id = TokenId::parse(&format!("{number:012}")).unwrap();
                change(number, &mut token);
                batch.push(number, 10, token);
            }
            batch
        };
        let ordered = batch(count, &|_, _| ());
        let order = ordered.order().unwrap();
        assert!(order.windows(2).all(|pair| pair[0].reverse_bits() < pair[1].reverse_bits()));
        assert_eq!(order.len() as u64, count);
        assert!(batch(count - 1, &|_, _| ()).order().is_none(), "few");
        let same_id = |number: u64, token: &mut ImportedToken| {
            if number == 7 {
                token.token.id = TokenId::parse("000000000005").unwrap();
            }
        };
        assert!(batch(count, &same_id).order().is_none());
        let same_digest = |number: u64, token: &mut ImportedToken| {
            if number == 7 {
                token.token.digest = Some(StoredDigest { bytes: [0; 32], pepper_id: None });
            }
        };
        assert!(batch(count, &same_digest).order().is_none());
        let whole = |number: u64, token: &mut ImportedToken| token.token.is_decoy = number == 7;
        assert!(batch(count, &whole).order().is_none());
    }

    #[test]
    fn a_batch_is_full_in_the_memory_that_it_began_with() {
        let fill = |token: &ImportedToken, row_bytes| {
            let mut batch = ImportBatch::new();
            let (capacity, mut line) = (batch.packed.capacity(), 0);
            while !batch.is_full() {
                line += 1;
                batch.push(line, row_bytes, token.clone());
            }
            assert_eq!(batch.packed.capacity(), capacity);
            batch.len()
        };
        let mut long = ordinary(1);
        assert_eq!(fill(&long, 100), ImportBatch::MAXIMUM_TOKENS);
        long.token.name = Some(Name::parse(&"n".repeat(256), "name").unwrap());
        assert!((10_000..ImportBatch::MAXIMUM_TOKENS).contains(&fill(&long, 100)));
        long.token.roles = vec!["\u{1f511}".repeat(256); 64];
        assert!(fill(&long, 66_000) < 100);
        long.token.remark = Some("a".repeat(60_000));
        assert!(fill(&long, 60_100) < 60);
    }
}
