//! Leaks: the values of tokens that lie in files, and which tokens they are.
//!
//! The files are searched in threads of their own ([`FileScan`]); what they give is looked up here, in the thread that
//! asks. A find is not a presentation: no use is charged, no successor is confirmed, no decoy raises its event, and
//! nothing is refused. Values are dropped, and so wiped, as soon as they were looked up.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::format::json::{self, Value};
use crate::format::scan::{Candidate, CandidateKind, Patterns};
use crate::format::{jwt, opaque};
use crate::model::{AuditSubject, Outcome, Token, TokenId};
use crate::policy::Operation;
use crate::store::TokenRecord;

use super::file_scan::{FileScan, FileScanEvent, FileScanNext, FileScanOptions, FileScanProgress, NotRead};
use super::{Engine, Session};

/// The most entries of a page.
const MAXIMUM_ENTRIES: usize = 1_000;
/// The most characters behind a foreign value that are taken for those of the text around it.
const MAXIMUM_PUNCTUATION: usize = 16;
/// The characters of a signature by HMAC with SHA-256 (RFC 7518 section 3.2), 32 bytes, in base64url.
const HMAC_SIGNATURE_CHARACTERS: usize = 43;

/// What to search.
#[derive(Debug, Clone, Default)]
pub struct LeakRequest {
    /// Files and folders, at least one.
    pub paths: Vec<PathBuf>,
    /// How many folders below a path are entered: 0 for the files right in it; none for all.
    pub maximum_depth: Option<usize>,
    /// Whether to tell also of values that have nothing to do with this store: opaque ones with a prefix that no
    /// profile has, and JWTs that no key of the store signed.
    pub includes_unknown: bool,
}

/// A value in a file. The value itself is not in it.
#[derive(Debug, Clone)]
pub struct Leak {
    /// The file, under the path that was asked for.
    pub path: Arc<Path>,
    /// The line in which the value begins, from 1.
    pub line: u64,
    /// Where it begins, in bytes from the start of the file.
    pub offset: u64,
    /// What it is.
    pub kind: CandidateKind,
    /// The token of which it is the value: as a whole, by its digest or its signature. None: of no token here.
    pub token: Option<Token>,
    /// The id that the value states, where it is in the form of one. Anyone can write such a text: it is worth nothing
    /// without [`Leak::token`].
    pub stated_id: Option<TokenId>,
    /// The key of the store that signed it, where it is a JWT and that was checked.
    pub key_id: Option<String>,
}

/// A part of what a search met.
#[derive(Debug, Default)]
pub struct LeakPage {
    /// What was found, in no particular order.
    pub leaks: Vec<Leak>,
    /// What was not read to its end, and why.
    pub not_read: Vec<(PathBuf, NotRead)>,
    /// How far the search has come.
    pub progress: FileScanProgress,
    /// Whether the search is over, and this its last page.
    pub is_last: bool,
}

/// A search that is under way. Dropping it ends it and waits for its threads.
pub struct LeakSearch {
    scan: FileScan,
    /// The prefixes of this store's values.
    prefixes: Vec<String>,
    includes_unknown: bool,
}

/// What is known of a value.
#[derive(Default)]
struct Recognised {
    token: Option<Token>,
    stated_id: Option<TokenId>,
    key_id: Option<String>,
}

impl Session<'_> {
    /// Starts a search, after an event in the audit log that says so. Only Administrators may.
    ///
    /// Told is every value of a token of this store, whatever the token's state; every opaque value with the prefix of
    /// one of its profiles, since it may be another store's; and every JWT that a key of the store signed.
    /// Values that other systems made are told where a profile says how they begin and the token was brought over.
    ///
    /// Errors: `InvalidArgument` when there is no path; `Overloaded` when the operating system gives no thread.
    pub fn find_leaks(&self, request: LeakRequest) -> Result<LeakSearch> {
        let (rules, _) = self.permit(&Operation::TOKEN_FIND)?;
        if request.paths.is_empty() {
            return Err(Error::argument("paths", "Name at least one file or folder to search."));
        }
        let mut event = self.event(&Operation::TOKEN_FIND, AuditSubject::Store, None);
        // Not which: the name of a file can hold a value.
        event.detail = Some(format!(r#"{{"paths":{}}}"#, request.paths.len()));
        self.store.note_event(event)?;
        let scan = FileScan::start(FileScanOptions {
            paths: request.paths,
            maximum_depth: request.maximum_depth,
            // Of any prefix: a profile may have had another one when a token was granted.
            patterns: Patterns { prefixes: None, foreign_prefixes: rules.foreign_prefixes() },
            threads: None,
        })?;
        Ok(LeakSearch { scan, prefixes: rules.prefixes(), includes_unknown: request.includes_unknown })
    }
}

impl LeakSearch {
    /// What the search met next, in the store of `session`, for which it was started: at most 1,000 entries. It waits
    /// for the first at most for `patience` and for others not at all, so a page may be empty.
    ///
    /// `NotPermitted` once the one who acts is no Administrator any more. Fails otherwise when the store cannot be read,
    /// or at the end with `Internal`, when a thread met a defect and so something was left out.
    pub fn next(&self, session: &Session<'_>, patience: Duration) -> Result<LeakPage> {
        session.permit(&Operation::TOKEN_FIND)?;
        let end = Instant::now() + patience;
        let mut page = LeakPage::default();
        while page.leaks.len() + page.not_read.len() < MAXIMUM_ENTRIES {
            let left = end.saturating_duration_since(Instant::now());
            let is_empty = page.leaks.is_empty() && page.not_read.is_empty();
            match self.scan.next(if is_empty { left } else { Duration::ZERO })? {
                FileScanNext::Event(FileScanEvent::Found { path, candidate }) => {
                    page.leaks.extend(self.judge(session, path, &candidate)?);
                }
                FileScanNext::Event(FileScanEvent::NotRead { path, reason }) => page.not_read.push((path, reason)),
                FileScanNext::NotYet => break,
                FileScanNext::End => {
                    page.is_last = true;
                    break;
                }
            }
            // Many values that are not told of must not keep the caller waiting either.
            if left.is_zero() {
                break;
            }
        }
        page.progress = self.scan.progress();
        Ok(page)
    }

    /// What is told of a candidate, if anything is.
    fn judge(&self, engine: &Engine, path: Arc<Path>, candidate: &Candidate) -> Result<Option<Leak>> {
        let value = candidate.value.as_bytes();
        let (recognised, is_own) = match candidate.kind {
            CandidateKind::Opaque => {
                let parsed = opaque::parse(value);
                let is_own = parsed.as_ref().is_some_and(|it| self.prefixes.iter().any(|own| own == it.prefix));
                let stated_id = parsed.map(|parsed| parsed.id);
                (Recognised { token: engine.token_of(value)?, stated_id, key_id: None }, is_own)
            }
            CandidateKind::Jwt => {
                let recognised = engine.recognise_jwt(value)?;
                let is_own = recognised.key_id.is_some();
                (recognised, is_own)
            }
            CandidateKind::Foreign => {
                (Recognised { token: engine.foreign_token_of(value)?, ..Recognised::default() }, false)
            }
        };
        // How another system's values begin says too little to tell of those that nobody knows.
        let includes_unknown = self.includes_unknown && candidate.kind != CandidateKind::Foreign;
        let is_told = recognised.token.is_some() || is_own || includes_unknown;
        Ok(is_told.then_some(Leak {
            path,
            line: candidate.line,
            offset: candidate.offset,
            kind: candidate.kind,
            token: recognised.token,
            stated_id: recognised.stated_id,
            key_id: recognised.key_id,
        }))
    }
}

impl Engine {
    /// The token of which this is the value, whatever its state.
    fn token_of(&self, value: &[u8]) -> Result<Option<Token>> {
        Self::token_found(self.find_value(value, &self.keyring.current().digest(value)))
    }

    fn token_found(found: std::result::Result<TokenRecord, Outcome>) -> Result<Option<Token>> {
        Ok(Self::record_found(found)?.map(|record| record.token))
    }

    /// The token that was brought over from another system with this value, which may have the punctuation of the text
    /// around it behind it. A salted digest takes a password hash, so it is tried for the text as it was found and for
    /// the text without any of that, and not for what lies between.
    fn foreign_token_of(&self, found: &[u8]) -> Result<Option<Token>> {
        // The full stop of a sentence is a character that a value may have as well.
        let is_punctuation = |byte: &u8| matches!(byte, b'.' | b'~' | b'+' | b'/' | b'=' | b'-' | b'_');
        let behind = found.iter().rev().take(MAXIMUM_PUNCTUATION).take_while(|byte| is_punctuation(byte)).count();
        for cut in 0..=behind {
            let value = &found[..found.len() - cut];
            // Those in a form of the store's own are found as such.
            if opaque::parse(value).is_some() || jwt::inspect(value).is_ok() {
                return Ok(None);
            }
            let (digest, tries_salted) = (self.keyring.current().digest(value), cut == 0 || cut == behind);
            let token = Self::token_found(self.find_foreign(value, &digest, Outcome::Unknown, tries_salted))?;
            if token.is_some() {
                return Ok(token);
            }
        }
        Ok(None)
    }

    /// What is known of a text in the shape of a JWT. Its signature may have more characters than it should, those of
    /// the text that stands behind it.
    fn recognise_jwt(&self, found: &[u8]) -> Result<Recognised> {
        let Some(named) = jwt::named_key(found) else {
            // One that names no key is known by its whole text, and one of the store's own is signed by HMAC.
            let cut = jwt::with_signature_of(found, HMAC_SIGNATURE_CHARACTERS);
            let token = match self.token_of(found)? {
                None if cut.len() < found.len() => self.token_of(cut)?,
                token => token,
            };
            return Ok(Recognised {
                key_id: token.as_ref().and_then(|token| token.key_id.clone()),
                token,
                stated_id: None,
            });
        };
        let keys = self.ready_keys()?;
        let Some(key) = keys.get(&named).map(|ready| ready.minting.verifying_key()) else {
            return Ok(Recognised { stated_id: stated_id(found), ..Recognised::default() });
        };
        let value = jwt::with_signature_of(found, key.signature_characters());
        let token = self.token_of(value)?;
        // By the signature, never by what an unsigned text says: ids are public, so whoever can write a file could have
        // any token revoked.
        let is_signed = token.is_some() || jwt::verify_jws(value, key).is_ok();
        Ok(Recognised { token, stated_id: stated_id(value), key_id: is_signed.then_some(named) })
    }
}

/// The `jti` of a JWT, where that is in the form of a token's id.
fn stated_id(value: &[u8]) -> Option<TokenId> {
    let inspection = jwt::inspect(value).ok()?;
    match json::parse_object(inspection.payload.as_bytes()).ok()?.get("jti") {
        Some(Value::String(id)) => TokenId::parse(id),
        _ => None,
    }
}
