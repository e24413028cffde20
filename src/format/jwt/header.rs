//! The header's rules (RFC 7515 section 4, RFC 8725 section 3).

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use super::{MAXIMUM_HEADER_BYTES, Refusal};
use crate::format::json::{self, Value};
use crate::model::Algorithm;

/// What a header says, after the rules that hold for every token.
pub(super) struct Header<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) media_type: Option<Cow<'a, str>>,
    pub(super) key_id: Option<Cow<'a, str>>,
}

impl<'a> Header<'a> {
    /// Reads the header, decoded.
    pub(super) fn read(text: &'a [u8]) -> Result<Self, Refusal> {
        if text.len() > MAXIMUM_HEADER_BYTES {
            return Err(Refusal::malformed("The header has more than 1,024 bytes."));
        }
        let members = json::parse_object(text).map_err(|refusal| Refusal::malformed(not_json("header", refusal)))?;
        let (mut algorithm, mut media_type, mut key_id, mut never) = (None, None, None, None);
        for (name, value) in members {
            match name.as_ref() {
                "alg" => algorithm = Some(value),
                "typ" => media_type = Some(value),
                "kid" => key_id = Some(value),
                name => {
                    let position = NEVER_ACCEPTED.iter().position(|(member, _)| *member == name);
                    // The first in the list is the one that is told.
                    never = position.map(|position| never.map_or(position, |first| position.min(first))).or(never);
                }
            }
        }
        if let Some((_, reason)) = never.and_then(|position: usize| NEVER_ACCEPTED.get(position)) {
            return Err(Refusal::malformed(*reason));
        }
        let algorithm = algorithm_of(algorithm)?;
        let media_type = text_of(media_type, "The header's typ is not text.")?;
        let key_id = text_of(key_id, "The header's kid is not text.")?;
        Ok(Self { algorithm, media_type, key_id })
    }
}

/// A header that was read, by its text in the token.
///
/// What a header says follows from its text alone, and not from the key or the rules that a token is checked with: so
/// this holds for the same text whoever presents it, and each check asks all of it that it asks of one just read.
pub(super) struct KnownHeader {
    segment: Vec<u8>,
    pub(super) header: Header<'static>,
}

thread_local! {
    /// The last header of a good signature. One issuer's tokens nearly all have the same; and since no stranger can
    /// sign, none can push it out.
    static LAST: RefCell<Option<Rc<KnownHeader>>> = const { RefCell::new(None) };
}

impl KnownHeader {
    /// The last one, if `segment` is byte for byte its text.
    pub(super) fn find(segment: &[u8]) -> Option<Rc<Self>> {
        let find = |last: &RefCell<Option<Rc<Self>>>| last.borrow().clone().filter(|known| known.segment == segment);
        // A thread that is ending has no memory any more, and needs none.
        LAST.try_with(find).ok().flatten()
    }

    /// Keeps what was read of `segment`, in place of the one before.
    pub(super) fn keep(segment: &[u8], header: &Header<'_>) {
        let owned = |text: &Option<Cow<'_, str>>| text.as_ref().map(|text| Cow::Owned(text.clone().into_owned()));
        let header = Header {
            algorithm: header.algorithm,
            media_type: owned(&header.media_type),
            key_id: owned(&header.key_id),
        };
        let known = Rc::new(Self { segment: segment.to_vec(), header });
        // The one before is dropped in there, which touches nothing of this.
        let _is_ending = LAST.try_with(|last| last.replace(Some(known)));
    }
}

/// Whether `key_id` has the form of a `kid` that a JSON Web Token may carry: 1 to 64 characters of
/// `[A-Za-z0-9_-]`. Nothing that could be a path, a query or a header line gets as far as a look-up.
pub(crate) fn is_key_id(key_id: &str) -> bool {
    (1..=64).contains(&key_id.len())
        && key_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// The reason for a text that is not strict JSON.
pub(super) fn not_json(part: &str, refusal: json::Refusal) -> String {
    match refusal {
        json::Refusal::DuplicateMember => format!("The {part} has a member twice."),
        json::Refusal::TooDeep => format!("The {part} nests more than 16 deep."),
        json::Refusal::TooManyMembers => format!("The {part} has more than 256 members."),
        json::Refusal::NotJson => format!("The {part} is not a JSON object in strict form."),
    }
}

/// Members that change what the token means, or bring their own key. Ignoring one would be as wrong as
/// following it.
const NEVER_ACCEPTED: [(&str, &str); 10] = [
    ("crit", "The header has the member crit, which is never accepted."),
    ("b64", "The header has the member b64, which is never accepted."),
    ("zip", "The header has the member zip, which is never accepted."),
    ("enc", "The header has the member enc: an encrypted token is never accepted."),
    ("jwk", "The header has the member jwk: a key inside the token is never accepted."),
    ("jku", "The header has the member jku: a key that the token points to is never accepted."),
    ("x5u", "The header has the member x5u: a key that the token points to is never accepted."),
    ("x5c", "The header has the member x5c: a certificate inside the token is never accepted."),
    ("x5t", "The header has the member x5t: a key named by certificate is never accepted."),
    ("x5t#S256", "The header has the member x5t#S256: a key named by certificate is never accepted."),
];

fn algorithm_of(value: Option<Value<'_>>) -> Result<Algorithm, Refusal> {
    match value {
        Some(Value::String(name)) => Algorithm::parse(&name).ok_or_else(|| {
            Refusal::malformed("The header's alg is none of HS256, ES256, ES384, RS256, PS256, EdDSA and Ed25519.")
        }),
        Some(_) => Err(Refusal::malformed("The header's alg is not text.")),
        None => Err(Refusal::malformed("The header has no alg.")),
    }
}

fn text_of<'a>(value: Option<Value<'a>>, reason: &'static str) -> Result<Option<Cow<'a, str>>, Refusal> {
    match value {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Refusal::malformed(reason)),
    }
}
