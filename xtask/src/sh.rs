//! Running programs.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What went wrong, for people.
#[derive(Debug)]
pub(crate) struct Error(String);

/// The result of a chore.
pub(crate) type Result<T = ()> = std::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<String> for Error {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// A program to run.
#[derive(Debug)]
pub(crate) struct Sh(Command);

/// Makes a command of the cargo that runs this.
pub(crate) fn cargo(args: &[&str]) -> Sh {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let sh = sh(program, args);
    // A variable of `cargo run` would make nested cargos rebuild.
    sh.env_remove("CARGO_MANIFEST_DIR")
        .env_remove("CARGO_PKG_NAME")
}

/// Makes a command.
pub(crate) fn sh(program: impl AsRef<OsStr>, args: &[&str]) -> Sh {
    let mut command = Command::new(program);
    command.args(args).current_dir(root()).stdin(Stdio::null());
    Sh(command)
}

impl Sh {
    /// Sets a variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    /// Takes a variable away.
    pub(crate) fn env_remove(mut self, name: &str) -> Self {
        self.0.env_remove(name);
        self
    }

    /// Sets the working directory.
    pub(crate) fn dir(mut self, dir: &Path) -> Self {
        self.0.current_dir(dir);
        self
    }

    /// Runs the command with our own output.
    pub(crate) fn run(mut self) -> Result {
        say(&format!("+ {}", self.line()));
        let status = self
            .0
            .status()
            .map_err(|error| format!("cannot run {}: {error}", self.line()))?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("{}: {status}", self.line()).into())
        }
    }

    /// Runs the command quietly and returns its standard output.
    pub(crate) fn read(mut self) -> Result<String> {
        let output = self
            .0
            .output()
            .map_err(|error| format!("cannot run {}: {error}", self.line()))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let text = [output.stdout, output.stderr].concat();
        Err(format!(
            "{}: {}\n{}",
            self.line(),
            output.status,
            String::from_utf8_lossy(&text)
        )
        .into())
    }

    /// Starts the command and leaves it running.
    pub(crate) fn start(mut self) -> Result<std::process::Child> {
        self.0.stdout(Stdio::null()).stderr(Stdio::null());
        Ok(self.0.spawn()?)
    }

    fn line(&self) -> String {
        let words = std::iter::once(self.0.get_program()).chain(self.0.get_args());
        words
            .map(|word| word.to_string_lossy())
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// Returns the root of the repository.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Prints a line for people.
pub(crate) fn say(line: &str) {
    // Nothing is left to do when standard error is closed.
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints a line of results.
pub(crate) fn print(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
