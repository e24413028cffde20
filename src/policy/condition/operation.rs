//! Names of operations.

use crate::error::{Error, Result};

/// The most operations of a list.
pub const MAXIMUM_OPERATIONS: usize = 64;

const MAXIMUM_OPERATION_CHARACTERS: usize = 64;

/// `names` of operations, Tessera's own or an application's, sorted, each once.
///
/// Refuses more than [`MAXIMUM_OPERATIONS`], and what is not words of small letters and digits with dots between them,
/// at least two, with `-` too from the second on, and at most 64 characters; `subject` names the list in errors.
pub fn operations(names: &[String], subject: &'static str) -> Result<Vec<String>> {
    if names.len() > MAXIMUM_OPERATIONS {
        return Err(Error::argument(subject, "There may be at most 64 operations."));
    }
    if !names.iter().all(|name| is_operation(name)) {
        let message = "The name of an operation is words of a-z and 0-9 with dots between them, such as token.read, \
                       and at most 64 characters; the words after the first may hold a hyphen.";
        return Err(Error::argument(subject, message));
    }
    let mut names = names.to_vec();
    names.sort();
    names.dedup();
    Ok(names)
}

fn is_operation(text: &str) -> bool {
    let is_word = |word: &str| {
        let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !word.is_empty() && word.bytes().all(is_part)
    };
    text.len() <= MAXIMUM_OPERATION_CHARACTERS
        && text
            .split_once('.')
            .is_some_and(|(noun, rest)| is_word(noun) && !noun.contains('-') && rest.split('.').all(is_word))
}
