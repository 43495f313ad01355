//! Packing with and without charmcraft.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use charmtest_charm::pack::Tool;
use charmtest_charm::{Archive, Charm, PackOptions, Packed, pack};
use tempfile::TempDir;

use crate::support::{METADATA, chain, mode, tree};

const ARCH: &str = if cfg!(target_arch = "aarch64") {
    "arm64"
} else {
    "amd64"
};
const PROJECT: &str =
    "name: hello\nsummary: s\ndescription: d\nbases: [{name: ubuntu, channel: '22.04'}]\n";

/// Options that use nothing of this machine, with directories of their own.
fn options(work: &TempDir) -> PackOptions {
    PackOptions {
        charmcraft: None,
        ..PackOptions::new(work.path().join("out"), work.path().join("cache"))
    }
}

/// Returns every path below `dir` with its mode and content.
fn snapshot(dir: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![dir.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path.clone());
            }
            found.insert(
                path.clone(),
                (mode(&path), fs::read(&path).unwrap_or_default()),
            );
        }
    }
    found
}

fn file_name(packed: &Packed) -> String {
    packed
        .path
        .file_name()
        .unwrap()
        .to_string_lossy()
        .into_owned()
}

#[test]
fn a_plain_charm_is_packed_with_the_files_that_charmcraft_would_make() {
    let project = format!(
        "{PROJECT}actions: {{ping: {{description: Ping.}}}}\nconfig: {{options: {{port: {{type: int}}}}}}\nparts:\n  all: {{plugin: dump, source: .}}\n"
    );
    let dir = tree(&[
        ("charmcraft.yaml", &project),
        ("dispatch*", "#!/bin/sh\n"),
        ("lib/x.sh", "x"),
    ]);
    let before = snapshot(dir.path());
    let work = tempfile::tempdir().unwrap();
    let packed = pack(dir.path(), &options(&work)).unwrap();

    assert_eq!(
        file_name(&packed),
        format!("hello_ubuntu-22.04-{ARCH}.charm")
    );
    assert_eq!(
        (packed.tool, packed.from_cache, packed.arch.as_str()),
        (Tool::Builtin, false, ARCH)
    );
    assert_eq!(packed.base.as_ref().unwrap().to_string(), "ubuntu@22.04");
    let archive = Archive::open(&packed.path).unwrap();
    let names: Vec<&str> = archive.members().keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "actions.yaml",
            "config.yaml",
            "dispatch",
            "lib",
            "lib/x.sh",
            "manifest.yaml",
            "metadata.yaml"
        ]
    );
    assert_eq!(archive.members()["dispatch"].mode, 0o755);
    assert_eq!(
        archive.read_text("manifest.yaml").unwrap().unwrap(),
        format!("bases:\n- name: ubuntu\n  channel: \"22.04\"\n  architectures:\n  - {ARCH}\n")
    );
    assert_eq!(
        Charm::read(&packed.path).unwrap(),
        Charm::read(dir.path()).unwrap()
    );
    assert_eq!(snapshot(dir.path()), before, "the tree is as it was");
}

#[test]
fn the_cache_goes_by_content_and_modes() {
    let dir = tree(&[("metadata.yaml", METADATA), ("dispatch*", "#!/bin/sh\n")]);
    let work = tempfile::tempdir().unwrap();
    let from_cache = || pack(dir.path(), &options(&work)).unwrap().from_cache;
    assert!(!from_cache());
    assert!(from_cache());
    fs::write(dir.path().join("hello_old.charm"), "an earlier result").unwrap();
    assert!(from_cache(), "a charm in the tree is no ingredient");
    fs::write(dir.path().join("dispatch"), "#!/bin/sh\nexit 1\n").unwrap();
    assert!(!from_cache());
    fs::set_permissions(
        dir.path().join("dispatch"),
        fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    assert!(!from_cache());

    for charm in fs::read_dir(work.path().join("cache")).unwrap() {
        let charm = charm.unwrap().path().join("hello.charm");
        if charm.exists() {
            fs::write(charm, "damaged").unwrap();
        }
    }
    assert!(!from_cache(), "a damaged entry is made again");
}

#[test]
fn names_follow_bases_and_platforms() {
    let table = [
        (
            "base: ubuntu@24.04\nplatforms: {amd64:, arm64:}\n",
            format!("hello_{ARCH}.charm"),
        ),
        (
            "platforms: {'ubuntu@24.04:amd64':}\n",
            "hello_ubuntu@24.04-amd64.charm".to_owned(),
        ),
        (
            "base: ubuntu@22.04\nplatforms: {jammy: {build-on: [amd64], build-for: [all]}}\n",
            "hello_jammy.charm".to_owned(),
        ),
        (
            "bases: [{build-on: [{name: ubuntu, channel: '22.04'}], run-on: [{name: ubuntu, channel: '20.04', architectures: [amd64]}, {name: ubuntu, channel: '22.04', architectures: [amd64, arm64]}]}]\n",
            "hello_ubuntu-20.04-amd64_ubuntu-22.04-amd64-arm64.charm".to_owned(),
        ),
    ];
    for (bases, expected) in table {
        let project = format!("{METADATA}{bases}");
        let dir = tree(&[("charmcraft.yaml", &project), ("dispatch*", "")]);
        let work = tempfile::tempdir().unwrap();
        assert_eq!(
            file_name(&pack(dir.path(), &options(&work)).unwrap()),
            expected
        );
    }
}

#[test]
fn what_cannot_be_packed_is_refused_with_the_reason() {
    let part = |part: &str| format!("{PROJECT}parts:\n  x: {part}\n");
    let table = [
        (
            part("{plugin: rust}"),
            "part `x` uses plugin `rust`; install charmcraft",
        ),
        (part("{plugin: poetry}"), "part `x` uses plugin `poetry`"),
        (
            part("{plugin: charm, build-packages: [gcc]}"),
            "part `x` uses `build-packages`",
        ),
        (
            part("{plugin: charm, build-snaps: [go]}"),
            "part `x` uses `build-snaps`",
        ),
        (
            part("{plugin: dump, override-build: make}"),
            "part `x` uses `override-build`",
        ),
        (
            part("{plugin: charm, charm-binary-python-packages: [numpy]}"),
            "part `x` uses `charm-binary-python-packages`",
        ),
        (
            part("{plugin: dump, source: 'https://x'}"),
            "part `x` uses `source: https://x`",
        ),
        (
            format!("{PROJECT}extensions: [flask-framework]\n"),
            "it uses `extensions`",
        ),
        (
            part("{plugin: charm}"),
            "its entry point `src/charm.py` does not exist",
        ),
        (
            part("{plugin: charm, charm-entrypoint: src/main.py}"),
            "its entry point `src/main.py` does not exist",
        ),
        (part("{plugin: uv}"), "part `x` needs a `pyproject.toml`"),
        (part("{plugin: dump}"), "it has no `dispatch`, no hooks"),
        (part("{plugin: 3}"), "`plugin` of part `x` must be a string"),
        (
            format!("{PROJECT}platforms: {{amd64: [}}\n"),
            "charmcraft.yaml:",
        ),
        (
            "summary: s\n".to_owned(),
            "nor a `metadata.yaml` has its `name`",
        ),
        (
            "name: hello\nsummary: s\ndescription: d\nplatforms: {amd64:}\n".to_owned(),
            "charmcraft.yaml:4:13: platform `amd64` has no base",
        ),
    ];
    for (project, expected) in table {
        let dir = tree(&[("charmcraft.yaml", &project)]);
        let work = tempfile::tempdir().unwrap();
        let error = chain(&pack(dir.path(), &options(&work)).unwrap_err());
        assert!(error.contains(expected), "{project}\n{error}");
        assert!(!work.path().join("out").exists());
    }

    let work = tempfile::tempdir().unwrap();
    let dir = tree(&[("README", "")]);
    let error = pack(dir.path(), &options(&work)).unwrap_err().to_string();
    assert!(
        error.contains("it has neither `charmcraft.yaml` nor `metadata.yaml`"),
        "{error}"
    );
    let error = pack(&dir.path().join("README"), &options(&work))
        .unwrap_err()
        .to_string();
    assert!(error.ends_with("not a directory"), "{error}");
    let dir = tree(&[("metadata.yaml", METADATA)]);
    let error = pack(dir.path(), &options(&work)).unwrap_err().to_string();
    assert!(
        error.contains("it has no `dispatch` and no hooks"),
        "{error}"
    );
}

#[test]
fn an_unreadable_directory_is_named() {
    let dir = tree(&[
        ("metadata.yaml", METADATA),
        ("dispatch*", ""),
        ("src/secret", ""),
    ]);
    let closed = dir.path().join("src");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    let can_read_all = fs::read_dir(&closed).is_ok();
    let work = tempfile::tempdir().unwrap();
    let outcome = pack(dir.path(), &options(&work));
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
    match outcome {
        // Root reads everything.
        Ok(_) => assert!(can_read_all),
        Err(error) => assert!(chain(&error).contains("cannot read `"), "{}", chain(&error)),
    }
}

/// Writes a program that stands in for charmcraft; `pack` is what it does for that command.
fn fake_charmcraft(work: &TempDir, pack: &str) -> PathBuf {
    let charm = tree(&[("metadata.yaml", METADATA), ("dispatch*", "")]);
    charmtest_charm::pack_directory(charm.path(), &work.path().join("ready")).unwrap();
    let script = format!(
        "#!/bin/sh\nREADY='{}'\n[ \"$1\" = version ] && echo 'charmcraft 3.4' && exit\n{pack}\n",
        work.path().join("ready").display()
    );
    let path = work.path().join("charmcraft");
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn charmcraft_is_used_when_it_is_there() {
    let work = tempfile::tempdir().unwrap();
    let charmcraft = fake_charmcraft(
        &work,
        "echo \"$@\" >>../log; cp \"$READY\" hello_amd64.charm; cp \"$READY\" hello_arm64.charm",
    );
    let options = PackOptions {
        charmcraft: Some(charmcraft),
        charmcraft_args: vec!["--destructive-mode".to_owned()],
        ..options(&work)
    };
    let dir = work.path().join("charm");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("charmcraft.yaml"), PROJECT).unwrap();
    fs::write(dir.join("hello_amd64.charm"), "an older one").unwrap();
    let before = snapshot(&dir);

    let packed = pack(&dir, &options).unwrap();
    assert_eq!(
        (packed.tool, packed.from_cache, packed.others.len()),
        (Tool::Charmcraft, false, 1)
    );
    assert_eq!(
        snapshot(&dir),
        before,
        "charms are moved out, and an older one is put back"
    );

    let results: Vec<Packed> = std::thread::scope(|scope| {
        fs::write(dir.join("new-file"), "").unwrap();
        let packers = [0, 1].map(|_| scope.spawn(|| pack(&dir, &options).unwrap()));
        packers.map(|packer| packer.join().unwrap()).into()
    });
    assert_eq!(results.iter().filter(|packed| packed.from_cache).count(), 1);
    let log = fs::read_to_string(work.path().join("log")).unwrap();
    assert_eq!(
        log,
        "pack --destructive-mode\n".repeat(2),
        "two contents, two runs"
    );
}

#[test]
fn a_charmcraft_that_fails_or_hangs_is_reported_with_its_output() {
    let dir = tree(&[("charmcraft.yaml", PROJECT)]);
    let table = [
        ("echo 'no LXD here' >&2; exit 3", "exit status: 3"),
        ("echo 'no LXD here'; sleep 60", "did not finish in"),
        ("echo 'no LXD here'", "it made no file `"),
    ];
    for (script, expected) in table {
        let work = tempfile::tempdir().unwrap();
        let options = PackOptions {
            charmcraft: Some(fake_charmcraft(&work, script)),
            destructive_mode: true,
            time_limit: Duration::from_millis(500),
            ..options(&work)
        };
        let start = Instant::now();
        let error = pack(dir.path(), &options).unwrap_err().to_string();
        assert!(
            error.contains(expected) && error.contains("no LXD here"),
            "{script}: {error}"
        );
        assert!(start.elapsed() < Duration::from_secs(30));
    }
}

#[test]
fn a_python_charm_without_dependencies_runs() {
    let charm =
        "import os, mylib, helper\nprint(mylib.X, helper.X, os.environ['JUJU_DISPATCH_PATH'])\n";
    let dir = tree(&[
        (
            "charmcraft.yaml",
            &format!(
                "{PROJECT}parts: {{charm: {{plugin: charm, charm-entrypoint: ./src/main.py}}}}\n"
            ),
        ),
        ("src/main.py", charm),
        ("src/helper.py", "X = 2\n"),
        ("lib/mylib.py", "X = 1\n"),
        ("venv/bin/python*", "#!/bin/sh\nexit 9\n"),
    ]);
    let work = tempfile::tempdir().unwrap();
    let packed = pack(dir.path(), &options(&work)).unwrap();
    assert_eq!(dispatch(&packed, &work, "install"), "1 2 hooks/install\n");
}

#[test]
fn a_python_charm_runs_with_the_packages_it_names() {
    let charm = "import ops\nclass Hello(ops.CharmBase):\n    def __init__(self, framework):\n        super().__init__(framework)\n\
                 print('ops', ops.__version__.split('.')[0] >= '2', ops.__file__)\n";
    let dir = tree(&[
        (
            "charmcraft.yaml",
            &format!("{PROJECT}parts: {{charm: {{plugin: charm}}}}\n"),
        ),
        ("requirements.txt", "ops ~= 2.0\n"),
        ("src/charm.py", charm),
    ]);
    let before = snapshot(dir.path());
    let work = tempfile::tempdir().unwrap();
    let packed = pack(dir.path(), &options(&work)).unwrap();
    assert_eq!(snapshot(dir.path()), before, "the tree is as it was");
    let unit = work
        .path()
        .join("unit")
        .canonicalize()
        .unwrap_or(work.path().join("unit"));
    let output = dispatch(&packed, &work, "start");
    assert!(
        output.starts_with(&format!("ops True {}/venv/lib/python3", unit.display())),
        "{output}"
    );
    assert!(pack(dir.path(), &options(&work)).unwrap().from_cache);
}

#[test]
fn a_lock_file_decides_the_versions() {
    let lock = "version = 1\n[[package]]\nname = \"ops\"\nversion = \"2.17.0\"\nsource = { registry = \"https://pypi.org/simple\" }\n";
    let dir = tree(&[
        (
            "charmcraft.yaml",
            &format!("{PROJECT}parts: {{charm: {{plugin: uv}}}}\n"),
        ),
        (
            "pyproject.toml",
            "[project]\nname = 'x'\nversion = '0'\ndependencies = ['ops>=2']\n",
        ),
        ("uv.lock", lock),
        ("src/charm.py", "import ops\nprint(ops.__version__)\n"),
    ]);
    let work = tempfile::tempdir().unwrap();
    let packed = pack(dir.path(), &options(&work)).unwrap();
    assert_eq!(dispatch(&packed, &work, "start"), "2.17.0\n");
}

#[test]
fn a_package_that_cannot_be_installed_is_reported_with_the_reason() {
    let dir = tree(&[
        (
            "charmcraft.yaml",
            &format!("{PROJECT}parts: {{charm: {{plugin: charm}}}}\n"),
        ),
        ("requirements.txt", "./no-such-directory\n"),
        ("src/charm.py", ""),
    ]);
    let work = tempfile::tempdir().unwrap();
    let error = pack(dir.path(), &options(&work)).unwrap_err().to_string();
    assert!(
        error.contains("-m pip install") && error.contains("no-such-directory"),
        "{error}"
    );
    let cache = fs::read_dir(work.path().join("cache")).unwrap();
    let left: Vec<_> = cache
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(left.iter().all(|name| name.ends_with(".lock")), "{left:?}");
}

/// Unpacks a charm and runs its `dispatch` as a unit agent would, with nothing but a tools directory on PATH.
fn dispatch(packed: &Packed, work: &TempDir, hook: &str) -> String {
    let unit = work.path().join("unit");
    Archive::open(&packed.path)
        .unwrap()
        .extract_to(&unit)
        .unwrap();
    let tools = work.path().join("tools");
    fs::create_dir_all(&tools).unwrap();
    let output = Command::new(unit.join("dispatch"))
        .current_dir(&unit)
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", tools.display()))
        .env("JUJU_DISPATCH_PATH", format!("hooks/{hook}"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
