//! The audit log: reading it, and checking that it is as it was written.

use std::ops::ControlFlow;

use crate::crypto::{chain, digest};
use crate::error::{Error, Result};
use crate::model::{AuditEvent, AuditFilter, AuditSubject, TokenId};
use crate::policy::Operation;
use crate::store::{AuditExtent, FoundRecord};

use super::identity::{bounded_page, bounded_pattern};
use super::{Engine, Session};

/// What a check of the audit log found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditCheck {
    /// How many records were good.
    pub records: u64,
    /// The hash of the last of them. Who keeps it elsewhere can tell later whether the log still has that record.
    pub last_hash: Option<[u8; chain::HASH_BYTES]>,
    /// How many signed heads were good.
    pub heads: u64,
    /// The record up to which a signature vouches for the log; zero when there is none. What comes after it is
    /// chained, and not signed yet.
    pub signed_up_to: i64,
    /// The first record that is not as it was written; none when all are.
    pub broken: Option<BrokenRecord>,
}

/// Where the audit log is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenRecord {
    /// The number of the first record that cannot be relied on. It may be one that is missing.
    pub sequence: i64,
    /// What was found, as a sentence for people.
    pub problem: String,
}

impl Session<'_> {
    /// The audit events that pass the filter, at most `filter.limit` (1 to 1,000), the oldest or the newest first.
    ///
    /// The last event's number, as `after` or `before`, leads to the next page.
    pub fn audit_events(&self, filter: &AuditFilter) -> Result<Vec<AuditEvent>> {
        self.permit(&Operation::AUDIT_READ)?;
        bounded_pattern(filter.event.as_deref(), "event")?;
        bounded_pattern(filter.actor.as_deref(), "actor")?;
        bounded_pattern(filter.subject.as_deref(), "subject")?;
        bounded_pattern(filter.outcome.as_deref(), "outcome")?;
        bounded_page(filter.limit)?;
        if filter.subject_kind == Some(AuditSubject::Token)
            && filter.subject.as_deref().is_some_and(|id| TokenId::parse(id).is_none())
        {
            // Not repeated: what was given in its place may be a token's value.
            return Err(Error::argument("subject", "A token's id has 12 characters of 0-9, A-Z and a-z."));
        }
        self.store.audit_events(filter)
    }

    /// Reads the whole audit log and checks that it is as it was written, and names the first record that is not.
    ///
    /// Each record's hash covers the one before it, and at intervals the newest record is signed with a key that is not
    /// in the database ([`crate::crypto::keyring::Keyring::audit_signature`]). So this finds any record up to the last
    /// signed head that was changed, removed, put in or exchanged, whoever did it without the store's key; and records
    /// that were removed from the end, as long as the head that names them, or SQLite's own note of the highest number,
    /// is still there. A change after the last signed head (at most one interval old) is found unless all hashes after
    /// it were made anew.
    ///
    /// It does not find: that the whole file was exchanged for an earlier copy of itself; that records and heads were
    /// removed from the end together with SQLite's note of them; that records were added at the end, with hashes that
    /// fit, before the next head was signed; and whatever was done by someone who has the store's key. Who keeps
    /// [`AuditCheck::last_hash`] elsewhere finds the first two.
    pub fn check_audit(&self) -> Result<AuditCheck> {
        self.permit(&Operation::AUDIT_CHECK)?;
        let mut walk = Walk { engine: self, found: AuditCheck::default(), last: 0 };
        let extent = self.store.walk_audit(&mut |record| walk.visit(&record))?;
        walk.end(&extent);
        Ok(walk.found)
    }
}

/// A walk over the log from its beginning.
struct Walk<'a> {
    engine: &'a Engine,
    found: AuditCheck,
    /// The number of the last good record.
    last: i64,
}

impl Walk<'_> {
    fn visit(&mut self, found: &FoundRecord) -> ControlFlow<()> {
        let expected = self.last + 1;
        let sequence = found.sequence;
        if sequence < expected {
            return self.broken(sequence, format!("There is a record {sequence}, but the log begins with record 1."));
        }
        if sequence > expected {
            return self.broken(expected, missing(expected, sequence - 1));
        }
        let previous = self.found.last_hash.unwrap_or(chain::BEGINNING);
        let Some(record) = &found.record else {
            return self.broken(sequence, format!("Record {sequence} holds what no record of the log does."));
        };
        if !digest::equal(&chain::link(&previous, sequence, &record.event), &record.hash) {
            return self
                .broken(sequence, format!("Record {sequence} does not have the hash that it was written with."));
        }
        if let Some((head, signature)) = &found.head {
            let facts = &self.engine.facts;
            let own = self.engine.keyring.audit_signature(&facts.store_id, head.sequence, head.at, &head.hash);
            if !digest::equal(&own, signature) {
                let problem = format!("The head that was signed at record {sequence} is not as it was signed.");
                return self.broken(sequence, problem);
            }
            if head.hash != record.hash {
                let first = self.found.signed_up_to + 1;
                return self.broken(
                    first,
                    format!(
                        "Records {first} to {sequence} are not those of the signed head at record {sequence}: \
                         they were written anew."
                    ),
                );
            }
            self.found.signed_up_to = sequence;
            self.found.heads += 1;
        }
        self.found.last_hash = Some(record.hash);
        self.found.records += 1;
        self.last = sequence;
        ControlFlow::Continue(())
    }

    /// Whether what should come after the last record is missing.
    fn end(&mut self, extent: &AuditExtent) {
        if self.found.broken.is_some() {
            return;
        }
        let last = self.last;
        if let Some(head) = extent.missing_head.filter(|head| *head < 1) {
            let _ = self.broken(head, format!("A head names a record {head}, but the log begins with record 1."));
        } else if extent.last_head.max(extent.highest) > last {
            let _ = self.broken(last + 1, missing(last + 1, extent.last_head.max(extent.highest)));
        } else if extent.highest_head > extent.last_head {
            let head = extent.highest_head;
            let _ = self.broken(head, format!("The head that was signed at record {head} is missing."));
        }
    }

    fn broken(&mut self, sequence: i64, problem: String) -> ControlFlow<()> {
        self.found.broken = Some(BrokenRecord { sequence, problem });
        ControlFlow::Break(())
    }
}

fn missing(first: i64, last: i64) -> String {
    if first == last {
        format!("Record {first} is missing.")
    } else {
        format!("Records {first} to {last} are missing.")
    }
}
