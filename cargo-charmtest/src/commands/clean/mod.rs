//! `cargo charmtest clean`: destroys the models of runs that ended without doing so, and removes the clouds that they added and the directories
//! of sandboxes that they left.

mod clouds;
mod rooms;
mod verdict;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use charmtest::harness::{
    OwnedCloud, OwnedModel, OwnerState, owned_clouds_dir, ownership_dir, read_owned_clouds,
    read_ownership,
};
use charmtest::juju::{BackendKind, Juju, ModelName, kill_all_commands, quote};
use charmtest::ops_test::Model;
use charmtest_controller::DataDir;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use crate::cli::CleanArgs;
use crate::error::{Error, Kind, Result};
use crate::report::{heading, say};
use verdict::{Found, Identity, Scope, Verdict, identity, verdict};

/// How long a controller may take to say whether it has a model.
const LOOK_LIMIT: Duration = Duration::from_secs(60);

/// Removes what runs that ended have left, or says what it would remove.
///
/// # Errors
///
/// Fails when the record of models cannot be read, and when the run that was named is alive.
pub(crate) fn main(args: &CleanArgs) -> Result<u8> {
    let directory = ownership_dir(|name| std::env::var_os(name))
        .ok_or_else(|| Error::infrastructure("neither XDG_STATE_HOME nor HOME is set"))?;
    let limit = args.teardown_timeout.duration().ok_or_else(|| {
        let why = "--teardown-timeout 0 would wait for ever; give a duration like 5m";
        Error::new(Kind::Usage, why)
    })?;
    let clouds = owned_clouds_dir(|name| std::env::var_os(name)).unwrap_or_default();
    let entries = Entries::read(&directory, &clouds)?;
    if let Some(run) = &args.run {
        entries.check_run(run)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::infrastructure)?;
    runtime.block_on(async {
        let mut int = signal(SignalKind::interrupt()).map_err(Error::infrastructure)?;
        let mut term = signal(SignalKind::terminate()).map_err(Error::infrastructure)?;
        let rooms = match args.run {
            None => rooms::clean(args.all, args.dry_run),
            Some(_) => rooms::Count::default(),
        };
        let cleaning = Cleaning {
            rooms,
            dry_run: args.dry_run,
            limit,
            done: Count::default(),
        };
        let scope = Scope {
            all: args.all,
            run: args.run.clone(),
        };
        let code = tokio::select! {
            code = cleaning.run(entries, &scope) => return Ok(code),
            _ = int.recv() => charmtest::exit::INTERRUPTED,
            _ = term.recv() => charmtest::exit::TERMINATED,
        };
        // What was not cleaned is still on record.
        kill_all_commands();
        Ok(code)
    })
}

/// The record of models as it was read.
struct Entries {
    readable: Vec<(PathBuf, OwnedModel, OwnerState)>,
    clouds: Vec<(PathBuf, OwnedCloud, OwnerState)>,
    unreadable: usize,
}

impl Entries {
    fn read(models: &Path, clouds: &Path) -> Result<Self> {
        let cannot = |directory: &Path, error| {
            Error::infrastructure(format!("cannot read {}: {error}", directory.display()))
        };
        let mut entries = Self {
            readable: Vec::new(),
            clouds: Vec::new(),
            unreadable: 0,
        };
        let mut unreadable = |path: &Path, error: std::io::Error| {
            entries.unreadable += 1;
            let path = path.display();
            say(&heading("Unreadable", &format!("{path}: {error}")));
        };
        for (path, model) in read_ownership(models).map_err(|error| cannot(models, error))? {
            match model {
                Ok(model) => {
                    let state = model.owner.state();
                    entries.readable.push((path, model, state));
                }
                Err(error) => unreadable(&path, error),
            }
        }
        for (path, cloud) in read_owned_clouds(clouds).map_err(|error| cannot(clouds, error))? {
            match cloud {
                Ok(cloud) => {
                    let state = cloud.owner.state();
                    entries.clouds.push((path, cloud, state));
                }
                Err(error) => unreadable(&path, error),
            }
        }
        Ok(entries)
    }

    /// Checks that a run is on record and has ended.
    fn check_run(&self, run: &str) -> Result<()> {
        let mut of_run = self
            .readable
            .iter()
            .filter(|(_, model, _)| model.run == run);
        let alive = of_run.find(|(_, _, state)| *state == OwnerState::Alive);
        if let Some((_, model, _)) = alive {
            let pid = model.owner.pid;
            let why = format!(
                "run {run} is alive: its process {pid} has model {}",
                model.model
            );
            return Err(Error::new(Kind::Failed, why).hint("end it first; it then tears down"));
        }
        let models = self.readable.iter().map(|(_, model, _)| &*model.run);
        let clouds = self.clouds.iter().map(|(_, cloud, _)| &*cloud.run);
        let known: BTreeSet<&str> = models.chain(clouds).collect();
        if known.contains(run) {
            return Ok(());
        }
        let known: Vec<&str> = known.into_iter().collect();
        let error = Error::new(Kind::Failed, format!("no run {run} has a model on record"));
        Err(match known.as_slice() {
            [] => error,
            known => error.hint(format!("runs on record: {}", known.join(", "))),
        })
    }

    /// Returns the UUIDs of the models that runs which are alive work with.
    fn used(&self) -> BTreeSet<String> {
        let alive = self
            .readable
            .iter()
            .filter(|(_, _, state)| *state == OwnerState::Alive);
        alive
            .filter_map(|(_, model, _)| model.uuid.clone())
            .collect()
    }
}

/// How many models went which way.
#[derive(Debug, Default)]
struct Count {
    removed: usize,
    kept: usize,
    in_use: usize,
    left: usize,
}

struct Cleaning {
    rooms: rooms::Count,
    dry_run: bool,
    limit: Duration,
    done: Count,
}

/// What became of a model.
enum End {
    Removed,
    Kept,
    /// It is not there, or is not the run's: the entry goes.
    NotThere(Option<String>),
    /// It may still be there, and why.
    Left(String),
}

impl Cleaning {
    async fn run(mut self, entries: Entries, scope: &Scope) -> u8 {
        let used = entries.used();
        self.done.left = entries.unreadable;
        for (path, entry, owner) in &entries.readable {
            let judged = verdict(entry, *owner, &used, scope);
            self.deal_with(path, entry, judged).await;
        }
        // A cloud cannot go before the models on it.
        let clouds = clouds::clean(&entries.clouds, scope, self.dry_run, self.limit).await;
        say(&self.summary(scope, &clouds));
        if self.done.left + clouds.left + self.rooms.left > 0 {
            charmtest::exit::FAILED
        } else {
            charmtest::exit::SUCCESS
        }
    }

    async fn deal_with(&mut self, path: &Path, entry: &OwnedModel, judged: Verdict) {
        let what = format!(
            "model {} (run {}, module {})",
            entry.model, entry.run, entry.module
        );
        let tell = |word: &str, more: &str| say(&heading(word, &format!("{what}{more}")));
        let end = match judged {
            Verdict::OutOfScope => return,
            Verdict::InUse => {
                self.done.in_use += 1;
                tell("In use", "");
                return;
            }
            Verdict::Elsewhere => {
                self.done.in_use += 1;
                let run = &entry.run;
                tell(
                    "Elsewhere",
                    &format!(
                        ": its run is, or was, on another machine or in another container; once it has ended: --run {run}"
                    ),
                );
                return;
            }
            Verdict::Forget => End::NotThere(None),
            Verdict::Kept => self.look(entry).await.unwrap_or_else(|end| end),
            Verdict::Remove => self.remove(entry).await,
        };
        match end {
            End::Removed => {
                self.done.removed += 1;
                tell(
                    if self.dry_run {
                        "Would remove"
                    } else {
                        "Removed"
                    },
                    "",
                );
            }
            End::Kept => {
                self.done.kept += 1;
                let why = entry.kept.as_deref().unwrap_or_default();
                tell("Kept", &format!(": {why}"));
                return;
            }
            End::NotThere(None) => {}
            End::NotThere(Some(why)) => tell("Not touched", &format!(": {why}")),
            End::Left(why) => {
                self.done.left += 1;
                tell("Left over", &format!(": {why}"));
                return;
            }
        }
        if !self.dry_run {
            // An entry that stays is read again the next time.
            let _ = std::fs::remove_file(path);
        }
    }

    /// Finds out whether a model that was kept is still there.
    async fn look(&self, entry: &OwnedModel) -> std::result::Result<End, End> {
        let (model, _) = find(entry).await?;
        match &entry.uuid {
            Some(uuid) if uuid != model.uuid() => Err(End::NotThere(None)),
            _ => Ok(End::Kept),
        }
    }

    async fn remove(&self, entry: &OwnedModel) -> End {
        let (model, holds_applications) = match find(entry).await {
            Ok(found) => found,
            Err(end) => return end,
        };
        let found = Found {
            uuid: model.uuid(),
            holds_applications,
        };
        match identity(entry, found) {
            Identity::Ours => {}
            Identity::Another => {
                return End::NotThere(Some("another model has its name now".to_owned()));
            }
            Identity::Unsure => {
                let by_hand = by_hand(entry);
                return End::Left(format!(
                    "its run ended while it was being made, so the model of this name may be somebody else's; if it is not: {by_hand}"
                ));
            }
        }
        if self.dry_run {
            return End::Removed;
        }
        let destroyed = if entry.destroy_storage {
            model.destroy(self.limit).await
        } else {
            model.destroy_releasing_storage(self.limit).await
        };
        match destroyed {
            Ok(()) => End::Removed,
            Err(error) => End::Left(error.to_string()),
        }
    }

    fn summary(&self, scope: &Scope, clouds: &clouds::Count) -> String {
        let Count {
            removed,
            kept,
            in_use,
            left,
        } = self.done;
        let models = |count: usize| match count {
            1 => "1 model".to_owned(),
            count => format!("{count} models"),
        };
        let verb = if self.dry_run { "to remove" } else { "removed" };
        let mut parts = vec![format!("{} {verb}", models(removed))];
        if left > 0 {
            parts.push(format!("{} left over", models(left)));
        }
        if in_use > 0 {
            parts.push(format!("{} in use", models(in_use)));
        }
        if kept > 0 && !scope.all {
            parts.push(format!(
                "{} kept on request (--all removes them too)",
                models(kept)
            ));
        }
        parts.extend(clouds.parts(verb));
        parts.extend(self.rooms.parts(verb));
        heading("Summary", &parts.join(", "))
    }
}

/// Returns the command that destroys a model without asking whose it is.
fn by_hand(entry: &OwnedModel) -> String {
    let variable = |name: &str| {
        let data = entry.juju_data.as_ref();
        data.map_or_else(String::new, |data| format!("{name}={} ", quote(data)))
    };
    let juju = match entry.backend == BackendKind::Embedded.to_string() {
        true => variable("CHARMTEST_DATA") + "cargo charmtest juju",
        false => variable("JUJU_DATA") + "juju",
    };
    let name = &entry.model;
    format!("{juju} destroy-model --no-prompt --force --destroy-storage {name}")
}

/// Finds the model that has the name of an entry now, and whether it holds applications.
async fn find(entry: &OwnedModel) -> std::result::Result<(Model, bool), End> {
    let left = |why: String| End::Left(why);
    let juju = client(entry).map_err(left)?.ok_or(End::NotThere(None))?;
    let name = ModelName::parse(&entry.model).map_err(|error| left(error.to_string()))?;
    let look = async {
        let Some(model) = Model::adopt(&juju, &name).await? else {
            return Ok(None);
        };
        let holds_applications = model.has_applications().await?;
        Ok::<_, charmtest::juju::JujuError>(Some((model, holds_applications)))
    };
    match timeout(LOOK_LIMIT, look).await {
        Ok(Ok(found)) => found.ok_or(End::NotThere(None)),
        Ok(Err(error)) => Err(left(error.to_string())),
        Err(_) => Err(left(format!(
            "its controller did not answer within {} s",
            LOOK_LIMIT.as_secs()
        ))),
    }
}

/// Returns a client for the controller that an entry speaks of; `None` if that controller is gone with all its models.
fn client(entry: &OwnedModel) -> std::result::Result<Option<Juju>, String> {
    if entry.backend != BackendKind::Embedded.to_string() {
        let juju = Juju::new(&entry.juju);
        return Ok(Some(match &entry.juju_data {
            Some(data) => juju.with_env("JUJU_DATA", data),
            None => juju,
        }));
    }
    let Some(root) = entry.juju_data.as_deref().filter(|root| root.is_dir()) else {
        return Ok(None);
    };
    let data = DataDir::open(root).map_err(|error| error.to_string())?;
    charmtest_controller::start(&data).map_err(|error| error.to_string())?;
    let juju = Juju::new(data.bin().join("juju"))
        .with_kind(BackendKind::Embedded)
        .with_env("JUJU_DATA", root)
        .with_env("CHARMTEST_DATA", root);
    Ok(Some(juju))
}
