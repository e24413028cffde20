//! Tessera mints, stores, checks, rotates and revokes API tokens, in the process that uses them.
//!
//! This crate is the engine. Programs in .NET and scripts in PowerShell use it through its C ABI
//! (`bindings/Tessera` and `module` at the top of the repository); Rust programs use [`service::Engine`].
//!
//! ```
//! use tessera_native::model::Outcome;
//! use tessera_native::policy::{AccessContext, Lifetime};
//! use tessera_native::service::{Engine, GrantRequest, OpenOptions};
//!
//! # fn main() -> Result<(), tessera_native::error::Error> {
//! # let folder = tempfile::tempdir().unwrap();
//! let path = folder.path().join("tokens.db");
//! let engine = Engine::open(OpenOptions { path, create: true, ..Default::default() })?;
//! engine.owner().create_identity("Adam", &["Operator".to_owned()], None)?;
//! let grant = engine.owner().grant(&GrantRequest {
//!     identity: "Adam".to_owned(),
//!     name: Some("nightly".to_owned()),
//!     roles: Some(vec!["Reader".to_owned()]),
//!     lifetime: Lifetime::Seconds(30 * 86_400),
//!     ..Default::default()
//! })?;
//! let request = AccessContext { role: Some("Reader"), ..AccessContext::default() };
//! assert_eq!(engine.validate(grant.value.as_bytes(), request).outcome, Outcome::Valid);
//! engine.owner().revoke_token(grant.token.id.as_str(), Some("no longer needed"))?;
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
//! | [`model`] | plain data: tokens, identities, roles, organisations, profiles, conditions, signing keys, audit events, outcomes | I/O, clocks |
//! | [`crypto`] | the digests of tokens, the hash of passwords, signing keys, sealing at rest and under a passphrase, the chain of the audit log | what tokens mean |
//! | [`mod@format`] | values as text: opaque tokens, JWTs, keys that callers bring, files of tokens, values within other files; bytes in, bytes out | the store |
//! | [`policy`] | the rules, as pure functions: who may do what, what a profile grants, what a token admits, what may be rotated | I/O: every input is an argument |
//! | [`store`] | persistence behind one trait; `sqlite/` and its `migrations/`; `unsafe` for the mapping of one number, in `sqlite/mapping.rs`, and nothing else | decisions |
//! | [`service`] | the use cases, a file for each subject, and the cache of the check path | how a caller reached it |
//! | [`ffi`] | the C ABI, from whose inventory the C# bindings are generated; `unsafe` | logic |
//!
//! Around the crate: `bindings/Tessera` (the .NET library: generated calls in `Native/`, the API by hand),
//! `module` (the PowerShell module: a cmdlet a file in `Commands/`, its views and help), `tests`, and in `tests/bench` how fast
//! all of it is, with its own `README.md`.
//!
//! # Where a change goes
//!
//! - **A condition on the use of tokens** (an address, a path, a time of day). What a token carries is
//!   a member of `model/condition.rs`, in one column; its limits and normal form are in `check` and what it admits in
//!   `Compiled`, both in `policy/condition/`; what a granted token takes over from it, in `policy/condition/within.rs`;
//!   in .NET `TokenConditions.cs`, in the module `Commands/GrantTesseraTokenCommand.cs`. What a request brings goes into
//!   [`policy::AccessContext`], whose `asks_nothing` says with which members a hot check may leave out the rules; the rule
//!   is a line in `policy/admit.rs`, at its place in the documented order of checks, with its own [`model::Outcome`] and a
//!   case in the tests there. Then the way to it: the member of `AccessRequest` in `ffi/token.rs` and its line in
//!   `access_context`; `cargo run --example generate-bindings`; the same member of `NativeAccessRequest` in
//!   `bindings/Tessera/Native/NativeCalls.cs`; the member in `AccessContext.cs` and its encoding in
//!   `TokenStore.Validation.cs`; the parameter in `module/Commands/TestTesseraTokenCommand.cs`.
//! - **A column of the store**: a new numbered file in `store/migrations/`, named in `store/sqlite/schema.rs` (a file
//!   that was released is never changed), and the member in [`model`].
//!   A table that a check rests on has triggers that write what changes in it into the table `change`
//!   (`store/migrations/0003_changes.sql`), and a case in the tests of `store/sqlite/changes.rs`. A change of a new scope
//!   has a [`store::Slot`] (`store/changes.rs`), a line of `slots_of` in `store/sqlite/changes.rs`, which takes what
//!   it does not know for a change of everything, and a place among the slots of what rests on it.
//!   The way in: [`store::NewToken`] and its `INSERT` in `store/sqlite/tokens.rs`, [`service::GrantRequest`], its limit
//!   in `policy/grant.rs`, `Granting` in `ffi/token.rs`; in .NET `TokenGrantRequest.cs` and `Native/WireRecords.cs`;
//!   in the module `Commands/GrantTesseraTokenCommand.cs`.
//!   The way out: `SELECT` and `token` in `store/sqlite/tokens.rs`, the record in `ffi/wire.rs`, `Token.cs`, and the
//!   module's `GrantedToken.cs` and `Tessera.Format.ps1xml`. A check has its own: the statement of
//!   `store/sqlite/checked.rs`, column for column as `SELECT`. What a check found and the tokens of `GrantMany` leave by
//!   `ffi/found.rs` and `Native/FoundTokenReader.cs`, member for member in the same order. .NET refuses an answer in JSON with a member it does not know; that the two ways say the
//!   same is held by the test in `checked.rs` and by `A_check_shows_the_token_as_every_other_read_does` in
//!   `tests/dotnet/ValidationCostTests.cs`, where a token with everything (`Full`, which `GrantManyTests.cs` grants too) is
//!   read both ways: let it have the new member there. Beside these: a successor takes it over in `insert` of
//!   `store/sqlite/rotation.rs`, and a file of tokens holds it by `format/transfer/record.rs` with `exported` and
//!   `prepare` in `service/transfer.rs`; what ends a token is replayed over a backup in `store/sqlite/restore.rs`.
//! - **A setting of profiles**: the member in `model/profile.rs`, its limits in `check` of `policy/profile.rs` with a
//!   case in the tests there, and the rule where it belongs: `policy/terms.rs` for a grant, `policy/expiry.rs` for its
//!   end, `policy/bound.rs` for what a token may do at each use. Where a document states the rule, a case in
//!   `tests/rules` names it. In .NET `ProfileSettings.cs`, in the module the parameter in `ProfileSettingsCmdlet.cs`
//!   (`OptionalSetting.cs` where it can be taken away again) and the view.
//! - **An audit event**: [`policy::Operation`] names it or, where nobody asked for it, a constant of the service that
//!   notes it; what it is about is an [`model::AuditSubject`] (`AuditSubjectKind.cs`). `tests/audit.rs` has them all.
//! - **A form of transfer files**: a reader and a writer in `format/transfer/`, its name in `ffi/transfer.rs` and
//!   `TokenTransferFormat.cs`.
//! - **An operation**: a line of the table in `policy/permit.rs`, which says who may do it; the use case asks
//!   [`policy::permitted`] or, for a token, [`policy::may_change`].
//! - **A cmdlet**: a file in `module/Commands/` with a class over `StoreCmdlet`, which calls the .NET API through
//!   `Attempt` and holds no rule of its own; errors come from `Errors.cs`, secrets are `SecretText`. Its name goes into
//!   `module/Tessera.psd1`, `tests/dotnet/ModuleManifestTests.cs` and the README's table; a new kind of object gets its
//!   view in `Tessera.Format.ps1xml`. Its help is made from its documentation, and the examples run as tests.
//! - **A use case**: a method of [`service::Session`] in the file of its subject, then an export in [`ffi`] and its entry
//!   in [`ffi::inventory`]. If it changes something, the store's method takes its audit event and appends it in the same
//!   transaction; `tests/audit.rs` has the list of all these methods, and fails until the new one is in it.
//!
//! Rules are tested beside the code, the store and the services in `tests/*.rs`, the .NET API and the module (in a
//! real PowerShell engine) in `tests/dotnet`; `dotnet run tests/run.cs` runs everything.
//!
//! # Invariants
//!
//! 1. A token's value is given out once, by the call that makes it, and is never written: not to the store, a
//!    log, an error, a view or a `Debug` text. What is kept is its digest under a key that lies elsewhere
//!    ([`crypto::digest`]); what is told is its public id. Only a profile that says so keeps values, sealed under the
//!    store's key, and gives them again to who may rotate the token.
//! 2. Rights live in the store, not in the value: a change of roles needs no new token.
//! 3. A revocation is durable before the call that makes it returns, and every check that starts after that, in
//!    any process on the store, refuses the token. What the check path keeps in memory is believed only as long as nothing
//!    that it rests on is among the changes that [`store::Store::change_number`] takes in, which triggers of the store write.
//!    That there are none is told by a counter in a file beside the store, which every process has mapped
//!    (`store/sqlite/counter.rs` says why no change is missed); whatever writes to the store without it, or replaces the
//!    store's file, is noticed within a tenth of a second.
//! 4. A check writes nothing on the caller's path, but for four durable conditional updates that happen once or that the
//!    token asks for: a use that is counted, the first use of a value that awaits it (a successor's that waits, or one that a
//!    repeat could replace), a retired value or a decoy that is presented,
//!    and an imported token's digest made anew at its first use. A guess pushes nothing out of memory that is known of a
//!    token, and what is kept there is found by a fingerprint that opens nothing ([`crypto::fingerprint`]). What a check
//!    notes of uses and refusals is written down in batches by a thread of the engine's ([`service::Engine::flush`]), and no time of last use goes back.
//! 5. Unknown and wrong tokens get one answer for the same work. No secret is compared but in constant time.
//! 6. Time is 64 bits of seconds from one [`clock::Clock`], which a test can set. A point in time is seconds since
//!    1970; a length of time has its unit in its name.
//! 7. Every input that crosses the C ABI has a stated limit, which is checked before it is read: a token's value
//!    8 KiB, a name 256 characters, a page 1,000 entries, a request 1 MiB (for many tokens 16 MiB).
//! 8. No argument, order of calls, thread or panic brings the host down ([`ffi`]).
//! 9. Every use case is done for a [`model::Actor`]: the store's owner, an identity or a token. What it may do is found anew
//!    each time and asked of one table ([`policy::permitted`]), and who it was is recorded with what was done. What it
//!    may not see is told like what is not there.
//! 10. What a token may do is what it was granted, cut to what bounds it now: its identity, its creator, or both, as its
//!     profile says, and always the token that granted it ([`policy::bound`]).
//! 11. When in doubt, refuse: without the store's word the outcome is `StoreUnavailable`, never `Valid`.
//! 12. Every change appends one record to the audit log, in its own transaction. Each record's hash covers the one before
//!     it ([`crypto::chain`]), and at intervals the newest is signed with a key that is not in the database:
//!     [`service::Session::check_audit`] says what that finds and what it does not.

#![deny(missing_docs, unsafe_code, unsafe_op_in_unsafe_fn)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod clock;
pub mod crypto;
pub mod error;
#[allow(unsafe_code, reason = "the boundary to C, where callers' pointers are read")]
pub mod ffi;
pub mod format;
pub mod model;
mod numbered;
pub mod policy;
pub mod secret;
pub mod service;
pub mod store;
