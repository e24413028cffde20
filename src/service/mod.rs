//! The use cases, a file for each subject, over a store, its key and a clock.

mod audit;
mod cache;
mod file_scan;
mod grant;
mod identity;
mod jwt;
mod key;
mod key_file;
mod leak;
mod lifecycle;
mod maintenance;
mod open;
mod organization;
mod pepper;
mod profile;
mod rate;
mod repeat;
mod role;
mod rotate;
mod rules;
mod session;
mod token;
mod transfer;
mod usage;
mod validate;

pub use audit::{AuditCheck, BrokenRecord};
pub use file_scan::{
    FileScan, FileScanEvent, FileScanNext, FileScanOptions, FileScanProgress, MAXIMUM_SCAN_THREADS, NotRead,
};
pub use grant::{Grant, GrantRequest, KeyedGrant};
pub use jwt::{MintRequest, Minted, VerifiedJwt, VerifyRequest, mint_with, verify_with};
pub use key::KeyExport;
pub use leak::{Leak, LeakPage, LeakRequest, LeakSearch};
pub use lifecycle::Optimization;
pub use maintenance::StoreStatus;
pub use open::OpenOptions;
pub use rotate::{Rotation, RotationRequest};
pub use session::Session;
pub use transfer::{BadLine, Export, ExportOptions, ImportCounts, ImportEvent, ImportOptions, ImportReport};
pub use usage::FlushCounts;
pub use validate::Finding;

use std::sync::Arc;

use crate::clock::Clock;
use crate::crypto::keyring::Keyring;
use crate::store::{Store, StoreFacts};

use self::cache::VerdictCache;
use self::identity::KeptIdentities;
use self::key::KeySet;
use self::pepper::ImportedPeppers;
use self::rate::Rates;
use self::rules::KeptRules;
use self::usage::Usage;

/// An open store. It may be used from any number of threads at once. Its use cases are those of a [`Session`]: each is
/// done for someone, and recorded.
pub struct Engine {
    store: Arc<dyn Store>,
    keyring: Arc<Keyring>,
    clock: Arc<dyn Clock>,
    facts: StoreFacts,
    path: std::path::PathBuf,
    verdicts: VerdictCache,
    keys: KeySet,
    imported_peppers: ImportedPeppers,
    rules: KeptRules,
    identities: KeptIdentities,
    rates: Rates,
    usage: Usage,
}

impl Engine {
    /// The full path of the store's file.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// The issuer of the store's JWTs (RFC 7519 section 4.1.1).
    pub fn issuer(&self) -> &str {
        &self.facts.issuer
    }

    /// The time by the store's clock, in seconds since 1970.
    pub fn now_seconds(&self) -> i64 {
        self.clock.now_seconds()
    }
}
