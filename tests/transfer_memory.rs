//! A file of tokens of any length is read and written in the same memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use tessera_native::format::transfer::{TransferForm, TransferHeader, TransferReader, TransferWriter};
use tessera_native::service::{Engine, ImportEvent, ImportOptions, OpenOptions};

/// The system's allocator, which counts.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// Everything is passed on as it is; the default for a reallocation goes through both of these.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(live, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes that `work` had at once on top of what there was before.
fn peak_of(work: impl FnOnce()) -> usize {
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    work();
    PEAK.load(Ordering::Relaxed) - before
}

/// A source of `beginning` and then `count` times `piece`, none of which is ever in memory together.
struct Generated<'a> {
    beginning: &'a [u8],
    piece: &'a [u8],
    count: u64,
    position: usize,
}

impl Read for Generated<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.beginning.is_empty() {
            return self.beginning.read(buffer);
        }
        if self.count == 0 {
            return Ok(0);
        }
        let read = (&self.piece[self.position..]).read(buffer)?;
        self.position += read;
        if self.position == self.piece.len() {
            (self.position, self.count) = (0, self.count - 1);
        }
        Ok(read)
    }
}

/// Reads to the end; gives how many rows are good and how many are bad.
fn read(source: impl Read, form: TransferForm) -> (u64, u64) {
    let mut reader = TransferReader::open(source, form).unwrap();
    let (mut good, mut bad) = (0, 0);
    while let Some((_, row)) = reader.read().unwrap() {
        *(if row.is_ok() { &mut good } else { &mut bad }) += 1;
    }
    (good, bad)
}

/// A sink that keeps nothing.
struct Counted(u64);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How much memory an import of so many tokens takes at its most, in this process but for SQLite's own.
fn peak_of_import(rows: u64) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.db");
    let engine = Engine::open(OpenOptions { path, create: true, ..Default::default() }).unwrap();
    engine.owner().create_identity("Adam", &["Reader".to_owned()], None).unwrap();
    engine.owner().create_profile("Legacy", None, r#"{"foreignPrefix":"old_"}"#).unwrap();
    let options = ImportOptions {
        form: TransferForm::Csv,
        profile: Some("Legacy".to_owned()),
        passphrase: None,
        creates_identities: false,
        stops_at_bad_line: false,
    };
    let mut bad = 0;
    let peak = peak_of(|| {
        // Each second line is bad.
        let source = Numbered { next: 0, count: rows, line: b"identity,value\n".to_vec(), position: 0 };
        let report = engine.owner().import(source, &options, &mut |event| {
            bad += u64::from(matches!(event, ImportEvent::BadLine(_)));
            ControlFlow::Continue(())
        });
        assert_eq!(report.unwrap().counts.created, rows / 2);
    });
    assert_eq!(bad, rows / 2);
    peak
}

/// Lines with values of which each is another.
struct Numbered {
    next: u64,
    count: u64,
    line: Vec<u8>,
    position: usize,
}

impl Read for Numbered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position == self.line.len() && self.next < self.count {
            let identity = if self.next.is_multiple_of(2) { "Adam" } else { "Nobody" };
            self.line = format!("{identity},old_{}\n", self.next).into_bytes();
            (self.position, self.next) = (0, self.next + 1);
        }
        let read = (&self.line[self.position..]).read(buffer)?;
        self.position += read;
        Ok(read)
    }
}

// One test, so that no other allocates meanwhile.
#[test]
fn memory_does_not_grow_with_the_file() {
    const ROWS: u64 = 1_000_000;
    /// A row, a piece of the source, the parser's tables, a record and an error: not a hundredth of any file below.
    const BOUND: usize = 512 * 1_024;
    const JSON: &[u8] = b"{\"identity\":\"Adam\",\"value\":\"old-value\",\"createdAt\":1700000000}\n";
    const CSV: &[u8] = b"Adam,old-value,2030-01-01T00:00:00Z\n";
    const NAMES: &[u8] = b"identity,value,expiresAt\n";

    let measured = |beginning, piece, count, form, expected| {
        let source = Generated { beginning, piece, count, position: 0 };
        let mut found = (0, 0);
        let peak = peak_of(|| found = read(source, form));
        assert_eq!(found, expected);
        assert!(peak < BOUND, "{peak} bytes");
    };
    measured(b"", JSON, ROWS, TransferForm::JsonLines, (ROWS, 0));
    measured(NAMES, CSV, ROWS, TransferForm::Csv, (ROWS, 0));

    // One row of 100 MB, and one that a quote makes of everything after it.
    measured(b"", &[b'x'; 1_000], 100_000, TransferForm::JsonLines, (0, 1));
    measured(NAMES, &[b'x'; 1_000], 100_000, TransferForm::Csv, (0, 1));
    measured(b"identity,value,expiresAt\nEva,\"", CSV, 1_000_000, TransferForm::Csv, (0, 1));
    // A row of nothing but cells, and nothing but blank lines.
    measured(NAMES, &[b','; 1_000], 10_000, TransferForm::Csv, (0, 1));
    for form in [TransferForm::JsonLines, TransferForm::Csv] {
        measured(NAMES, b"\r\n", 1_000_000, form, if form == TransferForm::Csv { (0, 0) } else { (0, 1) });
    }

    let header = TransferHeader { store_id: "5b1c".to_owned(), peppers: None };
    let digest = b"{\"identity\":\"Adam\",\"digest\":\"0707070707070707070707070707070707070707070707070707070707070707\",\"pepper\":1}";
    let record =
        TransferReader::open(&digest[..], TransferForm::JsonLines).unwrap().read().unwrap().unwrap().1.unwrap();
    for form in [TransferForm::JsonLines, TransferForm::Csv] {
        let peak = peak_of(|| {
            let mut writer = TransferWriter::begin(Counted(0), form, &header).unwrap();
            (0..100_000).for_each(|_| writer.write(&record).unwrap());
            assert!(writer.finish().unwrap().0 > 9_000_000);
        });
        assert!(peak < BOUND, "{peak} bytes");
    }

    let (short, long) = (peak_of_import(4_000), peak_of_import(20_000));
    assert!(long < 16 * 1_024 * 1_024, "{long} bytes");
    assert!(long < short + short / 2, "{short} bytes, and then {long}");
}
