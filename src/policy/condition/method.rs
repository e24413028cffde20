//! Methods of HTTP.

use crate::error::{Error, Result};
use crate::policy::grant::refuse_value;

/// The most methods of a list.
pub const MAXIMUM_METHODS: usize = 16;

const MAXIMUM_METHOD_CHARACTERS: usize = 32;

/// `methods` in upper case, sorted, each once; `subject` names the list in errors.
pub(super) fn methods(methods: &[String], subject: &'static str) -> Result<Vec<String>> {
    if methods.len() > MAXIMUM_METHODS {
        return Err(Error::argument(subject, "There may be at most 16 methods."));
    }
    for method in methods {
        if !is_method(method) {
            return Err(Error::argument(subject, "A method is a word of at most 32 characters, such as GET."));
        }
        refuse_value(method, subject)?;
    }
    let mut methods: Vec<String> = methods.iter().map(|method| method.to_ascii_uppercase()).collect();
    methods.sort();
    methods.dedup();
    Ok(methods)
}

/// Whether `text` is a token of RFC 9110, section 5.6.2, of a length that is one's.
pub(super) fn is_method(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (1..=MAXIMUM_METHOD_CHARACTERS).contains(&text.len()) && text.bytes().all(is_part)
}
