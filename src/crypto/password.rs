//! Passwords: Argon2id (RFC 9106), in PHC strings.
//!
//! A password is guessed, not stolen, so its hash must be slow and large. As many are computed at once as there are
//! cores; a flood beyond that waits or is turned away.

use argon2::{Algorithm, Params, Version};
use zeroize::Zeroizing;

use super::argon2_hash::{self, Argon2Hash};
use super::random;
use crate::error::{Error, ErrorCode, Result};

/// The most bytes that a password may have. The least is one.
pub const MAXIMUM_PASSWORD_BYTES: usize = 1_024;

/// What came of checking a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordCheck {
    /// It is the password.
    Match {
        /// Whether the stored hash was made with other parameters than today's: hash the password anew.
        needs_rehash: bool,
    },
    /// It is not.
    Mismatch,
}

/// Hashes a password under a fresh salt. The result is a PHC string, which names its own parameters.
///
/// Refuses a password that is empty or over [`MAXIMUM_PASSWORD_BYTES`] with
/// [`ErrorCode::InvalidArgument`].
pub fn hash(password: &[u8]) -> Result<String> {
    check_length(password)?;
    let mut salt = [0_u8; SALT_BYTES];
    random::fill(&mut salt)?;
    let parameters = current_parameters()?;
    let tag = derive(password, &salt, &parameters)?.to_vec();
    let hash =
        Argon2Hash { algorithm: Algorithm::Argon2id, version: Version::V0x13, parameters, salt: salt.to_vec(), tag };
    hash.to_phc()
}

/// Checks a password against a stored PHC string.
///
/// The stored string is attacker's input after a theft or a restore, so it is held to limits: Argon2id of
/// version 1.3, at most 256 MiB, 10 passes and 8 lanes, a salt of 8 to 48 bytes and a tag of 16 to 64.
/// Anything else is [`ErrorCode::StoreCorrupt`]. A password outside the limits of [`hash`] is
/// [`ErrorCode::InvalidArgument`].
pub fn verify(password: &[u8], phc: &str) -> Result<PasswordCheck> {
    check_length(password)?;
    let stored = parse(phc)?;
    if !stored.verify(password)? {
        return Ok(PasswordCheck::Mismatch);
    }
    Ok(PasswordCheck::Match { needs_rehash: !is_current(&stored) })
}

/// Does the work of [`verify`] for an identity that does not exist or has no password, so that the time
/// taken does not tell which identities there are. The answer is always a mismatch.
pub fn verify_absent(password: &[u8]) -> Result<PasswordCheck> {
    check_length(password)?;
    derive(password, &[0; SALT_BYTES], &current_parameters()?)?;
    Ok(PasswordCheck::Mismatch)
}

// OWASP's first choice for one pass, which also meets ASVS 5.0 appendix C.
const MEMORY_KIBIBYTES: u32 = 47_104;
const PASSES: u32 = 1;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;
const TAG_BYTES: usize = 32;

/// Reads a stored hash, which must be of the one kind that this module makes.
fn parse(phc: &str) -> Result<Argon2Hash> {
    let refused =
        |what| Error::new(ErrorCode::StoreCorrupt, format!("A stored password hash {what}.")).about("password hash");
    let stored = Argon2Hash::parse(phc).map_err(refused)?;
    if stored.algorithm != Algorithm::Argon2id || stored.version != Version::V0x13 {
        return Err(refused("is not Argon2id of version 1.3"));
    }
    Ok(stored)
}

fn is_current(stored: &Argon2Hash) -> bool {
    stored.parameters.m_cost() == MEMORY_KIBIBYTES
        && stored.parameters.t_cost() == PASSES
        && stored.parameters.p_cost() == LANES
        && stored.salt.len() == SALT_BYTES
        && stored.tag.len() == TAG_BYTES
}

fn check_length(password: &[u8]) -> Result<()> {
    if password.is_empty() || password.len() > MAXIMUM_PASSWORD_BYTES {
        return Err(Error::argument("password", "A password must have 1 to 1,024 bytes in UTF-8."));
    }
    Ok(())
}

fn current_parameters() -> Result<Params> {
    Params::new(MEMORY_KIBIBYTES, PASSES, LANES, Some(TAG_BYTES))
        .map_err(|_| Error::new(ErrorCode::Internal, "The parameters of password hashes are not usable."))
}

fn derive(password: &[u8], salt: &[u8], parameters: &Params) -> Result<Zeroizing<Vec<u8>>> {
    argon2_hash::derive(Algorithm::Argon2id, Version::V0x13, parameters, password, salt, TAG_BYTES)
}

#[cfg(test)]
mod tests {
    use super::argon2_hash::work;
    use super::*;

    fn cheap_hash(password: &[u8], memory: u32, passes: u32, lanes: u32, salt: &[u8]) -> String {
        let parameters = Params::new(memory, passes, lanes, Some(TAG_BYTES)).unwrap();
        let tag = derive(password, salt, &parameters).unwrap().to_vec();
        let (algorithm, version) = (Algorithm::Argon2id, Version::V0x13);
        Argon2Hash { algorithm, version, parameters, salt: salt.to_vec(), tag }.to_phc().unwrap()
    }

    #[test]
    fn password_round_trips_with_the_stated_parameters() {
        let phc = hash(b"correct horse").unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=47104,t=1,p=1$"), "{phc}");
        assert_eq!(verify(b"correct horse", &phc).unwrap(), PasswordCheck::Match { needs_rehash: false });
        assert_eq!(verify(b"correct horsf", &phc).unwrap(), PasswordCheck::Mismatch);
        assert_ne!(hash(b"correct horse").unwrap(), phc, "the salt is fresh");
    }

    #[test]
    fn other_parameters_ask_for_a_new_hash() {
        let phc = cheap_hash(b"password", 64, 2, 2, &[7; 16]);
        assert_eq!(verify(b"password", &phc).unwrap(), PasswordCheck::Match { needs_rehash: true });
        assert_eq!(verify(b"passwore", &phc).unwrap(), PasswordCheck::Mismatch);
    }

    #[test]
    fn lengths_outside_the_limits_are_refused() {
        for password in [&b""[..], &[b'x'; MAXIMUM_PASSWORD_BYTES + 1]] {
            assert_eq!(hash(password).unwrap_err().code(), ErrorCode::InvalidArgument);
            assert_eq!(verify(password, "").unwrap_err().code(), ErrorCode::InvalidArgument);
            assert_eq!(verify_absent(password).unwrap_err().code(), ErrorCode::InvalidArgument);
        }
        let longest = [b'x'; MAXIMUM_PASSWORD_BYTES];
        assert!(verify(&longest, &cheap_hash(&longest, 64, 1, 1, &[7; 16])).is_ok());
    }

    #[test]
    fn stored_strings_outside_the_limits_are_refused_before_any_work() {
        let good = cheap_hash(b"password", 64, 1, 1, &[7; 16]);
        let bad = [
            String::new(),
            "password".to_owned(),
            good.replace("argon2id", "argon2i"),
            good.replace("v=19", "v=16"),
            good.replace("$v=19", ""),
            good.replace("m=64", "m=262145"),
            good.replace("m=64", "m=4294967295"),
            good.replace("m=64", "m=99999999999"),
            good.replace("t=1", "t=11"),
            good.replace("p=1", "p=9"),
            good.replace("m=64", "m=0"),
            good.rsplit_once('$').unwrap().0.to_owned(),
            cheap_hash(b"password", 64, 1, 1, &[7; 8]).replace("BwcHBwcHBwc", "BwcHBw"),
            format!("{good}{}", "A".repeat(600)),
        ];
        for phc in &bad {
            assert_eq!(verify(b"password", phc).unwrap_err().code(), ErrorCode::StoreCorrupt, "{phc}");
        }
    }

    #[test]
    fn an_absent_identity_costs_the_work_of_a_present_one() {
        let phc = hash(b"password").unwrap();
        let work = |check: &dyn Fn() -> PasswordCheck| {
            work::take();
            assert_eq!(check(), PasswordCheck::Mismatch);
            work::take()
        };
        let present = work(&|| verify(b"other", &phc).unwrap());
        let absent = work(&|| verify_absent(b"other").unwrap());
        assert_eq!(present, [(MEMORY_KIBIBYTES, PASSES, LANES, TAG_BYTES)]);
        assert_eq!(absent, present);
    }

    #[test]
    fn turns_are_given_back() {
        let threads: Vec<_> =
            (0..16).map(|_| std::thread::spawn(|| cheap_hash(b"password", 64, 1, 1, &[7; 16]))).collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(verify(b"password", &cheap_hash(b"password", 64, 1, 1, &[7; 16])).is_ok());
    }
}
