//! Cryptography: digests, passwords, signatures and keys. It knows bytes and keys, not what tokens mean.
//!
//! All of it rests on AWS-LC (through `aws-lc-rs`), on the `argon2` crate and on `siphasher`; nothing is implemented here.
//! What this room adds is the choice of parameters, the limits, and types that cannot be mixed up: a key
//! knows its one algorithm, a wrapped value knows its purpose, and no `Debug` shows a secret.

mod argon2_hash;
pub mod chain;
pub(crate) mod der;
pub mod digest;
pub mod fingerprint;
pub mod foreign;
pub mod keyring;
pub mod passphrase;
pub mod password;
pub mod random;
mod sealing;
pub mod signing;
mod turn;
