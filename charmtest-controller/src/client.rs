//! The thin clients: `juju` and the hook tools.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::charm_store;
use crate::front;
use crate::paths::DataDir;
use crate::protocol::{Frame, Kind, Request};

/// The argument that makes the program the daemon; what follows is the data directory.
pub const DAEMON_ARGUMENT: &str = "__charmtest-daemon";

/// How long a client waits for a daemon that it started, or that another client is starting.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How long a client waits before it asks again.
const RETRY: Duration = Duration::from_millis(5);

/// The variables of the client that commands of Juju act on.
const JUJU_VARIABLES: [&str; 10] = [
    "JUJU_MODEL",
    "JUJU_CONTROLLER",
    "JUJU_STATUS_ISO_TIME",
    "JUJU_LOGGING_CONFIG",
    "NO_COLOR",
    "TERM",
    "HOME",
    "USER",
    "TZ",
    "COLUMNS",
];

/// Answers as the `juju` program of the embedded controller: runs the command `argv` (without the program's name) in the daemon of
/// the data directory that the environment names, starting it when needed. An alias of the user is replaced first, and a command that
/// Juju does not have is the program `juju-COMMAND`.
///
/// Returns the exit code: the command's own, or 1 with an `ERROR` line when the daemon cannot be reached.
pub fn juju_main(argv: Vec<String>) -> u8 {
    let data = DataDir::from_env(|name| std::env::var(name).ok()).map_err(io::Error::other);
    report(data.and_then(|data| {
        let aliases = std::fs::read_to_string(data.aliases()).unwrap_or_default();
        let argv = front::expand(&aliases, argv);
        match front::run_plugin(&argv, data.juju())? {
            Some(code) => Ok(code),
            None => exchange_starting(&data, &juju_request(argv)),
        }
    }))
}

/// Runs one `juju` command in the daemon of `data`, like [`juju_main`].
pub fn juju_in(data: &DataDir, argv: Vec<String>) -> u8 {
    report(exchange_starting(data, &juju_request(argv)))
}

/// Starts the daemon of `data` unless it runs.
///
/// # Errors
///
/// Fails when it cannot be started; the error says where its log is.
pub fn start(data: &DataDir) -> io::Result<()> {
    match UnixStream::connect(data.socket()) {
        Ok(_) => Ok(()),
        Err(_) => start_daemon(data, Instant::now() + START_LIMIT).map(drop),
    }
}

/// Returns the process id of the daemon of `data`; `None` when none runs.
///
/// # Errors
///
/// Fails when a daemon is there and does not answer.
pub fn ping(data: &DataDir) -> io::Result<Option<u32>> {
    ask_daemon(data, Kind::Ping)
}

/// Asks the daemon of `data`, which answers with its process id; `None` when none runs.
pub(crate) fn ask_daemon(data: &DataDir, kind: Kind) -> io::Result<Option<u32>> {
    let mut stream = match UnixStream::connect(data.socket()) {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    stream.set_read_timeout(Some(START_LIMIT))?;
    let request = Request {
        kind,
        build: build_id(),
        cwd: String::new(),
        argv: Vec::new(),
        env: BTreeMap::new(),
    };
    stream.write_all(&request.encode())?;
    let strange = || io::Error::other("the embedded controller answers something else than asked");
    match Frame::read(&mut stream)? {
        Frame::Stdout(pid) => {
            let pid = String::from_utf8_lossy(&pid).trim().parse();
            pid.map(Some).map_err(|_| strange())
        }
        _ => Err(strange()),
    }
}

fn juju_request(argv: Vec<String>) -> Request {
    let mut env: BTreeMap<String, String> = JUJU_VARIABLES
        .iter()
        .chain(&charm_store::VARIABLES)
        .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)))
        .collect();
    for (name, is_terminal) in [
        (
            "stdin-is-terminal",
            io::IsTerminal::is_terminal(&io::stdin()),
        ),
        (
            "stdout-is-terminal",
            io::IsTerminal::is_terminal(&io::stdout()),
        ),
        (
            "stderr-is-terminal",
            io::IsTerminal::is_terminal(&io::stderr()),
        ),
    ] {
        if is_terminal {
            env.insert(name.to_owned(), "true".to_owned());
        }
    }
    Request {
        kind: Kind::Juju,
        build: build_id(),
        cwd: cwd(),
        argv,
        env,
    }
}

/// Answers as the hook tool `name` with the arguments `args`, in the context that `JUJU_CONTEXT_ID` names.
///
/// Returns the exit code: the tool's own, or 1 with an `ERROR` line when there is no agent to ask.
pub fn tool_main(name: &str, args: Vec<String>) -> u8 {
    let missing = |variable: &str| io::Error::other(format!("{variable} not set"));
    let context = std::env::var("JUJU_CONTEXT_ID").map_err(|_| missing("JUJU_CONTEXT_ID"));
    let socket = std::env::var_os("JUJU_AGENT_SOCKET_ADDRESS")
        .ok_or_else(|| missing("JUJU_AGENT_SOCKET_ADDRESS"));
    let answer = context.and_then(|context| {
        let socket = PathBuf::from(socket?);
        let mut argv = Vec::with_capacity(args.len() + 1);
        argv.push(name.to_owned());
        argv.extend(args);
        let env = BTreeMap::from([("JUJU_CONTEXT_ID".to_owned(), context)]);
        let request = Request {
            kind: Kind::Tool,
            build: String::new(),
            cwd: cwd(),
            argv,
            env,
        };
        let mut stream = UnixStream::connect(&socket).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("dial unix {}: {error}", socket.display()),
            )
        })?;
        match exchange(&mut stream, &request)? {
            Answer::Ended(code) => Ok(code),
            Answer::NotTaken => Err(io::Error::other("the agent is going away")),
        }
    });
    report(answer)
}

/// Sends `request` to the daemon of `data`, starting one when none runs.
pub(crate) fn exchange_starting(data: &DataDir, request: &Request) -> io::Result<u8> {
    let deadline = Instant::now() + START_LIMIT;
    loop {
        let mut stream = match UnixStream::connect(data.socket()) {
            Ok(stream) => stream,
            Err(_) => start_daemon(data, deadline)?,
        };
        match exchange(&mut stream, request)? {
            Answer::Ended(code) => return Ok(code),
            Answer::NotTaken if Instant::now() < deadline => std::thread::sleep(RETRY),
            Answer::NotTaken => {
                return Err(io::Error::other(
                    "the embedded controller does not take the command",
                ));
            }
        }
    }
}

/// Returns what tells this build of the program from another one.
pub(crate) fn build_id() -> String {
    let exe = std::fs::metadata("/proc/self/exe");
    let stamp = exe.map(|meta| format!("{}-{}-{}", meta.len(), meta.mtime(), meta.mtime_nsec()));
    format!(
        "{}-{}",
        env!("CARGO_PKG_VERSION"),
        stamp.unwrap_or_default()
    )
}

fn report(answer: io::Result<u8>) -> u8 {
    answer.unwrap_or_else(|error| {
        // Nothing is left to do when standard error is closed.
        let _ = writeln!(io::stderr(), "ERROR {error}");
        1
    })
}

fn cwd() -> String {
    std::env::current_dir()
        .map(|path| path.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// What came of a request.
enum Answer {
    /// The command ended with this code.
    Ended(u8),
    /// The daemon went away, or made room for one of our build, before it began: asking again does nothing twice.
    NotTaken,
}

fn exchange(stream: &mut UnixStream, request: &Request) -> io::Result<Answer> {
    let mut accepted = request.kind != Kind::Juju;
    if let Err(error) = stream.write_all(&request.encode()) {
        return if accepted {
            Err(error)
        } else {
            Ok(Answer::NotTaken)
        };
    }
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let frame = match Frame::read(&mut reader) {
            Ok(frame) => frame,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(error),
            Err(_) if !accepted => return Ok(Answer::NotTaken),
            Err(_) => {
                return Err(io::Error::other(
                    "the embedded controller went away while the command ran",
                ));
            }
        };
        match frame {
            Frame::Accepted => accepted = true,
            Frame::Stdout(bytes) => forward(&mut io::stdout().lock(), &bytes)?,
            Frame::Stderr(bytes) => forward(&mut io::stderr().lock(), &bytes)?,
            Frame::WantStdin => send_stdin(stream.try_clone()?),
            Frame::Exit(code) => return Ok(Answer::Ended(code)),
            Frame::Restart => return Ok(Answer::NotTaken),
            Frame::Data(_) => {}
        }
    }
}

/// Sends standard input from a thread of its own: the command may end before its input does.
fn send_stdin(mut stream: UnixStream) {
    std::thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        let mut chunk = vec![0; 64 << 10];
        loop {
            let length = stdin.read(&mut chunk).unwrap_or(0);
            let sent = stream.write_all(&Frame::Data(chunk[..length].to_vec()).encode());
            if length == 0 || sent.is_err() {
                return;
            }
        }
    });
}

/// Copies output; a reader that went away (`juju status | head -1`) is no error.
fn forward(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    match to.write_all(bytes).and_then(|()| to.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Starts the daemon and returns a connection to it.
fn start_daemon(data: &DataDir, deadline: Instant) -> io::Result<UnixStream> {
    let log = data.daemon_log();
    let program = std::env::current_exe()?;
    let mut child = Command::new(&program)
        .arg(DAEMON_ARGUMENT)
        .arg(data.root())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(File::options().create(true).append(true).open(&log)?)
        .spawn()
        .map_err(|error| {
            io::Error::new(
                error.kind(),
                format!(
                    "cannot start the embedded controller {}: {error}",
                    program.display()
                ),
            )
        })?;
    // The daemon says one line once it listens (or found that another one does) and closes the pipe; on failure it says why.
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut line)?;
    }
    match line.trim_end() {
        "ready" => connect_until(&data.socket(), deadline),
        "" => Err(io::Error::other(format!(
            "the embedded controller did not start; see {}",
            log.display()
        ))),
        reason => Err(io::Error::other(format!(
            "the embedded controller did not start: {reason}"
        ))),
    }
}

/// Connects to a daemon that listens already, or did a moment ago.
fn connect_until(socket: &Path, deadline: Instant) -> io::Result<UnixStream> {
    loop {
        match UnixStream::connect(socket) {
            Ok(stream) => return Ok(stream),
            Err(error) if Instant::now() >= deadline => {
                let limit = START_LIMIT.as_secs();
                return Err(io::Error::new(
                    error.kind(),
                    format!("the embedded controller does not answer after {limit} s: {error}"),
                ));
            }
            Err(_) => std::thread::sleep(RETRY),
        }
    }
}
