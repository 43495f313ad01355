//! A charm with scripts, and a `juju` that says what it was asked for.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use charmtest_scripts::broker::{Charms, Models, Program};
use charmtest_scripts::environment::{Facts, Packages};
use charmtest_scripts::run::Shell;
use charmtest_scripts::{ScriptResult, ScriptRun, Settings, run};

/// Shows its words and the files among them, and acts as a few commands would.
const JUJU: &str = r#"#!/bin/sh
echo "ran: $*"
for word; do
    word=${word#--config=}
    case $word in
    .root/*|./*|*.yaml|/*/call-*)
        if [ -d "$word" ]; then
            for file in "$word"/*; do echo "file $file: $(cat "$file")"; done
        elif [ -f "$word" ]; then
            echo "file $word: $(cat "$word")"
        fi ;;
    esac
done
case "$2 $3" in
"exec fail") exit 7 ;;
"exec hang") echo $$ > "$ROOM/hanging"; sleep 600 ;;
"exec where") echo "open $PWD/cfg.yaml: no; stat $PWD/./.root/etc/shadow: no" >&2 ;;
"exec err") echo on stderr >&2 ;;
"exec out") while :; do echo y; done ;;
"exec nothing") ;;
"ssh w/0") read line; echo "got $line" ;;
"status -o") echo written by status > "$4" ;;
"add-model --no-switch") if [ "$4" = slow ]; then : > "$ROOM/making"; sleep 1; fi ;;
"download ch:x") echo written by download > x_r1.charm ;;
esac
"#;

/// A charm, and where everything of a test is.
pub(crate) struct Room {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) charm: PathBuf,
    pub(crate) record: PathBuf,
}

impl Room {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let charm = dir.path().join("wiki");
        fs::create_dir_all(charm.join("tests")).unwrap();
        fs::write(charm.join("metadata.yaml"), "name: wiki\n").unwrap();
        write_program(&dir.path().join("juju"), JUJU);
        Self {
            record: dir.path().join("record"),
            charm,
            dir,
        }
    }

    /// Writes an executable into `tests/`.
    pub(crate) fn script(&self, name: &str, body: &str) {
        write_program(
            &self.charm.join("tests").join(name),
            &format!("#!/bin/sh\n{body}\n"),
        );
    }

    pub(crate) fn settings(&self, text: &str) {
        fs::write(self.charm.join("tests/tests.yaml"), text).unwrap();
    }

    /// Runs a script, and returns the result and what it printed.
    pub(crate) fn run(&self, script: &str) -> (ScriptResult, String) {
        self.run_for(script, Duration::from_secs(120))
    }

    pub(crate) fn run_for(&self, script: &str, limit: Duration) -> (ScriptResult, String) {
        let settings = Settings::read(&self.charm).unwrap();
        let _ = fs::remove_file(self.record.join("output.log"));
        let path = |name: &str| PathBuf::from(format!("/art/{name}.charm"));
        let variable = |name: &str, value: &Path| (name.into(), value.into());
        let result = run(&ScriptRun {
            charm: &self.charm,
            script,
            settings: &settings,
            facts: Facts {
                charm: "wiki".into(),
                ..Facts::default()
            },
            limit,
            program: Program {
                path: self.dir.path().join("juju"),
                env: vec![
                    variable("PATH", Path::new("/usr/bin:/bin")),
                    variable("JUJU_DATA", Path::new("/data")),
                    variable("SECRET", Path::new("x")),
                    variable("ROOM", self.dir.path()),
                ],
            },
            models: Models::new("ctl", "wiki-test", "admin"),
            charms: Charms {
                under_test: Some(("wiki".into(), path("wiki"))),
                collection: BTreeMap::from([("mysql".into(), path("mysql"))]),
                ..Charms::default()
            },
            client: &std::env::current_exe().unwrap(),
            hide_build_tools: false,
            packages: &Packages::default(),
            record: &self.record,
            enter: None,
            shell: Shell::Never,
            cancelled: &|| false,
            output: &|_| {},
        })
        .unwrap();
        let output = fs::read_to_string(&result.output).unwrap_or_default();
        (result, output)
    }
}

fn write_program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
