//! R19: only the key of the distribution proves that a package is its own; with the real apt, and repositories that the test makes.
//!
//! Nothing here needs the network, and nothing changes the machine.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may panic, and says what it could not try"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use charmtest_scripts::requirements::archive::Source;
use charmtest_scripts::requirements::{
    Archive, Base, Machine, Met, Request, Requirements, Unmet, Wishes, has_apt, meet,
};

/// A package that no archive has.
const PACKAGE: &str = "charmtest-forged-tool";

/// A repository on disk whose labels are Debian's own, and a place for apt.
struct Room {
    dir: tempfile::TempDir,
}

impl Room {
    fn new() -> Self {
        let room = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let deb = room.path("deb");
        fs::create_dir_all(deb.join("DEBIAN")).unwrap();
        fs::create_dir_all(deb.join("usr/bin")).unwrap();
        fs::create_dir_all(room.path("repo")).unwrap();
        let control = format!(
            "Package: {PACKAGE}\nVersion: 99.0\nArchitecture: all\nMaintainer: Nobody <nobody@example.com>\nDescription: A tool\n"
        );
        fs::write(deb.join("DEBIAN/control"), &control).unwrap();
        fs::write(
            deb.join("usr/bin").join(PACKAGE),
            "#!/bin/sh\necho forged\n",
        )
        .unwrap();
        let tool = deb.join("usr/bin").join(PACKAGE);
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
        let file = room.path("repo/tool.deb");
        room.run(
            "dpkg-deb",
            &["-b", deb.to_str().unwrap(), file.to_str().unwrap()],
        );
        let index = format!(
            "{control}Filename: ./tool.deb\nSize: {}\nSHA256: {}\n",
            fs::metadata(&file).unwrap().len(),
            room.sha256("repo/tool.deb")
        );
        fs::write(room.path("repo/Packages"), &index).unwrap();
        let date = room.run("date", &["-Ru"]);
        let release = format!(
            "Origin: Debian\nLabel: Debian\nSuite: oldstable\nVersion: 12.15\nCodename: bookworm\nDate: {}\nSHA256:\n {} {} Packages\n",
            date.trim().replace("+0000", "UTC"),
            room.sha256("repo/Packages"),
            index.len()
        );
        fs::write(room.path("repo/Release"), release).unwrap();
        room
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = Command::new(program)
            .args(arguments)
            .env("LC_ALL", "C")
            .env("GNUPGHOME", self.path("gnupg"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {text}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn sha256(&self, name: &str) -> String {
        let output = self.run("sha256sum", &[self.path(name).to_str().unwrap()]);
        output.split(' ').next().unwrap().to_owned()
    }

    /// Makes a key and returns its keyring.
    fn key(&self, name: &str) -> PathBuf {
        let home = self.path("gnupg");
        if !home.is_dir() {
            fs::create_dir(&home).unwrap();
            self.run("chmod", &["700", home.to_str().unwrap()]);
        }
        let id = format!("{name}@example.com");
        let options = [
            "--batch",
            "--quiet",
            "--pinentry-mode",
            "loopback",
            "--passphrase",
            "",
        ];
        let generate: Vec<_> = options
            .into_iter()
            .chain(["--quick-gen-key", &id, "rsa2048", "sign", "never"])
            .collect();
        self.run("gpg", &generate);
        let keyring = self.path(&format!("{name}.gpg"));
        self.run(
            "gpg",
            &[
                "--batch",
                "--output",
                keyring.to_str().unwrap(),
                "--export",
                &id,
            ],
        );
        keyring
    }

    fn sign(&self, name: &str) {
        let (from, to) = (self.path("repo/Release"), self.path("repo/InRelease"));
        let id = format!("{name}@example.com");
        let words = [
            "--batch",
            "--yes",
            "--pinentry-mode",
            "loopback",
            "--passphrase",
            "",
            "--local-user",
            &id,
            "--output",
        ];
        let words: Vec<_> = words
            .into_iter()
            .chain([to.to_str().unwrap(), "--clearsign", from.to_str().unwrap()])
            .collect();
        self.run("gpg", &words);
    }

    fn has_gpg() -> bool {
        let gpg = Command::new("gpg")
            .arg("--version")
            .stdout(Stdio::null())
            .status();
        gpg.is_ok_and(|status| status.success())
    }

    fn meet(&self, uri: &str, keyring: &Path, cache: &str, wishes: Wishes) -> Result<Met, Unmet> {
        let archive = Archive {
            sources: vec![Source {
                uri: uri.to_owned(),
                suite: "./".to_owned(),
                components: Vec::new(),
            }],
            keyring: keyring.to_owned(),
        };
        let text = format!("packages: [{PACKAGE}]\n");
        let requirements = Requirements::parse("tests/requirements.yaml", &text).unwrap();
        // A user, whoever runs this: nothing may be installed here.
        let machine = Machine {
            base: Base::parse("debian@12"),
            root: false,
            ci: false,
        };
        let request = Request {
            requirements: &requirements,
            base: &Base::parse("debian@12").unwrap(),
            archive: Some(&archive),
            cache: &self.path(cache),
            wishes,
        };
        meet(&request, &machine)
    }

    fn uri(&self) -> String {
        format!("file://{}", self.path("repo").display())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if self.path("gnupg").is_dir() {
            // gpg leaves an agent behind for each of its homes.
            let _ = Command::new("gpgconf")
                .args(["--kill", "all"])
                .env("GNUPGHOME", self.path("gnupg"))
                .status();
        }
    }
}

fn unmet(result: Result<Met, Unmet>) -> String {
    result.expect_err("must not be met").to_string()
}

fn missing_tools() -> bool {
    let missing = !has_apt() || !Room::has_gpg();
    if missing {
        eprintln!("not tested: this machine has no apt-get or no gpg");
    }
    missing
}

const OVERLAY: Wishes = Wishes {
    install: false,
    overlay: true,
    allow_installed: false,
};

#[test]
fn r19_labels_of_the_distribution_do_not_make_a_repository_official() {
    if missing_tools() {
        return;
    }
    let room = Room::new();
    let official = room.key("official");
    room.key("forger");

    let unsigned = unmet(room.meet(&room.uri(), &official, "unsigned", OVERLAY));
    assert!(unsigned.contains("is not signed"), "{unsigned}");

    room.sign("forger");
    let forged = unmet(room.meet(&room.uri(), &official, "forged", OVERLAY));
    assert!(
        forged.contains("is not signed") || forged.contains("signature"),
        "{forged}"
    );

    // The same repository signed by the key that counts is taken: it was the key, and nothing else.
    room.sign("official");
    let command = unmet(room.meet(&room.uri(), &official, "official", Wishes::default()));
    let line = format!(
        "{PACKAGE} is not installed; run `sudo apt-get install --no-install-recommends {PACKAGE}`"
    );
    assert!(command.contains(&line), "{command}");

    let met = room
        .meet(&room.uri(), &official, "official", OVERLAY)
        .unwrap();
    assert_eq!(met.versions[PACKAGE], "99.0");
    let programs = met.environment().programs;
    assert_eq!(
        room.run(programs[0].join(PACKAGE).to_str().unwrap(), &[]),
        "forged\n"
    );

    // A file that was changed after the signing is refused.
    fs::write(room.path("repo/tool.deb"), "something else").unwrap();
    fs::remove_dir_all(met.overlay.unwrap()).unwrap();
    let changed = unmet(room.meet(&room.uri(), &official, "official", OVERLAY));
    assert!(
        changed.contains("mismatch") || changed.contains("unexpected size"),
        "{changed}"
    );
}

#[test]
fn r19_an_archive_out_of_reach_is_unmet_and_never_a_pass() {
    if !has_apt() {
        eprintln!("not tested: this machine has no apt-get");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let room = Room { dir };
    let keyring = room.path("key.gpg");

    let without_key = unmet(room.meet(
        "http://127.0.0.1:1/debian",
        &keyring,
        "cache",
        Wishes::default(),
    ));
    assert!(without_key.contains("nothing can prove"), "{without_key}");

    fs::write(&keyring, "").unwrap();
    let allow = Wishes {
        allow_installed: true,
        ..Wishes::default()
    };
    for wishes in [Wishes::default(), OVERLAY, allow] {
        let offline = unmet(room.meet("http://127.0.0.1:1/debian", &keyring, "cache", wishes));
        assert!(
            offline.contains("the archive of debian@12 cannot be asked"),
            "{offline}"
        );
    }
}

#[test]
fn r18_no_requirements_are_met_without_asking_anybody() {
    let dir = tempfile::tempdir().unwrap();
    let requirements = Requirements::parse("tests/requirements.yaml", "packages: []").unwrap();
    let request = Request {
        requirements: &requirements,
        base: &Base::parse("ubuntu@24.04").unwrap(),
        archive: None,
        cache: &dir.path().join("cache"),
        wishes: Wishes::default(),
    };
    assert_eq!(meet(&request, &Machine::here()), Ok(Met::default()));
    assert!(!dir.path().join("cache").exists());
}
