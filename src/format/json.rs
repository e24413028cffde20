//! Strict JSON (RFC 8259), for what others have signed or sent.
//!
//! Two readers that disagree about a text are an attack waiting to happen, so everything that readers
//! disagree about is refused: a member that comes twice in an object (after unescaping), lone surrogates,
//! a byte order mark, white space around the value, bytes that are not UTF-8. Depth and the number of members
//! are bounded. Members keep their order; integers are exact, and a number with a fraction or an exponent is
//! never taken for one.

mod plain;

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// The deepest that arrays and objects may nest.
pub const MAXIMUM_DEPTH: usize = 16;

/// The most members that all objects of a text may have together.
pub const MAXIMUM_MEMBERS: usize = 256;

/// Room for as many members is made at once in the outermost object, which saves growing.
const USUAL_MEMBERS: usize = 12;

/// A JSON value. Text without escapes is borrowed from the input.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number without fraction or exponent that 64 bits hold.
    Integer(Integer),
    /// Any other number. It is never taken for an integer, whatever its value.
    Fraction(f64),
    /// Text.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Value<'a>>),
    /// An object.
    Object(Object<'a>),
}

impl Value<'_> {
    /// The text, when it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }
}

/// An exact whole number, from the least of `i64` to the greatest of `u64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Integer {
    /// Below zero.
    Negative(i64),
    /// Zero or above.
    NonNegative(u64),
}

impl Integer {
    /// The number, when `i64` holds it.
    pub fn as_i64(self) -> Option<i64> {
        match self {
            Self::Negative(number) => Some(number),
            Self::NonNegative(number) => i64::try_from(number).ok(),
        }
    }
}

/// An object: its members in the order of the text, each name once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Object<'a>(Vec<(Cow<'a, str>, Value<'a>)>);

impl<'a> Object<'a> {
    /// The value of the member of that name.
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.0.iter().find(|(member, _)| member == name).map(|(_, value)| value)
    }

    /// Whether there is a member of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The members, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value<'a>)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value))
    }

    /// The number of members.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets a member: in its place when it is there, else at the end.
    pub fn set(&mut self, name: impl Into<Cow<'a, str>>, value: Value<'a>) {
        let name = name.into();
        match self.0.iter_mut().find(|(member, _)| *member == name) {
            Some((_, place)) => *place = value,
            None => self.0.push((name, value)),
        }
    }

    /// Takes a member out.
    pub fn remove(&mut self, name: &str) -> Option<Value<'a>> {
        let position = self.0.iter().position(|(member, _)| member == name)?;
        Some(self.0.remove(position).1)
    }

    /// The object as JSON text without white space.
    pub fn to_text(&self) -> String {
        let mut text = Vec::new();
        write_object(self.iter(), &mut text);
        String::from_utf8(text).unwrap_or_default()
    }
}

/// Appends an object of these members, of which no two have the same name, without white space. Gives how many members it and
/// the objects in it have together.
pub(crate) fn write_object<'o, 'a: 'o>(
    members: impl Iterator<Item = (&'o str, &'o Value<'a>)>,
    text: &mut Vec<u8>,
) -> usize {
    let mut count = 0;
    text.push(b'{');
    for (number, (name, value)) in members.enumerate() {
        if number > 0 {
            text.push(b',');
        }
        write_string(name, text);
        text.push(b':');
        count += 1 + write_value(value, text);
    }
    text.push(b'}');
    count
}

/// Appends a value as serde_json writes it. Gives how many members the objects in it have.
fn write_value(value: &Value<'_>, text: &mut Vec<u8>) -> usize {
    match value {
        Value::String(string) => write_string(string, text),
        Value::Array(values) => {
            let mut count = 0;
            text.push(b'[');
            for (number, value) in values.iter().enumerate() {
                if number > 0 {
                    text.push(b',');
                }
                count += write_value(value, text);
            }
            text.push(b']');
            return count;
        }
        Value::Object(object) => return write_object(object.iter(), text),
        other => write_other(other, text),
    }
    0
}

fn write_string(string: &str, text: &mut Vec<u8>) {
    if string.bytes().any(|byte| matches!(byte, 0..b' ' | b'"' | b'\\')) {
        write_other(string, text);
    } else {
        text.reserve(string.len() + 2);
        text.push(b'"');
        text.extend_from_slice(string.as_bytes());
        text.push(b'"');
    }
}

fn write_other<T: Serialize + ?Sized>(value: &T, text: &mut Vec<u8>) {
    // Writing to memory fails only for values that cannot be JSON, of which there are none here but a fraction that is not
    // finite, which serde_json writes as null.
    let written = serde_json::to_writer(text, value);
    debug_assert!(written.is_ok());
}

impl<'a> IntoIterator for Object<'a> {
    type Item = (Cow<'a, str>, Value<'a>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Why a text was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A member comes twice in one object.
    DuplicateMember,
    /// Arrays and objects nest more than 16 deep.
    TooDeep,
    /// The objects have more than 256 members together.
    TooManyMembers,
    /// It is not JSON, or not in the strict form.
    NotJson,
}

/// Parses one JSON value that fills `text` to the last byte.
pub fn parse(text: &[u8]) -> Result<Value<'_>, Refusal> {
    let surrounded = [text.first(), text.last()].into_iter().flatten().any(u8::is_ascii_whitespace);
    let text = std::str::from_utf8(text).map_err(|_| Refusal::NotJson)?;
    if surrounded {
        return Err(Refusal::NotJson);
    }
    match plain::object(text) {
        Some(object) => Ok(Value::Object(object)),
        None => parse_strictly(text),
    }
}

fn parse_strictly(text: &str) -> Result<Value<'_>, Refusal> {
    let mut reader = Reader { members: 0, refusal: None };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = ValueSeed { reader: &mut reader, depth: 0 }.deserialize(&mut deserializer);
    match (parsed, deserializer.end()) {
        (Ok(value), Ok(())) => Ok(value),
        _ => Err(reader.refusal.unwrap_or(Refusal::NotJson)),
    }
}

/// Parses one JSON object that fills `text` to the last byte.
pub fn parse_object(text: &[u8]) -> Result<Object<'_>, Refusal> {
    match parse(text)? {
        Value::Object(object) => Ok(object),
        _ => Err(Refusal::NotJson),
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Boolean(value) => serializer.serialize_bool(*value),
            Self::Integer(Integer::Negative(value)) => serializer.serialize_i64(*value),
            Self::Integer(Integer::NonNegative(value)) => serializer.serialize_u64(*value),
            Self::Fraction(value) => serializer.serialize_f64(*value),
            Self::String(value) => serializer.serialize_str(value),
            Self::Array(values) => serializer.collect_seq(values),
            Self::Object(object) => object.serialize(serializer),
        }
    }
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// What is counted over a whole text, and the rule that a text broke: serde's errors carry only prose.
struct Reader {
    members: usize,
    refusal: Option<Refusal>,
}

impl Reader {
    fn refuse<E: serde::de::Error>(&mut self, refusal: Refusal) -> E {
        self.refusal = Some(refusal);
        E::custom("refused")
    }
}

struct ValueSeed<'r> {
    reader: &'r mut Reader,
    /// The number of arrays and objects around the value.
    depth: usize,
}

impl<'a> DeserializeSeed<'a> for ValueSeed<'_> {
    type Value = Value<'a>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Value<'a>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for ValueSeed<'_> {
    type Value = Value<'a>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value<'a>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value<'a>, E> {
        Ok(Value::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value<'a>, E> {
        Ok(Value::Integer(u64::try_from(value).map_or(Integer::Negative(value), Integer::NonNegative)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value<'a>, E> {
        Ok(Value::Integer(Integer::NonNegative(value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value<'a>, E> {
        Ok(Value::Fraction(value))
    }

    fn visit_borrowed_str<E>(self, value: &'a str) -> Result<Value<'a>, E> {
        Ok(Value::String(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value<'a>, E> {
        Ok(Value::String(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut access: A) -> Result<Value<'a>, A::Error> {
        let depth = self.depth + 1;
        if depth > MAXIMUM_DEPTH {
            return Err(self.reader.refuse(Refusal::TooDeep));
        }
        let mut values = Vec::new();
        while let Some(value) = access.next_element_seed(ValueSeed { reader: self.reader, depth })? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'a>>(self, mut access: A) -> Result<Value<'a>, A::Error> {
        let depth = self.depth + 1;
        if depth > MAXIMUM_DEPTH {
            return Err(self.reader.refuse(Refusal::TooDeep));
        }
        let mut object = Object(Vec::with_capacity(if depth == 1 { USUAL_MEMBERS } else { 0 }));
        // Of the names so far, a bit each: most names are told apart by theirs, without a look at the others.
        let mut seen = 0_u64;
        while let Some(name) = access.next_key_seed(NameSeed)? {
            let bit = bit_of(&name);
            // The bound on all members keeps this search, and so the whole parse, short.
            if seen & bit != 0 && object.contains(&name) {
                return Err(self.reader.refuse(Refusal::DuplicateMember));
            }
            seen |= bit;
            self.reader.members += 1;
            if self.reader.members > MAXIMUM_MEMBERS {
                return Err(self.reader.refuse(Refusal::TooManyMembers));
            }
            let value = access.next_value_seed(ValueSeed { reader: self.reader, depth })?;
            object.0.push((name, value));
        }
        Ok(Value::Object(object))
    }
}

/// One bit for a name, the same for the same name.
fn bit_of(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let at = |position: Option<&u8>| position.copied().unwrap_or_default();
    let mixed = at(bytes.first()).wrapping_mul(7) ^ at(bytes.get(1)).wrapping_mul(11) ^ at(bytes.last());
    1 << ((usize::from(mixed) + bytes.len()) % 64)
}

struct NameSeed;

impl<'a> DeserializeSeed<'a> for NameSeed {
    type Value = Cow<'a, str>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Cow<'a, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for NameSeed {
    type Value = Cow<'a, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a member's name")
    }

    fn visit_borrowed_str<E>(self, value: &'a str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Borrowed(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Owned(value.to_owned()))
    }
}

#[cfg(test)]
mod tests;
