//! JSON Web Tokens against the threats that the strict front end is there for.
//!
//! - [`threats`]: attacks known by name, each as a table of tokens that are refused.
//! - [`claims`]: each claim's type; duplicates and other JSON that readers disagree about.
//! - [`text`]: the compact form and base64url.
//! - [`time`]: expiry and its neighbours, over the whole range of the clock.
//! - [`primitive`]: what the jsonwebtoken crate lets through and we do not.
//! - [`powershell_universal`]: the two real tokens of a documented system.
//! - [`round_trip`]: every algorithm and kind, made and checked.

mod claims;
mod powershell_universal;
mod primitive;
mod round_trip;
mod support;
mod text;
mod threats;
mod time;
