//! Files of tokens: how they leave one store and enter another, and how another system's tokens come in.
//!
//! Both forms are UTF-8 text and hold the same, a token a row; a file is read and written row by row, in bounded memory.
//! What a member may be is said in [`TransferRecord`]; a row has, of the members by which a value is recognised, those
//! of one [`Credential`]. Times are RFC 3339, or seconds since 1970.
//!
//! # JSON Lines
//!
//! One JSON object a line. The first is the header, which a list that another system wrote need not have:
//!
//! ```text
//! {"format":"tessera-tokens","version":1,"storeId":"8a4a...","peppers":"tessera-sealed-1$..."}
//! {"id":"hN3kQ0vZ8mXc","identity":"Adam","roles":["Reader"],"digest":"5c1f...","pepper":1,"format":"Opaque"}
//! {"identity":"Eva","profile":"Legacy","foreignDigest":"$argon2id$...","publicPart":"a81f"}
//! ```
//!
//! Members that are unknown or come twice are refused, as everywhere ([`super::json`]). A member that is `null`, empty
//! text or absent is none.
//!
//! # CSV
//!
//! RFC 4180: a row of column names, in any order and without regard to case, and then a row for each token. The names are
//! those of the members. The header is a row of its own before that:
//!
//! ```text
//! tessera-tokens,1,8a4a...,tessera-sealed-1$...
//! id,identity,roles,digest,pepper,format
//! hN3kQ0vZ8mXc,Adam,Reader;Auditor,5c1f...,1,Opaque
//! ```
//!
//! An empty cell is none. A list is a JSON array, or its entries with `;` between them. Conditions are a JSON object.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-`, `@`, a tab or a line break for a formula, and a formula can
//! run programs. So a cell that does is written with `'` before it, as is one that would look so without its leading
//! `'`; the reader takes that one `'` away again. No other `'` is touched, so every text comes back as it was. A
//! spreadsheet that writes such a file anew may still change digits that look like numbers or dates to it.
//!
//! The last row of a file with a header must have its line end: without one, nothing tells whether it was cut off.

mod csv;
mod json_lines;
mod reader;
mod record;
mod writer;

use std::fmt;

pub use reader::TransferReader;
pub use writer::TransferWriter;

use crate::crypto::foreign::ForeignDigest;
use crate::model::{Conditions, Revocation, TokenFormat, TokenId};
use crate::secret::Secret;

/// The most bytes of a row, its line end not counted.
pub const MAXIMUM_ROW_BYTES: usize = 65_536;

/// The most bytes of a value. The least is one.
pub const MAXIMUM_VALUE_BYTES: usize = 8_192;

/// The most bytes of a public part. The least is one.
pub const MAXIMUM_PUBLIC_PART_BYTES: usize = 256;

/// In which form a file of tokens is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferForm {
    /// A JSON object a line.
    JsonLines,
    /// Comma-separated values.
    Csv,
}

/// What a file that a store wrote says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferHeader {
    /// The id of the store that wrote it, 1 to 64 bytes.
    pub store_id: String,
    /// The peppers of the digests in it, sealed under a passphrase ([`crate::crypto::passphrase`]); none when no token
    /// in it has such a digest.
    pub peppers: Option<String>,
}

/// A token in a file. The limits of names and texts are those of a grant, and are not checked here.
#[derive(Debug)]
#[cfg_attr(test, derive(PartialEq))]
pub struct TransferRecord {
    /// `id`: the public id; none: the importing store makes one.
    pub id: Option<TokenId>,
    /// `profile`: the name of the profile; none: the importer says.
    pub profile: Option<String>,
    /// `identity`: the name of the identity that it speaks for. Never empty.
    pub identity: String,
    /// `name`: what its owner calls it.
    pub name: Option<String>,
    /// `roles`: the names of its roles; none: those that the profile gives.
    pub roles: Option<Vec<String>>,
    /// `tags`: its tags.
    pub tags: Vec<String>,
    /// `remark`: free text.
    pub remark: Option<String>,
    /// `audiences`: the audiences it is for.
    pub audiences: Vec<String>,
    /// `organizations`: the names of the organisations it has access to; none: those of its bound.
    pub organizations: Option<Vec<String>>,
    /// `conditions`: what its use is tied to, the referrer and the uses that are left included.
    pub conditions: Conditions,
    /// `createdBy`: who granted it.
    pub created_by: Option<String>,
    /// `parent`: the id of the token by which it was granted, and within whose rights it stays.
    pub parent: Option<TokenId>,
    /// `createdAt`: when, in seconds since 1970.
    pub created_at: Option<i64>,
    /// `notBefore`: when its time begins, in seconds since 1970.
    pub not_before: Option<i64>,
    /// `expiresAt`: the first second at which its time is over, since 1970.
    pub expires_at: Option<i64>,
    /// `warnAfter`: from when on a check says that it is about to expire, in seconds since 1970.
    pub warn_after: Option<i64>,
    /// `disabledAt`, `disabledBy`, `disabledReason`: who switched it off for now; empty where it is not said who.
    pub disabled: Option<Revocation>,
    /// `revokedAt`, `revokedBy`, `revokedReason`: its revocation; empty where it is not said who.
    pub revocation: Option<Revocation>,
    /// `decoy`: whether it admits nothing and is there to be stolen.
    pub is_decoy: bool,
    /// `keyId`: the id of the key that signed it, where it is a JWT.
    pub key_id: Option<String>,
    /// `format`: the form of its value; none: the profile's.
    pub format: Option<TokenFormat>,
    /// By what its value is recognised.
    pub credential: Credential,
}

/// By what a token's value is recognised after it was imported.
pub enum Credential {
    /// `digest` (32 bytes in hexadecimal) and `pepper` (1 or above): the digest of the value under a pepper of the
    /// header, the first of which has the number 1.
    Digest {
        /// HMAC-SHA-256 of the value.
        digest: [u8; 32],
        /// The pepper's number in the header.
        pepper_id: i64,
    },
    /// `value`: the value itself, 1 to 8,192 bytes without white space and control characters. It is read and never
    /// written.
    Value(Secret),
    /// `foreignDigest`, in a form of [`crate::crypto::foreign`], and `publicPart`: the digest by which another system
    /// recognised the value.
    Foreign {
        /// The digest.
        digest: ForeignDigest,
        /// The part of the value that it is found by: how the value goes on after its profile's prefix, 1 to 256 bytes
        /// without white space and control characters. A salted digest always has one.
        public_part: Option<String>,
    },
    /// None of these, for a JWT with `id` and `keyId`: its signature.
    Signature,
}

// Shows which it is and nothing of it.
impl fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Digest { .. } => "Digest(***)",
            Self::Value(_) => "Value(***)",
            Self::Foreign { .. } => "Foreign(***)",
            Self::Signature => "Signature",
        })
    }
}

/// The first member of a header: what kind of file it is.
const FORMAT_NAME: &str = "tessera-tokens";

/// The version of the files that are written, and the only one that is read.
const VERSION: u64 = 1;

/// The most bytes of a store's id.
const MAXIMUM_STORE_ID_BYTES: usize = 64;

#[cfg(test)]
mod tests;
