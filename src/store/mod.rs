//! Persistence behind one trait. A store keeps and finds; it decides nothing.
//!
//! Every method that writes is one transaction, durable before it returns. Every method that reads sees
//! all that was committed, by any process, before it was called. Errors have the `Store…` codes of
//! [`crate::error::ErrorCode`] where the store itself is at fault.
//!
//! The crate's page says where a new column goes.

mod changes;
mod imported;
mod sqlite;

use std::net::IpAddr;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

pub use changes::{Changes, Slot};
pub use imported::ImportBatch;
pub use sqlite::SqliteStore;
pub(crate) use sqlite::{Opened, open_for_reading};

use crate::error::{Error, Result};
use crate::model::{
    Algorithm, AuditEvent, AuditFilter, Conditions, Identity, IdentityFilter, Name, NewAuditEvent, Organization,
    OrganizationMember, Profile, Revocation, Role, RotationMode, SigningKey, Token, TokenFilter, TokenFormat, TokenId,
    TokenSet, TokenUsage,
};

// Records with digests or password hashes have no `Debug`, so that none is shown by mistake.

/// What a check needs to know of a token, read at one moment.
#[derive(Clone)]
pub struct TokenRecord {
    /// The token; its revocation is that of its key or of an epoch where it has none of its own.
    pub token: Token,
    /// The number of its profile.
    pub profile_id: i64,
    /// The number of the identity that it speaks for.
    pub identity_id: i64,
    /// Who that is now.
    pub identity: Member,
    /// Who made it, as they are now; none: the local owner.
    pub creator: Option<Member>,
    /// The number of the one who made it; none: the local owner.
    pub creator_id: Option<i64>,
    /// What its use is tied to, its referrer included.
    pub conditions: Conditions,
    /// How its value is recognised.
    pub digest: Option<StoredDigest>,
    /// A salted digest of its value in PHC form, where it was imported and not used yet.
    pub salted_digest: Option<String>,
    /// The part of an imported value that it was found by before its first use.
    pub public_part: Option<String>,
    /// Its value, sealed under the wrapping key, where its profile keeps values.
    pub value_sealed: Option<Vec<u8>>,
    /// Whether its first use has to be written down before it counts.
    pub awaits_first_use: bool,
    /// Whether it was written down that its value was presented although it was retired or a decoy.
    pub is_alerted: bool,
}

impl TokenRecord {
    /// What the record rests on: a change of any of these may have made it another.
    pub fn slots(&self) -> impl Iterator<Item = Slot> {
        [Slot::token(self.token.sequence), Slot::profile(self.profile_id), Slot::identity(self.identity_id)]
            .into_iter()
            .chain(self.creator_id.map(Slot::identity))
            .chain(self.token.key_id.as_deref().map(Slot::key))
    }
}

/// An identity as it bounds a token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Member {
    /// The names of its roles; none are left of one that was removed.
    pub roles: Vec<String>,
    /// The names of the organisations that it belongs to; none are left of one that was removed.
    pub organizations: Vec<String>,
    /// Whether it was removed.
    pub is_removed: bool,
}

/// The digest by which a value is found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StoredDigest {
    /// The digest.
    pub bytes: [u8; 32],
    /// The pepper that it was made with; none: SHA-256 alone, of an imported token.
    pub pepper_id: Option<i64>,
}

impl StoredDigest {
    /// The fixed name of the way it was made.
    pub fn kind(self) -> &'static str {
        if self.pepper_id.is_some() { "hmac-sha-256" } else { "sha-256" }
    }
}

/// A token to insert. Names are resolved by the store in the same transaction.
#[derive(Clone)]
pub struct NewToken {
    /// The public id.
    pub id: TokenId,
    /// The digest of the value, where it is found by that.
    pub digest: Option<StoredDigest>,
    /// The part of an imported value that it is found by, and its salted digest in PHC form.
    pub salted: Option<(String, String)>,
    /// The value, sealed under the wrapping key, where the profile keeps values.
    pub value_sealed: Option<Vec<u8>>,
    /// The form of the value.
    pub format: TokenFormat,
    /// The name of the profile.
    pub profile: String,
    /// The identity's number, as [`Identity::id`].
    pub identity_id: i64,
    /// What the owner calls it.
    pub name: Option<Name>,
    /// The names of its roles.
    pub roles: Vec<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Free text.
    pub remark: Option<String>,
    /// The signing key's id, where it is a JWT.
    pub key_id: Option<String>,
    /// The audiences it is for.
    pub audiences: Vec<String>,
    /// The names of the organisations it has access to; none: those of its bound.
    pub organizations: Option<Vec<String>>,
    /// What its use is tied to.
    pub conditions: Conditions,
    /// Whether it is a decoy.
    pub is_decoy: bool,
    /// Who granted it.
    pub created_by: String,
    /// The number of the one who granted it; none: the local owner.
    pub creator_id: Option<i64>,
    /// The token by which it was granted.
    pub parent: Option<TokenId>,
    /// When, in seconds since 1970.
    pub created_at: i64,
    /// When its time begins.
    pub not_before: Option<i64>,
    /// When its time is over.
    pub expires_at: Option<i64>,
    /// From when on a check says that it is about to expire.
    pub warn_after: Option<i64>,
    /// The key under which a repeat of the request is to lead to this token. Its first use is then written down, since
    /// a value that nobody presented yet may be replaced by a repeat.
    pub idempotency: Option<Idempotency>,
}

/// A pepper of the store's digests, as the store keeps it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredPepper {
    /// Its id: above zero when it is in the key file, below when it came with imported tokens.
    pub id: i64,
    /// The value by which it is recognised.
    pub key_check: Vec<u8>,
    /// The pepper, sealed under the wrapping key, where it was imported.
    pub sealed: Option<Vec<u8>>,
}

/// A token to bring over from elsewhere.
#[derive(Clone)]
pub struct ImportedToken {
    /// The token. Its identity's and its creator's numbers are found by the names that follow.
    pub token: NewToken,
    /// The identity that it speaks for.
    pub identity: Name,
    /// Who granted it, where that is to be an identity of the store.
    pub creator: Option<Name>,
    /// Whether it cannot do without its creator, since that one bounds it.
    pub needs_creator: bool,
    /// The imported pepper of its digest, where it has one.
    pub pepper: Option<StoredPepper>,
    /// Who switched it off for now.
    pub disabled: Option<Revocation>,
    /// Its revocation.
    pub revocation: Option<Revocation>,
}

/// How tokens are brought over.
#[derive(Debug, Clone, Copy, Default)]
pub struct ImportRules {
    /// Whether an identity that is not there is made, with no roles and [`ImportRules::SOURCE`] as its source. Otherwise
    /// its tokens are refused.
    pub creates_identities: bool,
    /// Whether the first token that is refused ends it; those before it stay.
    pub stops_at_refusal: bool,
}

impl ImportRules {
    /// The source of the identities that an import makes.
    pub const SOURCE: &str = "imported";
}

/// What became of tokens that were to be brought over.
#[derive(Debug, Default)]
pub struct Imported {
    /// How many are in the store now.
    pub created: u64,
    /// How many it had already, and left as they were.
    pub unchanged: u64,
    /// How many identities were made for them.
    pub identities: u64,
    /// Those that cannot be brought over, by their places in the batch, in order. Nothing was done for them.
    pub refused: Vec<(usize, Error)>,
    /// The place of the first that is still to be done.
    pub next: usize,
}

/// A token to insert that takes over from another. All that is not said here is as that one has it.
#[derive(Clone)]
pub struct NewSuccessor {
    /// The token that it takes over from.
    pub predecessor: TokenId,
    /// The public id.
    pub id: TokenId,
    /// How its value is recognised.
    pub value: NewValue,
    /// When it is made, in seconds since 1970.
    pub created_at: i64,
    /// When its time is over.
    pub expires_at: Option<i64>,
    /// From when on a check says that it is about to expire.
    pub warn_after: Option<i64>,
    /// Whether its predecessor acts itself: then it ends with that, as what that granted.
    pub is_self_rotated: bool,
    /// Who has it rotated, as [`Revocation::by`].
    pub rotated_by: String,
    /// When its predecessor gives way; none: its value is handed to a vault first, and until it is delivered it cannot
    /// be used and its predecessor stays as it is.
    pub delivery: Option<RotationMode>,
    /// As [`NewToken::idempotency`].
    pub idempotency: Option<Idempotency>,
}

impl NewSuccessor {
    /// How long a successor that is handed to a vault keeps others from rotating the same token: a quarter of an hour.
    /// One that was not delivered by then, since its process ended, makes way for the next.
    pub const PREPARED_SECONDS: i64 = 900;
}

/// How a value is recognised.
#[derive(Clone, Default)]
pub struct NewValue {
    /// As [`NewToken::digest`].
    pub digest: Option<StoredDigest>,
    /// As [`NewToken::value_sealed`].
    pub sealed: Option<Vec<u8>>,
    /// As [`NewToken::key_id`].
    pub key_id: Option<String>,
}

/// A caller's key, under which a repeat of a request leads to the same token for [`Idempotency::SECONDS`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// Whose key it is; another actor's key of the same text is another key.
    pub actor: String,
    /// Its text.
    pub key: String,
    /// A digest of the request, by which another request under the key is told.
    pub request_digest: [u8; 32],
}

impl Idempotency {
    /// How long a key is remembered: a day.
    pub const SECONDS: i64 = 86_400;
}

/// What a caller's key led to before.
#[derive(Clone)]
pub struct Repeated {
    /// [`Idempotency::request_digest`] of the first.
    pub request_digest: [u8; 32],
    /// The token that came of it.
    pub record: TokenRecord,
}

/// A backup that took the place of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restoration {
    /// The full path of the store.
    pub path: std::path::PathBuf,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Whether what was ended since the backup was brought over from the store that it replaced.
    pub replayed: bool,
    /// How many tokens of the backup had been revoked since.
    pub revoked_tokens: u64,
    /// How many tokens of the backup had been removed since.
    pub removed_tokens: u64,
}

/// An identity to insert.
#[derive(Clone)]
pub struct NewIdentity {
    /// Its name.
    pub name: Name,
    /// The names of its roles.
    pub roles: Vec<String>,
    /// The hash of its password, as a PHC string.
    pub password_hash: Option<String>,
    /// Where it is known from, when that is another system.
    pub source: Option<String>,
    /// When it is made, in seconds since 1970.
    pub created_at: i64,
}

/// What to change of an identity; none leaves as it is.
#[derive(Clone, Default)]
pub struct IdentityChange {
    /// The roles it is to have instead.
    pub roles: Option<Vec<String>>,
    /// The password hash it is to have instead; an inner none takes the password away.
    pub password_hash: Option<Option<String>>,
}

/// Which organisations to list. A page is ordered by name.
#[derive(Debug, Clone, Default)]
pub struct OrganizationFilter {
    /// A name, with `*` for any characters and `?` for one.
    pub name: Option<String>,
    /// Only organisations whose name sorts after this one: the last of the page before.
    pub after_name: Option<String>,
    /// At most so many, 1 to 1,000.
    pub limit: u32,
}

/// What to change of a token; none leaves as it is.
#[derive(Debug, Clone, Default)]
pub struct TokenChange {
    /// The remark it is to have instead; an inner none takes it away.
    pub remark: Option<Option<String>>,
    /// The tags it is to have instead.
    pub tags: Option<Vec<String>>,
}

/// A signing key as the store keeps it.
#[derive(Debug, Clone)]
pub struct KeyRecord {
    /// The store's number for it: rises with each key that is made.
    pub sequence: i64,
    /// What everyone may see.
    pub key: SigningKey,
    /// The private half, sealed under the wrapping key.
    pub private_sealed: Vec<u8>,
}

/// A signing key to insert.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// The `kid`.
    pub key_id: String,
    /// Its one algorithm.
    pub algorithm: Algorithm,
    /// The profile whose tokens alone it signs.
    pub profile: Option<String>,
    /// The private half, sealed under the wrapping key.
    pub private_sealed: Vec<u8>,
    /// When it is made, in seconds since 1970.
    pub created_at: i64,
}

/// The facts that a store is made with and keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreFacts {
    /// A UUID.
    pub store_id: String,
    /// The issuer of its JWTs.
    pub issuer: String,
    /// The value by which the right wrapping key is recognised.
    pub key_check: Vec<u8>,
    /// When it was made, in seconds since 1970.
    pub created_at: i64,
}

/// How much a store holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreCounts {
    /// Tokens that can be used.
    pub active_tokens: u64,
    /// Tokens whose time has not come.
    pub pending_tokens: u64,
    /// Tokens whose time is over.
    pub expired_tokens: u64,
    /// Revoked tokens.
    pub revoked_tokens: u64,
    /// Tokens that are switched off for now.
    pub disabled_tokens: u64,
    /// Identities.
    pub identities: u64,
    /// Signing keys.
    pub signing_keys: u64,
    /// The size of all pages, in bytes, those still in the write-ahead log included.
    pub size_bytes: u64,
    /// The schema's number.
    pub schema_version: i64,
    /// The version of the SQLite library.
    pub sqlite_version: &'static str,
}

/// The uses of a token that are not written down yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenUses {
    /// When it was last used, in seconds since 1970.
    pub last_used_at: i64,
    /// The days on which it was used (days since 1970, UTC) and how often.
    pub days: Vec<(i64, u64)>,
    /// The last addresses that it was used from, and when, in seconds since 1970.
    pub addresses: Vec<(IpAddr, i64)>,
    /// The days on which it was used although it is about to expire, and the event that says so.
    pub warnings: Vec<(i64, NewAuditEvent)>,
}

/// A head of the audit log: that the log went so far at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditHead {
    /// The number of its last record.
    pub sequence: i64,
    /// When that was found, in seconds since 1970.
    pub at: i64,
    /// The hash of its last record.
    pub hash: [u8; 32],
}

/// A record of the audit log as it was found, which may be other than it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRecord {
    /// Its number.
    pub sequence: i64,
    /// The record; none where a column holds what no record has.
    pub record: Option<AuditEvent>,
    /// The head that ends with it, and its signature.
    pub head: Option<(AuditHead, Vec<u8>)>,
}

/// How far the audit log goes, and how far it went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AuditExtent {
    /// The number of the last record; zero when there is none.
    pub last: i64,
    /// The highest number that a record ever had, by a note that SQLite keeps.
    pub highest: i64,
    /// The record of the newest head; zero when there is none.
    pub last_head: i64,
    /// The record of the newest head that there ever was, by the same note.
    pub highest_head: i64,
    /// The lowest record that a head names and that is not there.
    pub missing_head: Option<i64>,
}

/// Persistence. What is said at each method holds for every implementation.
///
/// A method that takes an event appends it to the audit log in the transaction of its change, unless nothing changed.
pub trait Store: Send + Sync {
    /// Takes in what changed, and gives the number of the last change: every one that was committed before this call, by
    /// whichever process, is in [`Store::changes`] up to this number.
    ///
    /// Ask for it before reading what is to be kept: what was read afterwards is as new as the number.
    fn change_number(&self) -> Result<u64>;
    /// What changed, as far as [`Store::change_number`] took it in.
    ///
    /// Everything that a check rests on is in there, but the grant of a token: a value that nobody had yet. What is
    /// remembered of an unknown value holds for as long as the number does, since an import may bring it.
    fn changes(&self) -> &Changes;

    /// The facts of the store, made from `fresh` when it has none yet.
    fn facts(&self, fresh: &StoreFacts) -> Result<StoreFacts>;
    /// The peppers of the store's digests.
    fn peppers(&self) -> Result<Vec<StoredPepper>>;
    /// Adds a pepper, unless there is one of that id.
    fn insert_pepper(&self, pepper: StoredPepper, now_seconds: i64) -> Result<()>;
    /// How much the store holds at `now_seconds`.
    fn counts(&self, now_seconds: i64) -> Result<StoreCounts>;
    /// Looks for damage; one sentence for each that was found.
    fn problems(&self) -> Result<Vec<String>>;
    /// Copies the store to a new file while it is in use, and says the copy's size in bytes.
    fn backup(&self, path: &Path) -> Result<u64>;

    /// The opaque token with this digest.
    fn token_by_digest(&self, digest: &[u8; 32]) -> Result<Option<TokenRecord>>;
    /// The token with this id.
    fn token_by_id(&self, id: &TokenId) -> Result<Option<TokenRecord>>;
    /// The token with a salted digest under the profile of this name whose public part `text` begins with. No token's
    /// public part begins with another's under one profile.
    fn token_by_public_part(&self, profile: &str, text: &str) -> Result<Option<TokenRecord>>;
    /// Any salted digest under the profile of this name, for the work that it takes to check one.
    fn any_salted_digest(&self, profile: &str) -> Result<Option<String>>;
    /// As [`Store::tokens`], with all that is known of each.
    fn token_records(&self, filter: &TokenFilter, now_seconds: i64) -> Result<Vec<TokenRecord>>;
    /// Brings the tokens of a batch over in one transaction, from the one at the place `first` on, with one event for all
    /// that it changes and one for each identity that it makes. It may leave the last ones to another call: so it does after
    /// a refusal that ends it, after very many of them, and where each token must be one that can be taken back.
    ///
    /// A token whose id is there already is left as it is, and refused where it has another digest under the same pepper.
    /// `AlreadyExists` for one whose value or public part is another token's, `NotFound` for what it names and is not
    /// there. One that is refused leaves nothing behind.
    fn import_tokens(
        &self,
        batch: &Arc<ImportBatch>,
        first: usize,
        rules: ImportRules,
        event: NewAuditEvent,
    ) -> Result<Imported>;
    /// Replaces the digest of an imported token, which is `record`'s, by one under a pepper of the store's own. Whether
    /// it did: somebody else may have been first.
    fn upgrade_digest(&self, record: &TokenRecord, digest: StoredDigest, event: NewAuditEvent) -> Result<bool>;
    /// Appends an event of something that changes nothing in the store and is to be known all the same.
    fn note_event(&self, event: NewAuditEvent) -> Result<()>;
    /// Tokens that pass the filter, in the order of their sequence.
    fn tokens(&self, filter: &TokenFilter, now_seconds: i64) -> Result<Vec<Token>>;
    /// Inserts tokens in one transaction, in their order and each with its event, and gives each back, or why it was
    /// refused: `NotFound` when its identity or a role is gone. One that is refused leaves nothing behind and keeps no
    /// other away.
    fn insert_tokens(&self, tokens: Vec<(NewToken, NewAuditEvent)>) -> Result<Vec<Result<Token>>>;
    /// Changes a token; `NotFound` when there is none.
    fn update_token(&self, id: &TokenId, change: TokenChange, event: NewAuditEvent) -> Result<Token>;
    /// Switches a token off with the one, time and reason of `disabled`, or on again where that is none. Gives the token
    /// and whether it changed; `NotFound` when there is none.
    fn set_disabled(&self, id: &TokenId, disabled: Option<Revocation>, event: NewAuditEvent) -> Result<(Token, bool)>;
    /// Revokes a token unless it is revoked, and the tokens that it granted, and so on: those too that were granted by
    /// a token from which it took over. Each has its event. Gives the token and whether anything changed; `NotFound`
    /// when there is none.
    fn revoke_token(&self, id: &TokenId, revocation: Revocation, event: NewAuditEvent) -> Result<(Token, bool)>;
    /// Takes one use off a token that has any left, is not revoked by itself and is not disabled. Whether it did.
    ///
    /// One conditional update: however many ask at once, in however many processes, no use is given out twice.
    fn charge_use(&self, sequence: i64) -> Result<bool>;
    /// Revokes the tokens of a set that were granted so far, and what they granted as [`Store::revoke_token`] does. Gives
    /// how many it revoked: those that were revoked before are not among them, and when there are no others nothing
    /// changes. `NotFound` for an identity, a profile or an organisation that is not there.
    ///
    /// The first four kinds of [`TokenSet`] take one row and have one event. The others take transactions of at most
    /// 200 tokens each, between which other writers have their turn, and each token has its event. What was done before
    /// an error stays done.
    fn revoke_set(&self, set: &TokenSet, revocation: Revocation, event: NewAuditEvent) -> Result<u64>;
    /// Removes a token, and revokes what it granted as [`Store::revoke_token`] does; whether there was one.
    fn remove_token(&self, id: &TokenId, event: NewAuditEvent) -> Result<bool>;
    /// Takes away what is no longer to be kept at the time of the event, in transactions of at most 200 tokens each,
    /// between which other writers have their turn: expired and revoked tokens after the times that their profile says,
    /// successors that were prepared and never delivered, and keys for repeats that are over. Gives how many tokens it
    /// took; each transaction that takes any has an event with their ids.
    fn clean_up(&self, event: NewAuditEvent) -> Result<u64>;
    /// Puts the file in order: statistics for the planning of statements, and its log written back into it; with
    /// `rewrites` the whole file is written anew without the gaps in it, which keeps all writers waiting meanwhile.
    /// `StoreBusy` when another process keeps it from that.
    fn compact(&self, rewrites: bool) -> Result<()>;

    /// What `idempotency` led to less than [`Idempotency::SECONDS`] before `now_seconds`, if that token is still there.
    fn repeated(&self, idempotency: &Idempotency, now_seconds: i64) -> Result<Option<Repeated>>;
    /// Replaces the value of a token whose value nobody has presented yet; none, and no change, when somebody has, or
    /// when it is revoked or gone by now.
    fn renew_value(&self, id: &TokenId, value: NewValue, event: NewAuditEvent) -> Result<Option<Token>>;
    /// Inserts the successor of a token; gives that token and the successor.
    ///
    /// There is one successor at a time: `Conflict` while another is there that is not revoked and did not expire unused,
    /// or was prepared less than [`NewSuccessor::PREPARED_SECONDS`] ago, unless under the same key for repeats. `Conflict`
    /// too when the token cannot be rotated at all ([`crate::policy::rotatable`]), `NotFound` when it is not there, and
    /// `AlreadyExists` about `idempotencyKey` when another request came first with it, so that [`Store::repeated`] is to
    /// be asked.
    fn rotate_token(&self, successor: NewSuccessor, event: NewAuditEvent) -> Result<(Token, Token)>;
    /// Delivers a prepared successor: from now on it can be used, and its predecessor gives way as `mode` says. Gives
    /// the predecessor, the successor and whether anything changed: it may have been delivered before.
    ///
    /// `NotFound` when the successor was abandoned or replaced, `Conflict` when its predecessor cannot be rotated any
    /// more.
    fn deliver_successor(&self, id: &TokenId, mode: RotationMode, event: NewAuditEvent)
    -> Result<(Token, Token, bool)>;
    /// Takes a prepared successor away; whether there was one. `Conflict` when it was delivered.
    fn abandon_successor(&self, id: &TokenId, event: NewAuditEvent) -> Result<bool>;
    /// Writes down, once, that a token's value was presented and accepted: a waiting successor takes over with that.
    /// `digest` is that of the value, as its row has it.
    ///
    /// Only where this says yes does the use count; otherwise somebody else wrote it down, the value was replaced, or
    /// the token was revoked, and it is to be read anew.
    fn confirm_first_use(&self, sequence: i64, digest: Option<[u8; 32]>, event: NewAuditEvent) -> Result<bool>;
    /// Writes down, once, that a value was presented although it was retired or a decoy. A retired one whose profile
    /// says `reuseRevokesFamily` takes with it all tokens of its family, before it and after it, and what they granted.
    /// Gives whether this was the first time.
    fn report_presented(&self, sequence: i64, event: NewAuditEvent) -> Result<bool>;

    /// The identity with this number, unless it was removed.
    fn identity_by_id(&self, identity_id: i64) -> Result<Option<Identity>>;
    /// The identity of this name, with its password hash.
    fn identity(&self, name: &Name) -> Result<Option<(Identity, Option<String>)>>;
    /// Identities that pass the filter, in the order of their folded names.
    fn identities(&self, filter: &IdentityFilter) -> Result<Vec<Identity>>;
    /// Inserts an identity; `AlreadyExists` when the name is taken, `NotFound` when a role is missing.
    fn insert_identity(&self, identity: NewIdentity, event: NewAuditEvent) -> Result<Identity>;
    /// Changes an identity; `NotFound` when it or a role is missing.
    fn update_identity(&self, name: &Name, change: IdentityChange, event: NewAuditEvent) -> Result<Identity>;
    /// Replaces an identity's password hash, if it is still the one that is named.
    fn replace_password_hash(&self, identity_id: i64, from: &str, to: &str) -> Result<()>;
    /// Removes an identity and revokes its tokens. Gives how many, or none when there is no such identity.
    fn remove_identity(&self, name: &Name, revocation: Revocation, event: NewAuditEvent) -> Result<Option<u64>>;

    /// Every role, in the order of its making.
    fn roles(&self) -> Result<Vec<Role>>;

    /// Inserts a role; `AlreadyExists` when the name is taken, `NotFound` when an included role is missing.
    fn insert_role(&self, role: Role, event: NewAuditEvent) -> Result<()>;
    /// Gives a role other inclusions; `NotFound` when it or one of them is missing, `Conflict` for a circle.
    fn update_role(&self, name: &str, includes: Vec<String>, event: NewAuditEvent) -> Result<()>;
    /// Removes a role that is not built in, from all that have it. Whether there was one.
    fn remove_role(&self, name: &str, event: NewAuditEvent) -> Result<bool>;

    /// Every profile, in the order of its making.
    fn profiles(&self) -> Result<Vec<Profile>>;
    /// Writes the settings of the built-in profiles, unless the store has them.
    fn complete_profiles(&self, built_in: Vec<Profile>) -> Result<()>;
    /// Inserts a profile; `AlreadyExists` when the name is taken.
    fn insert_profile(&self, profile: Profile, created_at: i64, event: NewAuditEvent) -> Result<()>;
    /// Changes those settings of a profile that is not built in which `changes` names, as they are by then
    /// ([`crate::policy::profile::changed`]). `NotFound` when there is none, and what
    /// [`crate::policy::profile::check`] refuses.
    fn update_profile(&self, name: &str, changes: Map<String, Value>, event: NewAuditEvent) -> Result<Profile>;
    /// Removes a profile that is not built in; `Conflict` when tokens or keys follow it. Whether there was one.
    fn remove_profile(&self, name: &str, event: NewAuditEvent) -> Result<bool>;

    /// The organisation of this name.
    fn organization(&self, name: &str) -> Result<Option<Organization>>;
    /// Organisations that pass the filter, in the order of their folded names.
    fn organizations(&self, filter: &OrganizationFilter) -> Result<Vec<Organization>>;
    /// The names of the organisations that an identity administers, sorted.
    fn organizations_administered_by(&self, identity_id: i64) -> Result<Vec<String>>;
    /// Inserts an organisation; `AlreadyExists` when the name is taken, `NotFound` when a member is no identity.
    fn insert_organization(
        &self,
        name: &Name,
        members: Vec<OrganizationMember>,
        created_at: i64,
        event: NewAuditEvent,
    ) -> Result<Organization>;
    /// Gives an organisation other members; `NotFound` when it or one of them is missing.
    fn update_organization(
        &self,
        name: &str,
        members: Vec<OrganizationMember>,
        event: NewAuditEvent,
    ) -> Result<Organization>;
    /// Removes an organisation, and the access that tokens have to it by their lists. Whether there was one.
    fn remove_organization(&self, name: &str, event: NewAuditEvent) -> Result<bool>;

    /// Every signing key, in the order of its making.
    fn keys(&self) -> Result<Vec<KeyRecord>>;
    /// Inserts a signing key.
    fn insert_key(&self, key: NewKey, event: NewAuditEvent) -> Result<SigningKey>;
    /// Revokes a key unless it is revoked. Gives the key and whether it changed; `NotFound` when there is none.
    fn revoke_key(&self, key_id: &str, revocation: Revocation, event: NewAuditEvent) -> Result<(SigningKey, bool)>;
    /// Removes a key and revokes the tokens it signed. Gives how many, or none when there is no such key.
    fn remove_key(&self, key_id: &str, revocation: Revocation, event: NewAuditEvent) -> Result<Option<u64>>;

    /// Audit events that pass the filter, in the order it asks for.
    fn audit_events(&self, filter: &AuditFilter) -> Result<Vec<AuditEvent>>;
    /// Reads the audit log from its first record to the one that is the last as the walk begins, for as long as `visit`
    /// goes on, and keeps nobody else waiting meanwhile. Says how far the log went as the walk began.
    fn walk_audit(&self, visit: &mut dyn FnMut(FoundRecord) -> ControlFlow<()>) -> Result<AuditExtent>;

    /// What is known of the use of the token with this sequence, with the days after `after_day`.
    fn usage(&self, sequence: i64, after_day: i64) -> Result<TokenUsage>;
    /// How many tokens were granted by this token, and by those that it granted, and are neither revoked nor over.
    fn live_descendants(&self, sequence: i64, now_seconds: i64) -> Result<u64>;
    /// Adds uses of tokens, by sequence: forward only, and passing over tokens that are gone. Appends a warning unless
    /// the token has had one that day or later, then `events`, and the newest record as a head signed by `sign` at
    /// `now_seconds`, unless it is one. Commits nothing where there is nothing of all that.
    ///
    /// One transaction. Unlike others it may be taken back by a loss of power, until something else is written.
    fn write_behind(
        &self,
        uses: &[(i64, TokenUses)],
        events: &[NewAuditEvent],
        now_seconds: i64,
        sign: &dyn Fn(&AuditHead) -> [u8; 32],
    ) -> Result<()>;
}
