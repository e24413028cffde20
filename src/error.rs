//! What can go wrong, as kinds with fixed codes.
//!
//! A code is part of the contract: it has the same number and name in Rust, across the C ABI, in C# and
//! in PowerShell error ids, and is never given to another meaning. The message is for people: what was
//! wrong, which input, what to do. Neither ever holds a secret, so an error may be shown and logged.

use std::borrow::Cow;
use std::fmt;

use crate::numbered::numbered;

/// The result of everything in this library that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure: its code, a sentence for people, and the name of the input it is about.
///
/// The outcome of a check is not a failure: see [`crate::model::Outcome`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    code: ErrorCode,
    message: Cow<'static, str>,
    subject: Option<Cow<'static, str>>,
}

impl Error {
    /// An error of kind `code`. `message` says what was wrong and what to do, without any secret.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), subject: None }
    }

    /// Names the input that the error is about, as the caller knows it (`name`, `expiresAt`, `path`).
    #[must_use]
    pub fn about(mut self, subject: impl Into<Cow<'static, str>>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// The fixed code.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The sentence for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The input that the error is about, where there is one.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// An argument that is outside its stated form or limits.
    pub(crate) fn argument(subject: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidArgument, message).about(subject)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code.name(), self.message)
    }
}

impl std::error::Error for Error {}

numbered! {
    /// The kinds of failure. Numbers and names are fixed; zero is never one: across the C ABI it means success.
    pub enum ErrorCode {
        /// An argument is outside its stated form or limits.
        InvalidArgument = 1,
        /// There is no such token, identity, role or key.
        NotFound = 2,
        /// There is one of that name already.
        AlreadyExists = 3,
        /// The rules do not allow it, whatever the arguments' form.
        NotPermitted = 4,
        /// The thing is not in a state that allows it.
        Conflict = 5,
        /// Too much of this is going on at once; nothing was done, and a later try may succeed.
        Overloaded = 6,
        /// The store cannot be read or written for a reason that no other code names.
        StoreUnavailable = 10,
        /// Another process held the store's write lock for longer than the busy timeout.
        StoreBusy = 11,
        /// There is no space left for the store.
        StoreFull = 12,
        /// The store, or its folder, may only be read.
        StoreReadOnly = 13,
        /// The database file is damaged.
        StoreCorrupt = 14,
        /// The file is not a Tessera database; it was left untouched.
        StoreForeign = 15,
        /// A newer version of Tessera wrote the database; it was left untouched.
        StoreNewer = 16,
        /// The key does not belong to this store.
        StoreWrongKey = 17,
        /// The store exists and its key does not.
        StoreKeyMissing = 18,
        /// The path does not name a file that can be opened or created.
        StorePath = 19,
        /// Something else in this process holds the database file open.
        StoreHeldElsewhere = 20,
        /// The path lies on a network file system, where SQLite's locks cannot be relied on.
        StoreNetworkFileSystem = 21,
        /// The key file cannot be made or read, is readable by others or somebody else's, or is not in the form of one.
        StoreKeyFile = 22,
        /// The text is not in the form of a token.
        MalformedToken = 30,
        /// The key material may not be used: its form, length, use or algorithm.
        KeyRefused = 31,
        /// A file of tokens cannot be read or written, or is not in the form of one. (A bad line in it is told by
        /// the code of what is wrong with it.)
        TransferFile = 32,
        /// The handle was never given out, or has been closed.
        InvalidHandle = 40,
        /// A defect in Tessera. The call had no effect that it could undo; the process is unharmed.
        /// (42 is .NET's, for a native library that is missing or of another version.)
        Internal = 41,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_fixed() {
        let table: Vec<String> =
            ErrorCode::ALL.iter().map(|code| format!("{}={}", code.name(), code.number())).collect();
        assert_eq!(
            table.join(" "),
            "InvalidArgument=1 NotFound=2 AlreadyExists=3 NotPermitted=4 Conflict=5 Overloaded=6 StoreUnavailable=10 \
             StoreBusy=11 StoreFull=12 StoreReadOnly=13 StoreCorrupt=14 StoreForeign=15 StoreNewer=16 \
             StoreWrongKey=17 StoreKeyMissing=18 StorePath=19 StoreHeldElsewhere=20 \
             StoreNetworkFileSystem=21 StoreKeyFile=22 MalformedToken=30 KeyRefused=31 TransferFile=32 \
             InvalidHandle=40 Internal=41"
        );
    }
}
