//! A disk that is really full while a run is recorded: a small file system of its own where this process may mount one, else (and
//! always, too) a limit on the size of files, at which writing fails as well.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::binary::{Run, finish};
use crate::evidence::World;

/// How the disk is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// A file system of 64 KiB, in a mount namespace of its own.
    Mounted,
    /// No process may write more than so many bytes to a file; `juju` lifts that for itself.
    Limited,
}

/// How much room there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    /// For all files but the long log.
    Some,
    /// For nothing.
    None,
}

/// Arguments: the directory that is the disk, where to copy what it holds at the end, how much of it is taken; the command.
const MOUNTED: &str = r#"
mount -t tmpfs -o size=64k none "$1" || exit 99
head -c "$3" /dev/zero > "$1/filler" 2> /dev/null
disk=$1 saved=$2
shift 3
"$@"
code=$?
rm "$disk/filler"
cp -r "$disk/." "$saved"
exit $code
"#;

/// Arguments: how many blocks of 512 bytes a file may have; the command. Writing more is an error, not the end.
const LIMITED: &str = r#"trap '' XFSZ; ulimit -S -f "$1" || exit 99; shift; exec "$@""#;

impl Way {
    /// Returns the ways that there are here, and says which.
    #[expect(clippy::print_stdout, reason = "what was not done is told")]
    fn all() -> Vec<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mut mount = Command::new("unshare");
        mount
            .args(["-m", "mount", "-t", "tmpfs", "none"])
            .arg(dir.path());
        let mounts = mount.output().is_ok_and(|output| output.status.success());
        let mut ways = vec![Self::Limited];
        if mounts {
            ways.push(Self::Mounted);
        }
        println!("full disk by {ways:?}");
        ways
    }

    fn error(self) -> &'static str {
        match self {
            Self::Mounted => "No space left on device",
            Self::Limited => "File too large",
        }
    }

    /// Runs the failing test with its record and the user's state on such a disk; returns where that is afterwards.
    fn run(self, world: &World, room: Room) -> (Run, PathBuf) {
        let [disk, saved] = ["disk", "saved"].map(|name| world.path().join(name));
        for directory in [&disk, &saved] {
            fs::create_dir(directory).unwrap();
        }
        let mut test = world.command();
        test.arg("evidence")
            .env("CHARMTEST_RECORD_DIR", disk.join("records"))
            .env("XDG_STATE_HOME", disk.join("state"));
        let mut command = match self {
            Self::Mounted => {
                let mut command = Command::new("unshare");
                let taken = if room == Room::Some { "0" } else { "65536" };
                command.args(["-m", "sh", "-c", MOUNTED, "sh"]);
                command.args([&disk, &saved]).arg(taken);
                command
            }
            Self::Limited => {
                let mut command = Command::new("sh");
                let blocks = if room == Room::Some { "32" } else { "0" };
                command.args(["-c", LIMITED, "sh", blocks]);
                command
            }
        };
        command
            .arg(test.get_program())
            .args(test.get_args())
            .current_dir(test.get_current_dir().unwrap());
        for (name, value) in test.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let left = if self == Self::Mounted { saved } else { disk };
        (finish(&mut command), left)
    }
}

/// Returns the files of the evidence, with their sizes.
fn evidence(disk: &Path) -> Vec<(String, u64)> {
    let directory = disk.join("records/evidence/fails_with_a_model");
    let files = fs::read_dir(directory).into_iter().flatten();
    let mut files: Vec<_> = files
        .map(|file| {
            let file = file.unwrap();
            let size = file.metadata().unwrap().len();
            (file.file_name().into_string().unwrap(), size)
        })
        .collect();
    files.sort();
    files
}

/// Asserts what holds whatever the disk holds: the verdict, what the user is shown, the end of the model.
#[track_caller]
fn assert_told(run: &Run, world: &World) {
    assert_eq!(run.code, Some(101), "{}{}", run.stdout, run.stderr);
    for text in ["not ready: <hidden>\n", "  | web/0: blocked: no database\n"] {
        assert!(run.stdout.contains(text), "no {text:?} in {}", run.stdout);
    }
    assert_eq!(world.read("model"), "", "the model is destroyed");
}

#[test]
fn a_file_that_does_not_fit_is_named_and_costs_no_other() {
    for way in Way::all() {
        let world = World::new();
        let line = "unit-web-0: 2999-01-01 00:00:00 INFO unit.web/0.juju-log again\n";
        fs::write(world.path().join("long-log"), line.repeat(5_000)).unwrap();
        let (run, disk) = way.run(&world, Room::Some);
        assert_told(&run, &world);
        let file = "records/evidence/fails_with_a_model/debug-log.txt";
        let file = world.path().join("disk").join(file);
        let warning = format!(
            "warning: the evidence is not complete: cannot write {}: {}",
            file.display(),
            way.error()
        );
        assert!(run.stderr.contains(&warning), "{way:?}: {}", run.stderr);
        assert_eq!(
            run.stderr.matches("warning:").count(),
            1,
            "{way:?}: {}",
            run.stderr
        );
        let files = evidence(&disk);
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "commands.txt",
                "hooks.txt",
                "message.txt",
                "show-unit.yaml",
                "status-log.txt",
                "status.json",
                "status.txt"
            ],
            "{way:?}"
        );
        assert!(
            files.iter().all(|(_, size)| *size > 0),
            "{way:?}: {files:?}"
        );
        let commands = fs::read_to_string(disk.join("records/commands.jsonl")).unwrap();
        assert!(commands.contains("destroy-model"), "{way:?}: {commands}");
    }
}

#[test]
fn without_any_room_everything_that_is_lost_is_named() {
    for way in Way::all() {
        let world = World::new();
        let (run, disk) = way.run(&world, Room::None);
        assert_told(&run, &world);
        for warning in [
            "the evidence is not complete: cannot write ",
            "the models of this run are not on record, so `cargo charmtest clean` will not find them: ",
            "commands.jsonl is not complete: ",
            "--last-failed will not know of this run: ",
        ] {
            let line = run.stderr.lines().find(|line| line.contains(warning));
            let line = line.unwrap_or_else(|| panic!("{way:?}: no {warning:?} in {}", run.stderr));
            assert!(line.starts_with("charmtest: warning: "), "{line}");
            assert!(line.contains(way.error()), "{way:?}: {line}");
        }
        let named = run
            .stderr
            .lines()
            .find(|line| line.contains("the evidence"))
            .unwrap();
        for name in ["message.txt", "status.json", "debug-log.txt", "hooks.txt"] {
            assert!(named.contains(name), "{way:?}: {named}");
        }
        assert_eq!(evidence(&disk), [], "{way:?}");
    }
}
