//! The objects that most tokens are, read without the machinery that all others need.
//!
//! Plain is an object without white space and escapes, whose members are text, whole numbers of at most 18 digits, true,
//! false, null, or arrays of text. Whatever is not, and whatever is to be refused, is left to the strict reader: so this
//! one has no refusals of its own, and a test holds it to the strict one for what it does read.

use std::borrow::Cow;

use super::{Integer, MAXIMUM_MEMBERS, Object, USUAL_MEMBERS, Value, bit_of};

/// The digits of a number that 64 bits hold whatever they are.
const MAXIMUM_DIGITS: usize = 18;

/// The object that fills `text`, if it is a plain one.
pub(super) fn object(text: &str) -> Option<Object<'_>> {
    // Over the whole text at once, so that the end of a string is simply the next quotation mark.
    let is_unescaped = text.bytes().fold(true, |so_far, byte| so_far & (byte >= b' ') & (byte != b'\\'));
    if !is_unescaped {
        return None;
    }
    let mut reader = Reader { text, at: 0 };
    let mut members: Vec<(Cow<'_, str>, Value<'_>)> = Vec::with_capacity(USUAL_MEMBERS);
    let mut seen = 0_u64;
    reader.take(b'{')?;
    if reader.take(b'}').is_none() {
        loop {
            let name = reader.string()?;
            reader.take(b':')?;
            let bit = bit_of(name);
            let may_be_there = seen & bit != 0;
            if (may_be_there && members.iter().any(|(member, _)| member == name)) || members.len() == MAXIMUM_MEMBERS {
                return None;
            }
            seen |= bit;
            match reader.peek()? {
                b'"' => {
                    let text = reader.string()?;
                    members.push((Cow::Borrowed(name), Value::String(Cow::Borrowed(text))));
                }
                b'0'..=b'9' => {
                    let number = reader.number()?;
                    members.push((Cow::Borrowed(name), Value::Integer(Integer::NonNegative(number))));
                }
                b'[' => members.push((Cow::Borrowed(name), Value::Array(reader.array()?))),
                _ => members.push((Cow::Borrowed(name), reader.word()?)),
            }
            match reader.next()? {
                b',' => {}
                b'}' => break,
                _ => return None,
            }
        }
    }
    (reader.at == text.len()).then_some(Object(members))
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// Goes past `byte`, if it is the next one.
    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// One of the three words that JSON knows.
    fn word(&mut self) -> Option<Value<'a>> {
        let rest = &self.text.as_bytes()[self.at..];
        let words = [("true", Value::Boolean(true)), ("false", Value::Boolean(false)), ("null", Value::Null)];
        let (word, value) = words.into_iter().find(|(word, _)| rest.starts_with(word.as_bytes()))?;
        self.at += word.len();
        Some(value)
    }

    fn string(&mut self) -> Option<&'a str> {
        self.take(b'"')?;
        let start = self.at;
        let end = quotation_mark(self.text.as_bytes(), start)?;
        self.at = end + 1;
        self.text.get(start..end)
    }

    fn number(&mut self) -> Option<u64> {
        let start = self.at;
        let mut number = 0_u64;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            // Cannot overflow within the digits that are taken.
            number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        let digits = self.at - start;
        let starts_with_zero = self.text.as_bytes()[start] == b'0';
        // What follows decides whether the number ends here: the caller takes nothing but a comma or a bracket.
        (digits <= MAXIMUM_DIGITS && (digits == 1 || !starts_with_zero)).then_some(number)
    }

    fn array(&mut self) -> Option<Vec<Value<'a>>> {
        self.take(b'[')?;
        let mut values = Vec::new();
        if self.take(b']').is_none() {
            loop {
                values.push(Value::String(Cow::Borrowed(self.string()?)));
                match self.next()? {
                    b',' => {}
                    b']' => break,
                    _ => return None,
                }
            }
        }
        Some(values)
    }
}

/// Where the next quotation mark is. Names and texts are mostly short, so eight bytes are looked at in one step.
fn quotation_mark(bytes: &[u8], start: usize) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let mut at = start;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        // A byte becomes zero where it is the mark; of the bytes from there on, the highest bit of the first is set.
        let differs = u64::from_le_bytes(*chunk) ^ (ONES * u64::from(b'"'));
        let zeros = differs.wrapping_sub(ONES) & !differs & (ONES << 7);
        if zeros != 0 {
            return Some(at + zeros.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    bytes.get(at..)?.iter().position(|byte| *byte == b'"').map(|further| at + further)
}
