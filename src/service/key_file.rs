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

/// The key that the caller or the environment brings, where one does.
pub(super) fn brought(given: Option<&Secret>) -> Result<Option<Keyring>> {
    if let Some(text) = given {
        return Keyring::parse(text.as_bytes()).map(Some);
    }
    match std::env::var_os(ENVIRONMENT_VARIABLE) {
        None => Ok(None),
        Some(text) => Keyring::parse(Secret::new(text.into_encoded_bytes()).as_bytes()).map(Some),
    }
}

/// The key beside the store at `path`, which has one.
pub(super) fn find(path: &Path) -> Result<Keyring> {
    match read(&path_of(path), Owner::AnyForRoot)? {
        Some(text) => Keyring::parse(text.as_bytes()),
        None => Err(Error::new(
            ErrorCode::StoreKeyMissing,
            "The store's key file is missing. Put it back beside the store, with the name of the store and .key; without \
             it no token of the store can be checked.",
        )
        .about("path")),
    }
}

/// The key beside the store at `path`, which is new; made, when there is none.
pub(super) fn find_or_make(path: &Path) -> Result<Keyring> {
    let file = path_of(path);
    match read(&file, Owner::Oneself)? {
        Some(text) => Keyring::parse(text.as_bytes()),
        None => make(&file),
    }
}

/// Whose a key file may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// The user's who runs this process. Whoever else put the file there knows the key.
    Oneself,
    /// The same, except that root may use any user's file.
    AnyForRoot,
}

/// Where the key file of the store at `path` lies.
fn path_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".key");
    PathBuf::from(name)
}

/// The text of the key file, or none when there is no file.
fn read(path: &Path, owner: Owner) -> Result<Option<Secret>> {
    // Looked at before it is opened: to open a pipe is to wait for its other end.
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(_) => return Err(bad("The store's key file cannot be looked at. Look at the rights to its folder.")),
    };
    if !metadata.is_file() || metadata.len() > Keyring::MAXIMUM_TEXT_BYTES as u64 {
        return Err(bad("The store's key file is not a key file."));
    }
    refuse_shared(&metadata, owner)?;
    let file =
        fs::File::open(path).map_err(|_| bad("The store's key file cannot be read. Look at the rights to it."))?;
    let mut text = Vec::with_capacity(Keyring::MAXIMUM_TEXT_BYTES + 1);
    let ended = file.take(Keyring::MAXIMUM_TEXT_BYTES as u64 + 1).read_to_end(&mut text);
    let text = Secret::new(text);
    ended.map_err(|_| bad("The store's key file cannot be read."))?;
    Ok(Some(text))
}

#[cfg(unix)]
fn refuse_shared(metadata: &fs::Metadata, owner: Owner) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    if metadata.mode() & 0o077 != 0 {
        return Err(bad(
            "The store's key file may be read by others than its owner. Take their rights away (chmod 600), and think \
             of the key as known to whoever could read it.",
        ));
    }
    let user = rustix::process::geteuid();
    if metadata.uid() != user.as_raw() && !(owner == Owner::AnyForRoot && user.is_root()) {
        return Err(bad("The store's key file is somebody else's, who therefore knows the key."));
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_shared(_metadata: &fs::Metadata, _owner: Owner) -> Result<()> {
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
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match read(path, Owner::Oneself)? {
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
