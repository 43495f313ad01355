//! Packing charms: with charmcraft when it is there, else without it what can be packed without it.
//!
//! Invariant: the charm's own tree is the same after packing. Invariant: packing the same content again takes the
//! charm from the cache, and two processes that pack the same content at once make it once.

mod cache;
mod charmcraft;
mod error;
mod lxd;
mod plan;
mod process;
mod python;
mod requirements;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use crate::archive::Archive;
use crate::archive::ignore::Ignore;
use crate::archive::tree::{TreeEntry, TreeKind, ignore_of, list};
use crate::archive::write::{Source, write};
use crate::charm::{Charm, read_text};
use crate::charmcraft::{Project, architecture};
use crate::manifest::Base;
use crate::metadata::CharmName;

pub use error::PackError;
use plan::{Plan, Refusal};
use python::Python;

/// How a charm is packed.
#[derive(Debug, Clone)]
pub struct PackOptions {
    /// Where the charm goes.
    pub out_dir: PathBuf,
    /// Where packed charms are kept for the next time.
    pub cache_dir: PathBuf,
    /// The charmcraft to use; `None` packs without it.
    pub charmcraft: Option<PathBuf>,
    /// Which of the charm's `bases` (or `platforms`) to pack for, from 0; `None` leaves it to the packer: charmcraft makes all, we
    /// make one for this machine.
    pub bases_index: Option<usize>,
    /// How much charmcraft says.
    pub verbosity: Option<Verbosity>,
    /// Whether charmcraft builds on this machine instead of in a container.
    pub destructive_mode: bool,
    /// More arguments for `charmcraft pack`.
    pub charmcraft_args: Vec<String>,
    /// The Python to install packages for; `None` takes the first real `python3` on PATH.
    pub python: Option<PathBuf>,
    /// How long any one program may run; charmcraft may have to make a container first.
    pub time_limit: Duration,
}

impl PackOptions {
    /// Makes options that use charmcraft if it is on PATH and give each program half an hour.
    pub fn new(out_dir: impl Into<PathBuf>, cache_dir: impl Into<PathBuf>) -> Self {
        Self {
            out_dir: out_dir.into(),
            cache_dir: cache_dir.into(),
            charmcraft: find_program("charmcraft"),
            bases_index: None,
            verbosity: None,
            destructive_mode: false,
            charmcraft_args: Vec::new(),
            python: None,
            time_limit: Duration::from_secs(30 * 60),
        }
    }
}

/// How much charmcraft says: the values of its `--verbosity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// Every value, from the quietest.
    pub const ALL: [Self; 5] = [
        Self::Quiet,
        Self::Brief,
        Self::Verbose,
        Self::Debug,
        Self::Trace,
    ];

    /// Returns charmcraft's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Brief => "brief",
            Self::Verbose => "verbose",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl FromStr for Verbosity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|known| known.as_str() == text);
        known.ok_or_else(|| {
            format!(
                "`{text}` is none of {}",
                Self::ALL.map(Self::as_str).join(", ")
            )
        })
    }
}

/// A packed charm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The `.charm` file.
    pub path: PathBuf,
    /// The charm's name.
    pub name: CharmName,
    /// The base it says it runs on; `None` when it does not say.
    pub base: Option<Base>,
    /// Every base it says it runs on.
    pub bases: Vec<Base>,
    /// The architecture in Juju's words, `amd64`.
    pub arch: String,
    /// What made it.
    pub tool: Tool,
    /// Whether it was made earlier.
    pub from_cache: bool,
    /// Further files that charmcraft made in the same run, for other bases or architectures.
    pub others: Vec<PackedFile>,
}

/// One more file of a packed charm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedFile {
    /// The `.charm` file.
    pub path: PathBuf,
    /// Every base it says it runs on.
    pub bases: Vec<Base>,
}

/// What makes charms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// Charmcraft.
    Charmcraft,
    /// This crate.
    Builtin,
}

/// Packs the charm in `dir` and puts it into `options.out_dir`.
///
/// The cache goes by content: with dependencies that are not pinned, it keeps those that were current when the charm
/// was first packed.
///
/// # Errors
///
/// Fails when the charm is incomplete or wrong, needs charmcraft that is not there, or a program fails; the error shows
/// what the program printed.
pub fn pack(dir: &Path, options: &PackOptions) -> Result<Packed, PackError> {
    if !dir.is_dir() {
        return Err(PackError::NotADirectory(dir.to_owned()));
    }
    let dir = fs::canonicalize(dir).map_err(|error| PackError::io("read", dir, error))?;
    let tree = list(&dir, &ignore_of(&dir, &LEFT_OUT)?)?;
    // A `.charm` file in the tree is an earlier result and no ingredient.
    let tree: Vec<TreeEntry> = tree
        .into_iter()
        .filter(|entry| !is_packed_charm(&entry.name))
        .collect();
    if dir.join("layer.yaml").is_file() && !dir.join("charmcraft.yaml").is_file() {
        let reason = "it is a reactive charm; make it with `charm build` and give the file with --charm-path";
        return Err(refused(&dir, Refusal::Incomplete(reason.to_owned())));
    }
    match &options.charmcraft {
        Some(program) => with_charmcraft(program, &dir, &tree, options),
        None => without_charmcraft(&dir, tree, options),
    }
}

/// Searches PATH for a program.
pub fn find_program(name: &str) -> Option<PathBuf> {
    programs(name).into_iter().next()
}

/// Returns every program of this name on PATH, in order.
fn programs(name: &str) -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .map(|dir| dir.join(name))
        .filter(|path| python::is_executable(path))
        .collect()
}

/// What never goes into a charm, beside what Juju leaves out: environments and leavings of tools.
const LEFT_OUT: [&str; 8] = [
    "/venv/",
    ".venv/",
    ".mypy_cache/",
    ".pytest_cache/",
    ".ruff_cache/",
    ".idea/",
    ".vscode/",
    ".charmcraft_output_packages.txt",
];

fn is_packed_charm(name: &str) -> bool {
    !name.contains('/') && name.ends_with(".charm")
}

fn with_charmcraft(
    program: &Path,
    dir: &Path,
    tree: &[TreeEntry],
    options: &PackOptions,
) -> Result<Packed, PackError> {
    let version = charmcraft::version(program)?;
    let mut ingredients = vec!["charmcraft", &version, architecture()];
    // How much it says does not change what it makes.
    let arguments = charmcraft::arguments(&PackOptions {
        verbosity: None,
        ..options.clone()
    });
    ingredients.extend(arguments.iter().map(String::as_str));
    // Charmcraft knows its containers by the directory, and may bring its path into the charm.
    let directory = dir.to_string_lossy();
    ingredients.push(&directory);
    let key = cache::key(tree, &ingredients)?;
    from_cache_or(&key, Tool::Charmcraft, options, |out| {
        let work = tempfile::tempdir().map_err(|e| PackError::io("create", env::temp_dir(), e))?;
        let made = charmcraft::pack(program, options, dir, work.path())?;
        for charm in made {
            let to = out.join(charm.file_name().unwrap_or_default());
            fs::copy(&charm, &to).map_err(|error| PackError::io("copy", &charm, error))?;
        }
        Ok(())
    })
}

fn without_charmcraft(
    dir: &Path,
    tree: Vec<TreeEntry>,
    options: &PackOptions,
) -> Result<Packed, PackError> {
    if !options.charmcraft_args.is_empty() {
        let option = "--charmcraft-args";
        return Err(PackError::OnlyCharmcraft { option });
    }
    let mut project = match read_text(dir, "charmcraft.yaml")? {
        Some(text) => Some(Project::parse("charmcraft.yaml", &text)?),
        None => None,
    };
    if let Some(index) = options.bases_index {
        let chosen = match &mut project {
            Some(project) => project.choose_target(index),
            None => Err("--bases-index needs a `charmcraft.yaml`".to_owned()),
        };
        chosen.map_err(|reason| refused(dir, Refusal::Incomplete(reason)))?;
    }
    let names: BTreeSet<&str> = tree
        .iter()
        .filter(|entry| entry.kind != TreeKind::Directory)
        .map(|entry| entry.name.as_str())
        .collect();
    let plan = plan::plan(&names, project.as_ref()).map_err(|refusal| refused(dir, refusal))?;
    // What is wrong with the charm's own files is said before anything is installed.
    let charm = Charm::read(dir)?;

    let python = match plan.needs_python() {
        true => Some(Python::find(options.python.as_deref())?),
        false => None,
    };
    let interpreter = python.as_ref().map_or(String::new(), |python| {
        format!("{} {}", python.executable.display(), python.version)
    });
    let target = options.bases_index.map(|index| index.to_string());
    let target = target.unwrap_or_default();
    let key = cache::key(&tree, &["builtin", &interpreter, architecture(), &target])?;
    from_cache_or(&key, Tool::Builtin, options, |out| {
        let work = tempfile::tempdir().map_err(|e| PackError::io("create", env::temp_dir(), e))?;
        let mut members = BTreeMap::new();
        if let Some(python) = &python {
            let venv = work.path().join("venv");
            install(&plan, python, &tree, work.path(), &venv, options)?;
            members.extend(venv_members(&venv)?);
            if let Some(entrypoint) = &plan.entrypoint {
                let text = dispatch(python, entrypoint);
                members.insert("dispatch".to_owned(), Source::Text { text, mode: 0o755 });
            }
        }
        for TreeEntry { name, kind } in tree {
            members.insert(name, Source::Disk(kind));
        }
        let file_name = match &project {
            Some(project) => {
                members.remove("charmcraft.yaml");
                add_generated(project, &mut members)?;
                project.file_name(charm.metadata.name.as_str())
            }
            None => format!("{}.charm", charm.metadata.name),
        };
        write(&members, &out.join(file_name))?;
        Ok(())
    })
}

fn refused(dir: &Path, refusal: Refusal) -> PackError {
    let dir = dir.to_owned();
    match refusal {
        Refusal::NeedsCharmcraft(reason) => PackError::NeedsCharmcraft { dir, reason },
        Refusal::Incomplete(reason) => PackError::Incomplete { dir, reason },
    }
}

/// Installs the packages of a plan, with a copy of the charm as the installer's directory: building a package from
/// the tree leaves files in it.
fn install(
    plan: &Plan,
    python: &Python,
    tree: &[TreeEntry],
    work: &Path,
    venv: &Path,
    options: &PackOptions,
) -> Result<(), PackError> {
    let copy = work.join("charm");
    fs::create_dir(&copy).map_err(|error| PackError::io("create", &copy, error))?;
    for TreeEntry { name, kind } in tree {
        let to = copy.join(name);
        let copied = match kind {
            TreeKind::Directory => fs::create_dir(&to),
            TreeKind::Symlink { target } => std::os::unix::fs::symlink(target, &to),
            TreeKind::File { path, .. } => fs::copy(path, &to).map(drop),
        };
        copied.map_err(|error| PackError::io("copy", &to, error))?;
    }
    python.install(&plan.python, &copy, venv, options.time_limit)
}

/// Lists the installed packages under `venv/`.
fn venv_members(venv: &Path) -> Result<BTreeMap<String, Source>, PackError> {
    if !venv.is_dir() {
        return Ok(BTreeMap::new());
    }
    let entries = list(venv, &Ignore::nothing())?;
    let members = entries
        .into_iter()
        .map(|TreeEntry { name, kind }| (format!("venv/{name}"), Source::Disk(kind)));
    Ok(members.collect())
}

fn dispatch(python: &Python, entrypoint: &str) -> String {
    include_str!("dispatch.sh")
        .replace("@VERSION@", python.minor())
        .replace("@PYTHON@", &quoted(&python.executable.to_string_lossy()))
        .replace("@ENTRYPOINT@", &quoted(entrypoint))
}

/// Quotes for the shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn add_generated(
    project: &Project,
    members: &mut BTreeMap<String, Source>,
) -> Result<(), PackError> {
    for name in [
        "metadata.yaml",
        "config.yaml",
        "actions.yaml",
        "manifest.yaml",
    ] {
        if members.contains_key(name) {
            continue;
        }
        if let Some(text) = project.generated(name)? {
            members.insert(name.to_owned(), Source::Text { text, mode: 0o644 });
        }
    }
    Ok(())
}

/// Takes the charm from the cache, or has it made, and copies it to the output directory.
fn from_cache_or(
    key: &str,
    tool: Tool,
    options: &PackOptions,
    make: impl FnOnce(&Path) -> Result<(), PackError>,
) -> Result<Packed, PackError> {
    let slot = cache::Slot::take(&options.cache_dir, key, options.time_limit)?;
    let is_usable = |charms: &[PathBuf]| {
        !charms.is_empty() && charms.iter().all(|charm| Archive::open(charm).is_ok())
    };
    let from_cache = is_usable(&slot.charms());
    if !from_cache {
        slot.fill(make)?;
    }

    let mut packed = Vec::new();
    for charm in slot.charms() {
        packed.push(describe(&charm, tool, from_cache)?);
    }
    // The charm for this machine comes first.
    packed.sort_by_key(|charm| charm.arch != architecture());
    for charm in &mut packed {
        charm.path = deliver(&charm.path, &options.out_dir)?;
    }
    let mut packed = packed.into_iter();
    let mut first = packed
        .next()
        .expect("a usable entry has a charm, and a filled one was checked by whoever filled it");
    first.others = packed
        .map(|Packed { path, bases, .. }| PackedFile { path, bases })
        .collect();
    Ok(first)
}

fn describe(path: &Path, tool: Tool, from_cache: bool) -> Result<Packed, PackError> {
    let charm = Charm::read(path)?;
    let bases = charm.manifest.bases;
    let base = bases.first().cloned();
    let arch = match base.as_ref().map(|base| base.architectures.as_slice()) {
        Some([arch, ..]) if !base_has(base.as_ref(), architecture()) && arch != "all" => {
            arch.clone()
        }
        _ => architecture().to_owned(),
    };
    Ok(Packed {
        path: path.to_owned(),
        name: charm.metadata.name,
        base,
        bases,
        arch,
        tool,
        from_cache,
        others: Vec::new(),
    })
}

fn base_has(base: Option<&Base>, arch: &str) -> bool {
    base.is_some_and(|base| base.architectures.iter().any(|a| a == arch))
}

/// Copies a charm into the output directory, where it appears when it is complete.
fn deliver(charm: &Path, out_dir: &Path) -> Result<PathBuf, PackError> {
    fs::create_dir_all(out_dir).map_err(|error| PackError::io("create", out_dir, error))?;
    let to = out_dir.join(charm.file_name().unwrap_or_default());
    let failed = |error| PackError::io("write", &to, error);
    let temporary = tempfile::Builder::new()
        .prefix(".charm-")
        .tempfile_in(out_dir)
        .map_err(failed)?;
    fs::copy(charm, temporary.path()).map_err(failed)?;
    temporary
        .persist(&to)
        .map_err(|error| failed(error.error))?;
    Ok(to)
}
