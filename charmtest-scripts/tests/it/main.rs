//! Scripts with a `juju` that is a shell script: the way from the thin client to the broker and back.
//!
//! The test binary is the thin client too, as `cargo-charmtest` is.

#![expect(
    clippy::unwrap_used,
    reason = "a test that has its own main is no test to clippy"
)]

mod hostile;
mod support;

use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use charmtest_scripts::Verdict;
use charmtest_scripts::broker::transcript;
use charmtest_scripts::client::{CLIENT_ARGUMENT, client_main};
use libtest_mimic::{Arguments, Trial};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use support::Room;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    if args.next().as_deref() == Some(CLIENT_ARGUMENT) {
        let door = args.next().unwrap_or_default();
        return client_main(door.as_ref(), args.collect()).into();
    }
    let mut args = std::env::args().skip(1);
    if args.next().as_deref() == Some(hostile::ARGUMENT) {
        return hostile::client(args.next().unwrap_or_default().as_ref());
    }
    let tests: [(&str, fn()); 18] = [
        ("r06_scripts_run_in_a_clean_environment", environment),
        ("r07_two_runs_have_the_same_environment", same_environment),
        ("r11_each_script_has_a_pristine_copy", pristine),
        ("r13_names_and_files_are_resolved_outside", names),
        ("r15_denied_commands_and_plugins", denied),
        ("files_come_from_the_script_and_go_to_it", files),
        ("streams_and_exit_codes_pass_through", streams),
        ("output_can_be_opened_again", output),
        ("r03_a_limit_ends_script_and_commands", limit),
        ("r28_artifacts_are_kept_on_failure", artifacts),
        ("a_script_that_cannot_be_started_says_why", not_started),
        (
            "what_a_script_leaves_changes_no_verdict_and_goes",
            hostile::left,
        ),
        (
            "a_client_that_lies_gets_no_bundle_past_the_broker",
            hostile::lies,
        ),
        (
            "a_bundle_is_a_bundle_wherever_it_is",
            hostile::hidden_bundles,
        ),
        (
            "a_model_is_known_though_its_client_was_killed",
            hostile::killed_client,
        ),
        (
            "a_door_that_is_flooded_ends_with_the_script",
            hostile::flooded,
        ),
        ("r30_setup_and_teardown_count", around),
        ("a_juju_without_a_run_says_so", alone),
    ];
    let trials = tests.map(|(name, test)| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}

fn environment() {
    // A user may have said so to the shell that starts the run.
    let known = getrlimit(Resource::Fsize);
    let small = Rlimit {
        current: Some(1 << 30),
        maximum: known.maximum,
    };
    setrlimit(Resource::Fsize, small).unwrap();
    let room = Room::new();
    room.script(
        "limits.test",
        "test \"$(ulimit -S -f)\" = \"$(ulimit -H -f)\" && ulimit -S -c && ulimit -S -n && ulimit -S -s",
    );
    let (_, output) = room.run("limits.test");
    assert_eq!(output, "0\n1024\n8192\n");
    room.script("a.test", "env | sort; pwd; umask; ls -A \"$HOME\" \"$TMPDIR\" \"$CHARMTEST_ARTIFACTS\" | grep -v :; command -v juju; cat; juju version");
    let (result, output) = room.run("a.test");
    assert_eq!(result.verdict, Verdict::Pass, "{output}");
    for part in [
        "CHARMTEST_CHARM=wiki\n",
        "CHARMTEST_SCRIPT=tests/a.test\n",
        "LC_ALL=C.UTF-8\n",
        "TZ=UTC\n",
        "0022\n",
        "/bin/juju\n",
        "ran: --no-alias version\n",
    ] {
        assert!(output.contains(part), "{part:?}: {output}");
    }
    assert!(!output.contains("JUJU_DATA"), "{output}");
    assert!(!output.contains("CARGO"), "{output}");
}

fn same_environment() {
    let dump = || {
        let room = Room::new();
        room.script(
            "a.test",
            "env | sort; umask; ulimit -a; readlink /proc/self/fd/0; ls /proc/self/fd | wc -l",
        );
        let (result, output) = room.run("a.test");
        assert_eq!(result.verdict, Verdict::Pass, "{output}");
        // The script's own directory is another one each time.
        let home = output
            .lines()
            .find_map(|line| line.strip_prefix("HOME="))
            .unwrap();
        let own = home.strip_suffix("/home").unwrap();
        output.replace(own, "ROOM")
    };
    assert_eq!(dump(), dump());
}

fn pristine() {
    let room = Room::new();
    room.script(
        "a.test",
        "test -f metadata.yaml && rm metadata.yaml && touch new && ./tests/helper",
    );
    room.script("helper", "echo helped");
    for _ in 0..2 {
        let (result, output) = room.run("a.test");
        assert_eq!(result.verdict, Verdict::Pass, "{output}");
        assert!(output.contains("helped"), "{output}");
    }
    assert!(!room.charm.join("new").exists());
    room.settings("cwd: tests\n");
    room.script("b.test", "test -x ./a.test && test -f ../metadata.yaml");
    assert_eq!(room.run("b.test").0.verdict, Verdict::Pass);
}

fn names() {
    let room = Room::new();
    room.script("a.test", "mkdir wiki; juju deploy -n 2 wiki w; juju refresh w; juju deploy mysql; juju deploy ch:x; juju deploy nosuch || echo refused $?; juju deploy-previous wiki; echo $?");
    let (_, output) = room.run("a.test");
    for part in [
        "ran: --no-alias deploy -n 2 /art/wiki.charm w\n",
        "ran: --no-alias refresh --path /art/wiki.charm w\n",
        "ran: --no-alias deploy /art/mysql.charm\n",
        "ran: --no-alias deploy ch:x\n",
        "ERROR charm \"nosuch\" not found: tried the charm under test (wiki), the charms of this run (mysql)",
        "refused 1\n",
        "SKIP: no version of wiki has passed its tests yet",
        "100\n",
    ] {
        assert!(output.contains(part), "{part:?}: {output}");
    }
    let records = transcript::read(&room.record.join("transcript.jsonl")).unwrap();
    let first = &records[0];
    assert_eq!(first.argv.join(" "), "deploy -n 2 wiki w");
    assert_eq!(
        first.ran.as_ref().unwrap().join(" "),
        "--no-alias deploy -n 2 /art/wiki.charm w"
    );
    assert_eq!((first.code, first.stdout.sha256.len()), (Some(0), 64));
    assert_eq!(records.len(), 6);
}

fn denied() {
    let room = Room::new();
    room.script("a.test", "PATH=$PWD/tests:$PATH; juju bootstrap x; echo $?; juju status -m other; juju hello -m wiki-test a; juju nosuch; echo $?; JUJU_MODEL=other juju status; juju switch; juju add-model second; juju switch; juju destroy-model second --no-prompt; juju destroy-model wiki-test");
    room.script(
        "juju-hello",
        "echo \"plugin $* in $JUJU_MODEL\"; env | grep -c SECRET",
    );
    let (_, output) = room.run("a.test");
    for part in [
        "ERROR \"bootstrap\" is not available in charm tests\n1\n",
        "ERROR model \"other\" is not available in charm tests",
        "plugin -m wiki-test a in wiki-test\n0\n",
        "ERROR juju: \"nosuch\" is not a juju command",
        "ctl:admin/wiki-test\n",
        "ctl:admin/second\n",
        "ran: --no-alias destroy-model second --no-prompt",
        "\"destroy-model\" of the test's own model",
    ] {
        assert!(output.contains(part), "{part:?}: {output}");
    }
    assert_eq!(output.matches("model \"other\"").count(), 2, "{output}");
    assert!(!output.contains("bootstrap x"), "{output}");
}

fn files() {
    let room = Room::new();
    room.script(
        "a.test",
        "mkdir -p sub/charm; echo 'name: c' > sub/charm/metadata.yaml; ln -s metadata.yaml sub/charm/link; echo 'a: 1' > c.yaml; \
         juju deploy ./sub/charm --config c.yaml; juju deploy $PWD/sub/charm; juju deploy ./nothing; juju status -o out.json; cat out.json; \
         juju status -o $TMPDIR/o; cat $TMPDIR/o; juju download ch:x; cat x_r1.charm; \
         ln -s /etc/passwd sub/charm/evil; juju deploy ./sub/charm; \
         printf 'applications: {db: {charm: mysql}, o: {charm: ./sub/charm, options: {a: \"include-file://c.yaml\"}}}' > b.yaml; \
         rm sub/charm/evil; juju deploy ./b.yaml; juju exec where",
    );
    let (result, output) = room.run("a.test");
    assert_eq!(result.verdict, Verdict::Pass, "{output}");
    for part in [
        "ran: --no-alias deploy ./sub/charm --config c.yaml\nfile ./sub/charm/link: name: c\nfile ./sub/charm/metadata.yaml: name: c\nfile c.yaml: a: 1\n",
        "/charm/sub/charm/metadata.yaml: name: c\n",
        "ran: --no-alias deploy ./nothing\nran:",
        "written by status",
        "written by download",
        "ERROR ./sub/charm: evil: a symlink to /etc/passwd, which leads out of the directory",
        "\"charm\":\"/art/mysql.charm\"",
        "/charm/cfg.yaml: no; stat /etc/shadow: no\n",
    ] {
        assert!(output.contains(part), "{part:?}: {output}");
    }
    assert_eq!(output.matches("written by status").count(), 2, "{output}");
    assert!(!output.contains("root:"), "{output}");
    let errors = output.lines().filter(|line| line.starts_with("open "));
    assert!(
        errors.clone().count() == 1 && errors.clone().all(|line| !line.contains("broker")),
        "{output}"
    );
}

fn streams() {
    let room = Room::new();
    room.script(
        "a.test",
        "juju exec fail; echo code $?; echo input | juju ssh w/0 cat; printf 'a\\nb\\n' | while read x; do juju exec nothing; echo line $x; done; juju exec err 2>/dev/null; juju exec out | head -c 1",
    );
    let (result, output) = room.run("a.test");
    assert_eq!(result.verdict, Verdict::Pass, "{output}");
    for part in ["code 7\n", "got input\n", "line a\n", "line b\n"] {
        assert!(output.contains(part), "{part:?}: {output}");
    }
    assert!(!output.contains("on stderr"), "{output}");
}

fn output() {
    let room = Room::new();
    room.settings("setup: up\n");
    room.script(
        "up",
        "(setsid sh -c 'while sleep 0.01; do echo left; done' &); echo set up",
    );
    room.script(
        "a.test",
        "echo one; echo two > /dev/stderr; echo three | tee /dev/stdout; head -c 300000 /dev/zero | tr '\\0' x; echo; echo end; exit 1",
    );
    let (result, output) = room.run("a.test");
    assert!(result.reason.unwrap().starts_with("exit code 1"));
    // What is left running may print in the middle of a long line.
    let output = output.replace("left\n", "");
    let lines: Vec<&str> = output.lines().collect();
    let long = "x".repeat(300_000);
    assert!(
        lines == ["set up", "one", "two", "three", "three", &long, "end"],
        "{}",
        output.replace(&long, "LONG")
    );
}

fn limit() {
    let room = Room::new();
    room.script("a.test", "setsid sleep 600 & juju exec hang");
    let (result, output) = room.run_for("a.test", Duration::from_secs(3));
    assert_eq!(result.verdict, Verdict::Timeout, "{output}");
    assert!(result.reason.unwrap().starts_with("its time was over"));
    let records = transcript::read(&room.record.join("transcript.jsonl")).unwrap();
    assert!(
        records.iter().all(|record| record.code.is_none()),
        "{records:?}"
    );
    // The command itself is gone, too.
    let pid = fs::read_to_string(room.dir.path().join("hanging")).unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
}

fn artifacts() {
    let room = Room::new();
    room.script(
        "a.test",
        "echo x > $CHARMTEST_ARTIFACTS/page; echo FAIL: no page; exit 1",
    );
    room.script("b.test", "echo x > $CHARMTEST_ARTIFACTS/page");
    let (result, _) = room.run("a.test");
    assert_eq!(
        (result.verdict, result.reason.as_deref()),
        (Verdict::Fail, Some("no page (exit code 1)"))
    );
    assert_eq!(
        fs::read(result.artifacts.unwrap().join("page")).unwrap(),
        b"x\n"
    );
    let other = Room::new();
    other.script("b.test", "echo x > $CHARMTEST_ARTIFACTS/page");
    assert_eq!(other.run("b.test").0.artifacts, None);
}

fn not_started() {
    let room = Room::new();
    for (first, expected) in [
        ("#!/bin/sh\r\n", "exit code 127: its lines end in CR LF"),
        (
            "#!/bin/nosuch\n",
            "exit code 127: its interpreter, /bin/nosuch, is not there",
        ),
    ] {
        room.script("a.test", "");
        fs::write(room.charm.join("tests/a.test"), first).unwrap();
        let (result, output) = room.run("a.test");
        assert_eq!(result.verdict, Verdict::Fail, "{output}");
        let reason = result.reason.unwrap();
        assert!(reason.starts_with(expected), "{reason}");
    }
}

fn around() {
    let room = Room::new();
    room.settings("setup: [one, two]\nteardown: [down, last]\nexit-codes: {3: skip}\n");
    for name in ["one", "two", "down", "last"] {
        room.script(name, &format!("echo {name}"));
    }
    room.script("a.test", "echo script; exit 3");
    let (result, output) = room.run("a.test");
    assert_eq!(result.verdict, Verdict::Skip);
    assert_eq!(output, "one\ntwo\nscript\nlast\ndown\n");
    room.script("two", "exit 4");
    let (result, output) = room.run("a.test");
    assert_eq!(result.verdict, Verdict::Fail);
    assert_eq!(output, "one\nlast\ndown\n");
    assert!(result.reason.unwrap().starts_with("tests/two: exit code 4"));

    // What a tear-down says of skipping comes too late; and a script passes also with another code than 0.
    room.settings("teardown: down\nexit-codes: {3: pass}\n");
    for (down, verdict, why) in [
        ("exit 0", Verdict::Pass, None),
        ("exit 100", Verdict::Fail, Some("tests/down: exit code 100")),
        ("exit 77", Verdict::Fail, Some("tests/down: exit code 77")),
        ("exit 1", Verdict::Fail, Some("tests/down: exit code 1")),
        (
            "exit 124",
            Verdict::Timeout,
            Some("tests/down: exit code 124"),
        ),
    ] {
        room.script("down", down);
        let (result, _) = room.run("a.test");
        let reason = result.reason.as_deref();
        let reason = reason.map(|text| text.split_once(": script").map_or(text, |(why, _)| why));
        assert_eq!((result.verdict, reason), (verdict, why), "{down}");
    }

    room.settings("testbed: nosuch@1\n");
    let (result, _) = room.run("a.test");
    assert_eq!(result.verdict, Verdict::Skip);
    assert!(result.reason.unwrap().starts_with("it wants nosuch@1"));
}

fn alone() {
    let own = std::env::current_exe().unwrap();
    let nowhere = tempfile::tempdir().unwrap();
    let output = std::process::Command::new(own)
        .args([CLIENT_ARGUMENT, nowhere.path().to_str().unwrap(), "status"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.starts_with("ERROR the test run that this juju belongs to is gone"),
        "{text}"
    );
}
