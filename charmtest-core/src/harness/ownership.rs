//! The record of the models that runs own, on disk: `cargo charmtest clean` finds those of runs that crashed by it.
//!
//! There is one file per model, written before the model is made and removed when it is gone. It names the process that owns the
//! model so that nobody takes a model away from a run that is alive.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::owner::Owner;
use crate::juju::{BackendKind, Juju, find_on_path};

/// The version of the files.
pub const OWNERSHIP_VERSION: u32 = 1;

/// A model that a run made, is about to make, or works with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnedModel {
    /// [`OWNERSHIP_VERSION`].
    pub charmtest: u32,
    /// The run's id: the name of its record's directory.
    pub run: String,
    /// The module that the model is for.
    pub module: String,
    /// The process that owns the model.
    pub owner: Owner,
    /// `embedded` or `juju`.
    pub backend: String,
    /// The `juju` program.
    pub juju: PathBuf,
    /// The data directory of the client, if the run was told of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub juju_data: Option<PathBuf>,
    /// The model's name: with its controller, unless nobody knew that one yet.
    pub model: String,
    /// The model's UUID, from the moment when it is known to be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    /// By what right the run has the model.
    pub title: Title,
    /// Whether the model's storage is destroyed with it.
    pub destroy_storage: bool,
    /// Why the model stays after the end of its run, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
    /// When the file was first written, in seconds since 1970.
    pub since: u64,
}

/// By what right a run has a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Title {
    /// The run made it under a name of its own, with random letters in it.
    Generated,
    /// The run made it under a name that somebody chose.
    Named,
    /// It was there before; the run only works with it.
    Adopted,
}

/// Returns the directory of the record: `charmtest/models` in the user's state directory. `variable` looks up a variable of the
/// environment.
#[must_use]
pub fn ownership_dir(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let path = |name| {
        variable(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let state = path("XDG_STATE_HOME").or_else(|| Some(path("HOME")?.join(".local/state")))?;
    Some(state.join("charmtest").join("models"))
}

/// Reads the record: each file with what it says, or why it says nothing. A directory that is not there holds nothing.
///
/// # Errors
///
/// If the directory cannot be read.
pub fn read_ownership(
    directory: &Path,
) -> io::Result<Vec<(PathBuf, Result<OwnedModel, io::Error>)>> {
    read_record(directory, |model: &OwnedModel| model.charmtest)
}

/// What was read from a record: each file with what it says, or why it says nothing.
type Record<T> = Vec<(PathBuf, Result<T, io::Error>)>;

/// Reads the files of a record; `version` returns that of what a file says.
pub(super) fn read_record<T: DeserializeOwned>(
    directory: &Path,
    version: impl Fn(&T) -> u32,
) -> io::Result<Record<T>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        match read(&path, &version) {
            // Its run has removed it in this moment.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            read => found.push((path, read)),
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}

fn read<T: DeserializeOwned>(path: &Path, version: impl Fn(&T) -> u32) -> io::Result<T> {
    let entry: T = serde_json::from_slice(&fs::read(path)?)?;
    if version(&entry) != OWNERSHIP_VERSION {
        let why = format!("it is of version {}", version(&entry));
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    Ok(entry)
}

/// Replaces a file of the record, so that a reader sees the old text or the new one.
pub(super) fn write_record(path: &Path, entry: &impl Serialize, safety: Safety) -> io::Result<()> {
    let draft = path.with_extension("new");
    let mut file = File::create(&draft)?;
    file.write_all(&serde_json::to_vec_pretty(entry)?)?;
    if safety == Safety::Power {
        file.sync_all()?;
    }
    drop(file);
    fs::rename(&draft, path)
}

/// What a run enters into the record.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) module: String,
    pub(crate) backend: BackendKind,
    pub(crate) juju: PathBuf,
    pub(crate) juju_data: Option<PathBuf>,
    pub(crate) model: String,
    pub(crate) title: Title,
    pub(crate) destroy_storage: bool,
}

impl Claim {
    /// Returns a claim on a model that is reached by this client.
    pub(crate) fn new(
        juju: &Juju,
        module: &str,
        model: &str,
        title: Title,
        destroy_storage: bool,
    ) -> Self {
        let juju_data = match juju.env().get(OsStr::new("JUJU_DATA")) {
            Some(value) => value.clone(),
            None => std::env::var_os("JUJU_DATA"),
        };
        Self {
            module: module.to_owned(),
            backend: juju.kind(),
            juju: absolute(juju.program()),
            juju_data: juju_data.filter(|data| !data.is_empty()).map(PathBuf::from),
            model: model.to_owned(),
            title,
            destroy_storage,
        }
    }
}

/// Returns where a program is, wherever it is called from: a bare name is searched on PATH.
fn absolute(program: &Path) -> PathBuf {
    let bare = program.components().count() == 1;
    let name = program.to_str().filter(|_| bare);
    let found = name.and_then(find_on_path);
    found.unwrap_or_else(|| std::path::absolute(program).unwrap_or_else(|_| program.to_owned()))
}

/// The part of the record that this process writes.
#[derive(Debug)]
pub(crate) struct Register {
    pub(super) directory: Option<PathBuf>,
    pub(super) run: String,
    pub(super) owner: Owner,
    pub(super) count: AtomicUsize,
    warned: AtomicBool,
}

/// Who is told when the record cannot be written.
pub(crate) type Warn = Arc<dyn Fn(String) + Send + Sync>;

impl Register {
    /// Opens the record for a run; nothing is written yet. Without a directory nothing ever is.
    pub(crate) fn new(directory: Option<PathBuf>, run: String) -> Self {
        Self {
            directory,
            run,
            owner: Owner::current(),
            count: AtomicUsize::new(0),
            warned: AtomicBool::new(false),
        }
    }

    /// Enters a model that is about to be made, or taken. Where that is not possible, the run goes on and says so, once.
    pub(crate) fn enter(&self, claim: Claim, warn: &Warn) -> Option<Deed> {
        match self.try_enter(claim, warn) {
            Ok(deed) => Some(deed),
            Err(error) => {
                if !self.warned.swap(true, Ordering::Relaxed) {
                    warn(format!(
                        "the models of this run are not on record, so `cargo charmtest clean` will not find them: {error}"
                    ));
                }
                None
            }
        }
    }

    fn try_enter(&self, claim: Claim, warn: &Warn) -> io::Result<Deed> {
        let directory = self.directory.as_deref().ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                "neither XDG_STATE_HOME nor HOME is set",
            )
        })?;
        fs::create_dir_all(directory)?;
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}.{}-{number}.json", self.run, self.owner.pid);
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let deed = Deed(Arc::new(Entry {
            path: directory.join(name),
            model: Mutex::new(OwnedModel {
                charmtest: OWNERSHIP_VERSION,
                run: self.run.clone(),
                module: claim.module,
                owner: self.owner.clone(),
                backend: claim.backend.to_string(),
                juju: claim.juju,
                juju_data: claim.juju_data,
                model: claim.model,
                uuid: None,
                title: claim.title,
                destroy_storage: claim.destroy_storage,
                kept: None,
                since,
            }),
            warn: Arc::clone(warn),
        }));
        deed.write(&deed.model(), Safety::Power)?;
        Ok(deed)
    }
}

/// One model in the record; clones are the same one.
#[derive(Clone, Debug)]
pub(crate) struct Deed(Arc<Entry>);

struct Entry {
    path: PathBuf,
    model: Mutex<OwnedModel>,
    warn: Warn,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Entry").field(&self.path).finish()
    }
}

/// What a file has to survive.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Safety {
    /// The end of this process.
    Crash,
    /// The end of the machine's power: a model in a cloud goes on costing money.
    Power,
}

impl Deed {
    /// Says that the model is there, and which one it is.
    pub(crate) fn made(&self, full_name: &str, uuid: &str) {
        let mut model = self.model();
        full_name.clone_into(&mut model.model);
        model.uuid = Some(uuid.to_owned());
        self.report(self.write(&model, Safety::Power));
    }

    /// Says that the model stays after the run, and why; one that was there before is no business of the record any more.
    pub(crate) fn kept(&self, why: &str) {
        let mut model = self.model();
        if model.title == Title::Adopted {
            return self.gone();
        }
        model.kept = Some(why.to_owned());
        self.report(self.write(&model, Safety::Crash));
    }

    /// Strikes out the model: it is gone, or was never made.
    pub(crate) fn gone(&self) {
        match fs::remove_file(&self.0.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => self.report(Err(error)),
            _ => {}
        }
    }

    fn report(&self, written: io::Result<()>) {
        if let Err(error) = written {
            let path = self.0.path.display();
            (self.0.warn)(format!("the record {path} is out of date: {error}"));
        }
    }

    fn model(&self) -> MutexGuard<'_, OwnedModel> {
        self.0.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, model: &OwnedModel, safety: Safety) -> io::Result<()> {
        write_record(&self.0.path, model, safety)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(title: Title) -> Claim {
        Claim {
            module: "m".to_owned(),
            backend: BackendKind::Embedded,
            juju: "/bin/juju".into(),
            juju_data: Some("/data".into()),
            model: "m-abcd".to_owned(),
            title,
            destroy_storage: true,
        }
    }

    fn silent() -> Warn {
        Arc::new(|_| {})
    }

    fn only(directory: &Path) -> OwnedModel {
        let mut found = read_ownership(directory).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0).1.unwrap()
    }

    #[test]
    fn a_model_is_in_the_record_until_it_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let directory = dir.path().join("models");
        assert_eq!(read_ownership(&directory).unwrap().len(), 0);
        let register = Register::new(Some(directory.clone()), "7-1".to_owned());
        let deed = register.enter(claim(Title::Generated), &silent()).unwrap();
        let entered = only(&directory);
        assert_eq!(
            (entered.run.as_str(), entered.model.as_str(), entered.uuid),
            ("7-1", "m-abcd", None)
        );
        assert_eq!(entered.owner.pid, std::process::id());
        deed.made("c:m-abcd", "u");
        let made = only(&directory);
        assert_eq!(
            (made.model.as_str(), made.uuid.as_deref()),
            ("c:m-abcd", Some("u"))
        );
        deed.kept("--keep-models");
        assert_eq!(only(&directory).kept.as_deref(), Some("--keep-models"));
        deed.gone();
        deed.gone();
        assert_eq!(read_ownership(&directory).unwrap().len(), 0);
    }

    #[test]
    fn a_model_that_was_there_before_leaves_the_record_when_it_stays() {
        let dir = tempfile::tempdir().unwrap();
        let register = Register::new(Some(dir.path().to_owned()), "7-1".to_owned());
        let first = register.enter(claim(Title::Adopted), &silent()).unwrap();
        let second = register.enter(claim(Title::Named), &silent()).unwrap();
        first.kept("it was there before");
        second.kept("--model names it");
        assert_eq!(only(dir.path()).title, Title::Named);
    }

    #[test]
    fn what_cannot_be_written_is_a_warning_and_only_one() {
        let dir = tempfile::tempdir().unwrap();
        let occupied = dir.path().join("models");
        fs::write(&occupied, "").unwrap();
        for directory in [None, Some(occupied)] {
            let told = Arc::new(Mutex::new(Vec::new()));
            let warn: Warn = {
                let told = Arc::clone(&told);
                Arc::new(move |text| told.lock().unwrap().push(text))
            };
            let register = Register::new(directory, "7-1".to_owned());
            assert!(register.enter(claim(Title::Named), &warn).is_none());
            assert!(register.enter(claim(Title::Named), &warn).is_none());
            assert_eq!(told.lock().unwrap().len(), 1, "{told:?}");
        }
    }

    #[test]
    fn what_is_no_record_is_named_and_the_rest_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let register = Register::new(Some(dir.path().to_owned()), "7-1".to_owned());
        register.enter(claim(Title::Named), &silent()).unwrap();
        fs::write(dir.path().join("0.json"), "{").unwrap();
        fs::write(dir.path().join("notes.txt"), "").unwrap();
        let newer = serde_json::to_string(&only_readable(dir.path())).unwrap();
        let newer = newer.replace("\"charmtest\":1", "\"charmtest\":2");
        fs::write(dir.path().join("9.json"), newer).unwrap();
        let read = read_ownership(dir.path()).unwrap();
        let readable: Vec<bool> = read.iter().map(|(_, model)| model.is_ok()).collect();
        assert_eq!(readable, [false, true, false]);
    }

    fn only_readable(directory: &Path) -> OwnedModel {
        let read = read_ownership(directory).unwrap();
        read.into_iter().find_map(|(_, model)| model.ok()).unwrap()
    }

    #[test]
    fn the_record_is_in_the_user_state() {
        let with = |set: &'static [(&str, &str)]| {
            ownership_dir(|name| {
                let found = set.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| OsString::from(value))
            })
        };
        let state = with(&[("XDG_STATE_HOME", "/s"), ("HOME", "/h")]);
        assert_eq!(state, Some(PathBuf::from("/s/charmtest/models")));
        let home = with(&[("XDG_STATE_HOME", ""), ("HOME", "/h")]);
        assert_eq!(
            home,
            Some(PathBuf::from("/h/.local/state/charmtest/models"))
        );
        assert_eq!(with(&[]), None);
    }
}
