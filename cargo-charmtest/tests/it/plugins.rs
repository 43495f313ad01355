//! Aliases of the user, and plugins: programs `juju-NAME` on the `PATH`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use crate::bed::{Bed, Said};

/// Runs `juju` with the bed's own `programs` directory in front of the `PATH`.
fn juju(bed: &Bed, args: &[&str]) -> Said {
    let path = std::env::var("PATH").unwrap_or_default();
    let programs = bed.path().join("programs");
    let output = bed
        .command(args)
        .env("PATH", format!("{}:{path}", programs.display()))
        .stdin(Stdio::null())
        .output();
    output.unwrap().into()
}

#[test]
fn a_plugin_runs_in_the_client_with_its_own_exit_code() {
    let bed = Bed::new();
    let programs = bed.path().join("programs");
    fs::create_dir(&programs).unwrap();
    let plugin = programs.join("juju-probe");
    let script =
        "#!/bin/sh\necho \"$JUJU_MODEL|$JUJU_CONTROLLER|$(pwd)|$*\"\necho oops >&2\nexit 7\n";
    fs::write(&plugin, script).unwrap();
    fs::set_permissions(&plugin, fs::Permissions::from_mode(0o755)).unwrap();
    let here = bed.path().canonicalize().unwrap();
    let said = juju(&bed, &["probe", "-m", "m", "--controller", "c", "x"]);
    assert_eq!(
        (said.code, said.stderr.as_str()),
        (Some(7), "oops\n"),
        "{}",
        said.stdout
    );
    assert_eq!(
        said.stdout,
        format!("m|c|{}|-m m --controller c x\n", here.display())
    );
    let said = juju(&bed, &["help", "probe"]);
    assert!(said.stdout.ends_with("|--help\n"), "{}", said.stdout);
    // Without the program it is a command that nobody knows.
    fs::remove_file(plugin).unwrap();
    let said = juju(&bed, &["probe"]);
    assert!(
        said.code == Some(1) && said.stderr.contains("\"probe\" is not a juju command"),
        "{said:?}"
    );
}

#[test]
fn aliases_of_the_user_are_commands() {
    let bed = Bed::new();
    fs::write(
        bed.data().join("aliases"),
        "where = show-model --format json\n# not one\nnot one\n",
    )
    .unwrap();
    let said = bed.try_juju(&["where", "m"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.starts_with("{\"m\":"), "{said:?}");
    assert_eq!(said.stderr, "WARNING line 3 bad in alias file: not one\n");
    let said = bed.try_juju(&["--no-alias", "where", "m"]);
    assert_eq!(said.code, Some(1), "{said:?}");
}
