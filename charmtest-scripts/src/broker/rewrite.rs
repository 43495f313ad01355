//! What a command line of a script becomes: the decision, without an act.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::compat;
use super::policy::{Judgement, Models, is_local, judge};
use super::resolve::{Charms, Resolved, is_bare, is_image, is_path};
use super::words::{Line, Value};
use crate::settings::Compat;

/// A command as a script gives it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call {
    /// The words after `juju`.
    pub argv: Vec<String>,
    /// The script's `JUJU_MODEL`.
    pub model: Option<String>,
    /// The script's `JUJU_CONTROLLER`.
    pub controller: Option<String>,
}

/// What is known when a command is decided on.
#[derive(Debug, Clone)]
pub struct Known {
    /// The test's models.
    pub models: Models,
    /// What names stand for.
    pub charms: Charms,
    /// Charms by model and application, of those that were deployed by a bare name.
    pub deployed: BTreeMap<(String, String), String>,
    /// Older verbs that are understood.
    pub compat: Option<Compat>,
}

/// What becomes of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// It is answered by the broker itself.
    Answer(Answer),
    /// It is a program `juju-NAME` of the script's own, if there is one.
    Plugin {
        /// The command's name.
        name: String,
        /// The words after it.
        args: Vec<String>,
    },
    /// It is run.
    Run(Run),
}

/// An answer of the broker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Goes to standard output.
    pub stdout: String,
    /// Goes to standard error.
    pub stderr: String,
    /// The exit code.
    pub code: i32,
    /// The model that is the current one from now on.
    pub current: Option<String>,
}

impl Answer {
    fn error(message: &str) -> Plan {
        Plan::Answer(Self {
            stderr: format!("ERROR {message}\n"),
            code: 1,
            ..Self::default()
        })
    }
}

/// A command to run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// Its words.
    pub words: Vec<Word>,
    /// Whether it reads standard input.
    pub reads_stdin: bool,
    /// What a reader of the transcript should know.
    pub notes: Vec<String>,
    /// What holds after it has succeeded.
    pub effects: Vec<Effect>,
}

/// A word of a command to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// As it is.
    Text(String),
    /// A path of the script's, between texts: `--config=` before it. It is replaced by where a copy of the script's file is.
    Path {
        /// What stands before the path.
        before: String,
        /// The path as the script wrote it.
        path: String,
        /// What it is for.
        purpose: Purpose,
    },
}

/// What a path of a script is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It is read: a file, or a directory with all that is in it.
    Read,
    /// It is read, and may be a bundle, whose own paths and names have to be found too.
    ReadBundle,
    /// It is written: a file, or into a directory that is there.
    Write,
}

/// What a command that succeeded has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// There is a model more; it is the current one, unless it was added without a switch.
    Added {
        /// Its name.
        model: String,
        /// Whether it is the current one from now on.
        switch: bool,
    },
    /// A model is gone.
    Destroyed(String),
    /// An application of a model is of the charm of this name.
    Deployed {
        /// The model's bare name.
        model: String,
        /// The application; `None` stands for the name that the charm has.
        application: String,
        /// The charm.
        charm: String,
    },
}

/// Options whose value is a file to read, by command; `*` is every command.
const FILES_TO_READ: &[(&str, &[&str])] = &[
    ("deploy", &["overlay"]),
    ("diff-bundle", &["overlay"]),
    ("refresh", &["path"]),
    ("config", &["file"]),
    ("model-config", &["file"]),
    ("run", &["params"]),
    ("run-action", &["params"]),
    ("add-secret", &["file"]),
    ("update-secret", &["file"]),
    ("add-machine", &["private-key", "public-key"]),
];

/// Options whose value is a file to write.
const FILES_TO_WRITE: &[&str] = &["o", "output", "filename", "filepath", "out"];

/// Files that are streams of the command itself.
const STREAMS: &[&str] = &["-", "/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/null"];

/// Decides what becomes of a command.
#[must_use]
pub fn plan(call: &Call, known: &Known) -> Plan {
    let mut notes = Vec::new();
    let mut argv = call.argv.clone();
    if known.compat == Some(Compat::Juju1)
        && let Some(today) = compat::translate(&argv)
    {
        notes.push(format!("juju-1: {}", argv.join(" ")));
        argv = today;
    }
    let mut line = Line::parse(&argv);
    let is_previous = line.verb() == "deploy-previous";
    if let (true, Some((at, verb))) = (is_previous, &mut line.verb) {
        "deploy".clone_into(&mut argv[*at]);
        "deploy".clone_into(verb);
    }
    let (model, controller) = (call.model.as_deref(), call.controller.as_deref());
    let (model, controller) = (
        model.filter(|v| !v.is_empty()),
        controller.filter(|v| !v.is_empty()),
    );
    match judge(&line, model, controller, &known.models) {
        Judgement::Allowed => {}
        Judgement::Denied(message) => return Answer::error(&message),
        Judgement::Help => {
            let words = ["help", line.verb()].map(|word| Word::Text(word.to_owned()));
            return Plan::Run(Run {
                words: words.into(),
                notes,
                ..Run::default()
            });
        }
        Judgement::NoCommand => {
            let at = line.verb.as_ref().map_or(0, |(at, _)| *at);
            return Plan::Plugin {
                name: line.verb().to_owned(),
                args: argv.get(at + 1..).unwrap_or_default().to_vec(),
            };
        }
    }
    if line.verb() == "switch" {
        return switch(&line, &known.models);
    }
    for option in &line.unknown {
        notes.push(format!(
            "option {option} of {} is not known and passed on",
            line.verb()
        ));
    }
    let mut sheet = Sheet {
        words: argv.iter().cloned().map(Word::Text).collect(),
        front: Vec::new(),
        notes,
        effects: Vec::new(),
    };
    let target = line
        .value(&["m", "model"])
        .map(|value| value.text.as_str())
        .or(model);
    let target = target
        .and_then(|name| known.models.named(name))
        .unwrap_or(&known.models.current);
    let done = match line.verb() {
        "deploy" => sheet.deploy(&line, known, target, is_previous),
        "refresh" => sheet.refresh(&line, known, target),
        "download" | "info" => sheet.named_in_store(&line, known),
        "add-model" => sheet.add_model(&line),
        "destroy-model" => sheet.destroy_model(&line, known),
        "offer" => sheet.offer(&line, known),
        _ => Ok(()),
    };
    if let Err(plan) = done {
        return *plan;
    }
    if let Some(refusal) = sheet.files(&line) {
        return Answer::error(&refusal);
    }
    // With these Juju says what it is asked for, and nothing else happens.
    if line.has(&["description", "version"]) {
        sheet.effects.clear();
    }
    Plan::Run(sheet.finish(&line))
}

/// `juju switch` without a change of the files that the runner's user works with.
fn switch(line: &Line, models: &Models) -> Plan {
    let qualified = |model: &str| {
        let mut models = models.clone();
        model.clone_into(&mut models.current);
        models.current_qualified()
    };
    let now = models.current_qualified();
    let Some((_, to)) = line.positional.first() else {
        return Plan::Answer(Answer {
            stdout: format!("{now}\n"),
            ..Answer::default()
        });
    };
    let to = match to.as_str() {
        to if to == models.controller || to == "-" => &models.current,
        to => models.named(to).unwrap_or(&models.current),
    };
    let then = qualified(to);
    Plan::Answer(Answer {
        stderr: match then == now {
            true => format!("{now} (no change)\n"),
            false => format!("{now} -> {then}\n"),
        },
        current: Some(to.to_owned()),
        ..Answer::default()
    })
}

type Done = Result<(), Box<Plan>>;

fn refuse(message: &str) -> Box<Plan> {
    Box::new(Answer::error(message))
}

/// The command line that is being made.
struct Sheet {
    words: Vec<Word>,
    /// Words to put behind the command.
    front: Vec<String>,
    notes: Vec<String>,
    effects: Vec<Effect>,
}

impl Sheet {
    fn deploy(&mut self, line: &Line, known: &Known, target: &str, is_previous: bool) -> Done {
        let Some((at, name)) = line.positional.first() else {
            return Ok(());
        };
        if is_previous {
            let Some(previous) = known.charms.previous(name) else {
                return Err(Box::new(Plan::Answer(Answer {
                    stderr: format!(
                        "SKIP: no version of {name} has passed its tests yet: there is nothing to deploy with deploy-previous\n"
                    ),
                    code: 100,
                    ..Answer::default()
                })));
            };
            let previous = previous.map_err(|why| refuse(&why))?;
            self.words[*at] = Word::Text(previous.display().to_string());
        } else if is_bare(name) {
            match known.charms.resolve(name) {
                Resolved::Artefact(path) => {
                    self.words[*at] = Word::Text(path.display().to_string())
                }
                Resolved::Reference(reference) => {
                    self.words[*at] = Word::Text(reference);
                    return Ok(());
                }
                Resolved::Store => return Ok(()),
                Resolved::Unknown(tried) => return Err(refuse(&tried)),
            }
        } else {
            if is_path(name) {
                self.path(*at, 0, name, Purpose::ReadBundle);
            }
            return Ok(());
        }
        let application = line.positional.get(1).map_or(name, |(_, name)| name);
        self.effects.push(Effect::Deployed {
            model: target.to_owned(),
            application: application.clone(),
            charm: name.clone(),
        });
        Ok(())
    }

    fn refresh(&mut self, line: &Line, known: &Known, target: &str) -> Done {
        if let Some(value) = line.value(&["switch"]) {
            if is_bare(&value.text) {
                match known.charms.resolve(&value.text) {
                    Resolved::Artefact(path) => self.replace(value, &path.display().to_string()),
                    Resolved::Reference(reference) => self.replace(value, &reference),
                    Resolved::Store => {}
                    Resolved::Unknown(tried) => return Err(refuse(&tried)),
                }
            } else if is_path(&value.text) {
                self.path(value.at, value.from, &value.text, Purpose::Read);
            }
            return Ok(());
        }
        if line.all(&["path", "revision", "channel"]).next().is_some() {
            return Ok(());
        }
        let Some((_, application)) = line.positional.first() else {
            return Ok(());
        };
        let deployed = known
            .deployed
            .get(&(target.to_owned(), application.clone()));
        if let Some(name) = deployed
            && let Resolved::Artefact(path) = known.charms.resolve(name)
        {
            // Juju refreshes no local charm without its path.
            self.front
                .extend(["--path".to_owned(), path.display().to_string()]);
        }
        Ok(())
    }

    /// `info` and `download` ask a charm store, which has no charm of this machine.
    fn named_in_store(&mut self, line: &Line, known: &Known) -> Done {
        let Some((at, name)) = line.positional.first() else {
            return Ok(());
        };
        if !is_bare(name) {
            return Ok(());
        }
        match known.charms.resolve(name) {
            Resolved::Reference(reference) => self.words[*at] = Word::Text(reference),
            Resolved::Store => {}
            Resolved::Unknown(tried) => return Err(refuse(&tried)),
            Resolved::Artefact(_) => {
                return Err(refuse(&format!(
                    "charm {name:?} is one of this run and not in a charm store: \"{}\" has nothing to ask",
                    line.verb()
                )));
            }
        }
        Ok(())
    }

    fn add_model(&mut self, line: &Line) -> Done {
        if let Some((_, model)) = line.positional.first() {
            let no_switch = line.has(&["no-switch"]);
            // Which model the runner's user works with is none of the script's business, whatever comes last.
            let mut given = false;
            for option in line.all(&["no-switch"]) {
                self.words[option.at] = Word::Text("--no-switch".to_owned());
                given = true;
            }
            if !given {
                self.front.push("--no-switch".to_owned());
            }
            self.effects.push(Effect::Added {
                model: model.clone(),
                switch: !no_switch,
            });
        }
        Ok(())
    }

    fn destroy_model(&mut self, line: &Line, known: &Known) -> Done {
        let named = line
            .positional
            .first()
            .and_then(|(_, name)| known.models.named(name));
        self.effects
            .extend(named.map(|model| Effect::Destroyed(model.to_owned())));
        Ok(())
    }

    /// `offer` has no `-m`, and the current model of the runner's user is another one.
    fn offer(&mut self, line: &Line, known: &Known) -> Done {
        if let Some((at, word)) = line.positional.first()
            && word
                .split(':')
                .next()
                .is_some_and(|name| !name.contains('.'))
        {
            let models = &known.models;
            let qualified = match models.owner.as_str() {
                "" => models.current.clone(),
                owner => format!("{owner}/{}", models.current),
            };
            self.words[*at] = Word::Text(format!("{qualified}.{word}"));
        }
        Ok(())
    }

    fn replace(&mut self, value: &Value, with: &str) {
        let before = match &self.words[value.at] {
            Word::Text(text) => text.get(..value.from).unwrap_or_default().to_owned(),
            Word::Path { .. } => return,
        };
        self.words[value.at] = Word::Text(format!("{before}{with}"));
    }

    /// Makes the rest of a word, from a byte on, a path.
    fn path(&mut self, at: usize, from: usize, path: &str, purpose: Purpose) {
        if STREAMS.contains(&path) || path.is_empty() {
            return;
        }
        let Word::Text(text) = &self.words[at] else {
            return;
        };
        let before = text.get(..from).unwrap_or_default();
        let (scheme, path) = match path.strip_prefix("local:") {
            Some(path) => ("local:", path),
            None => ("", path),
        };
        self.words[at] = Word::Path {
            before: format!("{before}{scheme}"),
            path: path.to_owned(),
            purpose,
        };
    }

    /// Finds every file that the command reads or writes; says why it cannot be let through.
    fn files(&mut self, line: &Line) -> Option<String> {
        let verb = line.verb();
        for option in &line.options {
            let Some(value) = &option.value else { continue };
            let name = option.name.as_str();
            let reads = FILES_TO_READ
                .iter()
                .any(|(of, names)| *of == verb && names.contains(&name));
            let is_file = match (verb, name) {
                _ if reads => true,
                ("config" | "model-config", "f") => true,
                ("deploy" | "refresh" | "add-model", "config") => !value.text.contains('='),
                _ => false,
            };
            let pair = value.text.split_once('=');
            if is_file {
                // An overlay is a bundle.
                let purpose = match name {
                    "overlay" => Purpose::ReadBundle,
                    _ => Purpose::Read,
                };
                self.path(value.at, value.from, &value.text, purpose);
            } else if FILES_TO_WRITE.contains(&name) {
                self.path(value.at, value.from, &value.text, Purpose::Write);
            } else if let Some((key, of)) = pair {
                let at = value.from + key.len() + 1;
                match name {
                    "config" => self.value_file(value.at, at, of),
                    "resource" => self.resource(value.at, at, of),
                    _ => {}
                }
            }
        }
        for (index, (at, word)) in line.positional.iter().enumerate() {
            let pair = word.split_once('=');
            match (verb, pair) {
                ("config" | "model-config", Some((key, value))) => {
                    self.value_file(*at, key.len() + 1, value)
                }
                ("attach-resource" | "attach", Some((key, value))) if index > 0 => {
                    self.resource(*at, key.len() + 1, value);
                }
                ("add-secret" | "update-secret", Some((key, value))) if key.ends_with("#file") => {
                    self.path(*at, key.len() + 1, value, Purpose::Read);
                }
                // Juju 2 took a file without an option.
                ("model-config", None) if is_path(word) || word.starts_with('~') => {
                    self.path(*at, 0, word, Purpose::Read);
                }
                ("diff-bundle", _) if index == 0 && is_path(word) => {
                    self.path(*at, 0, word, Purpose::ReadBundle);
                }
                ("scp", _) if !word.starts_with('-') && is_local(word) => {
                    let last = index + 1 == line.positional.len();
                    self.path(
                        *at,
                        0,
                        word,
                        if last { Purpose::Write } else { Purpose::Read },
                    );
                }
                _ => {}
            }
        }
        // What an option that we do not know does with its value, we do not know either.
        let strange = |word: &&Word| matches!(word, Word::Text(text) if reaches_out(text));
        if !line.unknown.is_empty()
            && let Some(Word::Text(text)) = self.words.iter().find(strange)
            && !self.is_ours(line, text)
        {
            return Some(format!(
                "{verb} with {} and {text:?} is not available in charm tests: whether the file is read here is not known",
                line.unknown.join(" ")
            ));
        }
        None
    }

    /// Says whether a word was put there by us: the artefact of a name.
    fn is_ours(&self, line: &Line, text: &str) -> bool {
        let first = line.positional.first().map(|(at, _)| &self.words[*at]);
        matches!((first, line.verb()), (Some(Word::Text(first)), "deploy") if first == text)
    }

    /// `k=@FILE`.
    fn value_file(&mut self, at: usize, from: usize, value: &str) {
        if let Some(path) = value.strip_prefix('@') {
            self.path(at, from + 1, path, Purpose::Read);
        }
    }

    /// The value of a resource: a file, if there is one, a revision or an image otherwise.
    fn resource(&mut self, at: usize, from: usize, value: &str) {
        let is_revision = value.chars().all(|c| c.is_ascii_digit());
        if !is_revision && !is_image(value) {
            self.path(at, from, value, Purpose::Read);
        }
    }

    fn finish(self, line: &Line) -> Run {
        let mut words = self.words;
        if let Some((at, _)) = line.verb {
            let front = self.front.into_iter().map(Word::Text);
            words.splice(at + 1..at + 1, front);
            // What the runner's user calls by other names does not count here.
            let before = line.all(&["no-alias"]).filter(|option| option.at < at);
            if before.last().is_none_or(|option| option.value.is_some()) {
                words.insert(at, Word::Text("--no-alias".to_owned()));
            }
        }
        let prompts = [
            "destroy-model",
            "remove-application",
            "remove-unit",
            "remove-machine",
            "remove-offer",
            "remove-space",
            "upgrade-machine",
            "upgrade-series",
        ];
        let from_stdin = line
            .all(&["file", "f", "config", "params", "overlay"])
            .filter_map(|option| option.value.as_ref())
            .any(|value| ["-", "/dev/stdin"].contains(&value.text.as_str()));
        Run {
            words,
            reads_stdin: from_stdin
                || ["ssh", "scp", "debug-hooks", "debug-hook", "debug-code"].contains(&line.verb())
                || (prompts.contains(&line.verb()) && !line.has(&["no-prompt", "y", "yes"])),
            notes: self.notes,
            effects: self.effects,
        }
    }
}

/// Says whether a word could name a file outside of the directory in which the command runs.
fn reaches_out(word: &str) -> bool {
    let starts = |text: &str| {
        text.starts_with(['/', '~']) || text.starts_with("..") || text.contains("/../")
    };
    let value = word.split_once('=').map_or("", |(_, value)| value);
    starts(word)
        || starts(value)
        || [word, value]
            .iter()
            .any(|text| text.strip_prefix('@').is_some_and(starts))
}

/// Returns the artefact paths that a plan names, which are not the script's; for tests and transcripts.
#[must_use]
pub fn shown(words: &[Word]) -> Vec<String> {
    let text = |word: &Word| match word {
        Word::Text(text) => text.clone(),
        Word::Path { before, path, .. } => format!("{before}{path}"),
    };
    words.iter().map(text).collect()
}

/// Returns where a path of the script is copied to, relative to the directory in which the command runs: at the same place if it leads down
/// from the script's directory, else below `.root`.
#[must_use]
pub fn mirrored(cwd: &str, path: &str) -> PathBuf {
    use std::path::{Component, Path};
    let down =
        |component: Component<'_>| matches!(component, Component::Normal(_) | Component::CurDir);
    if Path::new(path).components().all(down) && !path.starts_with(".root") {
        // A tilde at the beginning is a home directory to Juju, and that of whoever runs the tests.
        return match path.starts_with('~') {
            true => Path::new(".").join(path),
            false => PathBuf::from(path),
        };
    }
    let mut parts: Vec<&std::ffi::OsStr> = Vec::new();
    let whole = Path::new(cwd).join(path);
    for component in whole.components() {
        match component {
            Component::Normal(part) => parts.push(part),
            Component::ParentDir => drop(parts.pop()),
            _ => {}
        }
    }
    let mut mirrored = PathBuf::from("./.root");
    mirrored.extend(parts);
    mirrored
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let path = |name: &str| PathBuf::from(format!("/art/{name}.charm"));
        let charms = Charms {
            under_test: Some(("wiki".into(), path("wiki"))),
            collection: BTreeMap::from([("mysql".into(), path("mysql"))]),
            chosen: BTreeMap::from([("redis".into(), "ch:redis".into())]),
            previous: BTreeMap::from([("wiki".into(), path("old"))]),
            ..Charms::default()
        };
        let mut models = Models::new("ctl", "m", "admin");
        models.made.insert("m2".into());
        Known {
            models,
            charms,
            deployed: BTreeMap::from([(("m".into(), "w".into()), "wiki".into())]),
            compat: None,
        }
    }

    fn planned(text: &str, known: &Known) -> Plan {
        let argv = text.split_whitespace().map(str::to_owned).collect();
        plan(
            &Call {
                argv,
                ..Call::default()
            },
            known,
        )
    }

    fn run(text: &str) -> Run {
        match planned(text, &known()) {
            Plan::Run(run) => run,
            other => panic!("{text}: {other:?}"),
        }
    }

    /// Words of a run, with paths as `<r:PATH>`.
    fn words(text: &str) -> String {
        let words = run(text).words;
        let word = |word: &Word| match word {
            Word::Text(text) => text.clone(),
            Word::Path {
                before,
                path,
                purpose,
            } => {
                let letter = match purpose {
                    Purpose::Read => "r",
                    Purpose::ReadBundle => "b",
                    Purpose::Write => "w",
                };
                format!("{before}<{letter}:{path}>")
            }
        };
        words.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn names_and_files_are_replaced() {
        for (text, expected) in [
            ("status", "--no-alias status"),
            ("--debug status", "--debug --no-alias status"),
            ("--version", "--version"),
            ("deploy wiki", "--no-alias deploy /art/wiki.charm"),
            (
                "deploy -n 2 --to lxd:0 mysql db",
                "--no-alias deploy -n 2 --to lxd:0 /art/mysql.charm db",
            ),
            ("deploy redis", "--no-alias deploy ch:redis"),
            ("deploy ch:wiki", "--no-alias deploy ch:wiki"),
            ("deploy ./wiki", "--no-alias deploy <b:./wiki>"),
            ("deploy /x/wiki", "--no-alias deploy <b:/x/wiki>"),
            ("deploy wiki.charm w", "--no-alias deploy <b:wiki.charm> w"),
            ("deploy local:./w", "--no-alias deploy local:<b:./w>"),
            (
                "deploy bundle.yaml --overlay o.yaml",
                "--no-alias deploy <b:bundle.yaml> --overlay <b:o.yaml>",
            ),
            (
                "deploy wiki --config c.yaml --config a=b --config=c=@/etc/shadow",
                "--no-alias deploy /art/wiki.charm --config <r:c.yaml> --config a=b --config=c=@<r:/etc/shadow>",
            ),
            (
                "deploy wiki --resource a=./f --resource b=3 --resource c=reg:5000/x",
                "--no-alias deploy /art/wiki.charm --resource a=<r:./f> --resource b=3 --resource c=reg:5000/x",
            ),
            ("deploy-previous wiki", "--no-alias deploy /art/old.charm"),
            (
                "deploy-previous -n 2 wiki w",
                "--no-alias deploy -n 2 /art/old.charm w",
            ),
            ("refresh w", "--no-alias refresh --path /art/wiki.charm w"),
            ("refresh -m m2 w", "--no-alias refresh -m m2 w"),
            ("refresh other", "--no-alias refresh other"),
            (
                "refresh w --path=./x",
                "--no-alias refresh w --path=<r:./x>",
            ),
            (
                "refresh w --switch mysql",
                "--no-alias refresh w --switch /art/mysql.charm",
            ),
            (
                "refresh w --switch=mysql",
                "--no-alias refresh w --switch=/art/mysql.charm",
            ),
            (
                "refresh w --switch ./x",
                "--no-alias refresh w --switch <r:./x>",
            ),
            (
                "attach-resource w a=/x",
                "--no-alias attach-resource w a=<r:/x>",
            ),
            (
                "config w a=@f b=/etc/x --file -",
                "--no-alias config w a=@<r:f> b=/etc/x --file -",
            ),
            (
                "config w --file /etc/x",
                "--no-alias config w --file <r:/etc/x>",
            ),
            (
                "add-secret s k#file=/x a=/y",
                "--no-alias add-secret s k#file=<r:/x> a=/y",
            ),
            (
                "run w/0 act --params p.yaml",
                "--no-alias run w/0 act --params <r:p.yaml>",
            ),
            (
                "status -o /tmp/x --format=json",
                "--no-alias status -o <w:/tmp/x> --format=json",
            ),
            (
                "export-bundle --filename=b",
                "--no-alias export-bundle --filename=<w:b>",
            ),
            (
                "scp -r w/0:/etc/hosts .",
                "--no-alias scp -r w/0:/etc/hosts <w:.>",
            ),
            ("scp a /b w/0:", "--no-alias scp <r:a> <r:/b> w/0:"),
            ("add-model m3", "--no-alias add-model --no-switch m3"),
            (
                "add-model m3 --config x.yaml --no-switch",
                "--no-alias add-model m3 --config <r:x.yaml> --no-switch",
            ),
            (
                "add-model m3 --no-switch=false",
                "--no-alias add-model m3 --no-switch",
            ),
            (
                "--no-alias=false status --no-alias",
                "--no-alias=false --no-alias status --no-alias",
            ),
            ("add-model other --help", "help add-model"),
            ("deploy-previous -h", "help deploy"),
            ("status -o/x=y", "--no-alias status -o<w:/x=y>"),
            (
                "attach-resource w a=x:y/../../z",
                "--no-alias attach-resource w a=<r:x:y/../../z>",
            ),
            (
                "model-config a=b /x/c.yaml",
                "--no-alias model-config a=b <r:/x/c.yaml>",
            ),
            ("offer w:db", "--no-alias offer admin/m.w:db"),
            ("offer m2.w:db", "--no-alias offer m2.w:db"),
            (
                "exec --unit w/0 -- cat /etc/hosts",
                "--no-alias exec --unit w/0 -- cat /etc/hosts",
            ),
            (
                "ssh w/0 cat /etc/hosts",
                "--no-alias ssh w/0 cat /etc/hosts",
            ),
            ("status --nosuch", "--no-alias status --nosuch"),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn answers_need_no_juju() {
        for (text, code, stdout, stderr) in [
            (
                "bootstrap",
                1,
                "",
                "ERROR \"bootstrap\" is not available in charm tests\n",
            ),
            ("switch", 0, "ctl:admin/m\n", ""),
            ("switch m2", 0, "", "ctl:admin/m -> ctl:admin/m2\n"),
            ("switch m", 0, "", "ctl:admin/m (no change)\n"),
        ] {
            match planned(text, &known()) {
                Plan::Answer(answer) => {
                    assert_eq!(
                        (answer.code, answer.stdout.as_str(), answer.stderr.as_str()),
                        (code, stdout, stderr),
                        "{text}"
                    );
                }
                other => panic!("{text}: {other:?}"),
            }
        }
        let Plan::Answer(none) = planned("deploy-previous mysql", &known()) else {
            panic!("deployed");
        };
        assert_eq!(none.code, 100);
        assert!(none.stderr.starts_with("SKIP: no version of mysql"));
        for text in [
            "deploy nosuch",
            "refresh w --switch nosuch",
            "download wiki",
            "status --nosuch /etc/shadow",
            "status --nosuch=@/x",
        ] {
            let Plan::Answer(answer) = planned(text, &known()) else {
                panic!("{text} is run");
            };
            assert_eq!(answer.code, 1, "{text}");
        }
        assert_eq!(
            planned("--debug mine -x y", &known()),
            Plan::Plugin {
                name: "mine".into(),
                args: vec!["-x".into(), "y".into()]
            }
        );
    }

    #[test]
    fn effects_and_input_follow_from_the_words() {
        let deployed = |model: &str, application: &str| Effect::Deployed {
            model: model.into(),
            application: application.into(),
            charm: "wiki".into(),
        };
        assert_eq!(run("deploy wiki").effects, [deployed("m", "wiki")]);
        assert_eq!(
            run("deploy wiki w -m ctl:m2").effects,
            [deployed("m2", "w")]
        );
        assert_eq!(run("deploy-previous wiki").effects, [deployed("m", "wiki")]);
        assert_eq!(
            run("add-model x").effects,
            [Effect::Added {
                model: "x".into(),
                switch: true
            }]
        );
        assert_eq!(
            run("destroy-model m2 --no-prompt").effects,
            [Effect::Destroyed("m2".into())]
        );
        // None of these makes a model, or takes one away.
        for text in [
            "add-model other --help",
            "add-model other --description",
            "--version add-model other",
            "destroy-model m2 --description --no-prompt",
        ] {
            assert_eq!(run(text).effects, [], "{text}");
        }
        for (text, reads) in [
            ("status", false),
            ("ssh w/0", true),
            ("config w --file -", true),
            ("config w --file x", false),
            ("remove-application w", true),
            ("remove-application w --no-prompt", false),
        ] {
            assert_eq!(run(text).reads_stdin, reads, "{text}");
        }
    }

    #[test]
    fn old_verbs_are_understood_on_request() {
        let mut known = known();
        assert!(matches!(
            planned("destroy-service w", &known),
            Plan::Plugin { .. }
        ));
        known.compat = Some(Compat::Juju1);
        let Plan::Run(run) = planned("upgrade-charm --repository .. w", &known) else {
            panic!("not run");
        };
        assert_eq!(
            shown(&run.words),
            ["--no-alias", "refresh", "--path", "/art/wiki.charm", "w"]
        );
        assert_eq!(run.notes, ["juju-1: upgrade-charm --repository .. w"]);
        assert!(matches!(
            planned("destroy-environment x", &known),
            Plan::Answer(_)
        ));
    }

    #[test]
    fn paths_are_mirrored_below_the_directory_of_the_command() {
        for (path, expected) in [
            ("x", "x"),
            ("./x/y", "./x/y"),
            (".", "."),
            ("/etc/x", "./.root/etc/x"),
            ("../x", "./.root/c/x"),
            ("a/../../../../x", "./.root/x"),
            (".root/x", "./.root/c/d/.root/x"),
            ("~/x", "./~/x"),
            ("~bob", "./~bob"),
        ] {
            let mirrored = mirrored("/c/d", path);
            assert_eq!(mirrored.to_str(), Some(expected), "{path}");
        }
    }
}
