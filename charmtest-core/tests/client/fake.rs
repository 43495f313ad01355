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
        let juju = self.juju().with_kind(kind);
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
