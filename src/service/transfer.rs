//! Tokens that leave for another store or come from elsewhere, in files ([`crate::format::transfer`]).
//!
//! A file says which token is recognised by what and belongs to whom; it holds no values, unless another system wrote
//! them into it. Rows are not signed: whoever can write the file can change what its tokens may do, so keep it as you
//! keep the store. The peppers in it are sealed under a passphrase, without which no digest in it is of use.
//!
//! What an import makes of the documents' rules:
//!
//! - An identity that is not there makes its lines bad, as the management API of PowerShell Universal answers 400 and
//!   creates nothing. Whoever brings over another system's users asks for them to be created: with no roles, so that
//!   their tokens may do nothing until somebody gives them some.
//! - A JWT of the PowerShellUniversal and UniversalDashboard profiles is taken when the profile's key signed it: the key
//!   must be the same in both systems. Its identity and its roles are those of the line, its end is the earlier one.
//! - A token is told by its id, and one without an id by what it is recognised by. So to import a file again changes
//!   nothing, and does not wake what was revoked since. What was removed is gone, and comes again: revoke instead.

use std::collections::{HashMap, VecDeque};
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::{Builder, Scope, ScopedJoinHandle};

use serde_json::json;

use crate::crypto::digest::{self, Pepper};
use crate::crypto::foreign::ForeignDigest;
use crate::crypto::keyring::{self, Keyring};
use crate::error::{Error, ErrorCode, Result};
use crate::format::jwt::{self, Expectations, Keys};
use crate::format::opaque;
use crate::format::transfer::{
    Credential, TransferForm, TransferHeader, TransferReader, TransferRecord, TransferWriter,
};
use crate::model::{
    Actor, AuditSubject, BoundedBy, CreatorRemoved, Name, Outcome, Profile, Revocation, TokenFilter, TokenFormat,
    TokenId,
};
use crate::policy::{self, Operation};
use crate::secret::Secret;
use crate::store::{
    ImportBatch, ImportRules, Imported, ImportedToken, NewToken, NewValue, StoredDigest, StoredPepper, TokenRecord,
};

use super::grant::{MAXIMUM_ORGANIZATIONS, VALUE_PURPOSE, digest_of};
use super::key::{self, ReadyKey, ReadyKeys};
use super::rules::Rules;
use super::{Engine, Session};

/// The most bad lines of a batch: each takes memory until it is told.
const MAXIMUM_BAD_LINES: usize = ImportBatch::PART;

/// The most tokens that are read at once for an export.
const PAGE: u32 = 500;

/// The least characters of the passphrase of an export: whoever has the file can try passphrases for as long as they like.
const MINIMUM_PASSPHRASE_CHARACTERS: usize = 12;

/// What to write.
#[derive(Debug)]
pub struct ExportOptions {
    /// The form of the file.
    pub form: TransferForm,
    /// What the peppers are sealed under: 12 characters or more, and at most 1,024 bytes.
    pub passphrase: Secret,
    /// Only tokens of the profile of this name.
    pub profile: Option<String>,
    /// Only tokens that speak for the identity of this name.
    pub identity: Option<String>,
}

/// A file of tokens that is being written, page by page.
pub struct Export {
    writer: TransferWriter<Vec<u8>>,
    filter: TokenFilter,
    /// The number in the file of each pepper.
    numbers: HashMap<i64, i64>,
    is_over: bool,
    tokens: u64,
}

impl Export {
    /// How many tokens were written so far.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }
}

/// What to bring over, and how.
#[derive(Debug)]
pub struct ImportOptions {
    /// The form of the file.
    pub form: TransferForm,
    /// The profile of tokens whose line names none; none: `Default`.
    pub profile: Option<String>,
    /// What the peppers of the file are sealed under, where it has any.
    pub passphrase: Option<Secret>,
    /// Whether identities that are not there are made, with no roles and the source `imported`.
    pub creates_identities: bool,
    /// Whether the first bad line ends the import. What was brought over before it stays.
    pub stops_at_bad_line: bool,
}

/// How far an import has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImportCounts {
    /// Tokens that were brought over.
    pub created: u64,
    /// Tokens that the store had already, and left as they were.
    pub unchanged: u64,
    /// Lines that could not be brought over.
    pub bad: u64,
    /// Identities that were made.
    pub identities: u64,
    /// Bytes of the file up to the end of the batch of which this is told; a part of its tokens may still have to be
    /// written.
    pub bytes_read: u64,
}

/// A line that could not be brought over.
#[derive(Debug)]
pub struct BadLine {
    /// The number of the line that it begins on, from 1.
    pub line: u64,
    /// What is wrong with it. It never repeats what could be a secret.
    pub error: Error,
}

/// What an import has to tell while it runs, in the order of the lines.
#[derive(Debug)]
pub enum ImportEvent {
    /// A line could not be brought over.
    BadLine(BadLine),
    /// A batch was written.
    Progress(ImportCounts),
}

/// What an import came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// What it did.
    pub counts: ImportCounts,
    /// Whether the whole file was read. Otherwise a bad line ended it, or the caller did.
    pub is_complete: bool,
}

impl Session<'_> {
    /// Begins to write tokens with their digests, never with values; [`Session::export_next`] gives the file in pieces.
    /// It is written down who did so before the first of them.
    ///
    /// Errors: `NotPermitted` for who is no Administrator; `InvalidArgument` for a passphrase outside its limits;
    /// `NotFound` for a profile or an identity that is not there.
    pub fn export(&self, options: &ExportOptions) -> Result<Export> {
        let (rules, _) = self.permit(&Operation::TOKEN_EXPORT)?;
        let is_long = std::str::from_utf8(options.passphrase.as_bytes())
            .is_ok_and(|passphrase| passphrase.chars().nth(MINIMUM_PASSPHRASE_CHARACTERS - 1).is_some());
        if !is_long {
            let message = "The passphrase must have 12 characters or more: whoever has the file can try to guess it.";
            return Err(Error::argument("passphrase", message));
        }
        let profile = options.profile.as_deref().map(|name| rules.profile(name, "profile")).transpose()?;
        let identity = options.identity.as_deref().map(|name| self.named_identity(name, "identity")).transpose()?;
        let peppers: Vec<Pepper> =
            self.keyring.peppers().cloned().chain(self.imported_peppers()?.iter().cloned()).collect();
        let sealed =
            keyring::seal_peppers(&peppers, options.passphrase.as_bytes(), &pepper_context(&self.facts.store_id))?;
        let header = TransferHeader { store_id: self.facts.store_id.clone(), peppers: Some(sealed) };
        let mut event = self.event(&Operation::TOKEN_EXPORT, AuditSubject::Store, None);
        let (profile, identity) = (profile.map(|found| found.name.clone()), identity.map(|found| found.name));
        event.detail = Some(json!({ "profile": profile, "identity": identity }).to_string());
        self.store.note_event(event)?;
        Ok(Export {
            writer: TransferWriter::begin(Vec::new(), options.form, &header)?,
            filter: TokenFilter { profile, identity, limit: PAGE, ..TokenFilter::default() },
            numbers: peppers.iter().map(Pepper::id).zip(1..).collect(),
            is_over: false,
            tokens: 0,
        })
    }

    /// The next piece of the file, mostly some hundred kilobytes, 32 MiB at the most; none at its end. A token that changes meanwhile is
    /// written as it is when its page is read.
    ///
    /// Errors: `NotPermitted` when this actor is no Administrator any more; the `Store…` codes.
    pub fn export_next(&self, export: &mut Export) -> Result<Option<Vec<u8>>> {
        self.permit(&Operation::TOKEN_EXPORT)?;
        if !export.is_over {
            let now_seconds = self.now_seconds();
            let page = self.store.token_records(&export.filter, now_seconds)?;
            export.is_over = page.len() < PAGE as usize;
            export.filter.after = page.last().map(|record| record.token.sequence).or(export.filter.after);
            for record in page {
                export.writer.write(&self.exported(record, &export.numbers, now_seconds)?)?;
                export.tokens += 1;
            }
        }
        let piece = std::mem::take(export.writer.sink());
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }

    /// Writes the whole file to `sink`; gives how many tokens there are in it. Fails as [`Session::export`] does, and with
    /// `TransferFile` when the sink cannot be written.
    pub fn export_to(&self, options: &ExportOptions, sink: &mut impl Write) -> Result<u64> {
        let mut export = self.export(options)?;
        while let Some(piece) = self.export_next(&mut export)? {
            sink.write_all(&piece).map_err(|error| {
                Error::new(ErrorCode::TransferFile, format!("The file of tokens could not be written: {error}"))
                    .about("file")
            })?;
        }
        Ok(export.tokens)
    }

    /// Brings the tokens of a file over, in batches that are durable each by itself, of at most
    /// [`ImportBatch::MAXIMUM_TOKENS`] tokens, in memory that does not grow with the file: while one batch is written the
    /// next is read. `observe` hears of each bad line and after each batch, or each part of one, on this thread, and may end
    /// it there: it hears of a batch when the next one was read, so from a source that is slow or has no end, late.
    /// Rights and rules are those of the beginning of a batch, and rights are asked for again before it is written.
    ///
    /// A second import of the same file changes nothing. A bad line leaves nothing behind, and does not keep the others
    /// from being brought over unless `options` says so.
    ///
    /// Errors: `NotPermitted` for who is no Administrator; `TransferFile` for a source that is no file of tokens or cannot
    /// be read; `KeyRefused` for a passphrase that does not open its peppers; `NotFound` for a profile; the `Store…` codes.
    /// What was brought over before an error stays; of the batch in which the source fails nothing is.
    pub fn import(
        &self,
        source: impl Read,
        options: &ImportOptions,
        observe: &mut dyn FnMut(ImportEvent) -> ControlFlow<()>,
    ) -> Result<ImportReport> {
        let (rules, _) = self.permit(&Operation::TOKEN_IMPORT)?;
        rules.profile(options.profile.as_deref().unwrap_or(DEFAULT_PROFILE), "profile")?;
        let mut reader = TransferReader::open(source, options.form)?;
        let peppers = self.peppers_of(reader.header(), options.passphrase.as_ref())?;
        let mut report = ImportReport::default();
        std::thread::scope(|scope| {
            let mut before: Option<BatchWrite<'_, '_>> = None;
            // One that is written and one that is read meanwhile: their memory is used again and again.
            let mut spare = vec![ImportBatch::new(), ImportBatch::new()];
            loop {
                let batch = self.read_batch(&mut reader, options, &peppers, spare.pop().unwrap_or_default());
                // Whatever became of this one, the one before it ends first, and ends everything if it is to.
                if let Some(mut before) = before.take() {
                    if before.end(&mut report.counts, observe)?.is_break() {
                        return Ok(report);
                    }
                    spare.extend(Arc::into_inner(before.lines.tokens).map(ImportBatch::cleared));
                }
                let (lines, is_last) = batch?;
                let mut write = BatchWrite::begin(scope, *self, options, lines)?;
                if is_last == Last::No {
                    before = Some(write);
                } else {
                    let was_ended = write.end(&mut report.counts, observe)?.is_break();
                    report.is_complete = is_last == Last::EndOfFile && !was_ended;
                    return Ok(report);
                }
            }
        })
    }

    /// Reads as many lines as a batch has into `tokens`, which is empty, and says whether they are the last.
    fn read_batch<R: Read>(
        &self,
        reader: &mut TransferReader<R>,
        options: &ImportOptions,
        peppers: &[(Pepper, Option<StoredPepper>)],
        mut tokens: ImportBatch,
    ) -> Result<(Lines, Last)> {
        let mut preparation = Preparation::begin(self, options, peppers)?;
        let mut bad = VecDeque::new();
        let mut last = Last::No;
        while last == Last::No && !tokens.is_full() && bad.len() < MAXIMUM_BAD_LINES {
            let begin = reader.bytes_read();
            match reader.read()? {
                None => last = Last::EndOfFile,
                Some((line, record)) => match record.and_then(|record| preparation.prepare(record)) {
                    Ok(token) => tokens.push(line, reader.bytes_read() - begin, token),
                    Err(error) => {
                        bad.push_back(BadLine { line, error });
                        if options.stops_at_bad_line {
                            last = Last::BadLine;
                        }
                    }
                },
            }
        }
        Ok((Lines { tokens: Arc::new(tokens), bad, bytes_read: reader.bytes_read() }, last))
    }

    /// The peppers of a file, by their numbers in it from 1, as this store has or will have them.
    fn peppers_of(
        &self,
        header: Option<&TransferHeader>,
        passphrase: Option<&Secret>,
    ) -> Result<Vec<(Pepper, Option<StoredPepper>)>> {
        let Some(TransferHeader { store_id, peppers: Some(sealed) }) = header else { return Ok(Vec::new()) };
        let passphrase = passphrase.ok_or_else(|| {
            let message = "The file's peppers are sealed. Give the passphrase that it was exported with.";
            Error::argument("passphrase", message)
        })?;
        let keys = keyring::open_peppers(sealed, passphrase.as_bytes(), &pepper_context(store_id))?;
        let known = self.imported_peppers()?;
        let mut new = 0;
        let peppers = keys.iter().map(|key| {
            let pepper = self.keyring.adopt_pepper(key);
            let stored = self.stored_pepper(&pepper)?;
            new += usize::from(stored.is_some() && known.iter().all(|known| known.id() != pepper.id()));
            Ok((pepper, stored))
        });
        let peppers = peppers.collect::<Result<Vec<_>>>()?;
        if known.len() + new > Keyring::MAXIMUM_PEPPERS {
            let message =
                "The store would have more than 64 imported peppers, each of which is tried for an unknown value.";
            return Err(Error::new(ErrorCode::Conflict, message).about("file"));
        }
        Ok(peppers)
    }

    /// A token as it is written to a file.
    fn exported(&self, record: TokenRecord, numbers: &HashMap<i64, i64>, now_seconds: i64) -> Result<TransferRecord> {
        let damaged = || {
            let message = "A token's digest is under a pepper that the store has not, or in no form of a digest.";
            Error::new(ErrorCode::StoreCorrupt, message)
        };
        let token = record.token;
        let credential = match (record.digest, record.salted_digest) {
            (Some(StoredDigest { bytes, pepper_id: Some(pepper_id) }), _) => {
                let pepper_id = *numbers.get(&pepper_id).ok_or_else(damaged)?;
                Credential::Digest { digest: bytes, pepper_id }
            }
            (Some(StoredDigest { bytes, pepper_id: None }), _) => {
                Credential::Foreign { digest: ForeignDigest::of_sha256(bytes), public_part: record.public_part }
            }
            (None, Some(salted)) => Credential::Foreign {
                digest: ForeignDigest::parse(&salted).map_err(|_| damaged())?,
                public_part: record.public_part,
            },
            (None, None) => Credential::Signature,
        };
        // One that expired is over by its time, whatever the other store's profile makes of that.
        let has_ended = token.revocation.is_some() || token.is_retired(now_seconds);
        let revocation = has_ended.then(|| token.revocation_at(now_seconds)).flatten();
        let mut conditions = record.conditions;
        conditions.uses = token.uses_left.map(i64::cast_unsigned);
        Ok(TransferRecord {
            id: Some(token.id),
            profile: Some(token.profile),
            identity: token.identity,
            name: token.name,
            roles: Some(token.roles),
            tags: token.tags,
            remark: token.remark,
            audiences: token.audiences,
            organizations: token.organizations,
            conditions,
            created_by: Some(token.created_by),
            parent: token.parent,
            created_at: Some(token.created_at),
            not_before: token.not_before,
            // One that is about to give way to its successor does so elsewhere too, where nothing knows of that one.
            expires_at: match (token.expires_at, token.retires_at.filter(|_| !has_ended)) {
                (Some(expires_at), Some(retires_at)) => Some(expires_at.min(retires_at)),
                (expires_at, retires_at) => expires_at.or(retires_at),
            },
            warn_after: token.warn_after,
            disabled: token.disabled,
            revocation,
            is_decoy: token.is_decoy,
            key_id: token.key_id,
            format: Some(token.format),
            credential,
        })
    }
}

/// The profile of a line that names none, when the caller names none either.
const DEFAULT_PROFILE: &str = "Default";

/// What sealed peppers are for, and whose.
fn pepper_context(store_id: &str) -> Vec<u8> {
    format!("tessera-tokens 1 peppers of {store_id}").into_bytes()
}

/// Whether a batch is the last, and why.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    No,
    EndOfFile,
    BadLine,
}

/// Lines that are brought over together.
struct Lines {
    tokens: Arc<ImportBatch>,
    /// The lines between them that cannot be brought over.
    bad: VecDeque<BadLine>,
    /// The bytes of the file up to the end of them.
    bytes_read: u64,
}

/// A batch that is being written by a thread of its own.
struct BatchWrite<'scope, 'a> {
    scope: &'scope Scope<'scope, 'a>,
    session: Session<'a>,
    options: &'a ImportOptions,
    lines: Lines,
    /// None where there is nothing to write.
    writing: Option<ScopedJoinHandle<'scope, Result<Imported>>>,
}

impl<'scope, 'a: 'scope> BatchWrite<'scope, 'a> {
    fn begin(
        scope: &'scope Scope<'scope, 'a>,
        session: Session<'a>,
        options: &'a ImportOptions,
        lines: Lines,
    ) -> Result<Self> {
        let mut write = Self { scope, session, options, lines, writing: None };
        write.write_from(0)?;
        Ok(write)
    }

    /// Begins to write from a place in the batch on.
    fn write_from(&mut self, first: usize) -> Result<()> {
        if first == self.lines.tokens.len() {
            return Ok(());
        }
        // Lines may have been read for as long as the batch before took, and rights may have gone meanwhile.
        self.session.permit(&Operation::TOKEN_IMPORT)?;
        let rules = ImportRules {
            creates_identities: self.options.creates_identities,
            stops_at_refusal: self.options.stops_at_bad_line,
        };
        let event = self.session.event(&Operation::TOKEN_IMPORT, AuditSubject::Store, None);
        let (session, tokens) = (self.session, Arc::clone(&self.lines.tokens));
        let write = move || session.store.import_tokens(&tokens, first, rules, event);
        let writing = Builder::new().name("tessera-import-write".to_owned()).spawn_scoped(self.scope, write);
        self.writing =
            Some(writing.map_err(|_| Error::new(ErrorCode::Overloaded, "The system gives no thread to import with."))?);
        Ok(())
    }

    /// Waits until all is written, and tells of the bad lines in order. Ends early where the caller wants to, or the
    /// options.
    fn end(
        &mut self,
        counts: &mut ImportCounts,
        observe: &mut dyn FnMut(ImportEvent) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>> {
        loop {
            let part = match self.writing.take() {
                Some(writing) => writing.join().unwrap_or_else(|panic| resume_unwind(panic))?,
                None => Imported { next: self.lines.tokens.len(), ..Imported::default() },
            };
            counts.created += part.created;
            counts.unchanged += part.unchanged;
            counts.identities += part.identities;
            let refused = part.refused.into_iter();
            let mut bad: Vec<BadLine> =
                refused.map(|(place, error)| BadLine { line: self.lines.tokens.line(place), error }).collect();
            let is_whole = part.next == self.lines.tokens.len();
            let is_stopped = self.options.stops_at_bad_line && !bad.is_empty();
            // Those between the tokens that were written, or before the one that ended it.
            let until = match bad.last() {
                Some(refused) if is_stopped => refused.line,
                _ if is_whole => u64::MAX,
                _ => self.lines.tokens.line(part.next),
            };
            while let Some(line) = self.lines.bad.pop_front_if(|line| line.line < until) {
                bad.push(line);
            }
            bad.sort_unstable_by_key(|line| line.line);
            let mut wish = ControlFlow::Continue(());
            for BadLine { line, error } in bad {
                counts.bad += 1;
                wish = observe(ImportEvent::BadLine(BadLine { line, error: unnamed(error) }));
                if wish.is_break() {
                    break;
                }
            }
            counts.bytes_read = self.lines.bytes_read;
            let wish_after = observe(ImportEvent::Progress(*counts));
            if wish.is_break() || wish_after.is_break() || is_stopped {
                return Ok(ControlFlow::Break(()));
            }
            if is_whole {
                return Ok(ControlFlow::Continue(()));
            }
            self.write_from(part.next)?;
        }
    }
}

/// What lines are prepared with.
struct Preparation<'a> {
    session: &'a Session<'a>,
    options: &'a ImportOptions,
    peppers: &'a [(Pepper, Option<StoredPepper>)],
    rules: Arc<Rules>,
    keys: Arc<ReadyKeys>,
    creator_id: Option<i64>,
    now_seconds: i64,
    /// The roles of identities that were asked for, by their folded names.
    held: HashMap<String, Vec<String>>,
    /// Organisations as the store has them, by the names in the file.
    organizations: HashMap<String, String>,
}

/// How a token's value is recognised, and what that says of the token.
struct Recognition {
    id: TokenId,
    format: TokenFormat,
    value: NewValue,
    salted: Option<(String, String)>,
    pepper: Option<StoredPepper>,
    /// When the value says that it is over.
    ends_at: Option<i64>,
    /// From when on the value says that it is good.
    begins_at: Option<i64>,
}

impl<'a> Preparation<'a> {
    /// Rights, rules and keys are asked for anew: an import may take minutes.
    fn begin(
        session: &'a Session<'a>,
        options: &'a ImportOptions,
        peppers: &'a [(Pepper, Option<StoredPepper>)],
    ) -> Result<Self> {
        let (rules, acting) = session.permit(&Operation::TOKEN_IMPORT)?;
        Ok(Self {
            session,
            options,
            peppers,
            rules,
            keys: session.ready_keys()?,
            creator_id: acting.identity(),
            now_seconds: session.now_seconds(),
            held: HashMap::new(),
            organizations: HashMap::new(),
        })
    }

    /// What the store is to keep of a line.
    fn prepare(&mut self, record: TransferRecord) -> Result<ImportedToken> {
        let profile = record.profile.as_deref().or(self.options.profile.as_deref()).unwrap_or(DEFAULT_PROFILE);
        let profile = self.rules.profile(profile, "profile")?;
        let settings = &profile.settings;
        let recognition = self.recognise(&record, &profile)?;
        let needs_held = (record.roles.is_none() && settings.default_roles.is_none())
            || settings.required_role.is_some()
            || settings.refuses_custom_roles;
        let held = if needs_held { self.held_by(&record.identity)? } else { Vec::new() };
        let brought = policy::brought(
            &profile,
            &record,
            recognition.format,
            &held,
            recognition.ends_at,
            &self.rules.roles,
            self.now_seconds,
        )?;
        let rules = &self.rules;
        rules.refuse_foreign_in(brought.name.as_ref().map(Name::as_str), &brought.tags, brought.remark.as_deref())?;
        for (name, subject) in
            [(Some(brought.identity.as_str()), "identity"), (brought.created_by.as_deref(), "createdBy")]
        {
            if let Some(name) = name {
                self.session.refuse_foreign_identity(&policy::name(name, subject)?, subject)?;
            }
        }
        let organizations = record.organizations.map(|names| self.known_organizations(names)).transpose()?;
        let creator = match &brought.created_by {
            Some(name) if name != Actor::LOCAL_OWNER => Some(policy::name(name, "createdBy")?),
            _ => None,
        };
        let needs_creator = matches!(settings.bounded_by, BoundedBy::Creator | BoundedBy::Both)
            || settings.creator_removed == CreatorRemoved::Revoke;
        let ending = |ending: Option<Revocation>, subject| -> Result<_> {
            let Some(ending) = ending else { return Ok(None) };
            if !ending.by.is_empty() {
                policy::name(&ending.by, subject)?;
            }
            Ok(Some(Revocation { reason: policy::reason(ending.reason.as_deref())?, ..ending }))
        };
        Ok(ImportedToken {
            identity: brought.identity,
            creator,
            needs_creator,
            pepper: recognition.pepper,
            disabled: ending(record.disabled, "disabledBy")?,
            revocation: ending(record.revocation, "revokedBy")?,
            token: NewToken {
                id: recognition.id,
                digest: recognition.value.digest,
                salted: recognition.salted,
                value_sealed: recognition.value.sealed,
                format: recognition.format,
                profile: profile.name.clone(),
                // Found by its name in the transaction that inserts the token.
                identity_id: 0,
                name: brought.name,
                roles: brought.roles,
                tags: brought.tags,
                remark: brought.remark,
                key_id: recognition.value.key_id,
                audiences: brought.audiences,
                organizations,
                conditions: brought.conditions,
                is_decoy: record.is_decoy,
                // Who is not named is whoever brings it here.
                creator_id: if brought.created_by.is_some() { None } else { self.creator_id },
                created_by: brought.created_by.unwrap_or_else(|| self.session.actor().name().to_owned()),
                parent: record.parent,
                created_at: brought.created_at,
                not_before: match (brought.not_before, recognition.begins_at) {
                    (Some(asked), Some(inside)) => Some(asked.max(inside)),
                    (asked, inside) => asked.or(inside),
                },
                expires_at: brought.expires_at,
                warn_after: brought.warn_after,
                idempotency: None,
            },
        })
    }

    fn recognise(&self, record: &TransferRecord, profile: &Profile) -> Result<Recognition> {
        let settings = &profile.settings;
        let keyring = &self.session.keyring;
        let id = |recognised_by: &[&[u8]]| match &record.id {
            Some(id) => Ok(id.clone()),
            None => keyring.id_of_imported(recognised_by),
        };
        let format = record.format.unwrap_or(settings.format);
        let recognition = |id, format, value| Recognition {
            id,
            format,
            value,
            salted: None,
            pepper: None,
            ends_at: None,
            begins_at: None,
        };
        match &record.credential {
            Credential::Digest { digest, pepper_id } => {
                let place = usize::try_from(*pepper_id - 1).ok();
                let (pepper, stored) = place
                    .and_then(|place| self.peppers.get(place))
                    .ok_or_else(|| Error::argument("pepper", "The file's header has no pepper with this number."))?;
                let key_id = self.key_of(record, format, settings.jwt_kind.names_keys())?;
                let digest = Some(StoredDigest { bytes: *digest, pepper_id: Some(pepper.id()) });
                let id = id(&[b"digest", &pepper_id.to_be_bytes(), &digest.map_or([0; 32], |digest| digest.bytes)])?;
                let value = NewValue { digest, sealed: None, key_id };
                Ok(Recognition { pepper: stored.clone(), ..recognition(id, format, value) })
            }
            Credential::Signature => {
                let key_id = self.key_of(record, TokenFormat::Jwt, true)?;
                Ok(recognition(id(&[])?, TokenFormat::Jwt, NewValue { key_id, ..NewValue::default() }))
            }
            Credential::Foreign { digest, public_part } => {
                if settings.foreign_prefix.is_none() {
                    return Err(not_recognised(profile));
                }
                let text = digest.to_text()?;
                if let Some(bytes) = digest.unsalted() {
                    let stored = StoredDigest { bytes: *bytes, pepper_id: None };
                    let value = NewValue { digest: Some(stored), ..NewValue::default() };
                    return Ok(recognition(id(&[b"value", bytes])?, TokenFormat::Opaque, value));
                }
                // The reader lets no salted digest through without one.
                let public_part = public_part.clone().unwrap_or_default();
                let id = id(&[b"salted", profile.name.as_bytes(), public_part.as_bytes(), text.as_bytes()])?;
                let recognition = recognition(id, TokenFormat::Opaque, NewValue::default());
                Ok(Recognition { salted: Some((public_part, text)), ..recognition })
            }
            Credential::Value(value) => {
                let id = id(&[b"value", &digest::sha256(value.as_bytes())])?;
                let mut recognition = recognition(id, TokenFormat::Opaque, NewValue::default());
                let is_foreign = settings
                    .foreign_prefix
                    .as_ref()
                    .is_some_and(|prefix| value.as_bytes().starts_with(prefix.as_bytes()));
                let names_no_key = || jwt::names_key(value.as_bytes()) == Some(false);
                if opaque::parse(value.as_bytes()).is_none() && !is_foreign {
                    if settings.jwt_kind.names_keys() || !names_no_key() {
                        return Err(not_recognised(profile));
                    }
                    self.verify(value, profile, &mut recognition)?;
                }
                recognition.value.digest = Some(digest_of(keyring, value));
                if settings.keeps_values {
                    recognition.value.sealed = Some(keyring.wrap(value, recognition.id.as_str(), VALUE_PURPOSE)?);
                }
                Ok(recognition)
            }
        }
    }

    /// Refuses a JWT that the key of its profile did not sign, and takes from it what it says of its time.
    fn verify(&self, value: &Secret, profile: &Profile, recognition: &mut Recognition) -> Result<()> {
        let key = self.session.active_key_of_profile(&profile.name)?.ok_or_else(|| {
            let message = format!(
                "The profile {} has no signing key, so no JSON Web Token of another system is its. Give it that system's key.",
                profile.name
            );
            Error::new(ErrorCode::NotFound, message).about("value")
        })?;
        let expectations = Expectations {
            kind: profile.settings.jwt_kind,
            issuer: None,
            audience: None,
            now_seconds: self.now_seconds,
        };
        let verdict = jwt::verify(value.as_bytes(), &Keys::Given(key.minting.verifying_key()), &expectations);
        match (verdict.outcome, verdict.claims) {
            (Outcome::Valid | Outcome::NotYetValid | Outcome::Expired, Some(claims)) => {
                recognition.format = TokenFormat::Jwt;
                recognition.value.key_id = Some(key.key.key_id.clone());
                (recognition.ends_at, recognition.begins_at) = (Some(claims.expires_at), claims.not_before);
                Ok(())
            }
            _ => {
                let why = verdict.reason.unwrap_or("It is in another form.".into());
                let message = format!(
                    "The JSON Web Token is not one that the key of the profile {} signed. The key must be the same in both systems. {why}",
                    profile.name
                );
                Err(Error::new(ErrorCode::NotPermitted, message).about("value"))
            }
        }
    }

    /// The key of a JWT. One that is recognised by its signature is of no use without it.
    fn key_of(&self, record: &TransferRecord, format: TokenFormat, is_needed: bool) -> Result<Option<String>> {
        let Some(key_id) = record.key_id.as_deref().filter(|_| format == TokenFormat::Jwt) else { return Ok(None) };
        if is_needed && self.keys.get(key_id).is_none() {
            let message = "The store lacks the key that signed this JSON Web Token, so it could not be checked here.";
            return Err(Error::new(ErrorCode::NotFound, message).about("keyId"));
        }
        Ok(Some(key::known_form(key_id)?.to_owned()))
    }

    /// The roles of an identity; none of one that is not there.
    fn held_by(&mut self, name: &str) -> Result<Vec<String>> {
        let name = policy::name(name, "identity")?;
        if let Some(held) = self.held.get(&name.folded()) {
            return Ok(held.clone());
        }
        let held = self.session.store.identity(&name)?.map(|(identity, _)| identity.roles).unwrap_or_default();
        self.held.insert(name.folded(), held.clone());
        Ok(held)
    }

    fn known_organizations(&mut self, names: Vec<String>) -> Result<Vec<String>> {
        let unknown: Vec<String> =
            names.iter().filter(|name| !self.organizations.contains_key(*name)).cloned().collect();
        if let Some(known) = self.session.known_organizations(Some(&unknown))? {
            self.organizations.extend(unknown.into_iter().zip(known));
        }
        let mut known: Vec<String> = names.iter().filter_map(|name| self.organizations.get(name).cloned()).collect();
        known.sort();
        known.dedup();
        if known.len() > MAXIMUM_ORGANIZATIONS {
            return Err(Error::argument("organizations", "A token may have a list of at most 64 organizations."));
        }
        Ok(known)
    }
}

impl Engine {
    /// The key that signs the tokens of a profile, where it has one.
    fn active_key_of_profile(&self, profile: &str) -> Result<Option<Arc<ReadyKey>>> {
        Ok(self.ready_keys()?.of_profile(profile, None))
    }
}

/// An error of a line without the name that stands there: in a file whose columns were mixed up that is a value.
fn unnamed(error: Error) -> Error {
    let (subject, message) = match (error.code(), error.subject()) {
        (ErrorCode::NotFound, Some("identity")) => {
            ("identity", "There is no identity of this name. Create it, or have the import create identities.")
        }
        (ErrorCode::NotFound, Some("createdBy")) => ("createdBy", "There is no identity of this name. Create it."),
        (ErrorCode::NotFound, Some("profile")) => ("profile", "There is no profile of this name."),
        (ErrorCode::NotFound, Some("role")) => ("role", "One of these names is no role's."),
        (ErrorCode::NotFound, Some("organizations")) => ("organizations", "One of these names is no organization's."),
        _ => return error,
    };
    Error::new(ErrorCode::NotFound, message).about(subject)
}

fn not_recognised(profile: &Profile) -> Error {
    let message = match &profile.settings.foreign_prefix {
        None => format!(
            "The profile {} has no foreignPrefix, so that no check would recognise the value. Set it in a profile of your own.",
            profile.name
        ),
        Some(_) => format!("The value does not begin with the foreignPrefix of the profile {}.", profile.name),
    };
    Error::new(ErrorCode::NotPermitted, message).about("profile")
}
