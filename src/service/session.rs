//! Acting: who may call the use cases, and what is recorded of it.

use std::ops::Deref;

use crate::model::{Actor, AuditSubject, NewAuditEvent, Revocation};

use super::Engine;

/// The use cases of a store, for one who acts.
///
/// What the actor may do is found anew at each call, so a change of roles or a revocation is felt at once.
#[derive(Clone, Copy)]
pub struct Session<'a> {
    engine: &'a Engine,
    actor: &'a Actor,
}

impl Engine {
    /// The use cases for the owner of the store's file and its key, who may do everything.
    pub fn owner(&self) -> Session<'_> {
        self.session(&Actor::LocalOwner)
    }

    /// The use cases for `actor`.
    pub fn session<'a>(&'a self, actor: &'a Actor) -> Session<'a> {
        Session { engine: self, actor }
    }
}

impl Deref for Session<'_> {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        self.engine
    }
}

impl Session<'_> {
    /// Who acts.
    pub fn actor(&self) -> &Actor {
        self.actor
    }

    /// The audit event of something that this actor does now.
    pub(super) fn event(
        &self,
        event: &str,
        subject_kind: AuditSubject,
        subject: impl Into<Option<String>>,
    ) -> NewAuditEvent {
        NewAuditEvent {
            at: self.now_seconds(),
            event: event.to_owned(),
            actor: self.actor.name().to_owned(),
            actor_kind: self.actor.kind(),
            subject_kind,
            subject: subject.into(),
            outcome: NewAuditEvent::SUCCESS.to_owned(),
            detail: None,
        }
    }

    /// A revocation by this actor, now.
    pub(super) fn revocation(&self, reason: Option<String>) -> Revocation {
        Revocation { at: self.now_seconds(), by: self.actor.name().to_owned(), reason }
    }
}
