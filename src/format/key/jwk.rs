//! JSON Web Keys (RFC 7517, RFC 7518 section 6, RFC 8037).

use zeroize::Zeroizing;

use super::{agreed, refused};
use crate::crypto::signing::{MINIMUM_SECRET_BYTES, RsaPrivateComponents, SigningKeyMaterial, VerifyingKey};
use crate::error::Result;
use crate::format::base64url;
use crate::format::json::{self, Object, Value};
use crate::model::Algorithm;
use crate::secret::Secret;

pub(super) fn signing_key(
    text: &[u8],
    algorithm: Option<Algorithm>,
    allows_short_secrets: bool,
) -> Result<SigningKeyMaterial> {
    let jwk = Jwk::parse(text, "sign", algorithm)?;
    match jwk.key_type {
        KeyType::Octets => SigningKeyMaterial::hmac(jwk.secret(allows_short_secrets)?, jwk.key_id),
        _ if !jwk.members.contains("d") => Err(refused("The JWK is a public key, which cannot sign.")),
        KeyType::Rsa => {
            let [modulus, exponent] = [jwk.number("n")?, jwk.number("e")?];
            let [private_exponent, first_prime, second_prime] = [jwk.number("d")?, jwk.number("p")?, jwk.number("q")?];
            let [first_exponent, second_exponent, coefficient] =
                [jwk.number("dp")?, jwk.number("dq")?, jwk.number("qi")?];
            let components = RsaPrivateComponents {
                modulus: &modulus,
                exponent: &exponent,
                private_exponent: &private_exponent,
                first_prime: &first_prime,
                second_prime: &second_prime,
                first_exponent: &first_exponent,
                second_exponent: &second_exponent,
                coefficient: &coefficient,
            };
            SigningKeyMaterial::from_rsa_components(jwk.algorithm, &components, jwk.key_id)
        }
        KeyType::Curve => {
            let (private, x, y) = (jwk.number("d")?, jwk.number("x")?, jwk.number("y")?);
            SigningKeyMaterial::from_curve_components(jwk.algorithm, &private, &x, &y, jwk.key_id)
        }
        KeyType::Ed25519 => {
            SigningKeyMaterial::from_ed25519_components(&jwk.number("d")?, &jwk.number("x")?, jwk.key_id)
        }
    }
}

pub(super) fn verifying_key(
    text: &[u8],
    algorithm: Option<Algorithm>,
    allows_short_secrets: bool,
) -> Result<VerifyingKey> {
    let jwk = Jwk::parse(text, "verify", algorithm)?;
    match jwk.key_type {
        KeyType::Octets => VerifyingKey::hmac(&jwk.secret(allows_short_secrets)?, jwk.key_id),
        KeyType::Rsa => {
            VerifyingKey::from_rsa_components(jwk.algorithm, &jwk.number("n")?, &jwk.number("e")?, jwk.key_id)
        }
        KeyType::Curve => {
            VerifyingKey::from_curve_components(jwk.algorithm, &jwk.number("x")?, &jwk.number("y")?, jwk.key_id)
        }
        KeyType::Ed25519 => VerifyingKey::from_ed25519_components(&jwk.number("x")?, jwk.key_id),
    }
}

/// A JWK whose metadata allows what it is wanted for.
struct Jwk<'a> {
    members: Object<'a>,
    key_type: KeyType,
    algorithm: Algorithm,
    key_id: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyType {
    Octets,
    Rsa,
    Curve,
    Ed25519,
}

impl<'a> Jwk<'a> {
    /// Reads a key that is wanted for `operation`, `sign` or `verify`.
    fn parse(text: &'a [u8], operation: &str, asked: Option<Algorithm>) -> Result<Self> {
        let text = text.trim_ascii();
        let members = json::parse_object(text).map_err(|_| refused("The key is not a JWK: not strict JSON."))?;
        if members.contains("keys") {
            return Err(refused("The key is a set of JWKs. Give one of them."));
        }
        check_use(&members, operation)?;
        let (key_type, own) = key_type(&members)?;
        check_unmixed(&members, key_type)?;
        let algorithm = algorithm(&members, key_type, own, asked)?;
        let key_id = key_id(&members)?;
        Ok(Self { members, key_type, algorithm, key_id })
    }

    /// A member's bytes.
    fn number(&self, name: &'static str) -> Result<Zeroizing<Vec<u8>>> {
        match self.members.get(name) {
            Some(Value::String(text)) => base64url::decode(text.as_bytes())
                .map(Zeroizing::new)
                .ok_or_else(|| refused("The JWK has a number that is not canonical base64url.")),
            Some(_) => Err(refused("The JWK has a number that is not text.")),
            None => Err(refused("The JWK lacks a number that its kty needs.")),
        }
    }

    fn secret(&self, allows_short: bool) -> Result<Secret> {
        let secret = self.number("k")?;
        if secret.len() < MINIMUM_SECRET_BYTES && !allows_short {
            return Err(refused("An HMAC secret must have at least 32 bytes."));
        }
        Ok(Secret::from(&secret[..]))
    }
}

/// `use` and `key_ops` (RFC 7517 sections 4.2 and 4.3): one key, one use.
fn check_use(members: &Object<'_>, operation: &str) -> Result<()> {
    match members.get("use") {
        None => {}
        Some(Value::String(purpose)) if purpose == "sig" => {}
        Some(_) => return Err(refused("The JWK's use is not sig: it is a key for something else.")),
    }
    match members.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(operations)) => {
            let is = |value: &Value<'_>, name: &str| matches!(value, Value::String(text) if text == name);
            if operations.iter().any(|value| !is(value, "sign") && !is(value, "verify")) {
                return Err(refused(
                    "The JWK's key_ops has more than sign and verify: it is a key for something else.",
                ));
            }
            match operations.iter().filter(|value| is(value, operation)).count() {
                0 => Err(refused("The JWK's key_ops does not allow what the key is wanted for.")),
                _ => Ok(()),
            }
        }
        Some(_) => Err(refused("The JWK's key_ops is not an array.")),
    }
}

/// The key's type, and the algorithm where the type leaves no choice.
fn key_type(members: &Object<'_>) -> Result<(KeyType, Option<Algorithm>)> {
    let text = |name| match members.get(name) {
        Some(Value::String(text)) => Some(text.as_ref()),
        _ => None,
    };
    match (text("kty"), text("crv")) {
        (Some("oct"), _) => Ok((KeyType::Octets, Some(Algorithm::HS256))),
        (Some("RSA"), _) => Ok((KeyType::Rsa, None)),
        (Some("EC"), Some("P-256")) => Ok((KeyType::Curve, Some(Algorithm::ES256))),
        (Some("EC"), Some("P-384")) => Ok((KeyType::Curve, Some(Algorithm::ES384))),
        (Some("OKP"), Some("Ed25519")) => Ok((KeyType::Ed25519, Some(Algorithm::EdDSA))),
        _ => Err(refused("The JWK's kty and crv are not oct, RSA, EC with P-256 or P-384, or OKP with Ed25519.")),
    }
}

/// Members of another type beside those of its own: two readers would see two keys.
fn check_unmixed(members: &Object<'_>, key_type: KeyType) -> Result<()> {
    let foreign: &[&str] = match key_type {
        KeyType::Octets => &["crv", "x", "y", "n", "e", "d", "p", "q", "dp", "dq", "qi", "oth"],
        KeyType::Rsa => &["k", "crv", "x", "y", "oth"],
        KeyType::Curve => &["k", "n", "e", "p", "q", "dp", "dq", "qi", "oth"],
        KeyType::Ed25519 => &["k", "y", "n", "e", "p", "q", "dp", "dq", "qi", "oth"],
    };
    if foreign.iter().any(|name| members.contains(name)) {
        return Err(refused("The JWK has members of another kty, or more than two primes."));
    }
    Ok(())
}

fn algorithm(
    members: &Object<'_>,
    key_type: KeyType,
    own: Option<Algorithm>,
    asked: Option<Algorithm>,
) -> Result<Algorithm> {
    let stated = match members.get("alg") {
        None => None,
        Some(Value::String(name)) => Some(Algorithm::parse(name).ok_or_else(|| {
            refused("The JWK's alg is none of HS256, ES256, ES384, RS256, PS256, EdDSA and Ed25519.")
        })?),
        Some(_) => return Err(refused("The JWK's alg is not text.")),
    };
    let Some(algorithm) = own.or(stated).or(asked) else {
        return Err(refused("An RSA key does not say its algorithm: say RS256 or PS256."));
    };
    let is_rsa = matches!(algorithm, Algorithm::RS256 | Algorithm::PS256);
    if stated.is_some_and(|stated| stated != algorithm) || is_rsa != (key_type == KeyType::Rsa) {
        return Err(refused("The JWK's alg does not fit its kty and crv."));
    }
    agreed(asked, algorithm)
}

fn key_id(members: &Object<'_>) -> Result<Option<String>> {
    match members.get("kid") {
        None => Ok(None),
        Some(Value::String(key_id)) if (1..=256).contains(&key_id.len()) => Ok(Some(key_id.clone().into_owned())),
        Some(_) => Err(refused("The JWK's kid is not text of 1 to 256 bytes.")),
    }
}
