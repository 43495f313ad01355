//! Where the hostile commands run: secrets around them, and a place of their own.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::thread;

use charmtest_sandbox::{Level, Network, Policy, Probe, Request, Sandbox};
use tempfile::TempDir;

/// What must never be in the output of a hostile command.
pub(crate) const CANARY: &str = "CANARY-7f3a9c";
/// What a hostile command says when it did what it must not, where nothing is to be read.
pub(crate) const THROUGH: &str = "WENT-THROUGH";

/// What this machine has for this user.
pub(crate) static PROBE: LazyLock<Probe> = LazyLock::new(|| Probe::run(&shim()));

pub(crate) fn shim() -> PathBuf {
    std::env::current_exe().expect("this program")
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The levels that this machine has.
pub(crate) fn levels() -> impl Iterator<Item = Level> {
    PROBE
        .findings
        .iter()
        .filter(|finding| finding.reached.is_ok())
        .map(|finding| finding.level)
}

pub(crate) fn open_to_all(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// A home with secrets, a process with secrets, sockets that tell secrets; and the directories of a test.
pub(crate) struct Bed {
    directory: TempDir,
    pub(crate) victim: Child,
    pub(crate) abstract_name: String,
    pub(crate) tcp: SocketAddr,
}

impl Bed {
    pub(crate) fn new() -> Self {
        let directory = TempDir::new().expect("tempdir");
        let root = directory.path().canonicalize().expect("real path");
        for name in [
            "user/.local/share/juju",
            "user/.juju",
            "work",
            "tmp",
            "home",
            "run",
        ] {
            fs::create_dir_all(root.join(name)).expect("mkdir");
        }
        let accounts = root.join("user/.local/share/juju/accounts.yaml");
        fs::write(&accounts, CANARY).expect("write");
        fs::write(root.join("user/.juju/environments.yaml"), CANARY).expect("write");
        fs::write(root.join("user/.profile"), CANARY).expect("write");
        let victim = Command::new("perl")
            .args(["-e", "sleep 1000", CANARY])
            .env("SECRET", CANARY)
            .current_dir(root.join("user/.local/share/juju"))
            .stdin(fs::File::open(&accounts).expect("open"))
            .process_group(0)
            .spawn()
            .expect("victim");
        let listener = UnixListener::bind(root.join("run/socket")).expect("socket");
        greet(move || listener.accept().map(|(stream, _)| stream));
        let abstract_name = root.join("abstract").to_string_lossy().into_owned();
        let listener = std::os::unix::net::SocketAddr::from_abstract_name(&abstract_name)
            .and_then(|address| UnixListener::bind_addr(&address))
            .expect("abstract socket");
        greet(move || listener.accept().map(|(stream, _)| stream));
        // Nobody has to read what is sent here; that it could be sent is enough.
        let datagram = UnixDatagram::bind(root.join("run/datagram")).expect("datagram");
        thread::spawn(move || {
            let mut buffer = [0; 16];
            while datagram.recv(&mut buffer).is_ok() {}
        });
        let listener = TcpListener::bind("127.0.0.1:0").expect("tcp");
        let tcp = listener.local_addr().expect("address");
        greet(move || listener.accept().map(|(stream, _)| stream));
        Self {
            directory,
            victim,
            abstract_name,
            tcp,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory
            .path()
            .canonicalize()
            .expect("real path")
            .join(name)
    }

    /// The policy of a test: the system, and the test's own directories.
    pub(crate) fn policy(&self) -> Policy {
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        static SYSTEM: LazyLock<Policy> = LazyLock::new(Policy::system);
        SYSTEM
            .clone()
            .writable(self.path("work"))
            .writable(self.path("tmp"))
            .writable(self.path("home"))
            .hidden(self.path("user"))
            .environment([
                (
                    "PATH",
                    "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin".to_owned(),
                ),
                ("LC_ALL", "C.UTF-8".to_owned()),
                ("HOME", text(self.path("home"))),
                ("TMPDIR", text(self.path("tmp"))),
                // what a hostile author would find out or guess
                ("OUTSIDE", text(self.path("user"))),
                ("RUN", text(self.path("run"))),
                ("ABSTRACT", self.abstract_name.clone()),
                ("VICTIM", self.victim.id().to_string()),
                ("TCP", self.tcp.port().to_string()),
            ])
    }

    /// Starts a shell script in the sandbox and waits for it.
    pub(crate) fn run(&self, sandbox: &Sandbox, policy: &Policy, script: &str) -> Output {
        self.command(sandbox, policy, script)
            .output()
            .expect("the shim starts")
    }

    pub(crate) fn command(&self, sandbox: &Sandbox, policy: &Policy, script: &str) -> Command {
        let mut command = sandbox
            .command(policy, "bash", ["-c", script])
            .expect("a command");
        command.current_dir(self.path("work")).stdin(Stdio::null());
        command
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        let _ = self.victim.kill();
        let _ = self.victim.wait();
    }
}

/// Tells the canary to whoever connects.
fn greet<S: io::Write>(mut accept: impl FnMut() -> io::Result<S> + Send + 'static) {
    thread::spawn(move || {
        while let Ok(mut stream) = accept() {
            let _ = writeln!(stream, "{CANARY}");
        }
    });
}

/// A sandbox of a level that this machine has.
pub(crate) fn sandbox(level: Level) -> Sandbox {
    static SANDBOXES: LazyLock<Vec<Sandbox>> = LazyLock::new(|| {
        levels()
            .map(|level| {
                Sandbox::with_shim(&shim(), Request::Level(level), Network::Host)
                    .expect("a level that was probed")
            })
            .collect()
    });
    SANDBOXES
        .iter()
        .find(|sandbox| sandbox.achieved().level == level)
        .expect("a level that was probed")
        .clone()
}

/// All that a command said.
pub(crate) fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
