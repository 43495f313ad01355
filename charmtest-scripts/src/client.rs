//! The thin `juju` of a script.
//!
//! It has no credentials and decides nothing: it sends its words to the broker, reads and writes files for it with the rights that the
//! script has, and passes streams through.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::broker::door::{Pipes, knock};
use crate::broker::files::{list, pieces};
use crate::broker::wire::{self, Entry, Fetched, Kind, Message, PIECE, ToBroker, ToClient};

/// The argument that makes the program the thin client; the directory of the broker's door and the words after `juju` follow.
pub const CLIENT_ARGUMENT: &str = "__charmtest-broker-client";

/// The variables that are sent along.
const VARIABLES: [&str; 7] = [
    "COLUMNS",
    "JUJU_CONTROLLER",
    "JUJU_LOGGING_CONFIG",
    "JUJU_MODEL",
    "JUJU_STATUS_ISO_TIME",
    "NO_COLOR",
    "TERM",
];

/// The exit code of a program that wrote to a pipe that nobody reads.
const BROKEN_PIPE: u8 = 141;

/// Runs one `juju` command through the broker whose door is in `door`, and returns its exit code; 1 with an `ERROR` line when the
/// broker cannot be reached or goes away.
#[must_use]
pub fn client_main(door: &Path, argv: Vec<String>) -> u8 {
    match exchange(door, argv) {
        Ok(code) => code,
        Err(Trouble::BrokenPipe) => BROKEN_PIPE,
        Err(Trouble::Other(error)) => {
            let _ = writeln!(io::stderr(), "ERROR {error}");
            1
        }
    }
}

enum Trouble {
    /// Nobody reads what the command prints.
    BrokenPipe,
    Other(String),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Other(format!(
            "the test run that this juju belongs to is gone, or does not answer: {error}"
        ))
    }
}

fn exchange(door: &Path, argv: Vec<String>) -> Result<u8, Trouble> {
    let Pipes { mut from, to } = knock(door)?;
    let outgoing = Arc::new(Mutex::new(to));
    let cwd =
        std::env::current_dir().map_or_else(|_| "/".to_owned(), |cwd| cwd.display().to_string());
    let env = VARIABLES
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)))
        .collect();
    wire::say(&mut *locked(&outgoing), &ToBroker::Call { argv, cwd, env })?;

    let mut writing = Writing::default();
    loop {
        let Some(message) = wire::read::<ToClient>(&mut from)? else {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        };
        match message {
            Message::Stdout(bytes) => print(&mut io::stdout(), &bytes)?,
            Message::Stderr(bytes) => print(&mut io::stderr(), &bytes)?,
            Message::Data(bytes) => writing.data(&bytes),
            Message::Said(said) => match said {
                ToClient::Fetch { path, content } => {
                    let mut outgoing = locked(&outgoing);
                    send(&mut outgoing, Path::new(&path), content)?;
                }
                ToClient::Stdin => {
                    let outgoing = Arc::clone(&outgoing);
                    // It ends with the process.
                    std::thread::spawn(move || pump(&outgoing));
                }
                ToClient::Entry(entry) => writing.entry(&entry),
                ToClient::Plugin { name, args } => return plugin(&name, &args),
                ToClient::Exit(code) => {
                    let code = u8::try_from(code & 0xff).unwrap_or(1);
                    return match writing.wrong {
                        Some(wrong) => {
                            print(&mut io::stderr(), format!("ERROR {wrong}\n").as_bytes())?;
                            Ok(code.max(1))
                        }
                        None => Ok(code),
                    };
                }
            },
        }
    }
}

fn print(to: &mut impl Write, bytes: &[u8]) -> Result<(), Trouble> {
    match to.write_all(bytes).and_then(|()| to.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Trouble::BrokenPipe),
        Err(error) => Err(Trouble::Other(format!("cannot write: {error}"))),
        Ok(()) => Ok(()),
    }
}

fn locked(outgoing: &Mutex<File>) -> MutexGuard<'_, File> {
    outgoing.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends standard input.
fn pump(outgoing: &Mutex<File>) {
    let mut piece = vec![0; PIECE];
    loop {
        let count = match io::stdin().read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            count => count.unwrap_or(0),
        };
        let mut outgoing = locked(outgoing);
        let sent = match count {
            0 => wire::say(&mut *outgoing, &ToBroker::StdinEnd),
            count => wire::send_data(&mut *outgoing, &piece[..count]),
        };
        if count == 0 || sent.is_err() {
            return;
        }
    }
}

/// Sends what is at a path, or only what it is. A symlink that was named is followed; those below it are sent as they are.
fn send(outgoing: &mut File, path: &Path, content: bool) -> io::Result<()> {
    let found = match fs::metadata(path) {
        Ok(found) if found.is_dir() => Fetched::Directory,
        Ok(found) if found.is_file() => Fetched::File,
        // A pipe, as of `<(command)`, is read like a file.
        Ok(_) => Fetched::File,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Fetched::Missing,
        Err(error) => Fetched::Failed(error.to_string()),
    };
    let sent = match (&found, content) {
        (Fetched::Directory, true) => send_tree(outgoing, path),
        (Fetched::File, true) => send_file(outgoing, path, ""),
        _ => Ok(()),
    };
    let found = match sent {
        Ok(()) => found,
        Err(Sending::Unreadable(why)) => Fetched::Failed(why),
        Err(Sending::Gone(error)) => return Err(error),
    };
    wire::say(outgoing, &ToBroker::Fetched(found))
}

enum Sending {
    Unreadable(String),
    Gone(io::Error),
}

fn send_tree(outgoing: &mut File, top: &Path) -> Result<(), Sending> {
    let top = fs::canonicalize(top).map_err(|error| Sending::Unreadable(error.to_string()))?;
    let mut entries = Vec::new();
    list(&top, &mut |path, kind| {
        entries.push(Entry {
            path: path.to_owned(),
            kind: kind.clone(),
        });
        true
    })
    .map_err(|error| Sending::Unreadable(error.to_string()))?;
    for entry in entries {
        match entry.kind {
            Kind::File(_) => send_file(outgoing, &top.join(&entry.path), &entry.path)?,
            _ => wire::say(outgoing, &ToBroker::Entry(entry)).map_err(Sending::Gone)?,
        }
    }
    Ok(())
}

fn send_file(outgoing: &mut File, path: &Path, name: &str) -> Result<(), Sending> {
    let unreadable = |error: io::Error| Sending::Unreadable(format!("{}: {error}", path.display()));
    let mode = fs::metadata(path).map_err(unreadable)?.permissions().mode() & 0o777;
    let entry = Entry {
        path: name.to_owned(),
        kind: Kind::File(mode),
    };
    wire::say(outgoing, &ToBroker::Entry(entry)).map_err(Sending::Gone)?;
    let mut gone = None;
    let read = pieces(path, &mut |piece| {
        wire::send_data(outgoing, piece).map_err(|error| {
            let kind = error.kind();
            gone = Some(error);
            kind.into()
        })
    });
    match (read, gone) {
        (_, Some(error)) => Err(Sending::Gone(error)),
        (Err(error), None) => Err(unreadable(error)),
        (Ok(()), None) => Ok(()),
    }
}

/// What a command wrote, on its way to where the script wanted it.
#[derive(Debug, Default)]
struct Writing {
    open: Option<File>,
    wrong: Option<String>,
}

impl Writing {
    fn entry(&mut self, entry: &Entry) {
        self.open = None;
        if let Err(error) = self.make(entry) {
            self.wrong
                .get_or_insert(format!("cannot write {}: {error}", entry.path));
        }
    }

    fn make(&mut self, entry: &Entry) -> io::Result<()> {
        let path = Path::new(&entry.path);
        match &entry.kind {
            Kind::Directory(mode) => match fs::create_dir(path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                Err(error) => Err(error),
                Ok(()) => fs::set_permissions(path, Permissions::from_mode(mode | 0o700)),
            },
            Kind::Symlink(target) => symlink(target, path),
            Kind::File(mode) => {
                let file = OpenOptions::new()
                    .write(true)
                    .create(true)
                    .truncate(true)
                    .mode(*mode)
                    .open(path)?;
                self.open = Some(file);
                Ok(())
            }
        }
    }

    fn data(&mut self, bytes: &[u8]) {
        if let Some(file) = &mut self.open
            && let Err(error) = file.write_all(bytes)
        {
            self.open = None;
            self.wrong.get_or_insert(format!("cannot write: {error}"));
        }
    }
}

/// Becomes the script's own program `juju-NAME`, as Juju runs plugins: with the script's rights, and not with the broker's.
fn plugin(name: &str, args: &[String]) -> Result<u8, Trouble> {
    let unknown = || {
        Trouble::Other(format!(
            "juju: {name:?} is not a juju command. See \"juju --help\"."
        ))
    };
    if name.contains('/') {
        return Err(unknown());
    }
    let mut command = Command::new(format!("juju-{name}"));
    command.args(args);
    let mut rest = args.iter();
    while let Some(argument) = rest.next() {
        let variable = match argument.as_str() {
            "-m" | "--model" => "JUJU_MODEL",
            "-c" | "--controller" => "JUJU_CONTROLLER",
            _ => continue,
        };
        if let Some(value) = rest.next() {
            command.env(variable, value);
        }
    }
    let error = command.exec();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => Err(unknown()),
        _ => Err(Trouble::Other(format!("cannot run juju-{name}: {error}"))),
    }
}
