//! Writing results while a run goes on.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use charmtest_collection::junit_xml;

use super::now;
use super::record::{End, Header, Line, TestRecord, junit_suites};
use crate::error::{Error, Result};

/// The files of a run's results, open.
#[derive(Debug)]
pub(crate) struct Sink {
    lines: Option<Lines<File>>,
    junit: Option<(PathBuf, File)>,
    records: Vec<TestRecord>,
    started: Instant,
    /// What could not be written, each file once.
    failures: Vec<String>,
}

impl Sink {
    pub(super) fn open(results: Option<&Path>, junit: Option<&Path>) -> Result<Self> {
        let lines = results.map(|path| Ok(Lines::new(path, create("--results", path)?)));
        let junit = junit.map(|path| Ok((path.to_owned(), create("--junit", path)?)));
        Ok(Self {
            lines: lines.transpose()?,
            junit: junit.transpose()?,
            records: Vec::new(),
            started: Instant::now(),
            failures: Vec::new(),
        })
    }

    /// Says whether there is anything to write to.
    pub(crate) fn is_wanted(&self) -> bool {
        self.lines.is_some() || self.junit.is_some()
    }

    /// Writes the first line.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be written: nothing has run yet, so nothing is lost.
    pub(crate) fn begin(&mut self, header: Header) -> Result<()> {
        self.started = Instant::now();
        let Some(lines) = &mut self.lines else {
            return Ok(());
        };
        let line = Line::Run(Box::new(header));
        lines.add(&line).map_err(|error| {
            Error::infrastructure(format!("--results {}: {error}", lines.path.display()))
                .hint("nothing was run")
        })
    }

    /// Writes what came of an attempt; what prevents that is told at the end.
    pub(crate) fn test(&mut self, mut record: TestRecord) {
        if !self.is_wanted() {
            return;
        }
        if let Some(lines) = &mut self.lines {
            record.dump = record.dump.map(|dump| lines.relative(&dump));
            if let Err(error) = lines.add(&Line::Test(Box::new(record.clone()))) {
                let what = format!(
                    "--results {}: {error}; it ends before {}",
                    lines.path.display(),
                    record.name()
                );
                self.failures.push(what);
                // A line after one that is missing would hide that.
                self.lines = None;
            }
        }
        self.records.push(record);
    }

    /// Writes the last line and the JUnit file; returns the exit code, which is another one only if a run that succeeded could not
    /// write what was asked for, and what could not be written.
    pub(crate) fn end(self, code: u8, trouble: Vec<String>) -> (u8, Vec<String>) {
        let end = End {
            ended: now(),
            ms: millis(self.started),
            exit: code,
            trouble,
        };
        let failures = self.end_as(end);
        let code = match failures.is_empty() {
            false if code == charmtest::exit::SUCCESS => charmtest::exit::INFRASTRUCTURE,
            _ => code,
        };
        (code, failures)
    }

    /// Writes this last line and the JUnit file; returns what could not be written.
    pub(crate) fn end_as(mut self, end: End) -> Vec<String> {
        if let Some(mut lines) = self.lines.take() {
            let end = Line::End(end);
            if let Err(error) = lines.add(&end).and_then(|()| lines.sync()) {
                let what = format!("--results {}: {error}", lines.path.display());
                self.failures.push(what);
            }
        }
        if let Some((path, mut file)) = self.junit.take() {
            let xml = junit_xml(&junit_suites(&self.records));
            let written = file
                .write_all(xml.as_bytes())
                .and_then(|()| sync(&file))
                .inspect_err(|_| drop(file.set_len(0)));
            if let Err(error) = written {
                self.failures
                    .push(format!("--junit {}: {error}", path.display()));
            }
        }
        self.failures
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn create(option: &str, path: &Path) -> Result<File> {
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    let made = parent.map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| File::create(path)).map_err(|error| {
        Error::infrastructure(format!("{option} {}: {error}", path.display()))
            .hint("nothing was run")
    })
}

/// Makes sure that what was written is on the disk; a pipe or a terminal has none.
fn sync(file: &File) -> io::Result<()> {
    match file.sync_data() {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        result => result,
    }
}

/// A file that ends with a whole line.
#[derive(Debug)]
struct Lines<F> {
    path: PathBuf,
    directory: PathBuf,
    file: F,
    length: u64,
}

/// What lines are written to.
trait Target: Write {
    /// Cuts off what is behind the first `length` bytes.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

impl Target for File {
    fn cut(&mut self, length: u64) -> io::Result<()> {
        use std::io::Seek as _;

        self.set_len(length)?;
        self.seek(io::SeekFrom::Start(length)).map(drop)
    }
}

impl<F: Target> Lines<F> {
    fn new(path: &Path, file: F) -> Self {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Self {
            path: path.to_owned(),
            directory: absolute.parent().unwrap_or(Path::new("/")).to_owned(),
            file,
            length: 0,
        }
    }

    /// Adds a line, all of it or nothing.
    fn add(&mut self, line: &Line) -> io::Result<()> {
        let text = line.to_text();
        match self.file.write_all(text.as_bytes()) {
            Ok(()) => {
                self.length += text.len() as u64;
                Ok(())
            }
            Err(error) => {
                // A pipe cannot be cut; whoever reads it sees that the line has no end.
                let _ = self.file.cut(self.length);
                Err(error)
            }
        }
    }

    /// Returns a path as it is said in the file: relative to its directory if it is below it, so that both can go elsewhere.
    fn relative(&self, path: &str) -> String {
        let below = Path::new(path).strip_prefix(&self.directory);
        below.map_or_else(
            |_| path.to_owned(),
            |below| below.to_string_lossy().into_owned(),
        )
    }
}

impl Lines<File> {
    fn sync(&self) -> io::Result<()> {
        sync(&self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;

    /// A disk with so much room.
    struct Small {
        bytes: Vec<u8>,
        room: usize,
    }

    impl Write for Small {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match bytes.len().min(self.room - self.bytes.len()) {
                0 => Err(io::ErrorKind::StorageFull.into()),
                some => {
                    self.bytes.extend(&bytes[..some]);
                    Ok(some)
                }
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Target for Small {
        fn cut(&mut self, length: u64) -> io::Result<()> {
            self.bytes.truncate(usize::try_from(length).unwrap());
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_leaves_whole_lines() {
        let line = Line::Test(Box::new(record("a", "a::t")));
        let length = line.to_text().len();
        for room in [length, length + 1, 2 * length - 1] {
            let bytes = Vec::new();
            let mut lines = Lines::new(Path::new("f"), Small { bytes, room });
            lines.add(&line).unwrap();
            lines.add(&line).unwrap_err();
            assert_eq!(lines.file.bytes, line.to_text().into_bytes(), "{room}");
        }
    }

    #[test]
    fn evidence_beside_the_file_goes_with_it() {
        let file = tempfile::tempfile().unwrap();
        let lines = Lines::new(Path::new("/r/a.jsonl"), file);
        assert_eq!(lines.relative("/r/state/runs/1"), "state/runs/1");
        assert_eq!(lines.relative("/other/runs/1"), "/other/runs/1");
    }

    #[test]
    fn results_that_cannot_be_written_take_no_verdict() {
        let dir = tempfile::tempdir().unwrap();
        let junit = dir.path().join("deep/junit.xml");
        let sink = |results: &Path| Sink::open(Some(results), Some(&junit)).unwrap();
        let full = Path::new("/dev/full");
        // Before the run it is an error of its own.
        sink(full).begin(Header::default()).unwrap_err();
        for (code, expected) in [(0, 4), (1, 1), (5, 5)] {
            let mut sink = sink(full);
            sink.test(record("a", "a::t"));
            sink.test(record("a", "a::u"));
            let (code, failures) = sink.end(code, Vec::new());
            assert_eq!(code, expected);
            let [failure] = &failures[..] else {
                panic!("{failures:?}")
            };
            assert!(failure.contains("/dev/full: No space"), "{failure}");
            assert!(failure.contains("before p::t a::t"), "{failure}");
            let xml = fs::read_to_string(&junit).unwrap();
            assert!(xml.contains("tests=\"2\""), "{xml}");
        }
        let under_a_file = junit.join("below.jsonl");
        let error = Sink::open(Some(&under_a_file), None).unwrap_err();
        assert_eq!(error.exit_code(), charmtest::exit::INFRASTRUCTURE);
    }
}
