//! A file's first page as memory: one number in it that every process on the file changes and sees.
//!
//! Beside [`crate::ffi`] the only unsafe code.
//!
//! One thing no program can guard against: a file that is cut off while it is mapped, or has no place on the disk any more,
//! ends whoever looks at it next (SIGBUS). Only the file's owner can do that, who can do the same with SQLite's own file of
//! shared memory, `-shm`, on which every store in write-ahead-log mode rests.

use std::fs::File;
use std::io;

/// How long the file is, and so the mapping.
pub(super) const LENGTH: usize = 4_096;
/// Where the number lies: in a cache line of its own, aligned for its eight bytes. They are in the machine's order.
pub(super) const PLACE: usize = 64;
/// Whether there are mappings on this system.
pub(super) const IS_SUPPORTED: bool = cfg!(unix);

#[cfg(unix)]
pub(super) use self::shared::Mapping;

#[cfg(unix)]
mod shared {
    use std::ptr::{self, NonNull};
    use std::sync::atomic::{AtomicU64, Ordering};

    use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

    use super::{File, LENGTH, PLACE, io};

    /// The mapping of a file.
    pub(in super::super) struct Mapping {
        address: NonNull<u8>,
    }

    // SAFETY: the memory is only reached through an atomic, from whichever thread and process.
    unsafe impl Send for Mapping {}
    // SAFETY: as above.
    unsafe impl Sync for Mapping {}

    impl Mapping {
        /// Maps `file`, which is open for reading and writing. Fails unless it is of that length.
        pub(in super::super) fn of(file: &File) -> io::Result<Self> {
            if file.metadata()?.len() != LENGTH as u64 {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "The file is of another length."));
            }
            let protection = ProtFlags::READ | ProtFlags::WRITE;
            // SAFETY: a new mapping at an address that the system chooses takes no memory away from anyone.
            let address = unsafe { mmap(ptr::null_mut(), LENGTH, protection, MapFlags::SHARED, file, 0) }?;
            NonNull::new(address.cast::<u8>())
                .map(|address| Self { address })
                .ok_or_else(|| io::ErrorKind::OutOfMemory.into())
        }

        fn number(&self) -> &AtomicU64 {
            // SAFETY: the mapping has LENGTH bytes, can be read and written, and lasts as long as `self`; it begins at a
            // page, so PLACE is aligned; and all who know of it, in every process, reach these bytes as an atomic only.
            unsafe { &*self.address.as_ptr().add(PLACE).cast::<AtomicU64>() }
        }

        /// The number now. What is read after it is at least as new as the number.
        pub(in super::super) fn load(&self) -> u64 {
            self.number().load(Ordering::Acquire)
        }

        /// Puts `to` in the place of `from`; whether `from` was still there.
        pub(in super::super) fn replace(&self, from: u64, to: u64) -> bool {
            self.number().compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
        }
    }

    impl Drop for Mapping {
        fn drop(&mut self) {
            // SAFETY: it is the mapping that `of` made, and nothing refers to it but `self`.
            let _ = unsafe { munmap(self.address.as_ptr().cast(), LENGTH) };
        }
    }
}

/// Elsewhere there is none.
#[cfg(not(unix))]
pub(super) enum Mapping {}

#[cfg(not(unix))]
impl Mapping {
    pub(super) fn of(_file: &File) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn load(&self) -> u64 {
        match *self {}
    }

    pub(super) fn replace(&self, _from: u64, _to: u64) -> bool {
        match *self {}
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    #[test]
    fn what_one_writes_all_see() {
        let file = tempfile::tempfile().unwrap();
        assert!(Mapping::of(&file).is_err(), "an empty file has nothing to map");
        file.set_len(LENGTH as u64 - 1).unwrap();
        assert!(Mapping::of(&file).is_err());
        file.write_all_at(&[0; LENGTH], 0).unwrap();
        let (one, other) = (Mapping::of(&file).unwrap(), Mapping::of(&file).unwrap());
        assert_eq!((one.load(), other.load()), (0, 0));
        assert!(one.replace(0, 0x0123_4567_89ab_cdef));
        assert_eq!((one.load(), other.load()), (0x0123_4567_89ab_cdef, 0x0123_4567_89ab_cdef));
        assert!(!other.replace(0, 1), "it is another by now");
        // Beside the number nothing is written.
        let mut content = [0; LENGTH];
        file.read_exact_at(&mut content, 0).unwrap();
        assert!(content[..PLACE].iter().chain(&content[PLACE + 8..]).all(|byte| *byte == 0));
        assert_eq!(content[PLACE..PLACE + 8], 0x0123_4567_89ab_cdef_u64.to_ne_bytes());
        // A mapping lasts when the name and every descriptor are gone.
        drop((file, other));
        assert!(one.replace(0x0123_4567_89ab_cdef, 7));
        assert_eq!(one.load(), 7);
    }

    #[test]
    fn no_step_is_lost_between_threads() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&[0; LENGTH], 0).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mapping = Mapping::of(&file).unwrap();
                    for _ in 0..10_000 {
                        let mut found = mapping.load();
                        while !mapping.replace(found, found + 1) {
                            found = mapping.load();
                        }
                    }
                });
            }
        });
        assert_eq!(Mapping::of(&file).unwrap().load(), 40_000);
    }

    #[test]
    fn a_file_that_can_only_be_read_is_not_mapped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("counter");
        std::fs::write(&path, [0; LENGTH]).unwrap();
        assert!(Mapping::of(&File::open(path).unwrap()).is_err());
    }
}
