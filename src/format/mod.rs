//! The forms of token values and keys as text: made, parsed and checked. Bytes in, bytes out; the store is
//! not known here, and time is always an argument.
//!
//! - [`opaque`]: values that mean nothing by themselves, the default.
//! - [`jwt`]: JSON Web Tokens, behind a strict front end of our own.
//! - [`key`]: keys that a caller brings: secrets, PEM, JWK.
//! - [`json`]: the strict JSON that the latter two rest on.
//! - [`scan`]: the first two wherever they stand in other bytes.
//! - [`transfer`]: files of tokens on their way from store to store, as JSON Lines and CSV.

pub(crate) mod base64url;
pub mod json;
pub mod jwt;
pub mod key;
pub mod opaque;
pub mod scan;
pub mod transfer;
