//! Scripts that mean harm.

use std::ffi::OsStr;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::ExitCode;

use charmtest_scripts::Verdict;
use charmtest_scripts::broker::door::knock;
use charmtest_scripts::broker::wire::{
    Entry, Fetched, Kind, Message, ToBroker, ToClient, read, say, send_data,
};
use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};

use crate::support::Room;

/// Makes the test binary a client that lies; the door follows.
pub(crate) const ARGUMENT: &str = "hostile-client";

/// Names a file outside, on its way past the broker.
const BUNDLE: &str =
    "applications: {o: {charm: 'ch:x', options: {a: 'include-file:///etc/hostname'}}}";

/// Deploys a bundle, sends it, and says that it is not there.
pub(crate) fn client(door: &Path) -> ExitCode {
    let mut pipes = knock(door).unwrap();
    let argv = ["deploy", "./b.yaml"].map(str::to_owned).to_vec();
    let call = ToBroker::Call {
        argv,
        cwd: "/".to_owned(),
        env: Vec::new(),
    };
    say(&mut pipes.to, &call).unwrap();
    while let Some(message) = read::<ToClient>(&mut pipes.from).unwrap() {
        match message {
            Message::Said(ToClient::Fetch { path, .. }) => {
                if path == "./b.yaml" {
                    let entry = Entry {
                        path: String::new(),
                        kind: Kind::File(0o644),
                    };
                    say(&mut pipes.to, &ToBroker::Entry(entry)).unwrap();
                    send_data(&mut pipes.to, BUNDLE.as_bytes()).unwrap();
                }
                say(&mut pipes.to, &ToBroker::Fetched(Fetched::Missing)).unwrap();
            }
            Message::Stdout(text) => print(&text),
            _ => {}
        }
    }
    ExitCode::SUCCESS
}

#[expect(clippy::print_stdout, reason = "it is a program of a script")]
fn print(text: &[u8]) {
    print!("{}", String::from_utf8_lossy(text));
}

pub(crate) fn lies() {
    let room = Room::new();
    let program = std::env::current_exe().unwrap();
    room.script(
        "a.test",
        &format!(
            "{} {ARGUMENT} $(dirname $HOME)/door",
            program.to_str().unwrap()
        ),
    );
    let (_, output) = room.run("a.test");
    assert!(output.contains("/.root/etc/hostname"), "{output}");
    assert!(!output.contains("include-file:///etc"), "{output}");
}

pub(crate) fn hidden_bundles() {
    let room = Room::new();
    let both = room.charm.join("both");
    fs::create_dir(&both).unwrap();
    fs::write(both.join("metadata.yaml"), "name: x\n").unwrap();
    fs::write(both.join("bundle.yaml"), BUNDLE).unwrap();
    fs::write(room.charm.join("b.zip"), archive_of(b"bundle.yaml")).unwrap();
    fs::write(room.charm.join("c.zip"), archive_of(b"other.yaml")).unwrap();
    room.script(
        "a.test",
        "juju deploy ./both; juju deploy ./b.zip; echo code $?; juju deploy c.zip; echo code $?",
    );
    let (result, output) = room.run("a.test");
    assert_eq!(result.reason, None, "{output}");
    for part in [
        "/.root/etc/hostname",
        "ERROR ./b.zip: a bundle in an archive is not available in charm tests",
        "code 1\nran: --no-alias deploy c.zip\n",
        "code 0\n",
    ] {
        assert!(output.contains(part), "{part:?}: {output}");
    }
    assert!(!output.contains("include-file:///etc"), "{output}");
}

/// Returns a zip archive with one file, which is empty.
fn archive_of(name: &[u8]) -> Vec<u8> {
    let length = u16::try_from(name.len()).unwrap().to_le_bytes();
    let mut bytes = b"PK\x03\x04\x0a\0\0\0\0\0\0\0\x21\0".to_vec();
    bytes.extend([0; 12]);
    bytes.extend(length);
    bytes.extend([0; 2]);
    bytes.extend(name);
    let directory = u32::try_from(bytes.len()).unwrap();
    bytes.extend(b"PK\x01\x02\x0a\x03\x0a\0\0\0\0\0\0\0\x21\0");
    bytes.extend([0; 12]);
    bytes.extend(length);
    bytes.extend([0; 8]);
    bytes.extend(0o100_644_u32.checked_shl(16).unwrap().to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(name);
    let size = u32::try_from(bytes.len()).unwrap() - directory;
    bytes.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    bytes.extend(size.to_le_bytes());
    bytes.extend(directory.to_le_bytes());
    bytes.extend([0; 2]);
    bytes
}

pub(crate) fn left() {
    let room = Room::new();
    let secret = room.dir.path().join("secret");
    fs::create_dir(&secret).unwrap();
    fs::write(secret.join("key"), "s").unwrap();
    let at = room.dir.path().join("at");
    for (name, hostile) in [
        ("gone.test", "rm -r $CHARMTEST_ARTIFACTS".to_owned()),
        (
            "link.test",
            format!(
                "rmdir $CHARMTEST_ARTIFACTS; ln -s {} $CHARMTEST_ARTIFACTS",
                secret.display()
            ),
        ),
        (
            "closed.test",
            "mkdir -p $HOME/a/b; : > $CHARMTEST_ARTIFACTS/f; chmod 0 $HOME/a $CHARMTEST_ARTIFACTS/f $CHARMTEST_ARTIFACTS"
                .to_owned(),
        ),
        (
            "deep.test",
            format!(
                "echo $HOME > {}; while [ -e {0} ]; do sleep 0.05; done",
                at.display()
            ),
        ),
    ] {
        room.script(
            name,
            &format!("echo $HOME > $0.home; cp $0.home {}.{name}; {hostile}; exit 1", at.display()),
        );
        let digging = (name == "deep.test").then(|| {
            let at = at.clone();
            std::thread::spawn(move || dig(&at))
        });
        let (result, output) = room.run(name);
        if let Some(digging) = digging {
            digging.join().unwrap();
        }
        assert_eq!(result.verdict, Verdict::Fail, "{name}: {output}");
        if name != "closed.test" {
            assert_eq!(result.artifacts, None, "{name}");
        }
        let home = fs::read_to_string(format!("{}.{name}", at.display())).unwrap();
        let base = Path::new(home.trim()).parent().unwrap();
        assert!(!base.exists(), "{name}: {}", base.display());
    }
    assert!(secret.join("key").exists());
}

/// Makes a deep tree in the directory that is named in a file, and removes the file.
fn dig(file: &Path) {
    let home = loop {
        match fs::read_to_string(file) {
            Ok(home) if home.ends_with('\n') => break home,
            _ => std::thread::sleep(std::time::Duration::from_millis(20)),
        }
    };
    let open = |above: &dyn std::os::fd::AsFd, name: &OsStr| -> OwnedFd {
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(above.as_fd(), name, flags, Mode::empty()).unwrap()
    };
    let mut at = open(&CWD, home.trim().as_ref());
    for _ in 0..12_000 {
        mkdirat(&at, "d", Mode::RWXU).unwrap();
        at = open(&at, "d".as_ref());
    }
    fs::remove_file(file).unwrap();
}

pub(crate) fn killed_client() {
    let room = Room::new();
    room.script(
        "a.test",
        &format!(
            "juju add-model slow & while [ ! -e {} ]; do sleep 0.05; done; kill -9 $!",
            room.dir.path().join("making").display()
        ),
    );
    let (result, output) = room.run("a.test");
    assert_eq!(result.models, ["slow"], "{output}");
}

pub(crate) fn flooded() {
    let room = Room::new();
    // It has left the script's group, and nothing of the script's is in its environment.
    room.script(
        "a.test",
        "door=$(dirname $HOME)/door/door; setsid env -i /bin/sh -c 'exec 3<>\"$1\"; : > \"$1.on\"; trap \"\" PIPE; exec timeout 20 cat /dev/zero >&3' sh $door >/dev/null 2>&1 &\n\
         while [ ! -e $(dirname $HOME)/door/door.on ]; do sleep 0.05; done",
    );
    let (result, output) = room.run("a.test");
    assert_eq!(result.verdict, Verdict::Pass, "{output}");
}
