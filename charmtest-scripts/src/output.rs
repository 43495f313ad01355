//! What a script prints: through a pipe into a file.
//!
//! A script gets the pipe and not the file: `/dev/stdout` and `/dev/stderr` can be opened again, whatever the sandbox says of the file's
//! place, and opening them does not cut off what is there. Processes that a script leaves behind may keep the pipe open as long as they
//! like: nobody waits for its end.

use std::fs::{File, OpenOptions};
use std::io::{self, PipeReader, PipeWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl};

/// How much of a script's output is kept in memory, from its end.
const TAIL: u64 = 256 << 10;

/// How long [`Output::follow`] waits for something to come before it looks whether it is over.
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 20_000_000,
};

/// The output of a script and of what runs before and after it.
pub(crate) struct Output<'a> {
    path: PathBuf,
    /// Kept open, so that the pipe has no end before this is dropped.
    writer: PipeWriter,
    pumped: Mutex<Pumped>,
    reader: PipeReader,
    shown: &'a (dyn Fn(&[u8]) + Sync),
}

struct Pumped {
    log: File,
    trouble: Option<io::Error>,
}

impl<'a> Output<'a> {
    /// Opens the file at `path`, to add to it; each piece is handed to `shown` too.
    pub(crate) fn open(path: PathBuf, shown: &'a (dyn Fn(&[u8]) + Sync)) -> io::Result<Self> {
        let log = OpenOptions::new().create(true).append(true).open(&path)?;
        let (reader, writer) = io::pipe()?;
        // Of this end alone: the script's own writes wait as long as they have to.
        fcntl_setfl(&reader, OFlags::NONBLOCK)?;
        Ok(Self {
            path,
            writer,
            pumped: Mutex::new(Pumped { log, trouble: None }),
            reader,
            shown,
        })
    }

    /// Returns the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the end of the pipe that a program writes to.
    pub(crate) fn stream(&self) -> io::Result<Stdio> {
        self.writer.try_clone().map(Stdio::from)
    }

    /// Brings to the file what is printed, until it is `over`.
    pub(crate) fn follow(&self, over: &AtomicBool) {
        while !over.load(Ordering::SeqCst) {
            let mut waited = [PollFd::new(&self.reader, PollFlags::IN)];
            // What is wrong with it is wrong with the next look too, which says so.
            let _ = poll(&mut waited, Some(&LOOK));
            self.pump();
        }
    }

    /// Brings to the file all that was printed before this call.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be written, now or before.
    pub(crate) fn flush(&self) -> io::Result<()> {
        self.pump();
        let mut pumped = self.pumped.lock().unwrap_or_else(PoisonError::into_inner);
        pumped.trouble.take().map_or(Ok(()), Err)
    }

    /// Takes what is in the pipe: as much as there is now, since a process may write without end.
    fn pump(&self) {
        let mut pumped = self.pumped.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left = match rustix::io::ioctl_fionread(&self.reader) {
            Ok(count) => count,
            Err(error) => {
                pumped.trouble.get_or_insert(error.into());
                return;
            }
        };
        let mut piece = [0; 16 << 10];
        while left > 0 {
            let wanted = usize::try_from(left).map_or(piece.len(), |left| left.min(piece.len()));
            let count = match (&self.reader).read(&mut piece[..wanted]) {
                // A script that reads what it prints has it for itself.
                Ok(0) => return,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    pumped.trouble.get_or_insert(error);
                    return;
                }
                Ok(count) => count,
            };
            left = left.saturating_sub(count as u64);
            // A script does not wait for ever because a disk is full.
            if let Err(error) = pumped.log.write_all(&piece[..count]) {
                pumped.trouble.get_or_insert(error);
            }
            (self.shown)(&piece[..count]);
        }
    }

    /// Returns the end of what was printed.
    pub(crate) fn tail(&self) -> io::Result<String> {
        self.flush()?;
        let mut log = File::open(&self.path)?;
        let length = log.metadata()?.len();
        log.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut bytes = Vec::new();
        log.take(TAIL).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}
