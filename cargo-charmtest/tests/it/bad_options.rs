//! Options with wrong values, in each place where they can be given: nothing is begun.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use charmtest::harness::{OptionKind, ProfileOption, profile_options};

use crate::author::{author, cargo_command};
use crate::bed::{Bed, PROGRAM, Said};

/// A wrong value of an option, by the option's key; nothing where every text is a right one.
fn wrong_value(key: &str) -> Option<&'static str> {
    Some(match key {
        "backend" => "cloud",
        "basetemp" | "crash-dump-output" => "Cargo.toml/files",
        "charm-path" => "web=nosuch.charm",
        "charmcraft-args" => return None,
        "cloud" | "controller" | "model-alias" => "two words",
        "crash-dump" => "sometimes",
        "crash-dump-args" => "'not closed",
        "destroy-storage" | "destructive-mode" | "failed-first" | "keep-models" | "last-failed"
        | "no-crash-dump" | "no-deploy" => "perhaps",
        "durations" => "many",
        "filter" | "tags" => "slow and (",
        "jobs" => "0",
        "juju" => "",
        "juju-max-frame-size" | "maxfail" => "-1",
        "juju-version" => "four",
        "model" => "Bad_Name",
        "model-config" => "nosuch.yaml",
        "teardown-timeout" | "test-timeout" => "soon",
        _ => panic!("`{key}` is a new option: say what is a wrong value of it"),
    })
}

/// Runs `cargo charmtest` in a crate.
fn charmtest(bed: &Bed, dir: &Path, variable: Option<(&str, &str)>, args: &[String]) -> Said {
    let cargo = cargo_command(bed, dir, &[]);
    let ours = cargo.get_envs();
    let mut command = Command::new(PROGRAM);
    command
        .arg("charmtest")
        .args(args)
        .envs(ours.filter_map(|(name, value)| Some((name, value?))))
        .envs(variable)
        .current_dir(dir)
        .stdin(Stdio::null());
    command.output().unwrap().into()
}

#[test]
fn a_wrong_value_is_refused_wherever_it_is_given() {
    let bed = Bed::bare();
    let dir = author(&bed, "author-wrong");
    let profile = dir.join(".config/charmtest.toml");
    fs::create_dir(dir.join(".config")).unwrap();
    let mut tried = 0;
    let mut assert_refused = |said: Said, place: &str, names: &[&str]| {
        assert_eq!(said.code, Some(2), "{place}: {said:?}");
        for name in names {
            assert!(said.stderr.contains(name), "{place}: no {name} in {said:?}");
        }
        assert_eq!(said.stdout, "", "{place}");
        tried += 1;
    };
    for ProfileOption {
        key,
        variable,
        kind,
        flag,
    } in profile_options()
    {
        let wrong = wrong_value(&key);
        let argument = match wrong {
            Some(value) => format!("{flag}={value}"),
            None => flag.clone(),
        };
        let said = charmtest(&bed, &dir, None, std::slice::from_ref(&argument));
        assert_refused(said, &argument, &[&flag]);

        // An empty variable counts as not set.
        if let Some(value) = wrong.filter(|value| !value.is_empty()) {
            let place = format!("{variable}={value}");
            let said = charmtest(&bed, &dir, Some((&variable, value)), &[]);
            assert_refused(said, &place, &[&flag]);
        }

        let value = match (kind, wrong) {
            (OptionKind::Texts, Some(value)) => format!("[{value:?}]"),
            (_, value) => format!("{:?}", value.unwrap_or_default()),
        };
        let text = format!("[profile.default]\n{key} = {value}\n");
        fs::write(&profile, &text).unwrap();
        let said = charmtest(&bed, &dir, None, &[]);
        let names = ["charmtest.toml:2: ", &format!("`{key}`")];
        assert_refused(said, &text, &names);
        fs::remove_file(&profile).unwrap();
    }
    assert!(tried > 3 * 25, "{tried}");
    // Nothing was built, started, or put on record.
    for begun in [bed.data(), bed.path().join("state"), dir.join("target")] {
        assert!(!begun.exists(), "{}", begun.display());
    }
}
