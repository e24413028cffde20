//! Exported functions over the audit log.

use std::fmt::Write;

use interoptopus::ffi;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::{AuditEvent, AuditFilter, AuditSubject};
use crate::service::Session;

use super::buffer::Buffer;
use super::call::call;
use super::{guard, handle};

/// The entries of a page when nothing is said.
const DEFAULT_PAGE: u32 = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ListRequest {
    event: Option<String>,
    actor: Option<String>,
    subject_kind: Option<String>,
    subject: Option<String>,
    outcome: Option<String>,
    from: Option<i64>,
    until: Option<i64>,
    after: Option<i64>,
    before: Option<i64>,
    newest_first: Option<bool>,
    limit: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventRecord {
    sequence: i64,
    at: i64,
    event: String,
    actor: String,
    actor_kind: String,
    subject_kind: &'static str,
    subject: Option<String>,
    outcome: String,
    detail: Option<String>,
    hash: String,
}

impl From<AuditEvent> for EventRecord {
    fn from(AuditEvent { sequence, event, hash }: AuditEvent) -> Self {
        Self {
            sequence,
            at: event.at,
            event: event.event,
            actor: event.actor,
            actor_kind: event.actor_kind,
            subject_kind: event.subject_kind.name(),
            subject: event.subject,
            outcome: event.outcome,
            detail: event.detail,
            hash: hexadecimal(&hash),
        }
    }
}

#[derive(Serialize)]
struct ListResponse {
    events: Vec<EventRecord>,
    next: Option<i64>,
}

/// Lists audit events: `{event?, actor?, subjectKind?, subject?, outcome?, from?, until?, after?, before?, newestFirst?,
/// limit?}` to `{events, next}`; `next` is the next page's `after`, or `before` when the newest come first, or null on
/// the last page. An event is `{sequence, at, event, actor, actorKind, subjectKind, subject, outcome, detail, hash}`.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_audit_list(store: u64, request: *const u8, request_length: u64, response: *mut Buffer) -> u32 {
    let list = |session: &Session<'_>, request: ListRequest| {
        let limit = request.limit.unwrap_or(DEFAULT_PAGE);
        let events = session.audit_events(&AuditFilter {
            event: request.event,
            actor: request.actor,
            subject_kind: request.subject_kind.as_deref().map(subject_kind).transpose()?,
            subject: request.subject,
            outcome: request.outcome,
            from: request.from,
            until: request.until,
            after: request.after,
            before: request.before,
            newest_first: request.newest_first.unwrap_or(false),
            limit,
        })?;
        let full = events.len() == usize::try_from(limit).unwrap_or(usize::MAX);
        let next = events.last().filter(|_| full).map(|last| last.sequence);
        Ok(ListResponse { events: events.into_iter().map(Into::into).collect(), next })
    };
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, list) }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CheckResponse {
    ok: bool,
    records: u64,
    last_hash: Option<String>,
    heads: u64,
    signed_up_to: i64,
    broken: Option<i64>,
    problem: Option<String>,
}

/// Checks the audit log: `{ok, records, lastHash, heads, signedUpTo, broken, problem}`; `broken` is the number of the
/// first record that is not as it was written, and `problem` says how.
///
/// # Safety
///
/// `response` may be written to.
#[ffi]
pub unsafe fn tessera_audit_check(store: u64, response: *mut Buffer) -> u32 {
    let check = || {
        let check = handle::find(store)?.session().check_audit()?;
        Ok(CheckResponse {
            ok: check.broken.is_none(),
            records: check.records,
            last_hash: check.last_hash.as_ref().map(|hash| hexadecimal(hash)),
            heads: check.heads,
            signed_up_to: check.signed_up_to,
            broken: check.broken.as_ref().map(|broken| broken.sequence),
            problem: check.broken.map(|broken| broken.problem),
        })
    };
    // SAFETY: by the contract.
    unsafe { guard::answer(response, check) }
}

fn subject_kind(name: &str) -> Result<AuditSubject> {
    AuditSubject::parse(name).ok_or_else(|| {
        Error::argument(
            "subjectKind",
            "The kind is not one of Token, Identity, Role, Organization, Profile, Key and Store.",
        )
    })
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
