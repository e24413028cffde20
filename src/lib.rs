//! Tessera
pub mod clock;
pub mod crypto;
pub mod error;
pub mod ffi;
pub mod format;
pub mod model;
pub mod policy;
pub mod secret;
pub mod service;
pub mod store;
