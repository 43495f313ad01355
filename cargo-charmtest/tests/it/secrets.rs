//! Secrets, with `ops` charms that own them and read them: what each is told, in which order.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::bed::Bed;
use crate::clients::python_package;

/// Both sides of a relation in one charm: the provider owns a secret, the requirer reads it. Each hook is written to the trace with
/// what it is about; so is every content that was read, to a file of its own.
const CHARM: &str = r#"
import os
import pathlib

import ops

HERE = pathlib.Path(os.environ["TRACE_DIR"])
NAMES = ("JUJU_SECRET_LABEL", "JUJU_SECRET_REVISION")


def note(file, text):
    with open(HERE / file, "a") as out:
        out.write(f"{os.environ['JUJU_UNIT_NAME']} {text}\n")


class Charm(ops.CharmBase):
    def __init__(self, framework):
        super().__init__(framework)
        hook = os.environ.get("JUJU_HOOK_NAME")
        if hook and hook != "update-status":
            note("trace", " ".join([hook] + [os.environ[name] or "-" for name in NAMES if name in os.environ]))
        on = self.on
        framework.observe(on.start, self._start)
        framework.observe(on.server_relation_created, self._share)
        framework.observe(on.client_relation_changed, self._read)
        framework.observe(on.secret_changed, self._changed)
        framework.observe(on.secret_remove, self._remove)
        framework.observe(on.secret_rotate, self._rotate)
        framework.observe(on.secret_expired, self._expired)
        framework.observe(on.config_changed, self._configured)
        framework.observe(on.rotate_action, self._rotate_now)

    def _start(self, event):
        self.unit.status = ops.ActiveStatus()

    def _share(self, event):
        if not self.unit.is_leader():
            return
        options = self.config
        secret = self.app.add_secret(
            {"password": "hunter2-1"},
            label="db",
            description="the password",
            rotate=ops.SecretRotate.HOURLY if options["timed"] else None,
        )
        secret.grant(event.relation)
        event.relation.data[self.app]["secret"] = secret.id
        note("info", f"{secret.get_info().label} {secret.get_content()['password']}")

    def _read(self, event):
        # Once: when the application's data comes, not for the unit's.
        uri = event.relation.data[event.app].get("secret")
        if uri and not event.unit:
            secret = self.model.get_secret(id=uri, label="mine")
            note("read", secret.get_content()["password"])

    def _changed(self, event):
        secret = event.secret
        note("read", f"{secret.get_content().popitem()[1]} {secret.peek_content().popitem()[1]}")
        note("read", secret.get_content(refresh=True).popitem()[1])

    def _remove(self, event):
        event.remove_revision()

    def _rotate(self, event):
        self._renew(event.secret)
        if event.secret.get_info().revision >= 2:
            # Secrets come before commands: who rotates every second on a busy machine does nothing else.
            event.secret.set_info(rotate=ops.SecretRotate.MONTHLY)

    def _expired(self, event):
        event.remove_revision()

    def _renew(self, secret):
        number = secret.get_info().revision + 1
        secret.set_content({"password": f"hunter2-{number}"})

    def _rotate_now(self, event):
        self._renew(self.model.get_secret(label="db"))

    def _configured(self, event):
        uri = self.config.get("cred")
        if not uri:
            return
        try:
            note("read", self.model.get_secret(id=uri).get_content()["token"])
        except ops.ModelError as error:
            note("read", f"refused: {error}")


ops.main(Charm)
"#;

const METADATA: &str = "provides: {server: {interface: kv}}\nrequires: {client: {interface: kv}}\n";

impl Bed {
    /// Writes the charm; `timed` secrets rotate every hour, twice.
    fn secretive(&self, name: &str) -> String {
        let script = format!(
            "export TRACE_DIR={}\nPYTHONPATH={} exec python3 ./charm.py",
            self.path().display(),
            python_package("ops").display()
        );
        let charm = self.charm(name, METADATA, &script);
        let dir = self.path().join(name);
        fs::write(dir.join("charm.py"), CHARM).unwrap();
        fs::write(
            dir.join("config.yaml"),
            "options:\n  timed: {type: boolean, default: false}\n  cred: {type: secret}\n",
        )
        .unwrap();
        fs::write(dir.join("actions.yaml"), "rotate: {description: d}\n").unwrap();
        charm
    }

    fn lines(&self, file: &str, unit: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path().join(file)).unwrap_or_default();
        let prefix = format!("{unit} ");
        text.lines()
            .filter_map(|line| line.strip_prefix(&prefix))
            .map(str::to_owned)
            .collect()
    }

    /// Deploys both sides and relates them; returns once the requirer has read the secret. Without `options` both are idle then: a
    /// secret that rotates every second leaves no time for that.
    fn share(&self, options: &[&str]) {
        let charm = self.secretive("keeper");
        let deploy = ["deploy", &charm, "own"];
        self.juju(&[&deploy[..], options].concat());
        self.juju(&["deploy", &charm, "use"]);
        self.settle(&["own", "use"], "active");
        self.juju(&["integrate", "own:server", "use:client"]);
        self.wait("the secret to be read", |_| {
            !self.lines("read", "use/0").is_empty()
        });
        if options.is_empty() {
            self.settle(&["own", "use"], "active");
        }
    }

    #[track_caller]
    fn show(&self, which: &str, options: &[&str]) -> Value {
        let command = ["show-secret", which, "--format", "json"];
        let shown: Value =
            serde_json::from_str(&self.juju(&[&command[..], options].concat())).unwrap();
        shown.as_object().unwrap().values().next().unwrap().clone()
    }
}

fn secret_hooks(bed: &Bed, unit: &str) -> Vec<String> {
    let mut hooks = bed.lines("trace", unit);
    hooks.retain(|hook| hook.starts_with("secret-"));
    hooks
}

#[test]
fn a_secret_goes_over_a_relation_and_changes() {
    let bed = Bed::new();
    bed.share(&[]);
    assert_eq!(bed.lines("info", "own/0"), ["db hunter2-1"]);
    assert_eq!(bed.lines("read", "use/0"), ["hunter2-1"]);
    let shown = bed.show("db", &["--reveal"]);
    assert_eq!(shown["content"], json!({"Data": {"password": "hunter2-1"}}));
    assert_eq!(
        (&shown["owner"], &shown["label"], &shown["revision"]),
        (&json!("own"), &json!("db"), &json!(1))
    );
    assert_eq!(shown["access"][0]["target"], "application-use");
    assert_eq!(
        shown["access"][0]["scope"],
        "relation-use.client#own.server"
    );

    bed.juju(&["run", "own/0", "rotate"]);
    bed.wait("the old revision to be removed", |_| {
        let shown = bed.show("db", &["--revisions"]);
        let left: Vec<&Value> = shown["revisions"].as_array().unwrap().iter().collect();
        left.len() == 1 && left[0]["revision"] == 2
    });
    bed.settle(&["own", "use"], "active");
    assert_eq!(
        bed.lines("read", "use/0"),
        ["hunter2-1", "hunter2-1 hunter2-2", "hunter2-2"]
    );
    assert_eq!(secret_hooks(&bed, "use/0"), ["secret-changed mine"]);
    // The owner read the secret by its label in the action, so it tracks it as consumers do.
    assert_eq!(
        secret_hooks(&bed, "own/0"),
        ["secret-changed db", "secret-remove db 1"]
    );

    // The grant ends with the relation.
    let id = shown_id(&bed);
    bed.juju(&["remove-relation", "own", "use"]);
    bed.wait("the relation to go", |status| {
        status["applications"]["use"].get("relations").is_none()
    });
    bed.settle(&["own", "use"], "active");
    let said = bed.try_juju(&["exec", "-u", "use/0", "--", "secret-get", &id]);
    let text = format!("{}{}", said.stdout, said.stderr);
    assert!(text.contains("permission denied"), "{text}");
    assert!(bed.show("db", &[]).get("access").is_none());
    bed.juju(&["remove-application", "--no-prompt", "own"]);
    bed.wait_gone("own");
    assert_eq!(bed.juju(&["secrets", "--format", "json"]), "{}\n");
}

fn shown_id(bed: &Bed) -> String {
    let all: Value = serde_json::from_str(&bed.juju(&["secrets", "--format", "json"])).unwrap();
    all.as_object().unwrap().keys().next().unwrap().clone()
}

#[test]
fn rotation_and_expiry_come_in_scaled_time() {
    let bed = Bed::with_time_scale("3600");
    // Every 83 ms it would be, and ops takes longer than that to start.
    bed.juju(&["model-config", "update-status-hook-interval=1000h"]);
    bed.share(&["--config", "timed=true"]);
    bed.wait("two rotations", |_| {
        bed.show("db", &[])["revision"].as_u64() >= Some(3)
    });
    let shown = bed.show("db", &[]);
    assert_eq!(shown["rotation"], "monthly");
    assert!(shown["rotates"].is_string(), "{shown}");
    let id = shown_id(&bed);
    let command = format!("secret-set {id} --expire 1h");
    bed.juju(&["exec", "-u", "own/0", "--", &command]);
    bed.wait("the expired secret to go", |_| {
        secret_hooks(&bed, "own/0")
            .iter()
            .any(|hook| hook.starts_with("secret-expired db "))
    });
    bed.settle(&["own", "use"], "active");
    let rotations = secret_hooks(&bed, "own/0");
    let rotations = rotations.iter().filter(|hook| *hook == "secret-rotate db");
    assert!(rotations.count() >= 2);
}

#[test]
fn user_secrets_reach_charms_that_they_were_granted_to() {
    let bed = Bed::new();
    let charm = bed.secretive("keeper");
    bed.juju(&["deploy", &charm, "use"]);
    bed.settle(&["use"], "active");
    let uri = bed.juju(&["add-secret", "api", "token=hunter2-a"]);
    let uri = uri.trim_end();
    let config = format!("cred={uri}");
    bed.juju(&["config", "use", &config]);
    bed.wait("the refusal", |_| !bed.lines("read", "use/0").is_empty());
    bed.settle(&["use"], "active");
    assert!(bed.lines("read", "use/0")[0].starts_with("refused: ERROR permission denied"));
    bed.juju(&["grant-secret", "api", "use"]);
    bed.juju(&["config", "use", "timed=true"]);
    bed.wait("the content", |_| bed.lines("read", "use/0").len() == 2);
    bed.settle(&["use"], "active");
    bed.juju(&["update-secret", "api", "token=hunter2-b", "--auto-prune"]);
    bed.wait("the new content", |_| bed.lines("read", "use/0").len() == 4);
    bed.settle(&["use"], "active");
    assert_eq!(
        bed.lines("read", "use/0")[1..],
        ["hunter2-a", "hunter2-a hunter2-b", "hunter2-b"]
    );
    assert_eq!(secret_hooks(&bed, "use/0"), ["secret-changed -"]);
    let revisions = bed.show("api", &["--revisions"])["revisions"].clone();
    assert_eq!(
        revisions.as_array().unwrap().len(),
        1,
        "pruned: {revisions}"
    );
    let before = bed.lines("trace", "use/0");
    bed.juju(&["revoke-secret", "api", "use"]);
    bed.juju(&["remove-secret", "api"]);
    bed.settle(&["use"], "active");
    assert_eq!(bed.lines("trace", "use/0"), before, "no hook for either");
}

#[test]
fn content_is_nowhere_but_in_the_database() {
    let bed = Bed::new();
    bed.juju(&["model-config", "logging-config=<root>=TRACE"]);
    bed.share(&[]);
    bed.juju(&["run", "own/0", "rotate"]);
    bed.wait("the new content", |_| bed.lines("read", "use/0").len() == 3);
    bed.settle(&["own", "use"], "active");
    bed.juju(&["add-secret", "api", "token=hunter2-c"]);
    let log = bed.juju(&["debug-log", "--replay", "--no-tail", "--level", "TRACE"]);
    assert!(log.contains("secret-changed"), "{log}");
    // "hunter2" as it is and as base64 has it at the beginning of a text.
    let leaks = |text: &[u8]| {
        let text = String::from_utf8_lossy(text).into_owned();
        text.contains("hunter2") || text.contains("aHVudGVyM")
    };
    assert!(!leaks(log.as_bytes()), "{log}");
    let mut leaking = Vec::new();
    each_file(&bed.data(), &mut |path| {
        let name = path.strip_prefix(bed.data()).unwrap().to_owned();
        let mode = fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let database = name.display().to_string().starts_with("state.db");
        if database {
            assert_eq!(mode, 0o600, "{}", name.display());
        }
        // The charm itself, which makes the passwords up, lies below `models` and `charms`.
        let charm = name.starts_with("charms") || name.ends_with("charm/charm.py");
        if !database && !charm && leaks(&fs::read(path).unwrap_or_default()) {
            leaking.push(name);
        }
    });
    assert!(leaking.is_empty(), "{leaking:?}");
    // In the database it is in the rows of secrets alone.
    let sql = "SELECT kind FROM row WHERE body LIKE '%aHVudGVyM%' AND kind != 'secret' \
               UNION ALL SELECT 'log' FROM log WHERE message LIKE '%hunter2%'";
    let script = format!(
        "import sqlite3\nprint(sqlite3.connect({:?}).execute({sql:?}).fetchall())",
        bed.data().join("state.db").display().to_string()
    );
    let found = Command::new("python3")
        .args(["-c", &script])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout).trim(), "[]");
}

fn each_file(dir: &Path, see: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            each_file(&entry.path(), see);
        } else if kind.is_file() {
            see(&entry.path());
        }
    }
}
