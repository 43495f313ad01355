//! A suite in a sandbox, with its controller and all hooks, as it is started and listened to from outside.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read, stderr};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use charmtest::harness::{BackendArg, RunFlags};
use charmtest_collection::{Error as WatchError, Result as WatchResult};
use rustix::process::{Pid, Signal, kill_process};

use crate::cli::{ColorArg, SuiteArgs};
use crate::error::{Error, Result};
use crate::report::{hand_on, plain, print, say, shows_colours};
use crate::run::signals::{self, Interrupt};
use crate::sandbox::{Around, Inside, Room};
use crate::suite::{INSIDE_COMMAND, SuiteFile, Told, understand};

/// How much a suite inside may say: more is not listened to.
const MOST: u64 = 256 << 20;

/// How many lines it may say: short ones cost more time and memory than their bytes.
const MOST_LINES: usize = 1_000_000;

/// How much of what it tells people is handed on.
const MOST_TOLD: u64 = 16 << 20;

/// How many messages of it wait to be understood: whoever speaks faster waits, and takes no memory of ours.
const WAITING: usize = 64;

/// How long one line of it may be.
const LONGEST: u64 = 4 << 20;

/// How long what it said before it ended may take to arrive.
const REST: Duration = Duration::from_secs(10);

/// Longer than anybody waits.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 86400);

/// How long packing, the controller's start and its end may take, beside the tests.
const AROUND: Duration = Duration::from_secs(600);

/// A suite that runs in a sandbox.
pub(super) struct Contained<'a> {
    pub(super) around: &'a Around,
    /// How its tests run.
    pub(super) args: &'a SuiteArgs,
    /// What the user would type to run it again.
    pub(super) again: &'a str,
    /// Where its charms are, which it reads.
    pub(super) directory: &'a Path,
    /// What else it reads.
    pub(super) readable: &'a [PathBuf],
    /// What it must never reach: the record.
    pub(super) hidden: &'a Path,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// By itself.
    Itself,
    /// It took longer than all its tests together may, and was killed.
    TookLonger(Duration),
}

enum Message {
    Interrupt(Interrupt),
    Line(Vec<u8>),
    TooMuch,
    Ended(std::io::Result<ExitStatus>),
    /// Nothing more is said.
    Silent,
}

impl From<Interrupt> for Message {
    fn from(interrupt: Interrupt) -> Self {
        Self::Interrupt(interrupt)
    }
}

impl Contained<'_> {
    /// Runs the suite to its end, and hands on each test that it tells of. The room of the run is kept if `keep` says so then.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be started, when it says too much, and when `tell` fails.
    pub(super) fn run(
        &self,
        suite: &SuiteFile,
        room: Room,
        tell: &mut dyn FnMut(Told) -> WatchResult<()>,
        keep: &dyn Fn() -> bool,
    ) -> WatchResult<End> {
        let ended = self.listen(suite, &room, tell);
        let keep = self.args.flags.keep_models || keep();
        if let Err(error) = room.end(keep) {
            // What is left over is no matter of the tests.
            say(&format!("warning: {error}"));
        }
        ended
    }

    fn listen(
        &self,
        suite: &SuiteFile,
        room: &Room,
        tell: &mut dyn FnMut(Told) -> WatchResult<()>,
    ) -> WatchResult<End> {
        let limit = limit(&self.args.flags, tests(suite));
        let (sender, messages) = mpsc::sync_channel(WAITING);
        let (pid, _lifeline) = self.start(suite, room, sender).map_err(runner)?;
        let begun = Instant::now();
        // Why it was killed, if it was.
        let mut killed: Option<WatchResult<End>> = None;
        let (mut terminated, mut ended, mut silent) = (false, None, false);
        while ended.is_none() || !silent {
            let patience = match limit {
                _ if killed.is_some() || ended.is_some() => REST,
                Some(limit) => limit.saturating_sub(begun.elapsed()),
                None => FOREVER,
            };
            let kill = |why| {
                signal(pid, Signal::KILL);
                Some(why)
            };
            match messages.recv_timeout(patience) {
                Ok(Message::Line(_)) if killed.is_some() => {}
                Ok(Message::Line(line)) => match understand(&line) {
                    Some(told) => {
                        if let Err(error) = tell(told) {
                            killed = kill(Err(error));
                        }
                    }
                    None => print(&plain(&format!("{}\n", String::from_utf8_lossy(&line)))),
                },
                Ok(Message::TooMuch) => {
                    let why = "the contained run says more than can be listened to".to_owned();
                    killed = kill(Err(WatchError::Runner(why)));
                }
                Ok(Message::Interrupt(interrupt)) => {
                    let asked = match interrupt {
                        _ if terminated => Signal::KILL,
                        interrupt => interrupt.signal(),
                    };
                    terminated = interrupt == Interrupt::Term;
                    signal(pid, asked);
                }
                Ok(Message::Ended(status)) => ended = Some(status),
                Ok(Message::Silent) => silent = true,
                Err(RecvTimeoutError::Timeout) if killed.is_none() && ended.is_none() => {
                    killed = kill(Ok(End::TookLonger(begun.elapsed())));
                }
                Err(_) => break,
            }
        }
        match (killed, ended) {
            (Some(why), _) => why,
            (None, Some(Ok(status))) if status.code() == Some(charmtest_sandbox::FAILED.into()) => {
                let why = "the run could not be started in its sandbox";
                Err(WatchError::Runner(why.to_owned()))
            }
            (None, Some(Ok(_))) => Ok(End::Itself),
            (None, Some(Err(error))) => Err(runner(error)),
            (None, None) => Err(WatchError::Runner("nobody waits for the run".to_owned())),
        }
    }

    /// Starts the suite, and sends what becomes of it. It ends when its standard input does, and so with this process.
    fn start(
        &self,
        suite: &SuiteFile,
        room: &Room,
        sender: SyncSender<Message>,
    ) -> Result<(Option<Pid>, Option<ChildStdin>)> {
        let of_signals = sender.clone();
        signals::forward_to(move |interrupt| of_signals.send(interrupt.into()).is_ok())
            .map_err(Error::infrastructure)?;
        let file = self.directory.join("suite.json");
        suite.write(&file)?;
        let args = self.args;
        let mut words: Vec<OsString> = ["charmtest", INSIDE_COMMAND].map(Into::into).into();
        words.extend([file.into(), "--again".into(), self.again.into()]);
        let color = match args.color {
            ColorArg::Auto if shows_colours() => ColorArg::Always,
            color => color,
        };
        words.extend(["--color".into(), color.as_str().into()]);
        for (given, option) in [(args.quiet, "--quiet"), (args.no_capture, "--nocapture")] {
            words.extend(given.then(|| option.into()));
        }
        let mut readable = vec![self.directory.to_owned()];
        readable.extend_from_slice(self.readable);
        readable.extend(args.flags.model_config.clone());
        let hidden = [self.hidden.to_owned()];
        let flags = inside(&args.flags);
        let inside = Inside {
            around: self.around,
            readable: &readable,
            writable: &[],
            hidden: &hidden,
            unset: &flags.unset_env(),
            set: &flags.to_env(),
            own_session: true,
        };
        let mut child = inside
            .command(room, &words)?
            .current_dir(self.directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| Error::infrastructure(format!("cannot start the run: {error}")))?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let (said, lifeline) = (child.stdout.take(), child.stdin.take());
        let told = child.stderr.take();
        let told = told.map(|told| thread::spawn(|| hand_on(told, stderr(), MOST_TOLD)));
        let of_lines = sender.clone();
        thread::spawn(move || {
            if let Some(said) = said {
                listen(said, &of_lines);
            }
            let _ = told.map(JoinHandle::join);
            let _ = of_lines.send(Message::Silent);
        });
        thread::spawn(move || sender.send(Message::Ended(child.wait())));
        Ok((pid, lifeline))
    }
}

/// Sends the lines of what is said, up to a bound; whoever waits for them is there as long as anything is said.
fn listen(said: impl Read, sender: &SyncSender<Message>) {
    let mut said = BufReader::new(said.take(MOST));
    for number in 0.. {
        let mut line = Vec::new();
        let read = (&mut said).take(LONGEST).read_until(b'\n', &mut line);
        let message = match read {
            Ok(0) if said.get_ref().limit() == 0 => Message::TooMuch,
            Ok(0) | Err(_) => return,
            Ok(_) if number == MOST_LINES => Message::TooMuch,
            Ok(_) if line.pop_if(|last| *last == b'\n').is_some() => Message::Line(line),
            Ok(read) if read as u64 == LONGEST => Message::TooMuch,
            Ok(_) => Message::Line(line),
        };
        let is_last = matches!(message, Message::TooMuch);
        if sender.send(message).is_err() || is_last {
            return;
        }
    }
}

/// Returns the options of a run for the one inside: there is the embedded controller and no other, and paths are other ones.
fn inside(flags: &RunFlags) -> RunFlags {
    let mut flags = flags.clone();
    flags.backend = BackendArg::Embedded;
    flags.controller = None;
    flags.cloud = None;
    flags.juju = None;
    flags.basetemp = None;
    flags
}

fn tests(suite: &SuiteFile) -> usize {
    let charms = suite.charms.iter();
    charms
        .map(|charm| {
            let scripts = charm.scripts.as_ref();
            charm.generic.len() + scripts.map_or(0, |scripts| scripts.names.len())
        })
        .sum()
}

/// Returns how long a run of so many tests may take at most; what is inside may hold up the one who looks at the clock there.
fn limit(flags: &RunFlags, tests: usize) -> Option<Duration> {
    let tests = u32::try_from(tests).unwrap_or(u32::MAX);
    let each = flags.test_timeout.duration()? + flags.teardown_timeout.duration()?;
    Some(AROUND.saturating_add(each.saturating_mul(tests)))
}

fn signal(pid: Option<Pid>, signal: Signal) {
    // It may have ended in between.
    let _ = pid.map(|pid| kill_process(pid, signal));
}

fn runner(error: impl std::fmt::Display) -> WatchError {
    WatchError::Runner(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(said: &[u8]) -> (Vec<String>, bool) {
        let (sender, messages) = mpsc::sync_channel(WAITING);
        let said = said.to_owned();
        thread::spawn(move || listen(&said[..], &sender));
        let mut lines = Vec::new();
        for message in messages {
            match message {
                Message::Line(line) => lines.push(String::from_utf8(line).unwrap()),
                _ => return (lines, true),
            }
        }
        (lines, false)
    }

    #[test]
    fn a_contained_run_is_listened_to_up_to_a_bound() {
        let told = |expected: &[&str], too_much| {
            let expected: Vec<String> = expected.iter().map(|line| (*line).to_owned()).collect();
            (expected, too_much)
        };
        assert_eq!(lines(b""), told(&[], false));
        assert_eq!(lines(b"a\n\nb"), told(&["a", "", "b"], false));
        let endless = vec![b'x'; usize::try_from(LONGEST).unwrap() + 1];
        assert_eq!(lines(&endless), told(&[], true));
        let (flood, too_much) = lines(&vec![b'\n'; MOST_LINES + 1]);
        assert_eq!((flood.len(), too_much), (MOST_LINES, true));
    }
}
