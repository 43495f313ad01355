//! Packing charms: once, side by side, chosen, or not at all.

use crate::fake::{FakeJuju, run, write_script};
use crate::ops_test::{ops_test, ops_test_with};
use charmtest::harness::PackOptions;
use charmtest::ops_test::{OpsTest, Verbosity};
use insta::assert_snapshot;
use std::fs;
use std::path::Path;

/// A program that packs a charm called as its directory: it notes how it is called, takes its time, and makes what the charm's
/// directory says in `makes`, lines of a base and an architecture; it refuses to pack a directory with a file `broken`. Of a
/// packed charm it knows nothing.
const PACKER: &str = r#"#!/bin/sh
echo "$*" >> "$(dirname "$0")/packed"
case $2 in charm-info) echo '{"bases":[]}'; exit;; esac
name=$(basename "$3")
[ -f "$3/broken" ] && echo "error: \`$name\` is broken" >&2 && exit 1
sleep 0.2
[ -f "$3/makes" ] || echo "24.04 amd64" > "$3/makes"
charms=
while read -r base arch; do
  file="$5/${name}_ubuntu-$base-$arch.charm"
  echo packed > "$file"
  charms="$charms,{\"path\":\"$file\",\"bases\":[{\"base\":\"ubuntu@$base\",\"architectures\":[\"$arch\"]}]}"
done < "$3/makes"
echo "{\"name\":\"$name\",\"charms\":[${charms#,}]}"
"#;

/// Returns a `juju` beside a `cargo-charmtest` that packs.
fn packer() -> FakeJuju {
    let fake = FakeJuju::with_model("");
    write_script(&fake.path("cargo-charmtest"), PACKER);
    fake
}

/// Returns how the packer was called, without the directories it was to pack into.
fn packed(fake: &FakeJuju) -> Vec<String> {
    let text = fs::read_to_string(fake.path("packed")).unwrap_or_default();
    let tidy = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        match words.iter().position(|word| *word == "--output-dir") {
            Some(at) => [&words[..at], &words[at + 2..]].concat().join(" "),
            None => words.join(" "),
        }
    };
    text.lines().map(|line| fake.tidy(tidy(line))).collect()
}

/// Makes a directory of a charm in the package, with a file.
fn charm(ops_test: &OpsTest, name: &str, file: &str, text: &str) {
    let dir = ops_test.package_dir().join(name);
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join(file), text).unwrap();
}

fn file_name(path: impl AsRef<Path>) -> String {
    let name = path.as_ref().file_name().unwrap();
    name.to_str().unwrap().to_owned()
}

#[test]
fn a_charm_is_packed_once_however_many_ask() {
    let fake = packer();
    let charms = run(async {
        let ops_test = ops_test(&fake).await;
        let builds: Vec<_> = ["hello", "./hello", "hello/."]
            .map(|path| {
                let ops_test = ops_test.clone();
                tokio::spawn(async move { ops_test.build_charm(path).await.unwrap() })
            })
            .into();
        let mut charms = Vec::new();
        for build in builds {
            charms.push(build.await.unwrap());
        }
        charms
    });
    assert!(charms[0].starts_with(fake.path("tmp/charms")), "{charms:?}");
    assert_eq!(fs::read(&charms[0]).unwrap(), b"packed\n");
    assert!(charms.iter().all(|charm| *charm == charms[0]), "{charms:?}");
    assert_eq!(
        packed(&fake),
        ["charmtest pack package/hello --format json"]
    );
}

#[test]
fn a_copy_is_the_tests_own() {
    let fake = packer();
    run(async {
        let ops_test = ops_test(&fake).await;
        let charm = ops_test.build_charm("hello").await.unwrap();
        fs::remove_file(&charm).unwrap();
        assert_eq!(ops_test.build_charm("hello").await.unwrap(), charm);
        assert!(charm.is_file(), "what was packed is still there");
    });
    assert_eq!(packed(&fake).len(), 1);
}

#[test]
fn another_way_of_packing_packs_again() {
    let fake = packer();
    let pack = PackOptions {
        destructive_mode: true,
        charmcraft_args: vec!["--measure=x y".to_owned()],
        ..PackOptions::default()
    };
    run(async {
        let ops_test = ops_test_with(&fake, pack).await;
        ops_test.build_charm("hello").await.unwrap();
        ops_test
            .build_charm("hello")
            .verbosity(Verbosity::Debug)
            .await
            .unwrap();
        ops_test
            .build_charm("hello")
            .bases_index(0)
            .verbosity(Verbosity::Trace)
            .charmcraft_arg("-v")
            .await
            .unwrap();
    });
    assert_eq!(
        packed(&fake),
        [
            "charmtest pack package/hello --format json --destructive-mode --charmcraft-args=--measure=x y",
            "charmtest pack package/hello --format json --bases-index 0 --verbosity trace --destructive-mode \
             --charmcraft-args=--measure=x y --charmcraft-args=-v",
        ],
        "how much charmcraft says does not change what it makes"
    );
}

#[test]
fn of_several_charms_one_is_chosen_and_all_can_be_had() {
    let fake = packer();
    run(async {
        let ops_test = ops_test(&fake).await;
        let makes = "20.04 s390x\n22.04 s390x\n22.04 riscv64\n";
        charm(&ops_test, "hello", "makes", makes);
        let build = || ops_test.build_charm("hello");
        let name = |path| file_name(path);
        assert_eq!(
            build().await.map(name).unwrap(),
            "hello_ubuntu-20.04-s390x.charm"
        );
        assert_eq!(
            build().base("ubuntu@22.04").await.map(name).unwrap(),
            "hello_ubuntu-22.04-s390x.charm"
        );
        assert_eq!(
            build().arch("riscv64").await.map(name).unwrap(),
            "hello_ubuntu-22.04-riscv64.charm"
        );
        let all = build().all().await.unwrap();
        let names: Vec<String> = all.iter().map(file_name).collect();
        assert_eq!(
            names,
            [
                "hello_ubuntu-20.04-s390x.charm",
                "hello_ubuntu-22.04-s390x.charm",
                "hello_ubuntu-22.04-riscv64.charm"
            ]
        );
        let inside = |charm: &Path| charm.starts_with(fake.path("tmp/charms")) && charm.is_file();
        assert!(all.iter().all(|charm| inside(&charm.path)), "{all:?}");
        let error = build()
            .base("ubuntu@20.04")
            .arch("riscv64")
            .await
            .unwrap_err();
        assert_snapshot!(error, @r"
        the charm in `hello` was not packed for ubuntu@20.04 on riscv64, but for:
          hello_ubuntu-20.04-s390x.charm (ubuntu@20.04 s390x)
          hello_ubuntu-22.04-s390x.charm (ubuntu@22.04 s390x)
          hello_ubuntu-22.04-riscv64.charm (ubuntu@22.04 riscv64)
        ");
    });
    assert_eq!(packed(&fake).len(), 1);
}

#[test]
fn charms_are_packed_side_by_side_and_returned_by_name() {
    let fake = packer();
    run(async {
        let ops_test = ops_test(&fake).await;
        for name in ["web", "db", "other/db"] {
            charm(&ops_test, name, "charmcraft.yaml", "");
        }
        let charms = ops_test.build_charms(["hello", "web", "db"]).await.unwrap();
        let names: Vec<_> = charms.keys().collect();
        assert_eq!(names, ["db", "hello", "web"]);
        assert_eq!(file_name(&charms["web"]), "web_ubuntu-24.04-amd64.charm");

        let error = ops_test.build_charms(["db", "other/db"]).await.unwrap_err();
        assert_snapshot!(error, @"both `db` and `other/db` hold a charm `db`; pack them with build_charm");

        charm(&ops_test, "web2", "broken", "");
        charm(&ops_test, "db2", "broken", "");
        let error = ops_test
            .build_charms(["web2", "hello", "nosuch", "db2"])
            .await
            .unwrap_err();
        assert_snapshot!(fake.tidy(error), @r"
        3 charms could not be packed
        cannot pack the charm in `package/web2`: `web2` is broken
        there is no charm directory `package/nosuch`
        cannot pack the charm in `package/db2`: `db2` is broken
        ");
    });
}

#[test]
fn a_charm_that_is_given_is_not_packed() {
    let fake = packer();
    let file = fake.path("hello_local.charm");
    fs::write(&file, "given").unwrap();
    let given = |text: String| PackOptions {
        charm_paths: vec![text.parse().unwrap()],
        ..PackOptions::default()
    };
    run(async {
        let pack = given(format!("db={}", file.display()));
        let ops_test = ops_test_with(&fake, pack).await;
        charm(&ops_test, "hello", "charmcraft.yaml", "name: hello\n");
        charm(
            &ops_test,
            "database",
            "metadata.yaml",
            "summary: s\nname: db\n",
        );
        let database = ops_test.build_charm("database").await.unwrap();
        assert_eq!(fs::read(&database).unwrap(), b"given");
        assert!(database.starts_with(fake.path("tmp/charms")));
        let hello = ops_test.build_charm("hello").await.unwrap();
        assert_eq!(fs::read(hello).unwrap(), b"packed\n");

        let ops_test = ops_test_with(&fake, given(file.display().to_string())).await;
        let charms = ops_test.build_charms(["hello"]).await.unwrap();
        assert_eq!(fs::read(&charms["hello"]).unwrap(), b"given");
    });
    let packs = packed(&fake);
    let packs = packs.iter().filter(|call| call.contains(" pack "));
    assert_eq!(packs.count(), 1);
}

#[test]
fn a_charm_that_cannot_be_packed_is_named_with_what_the_packer_said() {
    let fake = packer();
    run(async {
        let ops_test = ops_test(&fake).await;
        let error = ops_test.build_charm("nosuch").await.unwrap_err();
        assert_snapshot!(fake.tidy(error), @"there is no charm directory `package/nosuch`");

        charm(&ops_test, "hello", "broken", "");
        let error = ops_test.build_charm("hello").await.unwrap_err();
        assert_snapshot!(fake.tidy(error), @"cannot pack the charm in `package/hello`: `hello` is broken");

        write_script(&fake.path("cargo-charmtest"), "#!/bin/sh\necho '[]'\n");
        fs::remove_file(ops_test.package_dir().join("hello/broken")).unwrap();
        let error = ops_test.build_charm("hello").await.unwrap_err();
        assert_snapshot!(fake.tidy(&error), @"cannot pack the charm in `package/hello`");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("did not print what was packed"), "{source}");

        fs::remove_file(fake.path("cargo-charmtest")).unwrap();
        let error = ops_test.build_charm("hello").await.unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.starts_with("there is no program"), "{source}");
    });
}
