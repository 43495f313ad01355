//! Several models and clouds: tracking, finding, forgetting.

use crate::fake::{FakeJuju, run};
use charmtest::juju::{Backend, BackendKind, Observer};
use charmtest::ops_test::{Keep, OpsTest, OpsTestParts, TrackError};
use insta::assert_snapshot;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

/// Knows models by files named after them, below `models`, with their cloud as content. The first is `m`, the module's own.
const JUJU: &str = r#"
mkdir -p "$here/models"
[ -e "$here/models/m" ] || echo lxd > "$here/models/m"
last() { for word; do :; done; echo "$word"; }
short() { echo "$1" | sed 's/.*://; s/.*\///'; }
case "$1" in
add-model)
    [ -e "$here/models/$3" ] && { echo "ERROR model admin/$3 already exists" >&2; exit 1; }
    case "$4" in ''|-*) cloud=lxd ;; *) cloud=$4 ;; esac
    [ "$cloud" = nowhere ] && { echo "ERROR cloud nowhere not found" >&2; exit 1; }
    [ "$cloud" = slow ] && exec sleep 600
    echo "$cloud" > "$here/models/$3" ;;
show-model)
    full=$(last "$@"); name=$(short "$full"); controller=${full%%:*}
    cloud=$(cat "$here/models/$name" 2>/dev/null) || { echo "ERROR model $full not found" >&2; exit 1; }
    echo "{\"$name\":{\"name\":\"admin/$name\",\"short-name\":\"$name\",\"model-uuid\":\"uuid-$controller-$name\",\"model-type\":\"iaas\",\"controller-name\":\"$controller\",\"cloud\":\"$cloud\"}}" ;;
destroy-model)
    name=$(short "$2")
    [ -e "$here/undying" ] && { echo "ERROR cannot destroy" >&2; exit 1; }
    [ -e "$here/slow" ] && exec sleep 600
    rm "$here/models/$name" 2>/dev/null || { echo "ERROR model $2 not found" >&2; exit 1; } ;;
add-k8s) cat > "$here/kubeconfig-seen"; [ ! -e "$here/no-k8s" ] || { echo "ERROR not supported" >&2; exit 1; } ;;
*) echo "$JUJU_MODEL: $*" ;;
esac
"#;

struct Bed {
    fake: FakeJuju,
}

impl Bed {
    fn new() -> Self {
        Self {
            fake: FakeJuju::new(JUJU),
        }
    }

    async fn ops_test(&self) -> OpsTest {
        let model = self.fake.model_of(BackendKind::Juju).await;
        OpsTest::new(OpsTestParts {
            backend: Arc::new(Backend {
                kind: BackendKind::Juju,
                juju: model.juju().clone(),
                version: "3.6.28".to_owned(),
                why: String::new(),
                path_dir: None,
                juju_data: None,
            }),
            model,
            package_dir: self.fake.path("."),
            tmp_path: self.fake.path("tmp/m"),
            pack: charmtest::harness::PackOptions::default(),
            program: None,
            observer: Observer::default(),
        })
    }

    /// Returns what `juju` was asked for that changes something, with the random ends of names left out.
    fn changes(&self) -> String {
        let calls = self.fake.calls();
        let changing = calls
            .iter()
            .filter(|call| !call.starts_with("show-model"))
            .map(|call| mask(call));
        changing.collect::<Vec<_>>().join("\n")
    }

    fn models(&self) -> Vec<String> {
        let listed = fs::read_dir(self.fake.path("models")).unwrap();
        let mut names: Vec<String> = listed
            .map(|entry| mask(entry.unwrap().file_name().to_str().unwrap()))
            .collect();
        names.sort();
        names
    }
}

/// Replaces the four random characters that end a generated name.
fn mask(text: &str) -> String {
    let words = text.split(' ').map(|word| match word.rsplit_once('-') {
        Some((stem, end)) if end.len() == 4 && stem.contains("m-") => format!("{stem}-XXXX"),
        _ => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_tracked_model_is_another_one_with_its_own_files_and_found_again() {
    let bed = Bed::new();
    run(async {
        let ops = bed.ops_test().await;
        let cos = ops.track_model("cos").await.unwrap();
        assert!(cos.name().starts_with("m-cos-"), "{}", cos.name());
        assert_eq!(ops.model_name(), "m", "tracking switches nothing");

        let on_cos = ops.on(&cos);
        assert_eq!(on_cos.model_full_name(), format!("c:{}", cos.name()));
        assert_eq!(
            (on_cos.cloud_name(), on_cos.controller_name()),
            ("lxd", "c")
        );
        let said = on_cos.juju(["status"]).await.unwrap().stdout;
        assert_eq!(said, format!("c:{}: status\n", cos.name()));
        let said = ops.juju(["status"]).await.unwrap().stdout;
        assert_eq!(said, "c:m: status\n");
        assert_ne!(on_cos.tmp_path(), ops.tmp_path());
        assert!(on_cos.tmp_path().is_dir());

        let found = ops.clone().tracked("cos").unwrap();
        assert_eq!(found.uuid(), cos.uuid());
        assert_eq!(ops.tracked("main").unwrap().name(), "m");
        let context = on_cos.model_context("main").unwrap();
        assert_eq!(context.model_name(), "m");
        let aliases: Vec<String> = ops.models().into_iter().map(|model| model.alias).collect();
        assert_eq!(aliases, ["cos"]);
    });
}

#[test]
fn what_is_asked_for_reaches_juju() {
    let bed = Bed::new();
    run(async {
        let ops = bed.ops_test().await;
        let named = ops
            .track_model("named")
            .name("n")
            .cloud("aws/eu")
            .config("test-mode", true);
        named.credential("mine").await.unwrap();
        ops.track_model("far").controller("c2").await.unwrap();
        ops.track_model("theirs").name("c2:bob/b").await.unwrap();
        // Beside the model that an OpsTest is about.
        let beside = ops.model_context("named").unwrap();
        beside.track_model("beside").name("o").await.unwrap();
    });
    assert_snapshot!(bed.changes(), @r"
    add-model --no-switch n aws/eu --controller c --credential mine --config test-mode=true
    add-model --no-switch m-far-XXXX --controller c2
    add-model --no-switch b --controller c2 --owner bob
    add-model --no-switch o aws/eu --controller c
    ");
}

#[test]
fn a_model_that_is_there_is_taken_unless_it_must_be_new() {
    let bed = Bed::new();
    run(async {
        let ops = bed.ops_test().await;
        fs::write(bed.fake.path("models/there"), "lxd").unwrap();
        let track = |alias: &str| ops.track_model(alias).name("there");
        let error = track("a").use_existing(false).await.unwrap_err();
        assert_snapshot!(error, @"model c:there is there already; leave `use_existing` away to take it, or choose another name");
        track("a").await.unwrap();
        track("b").use_existing(true).await.unwrap();
        let missing = ops.track_model("c").name("missing").use_existing(true);
        assert_snapshot!(missing.await.unwrap_err(), @"there is no model c:missing to use; leave `use_existing` away to have it made");
        let nameless = ops.track_model("c").use_existing(true).await.unwrap_err();
        assert_snapshot!(nameless, @r#"`use_existing(true)` needs the name of the model: track_model("c").name(..)"#);
        let torn = ops.track_model("c").name("one:x").controller("other").await;
        assert_snapshot!(torn.unwrap_err(), @r#"model one:x is on controller `one`, and `controller("other")` asks for another one"#);
        let bad = ops.track_model("c").name("Bad").await.unwrap_err();
        assert!(
            bad.to_string().starts_with("`Bad` is not a model name"),
            "{bad}"
        );
        // None of the failures holds its alias.
        ops.track_model("c").await.unwrap();
    });
    assert_snapshot!(bed.changes(), @"add-model --no-switch m-c-XXXX lxd --controller c");
}

#[test]
fn an_alias_stands_for_one_model() {
    let bed = Bed::new();
    run(async {
        let ops = bed.ops_test().await;
        ops.track_model("cos").name("n").await.unwrap();
        let error = ops.track_model("cos").await.unwrap_err();
        assert_snapshot!(error, @r#"the alias `cos` stands for model c:n already; take another one, or forget that model first: `ops.forget_model("cos").await?`"#);
        assert!(matches!(
            ops.track_model("main").await,
            Err(TrackError::AliasInUse { .. })
        ));
        let error = ops.tracked("loki").unwrap_err();
        assert_snapshot!(error, @"no model is tracked as `loki`; there are: main, cos");
        let error = ops.forget_model("loki").await.unwrap_err();
        assert_snapshot!(error, @"no model is tracked as `loki`; there are: main, cos");
        let error = ops.forget_model("main").await.unwrap_err();
        assert!(matches!(error, TrackError::OwnModel { .. }), "{error}");
    });
}

#[test]
fn two_tasks_get_one_model_under_one_alias() {
    let bed = Bed::new();
    run(async {
        let ops = bed.ops_test().await;
        let first = tokio::spawn(ops.track_model("cos").name("n").run());
        let second = tokio::spawn(ops.track_model("cos").name("o").run());
        let made = [first.await.unwrap().is_ok(), second.await.unwrap().is_ok()];
        assert_eq!(made.iter().filter(|made| **made).count(), 1);
        assert_eq!(bed.models().len(), 2);
    });
}

#[test]
fn a_forgotten_model_is_destroyed_unless_it_is_to_be_kept() {
    let bed = Bed::new();
    run(async {
        let ops = bed.ops_test().await;
        fs::write(bed.fake.path("models/there"), "lxd").unwrap();
        ops.track_model("new").name("n").await.unwrap();
        ops.track_model("kept")
            .name("k")
            .keep(Keep::Always)
            .await
            .unwrap();
        ops.track_model("there").name("there").await.unwrap();
        ops.track_model("gone").name("g").await.unwrap();
        fs::remove_file(bed.fake.path("models/g")).unwrap();
        let kept: Vec<bool> = ops.models().iter().map(|model| model.keep_model).collect();
        assert_eq!(kept, [false, true, true, false]);
        assert!(ops.model_context("kept").unwrap().keep_model());
        for alias in ["new", "kept", "there", "gone"] {
            ops.forget_model(alias).await.unwrap();
            assert!(ops.tracked(alias).is_err());
        }
        assert_eq!(bed.models(), ["k", "m", "there"]);
        // Forgetting a second name of the module's own model leaves that one as it is.
        ops.track_model("again").name("m").await.unwrap();
        ops.forget_model("again").await.unwrap();
        assert_eq!(bed.models(), ["k", "m", "there"]);
    });
}

#[test]
fn storage_goes_with_models_of_the_run_and_stays_with_others() {
    let bed = Bed::new();
    run(async {
        let ops = bed.ops_test().await;
        fs::write(bed.fake.path("models/there"), "lxd").unwrap();
        fs::write(bed.fake.path("models/also"), "lxd").unwrap();
        ops.track_model("a").name("n").await.unwrap();
        ops.track_model("b")
            .name("o")
            .destroy_storage(false)
            .await
            .unwrap();
        ops.track_model("c")
            .name("there")
            .keep(Keep::Never)
            .await
            .unwrap();
        let also = ops.track_model("d").name("also").keep(Keep::Never);
        also.destroy_storage(true).await.unwrap();
        for alias in ["a", "b", "c", "d"] {
            ops.forget_model(alias).await.unwrap();
        }
        ops.track_model("e").name("p").await.unwrap();
        ops.forget_model("e").destroy_storage(false).await.unwrap();
    });
    let changes = bed.changes();
    let destroyed: Vec<&str> = changes
        .lines()
        .filter(|call| call.starts_with("destroy"))
        .collect();
    assert_snapshot!(destroyed.join("\n"), @r"
    destroy-model c:n --no-prompt --destroy-storage --force
    destroy-model c:o --no-prompt --release-storage --force
    destroy-model c:there --no-prompt --release-storage --force
    destroy-model c:also --no-prompt --destroy-storage --force
    destroy-model c:p --no-prompt --release-storage --force
    ");
}

#[test]
fn a_model_that_does_not_go_stays_tracked() {
    let bed = Bed::new();
    run(async {
        let ops = bed.ops_test().await;
        ops.track_model("cos").name("n").await.unwrap();
        fs::write(bed.fake.path("undying"), "").unwrap();
        let error = ops.forget_model("cos").await.unwrap_err().to_string();
        assert!(error.ends_with("cannot destroy"), "{error}");
        fs::rename(bed.fake.path("undying"), bed.fake.path("slow")).unwrap();
        let error = ops
            .forget_model("cos")
            .timeout(Duration::from_millis(200))
            .await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("did not end within"), "{error}");
        fs::remove_file(bed.fake.path("slow")).unwrap();
        ops.tracked("cos").unwrap();
        ops.forget_model("cos").await.unwrap();
        assert_eq!(bed.models(), ["m"]);
    });
}

#[test]
fn a_model_that_could_not_be_made_gives_its_alias_free() {
    let bed = Bed::new();
    run(async {
        let ops = bed.ops_test().await;
        let error = ops.track_model("cos").cloud("nowhere").await.unwrap_err();
        assert!(
            error.to_string().ends_with("cloud nowhere not found"),
            "{error}"
        );
        ops.track_model("cos").name("n").await.unwrap();
        // A test that is out of time while its model is being made leaves the alias taken: the model may come yet.
        let slow = ops.track_model("slow").cloud("slow").run();
        let late = tokio::time::timeout(Duration::from_millis(300), slow).await;
        assert!(late.is_err());
        let error = ops.track_model("slow").await.unwrap_err();
        assert_snapshot!(error, @"a model is being made under the alias `slow` already");
        assert_eq!(ops.models().len(), 1);
    });
}

#[test]
fn a_k8s_cloud_is_added_to_the_controller_and_goes_after_its_models() {
    let bed = Bed::new();
    run(async {
        let ops = bed.ops_test().await;
        let cloud = ops.add_k8s().kubeconfig_text("text").await.unwrap();
        assert!(cloud.starts_with("m-k8s-cloud-"), "{cloud}");
        assert_eq!(
            fs::read_to_string(bed.fake.path("kubeconfig-seen")).unwrap(),
            "text"
        );
        fs::write(bed.fake.path("kubeconfig"), "file").unwrap();
        let other = ops
            .add_k8s()
            .cloud_name("k")
            .kubeconfig("kubeconfig")
            .context("ctx");
        let other = other.storage_class("fast").controller("c2").await.unwrap();
        assert_eq!(
            fs::read_to_string(bed.fake.path("kubeconfig-seen")).unwrap(),
            "file"
        );
        ops.track_model("a").name("n").cloud(&cloud).await.unwrap();
        ops.track_model("b").name("o").cloud(&cloud).await.unwrap();
        ops.track_model("c").name("p").await.unwrap();
        ops.forget_cloud(&cloud).await.unwrap();
        ops.forget_cloud(other).await.unwrap();
        assert_eq!(bed.models(), ["m", "p"]);
    });
    assert_snapshot!(bed.changes(), @r"
    add-k8s m-k8s-cloud-XXXX --controller c --skip-storage
    add-k8s k --controller c2 --context-name ctx --storage fast
    add-model --no-switch n m-k8s-cloud-XXXX --controller c
    add-model --no-switch o m-k8s-cloud-XXXX --controller c
    add-model --no-switch p lxd --controller c
    destroy-model c:o --no-prompt --destroy-storage --force
    destroy-model c:n --no-prompt --destroy-storage --force
    remove-cloud m-k8s-cloud-XXXX --controller c
    remove-cloud k --controller c2
    ");
}

#[test]
fn clouds_that_make_no_sense_are_refused_by_name() {
    let bed = Bed::new();
    run(async {
        let ops = bed.ops_test().await;
        let error = ops.forget_cloud("k").await.unwrap_err();
        assert_snapshot!(error, @"cloud `k` was not added with `add_k8s`");
        let error = ops.add_k8s().kubeconfig("missing").await.unwrap_err();
        let error = bed.fake.tidy(error);
        assert!(
            error.starts_with("there is no kubeconfig to read: "),
            "{error}"
        );
        fs::write(bed.fake.path("no-k8s"), "").unwrap();
        let refused = ops.add_k8s().cloud_name("k").kubeconfig_text("").await;
        assert!(refused.unwrap_err().to_string().ends_with("not supported"));
        // It was never there: nobody tries to remove it.
        assert!(ops.forget_cloud("k").await.is_err());
    });
}
