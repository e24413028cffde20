//! Tessera
pub mod clock;
pub mod crypto;
pub mod error;
pub mod format;
pub mod model;
pub mod secret;
