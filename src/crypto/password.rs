//! Passwords: Argon2id (RFC 9106), in PHC strings.
//!
//! A password is guessed, not stolen, so its hash must be slow and large. That makes every check a small
//! denial of service: at most as many run at once as there are cores, others wait their turn, and beyond 32
//! that wait for each core they are turned away.

use std::sync::{Condvar, Mutex, OnceLock, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use super::{digest, random};
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
    let tag = derive(password, &salt, &parameters, TAG_BYTES)?;
    let unencodable = |_| Error::new(ErrorCode::Internal, "A password hash could not be written down.");
    let encoded = PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&parameters)
            .map_err(|_| Error::new(ErrorCode::Internal, "A password hash could not be written down."))?,
        salt: Some(Salt::new(&salt).map_err(unencodable)?),
        hash: Some(Output::new(&tag).map_err(unencodable)?),
    };
    Ok(encoded.to_string())
}

/// Checks a password against a stored PHC string.
///
/// The stored string is attacker's input after a theft or a restore, so it is held to limits: Argon2id of
/// version 1.3, at most 256 MiB, 10 passes and 8 lanes, a salt of 8 to 64 bytes and a tag of 16 to 64.
/// Anything else is [`ErrorCode::StoreCorrupt`]. A password outside the limits of [`hash`] is
/// [`ErrorCode::InvalidArgument`].
pub fn verify(password: &[u8], phc: &str) -> Result<PasswordCheck> {
    check_length(password)?;
    let stored = StoredHash::parse(phc)?;
    let tag = derive(password, &stored.salt, &stored.parameters, stored.tag.len())?;
    if !digest::equal(&tag, &stored.tag) {
        return Ok(PasswordCheck::Mismatch);
    }
    Ok(PasswordCheck::Match { needs_rehash: !stored.is_current() })
}

/// Does the work of [`verify`] for an identity that does not exist or has no password, so that the time
/// taken does not tell which identities there are. The answer is always a mismatch.
pub fn verify_absent(password: &[u8]) -> Result<PasswordCheck> {
    check_length(password)?;
    derive(password, &[0; SALT_BYTES], &current_parameters()?, TAG_BYTES)?;
    Ok(PasswordCheck::Mismatch)
}

// OWASP's first choice for one pass, which also meets ASVS 5.0 appendix C.
const MEMORY_KIBIBYTES: u32 = 47_104;
const PASSES: u32 = 1;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;
const TAG_BYTES: usize = 32;

const MAXIMUM_MEMORY_KIBIBYTES: u32 = 256 * 1_024;
const MAXIMUM_PASSES: u32 = 10;
const MAXIMUM_LANES: u32 = 8;
const MAXIMUM_PHC_BYTES: usize = 512;

struct StoredHash {
    parameters: Params,
    salt: Vec<u8>,
    tag: Vec<u8>,
}

impl StoredHash {
    fn parse(phc: &str) -> Result<Self> {
        let refused = |message| Error::new(ErrorCode::StoreCorrupt, message).about("password hash");
        if phc.len() > MAXIMUM_PHC_BYTES {
            return Err(refused("A stored password hash is longer than any this version writes."));
        }
        let hash = PasswordHash::new(phc).map_err(|_| refused("A stored password hash is not a PHC string."))?;
        if hash.algorithm != ARGON2ID_IDENT || hash.version != Some(Version::V0x13.into()) {
            return Err(refused("A stored password hash is not Argon2id of version 1.3."));
        }
        let parameters =
            Params::try_from(&hash).map_err(|_| refused("A stored password hash has parameters of another form."))?;
        if parameters.m_cost() > MAXIMUM_MEMORY_KIBIBYTES
            || parameters.t_cost() > MAXIMUM_PASSES
            || parameters.p_cost() > MAXIMUM_LANES
        {
            return Err(refused("A stored password hash asks for more than 256 MiB, 10 passes or 8 lanes."));
        }
        let (Some(salt), Some(tag)) = (hash.salt, hash.hash) else {
            return Err(refused("A stored password hash lacks its salt or its tag."));
        };
        let (salt, tag) = (salt.as_ref().to_vec(), tag.as_bytes().to_vec());
        if salt.len() < 8 || tag.len() < 16 {
            return Err(refused("A stored password hash has a salt under 8 bytes or a tag under 16."));
        }
        Ok(Self { parameters, salt, tag })
    }

    fn is_current(&self) -> bool {
        self.parameters.m_cost() == MEMORY_KIBIBYTES
            && self.parameters.t_cost() == PASSES
            && self.parameters.p_cost() == LANES
            && self.salt.len() == SALT_BYTES
            && self.tag.len() == TAG_BYTES
    }
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

fn derive(password: &[u8], salt: &[u8], parameters: &Params, tag_bytes: usize) -> Result<Zeroizing<Vec<u8>>> {
    let unusable = |_| Error::new(ErrorCode::Internal, "A password could not be hashed: is there memory left?");
    let parameters = Params::new(parameters.m_cost(), parameters.t_cost(), parameters.p_cost(), Some(tag_bytes))
        .map_err(unusable)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
    let mut tag = Zeroizing::new(vec![0_u8; tag_bytes]);
    let _turn = Turn::take()?;
    argon2.hash_password_into(password, salt, &mut tag).map_err(unusable)?;
    #[cfg(test)]
    tests::note(&argon2, tag_bytes);
    Ok(tag)
}

/// One of the places in which a hash may run; given back when dropped.
struct Turn {
    places: &'static Places,
}

/// The most that wait for each place.
const MAXIMUM_WAITING: usize = 32;

struct Places {
    count: usize,
    taken: Mutex<Taken>,
    given_back: Condvar,
}

#[derive(Default)]
struct Taken {
    running: usize,
    waiting: usize,
}

impl Places {
    fn new(count: usize) -> Self {
        Self { count, taken: Mutex::default(), given_back: Condvar::new() }
    }

    /// Waits for a place, unless too many do.
    fn take(&'static self) -> Result<Turn> {
        // The counts stay right whatever panicked while they were held.
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.waiting >= self.count * MAXIMUM_WAITING {
            return Err(Error::new(
                ErrorCode::Overloaded,
                "Too many passwords are being checked at once. Try again later.",
            ));
        }
        taken.waiting += 1;
        let is_full = |taken: &mut Taken| taken.running >= self.count;
        let mut taken = self.given_back.wait_while(taken, is_full).unwrap_or_else(PoisonError::into_inner);
        taken.waiting -= 1;
        taken.running += 1;
        Ok(Turn { places: self })
    }
}

impl Turn {
    fn take() -> Result<Self> {
        static PLACES: OnceLock<Places> = OnceLock::new();
        PLACES.get_or_init(|| Places::new(std::thread::available_parallelism().map_or(1, usize::from))).take()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.places.taken.lock().unwrap_or_else(PoisonError::into_inner).running -= 1;
        self.places.given_back.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    thread_local! {
        /// The work that this thread has done: memory, passes, lanes and tag of each hash.
        static DERIVED: RefCell<Vec<(u32, u32, u32, usize)>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn note(argon2: &Argon2<'_>, tag_bytes: usize) {
        let done = argon2.params();
        DERIVED.with_borrow_mut(|derived| derived.push((done.m_cost(), done.t_cost(), done.p_cost(), tag_bytes)));
    }

    fn cheap_hash(password: &[u8], memory: u32, passes: u32, lanes: u32, salt: &[u8]) -> String {
        let parameters = Params::new(memory, passes, lanes, Some(TAG_BYTES)).unwrap();
        let tag = derive(password, salt, &parameters, TAG_BYTES).unwrap();
        let (salt, tag) = (Salt::new(salt).unwrap(), Output::new(&tag).unwrap());
        format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${tag}")
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
            DERIVED.take();
            assert_eq!(check(), PasswordCheck::Mismatch);
            DERIVED.take()
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
        assert!(Turn::take().is_ok());
    }

    #[test]
    fn a_flood_is_turned_away_and_leaves_no_trace() {
        let places: &'static Places = Box::leak(Box::new(Places::new(1)));
        let running = places.take().unwrap();
        let waiting: Vec<_> = (0..MAXIMUM_WAITING).map(|_| std::thread::spawn(|| places.take().map(drop))).collect();
        while places.taken.lock().unwrap().waiting < MAXIMUM_WAITING {
            std::thread::yield_now();
        }
        assert_eq!(places.take().err().unwrap().code(), ErrorCode::Overloaded);
        drop(running);
        for thread in waiting {
            thread.join().unwrap().unwrap();
        }
        assert!(places.take().is_ok());
    }
}
