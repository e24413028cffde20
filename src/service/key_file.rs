//! The key of a store, which lies beside the database and never in it.
//!
//! It comes from the caller, else from the environment variable `TESSERA_STORE_KEY`, else from the file
//! `<store>.key`. Only a new store makes a new key file.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::crypto::keyring::Keyring;
use crate::crypto::random;
use crate::error::{Error, ErrorCode, Result};
use crate::secret::Secret;

/// The environment variable that may hold the text of a key file.
pub(super) const ENVIRONMENT_VARIABLE: &str = "TESSERA_STORE_KEY";

/// The most bytes that a key file may have.
const MAXIMUM_BYTES: u64 = 64 * 1024;

/// The key for the store at `path`: `given` by the caller, or found, or made when the store is `new`.
pub(super) fn keyring(path: &Path, given: Option<&[u8]>, new: bool) -> Result<Keyring> {
    if let Some(text) = given {
        return Keyring::parse(text);
    }
    if let Some(text) = std::env::var_os(ENVIRONMENT_VARIABLE) {
        let text = Secret::new(text.into_encoded_bytes());
        return Keyring::parse(text.as_bytes());
    }
    let file = path_of(path);
    match read(&file)? {
        Some(text) => Keyring::parse(text.as_bytes()),
        None if new => make(&file),
        None => Err(Error::new(
            ErrorCode::StoreKeyMissing,
            "The store's key file is missing. Put it back beside the store, with the name of the store and .key; without \
             it no token of the store can be checked.",
        )
        .about("path")),
    }
}

/// Where the key file of the store at `path` lies.
fn path_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".key");
    PathBuf::from(name)
}

/// The text of the key file, or none when there is no file.
fn read(path: &Path) -> Result<Option<Secret>> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(_) => return Err(bad("The store's key file cannot be read. Look at the rights to it.")),
    };
    let metadata = file.metadata().map_err(|_| bad("The store's key file cannot be looked at."))?;
    if !metadata.is_file() || metadata.len() > MAXIMUM_BYTES {
        return Err(bad("The store's key file is not a key file."));
    }
    refuse_shared(&metadata)?;
    let mut text = Vec::with_capacity(MAXIMUM_BYTES as usize);
    file.take(MAXIMUM_BYTES).read_to_end(&mut text).map_err(|_| bad("The store's key file cannot be read."))?;
    Ok(Some(Secret::new(text)))
}

#[cfg(unix)]
fn refuse_shared(metadata: &fs::Metadata) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(bad(
            "The store's key file may be read by others than its owner. Take their rights away (chmod 600), and think \
             of the key as known to whoever could read it.",
        ));
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_shared(_metadata: &fs::Metadata) -> Result<()> {
    Ok(())
}

/// Makes the key file, whole or not at all; when another process was first, its key is the store's.
fn make(path: &Path) -> Result<Keyring> {
    let failed = |error: &io::Error| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Error::new(ErrorCode::StoreFull, "There is no space left for the store's key file.").about("path")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Error::new(
            ErrorCode::StoreReadOnly,
            "The store's folder may only be read, so its key file cannot be made there.",
        )
        .about("path"),
        _ => bad("The store's key file cannot be made. Look at the rights to the store's folder."),
    };
    let keyring = Keyring::generate()?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", random::base62(12)?.as_str()));
    let draft = PathBuf::from(draft);
    // A link puts the finished file in place at one stroke and fails when there is one: no reader ever sees
    // half a key, and no key is ever written over.
    let made = write(&draft, keyring.to_text().as_bytes()).and_then(|()| fs::hard_link(&draft, path));
    let _ = fs::remove_file(&draft);
    match made {
        Ok(()) => {
            synchronise_folder(path);
            Ok(keyring)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match read(path)? {
            Some(text) => Keyring::parse(text.as_bytes()),
            None => Err(bad("The store's key file came and went while the store was being made. Try again.")),
        },
        Err(error) => Err(failed(&error)),
    }
}

fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

/// Makes the new name in the folder durable, where the system can do that; a store without its key is lost.
fn synchronise_folder(path: &Path) {
    if let Some(folder) = path.parent()
        && let Ok(folder) = fs::File::open(folder)
    {
        let _ = folder.sync_all();
    }
}

fn bad(message: &'static str) -> Error {
    Error::new(ErrorCode::StoreKeyFile, message).about("path")
}
