//! Hostile commands at each level that this machine has, as this user and, when that is root, as an ordinary one too.
//!
//! It has a main of its own: the sandbox starts this very program as its shim.

mod attempts;
mod bed;
mod behaviour;
mod networks;

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};

/// Set in the run that is made as an ordinary user.
const AS_ORDINARY_USER: &str = "CHARMTEST_SANDBOX_TEST_USER";

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    if args
        .first()
        .is_some_and(|arg| arg == charmtest_sandbox::SHIM_ARGUMENT)
    {
        return charmtest_sandbox::shim_main(&args);
    }
    if args.first().is_some_and(|arg| arg == networks::INNER) {
        return networks::inner(&args[1..]);
    }
    if args.first().is_some_and(|arg| arg == behaviour::INNER) {
        return behaviour::inner();
    }
    let arguments = Arguments::from_args();
    let mut trials = attempts::trials();
    trials.extend(behaviour::trials());
    trials.extend(networks::trials());
    if std::env::var_os(AS_ORDINARY_USER).is_none() && bed::is_root() {
        trials.push(Trial::test(
            "all_of_it_as_an_ordinary_user",
            as_ordinary_user,
        ));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Runs all tests again as uid 65534.
fn as_ordinary_user() -> Result<(), Failed> {
    // Where cargo builds, an ordinary user may have no way in.
    let directory = tempfile::Builder::new().prefix("sandbox-user").tempdir()?;
    bed::open_to_all(directory.path(), 0o755)?;
    let program = directory.path().join("it");
    std::fs::copy(std::env::current_exe()?, &program)?;
    bed::open_to_all(&program, 0o755)?;
    let scratch = directory.path().join("tmp");
    std::fs::create_dir(&scratch)?;
    bed::open_to_all(&scratch, 0o1777)?;
    let output = Command::new("setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
        .arg(&program)
        .env(AS_ORDINARY_USER, "1")
        .env("TMPDIR", &scratch)
        .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
        .current_dir("/")
        .output()
        .map_err(|error| format!("setpriv: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        Ok(())
    } else {
        Err(format!(
            "{}\n{text}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )
        .into())
    }
}
