//! Charms whose authors mean harm to whoever reads them: their repositories, directories and files.

use std::io::Write;
use std::process::Stdio;

use super::*;
use crate::Digest;

/// Runs git in a repository with something to read; returns what it says.
fn git(place: &Place, directory: &str, args: &[&str], input: &str) -> String {
    let mut command = Command::new("git");
    command.current_dir(place.path(directory)).args(args);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "git {args:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Says what is told of the charm `evil`, beside which `good` is as ever.
#[track_caller]
fn told_of_evil(place: &Place, pass: &Pass) -> String {
    let keys: Vec<String> = match pass.tested.first() {
        Some(tested) => tested.delta.snapshot.entries().iter(),
        None => [].iter(),
    }
    .map(|entry| entry.key.charm.clone())
    .collect();
    assert_eq!(keys, ["good"], "{:?}", pass.problems);
    let [problem] = pass.problems.as_slice() else {
        panic!("{:?}", pass.problems);
    };
    assert!(problem.place.contains("evil"), "{problem:?}");
    assert!(!place.path("ran").exists());
    problem.message.clone()
}

#[test]
fn settings_of_a_work_tree_run_nothing_and_lead_nowhere_else() {
    let place = Place::new();
    let ran = place.path("ran");
    let program = format!("touch {}; cat", ran.display());
    for name in ["filter", "process", "elsewhere", "hooks", "monitor"] {
        let directory = format!("charms/{name}");
        place.charm(&directory, &[]);
        place.write(&format!("{directory}/.gitattributes"), "* filter=x\n");
        place.git(&directory, "init -q");
    }
    let config = |name: &str, key: &str, value: &str| {
        git(
            &place,
            &format!("charms/{name}"),
            &["config", key, value],
            "",
        );
    };
    config("filter", "filter.x.clean", &program);
    config("process", "filter.x.process", &program);
    config("process", "filter.x.required", "true");
    config("monitor", "core.fsmonitor", &program);
    place.write("private/metadata.yaml", "name: private\n");
    place.write("private/secret", "CANARY");
    config(
        "elsewhere",
        "core.worktree",
        place.path("private").to_str().unwrap(),
    );
    for hook in ["post-index-change", "pre-commit"] {
        let hook = format!("charms/hooks/.git/hooks/{hook}");
        place.write(&hook, &format!("#!/bin/sh\ntouch {}\n", ran.display()));
    }
    let pass = place.pass(&place.collection(ALL));
    assert_eq!(pass.problems, []);
    let (_, delta) = place.last();
    let names: Vec<&str> = delta
        .snapshot
        .entries()
        .iter()
        .map(|entry| entry.facts.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["elsewhere", "filter", "hooks", "monitor", "process"]
    );
    assert!(!ran.exists(), "a program of the charm's ran");
    let secret = Digest::of(b"CANARY");
    assert!(!place.state().store().path(&secret).exists());
}

#[test]
fn what_a_repository_says_of_its_files_still_counts() {
    let place = Place::new();
    place.charm("repo/a", &[]);
    place.git("repo", "init -q");
    place.write("repo/.git/info/exclude", "*.log\n");
    place.write("repo/global", "*.tmp\n");
    let global = place.path("repo/global");
    git(
        &place,
        "repo",
        &["config", "core.excludesFile", global.to_str().unwrap()],
        "",
    );
    place.git("repo", "config core.fileMode false");
    place.git("repo", "update-index --split-index");
    place.commit("repo");
    let collection = place.collection("[[charm]]\npath = 'repo/a'\n");
    place.pass(&collection);
    place.write("repo/a/x.log", "x");
    place.write("repo/a/x.tmp", "x");
    let metadata = place.path("repo/a/metadata.yaml");
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(metadata, fs::Permissions::from_mode(0o644)).unwrap();
    let pass = place.pass(&collection);
    assert!(
        pass.tested.is_empty() && pass.problems.is_empty(),
        "{pass:?}"
    );
}

#[test]
fn a_tree_that_is_no_charm_is_told_and_harms_no_other() {
    let collection = "[[charm]]\ngit = 'evil'\n[[charm]]\npath = 'charms/*'\n";
    /// Makes a tree of lines `MODE TYPE ID<tab>NAME`.
    fn tree(place: &Place, lines: &str) -> String {
        git(place, "evil", &["mktree", "--missing"], lines)
    }
    fn blob(place: &Place, text: &str) -> String {
        git(place, "evil", &["hash-object", "-w", "--stdin"], text)
    }
    type Make = fn(&Place, &str) -> String;
    let deep: Make = |place, metadata| {
        let mut id = tree(place, &format!("100644 blob {metadata}\tx\n"));
        for _ in 0..70 {
            id = tree(place, &format!("040000 tree {id}\td\n"));
        }
        id
    };
    let wide: Make = |place, metadata| {
        let mut id = tree(place, &format!("100644 blob {metadata}\tx\n"));
        for _ in 0..4 {
            let lines = (0..10).map(|at| format!("040000 tree {id}\td{at}\n"));
            id = tree(place, &lines.collect::<String>());
        }
        id
    };
    let long: Make = |place, metadata| {
        let name = "n".repeat(300);
        tree(place, &format!("100644 blob {metadata}\t{name}\n"))
    };
    let link: Make = |place, _| {
        let target = blob(place, "a\0b");
        tree(place, &format!("120000 blob {target}\tlink\n"))
    };
    let empty_link: Make = |place, _| {
        let target = blob(place, "");
        tree(place, &format!("120000 blob {target}\tlink\n"))
    };
    for (make, wanted) in [
        (deep, "64 deep"),
        (wide, "2000 files"),
        (long, "is no path of a charm"),
        (link, "can be no path"),
        (empty_link, "can be no path"),
    ] {
        let place = Place::new();
        place.charm("charms/good", &[]);
        place.charm("evil", &[]);
        place.git("evil", "init -q");
        place.commit("evil");
        let metadata = blob(&place, "name: evil\n");
        let below = make(&place, &metadata);
        let lines = format!("100644 blob {metadata}\tmetadata.yaml\n040000 tree {below}\tsrc\n");
        let root = tree(&place, &lines);
        let identity = "evil <a@example.com> 1 +0000";
        let commit = format!("tree {root}\nauthor {identity}\ncommitter {identity}\n\nx\n");
        let commit = git(
            &place,
            "evil",
            &["hash-object", "-w", "-t", "commit", "--stdin"],
            &commit,
        );
        git(
            &place,
            "evil",
            &["update-ref", "refs/heads/main", &commit],
            "",
        );
        let pass = place.pass(&place.collection(collection));
        let told = told_of_evil(&place, &pass);
        assert!(told.contains(wanted), "{told}");
    }
}

#[test]
fn a_directory_that_is_no_charm_is_told_and_harms_no_other() {
    type Make = fn(&Place);
    let pipe: Make = |place| {
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        let path = place.path("charms/evil/pipe");
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &path, kind, mode, 0).unwrap();
    };
    let deep: Make = |place| {
        let path = place.path("charms/evil").join("d/".repeat(70));
        fs::create_dir_all(path).unwrap();
    };
    let sparse: Make = |place| {
        let file = fs::File::create(place.path("charms/evil/zeros")).unwrap();
        file.set_len(1 << 40).unwrap();
    };
    let name: Make = |place| {
        use std::os::unix::ffi::OsStrExt;
        let name = std::ffi::OsStr::from_bytes(b"\xff");
        fs::write(place.path("charms/evil").join(name), "").unwrap();
    };
    for (make, wanted) in [
        (pipe, "neither a file nor a directory nor a link"),
        (deep, "64 deep"),
        (sparse, "1 GiB"),
        (name, "not UTF-8"),
    ] {
        let place = Place::new();
        place.charm("charms/good", &[]);
        place.charm("charms/evil", &[]);
        make(&place);
        let pass = place.pass(&place.collection(ALL));
        let told = told_of_evil(&place, &pass);
        assert!(told.contains(wanted), "{told}");
    }
}

#[test]
fn branches_of_a_hostile_repository_lead_nowhere() {
    let place = Place::new();
    place.charm("repos/evil", &[]);
    place.git("repos/evil", "init -q");
    place.commit("repos/evil");
    let heads = place.path("repos/evil/.git/refs/heads");
    let id = fs::read(heads.join("main")).unwrap();
    fs::create_dir(heads.join("release")).unwrap();
    for name in ["x\u{1b}[2J", "x\ny", "a..b", "x.lock"] {
        fs::write(heads.join("release").join(name), &id).unwrap();
    }
    let collection =
        place.collection("[[charm]]\ngit = 'repos/evil'\nbranches = ['main', 'release/*']\n");
    let pass = place.pass(&collection);
    assert_eq!(pass.tally.to_string(), "1 pass", "{:?}", pass.problems);
}

/// Writes a tar archive as `watch export` does, of a delta in which a text is another one.
fn forged(place: &Place, old: &str, new: &str) -> PathBuf {
    let (record, _) = place.last();
    let state = place.state();
    let text = fs::read_to_string(record.file()).unwrap();
    let content = &text[..text.rfind(",\"sha256\":").unwrap()];
    let changed = format!("{content}}}").replace(old, new);
    assert_ne!(changed, format!("{content}}}"), "{content}");
    let mut delta: crate::Delta = serde_json::from_str(&changed).unwrap();
    delta.id = delta.computed_id().unwrap();
    let path = place.path("forged");
    let (record, store) = (state.record(&delta, "").unwrap(), state.store());
    let mut archive = tar::Builder::new(fs::File::create(&path).unwrap());
    let mut add = |name: String, bytes: Vec<u8>| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, name, &*bytes).unwrap();
    };
    for object in store.objects().unwrap() {
        let (group, rest) = object.as_str().split_at(2);
        add(
            format!("cas/sha256/{group}/{rest}"),
            store.get(&object).unwrap(),
        );
    }
    let name = format!("deltas/{}/delta.json", delta.directory_name());
    add(name, fs::read(record.file()).unwrap());
    archive.into_inner().unwrap();
    crate::export::forge_seal(&path);
    path
}

#[test]
fn a_delta_of_somebody_else_has_names_that_lead_nowhere() {
    for (old, new) in [
        ("\"charm\":\"a\"", "\"charm\":\"../../../a\""),
        ("\"name\":\"a\"", "\"name\":\"/a\""),
        ("\"branch\":\"-\"", "\"branch\":\"..\""),
        ("ubuntu@24.04", "u\\u001b[2J"),
        ("\"tests/1.test\"", "\"tests/../../1.test\""),
        ("\"resolve\":{", "\"resolve\":{\"../x\":{\"store\":\"x\"}"),
    ] {
        let place = Place::new();
        place.charm("charms/a", &[("1", "pass")]);
        place.pass(&place.collection("[[charm]]\npath = 'charms/a'\n"));
        let elsewhere = State::new(&place.path("elsewhere"));
        let good = forged(&place, "\"created\":\"", "\"created\":\"x");
        crate::import(&elsewhere, &good).unwrap();
        let elsewhere = State::new(&place.path("another"));
        let error = crate::import(&elsewhere, &forged(&place, old, new)).unwrap_err();
        assert!(
            error.to_string().contains("is no name that there can be"),
            "{new}: {error}"
        );
    }
}

#[test]
fn an_archive_with_holes_is_not_unpacked() {
    let place = Place::new();
    let path = place.path("delta.tar");
    let mut archive = tar::Builder::new(fs::File::create(&path).unwrap());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNUSparse);
    header.set_size(0);
    let gnu = header.as_gnu_mut().unwrap();
    gnu.set_real_size(1 << 32);
    gnu.sparse[0].offset = *b"40000000000\0";
    gnu.sparse[0].numbytes = *b"00000000000\0";
    let name = format!("cas/sha256/00/{}", "0".repeat(62));
    archive.append_data(&mut header, name, &b""[..]).unwrap();
    archive.into_inner().unwrap();
    crate::export::forge_seal(&path);
    let state = State::new(&place.path("state"));
    let error = crate::import(&state, &path).unwrap_err().to_string();
    assert!(error.contains("is no file"), "{error}");
}
