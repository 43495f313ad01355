//! Carries out what a script's `juju` asks for.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use charmtest_charm::{Archive, ArchiveError};
use sha2::{Digest, Sha256};

use super::bundle;
use super::door::{Door, Pipes, admit};
use super::files::{Work, clean, pieces};
use super::policy::Models;
use super::renamed::Renamed;
use super::resolve::Charms;
use super::rewrite::{Call, Effect, Known, Plan, Purpose, Run, Word, mirrored, plan};
use super::transcript::{Record, Stream, Transcript, masked};
use super::wire::{self, Entry, Fetched, Kind, Message, PIECE, ToBroker, ToClient};
use crate::hex::hex;
use crate::process::{kill_group, wait_without_reaping};
use crate::remove::remove_tree;
use crate::settings::Compat;

/// How long output is awaited after a command has ended, from a process that it left behind and that keeps the pipe open.
const GRACE: Duration = Duration::from_secs(2);

/// How long a command that makes a model has for it when the script is over.
const LASTING: Duration = Duration::from_secs(60);

/// How many commands of a script run at once; more wait.
const AT_ONCE: usize = 64;

/// How long we look away in between.
const LOOK: Duration = Duration::from_millis(5);

/// The variables of a script that commands of Juju act on, besides those that name a model.
const VARIABLES: [&str; 5] = [
    "COLUMNS",
    "JUJU_LOGGING_CONFIG",
    "JUJU_STATUS_ISO_TIME",
    "NO_COLOR",
    "TERM",
];

/// The `juju` that commands run with, and its environment: the one thing that knows where credentials are.
#[derive(Debug, Clone)]
pub struct Program {
    /// The program.
    pub path: PathBuf,
    /// All its variables, `JUJU_DATA` and `PATH` among them.
    pub env: Vec<(OsString, OsString)>,
}

/// What a broker works with.
#[derive(Debug)]
pub struct BrokerOptions {
    /// The real or the embedded `juju`.
    pub program: Program,
    /// The models of the test.
    pub models: Models,
    /// What charm names stand for.
    pub charms: Charms,
    /// Older verbs that are understood.
    pub compat: Option<Compat>,
    /// The directory in which the script's `juju` finds the broker; made if it is not there, and the script may write to it.
    pub door: PathBuf,
    /// An empty directory for copies of files, out of the script's reach.
    pub work: PathBuf,
    /// The file of the transcript.
    pub transcript: PathBuf,
}

/// A broker that runs until it is stopped or dropped.
#[derive(Debug)]
pub struct Broker {
    shared: Arc<Shared>,
    bell: File,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    program: Program,
    known: Mutex<Known>,
    work: PathBuf,
    transcript: Transcript,
    stopping: AtomicBool,
    calls: AtomicU64,
    /// The commands that run, by call.
    running: Mutex<HashMap<u64, Running>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    trouble: Mutex<Vec<String>>,
}

/// A command that runs.
#[derive(Debug, Clone, Copy)]
struct Running {
    /// Its process group.
    group: u32,
    /// Whether it goes on without the client: it makes a model, which nobody would know of.
    lasts: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Broker {
    /// Starts to listen.
    ///
    /// # Errors
    ///
    /// Fails when the door or the transcript cannot be made.
    pub fn start(options: BrokerOptions) -> io::Result<Self> {
        let mut door = Door::make(&options.door)?;
        let bell = door.bell()?;
        let shared = Arc::new(Shared {
            program: options.program,
            known: Mutex::new(Known {
                models: options.models,
                charms: options.charms,
                deployed: BTreeMap::new(),
                compat: options.compat,
            }),
            work: options.work,
            transcript: Transcript::open(&options.transcript)?,
            stopping: AtomicBool::new(false),
            calls: AtomicU64::new(0),
            running: Mutex::default(),
            threads: Mutex::default(),
            trouble: Mutex::default(),
        });
        let accepting = {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new()
                .name("broker".to_owned())
                .spawn(move || shared.accept(&mut door))?
        };
        Ok(Self {
            shared,
            bell,
            accepting: Some(accepting),
        })
    }

    /// Ends all commands that run, and listens no more. Returns the models that the script made and did not destroy, for whoever cleans up,
    /// and what went wrong in the broker itself, as for the transcript.
    pub fn stop(mut self) -> (Vec<String>, Vec<String>) {
        self.halt();
        let models = lock(&self.shared.known).models.made.clone();
        let trouble = std::mem::take(&mut *lock(&self.shared.trouble));
        (models.into_iter().collect(), trouble)
    }

    fn halt(&mut self) {
        let Some(accepting) = self.accepting.take() else {
            return;
        };
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts. A script can fill the door: it is awake then, and this does not wait.
        while !accepting.is_finished() {
            let _ = self.bell.write(b"\n");
            std::thread::sleep(LOOK);
        }
        let _ = accepting.join();
        let running = |lasts: bool| {
            let running = lock(&self.shared.running);
            let groups = running.values().filter(|running| running.lasts == lasts);
            groups.map(|running| running.group).collect::<Vec<_>>()
        };
        running(false).into_iter().for_each(kill_group);
        let deadline = Instant::now() + LASTING;
        while Instant::now() < deadline && !running(true).is_empty() {
            std::thread::sleep(LOOK);
        }
        running(true).into_iter().for_each(kill_group);
        // A client that neither reads nor goes away can keep a thread for longer.
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline
            && lock(&self.shared.threads)
                .iter()
                .any(|thread| !thread.is_finished())
        {
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.halt();
    }
}

impl Shared {
    fn accept(self: Arc<Self>, door: &mut Door) {
        loop {
            let name = door.next_name();
            if self.stopping.load(Ordering::SeqCst) {
                return;
            }
            let name = match name {
                Ok(name) if name.is_empty() => continue,
                Ok(name) => name,
                Err(error) => {
                    self.trouble(format!("the broker listens no more: {error}"));
                    return;
                }
            };
            while self.busy() >= AT_ONCE {
                if self.stopping.load(Ordering::SeqCst) {
                    return;
                }
                std::thread::sleep(LOOK);
            }
            let call = self.calls.fetch_add(1, Ordering::SeqCst);
            let shared = Arc::clone(&self);
            let directory = door.directory();
            let thread = std::thread::Builder::new()
                .name(format!("call-{call}"))
                .spawn(move || {
                    // A client that says nonsense, or goes away, is its own trouble.
                    let pipes = admit(&directory, &name, &|| {
                        shared.stopping.load(Ordering::SeqCst)
                    });
                    let _ = pipes.and_then(|pipes| shared.answer(pipes, call));
                });
            match thread {
                Ok(thread) => lock(&self.threads).push(thread),
                Err(error) => self.trouble(format!("a command of the script was not run: {error}")),
            }
        }
    }

    /// Returns how many calls are served.
    fn busy(&self) -> usize {
        let mut threads = lock(&self.threads);
        threads.retain(|thread| !thread.is_finished());
        threads.len()
    }

    fn trouble(&self, text: String) {
        lock(&self.trouble).push(text);
    }

    /// Serves one connection.
    fn answer(&self, mut pipes: Pipes, call: u64) -> io::Result<()> {
        let Some(Message::Said(ToBroker::Call { argv, cwd, env })) = wire::read(&mut pipes.from)?
        else {
            return Ok(());
        };
        let began = Instant::now();
        let mut record = Record {
            time_ms: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| {
                    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
                }),
            argv: masked(&argv),
            ..Record::default()
        };
        let variable = |name: &str| {
            env.iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.clone())
        };
        let asked = Call {
            argv,
            model: variable("JUJU_MODEL"),
            controller: variable("JUJU_CONTROLLER"),
        };
        let known = lock(&self.known).clone();
        let mut script = Script {
            pipes,
            cwd,
            env: env
                .into_iter()
                .filter(|(name, _)| VARIABLES.contains(&name.as_str()))
                .collect(),
        };
        let done = match plan(&asked, &known) {
            Plan::Plugin { name, args } => {
                record
                    .notes
                    .push("no command of Juju: left to the script's own programs".to_owned());
                wire::say(&mut script.pipes.to, &ToClient::Plugin { name, args })
            }
            Plan::Answer(answer) => {
                if let Some(current) = answer.current {
                    lock(&self.known).models.current = current;
                }
                script.say_all(&answer.stdout, &answer.stderr, answer.code, &mut record)
            }
            Plan::Run(run) => self.run(run, &asked, &known, &mut script, call, &mut record),
        };
        record.took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        if let Err(error) = self.transcript.write(&record) {
            self.trouble(format!("the transcript is not complete: {error}"));
        }
        done
    }

    /// Runs a command for a script.
    fn run(
        &self,
        run: Run,
        asked: &Call,
        known: &Known,
        script: &mut Script,
        call: u64,
        record: &mut Record,
    ) -> io::Result<()> {
        record.notes.extend(run.notes.iter().cloned());
        let directory = self.work.join(format!("call-{call}"));
        fs::create_dir(&directory)?;
        let cleared = Cleared(directory.clone());
        let mut work = Work::new(directory);
        let mut staging = Staging {
            script,
            work: &mut work,
            charms: &known.charms,
            models: &known.models,
            written: Vec::new(),
            deployed: Vec::new(),
            notes: Vec::new(),
        };
        let argv = match staging.words(&run.words) {
            Ok(argv) => argv,
            Err(Refusal::Gone(error)) => return Err(error),
            Err(Refusal::Said(text)) => {
                return script.say_all("", &format!("ERROR {text}\n"), 1, record);
            }
        };
        let (written, deployed) = (staging.written, staging.deployed);
        record.notes.extend(staging.notes);
        record.ran = Some(masked(&argv));

        let child = self
            .command(&argv, asked, known, script, work.root())
            .spawn();
        let child = match child {
            Ok(child) => child,
            Err(error) => {
                let program = self.program.path.display();
                let text = format!("ERROR cannot run {program}: {error}\n");
                return script.say_all("", &text, 1, record);
            }
        };
        let (code, streams) = self.attend(child, &run, script, work.root(), call)?;
        [record.stdout, record.stderr] = streams;
        record.code = code;
        let Some(code) = code else {
            return Ok(());
        };
        if code == 0 {
            self.take_effect(&run.effects, &deployed, asked);
        }
        for (path, at) in &written {
            script.hand_over(path, &work, at)?;
        }
        // What a command wrote where it ran, without being told a name.
        for entry in work.made(Path::new("."))? {
            let from = work.root().join(&entry.path);
            let is_told =
                |(_, at): &(String, PathBuf)| from.starts_with(clean(&work.root().join(at)));
            if !written.iter().any(is_told) {
                script.hand_over_entry(entry, &from)?;
            }
        }
        drop(cleared);
        wire::say(&mut script.pipes.to, &ToClient::Exit(code))
    }

    fn command(
        &self,
        argv: &[String],
        asked: &Call,
        known: &Known,
        script: &Script,
        directory: &Path,
    ) -> Command {
        let mut command = Command::new(&self.program.path);
        command
            .args(argv)
            .current_dir(directory)
            .env_clear()
            .envs(self.program.env.iter().map(|(name, value)| (name, value)))
            .envs(script.env.iter().map(|(name, value)| (name, value)))
            .env("TZ", "UTC")
            .env(
                "JUJU_MODEL",
                match asked.model.as_deref().filter(|model| !model.is_empty()) {
                    Some(model) => model.to_owned(),
                    None => known.models.current_qualified(),
                },
            )
            .env("JUJU_CONTROLLER", &known.models.controller)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        command
    }

    /// Brings a command's output to the script and the script's input to the command, until it has ended. Returns its exit code, `None`
    /// if it was cut off.
    fn attend(
        &self,
        mut child: Child,
        run: &Run,
        script: &Script,
        room: &Path,
        call: u64,
    ) -> io::Result<(Option<i32>, [Stream; 2])> {
        let lasts = run
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::Added { .. }));
        let running = Running {
            group: child.id(),
            lasts,
        };
        lock(&self.running).insert(call, running);
        if self.stopping.load(Ordering::SeqCst) {
            kill_group(child.id());
        }
        let cut_off = Arc::new(AtomicBool::new(false));
        let outgoing = Outgoing(Arc::new(Mutex::new(Some(script.pipes.to.try_clone()?))));
        let (done, ended) = mpsc::channel::<()>();
        let stdout = spawn_reader(child.stdout.take(), None, &outgoing, done.clone());
        let renamed = Renamed::new(room, &script.cwd);
        let stderr = spawn_reader(child.stderr.take(), Some(renamed), &outgoing, done);
        let stdin = child.stdin.take().filter(|_| run.reads_stdin);
        if stdin.is_some() {
            outgoing.with(|stream| wire::say(stream, &ToClient::Stdin))?;
        }
        let mut incoming = script.pipes.from.try_clone()?;
        let (group, flag) = (child.id(), Arc::clone(&cut_off));
        let over = Arc::new(Mutex::new(false));
        let is_over = Arc::clone(&over);
        // Not joined: it ends with the connection.
        std::thread::spawn(move || {
            feed(&mut incoming, stdin);
            // The client is gone. The number of the group is its own as long as it is not over.
            let over = lock(&is_over);
            if !*over && !lasts {
                flag.store(true, Ordering::SeqCst);
                kill_group(group);
            }
        });
        let waited = wait_without_reaping(&child);
        // What it left running in its group could keep the pipes open.
        match ended.recv_timeout(GRACE) {
            Ok(()) | Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => {}
        }
        kill_group(group);
        *lock(&over) = true;
        lock(&self.running).remove(&call);
        waited?;
        let status = child.wait()?;
        // Nothing of a process that it left behind comes after its end.
        lock(&outgoing.0).take();
        let streams = [stdout, stderr].map(|tally| lock(&tally).stream());
        let gone =
            cut_off.load(Ordering::SeqCst) || (self.stopping.load(Ordering::SeqCst) && !lasts);
        let code = status
            .code()
            .unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
        Ok(((!gone).then_some(code), streams))
    }

    fn take_effect(&self, effects: &[Effect], deployed: &[(String, String)], asked: &Call) {
        let mut known = lock(&self.known);
        let named = asked
            .model
            .as_deref()
            .and_then(|name| known.models.named(name));
        let target = named.unwrap_or(&known.models.current).to_owned();
        for (application, charm) in deployed {
            known
                .deployed
                .insert((target.clone(), application.clone()), charm.clone());
        }
        for effect in effects {
            match effect {
                Effect::Added { model, switch } => {
                    known.models.made.insert(model.clone());
                    if *switch {
                        known.models.current.clone_from(model);
                    }
                }
                Effect::Destroyed(model) => {
                    known.models.made.remove(model);
                    known.deployed.retain(|(of, _), _| of != model);
                    if known.models.current == *model {
                        known.models.current = known.models.given.clone();
                    }
                }
                Effect::Deployed {
                    model,
                    application,
                    charm,
                } => {
                    known
                        .deployed
                        .insert((model.clone(), application.clone()), charm.clone());
                }
            }
        }
    }
}

/// Removes the directory of a command.
struct Cleared(PathBuf);

impl Drop for Cleared {
    fn drop(&mut self) {
        // What is left goes with the directory of the broker.
        let _ = remove_tree(&self.0);
    }
}

/// The way to the client, as long as output may go there.
#[derive(Debug, Clone)]
struct Outgoing(Arc<Mutex<Option<File>>>);

impl Outgoing {
    fn with(&self, send: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
        match &mut *lock(&self.0) {
            Some(stream) => send(stream),
            None => Ok(()),
        }
    }
}

/// What went through a pipe up to now.
#[derive(Debug, Clone, Default)]
struct Tally {
    bytes: u64,
    hash: Sha256,
}

impl Tally {
    fn stream(&self) -> Stream {
        Stream {
            bytes: self.bytes,
            sha256: hex(&self.hash.clone().finalize()),
        }
    }
}

/// Sends what comes out of a pipe to the client and counts it, until the pipe ends; `done` is dropped then. The stream of errors has its paths
/// `renamed`.
fn spawn_reader(
    pipe: Option<impl Read + Send + 'static>,
    renamed: Option<Renamed>,
    outgoing: &Outgoing,
    done: mpsc::Sender<()>,
) -> Arc<Mutex<Tally>> {
    let tally = Arc::new(Mutex::new(Tally::default()));
    let (own, outgoing) = (Arc::clone(&tally), outgoing.clone());
    std::thread::spawn(move || {
        let _done = done;
        let is_error = renamed.is_some();
        let mut renamed = renamed;
        let send = |bytes: &[u8]| {
            let mut tally = lock(&own);
            tally.bytes += bytes.len() as u64;
            tally.hash.update(bytes);
            drop(tally);
            for part in bytes.chunks(PIECE) {
                // A client that is gone ends the command by that.
                let _ = outgoing.with(|stream| wire::send_output(stream, is_error, part));
            }
        };
        let mut piece = vec![0; PIECE];
        let mut pipe = pipe;
        while let Some(from) = &mut pipe {
            match from.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => match &mut renamed {
                    Some(renamed) => send(&renamed.next(&piece[..count])),
                    None => send(&piece[..count]),
                },
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        if let Some(renamed) = &mut renamed {
            send(&renamed.end());
        }
    });
    tally
}

/// Writes what the client sends to the command's standard input, until the client goes away.
fn feed(incoming: &mut File, mut stdin: Option<ChildStdin>) {
    loop {
        match wire::read::<ToBroker>(incoming) {
            Ok(Some(Message::Data(bytes))) => {
                // A command that does not read all of it is free not to.
                if let Some(pipe) = &mut stdin
                    && pipe.write_all(&bytes).is_err()
                {
                    stdin = None;
                }
            }
            Ok(Some(Message::Said(ToBroker::StdinEnd))) => stdin = None,
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return,
        }
    }
}

/// The client of one command.
struct Script {
    pipes: Pipes,
    cwd: String,
    env: Vec<(String, String)>,
}

impl Script {
    fn say_all(
        &mut self,
        stdout: &str,
        stderr: &str,
        code: i32,
        record: &mut Record,
    ) -> io::Result<()> {
        let stream = |text: &str| Stream {
            bytes: text.len() as u64,
            sha256: hex(&Sha256::digest(text)),
        };
        (record.stdout, record.stderr) = (stream(stdout), stream(stderr));
        record.code = Some(code);
        for (is_error, text) in [(false, stdout), (true, stderr)] {
            if !text.is_empty() {
                wire::send_output(&mut self.pipes.to, is_error, text.as_bytes())?;
            }
        }
        wire::say(&mut self.pipes.to, &ToClient::Exit(code))
    }

    /// Sends what a command wrote at `at` for the script's path `path`.
    fn hand_over(&mut self, path: &str, work: &Work, at: &Path) -> io::Result<()> {
        if !work.has(at) {
            return Ok(());
        }
        for mut entry in work.made(at)? {
            let (from, path) = match entry.path.as_str() {
                "" => (work.root().join(at), path.to_owned()),
                below => (
                    work.root().join(at).join(below),
                    format!("{}/{below}", path.trim_end_matches('/')),
                ),
            };
            entry.path = path;
            self.hand_over_entry(entry, &from)?;
        }
        Ok(())
    }

    fn hand_over_entry(&mut self, entry: Entry, from: &Path) -> io::Result<()> {
        let is_file = matches!(entry.kind, Kind::File(_));
        wire::say(&mut self.pipes.to, &ToClient::Entry(entry))?;
        match is_file {
            true => pieces(from, &mut |piece| {
                wire::send_data(&mut self.pipes.to, piece)
            }),
            false => Ok(()),
        }
    }
}

/// Why a command is not run.
enum Refusal {
    /// The client is gone.
    Gone(io::Error),
    /// The script is told.
    Said(String),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Gone(error)
    }
}

/// The files of one command on their way to where it runs.
struct Staging<'a> {
    script: &'a mut Script,
    work: &'a mut Work,
    charms: &'a Charms,
    models: &'a Models,
    /// What the command writes: the script's path, and where that is here.
    written: Vec<(String, PathBuf)>,
    deployed: Vec<(String, String)>,
    notes: Vec<String>,
}

impl Staging<'_> {
    fn words(&mut self, words: &[Word]) -> Result<Vec<String>, Refusal> {
        let mut argv = Vec::new();
        for word in words {
            argv.push(match word {
                Word::Text(text) => text.clone(),
                Word::Path {
                    before,
                    path,
                    purpose,
                } => {
                    let at = self.path(path, *purpose)?;
                    format!("{before}{}", at.display())
                }
            });
        }
        Ok(argv)
    }

    fn path(&mut self, path: &str, purpose: Purpose) -> Result<PathBuf, Refusal> {
        let at = mirrored(&self.script.cwd, path);
        match purpose {
            Purpose::Read => drop(self.fetch(path, &at)?),
            Purpose::ReadBundle => {
                let bundle = match self.fetch(path, &at)? {
                    Fetched::File => Some((path.to_owned(), at.clone())),
                    // To Juju it is a bundle, whatever else is in it.
                    Fetched::Directory => {
                        let bundle = at.join("bundle.yaml");
                        (self.work.found(&bundle) == Fetched::File)
                            .then(|| (format!("{path}/bundle.yaml"), bundle))
                    }
                    Fetched::Missing | Fetched::Failed(_) => None,
                };
                if let Some((path, at)) = bundle {
                    self.bundle(&path, &at)?;
                }
            }
            Purpose::Write => {
                let found = self.ask(path, false, &mut |_| Ok(()))?;
                let directory = match found {
                    Fetched::Directory => Some(at.as_path()),
                    _ => at.parent(),
                };
                if let Some(directory) = directory {
                    self.work
                        .make_directory(directory)
                        .map_err(|error| Refusal::Said(error.to_string()))?;
                }
                self.written.push((path.to_owned(), at.clone()));
            }
        }
        Ok(at)
    }

    /// Has the client send what is at a path, unless it is here already.
    fn fetch(&mut self, path: &str, at: &Path) -> Result<Fetched, Refusal> {
        if self.work.has(at) {
            return Ok(self.work.found(at));
        }
        let mut messages = self
            .work
            .receive(at)
            .map_err(|error| Refusal::Said(format!("{path}: {error}")))?;
        let mut wrong: Option<io::Error> = None;
        let found = ask(&mut self.script.pipes, path, true, &mut |message| {
            if wrong.is_none() {
                let taken = match message {
                    Message::Said(ToBroker::Entry(entry)) => messages.entry(entry),
                    Message::Data(bytes) => messages.data(bytes),
                    _ => Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "the client says something else than asked",
                    )),
                };
                wrong = taken.err();
            }
            Ok(())
        })?;
        let finished = messages.finish();
        if let Some(error) = wrong.or(finished.err()) {
            return Err(Refusal::Said(format!("{path}: {error}")));
        }
        match found {
            Fetched::Failed(why) => Err(Refusal::Said(format!("cannot read {path}: {why}"))),
            Fetched::File | Fetched::Directory | Fetched::Missing => Ok(self.work.found(at)),
        }
    }

    fn ask(
        &mut self,
        path: &str,
        content: bool,
        each: &mut dyn FnMut(&Message<ToBroker>) -> io::Result<()>,
    ) -> Result<Fetched, Refusal> {
        Ok(ask(&mut self.script.pipes, path, content, each)?)
    }

    /// Resolves names and files of a bundle, if the file is one.
    fn bundle(&mut self, path: &str, at: &Path) -> Result<(), Refusal> {
        let file = self.work.root().join(at);
        let said = |error: io::Error| Refusal::Said(format!("{path}: {error}"));
        let content = fs::read(&file).map_err(said)?;
        if content.starts_with(b"PK") {
            return match has_bundle(&file) {
                Ok(false) => Ok(()),
                Ok(true) => Err(Refusal::Said(format!(
                    "{path}: a bundle in an archive is not available in charm tests: unpack it and deploy its bundle.yaml"
                ))),
                Err(why) => Err(Refusal::Said(format!("{path}: {why}"))),
            };
        }
        let text = String::from_utf8(content)
            .map_err(|_| Refusal::Said(format!("{path} is neither a charm nor a bundle")))?;
        let (charms, models) = (self.charms, self.models);
        let root = self.work.root().to_owned();
        let mut gone = None;
        let beside = Path::new(path)
            .parent()
            .map(Path::to_owned)
            .unwrap_or_default();
        let mut stage = |inner: &str| -> io::Result<String> {
            let path = match inner.strip_prefix("./") {
                Some(inner) => beside.join(inner),
                None => beside.join(inner),
            };
            let path = match path.to_str() {
                Some("") | None => ".".to_owned(),
                Some(path) => path.to_owned(),
            };
            let at = mirrored(&self.script.cwd, &path);
            match self.fetch(&path, &at) {
                Ok(_) => Ok(root.join(at).display().to_string()),
                Err(Refusal::Said(text)) => Err(io::Error::other(text)),
                Err(Refusal::Gone(error)) => {
                    let text = error.to_string();
                    gone = Some(error);
                    Err(io::Error::other(text))
                }
            }
        };
        let rewritten = bundle::rewrite(&text, charms, models, &mut stage);
        if let Some(error) = gone {
            return Err(Refusal::Gone(error));
        }
        let rewritten = rewritten.map_err(Refusal::Said)?;
        if let Some(text) = rewritten.text {
            self.work.replace(at, &text).map_err(said)?;
            self.notes
                .push(format!("{path}: names and files are resolved"));
        }
        self.deployed.extend(rewritten.deployed);
        self.notes.extend(rewritten.notes);
        Ok(())
    }
}

/// Says whether an archive is a bundle to Juju, which would read the files that it names here.
fn has_bundle(archive: &Path) -> Result<bool, ArchiveError> {
    let archive = Archive::open(archive)?;
    Ok(archive.members().contains_key("bundle.yaml"))
}

/// Asks a client for a path, and hands what it sends to `each`.
fn ask(
    pipes: &mut Pipes,
    path: &str,
    content: bool,
    each: &mut dyn FnMut(&Message<ToBroker>) -> io::Result<()>,
) -> io::Result<Fetched> {
    wire::say(
        &mut pipes.to,
        &ToClient::Fetch {
            path: path.to_owned(),
            content,
        },
    )?;
    loop {
        match wire::read(&mut pipes.from)? {
            None => return Err(io::ErrorKind::UnexpectedEof.into()),
            Some(Message::Said(ToBroker::Fetched(found))) => return Ok(found),
            Some(message) => each(&message)?,
        }
    }
}
