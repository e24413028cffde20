//! Attacks known by name. The numbers T1 to T12 are those of the project's threat table.

use tessera_native::format::jwt::{Keys, verify};
use tessera_native::format::key::{self, KeyKind};
use tessera_native::model::{Algorithm, JwtKind, Outcome};

use crate::support::*;

/// T1: `alg` none in every case, names of other cases, names that we do not offer, no name.
#[test]
fn unsigned_tokens_and_unknown_algorithms_are_refused() {
    let mut names: Vec<String> = (0..16_u32)
        .map(|mask| {
            let letter = |(index, letter): (usize, char)| match mask >> index & 1 {
                1 => letter.to_ascii_uppercase(),
                _ => letter,
            };
            format!("\"{}\"", "none".chars().enumerate().map(letter).collect::<String>())
        })
        .collect();
    for other in [
        "",
        "hs256",
        "Hs256",
        "HS256 ",
        " HS256",
        "HS256\\u0000",
        "HS384",
        "HS512",
        "RS384",
        "RS512",
        "ES512",
        "ES256K",
        "PS384",
        "PS512",
        "Ed448",
        "eddsa",
        "ed25519",
        "RSA-OAEP",
        "dir",
        "A128KW",
        "PBES2-HS256+A128KW",
        "RS1",
        "SHA256",
    ] {
        names.push(format!("\"{other}\""));
    }
    names.extend(["null", "0", "true", "[]", "{}", "[\"HS256\"]"].map(str::to_owned));
    for name in &names {
        let header = format!(r#"{{"alg":{name},"typ":"at+jwt","kid":"k1"}}"#);
        let right = forge(&header, PAYLOAD, secret());
        let unsigned = right.rsplit_once('.').unwrap().0;
        for token in [right.clone(), format!("{unsigned}."), format!("{unsigned}.{}", encode([7; 32]))] {
            for key in keys() {
                assert_eq!(check(&token, key.verifying_key()).outcome, Outcome::Malformed, "{header}");
            }
            assert_eq!(check_by_key_id(&token).outcome, Outcome::Malformed, "{header}");
        }
    }
    let absent = forge(r#"{"typ":"at+jwt","kid":"k1"}"#, PAYLOAD, secret());
    assert_refused(&absent, Outcome::Malformed, "no alg");
}

/// T2: HS256 with a public key as the secret, in every form in which it may be at hand.
#[test]
fn public_keys_do_not_serve_as_secrets() {
    for key in keys().iter().filter(|key| !key.algorithm().is_symmetric()) {
        let verifying = key.verifying_key();
        let (pem, jwk) = (verifying.public_pem().unwrap(), verifying.public_jwk().unwrap());
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, &body).unwrap();
        for text in [pem.as_bytes(), pem.trim().as_bytes(), body.as_bytes(), &der, jwk.as_bytes()] {
            let forged = forge(HEADER, PAYLOAD, &hmac(text, Some("k1")));
            let verdict = check(&forged, verifying);
            assert_eq!(verdict.outcome, Outcome::Unknown);
            assert!(verdict.reason.unwrap().contains("not the key's algorithm"));
            for kind in JwtKind::ALL {
                assert!(key::verifying_key(text, KeyKind::Secret, None, kind).is_err(), "taken as a secret");
            }
        }
    }
}

/// T2, the other way: a key of one algorithm under the name of each other.
#[test]
fn every_key_verifies_its_own_algorithm_only() {
    for key in keys() {
        for other in Algorithm::ALL {
            let header = format!(r#"{{"alg":"{}","typ":"at+jwt","kid":"k1"}}"#, other.as_str());
            let expected = if other == key.algorithm() { Outcome::Valid } else { Outcome::Unknown };
            let token = forge(&header, PAYLOAD, key);
            assert_eq!(check(&token, key.verifying_key()).outcome, expected, "{header} by {:?}", key.algorithm());
        }
    }
    let header = r#"{"alg":"Ed25519","typ":"at+jwt","kid":"k1"}"#;
    let key = key_of(Algorithm::EdDSA);
    let verdict = check(&forge(header, PAYLOAD, key), key.verifying_key());
    assert_eq!(verdict.outcome, Outcome::Valid, "RFC 9864's name");
}

/// T3 and T5: members that bring a key, or change what the token means. None is ignored.
#[test]
fn embedded_keys_and_critical_members_are_refused_by_name() {
    let public = key_of(Algorithm::ES256).verifying_key().public_jwk().unwrap();
    let members = [
        ("jwk", public.as_str()),
        ("jwk", r#"{"kty":"oct","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}"#),
        ("jwk", "null"),
        ("jku", r#""https://evil.example/keys""#),
        ("jku", r#""file:///etc/passwd""#),
        ("x5u", r#""https://evil.example/certificate""#),
        ("x5c", r#"["MIIB"]"#),
        ("x5t", r#""AAAA""#),
        ("x5t#S256", r#""AAAA""#),
        ("zip", r#""DEF""#),
        ("enc", r#""A128GCM""#),
        ("b64", "false"),
        ("b64", "true"),
        // The twelve shapes of crit.
        ("crit", "[]"),
        ("crit", r#"["zzz"]"#),
        ("crit", r#"["exp"]"#),
        ("crit", r#"["alg"]"#),
        ("crit", r#"["b64"]"#),
        ("crit", r#"["zzz","zzz"]"#),
        ("crit", r#""zzz""#),
        ("crit", "null"),
        ("crit", "true"),
        ("crit", "1"),
        ("crit", "{}"),
        ("crit", "[1]"),
    ];
    for (name, value) in members {
        let header = with_member(HEADER, &format!("\"{name}\":{value}"));
        assert_refused(&forge(&header, PAYLOAD, secret()), Outcome::Malformed, &format!("member {name}"));
    }
    let both = with_member(HEADER, r#""crit":["b64"],"b64":false"#);
    assert_refused(&forge(&both, PAYLOAD, secret()), Outcome::Malformed, "member crit");
    let escaped = with_member(HEADER, r#""\u0063rit":["zzz"]"#);
    assert_refused(&forge(&escaped, PAYLOAD, secret()), Outcome::Malformed, "member crit");
}

/// T4: key ids that are paths, queries, header lines or bombs. None gets as far as a look-up.
#[test]
fn key_ids_of_another_form_reach_no_look_up() {
    let mut payloads: Vec<String> = [
        "",
        " ",
        ".",
        "..",
        "/",
        "\\",
        "*",
        "%",
        "'",
        "\"",
        "k1 ",
        " k1",
        "k1\0",
        "\0k1",
        "k1\r\nX: y",
        "k1\n",
        "k1/",
        "/k1",
        "k1'--",
        "k1;",
        "k1,",
        "k1%00",
        "k1.",
        "k.1",
        "k@1",
        "k:1",
        "k+1",
        "k=1",
        "k#1",
        "k?1",
        "k&1",
        "k|1",
        "`id`",
        "$(id)",
        "../../dev/null",
        "/dev/null",
        "/etc/passwd",
        "C:\\Windows\\win.ini",
        "\\\\server\\share",
        "file:///etc/passwd",
        "https://evil.example/k1",
        "' OR 1=1 --",
        "' UNION SELECT 'secret' --",
        "1; DROP TABLE key",
        "k1' AND '1'='1",
        "{\"$ne\":null}",
        "<script>",
        "${jndi:ldap://evil}",
        "k\u{e9}",
        "к1",
        "k\u{301}1",
        "\u{202e}1k",
        "😀",
        "ｋ1",
    ]
    .map(str::to_owned)
    .to_vec();
    // Each ASCII character that the form does not have, before, inside and after a good id.
    for character in (0..128_u8).map(char::from) {
        if !character.is_ascii_alphanumeric() && character != '-' && character != '_' {
            payloads.extend([format!("{character}k1"), format!("k{character}1"), format!("k1{character}")]);
        }
    }
    payloads.extend(["a".repeat(65), "a".repeat(500), "../".repeat(100)]);
    assert!(payloads.len() > 200, "{}", payloads.len());
    for payload in &payloads {
        let key_id = serde_json::to_string(payload).unwrap();
        let token = forge(&format!(r#"{{"alg":"HS256","typ":"at+jwt","kid":{key_id}}}"#), PAYLOAD, secret());
        let verdict = check_by_key_id(&token);
        assert_eq!(verdict.outcome, Outcome::Malformed, "{payload:?}");
        assert!(verdict.reason.unwrap().contains("kid"), "{payload:?}");
    }
    for key_id in ["null", "1", "[]", r#"["k1"]"#, r#"{"kid":"k1"}"#, "true"] {
        let token = forge(&format!(r#"{{"alg":"HS256","typ":"at+jwt","kid":{key_id}}}"#), PAYLOAD, secret());
        assert_eq!(check_by_key_id(&token).outcome, Outcome::Malformed, "{key_id}");
    }
    let large = format!(r#"{{"alg":"HS256","typ":"at+jwt","kid":"{}"}}"#, "a".repeat(1_000_000));
    assert_eq!(check_by_key_id(&forge(&large, PAYLOAD, secret())).outcome, Outcome::Malformed);
    let none = forge(r#"{"alg":"HS256","typ":"at+jwt"}"#, PAYLOAD, secret());
    assert_eq!(check_by_key_id(&none).outcome, Outcome::Malformed, "a store's token names its key");
    let unknown = forge(HEADER, PAYLOAD, secret());
    let verdict = verify(unknown.as_bytes(), &Keys::ByKeyId(&|_| None), &expectations());
    assert_eq!(verdict.outcome, Outcome::Unknown);
    assert_eq!(check_by_key_id(&unknown).outcome, Outcome::Valid);
}

/// T6: signatures that forgetful verifiers take for good (CVE-2022-21449), and those of another form.
#[test]
fn psychic_and_misshapen_signatures_are_refused() {
    for (algorithm, length) in [(Algorithm::ES256, 32), (Algorithm::ES384, 48)] {
        let key = key_of(algorithm);
        let header = HEADER.replace("HS256", algorithm.as_str());
        let good = forge(&header, PAYLOAD, key);
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let numbers = [vec![0; length], one(length), order(algorithm), vec![0xFF; length]];
        for r in &numbers {
            for s in &numbers {
                let token = format!("{signed}.{}", encode([r.as_slice(), s].concat()));
                assert_eq!(check(&token, key.verifying_key()).outcome, Outcome::Unknown, "{r:?} {s:?}");
            }
        }
        let signature = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, signature).unwrap();
        let (r, s) = signature.split_at(length);
        for misshapen in [
            Vec::new(),
            signature[1..].to_vec(),
            [signature.as_slice(), &[0]].concat(),
            [&[0], r, &[0], s].concat(),
            [s, r].concat(),
            in_der(r, s),
        ] {
            let token = format!("{signed}.{}", encode(misshapen));
            assert_eq!(check(&token, key.verifying_key()).outcome, Outcome::Unknown);
        }
        assert_eq!(check(&good, key.verifying_key()).outcome, Outcome::Valid);
    }
}

/// T7: an ECDSA signature has a twin that verifies as well. So a token's text is not its identity; its id is.
#[test]
fn the_twin_of_a_signature_has_the_same_id() {
    for algorithm in [Algorithm::ES256, Algorithm::ES384] {
        let key = key_of(algorithm);
        let token = forge(&HEADER.replace("HS256", algorithm.as_str()), PAYLOAD, key);
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, signature).unwrap();
        let (r, s) = signature.split_at(signature.len() / 2);
        let twin = format!("{signed}.{}", encode([r, &difference(&order(algorithm), s)].concat()));
        assert_ne!(twin, token);
        let (first, second) = (check(&token, key.verifying_key()), check(&twin, key.verifying_key()));
        assert_eq!((first.outcome, second.outcome), (Outcome::Valid, Outcome::Valid));
        assert_eq!(first.claims.unwrap().id.unwrap(), "0123456789AB");
        assert_eq!(second.claims.unwrap().id.unwrap(), "0123456789AB");
    }
}

/// T11: encrypted tokens, JSON serialization, nested tokens: turned away by their form.
#[test]
fn other_serializations_are_refused() {
    let good = forge(HEADER, PAYLOAD, secret());
    let part = encode("x".repeat(100));
    let iterations =
        r#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2s":"AAAA","p2c":2147483647,"typ":"at+jwt","kid":"k1"}"#;
    let parts: Vec<&str> = good.split('.').collect();
    let forms = [
        format!("{}.{part}.{part}.{part}.{part}", encode(r#"{"alg":"dir","enc":"A128GCM"}"#)),
        format!("{}.{part}.{part}.{part}.{part}", encode(iterations)),
        format!("{}.{part}.{part}", encode(iterations)),
        format!(r#"{{"payload":"{}","protected":"{}","signature":"{}"}}"#, parts[1], parts[0], parts[2]),
        format!(
            r#"{{"payload":"{}","signatures":[{{"protected":"{}","signature":"{}"}}]}}"#,
            parts[1], parts[0], parts[2]
        ),
        format!("{}.{}", parts[0], parts[1]),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{}", parts[2]),
        format!("{good}..."),
        "...".to_owned(),
        forge(&with_member(HEADER, r#""cty":"JWT""#), &good, secret()),
    ];
    for token in [&forms[0], &forms[1], &forms[5], &forms[8], &forms[9]] {
        assert_refused(token, Outcome::Malformed, "exactly three parts");
    }
    for token in &forms {
        // Were the key derivation of 2^31 rounds begun, this would not come back for an hour.
        assert_eq!(outcome(token), Outcome::Malformed, "{token}");
    }
}

/// T12: tokens of another kind, from another issuer, for another audience.
#[test]
fn tokens_of_another_kind_or_place_are_refused() {
    for media_type in
        ["JWT", "dpop+jwt", "secevent+jwt", "logout+jwt", "kb+jwt", "AT+JWT", "at+jwt ", "jwt", "", "application/jwt"]
    {
        let token = forge(&HEADER.replace("at+jwt", media_type), PAYLOAD, secret());
        assert_refused(&token, Outcome::Malformed, "typ");
    }
    for media_type in ["null", "1", "[]", r#"["at+jwt"]"#] {
        let token = forge(&HEADER.replace("\"at+jwt\"", media_type), PAYLOAD, secret());
        assert_refused(&token, Outcome::Malformed, "typ");
    }
    assert_refused(&forge(&HEADER.replace(r#","typ":"at+jwt""#, ""), PAYLOAD, secret()), Outcome::Malformed, "no typ");
    assert_eq!(outcome(&forge(&HEADER.replace("at+jwt", "application/at+jwt"), PAYLOAD, secret())), Outcome::Valid);

    let issuer = forge(HEADER, &PAYLOAD.replace("issuer.example", "evil.example"), secret());
    assert_refused(&issuer, Outcome::Unknown, "another issuer");
    let audience = forge(HEADER, &PAYLOAD.replace("\"api\"", "\"other\""), secret());
    assert_refused(&audience, Outcome::AudienceDenied, "other audiences");
    let several = forge(HEADER, &PAYLOAD.replace("\"api\"", r#"["other","api"]"#), secret());
    assert_eq!(outcome(&several), Outcome::Valid);

    // A kind's own tokens are refused by each of the others.
    let access = forge(HEADER, PAYLOAD, secret());
    for kind in [JwtKind::JsonWebToken, JwtKind::PowerShellUniversal, JwtKind::UniversalDashboard] {
        let foreign = tessera_native::format::jwt::Expectations { kind, ..expectations() };
        let verdict = verify(access.as_bytes(), &Keys::Given(secret().verifying_key()), &foreign);
        assert_eq!(verdict.outcome, Outcome::Malformed, "{kind:?}");
    }
}

/// The header names a key other than the one that was given.
#[test]
fn a_given_key_must_be_the_one_that_the_token_names() {
    let token = forge(&HEADER.replace("k1", "k2"), PAYLOAD, secret());
    assert_refused(&token, Outcome::Unknown, "another key");
    let nameless = hmac(secret().private().as_bytes(), None);
    assert_eq!(check(&token, nameless.verifying_key()).outcome, Outcome::Valid);
}

/// The order of the curve's group (SEC 2 sections 2.4.2 and 2.5.1).
fn order(algorithm: Algorithm) -> Vec<u8> {
    let text = match algorithm {
        Algorithm::ES384 => {
            "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973"
        }
        _ => "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    };
    (0..text.len()).step_by(2).map(|start| u8::from_str_radix(&text[start..start + 2], 16).unwrap()).collect()
}

fn one(length: usize) -> Vec<u8> {
    let mut number = vec![0; length];
    number[length - 1] = 1;
    number
}

/// `minuend - subtrahend`, big-endian, of equal length.
fn difference(minuend: &[u8], subtrahend: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let mut result: Vec<u8> = minuend
        .iter()
        .zip(subtrahend)
        .rev()
        .map(|(&left, &right)| {
            let digit = i16::from(left) - i16::from(right) - borrow;
            borrow = i16::from(digit < 0);
            digit.rem_euclid(256) as u8
        })
        .collect();
    result.reverse();
    result
}

/// The ASN.1 form that TLS uses and JWS does not.
fn in_der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| [&[2, number.len() as u8 + 1, 0], number].concat();
    let content = [integer(r), integer(s)].concat();
    [&[0x30, content.len() as u8], content.as_slice()].concat()
}
