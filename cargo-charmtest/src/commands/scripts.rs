//! `cargo charmtest scripts`: the generic tests of charms, then the scripts in their `tests/`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use charmtest::generic::Generic;
use charmtest::juju::quote;
use charmtest_charm::{Archive, Charm};
use charmtest_sandbox::{Network, Request};
use charmtest_scripts::requirements::Wishes;
use charmtest_scripts::{Settings, discover, terminal};

use super::generic;
use crate::cli::ScriptsArgs;
use crate::error::{Error, Kind, Result};
use crate::report::say;
use crate::sandbox;
use crate::suite::{self, SuiteFile, SuiteRequirements, SuiteScripts, SuiteShell};

/// Runs the generic tests and the scripts of charms, and returns the exit code.
///
/// # Errors
///
/// Fails when a charm or its `tests/tests.yaml` cannot be read, and as running a suite does.
pub(crate) fn main(mut args: ScriptsArgs) -> Result<u8> {
    let command = command(&args);
    check(&args)?;
    if let Err(error) = args.sandbox.parse::<Request>() {
        return Err(Error::new(Kind::Usage, error.to_string()));
    }
    let sink = args.results.of_suite(&args.suite)?;
    if let Some(code) =
        sandbox::contained_suite(&args.inside, &args.suite, &args.charms, &args.results)?
    {
        return Ok(code);
    }
    let chosen = chosen("--charm", &args.choose)?;
    let previous: BTreeMap<String, PathBuf> = self::chosen("--previous", &args.previous)?
        .into_iter()
        .map(|(name, path)| (name, PathBuf::from(path)))
        .collect();
    if let Some((name, _)) = previous.iter().find(|(_, path)| !path.is_absolute()) {
        let text = format!("--previous {name}: an earlier version is a charm of this machine");
        return Err(Error::new(Kind::Usage, text));
    }
    let paths = charms_of(&args.charms)?;
    let mut charms = suite::charms(&paths)?;
    let directory = tempfile::Builder::new()
        .prefix("charmtest-scripts-")
        .tempdir();
    let directory = directory.map_err(Error::infrastructure)?;

    let mut collection = BTreeMap::new();
    let mut unpackable = BTreeMap::new();
    let mut read = Vec::new();
    for (at, charm) in charms.iter().enumerate() {
        let room = directory.path().join(at.to_string());
        fs::create_dir(&room).map_err(Error::infrastructure)?;
        let known = Charm::read(&charm.path).map_err(|error| Error::caused(Kind::Usage, &error))?;
        let name = known.metadata.name.as_str().to_owned();
        let source = source(&charm.path, &room)?;
        let packed = match args.suite.list {
            true => Ok(charm.path.clone()),
            false => suite::packed(&charm.path, &name, &room),
        };
        // The tests of the other charms say as much about those as ever.
        let packed = packed.map_err(|error| {
            let why = format!("charm {name} cannot be packed: {}", error.message());
            say(&format!("warning: {why}"));
            why
        });
        let is_first = !collection.contains_key(&name) && !unpackable.contains_key(&name);
        match &packed {
            Ok(artifact) if is_first => drop(collection.insert(name.clone(), artifact.clone())),
            Err(why) if is_first => drop(unpackable.insert(name.clone(), why.clone())),
            _ => {}
        }
        read.push((name, source, packed));
    }
    for name in previous.keys() {
        let is_known = collection.contains_key(name) || unpackable.contains_key(name);
        if !is_known && !chosen.contains_key(name) {
            say(&format!(
                "warning: --previous {name}: no charm of this run has this name: only a script that says `juju deploy-previous {name}` uses it"
            ));
        }
    }
    for (charm, (name, source, packed)) in charms.iter_mut().zip(read) {
        let (artifact, unpacked) = match packed {
            Ok(artifact) => (artifact, None),
            Err(why) => (charm.path.clone(), Some(why)),
        };
        if !args.no_generic {
            charm.generic = generic::ids(&args.generic);
            charm.require = args.generic.require;
            charm.previous = previous.get(&name).cloned();
        }
        let settings = Settings::read(&source)
            .map_err(|error| Error::new(Kind::Usage, format!("charm {name}: {error}")))?;
        let found = discover(&source, &settings.tests).map_err(|error| {
            Error::infrastructure(format!("charm {name}: cannot read tests/: {error}"))
        })?;
        let own = settings.of_scripts(&source, &found.scripts);
        let own = own.map_err(|error| Error::new(Kind::Usage, format!("charm {name}: {error}")))?;
        for warning in settings.warnings.iter().chain(&found.warnings).chain(&own) {
            say(&format!("warning: charm {name}: {warning}"));
        }
        let requirements = match found.scripts.is_empty() || args.suite.list {
            true => SuiteRequirements::default(),
            false => SuiteRequirements::of(&source, &settings, wishes(&args)),
        };
        charm.scripts = Some(SuiteScripts {
            charm: name,
            requirements,
            directory: source,
            artifact,
            unpacked,
            names: found.scripts,
            collection: collection.clone(),
            unpackable: unpackable.clone(),
            chosen: chosen.clone(),
            previous: previous.clone(),
            shelf: None,
            limit_s: suite::script_limit(&args.suite.flags),
            hide_build_tools: args.hide_build_tools,
            sandbox: args.sandbox.clone(),
            shell: match (args.shell, args.debug) {
                (true, _) => SuiteShell::Instead,
                (_, true) => SuiteShell::AfterFailure,
                _ => SuiteShell::Never,
            },
        });
    }
    if args.shell || args.debug {
        // One terminal is for one shell.
        args.suite.flags.jobs = std::num::NonZeroUsize::new(1);
    }
    let suite = SuiteFile::new("scripts", charms);
    Ok(suite::run(&suite, args.suite, &command, sink)?.code)
}

/// Returns what may be done about packages that scripts need.
fn wishes(args: &ScriptsArgs) -> Wishes {
    Wishes {
        install: args.install_requirements,
        overlay: args.requirements.is_some(),
        allow_installed: args.allow_installed,
    }
}

fn check(args: &ScriptsArgs) -> Result<()> {
    if args.no_generic && !args.generic.ids.is_empty() {
        let text = "--no-generic leaves the tests out that --generic names";
        return Err(Error::new(Kind::Usage, text));
    }
    let option = match (args.shell, args.debug) {
        (true, _) => "--shell",
        (_, true) => "--debug",
        _ => return Ok(()),
    };
    if args.inside.contain || args.inside.network != Network::Host {
        let text = format!("{option} opens no shell in a run that is contained as a whole");
        let hint = "leave --contain and --network out; --sandbox LEVEL restricts the scripts alone";
        return Err(Error::new(Kind::Usage, text).hint(hint));
    }
    terminal::check().map_err(|error| {
        let text = format!("{option} opens a shell on the terminal: {error}");
        Error::new(Kind::Usage, text)
            .hint("--keep-models keeps the model of a failed script instead")
    })
}

/// Reads `NAME=CHARM`: a path, made absolute, or a reference such as `ch:mysql`.
fn chosen(option: &str, given: &[String]) -> Result<BTreeMap<String, String>> {
    let read = |text: &String| {
        let (name, to) = text
            .split_once('=')
            .filter(|(name, to)| !name.is_empty() && !to.is_empty())
            .ok_or_else(|| Error::new(Kind::Usage, format!("{option} {text} is not NAME=CHARM")))?;
        let to = match to.starts_with("ch:") {
            true => to.to_owned(),
            false => {
                let path = fs::canonicalize(to).map_err(|error| {
                    Error::new(Kind::Usage, format!("{option} {text}: {to}: {error}"))
                })?;
                path.display().to_string()
            }
        };
        Ok((name.to_owned(), to))
    };
    given.iter().map(read).collect()
}

/// Replaces directories that are no charms by the charms directly in them, in the order of their names.
fn charms_of(given: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let is_charm = |path: &Path| {
        ["metadata.yaml", "charmcraft.yaml"]
            .iter()
            .any(|name| path.join(name).is_file())
    };
    let mut charms = Vec::new();
    for path in given {
        if is_charm(path) || !path.is_dir() {
            charms.push(path.clone());
            continue;
        }
        let entries = fs::read_dir(path).map_err(|error| {
            Error::infrastructure(format!("cannot read {}: {error}", path.display()))
        })?;
        let mut inside: Vec<PathBuf> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| is_charm(path))
            .collect();
        inside.sort();
        if inside.is_empty() {
            let text = format!(
                "{} is neither a charm nor a directory of charms",
                path.display()
            );
            return Err(Error::new(Kind::Usage, text));
        }
        charms.extend(inside);
    }
    Ok(charms)
}

/// Returns the directory of a charm; a `.charm` file is unpacked.
fn source(path: &Path, room: &Path) -> Result<PathBuf> {
    if path.is_dir() {
        return Ok(path.to_owned());
    }
    let source = room.join("source");
    let archive = Archive::open(path).map_err(|error| Error::caused(Kind::Usage, &error))?;
    archive
        .extract_to(&source)
        .map_err(|error| Error::caused(Kind::Failed, &error))?;
    Ok(source)
}

/// Returns the command for the user's shell.
fn command(args: &ScriptsArgs) -> String {
    let mut words = vec!["cargo charmtest scripts".to_owned()];
    words.extend(args.charms.iter().map(quote));
    if args.no_generic {
        words.push("--no-generic".to_owned());
    }
    if !args.generic.ids.is_empty() {
        let ids: Vec<&str> = args
            .generic
            .ids
            .iter()
            .map(|id: &Generic| id.id())
            .collect();
        words.extend(["--generic".to_owned(), ids.join(",")]);
    }
    words.extend(
        args.choose
            .iter()
            .flat_map(|charm| ["--charm".to_owned(), quote(charm)]),
    );
    words.extend(
        args.previous
            .iter()
            .flat_map(|charm| ["--previous".to_owned(), quote(charm)]),
    );
    if args.sandbox != "auto" {
        words.extend(["--sandbox".to_owned(), args.sandbox.clone()]);
    }
    for (given, option) in [
        (args.hide_build_tools, "--hide-build-tools"),
        (args.install_requirements, "--install-requirements"),
        (args.requirements.is_some(), "--requirements=overlay"),
        (args.allow_installed, "--allow-installed"),
    ] {
        if given {
            words.push(option.to_owned());
        }
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_of_charms_are_the_charms_in_them() {
        let room = tempfile::tempdir().unwrap();
        for name in ["b", "a", "no"] {
            fs::create_dir(room.path().join(name)).unwrap();
        }
        for name in ["a", "b"] {
            fs::write(room.path().join(name).join("metadata.yaml"), "name: x\n").unwrap();
        }
        let path = |name: &str| room.path().join(name);
        let all = charms_of(&[room.path().to_owned(), path("b")]).unwrap();
        assert_eq!(all, [path("a"), path("b"), path("b")]);
        assert!(charms_of(&[path("no")]).is_err());
    }

    #[test]
    fn what_names_stand_for_is_read() {
        let read = |text: &str| chosen("--charm", &[text.to_owned()]);
        assert_eq!(read("a=ch:b").unwrap()["a"], "ch:b");
        assert_eq!(read("a=/").unwrap()["a"], "/");
        for text in ["a", "=x", "a=", "a=/nosuch"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
