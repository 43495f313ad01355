//! The Python that runs charms on this machine, and installing packages for it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::plan::{Libraries, PythonPackages};
use super::{PackError, find_program, process, programs, requirements};

/// How long asking an interpreter about itself may take.
const PROBE_LIMIT: Duration = Duration::from_secs(30);
/// Makes `.pyc` files that stay valid when the archive is unpacked with new timestamps (PEP 552).
const SOURCE_DATE_EPOCH: &str = "315532800";

/// An interpreter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Python {
    /// The real executable, not a shim.
    pub(super) executable: PathBuf,
    /// The whole version, `3.11.2`.
    pub(super) version: String,
}

impl Python {
    /// Finds the interpreter: the one asked for, else the first `python3` on PATH, real programs before scripts that
    /// choose one (pyenv's shims).
    ///
    /// # Errors
    ///
    /// Fails when there is none, or the one asked for does not work.
    pub(super) fn find(asked: Option<&Path>) -> Result<Self, PackError> {
        if let Some(asked) = asked {
            return Self::probe(asked);
        }
        let (scripts, real): (Vec<_>, Vec<_>) = programs("python3")
            .into_iter()
            .partition(|path| is_script(path));
        let mut failure = PackError::NoPython("there is no `python3` on PATH".to_owned());
        for candidate in real.into_iter().chain(scripts) {
            match Self::probe(&candidate) {
                Ok(python) => return Ok(python),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Asks an interpreter what it is.
    fn probe(path: &Path) -> Result<Self, PackError> {
        const QUESTION: &str =
            "import sys; print(sys.executable); print('%d.%d.%d' % sys.version_info[:3])";
        let answer = process::run(Command::new(path).args(["-I", "-c", QUESTION]), PROBE_LIMIT)?;
        match answer.lines().collect::<Vec<_>>()[..] {
            [executable, version] if !executable.is_empty() => Ok(Self {
                executable: executable.into(),
                version: version.to_owned(),
            }),
            _ => Err(PackError::NoPython(format!(
                "`{}` does not answer like Python 3",
                path.display()
            ))),
        }
    }

    /// Returns the version that packages are installed for, `3.11`.
    pub(super) fn minor(&self) -> &str {
        self.version
            .rsplit_once('.')
            .map_or(&*self.version, |(minor, _)| minor)
    }

    /// Installs packages into `venv`, where a generated `dispatch` looks for them; nothing when none are named.
    ///
    /// `copy` is a copy of the charm; installers may leave files in it.
    ///
    /// # Errors
    ///
    /// Fails, with the installer's output, when a package cannot be installed.
    pub(super) fn install(
        &self,
        packages: &PythonPackages,
        copy: &Path,
        venv: &Path,
        limit: Duration,
    ) -> Result<(), PackError> {
        let arguments = arguments(packages, copy)?;
        if arguments.is_empty() {
            return Ok(());
        }
        let target = venv.join(format!("lib/python{}/site-packages", self.minor()));
        fs::create_dir_all(&target).map_err(|error| PackError::io("create", &target, error))?;
        let mut command = self.installer()?;
        command
            .arg("--target")
            .arg(&target)
            .args(arguments)
            .current_dir(copy)
            .env("SOURCE_DATE_EPOCH", SOURCE_DATE_EPOCH)
            .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
            .env("PIP_NO_INPUT", "1")
            .env("PIP_USER", "0")
            .env_remove("PIP_TARGET")
            .env_remove("PYTHONPATH")
            .env_remove("PYTHONHOME");
        process::run(&mut command, limit).map(drop)
    }

    /// Returns the start of a command that installs: this Python's pip, else uv.
    fn installer(&self) -> Result<Command, PackError> {
        let has_pip = process::run(
            Command::new(&self.executable).args(["-m", "pip", "--version"]),
            PROBE_LIMIT,
        );
        if has_pip.is_ok() {
            let mut pip = Command::new(&self.executable);
            pip.args(["-m", "pip", "install", "--quiet"]);
            return Ok(pip);
        }
        let Some(uv) = find_program("uv") else {
            return Err(PackError::NoPython(format!(
                "`{}` has no pip, and there is no uv on PATH; install one of them",
                self.executable.display()
            )));
        };
        let mut command = Command::new(uv);
        command
            .args([
                "pip",
                "install",
                "--quiet",
                "--compile-bytecode",
                "--python",
            ])
            .arg(&self.executable);
        Ok(command)
    }
}

/// Returns the installer's arguments for what is named; empty when nothing is.
fn arguments(packages: &PythonPackages, copy: &Path) -> Result<Vec<String>, PackError> {
    let mut wanted: BTreeSet<String> = packages.packages.iter().cloned().collect();
    if packages.libraries == Libraries::MayName {
        wanted.extend(library_packages(&copy.join("lib/charms"))?);
    }
    let mut constraints = packages.constraints.clone();
    if let Some(pyproject) = &packages.pyproject {
        let text = read(&copy.join("pyproject.toml"))?.unwrap_or_default();
        wanted.extend(requirements::of_pyproject(&text, pyproject)?);
        if let Some(lock) = read(&copy.join("uv.lock"))? {
            let name = ".charmtest-constraints.txt";
            let path = copy.join(name);
            fs::write(&path, requirements::pins_of_uv_lock(&lock)?.join("\n"))
                .map_err(|error| PackError::io("write", &path, error))?;
            constraints.push(name.to_owned());
        }
    }

    let mut arguments = Vec::new();
    for file in &packages.files {
        if !copy.join(file).is_file() {
            return Err(PackError::NoPython(format!(
                "the requirements file `{file}` does not exist"
            )));
        }
        arguments.extend(["--requirement".to_owned(), file.clone()]);
    }
    for package in wanted {
        // A requirement that looks like an option would be one.
        if package.starts_with('-') {
            return Err(PackError::NoPython(format!(
                "`{package}` is not a requirement"
            )));
        }
        arguments.push(package);
    }
    if !arguments.is_empty() {
        for file in constraints {
            arguments.extend(["--constraint".to_owned(), file]);
        }
    }
    Ok(arguments)
}

/// Collects the `PYDEPS` of the libraries `<charm>/v<n>/<library>.py` below `dir`.
fn library_packages(dir: &Path) -> Result<BTreeSet<String>, PackError> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![(dir.to_owned(), 0)];
    while let Some((dir, depth)) = waiting.pop() {
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(PackError::io("read", &dir, error)),
        };
        for entry in entries {
            let path = entry
                .map_err(|error| PackError::io("read", &dir, error))?
                .path();
            if depth < 2 && path.is_dir() {
                waiting.push((path, depth + 1));
            } else if depth == 2 && path.extension().is_some_and(|ending| ending == "py") {
                found.extend(requirements::of_library(&read(&path)?.unwrap_or_default()));
            }
        }
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Option<String>, PackError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(PackError::io("read", path, error)),
    }
}

fn is_script(path: &Path) -> bool {
    let mut start = [0; 2];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && &start == b"#!"
}

/// Says whether `path` is a file that can be run.
pub(super) fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
