//! Packing through charmcraft by whoever may, or may not, use LXD.

use std::fs;
use std::process::Command;

use crate::bed::{PROGRAM, Said, executable};

/// A machine on which charmcraft is packed with: its user, its groups, its `sudo`.
struct Machine {
    dir: tempfile::TempDir,
}

impl Machine {
    /// Makes one whose user has this id and these groups, and which may have a group `lxd`.
    fn new(user: u32, groups: &str, has_lxd: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let machine = Self { dir };
        let path = |name: &str| machine.dir.path().join(name);
        for name in ["bin", "charm"] {
            fs::create_dir(path(name)).unwrap();
        }
        let metadata = "name: hello\nsummary: s\ndescription: d\n";
        fs::write(path("charm/charmcraft.yaml"), metadata).unwrap();
        fs::create_dir(path("packed")).unwrap();
        fs::write(path("packed/metadata.yaml"), metadata).unwrap();
        executable(&path("packed/dispatch"), "#!/bin/sh\n");
        charmtest_charm::pack_directory(&path("packed"), &path("ready")).unwrap();

        let log = path("log");
        let program = |name: &str, script: &str| {
            executable(
                &path("bin").join(name),
                &format!(
                    "#!/bin/sh\nlog() {{ echo \"$(basename $0) $*\" >> '{}'; }}\n{script}\n",
                    log.display()
                ),
            );
        };
        program(
            "id",
            &format!("case $1 in -u) echo {user};; -Gn) echo {groups};; esac"),
        );
        program("getent", &format!("[ \"$*\" = 'group lxd' ] && {has_lxd}"));
        program(
            "sudo",
            "log \"$1 $2 $3 $(basename $4) $5\"; shift 3; exec \"$@\"",
        );
        program(
            "charmcraft",
            &format!(
                "[ $1 = version ] && echo 'charmcraft 3' && exit\nlog \"$@\"; cp '{}' hello_amd64.charm",
                path("ready").display()
            ),
        );
        machine
    }

    /// Packs the charm; returns what was said and which programs ran.
    fn pack(&self, args: &[&str]) -> (Said, Vec<String>) {
        let path = |name: &str| self.dir.path().join(name);
        let output = Command::new(PROGRAM)
            .args(["charmtest", "pack", "charm", "--output-dir", "out"])
            .args(args)
            .current_dir(self.dir.path())
            .env("PATH", format!("{}:/usr/bin:/bin", path("bin").display()))
            .env("XDG_CACHE_HOME", path("cache"))
            .env_remove("CRAFT_BUILD_ENVIRONMENT")
            .output()
            .unwrap();
        let log = fs::read_to_string(path("log")).unwrap_or_default();
        (output.into(), log.lines().map(str::to_owned).collect())
    }
}

#[test]
fn who_may_not_use_lxd_packs_with_its_group() {
    let table = [
        (1000, "adm lxd", true, vec!["charmcraft pack"]),
        (
            1000,
            "adm",
            true,
            vec!["sudo -g lxd -E charmcraft pack", "charmcraft pack"],
        ),
        (0, "root", false, vec!["charmcraft pack"]),
    ];
    for (user, groups, has_lxd, expected) in table {
        let machine = Machine::new(user, groups, has_lxd);
        let (said, ran) = machine.pack(&[]);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert_eq!(said.stdout, "hello_amd64.charm\n");
        assert_eq!(ran, expected, "user {user} in {groups}, lxd {has_lxd}");
    }
}

#[test]
fn without_lxd_nothing_is_packed_unless_on_this_machine() {
    let machine = Machine::new(1000, "adm", false);
    let (said, ran) = machine.pack(&[]);
    assert_eq!(
        said.code,
        Some(i32::from(charmtest::exit::FAILED)),
        "{said:?}"
    );
    assert!(
        said.stderr.contains("no group `lxd`") && said.stderr.contains("--destructive-mode"),
        "{said:?}"
    );
    assert!(ran.is_empty(), "{ran:?}");

    let args = [
        "--destructive-mode",
        "--bases-index",
        "0",
        "--verbosity",
        "quiet",
        "--charmcraft-args",
        "--measure=x y",
    ];
    let (said, ran) = machine.pack(&args);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(
        ran,
        ["charmcraft pack --bases-index=0 --verbosity=quiet --measure=x y --destructive-mode"]
    );

    let (said, _) = machine.pack(&["--verbosity", "loud"]);
    assert_eq!(said.code, Some(i32::from(charmtest::exit::USAGE)));
    assert!(
        said.stderr.contains("quiet, brief, verbose, debug, trace"),
        "{said:?}"
    );
}
