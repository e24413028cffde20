//! What the tests over a whole store share.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;
use tessera_native::clock::{Clock, FixedClock};
use tessera_native::model::{Outcome, TokenFormat};
use tessera_native::policy::AccessContext;
use tessera_native::service::{Engine, Grant, GrantRequest, OpenOptions};

/// The time at which the tests' clocks begin: 2026-01-01T00:00:00Z.
pub const NOW: i64 = 1_767_225_600;

/// A store in a folder of its own, with a clock that the test sets.
pub struct Fixture {
    pub engine: Engine,
    pub clock: Arc<FixedClock>,
    pub folder: TempDir,
}

/// A temporary folder; kept, when the whole suite wants to look through every store afterwards.
pub fn folder() -> TempDir {
    match std::env::var_os("TESSERA_TEST_KEEP_STORES") {
        None => tempfile::tempdir().unwrap(),
        Some(kept) => {
            let mut folder = tempfile::Builder::new().prefix("rust-").tempdir_in(kept).unwrap();
            folder.disable_cleanup(true);
            folder
        }
    }
}

/// A fixture that has the identity Adam, with the role Operator.
pub fn fixture() -> Fixture {
    let folder = folder();
    let clock = Arc::new(FixedClock::new(NOW));
    let engine = open_at(folder.path().join("tokens.db"), &clock);
    engine.owner().create_identity("Adam", &["Operator".to_owned()], None).unwrap();
    Fixture { engine, clock, folder }
}

impl Fixture {
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("tokens.db")
    }

    pub fn grant(&self) -> Grant {
        self.engine.owner().grant(&request()).unwrap()
    }

    pub fn grant_jwt(&self) -> Grant {
        self.engine.owner().grant(&GrantRequest { format: Some(TokenFormat::Jwt), ..request() }).unwrap()
    }

    pub fn check(&self, grant: &Grant) -> Outcome {
        check(&self.engine, grant.value.as_bytes())
    }
}

/// A request for an opaque token for Adam, with all that he has.
pub fn request() -> GrantRequest {
    GrantRequest { identity: "Adam".to_owned(), ..GrantRequest::default() }
}

/// Opens the store at `path`, by `clock`.
pub fn open_at(path: PathBuf, clock: &Arc<FixedClock>) -> Engine {
    let clock = SharedClock(Arc::clone(clock));
    Engine::open_with_clock(OpenOptions { path, create: true, ..Default::default() }, Box::new(clock)).unwrap()
}

/// What a check of `value` comes to, with nothing asked beside it.
pub fn check(engine: &Engine, value: &[u8]) -> Outcome {
    engine.validate(value, AccessContext::default()).outcome
}

/// A clock that the test and the engine share.
pub struct SharedClock(pub Arc<FixedClock>);

impl Clock for SharedClock {
    fn now_seconds(&self) -> i64 {
        self.0.now_seconds()
    }
}
