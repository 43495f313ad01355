//! `cargo charmtest with`: any command, with the embedded `juju` and a controller of its own.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use charmtest_controller::DataDir;

use crate::cli::WithArgs;
use crate::error::{Error, Kind, Result};
use crate::record;
use crate::report::say;
use crate::run::process;
use crate::run::signals;

/// How long destroying all models may take.
const CLEAN_LIMIT: Duration = Duration::from_secs(300);

/// Runs a command whose `juju` is the embedded one, then destroys the models that it left; returns the command's exit code.
///
/// # Errors
///
/// Fails when the controller or the command cannot be started, or when its models cannot be destroyed.
pub(crate) fn main(args: &WithArgs) -> Result<u8> {
    let runs = record::runs_dir()
        .ok_or_else(|| Error::infrastructure("neither XDG_STATE_HOME nor HOME is set"))?;
    let root = runs.join(record::new_id()).join("data");
    let data = DataDir::open(&root).map_err(Error::infrastructure)?;
    charmtest_controller::start(&data).map_err(Error::infrastructure)?;
    say(&format!(
        "    Backend embedded controller, Juju {}, data in {}",
        charmtest_controller::JUJU_VERSION,
        root.display()
    ));
    let code = run(&args.command, &data);
    if args.keep_models {
        say(&format!(
            "       Kept the models; look at them with: CHARMTEST_DATA={} cargo charmtest juju status",
            root.display()
        ));
        return code;
    }
    let cleaned = clean(&data);
    let code = code?;
    cleaned?;
    Ok(code)
}

fn run(command: &[String], data: &DataDir) -> Result<u8> {
    let [program, rest @ ..] = command else {
        return Err(Error::new(Kind::Usage, "no command to run"));
    };
    // The command gets ^C from the terminal itself; we only have to outlive it.
    let (ignored, _signals) = mpsc::channel();
    signals::forward(ignored).map_err(Error::infrastructure)?;
    let status = Command::new(program)
        .args(rest)
        .env("PATH", path_with(&data.bin()))
        .env("JUJU_DATA", data.root())
        .env("CHARMTEST_DATA", data.root())
        .env_remove("JUJU_MODEL")
        .env_remove("JUJU_CONTROLLER")
        .status()
        .map_err(|error| Error::infrastructure(format!("cannot run `{program}`: {error}")))?;
    let signal = status
        .signal()
        .and_then(|signal| u8::try_from(128 + signal).ok());
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.or(signal).unwrap_or(charmtest::exit::FAILED))
}

/// Destroys all models, ends the controller and deletes its data.
fn clean(data: &DataDir) -> Result<()> {
    let juju = data.bin().join("juju");
    let call = |args: &[&str]| {
        let mut command = Command::new(&juju);
        command
            .args(args)
            .env("CHARMTEST_DATA", data.root())
            .stdin(Stdio::null());
        process::output(command, CLEAN_LIMIT).map_err(Error::infrastructure)
    };
    let listed = call(&["models", "--format", "json"])?;
    let models: serde_json::Value = serde_json::from_str(&listed.stdout).map_err(|error| {
        Error::infrastructure(format!(
            "cannot list the models to destroy: {error}: {}",
            listed.stderr
        ))
    })?;
    let names = models["models"].as_array().into_iter().flatten();
    let mut left = Vec::new();
    for name in names.filter_map(|model| model["short-name"].as_str()) {
        let gone = call(&[
            "destroy-model",
            "--no-prompt",
            "--force",
            "--no-wait",
            "--destroy-storage",
            name,
        ])?;
        if gone.code != Some(0) {
            left.push(format!("{name}: {}", gone.stderr.trim()));
        }
    }
    charmtest_controller::stop(data).map_err(Error::infrastructure)?;
    if !left.is_empty() {
        return Err(Error::new(
            Kind::Failed,
            format!(
                "models are left over in {}:\n{}",
                data.root().display(),
                left.join("\n")
            ),
        ));
    }
    let parent = data.root().parent().unwrap_or(data.root());
    std::fs::remove_dir_all(parent).map_err(|error| {
        Error::infrastructure(format!("cannot delete {}: {error}", parent.display()))
    })
}

fn path_with(dir: &Path) -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::iter::once(dir.to_owned()).chain(std::env::split_paths(&path));
    // A directory name that holds a colon cannot be on PATH; ours comes from the state directory.
    std::env::join_paths(dirs).unwrap_or(path)
}
