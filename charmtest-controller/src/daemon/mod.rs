//! The daemon: one process per data directory that owns the state, runs the agents and answers the clients.

mod connection;
mod layout;

use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use crate::agent::Agents;
use crate::client::{ask_running, build_id};
use crate::model::{Clock, Hub, Timing};
use crate::paths::DataDir;
use crate::protocol::{Kind, Request};

/// How often the daemon looks whether it is still wanted.
const LOOK_AROUND: Duration = Duration::from_secs(5);

/// After how many looks without models and clients it ends; its state is on disk and the next command starts it again.
const IDLE_LOOKS: u32 = 12;

/// Everything that a connection needs.
#[derive(Debug)]
pub(crate) struct Daemon {
    /// The state.
    pub(crate) hub: Arc<Hub>,
    /// The agents.
    pub(crate) agents: Arc<Agents>,
    build: String,
    connections: AtomicUsize,
    quit: Notify,
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
    match serve(root) {
        Ok(()) => 0,
        Err(error) => {
            say(&error.to_string().replace('\n', " "));
            1
        }
    }
}

/// Ends the daemon of `data` and waits until it is gone.
///
/// # Errors
///
/// Fails when the daemon cannot be asked or does not end within 30 s.
pub fn stop(data: &DataDir) -> io::Result<StopOutcome> {
    let request = Request {
        kind: Kind::Stop,
        build: build_id(),
        cwd: String::new(),
        argv: Vec::new(),
        env: Default::default(),
    };
    if ask_running(data, &request)?.is_none() {
        return Ok(StopOutcome::NotRunning);
    }
    let lock = File::options()
        .create(true)
        .append(true)
        .open(data.lock())?;
    for _ in 0..3000 {
        match lock.try_lock() {
            Ok(()) => return Ok(StopOutcome::Stopped),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::other("the embedded controller does not end"))
}

fn serve(root: &Path) -> io::Result<()> {
    let data = DataDir::open(root).map_err(io::Error::other)?;
    let lock = File::options()
        .create(true)
        .append(true)
        .open(data.lock())?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            // Another client started a daemon at the same moment, or one is just ending: the client will find out by connecting.
            say("ready");
            return Ok(());
        }
        Err(TryLockError::Error(error)) => return Err(error),
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

async fn serve_locked(data: &DataDir) -> io::Result<()> {
    let (hub, touched) =
        Hub::open(data.clone(), Clock::System, Timing::default()).map_err(io::Error::other)?;
    let socket = data.socket();
    data.prepare_socket_dir()?;
    match std::fs::remove_file(&socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&socket)?;
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o600))?;
    let agents = Agents::start(Arc::clone(&hub), touched);
    let daemon = Arc::new(Daemon {
        hub,
        agents,
        build: build_id(),
        connections: AtomicUsize::new(0),
        quit: Notify::new(),
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
            () = daemon.quit.notified() => break,
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = look.tick() => {
                idle_looks = if daemon.is_idle() { idle_looks + 1 } else { 0 };
                if idle_looks > IDLE_LOOKS || !socket.exists() {
                    break;
                }
            }
        }
    }
    // From here on new clients start a new daemon, which waits for our lock.
    drop(listener);
    let _ = std::fs::remove_file(&socket);
    daemon.agents.stop().await;
    Ok(())
}

impl Daemon {
    fn is_idle(&self) -> bool {
        self.connections.load(Ordering::SeqCst) == 0 && self.hub.snapshot().models.is_empty()
    }

    /// Says whether a client of another build may take over: nothing runs and nobody else is connected.
    fn makes_room_for(&self, build: &str) -> bool {
        build != self.build
            && self.connections.load(Ordering::SeqCst) <= 1
            && !self.agents.is_busy()
    }
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
