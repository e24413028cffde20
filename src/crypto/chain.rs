//! The hash chain of the audit log: each record's hash covers the record before it, so that none can be changed,
//! taken out or put in without changing every hash after it.

use aws_lc_rs::digest::{Context, SHA256};

use crate::model::NewAuditEvent;

/// The length of a hash in bytes.
pub const HASH_BYTES: usize = 32;

/// What stands for the hash before the first record.
pub const BEGINNING: [u8; HASH_BYTES] = [0; HASH_BYTES];

/// The hash of the record with this number after the one with the hash `previous`: SHA-256 over `previous`, and then
/// the number and each member of the event in the order of [`NewAuditEvent`]. Numbers are 8 bytes, big endian; a text is
/// one byte 1, its length in bytes as a number and its UTF-8; a text that is absent is one byte 0.
pub fn link(previous: &[u8; HASH_BYTES], sequence: i64, event: &NewAuditEvent) -> [u8; HASH_BYTES] {
    let mut context = Context::new(&SHA256);
    context.update(previous);
    context.update(&sequence.to_be_bytes());
    context.update(&event.at.to_be_bytes());
    let texts = [
        Some(event.event.as_str()),
        Some(event.actor.as_str()),
        Some(event.actor_kind.as_str()),
        Some(event.subject_kind.name()),
        event.subject.as_deref(),
        Some(event.outcome.as_str()),
        event.detail.as_deref(),
    ];
    for text in texts {
        match text {
            None => context.update(&[0]),
            Some(text) => {
                context.update(&[1]);
                context.update(&(text.len() as u64).to_be_bytes());
                context.update(text.as_bytes());
            }
        }
    }
    let mut hash = [0_u8; HASH_BYTES];
    // SHA-256 gives exactly this many bytes.
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AuditSubject;

    fn event() -> NewAuditEvent {
        NewAuditEvent {
            at: 1,
            event: "token.grant".into(),
            actor: "Adam".into(),
            actor_kind: "identity".into(),
            subject_kind: AuditSubject::Token,
            subject: None,
            outcome: "Success".into(),
            detail: Some(String::new()),
        }
    }

    #[test]
    fn every_part_of_a_record_is_in_its_hash() {
        let base = link(&BEGINNING, 1, &event());
        assert_eq!(base, link(&BEGINNING, 1, &event()));
        let changed = [
            NewAuditEvent { at: 2, ..event() },
            NewAuditEvent { event: "token.gran".into(), ..event() },
            // A character that moves from one member to the next.
            NewAuditEvent { event: "token.gran".into(), actor: "tAdam".into(), ..event() },
            NewAuditEvent { actor_kind: "owner".into(), ..event() },
            NewAuditEvent { subject_kind: AuditSubject::Key, ..event() },
            NewAuditEvent { subject: Some(String::new()), ..event() },
            NewAuditEvent { outcome: "Denied".into(), ..event() },
            NewAuditEvent { detail: None, ..event() },
        ];
        for (number, event) in changed.iter().enumerate() {
            assert_ne!(base, link(&BEGINNING, 1, event), "{number}");
        }
        assert_ne!(base, link(&base, 1, &event()));
        assert_ne!(base, link(&BEGINNING, 2, &event()));
    }
}
