//! The database file, before SQLite sees it: what it is, who may read it, who else holds it.
//!
//! Nothing here opens an existing database: on POSIX systems closing any descriptor of a file drops every
//! lock that the process has on it, SQLite's included. Files are only looked at from outside.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorCode, Result};

use super::counter;

/// Which file a path leads to, whatever the path: two paths to one file have one key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct FileKey {
    #[cfg(unix)]
    device_and_inode: (u64, u64),
    #[cfg(not(unix))]
    path: PathBuf,
}

/// Finds the file at `path`, or makes an empty one there that only its owner may read.
///
/// Gives its full path and key. `StorePath` when it is no file or its folder is missing, or when there is
/// none and `create` is off; `StoreNetworkFileSystem` where locks cannot be relied on.
pub(super) fn find_or_create(path: &Path, create: bool) -> Result<(PathBuf, FileKey)> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::metadata(folder)
        .map_err(|_| wrong_path("The folder of the store does not exist or may not be entered. Create it first."))?;
    refuse_network(folder)?;
    match fs::metadata(path) {
        Ok(found) if found.is_file() => {}
        Ok(_) => return Err(wrong_path("The store's path names something that is not a file. Name a file.")),
        Err(error) if error.kind() == io::ErrorKind::NotFound && create => create_private(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(wrong_path("There is no store at this path, and none was to be created."));
        }
        Err(_) => return Err(wrong_path("The store's file cannot be looked at. Look at the rights to its folder.")),
    }
    let path =
        fs::canonicalize(path).map_err(|_| wrong_path("The store's file was taken away while it was being opened."))?;
    refuse_network(&path)?;
    refuse_read_only(&path)?;
    refuse_shared(&path)?;
    let key = key(&path)?;
    Ok((path, key))
}

/// Refuses to go on when the path no longer leads to the file that was opened: our writes would go to a file that
/// nobody else opens, and we would miss theirs.
pub(super) fn refuse_replaced(path: &Path, opened: &FileKey) -> Result<()> {
    if key(path).is_ok_and(|found| found == *opened) {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::StoreUnavailable,
        "The store's file was moved, removed or replaced while it was open. Close the store and open it again.",
    )
    .about("path"))
}

/// Refuses a file, or a folder, that may not be written: SQLite's own word for it differs with what lies there.
#[cfg(unix)]
fn refuse_read_only(path: &Path) -> Result<()> {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    let is_writable = |path| accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS).is_ok();
    if is_writable(path) && path.parent().is_none_or(is_writable) { Ok(()) } else { Err(super::failure::read_only()) }
}

#[cfg(not(unix))]
fn refuse_read_only(path: &Path) -> Result<()> {
    match fs::metadata(path) {
        Ok(found) if found.permissions().readonly() => Err(super::failure::read_only()),
        _ => Ok(()),
    }
}

/// Refuses a file with a second name, by a hard link or a mount of its own: SQLite keeps its log beside the
/// name, so through two names there would be two logs, and revocations in one unseen through the other. And a
/// file that others may write, or that somebody else has put there for a store that is yet to be made.
#[cfg(unix)]
fn refuse_shared(path: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let gone = |_| wrong_path("The store's file was taken away while it was being opened.");
    let file = fs::metadata(path).map_err(gone)?;
    let folder = fs::metadata(path.parent().unwrap_or(path)).map_err(gone)?;
    if file.nlink() > 1 {
        return Err(wrong_path(
            "The store's file has a second name (a hard link). Remove it: SQLite can use one only.",
        ));
    }
    if file.dev() != folder.dev() {
        return Err(wrong_path("The store's file is mounted by itself. Mount its folder, where its log lies too."));
    }
    if file.mode() & 0o022 != 0 {
        return Err(wrong_path(
            "The store's file may be written by others than its owner. Take their rights away (chmod 600).",
        ));
    }
    if file.len() == 0 && file.uid() != rustix::process::geteuid().as_raw() {
        return Err(wrong_path("The store's file is empty and somebody else's. Remove it, or name another path."));
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_shared(_path: &Path) -> Result<()> {
    Ok(())
}

/// Makes a new empty file that only its owner may read; one that is there already is left as it is.
pub(super) fn create_private(path: &Path) -> Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Error::new(
                ErrorCode::StoreReadOnly,
                "The store's folder may only be read. Allow writing to it, or name another path.",
            )
            .about("path"),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Error::new(ErrorCode::StoreFull, "There is no space left for the store.").about("path")
            }
            _ => wrong_path("The store's file cannot be created. Look at the path and the rights to its folder."),
        }),
    }
}

/// The key of the file at `path`.
#[cfg(unix)]
fn key(path: &Path) -> Result<FileKey> {
    let found = fs::metadata(path).and_then(|found| key_of(path, &found));
    found.map_err(|_| wrong_path("The store's file was taken away while it was being opened."))
}

#[cfg(not(unix))]
fn key(path: &Path) -> Result<FileKey> {
    Ok(FileKey { path: path.to_owned() })
}

/// The key of any file, which was looked at already.
#[cfg(unix)]
pub(super) fn key_of(_path: &Path, found: &fs::Metadata) -> io::Result<FileKey> {
    use std::os::unix::fs::MetadataExt;
    Ok(FileKey { device_and_inode: (found.dev(), found.ino()) })
}

#[cfg(not(unix))]
pub(super) fn key_of(path: &Path, _found: &fs::Metadata) -> io::Result<FileKey> {
    Ok(FileKey { path: fs::canonicalize(path)? })
}

/// The keys of the store's file at `path` and of those that lie beside it while it is open, as far as they are there.
pub(super) fn keys_of_store(path: &Path) -> impl Iterator<Item = FileKey> {
    ["", "-wal", "-shm", counter::SUFFIX].into_iter().filter_map(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        fs::metadata(&name).and_then(|found| key_of(Path::new(&name), &found)).ok()
    })
}

/// Refuses a file that something in this process holds open: two copies of SQLite in one process undo each
/// other's locks and so damage the file. Known on Linux only; elsewhere the documentation has to do.
pub(super) fn refuse_held(wanted: &FileKey) -> Result<()> {
    if !is_held(wanted) {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::StoreHeldElsewhere,
        "Something else in this process, perhaps another SQLite library, holds the store's file open; two at \
         once would damage it. Close it there first.",
    )
    .about("path"))
}

/// Whether this process has a descriptor of the file. Known on Linux only.
#[cfg(target_os = "linux")]
pub(super) fn is_held(wanted: &FileKey) -> bool {
    let descriptors = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    descriptors.map(|descriptor| key(&descriptor.path())).any(|held| held.is_ok_and(|held| held == *wanted))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn is_held(_wanted: &FileKey) -> bool {
    false
}

/// Refuses the file systems on which POSIX locks are not reliable: NFS, SMB, FUSE, 9P.
#[cfg(target_os = "linux")]
fn refuse_network(path: &Path) -> Result<()> {
    const NETWORK: [u64; 6] = [0x6969, 0xff53_4d42, 0x517b, 0xfe53_4d42, 0x6573_5546, 0x0102_1997];
    let Ok(found) = rustix::fs::statfs(path) else { return Ok(()) };
    // The field is signed on some machines and narrower on others; only its low 32 bits carry the kind.
    let kind = (found.f_type as u64) & 0xffff_ffff;
    if NETWORK.contains(&kind) {
        return Err(Error::new(
            ErrorCode::StoreNetworkFileSystem,
            "The store lies on a network file system, where locks cannot be relied on. Put it on a local disk.",
        )
        .about("path"));
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn refuse_network(_path: &Path) -> Result<()> {
    Ok(())
}

fn wrong_path(message: &'static str) -> Error {
    Error::new(ErrorCode::StorePath, message).about("path")
}
