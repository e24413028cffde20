//! The C ABI: flat functions over handles, from which the C# bindings are generated.
//!
//! Rules of the boundary, which every function here keeps:
//!
//! - It answers with an error code, zero for success ([`crate::error::ErrorCode::number`]). What it has to
//!   say goes into `response`: on success the answer as JSON in UTF-8 (nothing when there is none; what a check found is in
//!   a form of its own), on an
//!   error `{"code", "message", "subject"}`. The caller frees it with [`tessera_buffer_free()`].
//! - Input is a pointer and a length in bytes; a null pointer goes with length 0. Lengths are checked before
//!   anything is read. The callee keeps nothing of it.
//! - Secrets have pointers, lengths and buffers of their own; they never travel in JSON. Buffers are wiped when
//!   they are freed.
//! - A store is a handle: a number that is refused with `InvalidHandle` when it was never given out or was
//!   closed. A call that runs while another closes the handle ends as if it had come first.
//!   So are a search for leaks and a key that a caller brings, with handles of their own.
//! - No panic leaves: it becomes the error `Internal`.
//!
//! The only `unsafe` code of the crate is in this room. To add a function: here, in [`inventory`], then run
//! `cargo run --example generate-bindings`.

#![allow(
    missing_docs,
    clippy::missing_safety_doc,
    reason = "the export macro does not pass on what stands at the functions"
)]

mod audit;
mod buffer;
mod call;
mod found;
mod guard;
mod handle;
mod identity;
mod input;
mod jwt;
mod key;
mod leak;
mod lifecycle;
mod organization;
mod profile;
mod role;
mod rotation;
mod store;
mod token;
mod transfer;
mod usage;
mod wire;

use interoptopus::function;
use interoptopus::inventory::RustInventory;

pub use audit::*;
pub use buffer::{Buffer, tessera_buffer_free};
pub use identity::*;
pub use jwt::*;
pub use key::*;
pub use leak::*;
pub use lifecycle::*;
pub use organization::*;
pub use profile::*;
pub use role::*;
pub use rotation::*;
pub use store::*;
pub use token::*;
pub use transfer::*;
pub use usage::*;

/// Everything that crosses the boundary, for the generator of the bindings.
pub fn inventory() -> RustInventory {
    RustInventory::new()
        .register(function!(tessera_buffer_free))
        .register(function!(tessera_version))
        .register(function!(tessera_store_open))
        .register(function!(tessera_store_sign_in))
        .register(function!(tessera_store_close))
        .register(function!(tessera_store_set_clock))
        .register(function!(tessera_store_status))
        .register(function!(tessera_store_check))
        .register(function!(tessera_store_backup))
        .register(function!(tessera_store_flush))
        .register(function!(tessera_store_optimize))
        .register(function!(tessera_store_restore))
        .register(function!(tessera_token_grant))
        .register(function!(tessera_token_grant_many))
        .register(function!(tessera_token_get))
        .register(function!(tessera_token_value))
        .register(function!(tessera_token_list))
        .register(function!(tessera_token_update))
        .register(function!(tessera_token_revoke))
        .register(function!(tessera_token_revoke_set))
        .register(function!(tessera_token_revoke_value))
        .register(function!(tessera_token_disable))
        .register(function!(tessera_token_enable))
        .register(function!(tessera_token_remove))
        .register(function!(tessera_token_usage))
        .register(function!(tessera_token_impact))
        .register(function!(tessera_token_rotate))
        .register(function!(tessera_rotation_prepare))
        .register(function!(tessera_rotation_deliver))
        .register(function!(tessera_rotation_abandon))
        .register(function!(tessera_token_validate))
        .register(function!(tessera_token_describe))
        .register(function!(tessera_export_open))
        .register(function!(tessera_export_next))
        .register(function!(tessera_export_close))
        .register(function!(tessera_import_open))
        .register(function!(tessera_import_write))
        .register(function!(tessera_import_finish))
        .register(function!(tessera_import_close))
        .register(function!(tessera_identity_create))
        .register(function!(tessera_identity_get))
        .register(function!(tessera_identity_list))
        .register(function!(tessera_identity_update))
        .register(function!(tessera_identity_remove))
        .register(function!(tessera_identity_verify))
        .register(function!(tessera_role_list))
        .register(function!(tessera_role_create))
        .register(function!(tessera_role_update))
        .register(function!(tessera_role_remove))
        .register(function!(tessera_profile_create))
        .register(function!(tessera_profile_get))
        .register(function!(tessera_profile_list))
        .register(function!(tessera_profile_update))
        .register(function!(tessera_profile_remove))
        .register(function!(tessera_organization_create))
        .register(function!(tessera_organization_get))
        .register(function!(tessera_organization_list))
        .register(function!(tessera_organization_update))
        .register(function!(tessera_organization_remove))
        .register(function!(tessera_audit_list))
        .register(function!(tessera_audit_check))
        .register(function!(tessera_leak_open))
        .register(function!(tessera_leak_next))
        .register(function!(tessera_leak_close))
        .register(function!(tessera_key_create))
        .register(function!(tessera_key_list))
        .register(function!(tessera_key_import))
        .register(function!(tessera_key_revoke))
        .register(function!(tessera_key_remove))
        .register(function!(tessera_key_export))
        .register(function!(tessera_jwt_key_open))
        .register(function!(tessera_jwt_key_close))
        .register(function!(tessera_jwt_mint))
        .register(function!(tessera_jwt_verify))
        .register(function!(tessera_jwt_inspect))
        .register(function!(tessera_jws_verify))
        .validate()
}
