//! Token values in any bytes: what a search for leaks looks for in files, without the store.
//!
//! [`Scanner::scan`] reads a stream to its end and gives each [`Candidate`] in it:
//!
//! - opaque values of any prefix or of given ones, whose check is right ([`super::opaque`]). Text of another kind
//!   passes that check once in four thousand million times.
//! - JSON Web Tokens by shape: three parts in base64url, of which the first is a JSON object with the member `alg`
//!   ([`super::json`]; RFC 7515 section 4.1.1). An encrypted token (RFC 7516) begins like one and is given as one.
//! - where the caller says how they begin, values of other systems: from there to the last character that a bearer
//!   token may have (RFC 6750 section 2.1).
//!
//! A candidate is found wherever it stands: behind and before any other text (`token=tsr_...;`, quotes, a header, a
//! sentence), many in a line, in binary files, in UTF-16 of either byte order with a byte order mark or without, at
//! any offset. Percent-encoding (RFC 3986 section 2.1) leaves the characters of values as they are, so they are found
//! in URLs; where a program encodes `_`, `.` and `-` all the same, they are read through that, too.
//!
//! What is not found: values that were cut, folded over several lines, compressed, encrypted or encoded in another
//! way, such as base64 (HTTP's Basic scheme, the secrets of Kubernetes). Archives are bytes like any others.
//!
//! Nothing tells where a JWT's signature ends when more characters of base64url stand right behind it: the candidate
//! then has those too, up to the longest signature there is. Whoever knows the key cuts it to the length that the
//! key's signatures have.
//!
//! A candidate is what its neighbourhood makes of it, never where the stream was cut into reads. The memory is one
//! window of a megabyte, whatever the stream's length.

use std::io::{self, Read};
use std::ops::Range;

use memchr::memmem::Finder;
use memchr::{memchr_iter, memchr3_iter};
use zeroize::Zeroizing;

use super::json::Value;
use super::{base64url, json, jwt, opaque};
use crate::secret::Secret;

/// What may be a token's value, and where it was found.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// What it looks like.
    pub kind: CandidateKind,
    /// Where it begins, in bytes from the start of the stream.
    pub offset: u64,
    /// The line in which it begins, from 1. A line ends with LF, so also with CR LF; in a stream that begins with a
    /// byte order mark of UTF-16, with that character.
    pub line: u64,
    /// The value, in ASCII, at most 8,192 bytes.
    pub value: Secret,
}

/// What a candidate looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CandidateKind {
    /// An opaque value with the right check.
    Opaque,
    /// A JSON Web Token, by its shape.
    Jwt,
    /// A value of another system, by how it begins.
    Foreign,
}

/// Which values to look for; as it stands by default, opaque values of any prefix and JWTs.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    /// The prefixes of opaque values; none: any.
    pub prefixes: Option<Vec<String>>,
    /// How values of other systems begin. Left out are an empty text, with which everything begins, and one that is
    /// as long as the longest value.
    pub foreign_prefixes: Vec<String>,
}

/// Finds candidates in streams, one after another.
///
/// Keep it for many streams: its window is allocated once, and wiped when it is dropped.
pub struct Scanner {
    prefixes: Option<Vec<String>>,
    foreign: Vec<ForeignPrefix>,
    window: Zeroizing<Vec<u8>>,
}

/// The longest value.
const MAXIMUM_VALUE_CHARACTERS: usize = jwt::MAXIMUM_TOKEN_BYTES;
/// The longest header, in base64url.
const MAXIMUM_HEADER_CHARACTERS: usize = (jwt::MAXIMUM_HEADER_BYTES * 4).div_ceil(3);
/// The shortest header, `{"alg":""}`, in base64url.
const MINIMUM_HEADER_CHARACTERS: usize = 14;
/// The longest signature in base64url: that of an RSA key of 8,192 bits.
const MAXIMUM_SIGNATURE_CHARACTERS: usize = (1_024_usize * 4).div_ceil(3);
/// The most bytes of a character: percent-encoded, in UTF-16.
const MAXIMUM_CHARACTER_BYTES: usize = 6;

/// How far before its mark (see [`Scanner::scan`]) a value can begin, in bytes.
const BEHIND: usize = MAXIMUM_HEADER_CHARACTERS * MAXIMUM_CHARACTER_BYTES;
/// How far after its mark a value can end, in bytes, the mark included.
const AHEAD: usize = MAXIMUM_VALUE_CHARACTERS * MAXIMUM_CHARACTER_BYTES;

const WINDOW_BYTES: usize = 1024 * 1024;

impl Scanner {
    /// A scanner for these patterns.
    pub fn new(patterns: Patterns) -> Self {
        Self::with_window(patterns, WINDOW_BYTES)
    }

    /// `window_bytes` must be more than `BEHIND + AHEAD`, or nothing moves on.
    fn with_window(patterns: Patterns, window_bytes: usize) -> Self {
        let is_usable = |prefix: &String| (1..MAXIMUM_VALUE_CHARACTERS).contains(&prefix.len());
        let foreign = patterns.foreign_prefixes.into_iter().filter(is_usable);
        Self {
            prefixes: patterns.prefixes,
            foreign: foreign.map(ForeignPrefix::new).collect(),
            window: Zeroizing::new(vec![0; window_bytes]),
        }
    }

    /// Reads `stream` to its end, hands each candidate to `found`, and says how many bytes there were.
    ///
    /// Candidates come roughly in the order of the stream. Fails as `stream` does; what stands wholly before the place
    /// of the failure has been found by then.
    pub fn scan(&mut self, mut stream: impl Read, mut found: impl FnMut(Candidate)) -> io::Result<u64> {
        // Every value has a mark, a character by which it is noticed: the `_` behind the prefix, the first dot of a
        // JWT, the first character of a foreign prefix. A mark is looked at when all that can belong to its value is
        // in the window; then the window moves on, and keeps what may belong to the values of marks to come.
        let mut lines = Lines::default();
        let (mut origin, mut filled, mut seen) = (0_u64, 0, 0);
        loop {
            let read = match stream.read(&mut self.window[filled..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read,
            };
            let is_last = !matches!(read, Ok(1..));
            filled += read.as_ref().map_or(0, |bytes| *bytes);
            let ready = if is_last { filled } else { filled.saturating_sub(AHEAD).max(seen) };
            let text = &self.window[..filled];
            if origin == 0 {
                lines.encoding = LineEncoding::of(text);
            }
            self.find(text, seen..ready, |kind, start, value| {
                let candidate =
                    Candidate { kind, offset: origin + start as u64, line: lines.line_at(text, start), value };
                found(candidate);
            });
            seen = ready;
            if is_last {
                return read.map(|_| origin + filled as u64);
            }
            if filled == self.window.len() {
                // An even number, so that characters of UTF-16 stay in step.
                let gone = seen.saturating_sub(BEHIND) & !1;
                lines.move_on(text, gone);
                self.window.copy_within(gone..filled, 0);
                origin += gone as u64;
                filled -= gone;
                seen -= gone;
            }
        }
    }

    /// Finds the values in `text` whose marks lie in `range`.
    fn find(&self, text: &[u8], range: Range<usize>, mut found: impl FnMut(CandidateKind, usize, Secret)) {
        for offset in memchr3_iter(b'_', b'.', b'%', &text[range.clone()]) {
            let place = range.start + offset;
            let units = Units::around(text, place);
            match text[place] {
                b'_' => self.find_opaque(Reader { text, units, decodes: false }, place, place, &mut found),
                b'.' => find_jwt(Reader { text, units, decodes: true }, place, place, &mut found),
                _ => {
                    let reader = Reader { text, units, decodes: true };
                    match reader.character_from(place) {
                        Some((b'_', last)) => self.find_opaque(reader, place, last, &mut found),
                        Some((b'.', last)) => find_jwt(reader, place, last, &mut found),
                        _ => {}
                    }
                }
            }
        }
        for prefix in &self.foreign {
            prefix.find(text, range.clone(), &mut found);
        }
    }

    /// Finds the opaque values whose separator is the character from `first` to `last`: one, unless two checks are
    /// right by chance.
    fn find_opaque(
        &self,
        reader: Reader<'_>,
        first: usize,
        last: usize,
        found: &mut impl FnMut(CandidateKind, usize, Secret),
    ) {
        const SEPARATOR: usize = opaque::MAXIMUM_PREFIX_CHARACTERS;
        // Counted before anything is copied: most separators are those of ordinary names.
        let tail = || reader.after(last).take(opaque::TAIL_CHARACTERS).take_while(u8::is_ascii_alphanumeric);
        if tail().count() < opaque::TAIL_CHARACTERS {
            return;
        }
        let mut characters = Zeroizing::new([0; SEPARATOR + 1 + opaque::TAIL_CHARACTERS]);
        let mut places = [0; SEPARATOR];
        characters[SEPARATOR] = b'_';
        for (target, character) in characters[SEPARATOR + 1..].iter_mut().zip(tail()) {
            *target = character;
        }
        let mut start = SEPARATOR;
        let prefix = reader.before(first).take(SEPARATOR);
        for (character, place) in prefix.take_while(|(character, _)| opaque::is_prefix_character(*character)) {
            start -= 1;
            (characters[start], places[start]) = (character, place);
        }
        for (within, parsed) in opaque::ending_with(&characters[start..]) {
            let start = start + within;
            if self.prefixes.as_ref().is_none_or(|wanted| wanted.iter().any(|prefix| prefix == parsed.prefix)) {
                found(CandidateKind::Opaque, places[start], Secret::from(&characters[start..]));
            }
        }
    }
}

/// Finds the JWT whose first dot is the character from `first` to `last`.
fn find_jwt(reader: Reader<'_>, first: usize, last: usize, found: &mut impl FnMut(CandidateKind, usize, Secret)) {
    // A header ends with `}`, for which base64url has one last character for each number of bytes before it. So that
    // character tells the length of the header in steps of four, and thereby at which characters it can begin.
    let last_group = match reader.before(first).next() {
        Some((b'9', _)) => 0,
        Some((b'0', _)) => 3,
        Some((b'Q', _)) => 2,
        _ => return,
    };
    let run = reader.before(first).take(MAXIMUM_HEADER_CHARACTERS);
    let run = run.take_while(|(character, _)| is_base64url(*character)).count();
    if run < MINIMUM_HEADER_CHARACTERS || !reader.after(last).next().is_some_and(is_base64url) {
        return;
    }
    let usable = run - (run - last_group) % 4;
    let mut header: Zeroizing<Vec<u8>> =
        Zeroizing::new(reader.before(first).take(usable).map(|(character, _)| character).collect());
    header.reverse();
    let bytes = Zeroizing::new(base64url::decode(&header).unwrap_or_default());
    let mut starts = (0..bytes.len()).step_by(3).filter(|start| bytes[*start] == b'{');
    let Some(start) = starts.find(|start| is_header(&bytes[*start..])) else { return };
    let header = &header[start / 3 * 4..];
    let Some((_, place)) = reader.before(first).nth(header.len() - 1) else { return };

    let mut value = Zeroizing::new(Vec::with_capacity(MAXIMUM_VALUE_CHARACTERS));
    value.extend_from_slice(header);
    value.push(b'.');
    let room = MAXIMUM_VALUE_CHARACTERS - value.len();
    let mut signature = None;
    for character in reader.after(last).take(room) {
        match signature {
            Some(start) if is_base64url(character) && value.len() - start < MAXIMUM_SIGNATURE_CHARACTERS => {}
            None if is_base64url(character) => {}
            None if character == b'.' => signature = Some(value.len() + 1),
            _ => break,
        }
        value.push(character);
    }
    // Something must stand behind the second dot; before it, something does.
    if signature.is_some_and(|start| start < value.len()) {
        found(CandidateKind::Jwt, place, Secret::from(&value[..]));
    }
}

fn is_header(bytes: &[u8]) -> bool {
    json::parse_object(bytes).is_ok_and(|members| matches!(members.get("alg"), Some(Value::String(_))))
}

fn is_base64url(character: u8) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, b'-' | b'_')
}

/// The beginning of another system's values.
struct ForeignPrefix {
    prefix: String,
    /// What it is in each kind of units.
    finders: [(Units, Finder<'static>); 2],
}

impl ForeignPrefix {
    fn new(prefix: String) -> Self {
        let mut pairs: Vec<u8> = prefix.bytes().flat_map(|byte| [byte, 0]).collect();
        // In one byte order the zeros come first, in the other last; between the characters they are in both.
        pairs.pop();
        let finders =
            [(Units::Bytes, Finder::new(&prefix).into_owned()), (Units::Pairs, Finder::new(&pairs).into_owned())];
        Self { prefix, finders }
    }

    fn find(&self, text: &[u8], range: Range<usize>, found: &mut impl FnMut(CandidateKind, usize, Secret)) {
        for (units, finder) in &self.finders {
            let reader = Reader { text, units: *units, decodes: true };
            let needle = finder.needle().len();
            let end = text.len().min(range.end + needle - 1);
            let mut from = range.start;
            // One place further each time: what begins within another value may be one, too.
            while let Some(offset) = text.get(from..end).and_then(|text| finder.find(text)) {
                let place = from + offset;
                from = place + 1;
                let room = MAXIMUM_VALUE_CHARACTERS - self.prefix.len();
                let rest = || reader.after(place + needle - 1).take(room).take_while(|it| is_bearer(*it));
                // Counted first: a list that grows leaves copies behind.
                let length = rest().count();
                if length > 0 {
                    let mut value = Vec::with_capacity(self.prefix.len() + length);
                    value.extend(self.prefix.bytes().chain(rest()));
                    found(CandidateKind::Foreign, place, Secret::new(value));
                }
            }
        }
    }
}

/// Whether a bearer token may have the character (RFC 6750 section 2.1).
fn is_bearer(character: u8) -> bool {
    is_base64url(character) || matches!(character, b'.' | b'~' | b'+' | b'/' | b'=')
}

/// In which units characters are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Units {
    /// A byte each: ASCII, and so UTF-8 and most others.
    Bytes,
    /// Two bytes each, of which one is zero: UTF-16. Which byte comes first makes no difference between two
    /// characters: it is always one zero.
    Pairs,
}

impl Units {
    /// The units of the text in which the character at `place` stands.
    fn around(text: &[u8], place: usize) -> Self {
        if text.get(place + 1) == Some(&0) { Self::Pairs } else { Self::Bytes }
    }
}

/// Reads characters to both sides of a place.
#[derive(Clone, Copy)]
struct Reader<'t> {
    text: &'t [u8],
    units: Units,
    /// Whether `%` and two hexadecimal digits are the character they stand for.
    decodes: bool,
}

impl<'t> Reader<'t> {
    /// The characters that follow the one of which the last unit is at `last`.
    fn after(self, mut last: usize) -> impl Iterator<Item = u8> + 't {
        std::iter::from_fn(move || {
            let (character, end) = self.character_from(self.next_unit(last)?)?;
            last = end;
            Some(character)
        })
    }

    /// The characters that precede the one of which the first unit is at `first`, backwards, each with the place of
    /// its own first unit.
    fn before(self, mut first: usize) -> impl Iterator<Item = (u8, usize)> + 't {
        std::iter::from_fn(move || {
            let (character, start) = self.character_to(self.previous_unit(first)?)?;
            first = start;
            Some((character, start))
        })
    }

    /// The character that begins with the unit at `first`, and the place of its last unit.
    fn character_from(self, first: usize) -> Option<(u8, usize)> {
        let character = *self.text.get(first)?;
        let encoded = || {
            let high = self.next_unit(first)?;
            let low = self.next_unit(high)?;
            Some((self.hexadecimal(high)? << 4 | self.hexadecimal(low)?, low))
        };
        (self.decodes && character == b'%').then(encoded).flatten().or(Some((character, first)))
    }

    /// The character that ends with the unit at `last`, and the place of its first unit.
    fn character_to(self, last: usize) -> Option<(u8, usize)> {
        let character = *self.text.get(last)?;
        let encoded = || {
            let low = self.hexadecimal(last)?;
            let high = self.previous_unit(last)?;
            let percent = self.previous_unit(high)?;
            (self.text[percent] == b'%').then_some((self.hexadecimal(high)? << 4 | low, percent))
        };
        self.decodes.then(encoded).flatten().or(Some((character, last)))
    }

    fn next_unit(self, place: usize) -> Option<usize> {
        match self.units {
            Units::Bytes => Some(place + 1),
            Units::Pairs => (self.text.get(place + 1) == Some(&0)).then_some(place + 2),
        }
    }

    fn previous_unit(self, place: usize) -> Option<usize> {
        match self.units {
            Units::Bytes => place.checked_sub(1),
            Units::Pairs => place.checked_sub(2).filter(|_| self.text[place - 1] == 0),
        }
    }

    fn hexadecimal(self, place: usize) -> Option<u8> {
        match self.text.get(place)? {
            digit @ b'0'..=b'9' => Some(digit - b'0'),
            digit @ b'A'..=b'F' => Some(digit - b'A' + 10),
            digit @ b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        }
    }
}

/// Counts lines, from the place that was asked for last: the next is mostly near it.
#[derive(Default)]
struct Lines {
    encoding: LineEncoding,
    place: usize,
    breaks_before: u64,
}

impl Lines {
    /// The number of the line in which `place` lies, from 1.
    fn line_at(&mut self, text: &[u8], place: usize) -> u64 {
        if place >= self.place {
            self.breaks_before += self.encoding.breaks(text, self.place..place);
        } else {
            self.breaks_before -= self.encoding.breaks(text, place..self.place);
        }
        self.place = place;
        self.breaks_before + 1
    }

    /// Goes on in a text that lacks the first `gone` bytes of this one.
    fn move_on(&mut self, text: &[u8], gone: usize) {
        self.line_at(text, gone);
        self.place = 0;
    }
}

/// How a stream writes the end of a line.
#[derive(Clone, Copy, Default)]
enum LineEncoding {
    #[default]
    Byte,
    /// UTF-16, as the byte order mark at the stream's start says.
    Pair([u8; 2]),
}

impl LineEncoding {
    fn of(start: &[u8]) -> Self {
        match start {
            [0xFF, 0xFE, ..] => Self::Pair([b'\n', 0]),
            [0xFE, 0xFF, ..] => Self::Pair([0, b'\n']),
            _ => Self::Byte,
        }
    }

    /// The number of line ends that begin in `range`.
    fn breaks(self, text: &[u8], range: Range<usize>) -> u64 {
        let count = match self {
            Self::Byte => memchr_iter(b'\n', &text[range]).count(),
            Self::Pair(wanted) => {
                let even = |place: usize| place.next_multiple_of(2).min(text.len());
                text[even(range.start)..even(range.end)].chunks_exact(2).filter(|pair| *pair == wanted).count()
            }
        };
        count as u64
    }
}

#[cfg(test)]
mod tests;
