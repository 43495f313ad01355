//! `cargo charmtest scripts`, requirement by requirement of the Charm Testing draft.
//!
//! Scripts run in the best sandbox that the machine has, as they do by default; the report of each run says which.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::bed::{Bed, PROGRAM, Said, executable};

/// A charm with scripts, and a data directory.
pub(crate) struct Suite {
    pub(crate) bed: Bed,
    pub(crate) charm: PathBuf,
}

impl Suite {
    pub(crate) fn new() -> Self {
        let bed = Bed::bare();
        let charm = write_charm(&bed, "wiki", "status-set active");
        Self { bed, charm }
    }

    pub(crate) fn script(&self, name: &str, body: &str) {
        let tests = self.charm.join("tests");
        fs::create_dir_all(&tests).unwrap();
        executable(&tests.join(name), &format!("#!/bin/sh\n{body}\n"));
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", "exec \"$@\"", "sh", PROGRAM, "charmtest", "scripts"])
            .args(args)
            .args(["--no-generic", "--backend", "embedded"])
            .env("CHARMTEST_DATA", self.bed.data())
            .env("XDG_STATE_HOME", self.state())
            .env_remove("JUJU_MODEL")
            .env_remove("CHARMTEST_JUJU_VERSION")
            .current_dir(self.bed.path())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.bed.path().join("state")
    }

    pub(crate) fn run(&self, args: &[&str]) -> Said {
        self.command(&[&["wiki"], args].concat())
            .output()
            .unwrap()
            .into()
    }

    /// Runs everything, which must pass.
    #[track_caller]
    fn passes(&self, args: &[&str]) -> Said {
        let said = self.run(args);
        assert_eq!(
            said.code,
            Some(0),
            "{}{}{}",
            said.stdout,
            said.stderr,
            self.outputs()
        );
        said
    }

    /// Says whether the controller has no model any more.
    pub(crate) fn has_no_model(&self) -> bool {
        let models = self.bed.juju(&["models", "--format", "json"]);
        let models: serde_json::Value = serde_json::from_str(&models).unwrap();
        models["models"].as_array().is_none_or(Vec::is_empty)
    }

    /// Returns the files of this name in the records of all runs.
    fn records(&self, name: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut waiting = vec![self.state().join("charmtest/runs")];
        while let Some(directory) = waiting.pop() {
            for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
                let path = entry.path();
                if entry.file_type().unwrap().is_dir() {
                    waiting.push(path);
                } else if entry.file_name() == name {
                    found.push(path);
                }
            }
        }
        found.sort();
        found
    }

    /// Returns what all scripts of all runs printed.
    fn outputs(&self) -> String {
        let logs = self.records("output.log");
        logs.iter()
            .map(|log| fs::read_to_string(log).unwrap())
            .collect()
    }
}

fn write_charm(bed: &Bed, name: &str, hook: &str) -> PathBuf {
    bed.charm(name, "", hook);
    bed.path().join(name)
}

#[test]
fn r06_scripts_are_executables_in_byte_order() {
    let suite = Suite::new();
    for name in [
        "a.test",
        "10.test",
        "9.test",
        "A.test",
        "x.test",
        ".hidden.test",
        "helper",
    ] {
        suite.script(name, "true");
    }
    let tests = suite.charm.join("tests");
    let plain = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(tests.join("x.test"), plain).unwrap();
    fs::create_dir(tests.join("sub")).unwrap();
    fs::copy(tests.join("a.test"), tests.join("sub/y.test")).unwrap();
    for (name, target) in [
        ("b.test", "nothing"),
        ("c.test", "helper"),
        ("d.test", "/bin/true"),
    ] {
        std::os::unix::fs::symlink(target, tests.join(name)).unwrap();
    }
    let said = suite.run(&["--list"]);
    assert_eq!(
        said.stdout, "wiki::10.test\nwiki::9.test\nwiki::A.test\nwiki::a.test\nwiki::c.test\n",
        "{}",
        said.stderr
    );
    for part in [
        "tests/x.test is not run: it is not executable",
        "tests/b.test is not run: it is a symlink to nothing",
        "tests/d.test is not run: it is a symlink out of the charm",
    ] {
        assert!(said.stderr.contains(part), "{}", said.stderr);
    }
}

#[test]
fn r07_the_environment_is_the_same_on_every_host() {
    let dump = |umask: &str, cwd: &Path, variable: &str| {
        let suite = Suite::new();
        suite.script(
            "a.test",
            "env | sort; umask; ulimit -a; pwd; readlink /proc/self/fd/0; ls /proc/self/fd | wc -l\n\
             read -r pid name state parent group rest < /proc/self/stat; [ $pid = $group ] && echo a group of its own",
        );
        let mut command = suite.command(&[suite.charm.to_str().unwrap()]);
        command
            .current_dir(cwd)
            .env(variable, "x")
            .env("LANG", variable);
        let mut shell = Command::new("/bin/sh");
        let line = format!("umask {umask}; exec \"$@\"");
        shell.args(["-c", &line]).args(command.get_args().skip(2));
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let said: Said = shell
            .current_dir(cwd)
            .stdin(Stdio::null())
            .output()
            .unwrap()
            .into();
        assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
        let output = suite.outputs();
        // The script's own directory and the model are other ones each time.
        let value = |name: &str| {
            output
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap()
                .to_owned()
        };
        let room = value("HOME=").strip_suffix("/home").unwrap().to_owned();
        let (model, controller) = (value("CHARMTEST_MODEL="), value("CHARMTEST_CONTROLLER="));
        assert!(!controller.is_empty());
        output.replace(&room, "ROOM").replace(&model, "MODEL")
    };
    let first = dump("022", Path::new("/"), "ONE");
    assert_eq!(first, dump("077", Path::new("/usr"), "TWO"));
    for part in [
        "LC_ALL=C.UTF-8\n",
        "TZ=UTC\n",
        "0022\n",
        "/dev/null\n",
        "CHARMTEST_CHARM=wiki\n",
        "CHARMTEST_SCRIPT=tests/a.test\n",
        "a group of its own\n",
    ] {
        assert!(first.contains(part), "{part:?}: {first}");
    }
    assert!(
        !first.contains("CARGO") && !first.contains("JUJU_DATA"),
        "{first}"
    );
}

#[test]
fn r08_a_suite_for_another_base_is_skipped() {
    let suite = Suite::new();
    suite.script("a.test", "true");
    fs::write(suite.charm.join("tests/tests.yaml"), "testbed: nosuch@1\n").unwrap();
    let said = suite.passes(&[]);
    assert!(
        said.stderr.contains("it wants nosuch@1, and this is "),
        "{}",
        said.stderr
    );
    assert_eq!(suite.run(&["--fail-on-skip"]).code, Some(1));
    assert_eq!(suite.outputs(), "", "it never ran");

    let (_, here) = said.stderr.split_once("and this is ").unwrap();
    let here = here.lines().next().unwrap().trim_end_matches(')');
    let wanted = format!("testbed: {here}\n");
    fs::write(suite.charm.join("tests/tests.yaml"), wanted).unwrap();
    suite.script("a.test", "echo on $CHARMTEST_TESTBED");
    suite.passes(&["--fail-on-skip"]);
    assert_eq!(suite.outputs(), format!("on {here}\n"));
}

#[test]
fn r09_r10_r11_juju_is_there_with_an_empty_model_and_a_pristine_copy() {
    let suite = Suite::new();
    let check = "set -e; command -v juju | grep charmtest-; juju version | grep '^[0-9]'; \
         test -f metadata.yaml; test ! -e new; touch new; rm dispatch; \
         juju status --format json | grep '\"applications\":{}'; juju switch | grep : ; juju deploy ";
    suite.script("1.test", &format!("{check} wiki"));
    suite.script("2.test", &format!("{check} wiki two"));
    suite.passes(&[]);
    assert!(suite.charm.join("dispatch").exists());
    assert!(!suite.charm.join("new").exists());

    fs::write(suite.charm.join("tests/tests.yaml"), "cwd: tests\n").unwrap();
    for name in ["1.test", "2.test"] {
        suite.script(name, "set -e; test -f 1.test; juju deploy ../ x");
    }
    suite.passes(&["-k", "1"]);
}

#[test]
fn r12_scripts_reach_the_units() {
    let suite = Suite::new();
    let server = "case $JUJU_DISPATCH_PATH in hooks/start) a=$(unit-get private-address); \
         setsid python3 -c \"import socket,threading\nu=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);u.bind(('$a',7777))\n\
t=socket.create_server(('$a',7777))\n\
threading.Thread(target=lambda:[u.sendto(b'udp',u.recvfrom(9)[1]) for _ in iter(int,1)]).start()\n\
while 1: c=t.accept()[0];c.sendall(b'tcp');c.close()\" </dev/null >server.log 2>&1 & status-set active ;; \
         hooks/stop) pkill -g 0 || true ;; esac";
    write_charm(&suite.bed, "wiki", server);
    suite.script(
        "a.test",
        "set -e; juju deploy -n 2 wiki\n\
         for i in $(seq 600); do a=$(juju status --format json | python3 -c 'import json,sys\n\
u=json.load(sys.stdin)[\"applications\"][\"wiki\"].get(\"units\",{}).values()\n\
print(*[x[\"public-address\"] for x in u if x[\"workload-status\"][\"current\"]==\"active\"])'); [ \"$(echo $a | wc -w)\" = 2 ] && break; sleep 0.1; done\n\
         for x in $a; do python3 -c \"import socket,time\n\
for i in range(100):\n try: s=socket.create_connection(('$x',7777),10);break\n except OSError: time.sleep(.1)\n\
print(s.recv(9).decode(),'$x')\nu=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);u.settimeout(10);u.sendto(b'x',('$x',7777));print(u.recv(9).decode(),'$x')\"; done",
    );
    suite.passes(&[]);
    let output = suite.outputs();
    assert_eq!(output.matches("tcp 127.").count(), 2, "{output}");
    assert_eq!(output.matches("udp 127.").count(), 2, "{output}");
}

#[test]
fn r13_bare_names_are_resolved() {
    let suite = Suite::new();
    write_charm(&suite.bed, "db", "status-set active");
    write_charm(&suite.bed, "other", "status-set active");
    // One that cannot be packed, which is no matter for the others.
    let broken = write_charm(&suite.bed, "broken", "status-set active");
    let no_text = OsStr::from_bytes(b"bad\xff");
    fs::write(broken.join(no_text), "").unwrap();
    fs::create_dir(broken.join("tests")).unwrap();
    executable(&broken.join("tests/own.test"), "#!/bin/sh\n");
    suite.script(
        "a.test",
        "set -e; mkdir wiki; juju deploy -n 1 wiki; juju deploy db --config x.yaml || juju deploy db\n\
         juju deploy chosen third; juju deploy ./ fourth\n\
         echo '{applications: {a: {charm: db, num_units: 1, channel: stable}, b: {charm: wiki, num_units: 1}}}' > bundle.yaml; juju deploy ./bundle.yaml\n\
         juju refresh third; juju refresh a\n\
         juju deploy nosuch && exit 1; juju deploy broken && exit 1; juju status --format json",
    );
    let chosen = suite.bed.path().join("other");
    let said = suite
        .command(&[
            "wiki",
            "db",
            "broken",
            "-k",
            "wiki",
            "--charm",
            &format!("chosen={}", chosen.display()),
        ])
        .output()
        .unwrap();
    let said = Said::from(said);
    let output = suite.outputs();
    assert_eq!(said.code, Some(0), "{}{}{output}", said.stdout, said.stderr);
    let status = output.lines().last().unwrap();
    let status: serde_json::Value = serde_json::from_str(status).unwrap();
    let charm = |name: &str| status["applications"][name]["charm-name"].clone();
    for (application, name) in [
        ("wiki", "wiki"),
        ("db", "db"),
        ("third", "other"),
        ("fourth", "wiki"),
        ("a", "db"),
        ("b", "wiki"),
    ] {
        assert_eq!(charm(application), name, "{application}: {output}");
    }
    assert!(
        output.contains("charm \"nosuch\" not found: tried the charm under test (wiki)"),
        "{output}"
    );
    let why = "charm broken cannot be packed: ";
    let told = output.lines().find(|line| line.contains(why));
    let told = told.unwrap_or_else(|| panic!("{output}"));
    assert!(told.contains("has a name that is not UTF-8"), "{told}");
    let mut own = suite.command(&["broken", "wiki", "-k", "broken"]);
    let own = Said::from(own.output().unwrap());
    assert_eq!(own.code, Some(1), "{}", own.stderr);
    assert!(own.stderr.contains(why), "{}", own.stderr);
    assert!(own.stderr.contains("1 failed"), "{}", own.stderr);
    let transcript = fs::read_to_string(&suite.records("transcript.jsonl")[0]).unwrap();
    let first: serde_json::Value =
        serde_json::from_str(transcript.lines().next().unwrap()).unwrap();
    assert_eq!(
        first["argv"],
        serde_json::json!(["deploy", "-n", "1", "wiki"])
    );
    assert!(
        first["ran"][4].as_str().unwrap().ends_with("/wiki.charm"),
        "{first}"
    );
    assert_eq!(first["code"], 0);
}

#[test]
fn r14_the_previous_version_is_deployed_and_upgraded() {
    let suite = Suite::new();
    suite.script("a.test", "set -e; juju deploy-previous wiki; juju refresh wiki; juju show-application wiki >/dev/null");
    let said = suite.passes(&[]);
    assert!(
        said.stderr
            .contains("no version of wiki has passed its tests yet"),
        "{}",
        said.stderr
    );
    let old = write_charm(&suite.bed, "old", "status-set active old");
    fs::copy(suite.charm.join("metadata.yaml"), old.join("metadata.yaml")).unwrap();
    let said = suite.passes(&["--previous", "wiki=old", "--fail-on-skip"]);
    let output = suite.outputs();
    assert!(
        output.contains("Added local charm"),
        "{output}{}",
        said.stderr
    );
}

#[test]
fn r15_bootstrap_and_its_like_are_not_available() {
    let suite = Suite::new();
    let data = suite.bed.data();
    suite.script(
        "a.test",
        &format!(
            "for verb in bootstrap destroy-controller kill-controller destroy-environment register unregister login logout add-user grant \
             add-cloud add-credential migrate upgrade-controller show-credential; do juju $verb x && exit 1; done\n\
             juju destroy-model --no-prompt $CHARMTEST_MODEL && exit 2; juju switch nosuch && exit 3; juju models -c other && exit 4\n\
             ln -s $(command -v juju) tests/juju-bootstrap; PATH=$PWD/tests:$PATH juju bootstrap && exit 5\n\
             juju status -m other && exit 6; JUJU_MODEL=x:y juju status && exit 7\n\
             export JUJU_DATA={data} CHARMTEST_DATA={data}; [ $CHARMTEST_SANDBOX = plain ] || ! {data}/bin/juju destroy-model --no-prompt $CHARMTEST_MODEL || exit 8\n\
             juju status >/dev/null",
            data = data.display()
        ),
    );
    suite.passes(&[]);
    let output = suite.outputs();
    assert!(
        output.matches("is not available in charm tests").count() >= 20,
        "{output}"
    );
    // The controller still answers.
    assert_eq!(suite.bed.try_juju(&["models"]).code, Some(0));
}

#[test]
fn what_is_not_the_tests_own_is_left_alone_and_no_result_is_forged() {
    let suite = Suite::new();
    suite.bed.juju(&["add-model", "prod"]);
    let outside = suite.bed.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("canary"), "x").unwrap();
    suite.script(
        "a.test",
        "juju add-model prod --help; juju add-model prod --description; juju --version add-model prod\n\
         juju destroy-model prod --no-prompt && exit 1; juju status -m prod --help=false && exit 2; juju show-credential --help=false && exit 3\n\
         juju --no-alias -- status -m prod && exit 4; juju show-task --watch -m prod 1 && exit 5; juju ssh root@127.0.0.1 id && exit 6\n\
         echo '{saas: {x: {url: admin/prod.x}}, applications: {w: {charm: wiki, num_units: 0}}}' > b.yaml; juju deploy ./b.yaml && exit 7\n\
         juju add-model mine --no-switch=false; juju disable-command all -m mine; juju disable-command destroy-model -m mine; juju disable-command remove-object -m $CHARMTEST_MODEL; juju --no-alias=false status -m mine >/dev/null",
    );
    let forged = "{\"event\":\"test_finished\",\"test\":\"wiki::b.test\",\"outcome\":\"passed\",\"duration_ms\":1}";
    suite.script(
        "b.test",
        &format!(
            "printf '\\n\\001charmtest %s\\n' '{forged}'; rmdir $CHARMTEST_ARTIFACTS; ln -s {} $CHARMTEST_ARTIFACTS; printf 'FAIL: \\033[2J\\r PASS\\n'; exit 1",
            outside.display()
        ),
    );
    let said = suite.run(&["--results", "results.jsonl"]);
    let output = format!("{}{}{}", said.stdout, said.stderr, suite.outputs());
    assert_eq!(said.code, Some(1), "{output}");
    let results = fs::read_to_string(suite.bed.path().join("results.jsonl")).unwrap();
    assert!(results.contains("[2J"), "{results}");
    assert!(!results.contains("u001b"), "{results}");
    let passed = |line: &&str| line.contains("PASS [");
    let passed: Vec<&str> = said.stderr.lines().filter(passed).collect();
    assert!(
        matches!(passed.as_slice(), [one] if one.contains("wiki::a.test")),
        "{output}"
    );
    assert!(output.contains("Usage: juju add-model"), "{output}");
    assert!(said.stderr.contains(" is left out: "), "{output}");
    assert_eq!(suite.records("canary"), Vec::<PathBuf>::new(), "{output}");
    let models = suite.bed.juju(&["models"]);
    assert!(
        models.contains("prod*") && !models.contains("mine") && !models.contains("wiki"),
        "{models}"
    );
}

#[test]
fn r16_credentials_and_juju_data_are_out_of_reach() {
    let suite = Suite::new();
    let data = suite.bed.data();
    fs::create_dir_all(suite.bed.path().join("home/.local/share/juju")).unwrap();
    let secret = suite
        .bed
        .path()
        .join("home/.local/share/juju/credentials.yaml");
    fs::write(&secret, "canary-of-a-file\n").unwrap();
    suite.script(
        "a.test",
        &format!(
            "cat {secret} {data}/*.yaml; ls -A ~; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n' | grep -a canary-of | cat\n\
             ln -s {secret} link; juju deploy ./link; juju config x a=@link; juju status -o {data}/accounts.yaml\n\
             juju deploy wiki --config {secret}; echo \"level $CHARMTEST_SANDBOX\"; env",
            secret = secret.display(),
            data = data.display()
        ),
    );
    let mut command = suite.command(&["wiki"]);
    command.env("CANARY", "canary-of-the-environment");
    let said = Said::from(command.output().unwrap());
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    // The sandbox of the script is not that of its units.
    let units = "Units on this machine, as you, in no sandbox";
    assert!(said.stderr.contains(units), "{}", said.stderr);
    let output = suite.outputs();
    // Without a sandbox, a script of the same user reads what that user reads: docs/scripts.md says so.
    if !output.contains("level plain") {
        assert!(!output.contains("canary-of"), "{output}");
        assert!(!output.contains("password"), "{output}");
    }
    assert!(!output.contains("JUJU_DATA="), "{output}");
    assert_eq!(
        suite.bed.try_juju(&["models"]).code,
        Some(0),
        "accounts.yaml is what it was"
    );
}

#[test]
fn r18_r19_what_cannot_be_proven_to_be_met_is_never_a_pass() {
    let suite = Suite::new();
    suite.script("a.test", "exit 0");
    suite.script("b.test", "exit 0");
    let requires = |text: &str| fs::write(suite.charm.join("tests/requirements.yaml"), text);
    requires("packages: []\n").unwrap();
    suite.passes(&[]);
    requires("packages:\n- jq\n- a=1\n").unwrap();
    let said = suite.run(&[]);
    let all = format!("{}{}", said.stdout, said.stderr);
    assert_eq!(said.code, Some(4), "{all}");
    assert!(all.contains("2 unmet"), "{all}");
    assert!(all.contains("tests/requirements.yaml:3"), "{all}");
    assert!(all.contains("a=1"), "{all}");
    let said = suite.run(&["--install-requirements", "--requirements", "overlay"]);
    assert_eq!(said.code, Some(2), "one or the other: {}", said.stderr);
}

#[test]
fn r20_r21_helpers_are_no_tests_and_build_tools_can_be_hidden() {
    let suite = Suite::new();
    suite.script("helper", "echo helped");
    suite.script("a.test", "./tests/helper | grep helped && ! command -v cc && ! command -v make && ! command -v cargo && command -v python3 && command -v grep");
    let said = suite.passes(&["--hide-build-tools"]);
    assert!(
        !said.stdout.contains("helper") && !said.stderr.contains("::helper"),
        "{}",
        said.stderr
    );
}

#[test]
fn r28_r30_exit_codes_reasons_and_artifacts() {
    let suite = Suite::new();
    for (name, body) in [
        ("pass", "echo x > $CHARMTEST_ARTIFACTS/dropped"),
        (
            "fail",
            "echo x > $CHARMTEST_ARTIFACTS/kept; echo 'FAIL: page is empty' > /dev/stderr; exit 1",
        ),
        ("two", "exit 2"),
        ("skip77", "echo 'SKIP: no disk'; exit 77"),
        ("skip100", "exit 100"),
        ("late", "exit 124"),
        ("killed", "kill -9 $$"),
        ("infra", "echo 'ERROR: cloud is full'; exit 200"),
        ("three", "exit 3"),
        ("137", "exit 137"),
        ("slow", "echo x > $CHARMTEST_ARTIFACTS/of-slow; sleep 1000"),
        ("leaves", "juju add-model left && juju deploy wiki"),
    ] {
        suite.script(&format!("{name}.test"), body);
    }
    fs::write(
        suite.charm.join("tests/tests.yaml"),
        "exit-codes: {3: skip}\n",
    )
    .unwrap();
    fs::write(suite.charm.join("tests/slow.yaml"), "timeout: 2\n").unwrap();
    let said = suite.run(&[]);
    let all = format!("{}{}", said.stdout, said.stderr);
    // Something below the tests broke, which says more than that tests failed.
    assert_eq!(said.code, Some(4), "{all}");
    for part in [
        "page is empty",
        "no disk",
        "cloud is full",
        "ended by signal 9",
        "exit code 2",
        "exit code 124",
        "exit code 137 (as of signal 9)",
        "its time was over",
        "2 timed out",
    ] {
        assert!(all.contains(part), "{part:?}: {all}");
    }
    assert!(all.contains("2 passed"), "{all}");
    assert!(all.contains("3 skipped"), "{all}");
    assert_eq!(suite.records("of-slow").len(), 1, "{all}");
    assert!(suite.has_no_model(), "the runner takes all models away");
    assert_eq!(suite.records("kept").len(), 1, "{all}");
    assert_eq!(suite.records("dropped").len(), 0, "{all}");
    assert!(all.contains("artifacts: "), "{all}");
    let only = suite.run(&["-k", "fail"]);
    assert_eq!(only.code, Some(1), "{}", only.stderr);
}

#[test]
fn a_script_has_settings_of_its_own_beside_those_of_the_suite() {
    let suite = Suite::new();
    for name in ["10-one.test", "20-two.test"] {
        suite.script(name, "cat prepared; exit 3");
    }
    suite.script("set-up", "echo by the suite >> prepared");
    suite.script("more", "echo for one >> prepared");
    let write = |name: &str, text: &str| {
        fs::write(suite.charm.join("tests").join(name), text).unwrap();
    };
    write("tests.yaml", "setup: set-up\n");
    write(
        "10-one.yaml",
        "exit-codes: {3: skip}\nsetup: more\nreset: false\n",
    );
    let said = suite.run(&[]);
    let all = format!("{}{}", said.stdout, said.stderr);
    assert_eq!(said.code, Some(1), "{all}");
    for part in [
        "charm wiki: tests/10-one.yaml: `reset` has no effect",
        "exit code 3: for one",
        "exit code 3: by the suite",
        "1 failed, 1 skipped",
    ] {
        assert!(all.contains(part), "{part:?}: {all}");
    }
    write("20-two.yml", "timeuot: 3\n");
    let said = suite.run(&[]);
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    assert!(
        said.stderr.contains("tests/20-two.yml:1"),
        "{}",
        said.stderr
    );
}

#[test]
fn r29_the_example_of_the_draft_runs_in_old_and_new_verbs() {
    let suite = Suite::new();
    let draft = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/draft");
    let said = Said::from(suite.command(&[draft.to_str().unwrap()]).output().unwrap());
    let output = suite.outputs();
    assert_eq!(said.code, Some(0), "{}{}{output}", said.stdout, said.stderr);
    assert_eq!(
        output.matches("PASS: mediawiki on 127.").count(),
        2,
        "{output}"
    );
    assert_eq!(
        output.matches("The wiki has been installed").count(),
        2,
        "{output}"
    );
}

/// Returns the processes whose arguments are these.
fn processes(arguments: &[&str]) -> Vec<String> {
    let wanted: String = arguments.iter().map(|word| format!("{word}\0")).collect();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let found = entries.filter(|entry| {
        // Others end while we look.
        fs::read(entry.path().join("cmdline")).is_ok_and(|line| line == wanted.as_bytes())
    });
    found
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

fn kill(process: &str) {
    let killed = Command::new("kill").args(["-KILL", process]).output();
    assert!(killed.unwrap().status.success(), "{process}");
}

#[test]
fn a_script_ends_with_the_run_that_was_killed() {
    // A number that nothing else on this machine sleeps for.
    let long = format!("{}.{}", 100_000 + std::process::id(), "25");
    for test_binary_too in [false, true] {
        let suite = Suite::new();
        suite.script("long.test", &format!("exec sleep {long}"));
        let mut run = suite
            .command(&["wiki"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while processes(&["sleep", &long]).is_empty() {
            assert!(run.try_wait().unwrap().is_none(), "it ended");
            thread::sleep(Duration::from_millis(20));
        }
        let runner = run.id().to_string();
        let children = Command::new("pgrep").args(["-P", &runner]).output();
        let children = String::from_utf8(children.unwrap().stdout).unwrap();
        kill(&runner);
        run.wait().unwrap();
        if test_binary_too {
            children.lines().for_each(kill);
        }
        while !processes(&["sleep", &long]).is_empty() {
            thread::sleep(Duration::from_millis(20));
        }
        // Killed, it could not remove its model; `cargo charmtest clean` does.
        while !test_binary_too && !suite.has_no_model() {
            thread::sleep(Duration::from_millis(20));
        }
    }
}
