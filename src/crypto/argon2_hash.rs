//! Argon2 (RFC 9106): the work, its limits, and hashes as PHC strings.
//!
//! A PHC string names its own parameters, and it may come from a stolen or restored database or from another system.
//! So it is held to limits before any work: at most 256 MiB, 10 passes and 8 lanes.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use super::digest;
use super::turn::Turn;
use crate::error::{Error, ErrorCode, Result};

/// What a hash takes to be made again.
pub(super) struct Argon2Hash {
    pub(super) algorithm: Algorithm,
    pub(super) version: Version,
    pub(super) parameters: Params,
    /// 8 to 48 bytes.
    pub(super) salt: Vec<u8>,
    /// 16 to 64 bytes.
    pub(super) tag: Vec<u8>,
}

impl Argon2Hash {
    /// Reads a PHC string. A refusal says which rule was broken, as the end of a sentence that begins with the thing.
    ///
    /// The parameters must be `m`, `t` and `p`, in that order, and nothing else: hashes with a key of their own cannot
    /// be made again here. A string without a version is of version 1.0, as in the reference program.
    pub(super) fn parse(phc: &str) -> std::result::Result<Self, &'static str> {
        if phc.len() > MAXIMUM_PHC_BYTES {
            return Err("is longer than 512 bytes");
        }
        let hash = PasswordHash::new(phc).map_err(|_| "is not a PHC string")?;
        let algorithm = hash.algorithm.as_str().parse().map_err(|_| "is not of Argon2")?;
        let version = Version::try_from(hash.version.unwrap_or(Version::V0x10.into()))
            .map_err(|_| "is of a version of Argon2 other than 1.0 and 1.3")?;
        let parameters = parse_parameters(&hash.params)?;
        let (Some(salt), Some(tag)) = (hash.salt, hash.hash) else {
            return Err("lacks its salt or its tag");
        };
        let (salt, tag) = (salt.as_ref().to_vec(), tag.as_bytes().to_vec());
        if salt.len() < MINIMUM_SALT_BYTES || tag.len() < MINIMUM_TAG_BYTES {
            return Err("has a salt under 8 bytes or a tag under 16");
        }
        Ok(Self { algorithm, version, parameters, salt, tag })
    }

    /// Whether the hash is that of `secret`. Takes a turn.
    pub(super) fn verify(&self, secret: &[u8]) -> Result<bool> {
        let tag = derive(self.algorithm, self.version, &self.parameters, secret, &self.salt, self.tag.len())?;
        Ok(digest::equal(&tag, &self.tag))
    }

    /// The hash as a PHC string: what [`Argon2Hash::parse`] reads.
    pub(super) fn to_phc(&self) -> Result<String> {
        let encoded = PasswordHash {
            algorithm: self.algorithm.into(),
            version: Some(self.version.into()),
            params: ParamsString::try_from(&self.parameters).map_err(|_| unusable())?,
            salt: Some(Salt::new(&self.salt).map_err(|_| unusable())?),
            hash: Some(Output::new(&self.tag).map_err(|_| unusable())?),
        };
        Ok(encoded.to_string())
    }
}

/// Reads parameters as a PHC string has them, and holds them to the limits.
pub(super) fn parse_parameters(text: &ParamsString) -> std::result::Result<Params, &'static str> {
    const OTHER_FORM: &str = "has parameters of another form than m=...,t=...,p=...";
    let parameters = Params::try_from(text).map_err(|_| OTHER_FORM)?;
    // Written down again it must be the same, so that none is missing, given twice or in another order.
    let is_canonical = ParamsString::try_from(&parameters).is_ok_and(|canonical| canonical == *text);
    if !is_canonical || !parameters.keyid().is_empty() || !parameters.data().is_empty() {
        return Err(OTHER_FORM);
    }
    if parameters.m_cost() > MAXIMUM_MEMORY_KIBIBYTES
        || parameters.t_cost() > MAXIMUM_PASSES
        || parameters.p_cost() > MAXIMUM_LANES
    {
        return Err("asks for more than 256 MiB, 10 passes or 8 lanes");
    }
    Ok(parameters)
}

/// The Argon2 tag of `secret`, of so many bytes. Takes a turn.
pub(super) fn derive(
    algorithm: Algorithm,
    version: Version,
    parameters: &Params,
    secret: &[u8],
    salt: &[u8],
    tag_bytes: usize,
) -> Result<Zeroizing<Vec<u8>>> {
    let failed = |_| Error::new(ErrorCode::Internal, "A slow hash could not be computed: is there memory left?");
    let parameters = Params::new(parameters.m_cost(), parameters.t_cost(), parameters.p_cost(), Some(tag_bytes))
        .map_err(|_| unusable())?;
    let argon2 = Argon2::new(algorithm, version, parameters);
    let mut tag = Zeroizing::new(vec![0_u8; tag_bytes]);
    let _turn = Turn::take()?;
    argon2.hash_password_into(secret, salt, &mut tag).map_err(failed)?;
    #[cfg(test)]
    work::note(&argon2, tag_bytes);
    Ok(tag)
}

const MAXIMUM_MEMORY_KIBIBYTES: u32 = 256 * 1_024;
const MAXIMUM_PASSES: u32 = 10;
const MAXIMUM_LANES: u32 = 8;
const MAXIMUM_PHC_BYTES: usize = 512;
const MINIMUM_SALT_BYTES: usize = 8;
const MINIMUM_TAG_BYTES: usize = 16;

fn unusable() -> Error {
    Error::new(ErrorCode::Internal, "The parameters of a slow hash are not usable.")
}

/// The work that was done, for tests that count it.
#[cfg(test)]
pub(super) mod work {
    use std::cell::RefCell;

    use argon2::Argon2;

    thread_local! {
        /// Memory, passes, lanes and tag of each hash that this thread computed.
        static DONE: RefCell<Vec<(u32, u32, u32, usize)>> = const { RefCell::new(Vec::new()) };
    }

    pub(in crate::crypto) fn note(argon2: &Argon2<'_>, tag_bytes: usize) {
        let done = argon2.params();
        DONE.with_borrow_mut(|all| all.push((done.m_cost(), done.t_cost(), done.p_cost(), tag_bytes)));
    }

    /// What this thread did since it was asked last.
    pub(in crate::crypto) fn take() -> Vec<(u32, u32, u32, usize)> {
        DONE.take()
    }
}
