//! Which levels this machine has, found by doing.

use std::fmt::Write as _;
use std::path::Path;

use crate::{Level, Network};

/// Which levels this machine has, and why not the others.
#[derive(Clone, Debug)]
pub struct Probe {
    /// One finding for each level, the weakest first.
    pub findings: Vec<Finding>,
    /// Whether the embedded controller and its units can have a network of their own; else why not.
    pub own_network: Result<(), String>,
}

/// What came of trying one level.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The level that was tried.
    pub level: Level,
    /// Nothing, or why this machine does not have the level.
    pub reached: Result<(), String>,
    /// What the level does not stop here although it does elsewhere, with the reason.
    pub missing: Vec<String>,
}

impl Probe {
    /// Tries each level with the program that is the shim.
    pub fn run(shim: &Path) -> Self {
        Self {
            findings: Level::ALL
                .into_iter()
                .map(|level| Finding::of(shim, level, Network::Host))
                .collect(),
            own_network: own_network(shim),
        }
    }

    /// Returns the strongest level that was reached.
    pub fn best(&self) -> Level {
        self.findings
            .iter()
            .filter(|finding| finding.reached.is_ok())
            .map(|finding| finding.level)
            .max()
            .unwrap_or(Level::Plain)
    }

    /// Returns the table that `cargo charmtest doctor --sandbox` prints: each level, what there is of it, and what to do.
    pub fn table(&self) -> String {
        let mut table = String::new();
        for finding in &self.findings {
            let verdict = match &finding.reached {
                Ok(()) => "yes".to_owned(),
                Err(reason) => format!("no: {reason}"),
            };
            // Writing to a String does not fail.
            let _ = writeln!(table, "{:<15} {verdict}", finding.level.to_string());
            for missing in &finding.missing {
                let _ = writeln!(table, "{:<15} but {missing}", "");
            }
            if finding.reached.is_err() {
                for line in fix(finding.level) {
                    let _ = writeln!(table, "{:<15} fix: {line}", "");
                }
            }
        }
        let verdict = match &self.own_network {
            Ok(()) => "yes".to_owned(),
            Err(reason) => format!("no: {reason}"),
        };
        let _ = writeln!(table, "{:<15} {verdict}", "network: nodes");
        table
    }
}

/// Returns what gives a machine a level that it does not have.
fn fix(level: Level) -> &'static [&'static str] {
    match level {
        Level::Plain => &["run this program where it may start itself (it needs /proc)"],
        Level::Landlock => &[
            "a kernel from Linux 6.2 on, with `landlock` in /sys/kernel/security/lsm; else add `lsm=landlock,...` to its command line",
            "in a container: a seccomp profile that allows landlock_create_ruleset (Docker's does from 20.10.10 on)",
        ],
        Level::Seccomp => &["a kernel with CONFIG_SECCOMP_FILTER"],
        Level::Namespaces => &[
            "as an ordinary user on Ubuntu from 23.10 on: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0",
            "elsewhere: sudo sysctl user.max_user_namespaces=10000, and kernel.unprivileged_userns_clone=1 where it is there",
            "in a container: start it with --privileged, or with --security-opt seccomp=unconfined --security-opt systempaths=unconfined",
            "or run as root",
        ],
    }
}

#[cfg(not(target_os = "linux"))]
impl Finding {
    /// Tries a level.
    pub(crate) fn of(_shim: &Path, level: Level, _network: Network) -> Self {
        Self {
            level,
            reached: match level {
                Level::Plain => Ok(()),
                _ => Err("only Linux has it".to_owned()),
            },
            missing: Vec::new(),
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn own_network(_shim: &Path) -> Result<(), String> {
    Err("only Linux has it".to_owned())
}

#[cfg(target_os = "linux")]
pub(crate) use linux::own_network;

#[cfg(target_os = "linux")]
mod linux {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;
    use std::io;
    use std::net::TcpListener;
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixListener};
    use std::process::{Output, Stdio};

    use crate::sandbox::job_command;
    use crate::shim::check::{Targets, Through};
    use crate::{Policy, SHIM_ARGUMENT, network_command};

    impl Finding {
        /// Tries a level: starts the check in it, and judges what got through.
        pub(crate) fn of(shim: &Path, level: Level, network: Network) -> Self {
            let (reached, missing) = match attempt(shim, level, network) {
                Ok(through) => judge(level, network, &through),
                Err(reason) => (Err(reason), Vec::new()),
            };
            Self {
                level,
                reached,
                missing,
            }
        }
    }

    /// Says what must not get through at a level, and what need not be stopped but is where the kernel is new enough.
    fn judge(
        level: Level,
        network: Network,
        through: &BTreeSet<Through>,
    ) -> (Result<(), String>, Vec<String>) {
        let mut must = Vec::new();
        let mut may = Vec::new();
        if level >= Level::Landlock {
            must.extend([
                Through::Read,
                Through::Change,
                Through::Empty,
                Through::Socket,
                Through::Environment,
                Through::CommandLine,
                Through::Capabilities,
            ]);
        }
        if level == Level::Landlock || level == Level::Seccomp {
            must.push(Through::AbstractSocket);
            may.push(Through::Signal);
        }
        if level >= Level::Seccomp {
            must.push(Through::Namespaces);
        }
        if level >= Level::Namespaces {
            must.extend([Through::Signal, Through::AbstractSocket]);
        }
        if network == Network::None {
            must.push(Through::Tcp);
        }
        let leaks: Vec<_> = must
            .iter()
            .filter(|what| through.contains(what))
            .map(|what| describe(*what))
            .collect();
        let reached = if leaks.is_empty() {
            Ok(())
        } else {
            Err(format!("a command in it still {}", leaks.join(", ")))
        };
        let missing = may
            .iter()
            .filter(|what| through.contains(what))
            .map(|what| {
                format!(
                    "a command in it {} (Landlock of this kernel cannot stop it; Linux 6.12 can)",
                    describe(*what)
                )
            })
            .collect();
        (reached, missing)
    }

    fn describe(through: Through) -> &'static str {
        match through {
            Through::Read => "reads files that it may not",
            Through::Change => "changes files that it may not",
            Through::Empty => "empties files that it may not",
            Through::Socket => "connects to Unix sockets of other programs",
            Through::AbstractSocket => "connects to abstract sockets of other programs",
            Through::Tcp => "reaches this machine's network",
            Through::Signal => "sends signals to other processes of this user",
            Through::Environment => "reads the environment of other processes",
            Through::CommandLine => "reads the command lines of other processes",
            Through::Namespaces => "makes namespaces",
            Through::Capabilities => "has capabilities",
        }
    }

    fn attempt(shim: &Path, level: Level, network: Network) -> Result<BTreeSet<Through>, String> {
        let failed = |error: io::Error| format!("cannot be tried: {error}");
        let directory = tempdir().map_err(failed)?;
        let result = attempt_in(shim, level, network, &directory);
        fs::remove_dir_all(&directory).map_err(failed)?;
        result
    }

    /// Makes a directory of its own. What is in it is worth nothing to anybody.
    fn tempdir() -> io::Result<std::path::PathBuf> {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let path = std::env::temp_dir().join(format!(
            "charmtest-sandbox-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        ));
        fs::create_dir(&path)?;
        Ok(path)
    }

    fn attempt_in(
        shim: &Path,
        level: Level,
        network: Network,
        directory: &Path,
    ) -> Result<BTreeSet<Through>, String> {
        let failed = |error: io::Error| format!("cannot be tried: {error}");
        let file = directory.join("file");
        fs::write(&file, "canary").map_err(failed)?;
        let socket = directory.join("socket");
        let _listener = UnixListener::bind(&socket).map_err(failed)?;
        let name = socket.to_string_lossy().into_owned();
        let _abstract = SocketAddr::from_abstract_name(&name)
            .and_then(|address| UnixListener::bind_addr(&address))
            .map_err(failed)?;
        let tcp = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        let targets = Targets {
            file,
            socket,
            abstract_socket: name,
            tcp: tcp.local_addr().map_err(failed)?,
            process: std::process::id().cast_signed(),
        };
        let targets = serde_json::to_string(&targets).map_err(|error| error.to_string())?;
        // With Unix sockets where they are left to the level, to see whether it stops them.
        let policy = Policy::system()
            .executable(shim)
            .environment([("LC_ALL", "C.UTF-8")]);
        let mut command = job_command(
            shim,
            level,
            network == Network::None,
            level == Level::Landlock || level == Level::Seccomp,
            &policy,
            shim.as_os_str(),
            [SHIM_ARGUMENT, "check", &targets],
        )
        .map_err(|error| error.to_string())?;
        let output = command
            .current_dir("/")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("{} cannot be started: {error}", shim.display()))?;
        serde_json::from_slice(&output.stdout).map_err(|_| complaint(&output))
    }

    /// Returns what a shim that failed said.
    fn complaint(output: &Output) -> String {
        let text = String::from_utf8_lossy(&output.stderr);
        let text = text.trim();
        match text.strip_prefix("charmtest-sandbox: ") {
            Some(reason) => reason.to_owned(),
            None => format!("the shim ended with {} and said {text:?}", output.status),
        }
    }

    /// Tries to start a program in a network namespace.
    pub(crate) fn own_network(shim: &Path) -> Result<(), String> {
        let output = network_command(shim, "cat", ["/proc/self/net/route"])
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("{} cannot be started: {error}", shim.display()))?;
        if output.status.success() {
            Ok(())
        } else {
            Err(complaint(&output))
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_level_is_reached_if_nothing_got_through_that_it_stops() {
            let through = |list: &[Through]| list.iter().copied().collect::<BTreeSet<_>>();
            let all = through(&[Through::Read, Through::Signal, Through::Tcp]);
            assert!(judge(Level::Plain, Network::Host, &all).0.is_ok());
            let (reached, _) = judge(Level::Landlock, Network::Host, &all);
            assert!(reached.expect_err("reads").contains("reads files"));
            let signal = through(&[Through::Signal, Through::Tcp]);
            let (reached, missing) = judge(Level::Seccomp, Network::Host, &signal);
            assert!(reached.is_ok());
            assert!(missing[0].contains("signals"), "{missing:?}");
            assert!(judge(Level::Namespaces, Network::Host, &signal).0.is_err());
            let tcp = through(&[Through::Tcp]);
            assert!(judge(Level::Namespaces, Network::Host, &tcp).0.is_ok());
            assert!(judge(Level::Namespaces, Network::None, &tcp).0.is_err());
            let unshare = through(&[Through::Namespaces]);
            assert!(judge(Level::Landlock, Network::Host, &unshare).0.is_ok());
            assert!(judge(Level::Seccomp, Network::Host, &unshare).0.is_err());
        }
    }
}
