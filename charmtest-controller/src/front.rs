//! What `juju` does in the client before it asks the daemon: aliases of the user, and plugins.
//!
//! Both are Juju's (its `cmd` package and `cmd/juju/commands/plugin.go`, all versions): a line `NAME = WORDS` of the file `aliases` in
//! the data directory replaces the command `NAME`; a command that Juju does not have is the program `juju-NAME` on the `PATH`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use crate::JujuVersion;
use crate::cli;

/// Aliases and what they stand for.
type Aliases = BTreeMap<String, Vec<String>>;

/// Replaces an alias of the user by what it stands for. What makes no sense in the file of aliases is told on standard error.
pub(crate) fn expand(aliases: &str, argv: Vec<String>) -> Vec<String> {
    let (aliases, complaints) = parse(aliases);
    for complaint in complaints {
        // Nothing is left to do when standard error is closed.
        let _ = writeln!(io::stderr(), "WARNING {complaint}");
    }
    replace(&aliases, argv)
}

/// Reads the lines `NAME = WORDS`, and says which are none.
fn parse(text: &str) -> (Aliases, Vec<String>) {
    let mut aliases = Aliases::new();
    let mut complaints = Vec::new();
    let lines = text.lines().map(str::trim).zip(1..);
    for (line, number) in lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#')) {
        let mut complain = |what: &str| complaints.push(format!("line {number} {what}: {line}"));
        let Some((name, words)) = line.split_once('=') else {
            complain("bad in alias file");
            continue;
        };
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        match name.trim() {
            "" => complain("missing alias name in alias file"),
            _ if words.is_empty() => complain("missing alias value in alias file"),
            name => {
                aliases.insert(name.to_owned(), words);
            }
        }
    }
    (aliases, complaints)
}

fn replace(aliases: &Aliases, mut argv: Vec<String>) -> Vec<String> {
    if let Some(command) = cli::command_of(&argv)
        && !command.no_alias
        && let Some(words) = aliases.get(&argv[command.at])
    {
        argv.splice(command.at..=command.at, words.iter().cloned());
    }
    argv
}

/// A program to run in place of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Plugin {
    program: String,
    args: Vec<String>,
    /// Variables that it gets beside the client's own.
    env: Vec<(&'static str, String)>,
}

/// Runs the plugin that the arguments mean and returns its exit code; `None` when they mean none, or there is no such program.
///
/// # Errors
///
/// Fails when the program is there and cannot be run, or is ended by a signal.
pub(crate) fn run_plugin(argv: &[String], juju: JujuVersion) -> io::Result<Option<u8>> {
    let Some(plugin) = plugin(argv, juju) else {
        return Ok(None);
    };
    let mut command = Command::new(&plugin.program);
    command.args(&plugin.args).envs(plugin.env);
    match command.status() {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => Ok(Some(u8::try_from(code).unwrap_or(1))),
            (None, signal) => Err(io::Error::other(format!(
                "{} was ended by signal {}",
                plugin.program,
                signal.unwrap_or_default()
            ))),
        },
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(io::Error::new(
            error.kind(),
            format!("cannot run {}: {error}", plugin.program),
        )),
    }
}

/// Returns the plugin that a command line would be: `juju NAME ARGS`, or `juju help NAME`, with a name that Juju does not have.
fn plugin(argv: &[String], juju: JujuVersion) -> Option<Plugin> {
    let at = cli::command_of(argv)?.at;
    let (name, args) = match argv[at].as_str() {
        "help" => (argv.get(at + 1)?, vec!["--help".to_owned()]),
        _ => (&argv[at], argv[at + 1..].to_vec()),
    };
    if cli::is_word_of_juju(name, juju) {
        return None;
    }
    let mut env = Vec::new();
    let mut rest = args.iter();
    while let Some(argument) = rest.next() {
        let variable = match argument.as_str() {
            "-m" | "--model" => "JUJU_MODEL",
            "-c" | "--controller" => "JUJU_CONTROLLER",
            _ => continue,
        };
        env.extend(rest.next().map(|value| (variable, value.clone())));
    }
    Some(Plugin {
        program: format!("juju-{name}"),
        args,
        env,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn aliases_replace_the_command() {
        let file = "# mine\n\nst = status --format json\nstatus=models\n bad\n = x\nempty =\n";
        let (aliases, complaints) = parse(file);
        assert_eq!(
            complaints,
            [
                "line 5 bad in alias file: bad",
                "line 6 missing alias name in alias file: = x",
                "line 7 missing alias value in alias file: empty =",
            ]
        );
        for (line, expected) in [
            ("st -m m", "status --format json -m m"),
            ("--debug st", "--debug status --format json"),
            // An alias wins over a command, and is not looked up again.
            ("status", "models"),
            ("--no-alias status", "--no-alias status"),
            ("deploy st", "deploy st"),
            ("", ""),
            ("--nosuch st", "--nosuch st"),
        ] {
            assert_eq!(replace(&aliases, words(line)), words(expected), "{line}");
        }
    }

    #[test]
    fn what_juju_does_not_have_is_a_plugin() {
        let found = |line: &str| plugin(&words(line), JujuVersion::V3_6);
        let wait = found("--debug wait -m c:m --timeout 5 -c x -- -m").unwrap();
        assert_eq!(
            (wait.program.as_str(), wait.args.join(" ").as_str()),
            ("juju-wait", "-m c:m --timeout 5 -c x -- -m")
        );
        assert_eq!(
            wait.env,
            [
                ("JUJU_MODEL", "c:m".to_owned()),
                ("JUJU_CONTROLLER", "x".to_owned())
            ]
        );
        assert_eq!(found("help wait").unwrap().args, ["--help"]);
        for line in [
            "status",
            "list-models",
            "bootstrap",
            "help",
            "help status",
            "help topics",
            "",
            "--version",
        ] {
            assert_eq!(found(line), None, "{line}");
        }
        // Gone in 4.0.
        assert_eq!(found("wait-for x"), None);
        assert!(plugin(&words("wait-for x"), JujuVersion::V4_0).is_some());
    }
}
