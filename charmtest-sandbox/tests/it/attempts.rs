//! What hostile commands try, and from which level on it fails.
//!
//! Each attempt is made at every level. Below its level it must succeed, else it would prove nothing; `docs/sandbox.md` lists what
//! plain does not stop, and the list is compared with this one.

use std::fs;
use std::os::fd::AsRawFd as _;

use charmtest_sandbox::Level;
use libtest_mimic::{Failed, Trial};

use crate::bed::{Bed, CANARY, PROBE, THROUGH, is_root, levels, said, sandbox};

/// One thing to try.
struct Attempt {
    /// Its name, as in `docs/sandbox.md`.
    name: &'static str,
    /// The weakest level that stops it.
    stopped_from: Level,
    script: &'static str,
    /// Whether only root gets through where nothing stops it.
    root_only: bool,
}

const fn attempt(name: &'static str, stopped_from: Level, script: &'static str) -> Attempt {
    Attempt {
        name,
        stopped_from,
        script,
        root_only: false,
    }
}

const fn root_attempt(name: &'static str, stopped_from: Level, script: &'static str) -> Attempt {
    Attempt {
        name,
        stopped_from,
        script,
        root_only: true,
    }
}

/// System calls by number: what `perl` needs to make them.
#[cfg(target_arch = "x86_64")]
const NUMBERS: &str = "PTRACE=101 PRCTL=157 IO_URING_SETUP=425 PIDFD_OPEN=434 PIDFD_GETFD=438 KEYCTL=250 ADD_KEY=248 UNSHARE=272 PROCESS_VM_READV=310 BPF=321 CHROOT=161";
#[cfg(target_arch = "aarch64")]
const NUMBERS: &str = "PTRACE=117 PRCTL=167 IO_URING_SETUP=425 PIDFD_OPEN=434 PIDFD_GETFD=438 KEYCTL=219 ADD_KEY=217 UNSHARE=97 PROCESS_VM_READV=270 BPF=280 CHROOT=51";

const ATTEMPTS: &[Attempt] = &[
    attempt(
        "reading Juju's data by its path",
        Level::Landlock,
        r#"cat "$OUTSIDE/.local/share/juju/accounts.yaml" "$OUTSIDE/.juju/environments.yaml""#,
    ),
    attempt(
        "searching directories for secrets",
        Level::Landlock,
        r#"grep -rh . "$OUTSIDE"; find "$OUTSIDE" -type f -exec cat {} +"#,
    ),
    attempt(
        "a symbolic link to a secret",
        Level::Landlock,
        r#"ln -s "$OUTSIDE/.local/share/juju" here; cat here/accounts.yaml; cat "$TMPDIR/../user/.profile""#,
    ),
    attempt(
        "a hard link to a secret",
        Level::Landlock,
        r#"ln "$OUTSIDE/.profile" profile && cat profile"#,
    ),
    attempt(
        "changing the user's files",
        Level::Landlock,
        r#"echo evil >> "$OUTSIDE/.profile" && echo WENT-THROUGH"#,
    ),
    attempt(
        "adding to the user's files",
        Level::Landlock,
        r#"mkdir -p "$OUTSIDE/bin" && echo evil > "$OUTSIDE/bin/juju"; ln -s /bin/sh "$OUTSIDE/bin/sh"; mkfifo "$OUTSIDE/pipe""#,
    ),
    attempt(
        "deleting the user's files",
        Level::Landlock,
        r#"echo x > "$TMPDIR/mine"; mv -f "$OUTSIDE/.profile" "$TMPDIR/stolen" && echo WENT-THROUGH && mv "$TMPDIR/stolen" "$OUTSIDE/.profile""#,
    ),
    attempt(
        "emptying the user's files",
        Level::Landlock,
        r#"perl -e 'truncate("$ENV{OUTSIDE}/.juju/environments.yaml", 0) and print "WENT-THROUGH"'"#,
    ),
    root_attempt(
        "reading what only root may read",
        Level::Landlock,
        r#"grep -q . /etc/shadow && echo WENT-THROUGH"#,
    ),
    attempt(
        "the environment of another process",
        Level::Landlock,
        r#"cat /proc/$VICTIM/environ"#,
    ),
    attempt(
        "the command line of another process",
        Level::Landlock,
        r#"cat /proc/$VICTIM/cmdline"#,
    ),
    attempt(
        "the list of processes",
        Level::Landlock,
        r#"for d in /proc/[0-9]*; do [ "$d" = /proc/$VICTIM ] && echo WENT-THROUGH; done"#,
    ),
    attempt(
        "the root directory of another process",
        Level::Landlock,
        r#"cat "/proc/$VICTIM/root$OUTSIDE/.profile" "/proc/1/root$OUTSIDE/.profile""#,
    ),
    attempt(
        "the working directory of another process",
        Level::Landlock,
        r#"cat /proc/$VICTIM/cwd/accounts.yaml"#,
    ),
    attempt(
        "the open files of another process",
        Level::Landlock,
        r#"cat /proc/$VICTIM/fd/0"#,
    ),
    attempt(
        "tracing another process",
        Level::Landlock,
        r#"perl -e 'syscall($ENV{PTRACE}, 16, $ENV{VICTIM}+0, 0, 0) == 0 and print "WENT-THROUGH"'"#,
    ),
    attempt(
        "taking a file from another process",
        Level::Landlock,
        r#"perl -e '$p = syscall($ENV{PIDFD_OPEN}, $ENV{VICTIM}+0, 0); $f = $p < 0 ? -1 : syscall($ENV{PIDFD_GETFD}, $p, 0, 0); if ($f >= 0) { open(F, "<&=$f"); seek(F, 0, 0); print <F> }'"#,
    ),
    attempt(
        "a signal to another process",
        Level::Landlock,
        r#"kill -0 $VICTIM && echo WENT-THROUGH"#,
    ),
    attempt(
        "a Unix socket of another program",
        Level::Landlock,
        r#"perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0) and connect(S, sockaddr_un("$ENV{RUN}/socket")) and print <S>'"#,
    ),
    attempt(
        "a datagram to a Unix socket of another program",
        Level::Landlock,
        r#"perl -MSocket -e 'socketpair(S, T, AF_UNIX, SOCK_DGRAM, 0) and send(S, "evil", 0, sockaddr_un("$ENV{RUN}/datagram")) and print "WENT-THROUGH"'"#,
    ),
    attempt(
        "an abstract socket of another program",
        Level::Landlock,
        r#"perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0) and connect(S, pack("Sa*", AF_UNIX, "\0$ENV{ABSTRACT}")) and print <S>'"#,
    ),
    attempt(
        "shared memory of the user",
        Level::Landlock,
        r#"[ -n "$SHM" ] && ipcs -m -i "$SHM" 2>&1 | grep -q bytes= && echo WENT-THROUGH"#,
    ),
    attempt(
        "the user's keys",
        Level::Landlock,
        r#"perl -e 'syscall($ENV{KEYCTL}, 0, -3, 1) >= 0 and print "WENT-THROUGH"'"#,
    ),
    attempt(
        "typing into the user's terminal",
        Level::Landlock,
        r#"perl -e 'my $key = "x"; ioctl(STDIN, 0x5412, $key); print "WENT-THROUGH" unless $!{EPERM}'"#,
    ),
    attempt(
        "calls past every filter with io_uring",
        Level::Landlock,
        r#"perl -e 'my $setup = "\0" x 120; syscall($ENV{IO_URING_SETUP}, 8, $setup) >= 0 and print "WENT-THROUGH"'"#,
    ),
    attempt(
        "privileges through set-user-id programs",
        Level::Landlock,
        r#"perl -e 'syscall($ENV{PRCTL}, 39, 0, 0, 0, 0) == 0 and print "WENT-THROUGH"'"#,
    ),
    root_attempt(
        "the capabilities of root",
        Level::Landlock,
        r#"perl -e 'chroot("/tmp") and print "WENT-THROUGH"'"#,
    ),
    attempt(
        "secrets by way of new namespaces",
        Level::Landlock,
        r#"unshare -Urm bash -c 'mount --bind "$OUTSIDE" "$HOME"; cat "$HOME/.profile" "$OUTSIDE/.profile"'"#,
    ),
    attempt(
        "namespaces and their rights over the kernel",
        Level::Seccomp,
        r#"perl -e 'syscall($ENV{UNSHARE}, 0x10000000) == 0 and print "WENT-THROUGH"'"#,
    ),
    attempt(
        "set-user-id programs to leave behind",
        Level::Landlock,
        r#"cp /bin/true "$HOME/t"; chmod 4755 "$HOME/t" && echo WENT-THROUGH"#,
    ),
    attempt(
        "the permissions of the user's files",
        Level::Namespaces,
        r#"chmod 644 "$OUTSIDE/.profile" && echo WENT-THROUGH"#,
    ),
    attempt(
        "the size and age of the user's files",
        Level::Namespaces,
        r#"[ -e "$OUTSIDE/.profile" ] && stat "$OUTSIDE/.profile" && echo WENT-THROUGH"#,
    ),
    root_attempt(
        "the permissions of devices",
        Level::Namespaces,
        r#"chmod 666 /dev/null && echo WENT-THROUGH"#,
    ),
    attempt(
        "files that the starter left open",
        Level::Plain,
        r#"cat <&$INHERITED; for f in /dev/fd/*; do [ "${f##*/}" -gt 2 ] && cat "$f"; done; perl -e 'for (3..300) { open(F, "<&=$_") and seek(F, 0, 0) and print <F> }'"#,
    ),
    attempt(
        "the environment of the starter",
        Level::Plain,
        r#"env; cat /proc/self/environ"#,
    ),
];

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials: Vec<_> = ATTEMPTS
        .iter()
        .map(|attempt| Trial::test(format!("hostile: {}", attempt.name), || make(attempt)))
        .collect();
    trials.push(Trial::test(
        "the_documentation_lists_what_each_level_stops",
        documented,
    ));
    trials
}

fn make(attempt: &Attempt) -> Result<(), Failed> {
    if attempt.root_only && !is_root() {
        return Ok(());
    }
    for level in levels() {
        let bed = Bed::new();
        let open = fs::File::open(bed.path("user/.profile"))?;
        rustix::io::fcntl_setfd(&open, rustix::io::FdFlags::empty())?;
        let memory = SharedMemory::new();
        let script = format!(
            "export {NUMBERS} INHERITED={} SHM={}\n{}",
            open.as_raw_fd(),
            memory.as_ref().map_or("", |memory| &memory.0),
            attempt.script
        );
        let output = bed.run(&sandbox(level), &bed.policy(), &script);
        drop(open);
        let text = said(&output);
        // With a root directory of its own a command may make what it likes; what counts is what comes of it outside.
        let through = text.contains(CANARY)
            || text.contains(THROUGH)
            || ["user/bin", "user/pipe"]
                .iter()
                .any(|name| bed.path(name).exists());
        let stopped_from = from_here(attempt);
        if through != (level < stopped_from) {
            return Err(format!(
                "at level {level} it {}, and it is stopped from level {stopped_from} on:\n{text}",
                if through {
                    "got through"
                } else {
                    "was stopped"
                }
            )
            .into());
        }
        if text.contains("charmtest-sandbox:") {
            return Err(format!("at level {level} it was never started:\n{text}").into());
        }
    }
    Ok(())
}

/// The level from which this machine stops an attempt: Landlock of an older kernel has no say over signals.
fn from_here(attempt: &Attempt) -> Level {
    let landlock = &PROBE.findings[1];
    if attempt.name.starts_with("a signal") && !landlock.missing.is_empty() {
        Level::Namespaces
    } else {
        attempt.stopped_from
    }
}

/// A piece of shared memory of this user.
struct SharedMemory(String);

impl SharedMemory {
    fn new() -> Option<Self> {
        let output = std::process::Command::new("ipcmk")
            .args(["-M", "64"])
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Some(Self(text.rsplit(' ').next()?.trim().to_owned()))
    }
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        let _ = std::process::Command::new("ipcrm")
            .args(["-m", &self.0])
            .output();
    }
}

/// Compares the table of `docs/sandbox.md` with the attempts: each row, and its level.
fn documented() -> Result<(), Failed> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/sandbox.md");
    let Ok(text) = fs::read_to_string(path) else {
        // An ordinary user may have no way to the sources.
        return if is_root() {
            Err(format!("{path} cannot be read").into())
        } else {
            Ok(())
        };
    };
    let rows: Vec<(&str, &str)> = text
        .split("<!-- attempts -->")
        .nth(1)
        .unwrap_or_default()
        .lines()
        .skip(3)
        .filter_map(|line| {
            let mut cells = line.trim().trim_matches('|').split('|').map(str::trim);
            Some((cells.next()?, cells.next()?))
        })
        .filter(|(name, _)| !name.is_empty())
        .collect();
    let wanted: Vec<(&str, String)> = ATTEMPTS
        .iter()
        .map(|attempt| (attempt.name, attempt.stopped_from.to_string()))
        .collect();
    let rows: Vec<(&str, String)> = rows
        .into_iter()
        .map(|(name, level)| (name, level.to_owned()))
        .collect();
    if rows == wanted {
        return Ok(());
    }
    let table: String = wanted
        .iter()
        .map(|(name, level)| format!("| {name} | {level} |\n"))
        .collect();
    Err(format!("docs/sandbox.md lists {rows:#?}\nbut these are tried:\n{table}").into())
}
