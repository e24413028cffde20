//! Reading any file whatever, of which some are stores.
//!
//! On POSIX systems the locks on a file belong to the process, which loses them when it closes any descriptor of that
//! file. So a file that a store has open is not opened here, and while a file is open here no store opens it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use super::file::{self, FileKey};
use super::{CLOSED, FILES, lock};

/// What came of opening a file for reading.
pub(crate) enum Opened {
    /// It can be read.
    File(OpenFile),
    /// It is of no length, so it was left closed.
    Empty,
    /// A store of this process has it open; or another part of the process has, and it may be SQLite's.
    Held,
}

/// A file that no store opens until this is dropped.
pub(crate) struct OpenFile {
    // The order matters: the file is closed before a store is let in.
    file: File,
    _reading: Reading,
}

/// The length of SQLite's files is a multiple of this.
const SMALLEST_PAGE_BYTES: u64 = 512;

/// Opens the file at `path`, which may be a link only where `follows` says so.
///
/// Fails where there is anything but a file, and never waits for the other end of a pipe.
pub(crate) fn open_for_reading(path: &Path, follows: bool) -> io::Result<Opened> {
    let found = if follows { fs::metadata(path) } else { fs::symlink_metadata(path) }?;
    if !found.is_file() {
        return Err(not_a_file());
    }
    if found.len() == 0 {
        return Ok(Opened::Empty);
    }
    let Some(reading) = Reading::begin(file::key_of(path, &found)?, found.len()) else {
        return Ok(Opened::Held);
    };
    let file = open(path, follows)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(not_a_file());
    }
    let key = file::key_of(path, &found)?;
    if key != reading.0 {
        if lock(&FILES).is_of_a_store(&key) {
            // To close it now would do the harm.
            std::mem::forget(file);
        }
        return Err(io::Error::other("The file was replaced while it was being opened."));
    }
    Ok(Opened::File(OpenFile { file, _reading: reading }))
}

impl Read for OpenFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

/// Keeps stores from a file.
struct Reading(FileKey);

impl Reading {
    /// None where a store has the file, or may have.
    fn begin(key: FileKey, length: u64) -> Option<Self> {
        let mut files = lock(&FILES);
        // Who reads the file by now is the one who holds it, and has asked this before.
        let is_held =
            || length.is_multiple_of(SMALLEST_PAGE_BYTES) && !files.reading.contains(&key) && file::is_held(&key);
        if files.is_of_a_store(&key) || is_held() {
            return None;
        }
        files.reading.push(key.clone());
        Some(Self(key))
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut files = lock(&FILES);
        if let Some(place) = files.reading.iter().position(|key| *key == self.0) {
            files.reading.swap_remove(place);
        }
        CLOSED.notify_all();
    }
}

#[cfg(unix)]
fn open(path: &Path, follows: bool) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    // Without waiting, should a pipe have taken the file's place.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    let flags = if follows { flags } else { flags | OFlags::NOFOLLOW };
    Ok(rustix::io::retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()))?.into())
}

#[cfg(not(unix))]
fn open(path: &Path, _follows: bool) -> io::Result<File> {
    File::open(path)
}

fn not_a_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "It is not a file.")
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::store::SqliteStore;

    fn opened(path: &Path) -> OpenFile {
        match open_for_reading(path, false).unwrap() {
            Opened::File(file) => file,
            _ => panic!("the file is free"),
        }
    }

    fn is_held(path: &Path) -> bool {
        matches!(open_for_reading(path, false), Ok(Opened::Held))
    }

    #[test]
    fn no_file_of_an_open_store_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.db");
        let store = SqliteStore::open(&path, true).unwrap();
        let other_name = folder.path().join("other name");
        // A store refuses to open a file with two names, but cannot keep it from getting one.
        fs::hard_link(&path, &other_name).unwrap();
        for name in ["tokens.db", "tokens.db-wal", "tokens.db-shm", "other name"] {
            assert!(is_held(&folder.path().join(name)), "{name}");
        }
        fs::remove_file(other_name).unwrap();
        drop(store);
        drop(opened(&path));
    }

    #[test]
    fn a_store_waits_for_those_who_read_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.db");
        drop(SqliteStore::open(&path, true).unwrap());
        let (first, second) = (opened(&path), opened(&path));
        let (told, opening) = mpsc::channel();
        let opener = {
            let path = path.clone();
            thread::spawn(move || {
                let store = SqliteStore::open(&path, false);
                told.send(()).unwrap();
                store
            })
        };
        drop(first);
        assert!(opening.recv_timeout(Duration::from_millis(200)).is_err(), "the file is still being read");
        drop(second);
        let store = opener.join().unwrap().unwrap();
        assert!(is_held(&path));
        drop(store);
        drop(opened(&path));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_may_be_another_librarys_database_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.db");
        for (length, expected) in [(511, false), (512, true), (4_096, true), (4_097, false)] {
            fs::write(&path, vec![b'x'; length]).unwrap();
            let holder = File::open(&path).unwrap();
            assert_eq!(is_held(&path), expected, "{length}");
            drop(holder);
            assert!(!is_held(&path), "{length}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_files_are_opened_and_links_only_when_asked_for() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let folder = tempfile::tempdir().unwrap();
        let (file, link, pipe) = (folder.path().join("file"), folder.path().join("link"), folder.path().join("pipe"));
        fs::write(&file, "x").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).unwrap();
        assert!(open_for_reading(&link, false).is_err());
        assert!(matches!(open_for_reading(&link, true), Ok(Opened::File(_))));
        for path in [&pipe, folder.path(), Path::new("/dev/zero")] {
            assert!(open_for_reading(path, true).is_err(), "{path:?}");
        }
        // A pipe that takes the file's place after the first look is opened without waiting for a writer.
        assert!(!open(&pipe, false).unwrap().metadata().unwrap().is_file());
        fs::write(&file, "").unwrap();
        assert!(matches!(open_for_reading(&file, false), Ok(Opened::Empty)));
    }
}
