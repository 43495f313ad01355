//! Packing charms, once in a run for each directory and way of packing.
//!
//! A charm is packed by `cargo charmtest pack`, which calls charmcraft if it is there, knows who may use LXD, and tells exactly
//! which files came of it. What it made is copied to the module's `charms/`; the charm's own directory stays as it was.

mod cache;
mod choice;
mod error;
mod fixture;
mod prebuilt;
mod site;

use super::program::{NoProgram, Program, answer};
use super::{Charm, OpsTest, awaitable};
use crate::harness::Event;
use cache::{Place, place_name};
use choice::Wanted;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

pub use error::BuildError;
pub use fixture::{PackedCharm, packed_charm};
pub use prebuilt::CharmPath;
pub(crate) use site::PackSite;

/// How long packing may take: it may compile the charm from nothing. Each program that the packer starts has half an hour.
const LIMIT: Duration = Duration::from_secs(40 * 60);

/// How much charmcraft says while it packs; shown when it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    /// Errors.
    Quiet,
    /// The step it is at.
    Brief,
    /// Every step.
    Verbose,
    /// Details for developers of charms.
    Debug,
    /// Details for developers of charmcraft.
    Trace,
}

impl Verbosity {
    fn as_str(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Brief => "brief",
            Self::Verbose => "verbose",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// A packed charm and what it runs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltCharm {
    /// The `.charm` file.
    pub path: PathBuf,
    /// The bases that it says it runs on; empty if it does not say.
    pub bases: Vec<BuiltBase>,
}

/// A base that a packed charm runs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltBase {
    /// The base, `ubuntu@24.04`.
    pub base: String,
    /// The architectures in Juju's words, `amd64`; empty means any.
    pub architectures: Vec<String>,
}

impl fmt::Display for BuiltCharm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        f.write_str(&name)?;
        let bases: Vec<String> = self
            .bases
            .iter()
            .map(|base| match base.architectures.as_slice() {
                [] => base.base.clone(),
                architectures => format!("{} {}", base.base, architectures.join("+")),
            })
            .collect();
        match bases.is_empty() {
            true => Ok(()),
            false => write!(f, " ({})", bases.join(", ")),
        }
    }
}

impl AsRef<Path> for BuiltCharm {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

impl From<BuiltCharm> for Charm {
    fn from(charm: BuiltCharm) -> Self {
        Self::Path(charm.path)
    }
}

impl From<&BuiltCharm> for Charm {
    fn from(charm: &BuiltCharm) -> Self {
        Self::Path(charm.path.clone())
    }
}

/// A charm about to be packed: see [`OpsTest::build_charm`].
#[must_use = "nothing is packed until this is awaited"]
#[derive(Clone, Debug)]
pub struct BuildCharm {
    site: PackSite,
    directory: PathBuf,
    options: Options,
    verbosity: Option<Verbosity>,
    wanted: Wanted,
    emit: Emit,
}

/// Who hears which charms were not packed.
#[derive(Clone)]
struct Emit(Arc<dyn Fn(Event) + Send + Sync>);

impl fmt::Debug for Emit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Emit(..)")
    }
}

/// What decides which files packing makes.
#[derive(Clone, Debug, Hash)]
struct Options {
    bases_index: Option<usize>,
    destructive_mode: bool,
    charmcraft_args: Vec<String>,
}

impl BuildCharm {
    /// Returns the charm in a directory, about to be packed as the site says.
    fn at(site: PackSite, emit: Arc<dyn Fn(Event) + Send + Sync>, directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            options: Options {
                bases_index: None,
                destructive_mode: site.pack.destructive_mode,
                charmcraft_args: site.pack.charmcraft_args.clone(),
            },
            verbosity: None,
            wanted: Wanted::default(),
            site,
            emit: Emit(emit),
        }
    }

    /// Packs only for the base with this number in the charm's `bases`, counted from 0. charmcraft 3 ignores it for a charm with
    /// `platforms`.
    pub fn bases_index(mut self, index: usize) -> Self {
        self.options.bases_index = Some(index);
        self
    }

    /// Sets how much charmcraft says.
    pub fn verbosity(mut self, verbosity: Verbosity) -> Self {
        self.verbosity = Some(verbosity);
        self
    }

    /// Lets charmcraft build on this machine, as `--destructive-mode` does for every charm of the run.
    pub fn destructive_mode(mut self) -> Self {
        self.options.destructive_mode = true;
        self
    }

    /// Appends an argument for `charmcraft pack`, after those of `--charmcraft-args`.
    pub fn charmcraft_arg(mut self, argument: impl Into<String>) -> Self {
        self.options.charmcraft_args.push(argument.into());
        self
    }

    /// Chooses, of several packed charms, the one for this base: `ubuntu@24.04`.
    pub fn base(mut self, base: impl Into<String>) -> Self {
        self.wanted.base = Some(base.into());
        self
    }

    /// Chooses, of several packed charms, the one for this architecture in Juju's words: `arm64`. Without it, this machine's comes
    /// first.
    pub fn arch(mut self, arch: impl Into<String>) -> Self {
        self.wanted.arch = Some(arch.into());
        self
    }

    /// Returns all packed charms, not only the one that is chosen.
    pub fn all(self) -> BuildAll {
        BuildAll { build: self }
    }

    async fn run(self) -> Result<PathBuf, BuildError> {
        Ok(self.chosen().await?.1)
    }

    /// Returns the charm's name and the file that is chosen.
    async fn chosen(self) -> Result<(String, PathBuf), BuildError> {
        let (wanted, directory) = (self.wanted.clone(), self.directory.clone());
        let Packed { name, charms } = self.packed().await?;
        match choice::choose(&charms, &wanted, choice::here()) {
            Some(charm) => Ok((name, charm.path.clone())),
            None => Err(BuildError::NoneFits {
                directory,
                wanted: [wanted.base, wanted.arch]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join(" on "),
                charms,
            }),
        }
    }

    /// Packs, or takes what is packed already, and puts copies where tests may do with them what they like.
    async fn packed(self) -> Result<Packed, BuildError> {
        let directory = self.site.package_dir.join(&self.directory);
        let Ok(directory) = directory.canonicalize() else {
            return Err(BuildError::NoDirectory { directory });
        };
        let place_name = place_name(&directory, &self.options);
        let prebuilt = prebuilt::of(&self.site.pack.charm_paths, &directory)?;
        for file in &prebuilt {
            let file = file.display().to_string();
            (self.emit.0)(Event::PrebuiltCharm { file });
        }
        let mut packed = if prebuilt.is_empty() {
            let place = Place::take(&self.site, &place_name, &directory, LIMIT).await?;
            match place.packed() {
                Some(packed) => packed,
                None => {
                    let packed = self.pack(&directory, place.directory()).await?;
                    place.note(&packed)?;
                    packed
                }
            }
        } else {
            self.describe(&directory, prebuilt).await?
        };
        let to = self.site.tmp_path.join("charms").join(place_name);
        for charm in &mut packed.charms {
            charm.path = deliver(&charm.path, &to)?;
        }
        Ok(packed)
    }

    async fn pack(&self, directory: &Path, place: &Path) -> Result<Packed, BuildError> {
        let program = self
            .program()
            .ok_or_else(|| NoProgram::to("pack the charm"))?;
        let mut call = program
            .call(["pack"])
            .arg(directory)
            .arg("--output-dir")
            .arg(place)
            .args(["--format", "json"]);
        if let Some(index) = self.options.bases_index {
            call = call.arg("--bases-index").arg(index.to_string());
        }
        if let Some(verbosity) = self.verbosity {
            call = call.arg("--verbosity").arg(verbosity.as_str());
        }
        if self.options.destructive_mode {
            call = call.arg("--destructive-mode");
        }
        for argument in &self.options.charmcraft_args {
            call = call.arg(format!("--charmcraft-args={argument}"));
        }
        answer(call.timeout(LIMIT), "what was packed")
            .await
            .map_err(|error| BuildError::Failed {
                directory: directory.to_owned(),
                error: Box::new(error),
            })
    }

    fn program(&self) -> Option<Program<'_>> {
        Program::beside(&self.site.juju, self.site.program.as_deref())
    }

    /// Returns what is known of charms that were packed before: what they run on only if there is a program that reads them.
    async fn describe(&self, directory: &Path, files: Vec<PathBuf>) -> Result<Packed, BuildError> {
        #[derive(Deserialize)]
        struct Info {
            bases: Vec<BuiltBase>,
        }
        let mut charms = Vec::new();
        for path in files {
            let bases = match self.program() {
                None => Vec::new(),
                Some(program) => {
                    let call = program.call(["charm-info"]).arg(&path);
                    let info: Info =
                        answer(call, "what the charm says").await.map_err(|error| {
                            BuildError::Failed {
                                directory: directory.to_owned(),
                                error: Box::new(error),
                            }
                        })?;
                    info.bases
                }
            };
            charms.push(BuiltCharm { path, bases });
        }
        Ok(Packed {
            name: prebuilt::declared_name(directory).unwrap_or_default(),
            charms,
        })
    }
}

awaitable!(BuildCharm => Result<PathBuf, BuildError>);

/// A charm about to be packed for all that it supports: see [`BuildCharm::all`].
#[must_use = "nothing is packed until this is awaited"]
#[derive(Clone, Debug)]
pub struct BuildAll {
    build: BuildCharm,
}

impl BuildAll {
    async fn run(self) -> Result<Vec<BuiltCharm>, BuildError> {
        Ok(self.build.packed().await?.charms)
    }
}

awaitable!(BuildAll => Result<Vec<BuiltCharm>, BuildError>);

/// Charms about to be packed: see [`OpsTest::build_charms`].
#[must_use = "nothing is packed until this is awaited"]
#[derive(Clone, Debug)]
pub struct BuildCharms {
    builds: Vec<BuildCharm>,
}

impl BuildCharms {
    async fn run(self) -> Result<BTreeMap<String, PathBuf>, BuildError> {
        let mut running = JoinSet::new();
        for (number, build) in self.builds.into_iter().enumerate() {
            let directory = build.directory.clone();
            running.spawn(async move { (number, directory, build.chosen().await) });
        }
        // A task that panicked or was aborted brings its panic here, and the rest is aborted with the set.
        let mut results = running.join_all().await;
        results.sort_by_key(|(number, ..)| *number);

        let mut errors = Vec::new();
        let mut charms: BTreeMap<String, (PathBuf, PathBuf)> = BTreeMap::new();
        for (_, directory, result) in results {
            match result {
                Err(error) => errors.push(error),
                Ok((name, charm)) => match charms.get(&name) {
                    Some((first, _)) => errors.push(BuildError::SameName {
                        name,
                        directories: [first.clone(), directory],
                    }),
                    None => drop(charms.insert(name, (directory, charm))),
                },
            }
        }
        match errors.len() {
            0 => Ok(charms
                .into_iter()
                .map(|(name, (_, charm))| (name, charm))
                .collect()),
            1 => Err(errors.remove(0)),
            _ => Err(BuildError::Several(errors)),
        }
    }
}

awaitable!(BuildCharms => Result<BTreeMap<String, PathBuf>, BuildError>);

impl OpsTest {
    /// Packs a charm that the harness wrote, beside its directory: no option of the run says anything about it.
    pub(crate) async fn pack_plain(&self, directory: &Path) -> Result<PathBuf, BuildError> {
        let program = Program::need(self.parts(), "pack a charm")?;
        let to = directory.with_extension("packed");
        let call = program
            .call(["pack"])
            .arg(directory)
            .arg("--output-dir")
            .arg(&to)
            .args(["--format", "json"]);
        let packed: Packed =
            answer(call, "what was packed")
                .await
                .map_err(|error| BuildError::Failed {
                    directory: directory.to_owned(),
                    error: Box::new(error),
                })?;
        let mut charms = packed.charms.into_iter();
        charms.next().map(|charm| charm.path).ok_or_else(|| {
            let directory = directory.to_owned();
            BuildError::NoDirectory { directory }
        })
    }

    /// Packs the charm in a directory, relative to the package's, and returns the `.charm` file, a copy in
    /// [`tmp_path`](OpsTest::tmp_path)`/charms`.
    ///
    /// It is packed once in a run for each directory and way of packing, however many tests and modules ask, by charmcraft where
    /// that is on `PATH`, else by `cargo-charmtest` alone. A charm that was packed before is taken as it is: the one given by
    /// `--charm-path`, `CHARM_PATH` or `CRAFT_ARTIFACT` whose name is this charm's.
    ///
    /// ```no_run
    /// # use charmtest::ops_test::OpsTest;
    /// # async fn test(ops_test: OpsTest) -> charmtest::Result {
    /// let charm = ops_test.build_charm(".").await?;
    /// let for_jammy = ops_test.build_charm(".").base("ubuntu@22.04").await?;
    /// for built in ops_test.build_charm(".").bases_index(0).all().await? {
    ///     println!("{built}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting it fails if there is no such directory, no program that packs, the program fails, or nothing that it made fits.
    pub fn build_charm(&self, directory: impl AsRef<Path>) -> BuildCharm {
        let emit = Arc::clone(&self.tracker().tracking().emit);
        BuildCharm::at(PackSite::from(&**self.parts()), emit, directory.as_ref())
    }

    /// Packs the charms in several directories side by side, as [`build_charm`](OpsTest::build_charm) does, and returns the files by
    /// the charms' names.
    ///
    /// # Errors
    ///
    /// Awaiting it fails if any of them cannot be packed, naming all that cannot, or if two have the same name.
    pub fn build_charms<I>(&self, directories: I) -> BuildCharms
    where
        I: IntoIterator,
        I::Item: AsRef<Path>,
    {
        let builds = directories
            .into_iter()
            .map(|directory| self.build_charm(directory));
        BuildCharms {
            builds: builds.collect(),
        }
    }
}

/// What came of packing one directory.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Packed {
    name: String,
    charms: Vec<BuiltCharm>,
}

/// Copies a charm to a directory, where it appears when it is whole; returns the copy. A copy that is there is kept.
fn deliver(charm: &Path, to: &Path) -> Result<PathBuf, BuildError> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let copy = to.join(charm.file_name().unwrap_or_default());
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| BuildError::Io { path, source }
    };
    fs::create_dir_all(to).map_err(failed(to))?;
    if is_current(charm, &copy) {
        return Ok(copy);
    }
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let unfinished = to.join(format!(".{}-{number}", std::process::id()));
    fs::copy(charm, &unfinished).map_err(failed(charm))?;
    fs::rename(&unfinished, &copy).map_err(failed(&copy))?;
    Ok(copy)
}

/// Tells whether a copy is as long as its original and not older.
fn is_current(charm: &Path, copy: &Path) -> bool {
    let about = |path: &Path| {
        let meta = fs::metadata(path).ok()?;
        Some((meta.len(), meta.modified().ok()?))
    };
    match (about(charm), about(copy)) {
        (Some((length, changed)), Some((copied, at))) => length == copied && at >= changed,
        _ => false,
    }
}
