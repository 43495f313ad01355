//! Looking at collections of 1,000 small charms.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::{Bed, human, run_quietly, time};
use crate::sh::{Result, print, sh};

/// How many charms a collection has.
const CHARMS: usize = 1_000;

/// How long a look may take at which nothing has changed.
const UNCHANGED_LIMIT: Duration = Duration::from_secs(5);

/// How long a look may take beyond the tests when one charm has changed.
const CHANGED_LIMIT: Duration = Duration::from_secs(1);

/// Measures a look without and with a change, for charms in directories, in one work tree, and in one repository elsewhere.
pub(super) fn watch(bed: &Bed) -> Result {
    let plain = bed.dir.join("watch-plain");
    charms(&plain.join("charms"))?;
    measure(bed, &plain, "directories", "[[charm]]\npath = 'charms/*'\n")?;

    let tree = bed.dir.join("watch-tree");
    charms(&tree.join("repo/charms"))?;
    commit(&tree.join("repo"))?;
    measure(
        bed,
        &tree,
        "one work tree",
        "[[charm]]\npath = 'repo/charms/*'\n",
    )?;

    let remote = bed.dir.join("watch-remote");
    charms(&remote.join("repo/charms"))?;
    commit(&remote.join("repo"))?;
    let sources: String = (0..CHARMS)
        .map(|n| format!("[[charm]]\ngit = 'repo'\nsubdir = 'charms/c{n}'\n"))
        .collect();
    measure(bed, &remote, "one git remote", &sources)
}

fn measure(bed: &Bed, dir: &Path, what: &str, sources: &str) -> Result {
    let file = dir.join("charms.toml");
    let defaults = "[defaults]\ntrust = 'official'\nscope = 'changed'\n";
    fs::write(&file, format!("{defaults}{sources}"))?;
    let watch = |generic: &[&str]| {
        let mut command = Command::new(&bed.program);
        command
            .args([
                "charmtest",
                "watch",
                "--once",
                "--quiet",
                "--backend",
                "embedded",
            ])
            .args(generic)
            .args(["--state", "state"])
            .current_dir(dir)
            .env("CHARMTEST_DATA", bed.data());
        command
    };
    let first = time(|| run_quietly(&mut watch(&["--no-generic"])))?;
    let unchanged = time(|| run_quietly(&mut watch(&["--no-generic"])))?;
    let repo = dir.join("repo");
    let charms = if repo.exists() {
        repo.join("charms")
    } else {
        dir.join("charms")
    };
    super::write_script(&charms.join("c7/dispatch"), "status-set active changed")?;
    if repo.exists() {
        commit(&repo)?;
    }
    let changed = time(|| run_quietly(&mut watch(&["--generic", "deploy"])))?;
    let shown = sh(
        &bed.program,
        &[
            "charmtest",
            "watch",
            "show",
            "--format",
            "json",
            "--state",
            "state",
        ],
    )
    .dir(dir)
    .read()?;
    let tests: u64 = shown
        .match_indices("\"ms\":")
        .filter_map(|(at, key)| {
            let rest = &shown[at + key.len()..];
            let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
            rest[..digits].parse::<u64>().ok()
        })
        .sum();
    let beyond = changed.saturating_sub(Duration::from_millis(tests));
    let row = |what: String, it: Duration, limit: Option<Duration>| {
        let verdict = match limit {
            Some(limit) if it > limit => format!("over the aim of {}", human(limit)),
            Some(limit) => format!("aim: {}", human(limit)),
            None => String::new(),
        };
        print(&format!("{what:<46} {:>12}  {verdict}", human(it)));
    };
    row(
        format!("1,000 charms, {what}: recorded at first"),
        first,
        None,
    );
    row(
        format!("1,000 charms, {what}: nothing changed"),
        unchanged,
        Some(UNCHANGED_LIMIT),
    );
    row(
        format!("1,000 charms, {what}: one, beyond its test"),
        beyond,
        Some(CHANGED_LIMIT),
    );
    Ok(())
}

fn charms(dir: &Path) -> Result {
    for n in 0..CHARMS {
        let charm = dir.join(format!("c{n}"));
        fs::create_dir_all(charm.join("src"))?;
        let metadata = format!("name: c{n}\nsummary: a benchmark\ndescription: a benchmark\n");
        fs::write(charm.join("metadata.yaml"), metadata)?;
        let manifest = "bases:\n- {name: ubuntu, channel: \"24.04\", architectures: [amd64]}\n";
        fs::write(charm.join("manifest.yaml"), manifest)?;
        fs::write(
            charm.join("src/lib.sh"),
            format!("# charm {n}\n").repeat(50),
        )?;
        super::write_script(&charm.join("dispatch"), "status-set active")?;
    }
    Ok(())
}

fn commit(repo: &Path) -> Result {
    for args in [
        &["init", "-q", "-b", "main"][..],
        &["add", "-A"],
        &[
            "-c",
            "user.name=Bench",
            "-c",
            "user.email=bench@example.com",
            "commit",
            "-q",
            "-m",
            "charms",
        ],
    ] {
        sh("git", args).dir(repo).read()?;
    }
    Ok(())
}
