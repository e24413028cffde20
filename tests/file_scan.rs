//! The search for leaks in real files and folders, without a store's word.

mod support;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tessera_native::error::ErrorCode;
use tessera_native::format::opaque;
use tessera_native::format::scan::CandidateKind;
use tessera_native::service::{FileScan, FileScanEvent, FileScanNext, FileScanOptions, FileScanProgress, NotRead};

/// Long enough for anything here; what takes longer hangs.
const DEADLINE: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Report {
    found: Vec<(PathBuf, u64, CandidateKind, String)>,
    not_read: Vec<(PathBuf, NotRead)>,
    progress: FileScanProgress,
}

impl Report {
    /// The names of the files in which something was found, each once.
    fn names(&self) -> BTreeSet<String> {
        self.found.iter().map(|found| name(&found.0)).collect()
    }

    fn names_not_read(&self) -> BTreeSet<String> {
        self.not_read.iter().map(|entry| name(&entry.0)).collect()
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

fn options(paths: &[&Path]) -> FileScanOptions {
    FileScanOptions { paths: paths.iter().map(|path| path.to_path_buf()).collect(), ..Default::default() }
}

fn search(options: FileScanOptions) -> Report {
    let scan = FileScan::start(options).unwrap();
    let end = Instant::now() + DEADLINE;
    let mut report = Report::default();
    loop {
        match scan.next(Duration::from_millis(100)).unwrap() {
            FileScanNext::Event(FileScanEvent::Found { path, candidate }) => {
                let value = String::from_utf8(candidate.value.as_bytes().to_vec()).unwrap();
                report.found.push((path.to_path_buf(), candidate.line, candidate.kind, value));
            }
            FileScanNext::Event(FileScanEvent::NotRead { path, reason }) => report.not_read.push((path, reason)),
            FileScanNext::NotYet => assert!(Instant::now() < end, "the search hangs"),
            FileScanNext::End => break,
        }
    }
    report.progress = scan.progress();
    report.found.sort_by(|left, right| (&left.0, left.1).cmp(&(&right.0, right.1)));
    report
}

fn search_all(paths: &[&Path]) -> Report {
    search(options(paths))
}

fn value() -> String {
    String::from_utf8(opaque::mint("tsr").unwrap().1.as_bytes().to_vec()).unwrap()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn each_file_below_a_folder_is_searched_once_by_any_number_of_threads() {
    let folder = folder();
    let mut expected = Vec::new();
    let (mut place, mut bytes) = (folder.path().to_owned(), 0);
    for depth in 0..30_u64 {
        for number in 0..10_u64 {
            let (path, value) = (place.join(format!(".hidden {number}")), value());
            let text = format!("{}key = '{value}' # and so on\n", "\n".repeat(usize::try_from(depth).unwrap()));
            bytes += text.len() as u64;
            fs::write(&path, text).unwrap();
            expected.push((path, depth + 1, CandidateKind::Opaque, value));
        }
        place.push(format!("folder {depth}"));
        fs::create_dir(&place).unwrap();
    }
    expected.sort_by(|left, right| left.0.cmp(&right.0));
    for threads in [1, 3, 16] {
        let options = FileScanOptions { threads: threads.try_into().ok(), ..options(&[folder.path()]) };
        let report = search(options);
        assert!(report.found == expected, "{threads} threads");
        assert!(report.not_read.is_empty());
        assert_eq!(report.progress, FileScanProgress { files: 300, bytes });
    }
    for (depth, files) in [(0, 10), (1, 20), (29, 300), (usize::MAX, 300)] {
        let options = FileScanOptions { maximum_depth: Some(depth), ..options(&[folder.path()]) };
        assert_eq!(search(options).found.len(), files, "{depth} folders deep");
    }
    let one = &expected[0].0;
    assert_eq!(search(FileScanOptions { maximum_depth: Some(0), ..options(&[one, one]) }).found.len(), 2);
}

#[test]
fn files_of_every_kind_are_read_as_bytes() {
    let folder = folder();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let value = value();
    write("text", format!("a\nb\n{value}\n").as_bytes());
    write("script.ps1", &[&[0xFF, 0xFE][..], &wide(&format!("a\r\n$token = '{value}'\r\n"))].concat());
    write("program", &[&[0x7F, b'E', b'L', b'F', 0, 0, 255, 1][..], value.as_bytes(), &[0, 1, 2]].concat());
    write("line", vec![value.as_str(); 64].join("").as_bytes());
    write("end", format!("x={value}").as_bytes());
    write("cut", &value.as_bytes()[..value.len() - 1]);
    write("empty", b"");
    let report = search_all(&[folder.path()]);
    assert_eq!(report.names(), names(["text", "script.ps1", "program", "line", "end"]));
    assert_eq!(report.found.len(), 4 + 64);
    assert!(report.found.iter().all(|found| found.3 == value));
    let line = |wanted: &str| report.found.iter().find(|found| name(&found.0) == wanted).unwrap().1;
    assert_eq!((line("text"), line("script.ps1"), line("program"), line("end")), (3, 2, 1, 1));
    assert!(report.not_read.is_empty());
    assert_eq!(report.progress.files, 6, "all but the empty one");
}

#[test]
fn a_huge_file_without_a_line_end_is_searched_to_its_end() {
    const LENGTH: u64 = 64 * 1024 * 1024;
    let folder = folder();
    let path = folder.path().join("huge");
    let value = value();
    let mut file = File::create(&path).unwrap();
    file.set_len(LENGTH).unwrap();
    std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).unwrap();
    file.write_all(value.as_bytes()).unwrap();
    let report = search_all(&[&path]);
    assert_eq!(report.found, [(path, 1, CandidateKind::Opaque, value.clone())]);
    assert_eq!(report.progress, FileScanProgress { files: 1, bytes: LENGTH + value.len() as u64 });
}

#[test]
fn paths_that_lead_nowhere_are_told_and_do_not_stop_the_rest() {
    let folder = folder();
    let (file, missing) = (folder.path().join("file"), folder.path().join("missing"));
    fs::write(&file, value()).unwrap();
    let report = search_all(&[&missing, &file, &file.join("below a file")]);
    assert_eq!(report.names(), names(["file"]));
    assert_eq!(report.names_not_read(), names(["missing", "below a file"]));
    assert!(report.not_read.iter().all(|(_, reason)| matches!(reason, NotRead::Failed(_))));
    assert_eq!(FileScan::start(FileScanOptions::default()).err().unwrap().code(), ErrorCode::InvalidArgument);
}

#[test]
fn a_search_of_which_nobody_takes_the_events_ends_with_its_owner() {
    let folder = folder();
    // More than the events that wait, so that the threads wait, too.
    fs::write(folder.path().join("full"), format!("{}\n", value()).repeat(10_000)).unwrap();
    let scan = FileScan::start(options(&[folder.path()])).unwrap();
    assert!(matches!(scan.next(DEADLINE).unwrap(), FileScanNext::Event(FileScanEvent::Found { .. })));
    std::thread::sleep(Duration::from_millis(100));
    let begin = Instant::now();
    drop(scan);
    assert!(begin.elapsed() < DEADLINE);
}

#[test]
fn no_event_shows_a_value() {
    let folder = folder();
    let value = value();
    fs::write(folder.path().join("file"), &value).unwrap();
    let scan = FileScan::start(options(&[folder.path()])).unwrap();
    let event = scan.next(DEADLINE).unwrap();
    let shown = format!("{event:?} {event:#?}");
    assert!(shown.contains("***") && !shown.contains(&value[16..48]), "{shown}");
}

#[cfg(unix)]
mod unix {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn links_are_followed_only_where_they_are_asked_for() {
        let (inside, outside) = (folder(), folder());
        fs::write(outside.path().join("outside"), value()).unwrap();
        fs::create_dir(inside.path().join("below")).unwrap();
        fs::write(inside.path().join("below/inside"), value()).unwrap();
        let link = |target: &Path, name: &str| {
            let link = inside.path().join(name);
            symlink(target, &link).unwrap();
            link
        };
        let to_folder = link(outside.path(), "to a folder");
        let to_file = link(&outside.path().join("outside"), "to a file");
        let to_itself = link(&inside.path().join("to itself"), "to itself");
        link(inside.path(), "below/to its parent");
        link(Path::new("nowhere"), "to nothing");

        let report = search_all(&[inside.path()]);
        assert_eq!(report.names(), names(["inside"]));
        assert_eq!((report.found.len(), report.not_read.len()), (1, 0));

        let report = search_all(&[&to_folder, &to_file]);
        assert_eq!(
            report.found.iter().map(|found| found.0.clone()).collect::<Vec<_>>(),
            [to_file, to_folder.join("outside")]
        );
        assert_eq!(search_all(&[&to_itself]).names_not_read(), names(["to itself"]));
    }

    #[test]
    fn a_search_that_is_canceled_ends_within_a_file() {
        let folder = folder();
        let endless = folder.path().join("endless");
        // To read so many zeros takes an hour.
        File::create(&endless).unwrap().set_len(1 << 43).unwrap();
        let begin = Instant::now();
        let scan = FileScan::start(options(&[&endless, folder.path()])).unwrap();
        while scan.progress().bytes == 0 {
            assert!(matches!(scan.next(Duration::from_millis(1)).unwrap(), FileScanNext::NotYet));
        }
        scan.cancel();
        while !matches!(scan.next(Duration::from_millis(100)).unwrap(), FileScanNext::End) {}
        drop(FileScan::start(options(&[&endless])).unwrap());
        assert!(begin.elapsed() < DEADLINE);
    }

    #[test]
    fn pipes_sockets_and_devices_are_not_opened() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let folder = folder();
        let pipe = folder.path().join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let _socket = UnixListener::bind(folder.path().join("socket")).unwrap();
        fs::write(folder.path().join("file"), value()).unwrap();
        let report = search_all(&[folder.path()]);
        assert_eq!(report.names(), names(["file"]));
        assert!(report.not_read.is_empty());

        let report = search_all(&[&pipe, Path::new("/dev/zero"), &folder.path().join("socket")]);
        assert_eq!(report.names_not_read(), names(["pipe", "zero", "socket"]));
        assert!(report.not_read.iter().all(|(_, reason)| matches!(reason, NotRead::NotAFile)));
    }

    #[test]
    fn names_need_not_be_unicode() {
        let folder = folder();
        let path = folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9 \x80"));
        // Not every file system takes such a name.
        if fs::write(&path, value()).is_ok() {
            assert_eq!(search_all(&[folder.path()]).found[0].0, path);
        }
    }

    /// The rights of files do not bind root, so the search runs in a thread that has given root's rights up; the
    /// threads that it starts have its rights.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_may_not_be_read_is_told_and_does_not_stop_the_rest() {
        let folder = folder();
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("closed folder")).unwrap();
        for name in ["closed folder/file", "closed file", "open file"] {
            fs::write(path(name), value()).unwrap();
        }
        set(folder.path(), 0o755);
        set(&path("open file"), 0o644);
        set(&path("closed file"), 0);
        set(&path("closed folder"), 0);
        let report = std::thread::scope(|scope| {
            let search = scope.spawn(|| {
                if rustix::process::geteuid().is_root() {
                    rustix::thread::set_thread_uid(rustix::process::Uid::from_raw(65_534)).unwrap();
                }
                search_all(&[folder.path()])
            });
            search.join().unwrap()
        });
        set(&path("closed folder"), 0o700);
        assert_eq!(report.names(), names(["open file"]));
        assert_eq!(report.names_not_read(), names(["closed file", "closed folder"]));
        let is_denied = |reason: &NotRead| match reason {
            NotRead::Failed(error) => error.kind() == std::io::ErrorKind::PermissionDenied,
            _ => false,
        };
        assert!(report.not_read.iter().all(|(_, reason)| is_denied(reason)), "{:?}", report.not_read);
    }

    /// SQLite's locks on a store go when the process closes any descriptor of its files.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_search_over_an_open_store_leaves_its_locks_alone() {
        use std::os::unix::fs::MetadataExt;
        let fixture = support::fixture();
        let folder = fixture.folder.path();
        let inode = |name: &str| fs::metadata(folder.join(name)).unwrap().ino();
        let own = [inode("tokens.db"), inode("tokens.db-shm")];
        let locks = || -> Vec<String> {
            let all = fs::read_to_string("/proc/locks").unwrap();
            let is_own = |line: &&str| own.iter().any(|inode| line.contains(&format!(":{inode} ")));
            all.lines().filter(is_own).map(|line| line.split_once(": ").unwrap().1.to_owned()).collect()
        };
        let before = locks();
        assert!(before.len() >= 2, "a store holds locks on both files: {before:?}");

        fs::write(folder.join("file"), value()).unwrap();
        let report = search_all(&[folder]);
        assert_eq!(report.names(), names(["file"]));
        assert_eq!(
            report.names_not_read(),
            names(["tokens.db", "tokens.db-counter", "tokens.db-wal", "tokens.db-shm"])
        );
        assert!(report.not_read.iter().all(|(_, reason)| matches!(reason, NotRead::HeldOpen)));
        assert_eq!(report.progress.files, 2, "the file and the store's key");
        assert_eq!(locks(), before);
        // Stores that are kept are searched for values afterwards, and their folders with them.
        fs::remove_file(folder.join("file")).unwrap();
    }
}
