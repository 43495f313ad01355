//! How a script's `juju` reaches its broker: through named pipes in a directory of the script.
//!
//! They are not sockets because a sandbox without Unix sockets is the only one below namespaces that keeps a script from the sockets of
//! others, the controller's among them. The client makes two pipes, writes their name into the pipe `door`, which the broker reads, and
//! opens them. Either side that ends closes its ends, which the other side sees.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, openat, unlinkat};

/// The name of the pipe that the broker reads.
const DOOR: &str = "door";

/// How long a broker waits for a client that knocked to come in.
const COMING_IN: Duration = Duration::from_secs(60);

/// How long it looks away in between.
const LOOK: Duration = Duration::from_millis(2);

/// The longest name of a client.
const LONGEST: usize = 64;

/// Two pipes, one to each side.
#[derive(Debug)]
pub struct Pipes {
    /// What the other side says.
    pub from: File,
    /// What is said to the other side.
    pub to: File,
}

/// A broker's end.
#[derive(Debug)]
pub struct Door {
    /// Kept open: a script can put another one in its place.
    directory: Arc<OwnedFd>,
    pipe: File,
    bell: File,
    /// What was read and is not a whole name yet.
    read: Vec<u8>,
}

impl Door {
    /// Makes the directory and the door in it.
    ///
    /// # Errors
    ///
    /// Fails when one cannot be made.
    pub fn make(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let directory = Arc::new(open_directory(directory)?);
        make_pipe(&directory, DOOR)?;
        Ok(Self {
            // Open for writing too, it never ends, and this does not wait for the first client.
            pipe: open(&directory, DOOR, OFlags::RDWR)?,
            bell: open(&directory, DOOR, OFlags::WRONLY | OFlags::NONBLOCK)?,
            directory,
            read: Vec::new(),
        })
    }

    /// Returns what wakes a broker that waits in [`Door::next_name`]: write a line to it. When there is no room for one, the broker is awake.
    ///
    /// # Errors
    ///
    /// Fails when there are no more file descriptors.
    pub fn bell(&self) -> io::Result<File> {
        self.bell.try_clone()
    }

    /// Waits for the next client and returns its name; empty for whatever is no name.
    ///
    /// # Errors
    ///
    /// Fails when the door cannot be read.
    pub fn next_name(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                let name = String::from_utf8_lossy(&line[..end]).into_owned();
                let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
                return Ok(match name.len() <= LONGEST && name.chars().all(is_name) {
                    true => name,
                    false => String::new(),
                });
            }
            let mut piece = [0; 4096];
            match self.pipe.read(&mut piece) {
                Ok(count) => self.read.extend(&piece[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if self.read.len() > 1 << 20 {
                self.read.clear();
            }
        }
    }

    /// Returns the directory, open.
    #[must_use]
    pub fn directory(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.directory)
    }
}

/// Opens the pipes of the client `name`, and removes their names. A script can put anything in their place: only pipes are opened.
///
/// # Errors
///
/// Fails when they are not there, are no pipes, or the client does not come in.
pub fn admit(directory: &OwnedFd, name: &str, stopping: &dyn Fn() -> bool) -> io::Result<Pipes> {
    let [to_broker, to_client] = names(name);
    let from = open(directory, &to_broker, OFlags::RDONLY | OFlags::NONBLOCK)?;
    let deadline = Instant::now() + COMING_IN;
    let to = loop {
        match open(directory, &to_client, OFlags::WRONLY | OFlags::NONBLOCK) {
            // Nobody reads yet.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
                if stopping() || Instant::now() > deadline {
                    return Err(error);
                }
                std::thread::sleep(LOOK);
            }
            to => break to?,
        }
    };
    for name in [&to_broker, &to_client] {
        // A script can have removed it.
        let _ = unlinkat(directory, name.as_str(), AtFlags::empty());
    }
    for pipe in [&from, &to] {
        let flags = rustix::fs::fcntl_getfl(pipe)?;
        rustix::fs::fcntl_setfl(pipe, flags - OFlags::NONBLOCK)?;
    }
    Ok(Pipes { from, to })
}

/// Knocks at the door in `directory` and comes in.
///
/// # Errors
///
/// Fails when there is no broker.
pub fn knock(directory: &Path) -> io::Result<Pipes> {
    let nanos = SystemTime::UNIX_EPOCH
        .elapsed()
        .map_or(0, |since| since.as_nanos());
    let name = format!("{}-{nanos}", std::process::id());
    let [to_broker, to_client] = names(&name);
    let directory = open_directory(directory)?;
    // Without a broker there is nobody who reads, and this fails.
    let mut door = open(&directory, DOOR, OFlags::WRONLY | OFlags::NONBLOCK)?;
    make_pipe(&directory, &to_broker)?;
    make_pipe(&directory, &to_client)?;
    // Open for reading too, this does not wait for the broker, who must not find the end of it.
    let to = open(&directory, &to_broker, OFlags::RDWR)?;
    loop {
        match door.write_all(format!("{name}\n").as_bytes()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(LOOK),
            written => break written?,
        }
    }
    let from = open(&directory, &to_client, OFlags::RDONLY)?;
    Ok(Pipes { from, to })
}

fn names(name: &str) -> [String; 2] {
    ["in", "out"].map(|end| format!("{name}.{end}"))
}

fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(openat(CWD, path, flags, Mode::empty())?)
}

fn make_pipe(directory: &OwnedFd, name: &str) -> io::Result<()> {
    Ok(rustix::fs::mknodat(
        directory,
        name,
        FileType::Fifo,
        Mode::RUSR | Mode::WUSR,
        0,
    )?)
}

/// Opens a pipe, and nothing else: no symlink is followed.
fn open(directory: &OwnedFd, name: &str, flags: OFlags) -> io::Result<File> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(openat(directory, name, flags, Mode::empty())?);
    match file.metadata()?.file_type().is_fifo() {
        true => Ok(file),
        false => Err(io::Error::other(format!("{name} is no pipe"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_hear_each_other_and_the_end() {
        let room = tempfile::tempdir().unwrap();
        let directory = room.path().join("d");
        let mut door = Door::make(&directory).unwrap();
        let inside = directory.clone();
        let client = std::thread::spawn(move || {
            let mut pipes = knock(&inside).unwrap();
            pipes.to.write_all(b"hello").unwrap();
            let mut said = [0; 2];
            pipes.from.read_exact(&mut said).unwrap();
            said
        });
        let name = door.next_name().unwrap();
        let mut pipes = admit(&door.directory(), &name, &|| false).unwrap();
        pipes.to.write_all(b"ok").unwrap();
        assert_eq!(&client.join().unwrap(), b"ok");
        let mut said = String::new();
        pipes.from.read_to_string(&mut said).unwrap();
        assert_eq!(said, "hello", "and the end, since the client is gone");
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);

        drop(door);
        assert!(knock(&directory).is_err(), "nobody is at the door");
    }

    #[test]
    fn only_pipes_are_opened() {
        let room = tempfile::tempdir().unwrap();
        let mut door = Door::make(room.path()).unwrap();
        let secret = room.path().join("secret");
        fs::write(&secret, "s").unwrap();
        for end in ["a.in", "a.out"] {
            std::os::unix::fs::symlink(&secret, room.path().join(end)).unwrap();
        }
        fs::write(room.path().join("b.in"), "").unwrap();
        let mut bell = door.bell().unwrap();
        bell.write_all(b"../x\na\n").unwrap();
        assert_eq!(door.next_name().unwrap(), "");
        assert_eq!(door.next_name().unwrap(), "a");
        for name in ["a", "b", "c"] {
            let admitted = admit(&door.directory(), name, &|| true);
            assert!(admitted.is_err(), "{name}");
        }
        assert_eq!(fs::read(&secret).unwrap(), b"s");
    }

    #[test]
    fn another_directory_in_its_place_is_left_alone() {
        let room = tempfile::tempdir().unwrap();
        let (at, other) = (room.path().join("door"), room.path().join("other"));
        let door = Door::make(&at).unwrap();
        fs::rename(&at, room.path().join("away")).unwrap();
        let directory = Door::make(&other).unwrap().directory();
        for name in ["x.in", "x.out"] {
            make_pipe(&directory, name).unwrap();
        }
        std::os::unix::fs::symlink(&other, &at).unwrap();
        let _reading = open(&directory, "x.out", OFlags::RDONLY | OFlags::NONBLOCK).unwrap();
        assert!(admit(&door.directory(), "x", &|| true).is_err());
        assert!(other.join("x.in").exists());
    }

    #[test]
    fn a_door_that_is_full_keeps_nobody_waiting() {
        let room = tempfile::tempdir().unwrap();
        let door = Door::make(room.path()).unwrap();
        let mut bell = door.bell().unwrap();
        let full = loop {
            if let Err(error) = bell.write(&[b'x'; 4096]) {
                break error;
            }
        };
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
    }
}
