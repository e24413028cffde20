//! The path of a URI, walked segment by segment, so that no server can be elsewhere when it has walked it.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use unicode_normalization::UnicodeNormalization;

/// What a path may hold without an escape, slashes aside (RFC 3986, section 3.3); `%` has its own rule.
const OUTSIDE_SEGMENTS: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// What a segment of a path does.
pub(super) enum Step<'a> {
    Down(Segment<'a>),
    /// `..`: back by one.
    Up,
}

/// A segment with a name.
pub(super) struct Segment<'a> {
    /// As written; its escapes are whole.
    pub(super) raw: &'a str,
    /// With every escape decoded.
    pub(super) text: Cow<'a, str>,
}

impl<'a> Segment<'a> {
    /// The segment as all that are equivalent to it are written (RFC 3986, section 6.2.2): escapes in upper case and
    /// only where they are needed or stand for a reserved character.
    pub(super) fn normal(&self) -> Cow<'a, str> {
        let Some((start, rest)) = self.raw.split_once('%') else {
            return utf8_percent_encode(self.raw, OUTSIDE_SEGMENTS).into();
        };
        let mut normal = String::from(Cow::from(utf8_percent_encode(start, OUTSIDE_SEGMENTS)));
        for part in rest.split('%') {
            let (digits, tail) = part.split_at_checked(2).unwrap_or((part, ""));
            match u8::from_str_radix(digits, 16) {
                Ok(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => normal.push(byte.into()),
                _ => {
                    normal.push('%');
                    normal.push_str(&digits.to_ascii_uppercase());
                }
            }
            normal.extend(utf8_percent_encode(tail, OUTSIDE_SEGMENTS));
        }
        normal.into()
    }
}

/// The steps of `path`, until one that servers take differently; the error says what is wrong with the path.
pub(super) fn steps(path: &str) -> impl Iterator<Item = Result<Step<'_>, &'static str>> {
    let mut has_empty = false;
    path.strip_prefix('/').unwrap_or(path).split('/').filter_map(move |raw| {
        if raw.is_empty() {
            has_empty = true;
            return None;
        }
        let text = match decode(raw) {
            Ok(text) => text,
            Err(reason) => return Some(Err(reason)),
        };
        match &*text {
            "." => None,
            // One server takes back the empty segment, another has dropped it and takes back the one before.
            ".." if has_empty => Some(Err("goes up after a repeated slash")),
            ".." => Some(Ok(Step::Up)),
            _ => Some(Ok(Step::Down(Segment { raw, text }))),
        }
    })
}

fn decode(raw: &str) -> Result<Cow<'_, str>, &'static str> {
    if !raw.split('%').skip(1).all(follows_percent) {
        return Err("has an incomplete percent escape");
    }
    let text = percent_decode_str(raw).decode_utf8().map_err(|_| "has percent escapes that are not UTF-8")?;
    if text.chars().any(char::is_control) {
        return Err("has control characters");
    }
    // A slash can only have been encoded, or there would have been two segments. Some servers take `;` and what
    // follows off a segment, which makes `..;` go up; some decode before they do.
    if text.contains(['/', '\\', ';']) {
        return Err("has an encoded slash, a backslash or a semicolon");
    }
    if text.split('%').skip(1).any(follows_percent) {
        return Err("has a percent escape that is escaped itself");
    }
    // U+FF0F and its like turn into a slash where names are brought to a compatibility form.
    let mut compatible = text.chars().filter(|character| !character.is_ascii()).nfkc();
    if compatible.any(|character| matches!(character, '/' | '\\' | ';' | '%' | '.')) {
        return Err("has a character that looks like a slash, a backslash, a semicolon, a percent sign or a dot");
    }
    // Windows drops dots and spaces at the end of a name, and may be left with `..` or with nothing.
    if !matches!(&*text, "." | "..") && text.bytes().all(|byte| matches!(byte, b'.' | b' ')) {
        return Err("has a segment of dots and spaces");
    }
    Ok(text)
}

/// Whether `text`, that which follows a percent sign, makes an escape with it.
fn follows_percent(text: &str) -> bool {
    text.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}
