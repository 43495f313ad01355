//! A fake `juju`: a shell script in a temporary directory.

use charmtest::juju::{BackendKind, Juju};
use charmtest::ops_test::Model;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A `juju` that does what a shell script says and notes the arguments of each call.
pub(crate) struct FakeJuju {
    dir: TempDir,
}

impl FakeJuju {
    /// Makes a `juju` of a script; `$CALLS` is the file that it notes its arguments in.
    pub(crate) fn new(script: &str) -> Self {
        let fake = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let note = format!(
            "#!/bin/sh\nhere='{}'\nprintf '%s\\n' \"$*\" >> \"$here/calls\"\n",
            fake.dir.path().display()
        );
        write_script(&fake.program(), &format!("{note}{script}\n"));
        fake
    }

    /// Makes a `juju` that answers `show-model` for a machine model and does what the script says for the rest.
    pub(crate) fn with_model(script: &str) -> Self {
        Self::new(&format!(
            r#"case "$1" in show-model) echo '{{"m":{{"name":"admin/m","short-name":"m","model-uuid":"u1","model-type":"iaas","controller-name":"c"}}}}'; exit;; esac
{script}"#
        ))
    }

    /// Makes a `juju` that answers as a real Juju 4.0.15 did: to a command line that matches a pattern of the shell with what
    /// the record of that number holds. To anything else it answers with an error.
    pub(crate) fn recorded(answers: &[(&str, &str)]) -> Self {
        let answer = |(pattern, id): &(&str, &str)| {
            let record = record(id);
            let text = |key: &str| record[key].as_str().unwrap().replace('\'', r"'\''");
            let pattern = pattern.replace(' ', "\\ ");
            format!(
                "{pattern}) printf '%s' '{}'; printf '%s' '{}' >&2; exit {};;\n",
                text("stdout"),
                text("stderr"),
                record["exit"]
            )
        };
        let cases: String = answers.iter().map(answer).collect();
        Self::with_model(&format!(
            "case \"$*\" in\n{cases}esac\necho \"ERROR nobody recorded: $*\" >&2; exit 99"
        ))
    }

    pub(crate) fn program(&self) -> PathBuf {
        self.dir.path().join("juju")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn juju(&self) -> Juju {
        Juju::new(self.program())
    }

    /// Returns the model `c:m` on this `juju`, and forgets the call that asked for it.
    pub(crate) async fn model(&self) -> Model {
        self.model_of(BackendKind::Embedded).await
    }

    pub(crate) async fn model_of(&self, kind: BackendKind) -> Model {
        self.model_on(self.juju().with_kind(kind)).await
    }

    /// Returns the model `c:m` on this `juju` as one of that version.
    pub(crate) async fn model_of_version(&self, version: &str) -> Model {
        self.model_on(self.juju().with_version(version.parse().unwrap()))
            .await
    }

    async fn model_on(&self, juju: Juju) -> Model {
        let model = Model::adopt(&juju, &"c:m".try_into().unwrap())
            .await
            .unwrap()
            .unwrap();
        fs::remove_file(self.path("calls")).unwrap();
        model
    }

    /// Returns the arguments of each call.
    pub(crate) fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("calls")).unwrap_or_default();
        text.lines().map(ToOwned::to_owned).collect()
    }

    /// Returns a text without the path of the temporary directory.
    pub(crate) fn tidy(&self, text: impl ToString) -> String {
        text.to_string()
            .replace(&format!("{}/", self.dir.path().display()), "")
    }
}

/// Returns a record of the session of commands with a real Juju 4.0.15: `TOPIC-NUMBER`.
fn record(id: &str) -> serde_json::Value {
    let topic = id.rsplit_once('-').unwrap().0;
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../conformance/recordings/juju-4.0.15/cli")
        .join(format!("{topic}.jsonl"));
    let text = fs::read_to_string(file).unwrap();
    let of_it = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        (record["id"] == id).then_some(record)
    };
    text.lines().find_map(of_it).unwrap()
}

/// Writes an executable script. Another process does it: a file that this process had open for writing could be open in a
/// child of another thread still, and could not be executed then.
pub(crate) fn write_script(path: &Path, text: &str) {
    let mut writer = Command::new("/bin/sh")
        .args(["-c", r#"cat > "$1" && chmod +x "$1""#, "sh"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    writer
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    assert!(writer.wait().unwrap().success());
}

/// Runs a future as a charm test does.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}
