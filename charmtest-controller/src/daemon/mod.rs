//! The daemon: one process per data directory that owns the state, runs the agents and answers the clients.

mod clients;
mod connection;
mod layout;

use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::agent::Agents;
use crate::client::{ask_daemon, build_id};
use crate::model::{Clock, Hub, TimeScale, Timing};
use crate::paths::DataDir;
use crate::protocol::Kind;
use clients::Clients;

/// How often the daemon looks whether it is still wanted.
const LOOK_AROUND: Duration = Duration::from_secs(5);

/// After how many looks without models and clients it ends; its state is on disk and the next command starts it again.
const IDLE_LOOKS: u32 = 12;

/// How long a new daemon waits for an older one that holds the lock: to end, or to listen.
const LOCK_LIMIT: Duration = Duration::from_secs(25);

/// How long [`stop`] waits for the daemon to end.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// How often [`stop`] looks.
const STOP_POLL: Duration = Duration::from_millis(10);

/// How many files the daemon and the hooks may have open, if the host lets them: a thousand hooks that run side by side need three
/// pipes each, and a real agent's service is set up for as many (Juju 3.6, 64,000).
const OPEN_FILES: u64 = 64_000;

/// Everything that a connection needs.
#[derive(Debug)]
pub(crate) struct Daemon {
    /// The state.
    pub(crate) hub: Arc<Hub>,
    /// The agents.
    pub(crate) agents: Arc<Agents>,
    build: String,
    clients: Arc<Clients>,
}

/// What [`stop`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopOutcome {
    /// The daemon ended.
    Stopped,
    /// None was running.
    NotRunning,
}

/// Runs the daemon of the data directory `root` until it is told to stop, gets SIGTERM, or has had nothing to do for a while.
///
/// Says `ready` on standard output once it listens, or one line that says why it cannot. Returns the exit code.
pub fn daemon_main(root: &Path) -> u8 {
    // A terminal's signals, or those to the client's process group, are not for us. It is refused only to a group's leader, which
    // already is out of reach of both.
    let _ = rustix::process::setsid();
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    raise_file_limit();
    match serve(root) {
        Ok(()) => 0,
        Err(error) => {
            say(&error.to_string().replace('\n', " "));
            1
        }
    }
}

/// Lets this process and its children open as many files as they may need, or as many as the host allows.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit
        .maximum
        .map_or(OPEN_FILES, |most| most.min(OPEN_FILES));
    if limit.current.is_some_and(|current| current < wanted) {
        // It may be refused; then fewer hooks run side by side, and those that find no file free fail.
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: Some(wanted),
                ..limit
            },
        );
    }
}

/// Ends the daemon of `data` and waits until it is gone.
///
/// # Errors
///
/// Fails when the daemon cannot be asked or does not end within 30 s.
pub fn stop(data: &DataDir) -> io::Result<StopOutcome> {
    let deadline = Instant::now() + STOP_LIMIT;
    let asked = loop {
        match ask_daemon(data, Kind::Stop) {
            Ok(None) => return Ok(StopOutcome::NotRunning),
            Ok(Some(pid)) => break pid,
            // It was ending already and let go of us.
            Err(_) if Instant::now() < deadline => std::thread::sleep(STOP_POLL),
            Err(error) => return Err(error),
        }
    };
    let lock = File::options()
        .create(true)
        .append(true)
        .open(data.lock())?;
    while Instant::now() < deadline {
        match lock.try_lock() {
            Ok(()) => return Ok(StopOutcome::Stopped),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // A command may have started the next one before we saw the lock free.
        if matches!(ask_daemon(data, Kind::Ping), Ok(Some(pid)) if pid != asked) {
            return Ok(StopOutcome::Stopped);
        }
        std::thread::sleep(STOP_POLL);
    }
    Err(io::Error::other("the embedded controller does not end"))
}

fn serve(root: &Path) -> io::Result<()> {
    let data = DataDir::open(root).map_err(io::Error::other)?;
    let lock = File::options()
        .create(true)
        .append(true)
        .open(data.lock())?;
    if take_lock(&lock, &data.socket(), LOCK_LIMIT)? == Turn::Other {
        say("ready");
        return Ok(());
    }
    layout::prepare(&data)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let served = runtime.block_on(serve_locked(&data));
    // Hooks that still run were killed; blocking tasks that hang must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(2));
    drop(lock);
    served
}

/// Whose turn it is to serve a data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// This process holds the lock.
    Ours,
    /// Another daemon listens.
    Other,
}

/// Takes the lock, or finds that another daemon listens.
///
/// Whoever holds the lock without listening was started at the same moment, or is just ending; only waiting tells which.
fn take_lock(lock: &File, socket: &Path, limit: Duration) -> io::Result<Turn> {
    let deadline = Instant::now() + limit;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(Turn::Ours),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        if UnixStream::connect(socket).is_ok() {
            return Ok(Turn::Other);
        }
        if Instant::now() >= deadline {
            return Err(io::Error::other(format!(
                "another one holds the lock and has neither ended nor answered for {} s",
                limit.as_secs()
            )));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

async fn serve_locked(data: &DataDir) -> io::Result<()> {
    let scale = std::env::var(TimeScale::VARIABLE).ok();
    let scale = TimeScale::parse(scale.as_deref()).map_err(io::Error::other)?;
    let (hub, touched) =
        Hub::open(data.clone(), Clock::System, Timing::scaled(scale)).map_err(io::Error::other)?;
    let socket = data.socket();
    layout::sweep(data, &hub.snapshot());
    data.prepare_socket_dir()?;
    match std::fs::remove_file(&socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&socket)?;
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o600))?;
    let own = identity(&socket);
    let agents = Agents::start(Arc::clone(&hub), touched);
    let daemon = Arc::new(Daemon {
        hub,
        agents,
        build: build_id(),
        clients: Arc::default(),
    });
    say("ready");

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut look = tokio::time::interval(LOOK_AROUND);
    let mut idle_looks = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                match accepted {
                    Ok((stream, _)) => connection::spawn(Arc::clone(&daemon), stream),
                    // Out of descriptors, most likely: let the present connections end.
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
            () = daemon.clients.closed() => break,
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = look.tick() => {
                idle_looks = if daemon.is_idle() { idle_looks + 1 } else { 0 };
                // Without our socket no client finds us: the data directory was deleted, and perhaps made anew by another daemon.
                if idle_looks > IDLE_LOOKS || identity(&socket) != own {
                    break;
                }
            }
        }
    }
    // From here on new clients start a new daemon, which waits for our lock.
    daemon.clients.close();
    drop(listener);
    if identity(&socket) == own {
        let _ = std::fs::remove_file(&socket);
    }
    daemon.agents.stop().await;
    Ok(())
}

impl Daemon {
    fn is_idle(&self) -> bool {
        self.clients.count() == 0 && self.hub.snapshot().models.is_empty()
    }

    /// Says whether a command of a client of `build` is taken. It is not when the daemon ends, nor when it is of another build and
    /// has nothing else to do: then it ends to make room for one of that build.
    fn takes(&self, build: &str) -> bool {
        if build != self.build && !self.agents.is_busy() {
            self.clients.close_for_last();
        }
        !self.clients.is_closed()
    }
}

/// Returns what tells the file at `path` from another one that may come to be there.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let meta = std::fs::symlink_metadata(path).ok()?;
    Some((meta.dev(), meta.ino()))
}

/// Tells the client that started us how it went, and lets go of its pipe.
fn say(line: &str) {
    let mut stdout = io::stdout();
    // The client may be gone; the daemon goes on without it.
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    if let Ok(null) = File::options().write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdout(&null);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::protocol::Frame;

    fn open(path: &Path) -> File {
        File::options()
            .create(true)
            .append(true)
            .open(path)
            .unwrap()
    }

    #[test]
    fn a_new_daemon_takes_over_from_one_that_ends() {
        let dir = tempfile::tempdir().unwrap();
        let (path, socket) = (dir.path().join("lock"), dir.path().join("sock"));
        let ending = open(&path);
        ending.lock().unwrap();
        let ours = open(&path);
        let limit = Duration::from_secs(60);
        let turn = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| take_lock(&ours, &socket, limit));
            drop(ending);
            waiting.join().unwrap()
        });
        assert_eq!(turn.unwrap(), Turn::Ours);
    }

    #[test]
    fn a_new_daemon_leaves_the_field_to_one_that_listens() {
        let dir = tempfile::tempdir().unwrap();
        let (path, socket) = (dir.path().join("lock"), dir.path().join("sock"));
        let other = open(&path);
        other.lock().unwrap();
        let hung = take_lock(&open(&path), &socket, Duration::ZERO).unwrap_err();
        assert!(hung.to_string().contains("holds the lock"), "{hung}");
        let _listener = UnixListener::bind(&socket).unwrap();
        let turn = take_lock(&open(&path), &socket, Duration::ZERO);
        assert_eq!(turn.unwrap(), Turn::Other);
    }

    #[test]
    fn stopping_is_done_when_a_successor_runs_already() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(dir.path()).unwrap();
        let successor = open(&data.lock());
        successor.lock().unwrap();
        let listener = UnixListener::bind(data.socket()).unwrap();
        std::thread::spawn(move || {
            // The first one is asked to stop, the next connection finds its successor.
            for (pid, stream) in (1..).zip(listener.incoming()) {
                let mut stream = stream.unwrap();
                let mut length = [0; 4];
                stream.read_exact(&mut length).unwrap();
                let mut request = vec![0; u32::from_be_bytes(length) as usize];
                stream.read_exact(&mut request).unwrap();
                let answer = Frame::Stdout(format!("{pid}\n").into());
                stream.write_all(&answer.encode()).unwrap();
            }
        });
        assert_eq!(stop(&data).unwrap(), StopOutcome::Stopped);
        drop(successor);
    }

    #[test]
    fn a_socket_that_replaced_ours_is_not_ours() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("sock");
        let _ours = UnixListener::bind(&socket).unwrap();
        let own = identity(&socket);
        assert_eq!(identity(&socket), own);
        let _other = UnixListener::bind(dir.path().join("new")).unwrap();
        std::fs::rename(dir.path().join("new"), &socket).unwrap();
        assert_ne!(identity(&socket), own);
        std::fs::remove_file(&socket).unwrap();
        assert_ne!(identity(&socket), own);
    }
}
