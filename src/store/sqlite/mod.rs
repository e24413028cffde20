//! The embedded store: one SQLite file in write-ahead-log mode.
//!
//! One connection writes (see [`writer`]), one writes what need not be durable at once, one a core reads (see [`readers`]), and one does
//! nothing but notice changes by other connections, of this process or any other. A process has one [`SqliteStore`] for a file, however
//! often it opens it.

mod audit;
mod batch;
mod changes;
mod checked;
mod counter;
mod failure;
mod file;
mod identities;
mod keys;
mod lifecycle;
mod maintenance;
#[allow(unsafe_code, reason = "memory that other processes change")]
mod mapping;
mod organizations;
mod profiles;
mod readers;
mod reading;
mod restore;
mod roles;
mod rotation;
mod schema;
mod text;
mod tokens;
mod transfer;
mod usage;
mod writer;

use std::cell::Cell;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Map, Value};

use crate::error::{Error, ErrorCode, Result};
use crate::model::{
    AuditEvent, AuditFilter, Identity, IdentityFilter, Name, NewAuditEvent, Organization, OrganizationMember, Profile,
    Revocation, Role, RotationMode, SigningKey, Token, TokenFilter, TokenId, TokenSet, TokenUsage, fold_name,
};

pub(crate) use self::reading::{Opened, open_for_reading};

use self::changes::Probe;
use self::counter::Counter;
use self::file::FileKey;
use self::readers::{Reader, Readers};
use self::schema::FileKind;
use self::writer::Writer;
use super::{
    AuditExtent, AuditHead, Changes, FoundRecord, Idempotency, IdentityChange, ImportBatch, ImportRules, Imported,
    KeyRecord, NewIdentity, NewKey, NewSuccessor, NewToken, NewValue, OrganizationFilter, Repeated, Store, StoreCounts,
    StoreFacts, StoredDigest, StoredPepper, TokenChange, TokenRecord, TokenUses,
};

/// How long a writer waits for another process's transaction before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// The same for what can be written later as well, so that a store that is closing does not linger.
const BEHIND_BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// How long either waits before it asks again. SQLite by itself asks more and more seldom, up to every tenth of a second, and
/// can miss the short gaps between the transactions of one who writes all the time.
const BUSY_PAUSE: Duration = Duration::from_millis(1);

/// The most memory for the writer's pages, as SQLite takes it. Tokens that come in great numbers come in no order, and each
/// belongs somewhere else in the indexes.
const WRITER_CACHE_KIBIBYTES: i32 = -65_536;

/// The oldest SQLite that keeps every commit: earlier ones can lose some when the log is reset.
const OLDEST_SQLITE: i32 = 3_051_003;

/// The files that matter to SQLite's locks, of which a process has one for all that opens a file.
static FILES: LazyLock<Mutex<Files>> = LazyLock::new(Mutex::default);
/// Tells waiting openers that a store has closed, or a file that was being read.
static CLOSED: Condvar = Condvar::new();

#[derive(Default)]
struct Files {
    /// The stores that this process has open, with their paths. A dead entry belongs to a store that is closing.
    stores: HashMap<FileKey, (PathBuf, Weak<SqliteStore>)>,
    /// The files that are being read by others than SQLite, each as often as it is; see [`reading`].
    reading: Vec<FileKey>,
}

impl Files {
    /// Whether a store may not yet be opened there.
    fn is_busy(&self, path: &Path, key: &FileKey) -> bool {
        self.stores.get(key).is_some_and(|(_, store)| store.strong_count() == 0)
            || (!self.reading.is_empty() && file::keys_of_store(path).any(|key| self.reading.contains(&key)))
    }

    /// Whether the file is one of an open store.
    fn is_of_a_store(&self, key: &FileKey) -> bool {
        self.stores.contains_key(key)
            || self.stores.values().any(|(path, _)| file::keys_of_store(path).any(|own| own == *key))
    }
}

/// A store in a SQLite file.
pub struct SqliteStore {
    path: PathBuf,
    key: FileKey,
    // Options only so that `drop` can close them before it lets another opener in.
    writer: Option<Writer>,
    behind: Mutex<Option<Connection>>,
    readers: Option<Readers>,
    probe: Mutex<Option<Probe>>,
    changes: Changes,
    counter: Arc<Counter>,
}

impl SqliteStore {
    /// Opens the store at `path`, creating it when there is none and `create` is on.
    ///
    /// Gives the open store when this process has it open already. A file that is not ours is refused
    /// untouched. Errors: the `Store…` codes.
    pub fn open(path: &Path, create: bool) -> Result<Arc<Self>> {
        check_library()?;
        let (path, key) = file::find_or_create(path, create)?;
        let is_busy = |files: &mut Files| files.is_busy(&path, &key);
        let (mut files, waited) =
            CLOSED.wait_timeout_while(lock(&FILES), BUSY_TIMEOUT, is_busy).unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            return Err(Error::new(
                ErrorCode::StoreBusy,
                "The store is still closing, or its file is being searched. Try again.",
            ));
        }
        if let Some(store) = files.stores.get(&key).and_then(|(_, store)| store.upgrade()) {
            return Ok(store);
        }
        file::refuse_held(&key)?;
        let store = Arc::new(Self::connect(path.clone(), key.clone(), create)?);
        files.stores.insert(key, (path, Arc::downgrade(&store)));
        Ok(store)
    }

    /// The full path that a store at `path` has or will have; makes the empty file when there is none.
    pub(crate) fn locate(path: &Path) -> Result<PathBuf> {
        file::find_or_create(path, true).map(|(path, _)| path)
    }

    /// Whether the file is a database in which nothing is yet.
    pub(crate) fn is_empty(path: &Path) -> bool {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = failure::context(Connection::open_with_flags(path, flags));
        opened.and_then(|connection| schema::kind(&connection)).is_ok_and(|kind| kind == FileKind::Empty)
    }

    /// The full path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn connect(path: PathBuf, key: FileKey, create: bool) -> Result<Self> {
        // Looked at through a connection that cannot write, so that a file of somebody else's stays as it is.
        let found = schema::kind(&failure::context(Connection::open_with_flags(
            &path,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        ))?)?;
        if found == FileKind::Empty && !create {
            return Err(schema::foreign("The file is an empty database that is not Tessera's. It was left untouched."));
        }
        let mut writing = connect_one(&path)?;
        failure::context(writing.pragma_update(None, "cache_size", WRITER_CACHE_KIBIBYTES))?;
        if found != FileKind::Tessera(schema::VERSION) {
            schema::migrate(&mut writing)?;
        }
        let counter = Arc::new(Counter::of(&path));
        // Without it checks are slower, and nothing else: whatever keeps it from being made may pass.
        let _ = counter.prepare(&writing);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let identities = Arc::default();
        let reader = |_| {
            let connection = connect_reader(&path)?;
            Ok(Reader::new(connection, checked::Kept::new(Arc::clone(&identities))))
        };
        let readers = Readers::new((0..cores).map(reader).collect::<Result<Vec<_>>>()?);
        let probe = Probe::new(connect_reader(&path)?);
        let is_in_place = {
            let (path, key) = (path.clone(), key.clone());
            move || file::refuse_replaced(&path, &key)
        };
        let behind = connect_behind(&path)?;
        Ok(Self {
            path,
            key,
            writer: Some(Writer::new(writing, Arc::clone(&counter), is_in_place)),
            behind: Mutex::new(Some(behind)),
            readers: Some(readers),
            probe: Mutex::new(Some(probe)),
            changes: Changes::default(),
            counter,
        })
    }

    /// Runs `query`, which is one statement and so sees one state of the store, on a connection that reads.
    fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        file::refuse_replaced(&self.path, &self.key)?;
        failure::context(self.readers()?.read(query))
    }

    fn readers(&self) -> Result<&Readers> {
        self.readers.as_ref().ok_or_else(closed)
    }

    /// Takes in what changed.
    #[cold]
    fn take_in_changes(&self) -> Result<()> {
        let mut probe = lock(&self.probe);
        let Some(probe) = probe.as_mut() else {
            return Err(closed());
        };
        // Who waited for the lock mostly finds that the work was done.
        if self.counter.is_unchanged() {
            return Ok(());
        }
        let seen = self.counter.look();
        file::refuse_replaced(&self.path, &self.key)?;
        let named = failure::context(probe.catch_up(&self.changes))?;
        self.counter.taken_in(&seen, named);
        Ok(())
    }

    /// Runs `job` in the writer's next transaction, and appends `event` to the audit log when it says that it changed
    /// something.
    fn record<T: Send + 'static>(
        &self,
        event: NewAuditEvent,
        job: impl Fn(&Connection) -> Result<(T, bool)> + Send + 'static,
    ) -> Result<T> {
        self.write(move |connection| {
            let (answer, changed) = job(connection)?;
            if changed {
                audit::append(connection, &event)?;
            }
            Ok(answer)
        })
    }

    /// Waits for the commit of the request that came first, where that is what `result` tells of: jobs share
    /// transactions, so the one that tells it may have seen what no reader sees yet.
    fn settled<T>(&self, result: Result<T>) -> Result<T> {
        let is_overtaken =
            |error: &Error| error.code() == ErrorCode::AlreadyExists && error.subject() == Some("idempotencyKey");
        if result.as_ref().is_err_and(is_overtaken) {
            self.write(|_| Ok(()))?;
        }
        result
    }

    /// Runs `job` in the writer's next transaction.
    fn write<T: Send + 'static>(&self, job: impl Fn(&Connection) -> Result<T> + Send + 'static) -> Result<T> {
        self.writer()?.write(job)
    }

    fn writer(&self) -> Result<&Writer> {
        self.writer.as_ref().ok_or_else(closed)
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        drop(self.writer.take());
        *lock(&self.behind) = None;
        drop(self.readers.take());
        *lock(&self.probe) = None;
        lock(&FILES).stores.remove(&self.key);
        CLOSED.notify_all();
    }
}

impl Store for SqliteStore {
    fn change_number(&self) -> Result<u64> {
        if !self.counter.is_unchanged() {
            self.take_in_changes()?;
        }
        Ok(self.changes.number())
    }

    fn changes(&self) -> &Changes {
        &self.changes
    }

    fn facts(&self, fresh: &StoreFacts) -> Result<StoreFacts> {
        maintenance::facts(self, fresh)
    }

    fn peppers(&self) -> Result<Vec<StoredPepper>> {
        self.read(maintenance::peppers)
    }

    fn insert_pepper(&self, pepper: StoredPepper, now_seconds: i64) -> Result<()> {
        self.write(move |connection| failure::context(maintenance::insert_pepper(connection, &pepper, now_seconds)))
    }

    // The next two read the whole store, so they have a connection of their own: checks must not wait for them.

    fn counts(&self, now_seconds: i64) -> Result<StoreCounts> {
        file::refuse_replaced(&self.path, &self.key)?;
        failure::context(maintenance::counts(&connect_reader(&self.path)?, now_seconds))
    }

    fn problems(&self) -> Result<Vec<String>> {
        file::refuse_replaced(&self.path, &self.key)?;
        failure::context(maintenance::problems(&connect_reader(&self.path)?))
    }

    fn backup(&self, path: &Path) -> Result<u64> {
        maintenance::backup(self, path)
    }

    fn token_by_digest(&self, digest: &[u8; 32]) -> Result<Option<TokenRecord>> {
        // Also sees to it that the file is in its place.
        let number = self.change_number()?;
        let find = |connection: &Connection, kept: &mut checked::Kept| {
            checked::by_digest(connection, kept, &self.changes, number, digest)
        };
        failure::context(self.readers()?.find(number, find))
    }

    fn token_by_id(&self, id: &TokenId) -> Result<Option<TokenRecord>> {
        self.read(|connection| tokens::by_id(connection, id))
    }

    fn tokens(&self, filter: &TokenFilter, now_seconds: i64) -> Result<Vec<Token>> {
        self.read(|connection| tokens::list(connection, filter, now_seconds))
    }

    fn token_by_public_part(&self, profile: &str, text: &str) -> Result<Option<TokenRecord>> {
        self.read(|connection| transfer::by_public_part(connection, profile, text))
    }

    fn any_salted_digest(&self, profile: &str) -> Result<Option<String>> {
        self.read(|connection| transfer::any_salted_digest(connection, profile))
    }

    fn token_records(&self, filter: &TokenFilter, now_seconds: i64) -> Result<Vec<TokenRecord>> {
        self.read(|connection| tokens::list_records(connection, filter, now_seconds))
    }

    fn import_tokens(
        &self,
        batch: &Arc<ImportBatch>,
        first: usize,
        rules: ImportRules,
        event: NewAuditEvent,
    ) -> Result<Imported> {
        // Found now, so that nobody who writes waits for it.
        let _ = batch.order();
        let batch = Arc::clone(batch);
        self.writer()?
            .write_with_care(move |connection, care| transfer::import(connection, &batch, first, rules, &event, care))
    }

    fn upgrade_digest(&self, record: &TokenRecord, digest: StoredDigest, event: NewAuditEvent) -> Result<bool> {
        let (sequence, from) = (record.token.sequence, (record.digest, record.salted_digest.clone()));
        self.record(event, move |connection| {
            transfer::upgrade_digest(connection, sequence, &from, digest).map(|changed| (changed, changed))
        })
    }

    fn note_event(&self, event: NewAuditEvent) -> Result<()> {
        self.record(event, |_| Ok(((), true)))
    }

    fn insert_tokens(&self, tokens: Vec<(NewToken, NewAuditEvent)>) -> Result<Vec<Result<Token>>> {
        let insert = move |connection: &Connection, care| tokens::insert_all(connection, &tokens, care);
        let inserted = self.writer()?.write_with_care(insert)?;
        inserted.into_iter().map(|result| Ok(self.settled(result))).collect()
    }

    fn update_token(&self, id: &TokenId, change: TokenChange, event: NewAuditEvent) -> Result<Token> {
        let id = id.clone();
        self.record(event, move |connection| tokens::update(connection, &id, &change).map(|token| (token, true)))
    }

    fn set_disabled(&self, id: &TokenId, disabled: Option<Revocation>, event: NewAuditEvent) -> Result<(Token, bool)> {
        let id = id.clone();
        self.record(event, move |connection| {
            let (token, changed) = lifecycle::set_disabled(connection, &id, disabled.as_ref())?;
            Ok(((token, changed), changed))
        })
    }

    // Where one change takes others with it, each has its event, so these append their own.

    fn revoke_token(&self, id: &TokenId, revocation: Revocation, event: NewAuditEvent) -> Result<(Token, bool)> {
        let id = id.clone();
        self.write(move |connection| lifecycle::revoke(connection, &id, &revocation, &event))
    }

    fn revoke_set(&self, set: &TokenSet, revocation: Revocation, event: NewAuditEvent) -> Result<u64> {
        lifecycle::revoke_set(self, set, revocation, event)
    }

    fn remove_token(&self, id: &TokenId, event: NewAuditEvent) -> Result<bool> {
        let id = id.clone();
        self.write(move |connection| lifecycle::remove(connection, &id, &event))
    }

    fn clean_up(&self, event: NewAuditEvent) -> Result<u64> {
        lifecycle::clean_up(self, &event)
    }

    fn compact(&self, rewrites: bool) -> Result<()> {
        lifecycle::compact(self, rewrites)
    }

    fn repeated(&self, idempotency: &Idempotency, now_seconds: i64) -> Result<Option<Repeated>> {
        rotation::repeated(self, idempotency, now_seconds)
    }

    fn renew_value(&self, id: &TokenId, value: NewValue, event: NewAuditEvent) -> Result<Option<Token>> {
        let id = id.clone();
        self.record(event, move |connection| {
            rotation::renew_value(connection, &id, &value).map(|token| (token.clone(), token.is_some()))
        })
    }

    fn charge_use(&self, sequence: i64) -> Result<bool> {
        self.write(move |connection| failure::context(tokens::charge_use(connection, sequence)))
    }

    fn rotate_token(&self, successor: NewSuccessor, event: NewAuditEvent) -> Result<(Token, Token)> {
        self.settled(self.write(move |connection| rotation::rotate(connection, &successor, &event)))
    }

    fn deliver_successor(
        &self,
        id: &TokenId,
        mode: RotationMode,
        event: NewAuditEvent,
    ) -> Result<(Token, Token, bool)> {
        let id = id.clone();
        self.write(move |connection| rotation::deliver(connection, &id, mode, &event))
    }

    fn abandon_successor(&self, id: &TokenId, event: NewAuditEvent) -> Result<bool> {
        let id = id.clone();
        self.record(event, move |connection| rotation::abandon(connection, &id).map(|changed| (changed, changed)))
    }

    fn confirm_first_use(&self, sequence: i64, digest: Option<[u8; 32]>, event: NewAuditEvent) -> Result<bool> {
        let now_seconds = event.at;
        self.record(event, move |connection| {
            rotation::confirm_first_use(connection, sequence, digest.as_ref(), now_seconds)
                .map(|changed| (changed, changed))
        })
    }

    fn report_presented(&self, sequence: i64, event: NewAuditEvent) -> Result<bool> {
        self.write(move |connection| rotation::report_presented(connection, sequence, &event))
    }

    fn identity_by_id(&self, identity_id: i64) -> Result<Option<Identity>> {
        self.read(|connection| identities::by_id(connection, identity_id))
    }

    fn identity(&self, name: &Name) -> Result<Option<(Identity, Option<String>)>> {
        self.read(|connection| identities::by_name(connection, name))
    }

    fn identities(&self, filter: &IdentityFilter) -> Result<Vec<Identity>> {
        self.read(|connection| identities::list(connection, filter))
    }

    fn insert_identity(&self, identity: NewIdentity, event: NewAuditEvent) -> Result<Identity> {
        self.record(event, move |connection| identities::insert(connection, &identity).map(|identity| (identity, true)))
    }

    fn update_identity(&self, name: &Name, change: IdentityChange, event: NewAuditEvent) -> Result<Identity> {
        let name = name.clone();
        self.record(event, move |connection| {
            identities::update(connection, &name, &change).map(|identity| (identity, true))
        })
    }

    fn replace_password_hash(&self, identity_id: i64, from: &str, to: &str) -> Result<()> {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.write(move |connection| {
            failure::context(identities::replace_password_hash(connection, identity_id, &from, &to))
        })
    }

    fn remove_identity(&self, name: &Name, revocation: Revocation, event: NewAuditEvent) -> Result<Option<u64>> {
        let name = name.clone();
        self.record(event.clone(), move |connection| {
            identities::remove(connection, &name, &revocation, &event).map(|revoked| (revoked, revoked.is_some()))
        })
    }

    fn roles(&self) -> Result<Vec<Role>> {
        self.read(roles::list)
    }

    fn insert_role(&self, role: Role, event: NewAuditEvent) -> Result<()> {
        self.record(event, move |connection| roles::insert(connection, &role).map(|()| ((), true)))
    }

    fn update_role(&self, name: &str, includes: Vec<String>, event: NewAuditEvent) -> Result<()> {
        let name = name.to_owned();
        self.record(event, move |connection| roles::update(connection, &name, &includes).map(|()| ((), true)))
    }

    fn remove_role(&self, name: &str, event: NewAuditEvent) -> Result<bool> {
        let name = name.to_owned();
        self.record(event, move |connection| roles::remove(connection, &name).map(|removed| (removed, removed)))
    }

    fn profiles(&self) -> Result<Vec<Profile>> {
        self.read(profiles::list)
    }

    fn complete_profiles(&self, built_in: Vec<Profile>) -> Result<()> {
        if self.read(profiles::are_complete)? {
            return Ok(());
        }
        self.write(move |connection| profiles::complete(connection, &built_in))
    }

    fn insert_profile(&self, profile: Profile, created_at: i64, event: NewAuditEvent) -> Result<()> {
        self.record(event, move |connection| profiles::insert(connection, &profile, created_at).map(|()| ((), true)))
    }

    fn update_profile(&self, name: &str, changes: Map<String, Value>, event: NewAuditEvent) -> Result<Profile> {
        let name = name.to_owned();
        self.record(event, move |connection| {
            profiles::update(connection, &name, changes.clone()).map(|profile| (profile, true))
        })
    }

    fn remove_profile(&self, name: &str, event: NewAuditEvent) -> Result<bool> {
        let name = name.to_owned();
        self.record(event, move |connection| profiles::remove(connection, &name).map(|removed| (removed, removed)))
    }

    fn organization(&self, name: &str) -> Result<Option<Organization>> {
        self.read(|connection| organizations::by_name(connection, name))
    }

    fn organizations(&self, filter: &OrganizationFilter) -> Result<Vec<Organization>> {
        self.read(|connection| organizations::list(connection, filter))
    }

    fn organizations_administered_by(&self, identity_id: i64) -> Result<Vec<String>> {
        self.read(|connection| organizations::administered_by(connection, identity_id))
    }

    fn insert_organization(
        &self,
        name: &Name,
        members: Vec<OrganizationMember>,
        created_at: i64,
        event: NewAuditEvent,
    ) -> Result<Organization> {
        let name = name.clone();
        self.record(event, move |connection| {
            organizations::insert(connection, &name, &members, created_at).map(|made| (made, true))
        })
    }

    fn update_organization(
        &self,
        name: &str,
        members: Vec<OrganizationMember>,
        event: NewAuditEvent,
    ) -> Result<Organization> {
        let name = name.to_owned();
        self.record(event, move |connection| {
            organizations::update(connection, &name, &members).map(|changed| (changed, true))
        })
    }

    fn remove_organization(&self, name: &str, event: NewAuditEvent) -> Result<bool> {
        let name = name.to_owned();
        self.record(event, move |connection| {
            failure::context(organizations::remove(connection, &name)).map(|removed| (removed, removed))
        })
    }

    fn keys(&self) -> Result<Vec<KeyRecord>> {
        self.read(keys::list)
    }

    fn insert_key(&self, key: NewKey, event: NewAuditEvent) -> Result<SigningKey> {
        self.record(event, move |connection| keys::insert(connection, key.clone()).map(|key| (key, true)))
    }

    fn revoke_key(&self, key_id: &str, revocation: Revocation, event: NewAuditEvent) -> Result<(SigningKey, bool)> {
        let key_id = key_id.to_owned();
        self.record(event.clone(), move |connection| {
            let (key, changed) = keys::revoke(connection, &key_id, &revocation, &event)?;
            Ok(((key, changed), changed))
        })
    }

    fn remove_key(&self, key_id: &str, revocation: Revocation, event: NewAuditEvent) -> Result<Option<u64>> {
        let key_id = key_id.to_owned();
        self.record(event.clone(), move |connection| {
            keys::remove(connection, &key_id, &revocation, &event).map(|revoked| (revoked, revoked.is_some()))
        })
    }

    fn audit_events(&self, filter: &AuditFilter) -> Result<Vec<AuditEvent>> {
        self.read(|connection| audit::list(connection, filter))
    }

    fn walk_audit(&self, visit: &mut dyn FnMut(FoundRecord) -> ControlFlow<()>) -> Result<AuditExtent> {
        file::refuse_replaced(&self.path, &self.key)?;
        failure::context(audit::walk(&connect_reader(&self.path)?, visit))
    }

    fn usage(&self, sequence: i64, after_day: i64) -> Result<TokenUsage> {
        self.read(|connection| usage::find(connection, sequence, after_day))
    }

    fn live_descendants(&self, sequence: i64, now_seconds: i64) -> Result<u64> {
        self.read(|connection| usage::live_descendants(connection, sequence, now_seconds))
    }

    fn write_behind(
        &self,
        uses: &[(i64, TokenUses)],
        events: &[NewAuditEvent],
        now_seconds: i64,
        sign: &dyn Fn(&AuditHead) -> [u8; 32],
    ) -> Result<()> {
        file::refuse_replaced(&self.path, &self.key)?;
        let behind = lock(&self.behind);
        let Some(connection) = behind.as_ref() else {
            return Err(closed());
        };
        // Asked without a lock, for nearly always there is nothing to do.
        let has_nothing = uses.is_empty() && events.is_empty();
        if has_nothing && failure::context(audit::unsigned_head(connection, now_seconds))?.is_none() {
            return Ok(());
        }
        let writing = self.counter.begin(connection)?;
        for (sequence, uses) in uses {
            usage::add(connection, *sequence, uses)?;
        }
        for event in events {
            audit::append(connection, event)?;
        }
        if let Some(head) = failure::context(audit::unsigned_head(connection, now_seconds))? {
            failure::context(audit::insert_head(connection, &head, &sign(&head)))?;
        }
        file::refuse_replaced(&self.path, &self.key)?;
        writing.commit()?;
        file::refuse_replaced(&self.path, &self.key)
    }
}

fn check_library() -> Result<()> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(Error::new(
            ErrorCode::StoreUnavailable,
            format!("SQLite {} can lose commits; at least 3.51.3 is needed.", rusqlite::version()),
        ));
    }
    Ok(())
}

/// A connection with the settings that every one has.
fn connect_one(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = failure::context(Connection::open_with_flags(path, flags))?;
    failure::context(connection.busy_handler(Some(|asked| waits_on(asked, BUSY_TIMEOUT))))?;
    // SQLite falls back to reading; a store that takes no revocation is not one to rely on.
    if failure::context(connection.is_readonly("main"))? {
        return Err(failure::read_only());
    }
    failure::context(configure(&connection))?;
    Ok(connection)
}

/// A connection that can only read.
fn connect_reader(path: &Path) -> Result<Connection> {
    let connection = connect_one(path)?;
    failure::context(connection.execute_batch(checked::VIEW))?;
    failure::context(connection.pragma_update(None, "query_only", true))?;
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    failure::context(connection.create_scalar_function("fold_name", 1, flags, |arguments| {
        arguments.get(0).map(|text: Option<String>| text.map(|text| fold_name(&text)))
    }))?;
    Ok(connection)
}

/// A connection for what need not be durable at once: a commit waits for no disk, and whoever writes after it makes it
/// durable with its own.
fn connect_behind(path: &Path) -> Result<Connection> {
    let mut connection = connect_one(path)?;
    failure::context(connection.busy_handler(Some(|asked| waits_on(asked, BEHIND_BUSY_TIMEOUT))))?;
    failure::context(connection.pragma_update(None, "synchronous", "NORMAL"))?;
    Ok(connection)
}

/// Waits for a moment, unless that was done for so long already; `asked` is how often it was.
fn waits_on(asked: i32, patience: Duration) -> bool {
    thread_local!(static BEGUN: Cell<Instant> = Cell::new(Instant::now()));
    if asked == 0 {
        BEGUN.set(Instant::now());
    }
    let goes_on = BEGUN.get().elapsed() < patience;
    if goes_on {
        std::thread::sleep(BUSY_PAUSE);
    }
    goes_on
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(64);
    // A hostile file must not run anything of its own when it is opened.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // A statement is planned once, and not anew for each value that a partial index could be compared with.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    // Acknowledged is durable: NORMAL may take commits back after a loss of power.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    Ok(())
}

fn closed() -> Error {
    Error::new(ErrorCode::StoreUnavailable, "The store is closed.")
}

/// Locks, also after a panic elsewhere: what these locks guard is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AuditSubject;
    use crate::store::NewIdentity;

    fn event() -> NewAuditEvent {
        NewAuditEvent {
            at: 0,
            event: "identity.create".to_owned(),
            actor: "local owner".to_owned(),
            actor_kind: "owner".to_owned(),
            subject_kind: AuditSubject::Identity,
            subject: None,
            outcome: NewAuditEvent::SUCCESS.to_owned(),
            detail: None,
        }
    }

    fn identity(number: i64) -> NewIdentity {
        let name = Name::parse(&format!("{number} {}", "x".repeat(200)), "name").unwrap();
        NewIdentity { name, roles: vec!["Reader".to_owned()], password_hash: None, source: None, created_at: number }
    }

    /// The full disk of a machine on which no small one can be mounted: a limit on the file's pages.
    #[test]
    fn without_space_nothing_is_lost_and_with_space_again_all_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("tokens.db"), true).unwrap();
        let limit = |pages: i64| {
            let limited = store.write(move |connection| {
                let set = connection.pragma_update_and_check(None, "max_page_count", pages, |row| row.get(0));
                failure::context::<i64>(set)
            });
            limited.unwrap()
        };
        let used = limit(1);
        limit(used + 2);
        let mut kept = 0;
        let full = loop {
            match store.insert_identity(identity(kept), event()) {
                Ok(_) => kept += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(full.code(), ErrorCode::StoreFull);
        assert!(kept > 0);
        let count = || store.counts(0).unwrap().identities;
        assert_eq!(count(), kept.unsigned_abs());
        assert!(store.problems().unwrap().is_empty());

        limit(1_000_000);
        store.insert_identity(identity(kept), event()).unwrap();
        assert_eq!(count(), kept.unsigned_abs() + 1);
    }
}
