//! Tessera mints, stores, checks and revokes API tokens, in the process that uses them.
//!
//! This crate is the engine. Programs in .NET and scripts in PowerShell use it through its C ABI
//! (`bindings/Tessera` and `module` at the top of the repository); Rust programs use [`service::Engine`].
//!
//! ```
//! use tessera_native::model::{Outcome, TokenFormat};
//! use tessera_native::policy::{AccessContext, Lifetime};
//! use tessera_native::service::{Engine, GrantRequest, OpenOptions};
//!
//! # fn main() -> Result<(), tessera_native::error::Error> {
//! # let folder = tempfile::tempdir().unwrap();
//! let path = folder.path().join("tokens.db");
//! let engine = Engine::open(OpenOptions { path, create: true, ..Default::default() })?;
//! engine.create_identity("Adam", &["Operator".to_owned()], None)?;
//! let grant = engine.grant(&GrantRequest {
//!     identity: "Adam".to_owned(),
//!     name: Some("nightly".to_owned()),
//!     roles: Some(vec!["Reader".to_owned()]),
//!     format: TokenFormat::Opaque,
//!     lifetime: Lifetime::Seconds(30 * 86_400),
//!     not_before: None,
//!     tags: vec![],
//!     remark: None,
//!     audiences: vec![],
//!     key_id: None,
//! })?;
//! let request = AccessContext { role: Some("Reader"), audience: None };
//! assert_eq!(engine.validate(grant.value.as_bytes(), request).outcome, Outcome::Valid);
//! engine.revoke_token(grant.token.id.as_str(), Some("no longer needed"))?;
//! assert_eq!(engine.validate(grant.value.as_bytes(), request).outcome, Outcome::Revoked);
//! # Ok(())
//! # }
//! ```
//!
//! # The map
//!
//! Each room uses only those above it.
//!
//! | room | holds | stays out of |
//! | --- | --- | --- |
//! | [`error`], [`clock`], [`secret`] | error kinds with fixed codes, the only clock, bytes that wipe themselves | what a token is |
//! | [`model`] | plain data: tokens, identities, roles, signing keys, outcomes | I/O, clocks |
//! | [`crypto`] | the digest of tokens, the hash of passwords, signing keys, sealing at rest | what tokens mean |
//! | [`format`] | values as text: opaque tokens, JWTs, keys that callers bring; bytes in, bytes out | the store |
//! | [`policy`] | the rules, as pure functions: what may be granted, what a token admits | I/O: every input is an argument |
//! | [`store`] | persistence behind one trait; `sqlite/` and its `migrations/` | decisions |
//! | [`service`] | the use cases, one file each, and the cache of the check path | how a caller reached it |
//! | [`ffi`] | the C ABI, from whose inventory the C# bindings are generated; the only `unsafe` code | logic |
//!
//! Around the crate: `bindings/Tessera` (the .NET library: generated calls in `Native/`, the API by hand),
//! `module` (the PowerShell module: a cmdlet a file in `Commands/`, its views and help), `tests`.
//!
//! # Where a change goes
//!
//! - **A condition on the use of tokens** (an address, a path, a time of day): what the token carries goes into
//!   [`model::Token`] and a new column (below); what a request brings into [`policy::AccessContext`]; the rule is
//!   a line in `policy/admit.rs`, at its place in the documented order of checks, with its own
//!   [`model::Outcome`]. The C ABI's `tessera_token_validate` and .NET's `AccessContext` hand the input in.
//! - **A column of the store**: a new numbered file in `store/migrations/`, named in `store/sqlite/schema.rs`;
//!   the member in [`model`]; the statements in `store/sqlite/`; the record in `ffi/wire.rs` and in
//!   `bindings/Tessera`. A file that was released is never changed.
//! - **A cmdlet**: a file in `module/Commands/`, its name in `module/Tessera.psd1`, its view, if it writes a new
//!   kind of object, in `module/Tessera.Format.ps1xml`. It calls the .NET API and holds no rule of its own. Its help
//!   is made from its documentation, and its examples run as tests.
//! - **A use case**: a file or a method in [`service`], then an export in [`ffi`] and its entry in
//!   [`ffi::inventory`]; `cargo run --example generate-bindings` writes the C# side.
//!
//! # Invariants
//!
//! 1. A token's value is given out once, by the call that makes it, and is never written: not to the store, a
//!    log, an error, a view or a `Debug` text. What is kept is its digest under a key that lies elsewhere
//!    ([`crypto::digest`]); what is told is its public id.
//! 2. Rights live in the store, not in the value: a change of roles needs no new token.
//! 3. A revocation is durable before the call that makes it returns, and every check that starts after that, in
//!    any process on the store, refuses the token. The cache of the check path is believed only as long as
//!    [`store::Store::change_counter`] stands still.
//! 4. A check writes nothing on the caller's path, and a guess fills no cache.
//! 5. Unknown and wrong tokens get one answer for the same work. No secret is compared but in constant time.
//! 6. Time is 64 bits of seconds from one [`clock::Clock`], which a test can set. Units are in names.
//! 7. Every input has a stated limit, which is checked first: a token's value 8 KiB, a name 256 characters, a page
//!    1,000 entries.
//! 8. No argument, order of calls, thread or panic brings the host down ([`ffi`]).
//! 9. What a token may do is what it was granted, cut to what its identity has now ([`policy::Rights`]).
//! 10. When in doubt, refuse: without the store's word the outcome is `StoreUnavailable`, never `Valid`.

#![deny(missing_docs, unsafe_code, unsafe_op_in_unsafe_fn)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod clock;
pub mod crypto;
pub mod error;
#[allow(unsafe_code, reason = "the boundary to C, where callers' pointers are read")]
pub mod ffi;
pub mod format;
pub mod model;
pub mod policy;
pub mod secret;
pub mod service;
pub mod store;
