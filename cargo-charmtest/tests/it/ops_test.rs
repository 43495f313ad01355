//! Charms, resources and bundles as a charm test makes them: the library on the embedded controller, with the real packer and the
//! real renderer.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use charmtest::harness::PackOptions;
use charmtest::juju::{Backend, BackendKind, Juju, Observer};
use charmtest::ops_test::{Bundle, Model, OpsTest, OpsTestParts};

use crate::bed::{Bed, PROGRAM, executable};

/// Says what its resources hold; the first line of the image's description is not the image.
const SHELF: &str = "blob=$(cat \"$(resource-get blob)\")\n\
                     image=$(resource-get image >/dev/null 2>&1 && grep -c example.com/shelf \"$(resource-get image)\")\n\
                     status-set active \"$blob $image\"";

const RESOURCES: &str = "resources:\n\
                         \x20 blob: {type: file, filename: blob.txt, description: What is on the shelf.}\n\
                         \x20 blob-arm64: {type: file, filename: blob-arm64.txt}\n\
                         \x20 plain: {type: file, filename: plain.txt}\n\
                         \x20 image: {type: oci-image, upstream-source: 'example.com/shelf:1'}\n";

/// Runs a test with an [`OpsTest`] on the model `m` of a bed, whose directory is the package's.
fn with_ops_test<F: Future<Output = ()>>(bed: &Bed, test: impl FnOnce(OpsTest) -> F) {
    with_juju(bed, &bed.path().join("juju"), test);
}

/// The same with another program in place of the bed's `juju`.
fn with_juju<F: Future<Output = ()>>(bed: &Bed, juju: &Path, test: impl FnOnce(OpsTest) -> F) {
    let juju = Juju::new(juju)
        .with_kind(BackendKind::Embedded)
        .with_env("CHARMTEST_DATA", bed.data())
        .without_env("JUJU_MODEL");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let name = "m".try_into().unwrap();
        let model = Model::adopt(&juju, &name).await.unwrap().unwrap();
        let ops_test = OpsTest::new(OpsTestParts {
            backend: Arc::new(Backend {
                kind: BackendKind::Embedded,
                juju,
                version: "3.6.28".to_owned(),
                why: String::new(),
                path_dir: None,
                juju_data: None,
            }),
            model,
            package_dir: bed.path().to_owned(),
            tmp_path: bed.path().join("tmp"),
            pack: PackOptions::default(),
            program: Some(PathBuf::from(PROGRAM)),
            observer: Observer::default(),
        });
        test(ops_test).await;
    });
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

#[test]
fn resources_are_built_known_and_deployed() {
    let bed = Bed::new();
    bed.charm("shelf", RESOURCES, SHELF);
    let script =
        "#!/bin/sh\nset -e\necho \"a book\" > blob\nmkdir -p more\necho x > more/plain.txt\n";
    executable(&bed.path().join("build resources.sh"), script);
    executable(
        &bed.path().join("broken.sh"),
        "#!/bin/sh\ntouch half\necho 'no compiler' >&2\nexit 7\n",
    );
    with_ops_test(&bed, async |ops_test| {
        let charm = ops_test.build_charm("shelf").await.unwrap();
        let info = ops_test.charm_info(&charm).await.unwrap();
        assert_eq!((&*info.name, info.subordinate), ("shelf", false));
        assert_eq!(info.bases[0].base, "ubuntu@24.04");
        assert_eq!(
            info.images().collect::<Vec<_>>(),
            [("image", "example.com/shelf:1")]
        );
        assert_eq!(ops_test.charm_info("shelf").await.unwrap(), info);

        let files = ops_test.charm_file_resources(&charm).await.unwrap();
        let archs: Vec<_> = files
            .values()
            .map(|file| (&*file.name, &*file.filename, file.arch.as_deref()))
            .collect();
        assert_eq!(
            archs,
            [
                ("blob", "blob.txt", Some("amd64")),
                ("blob-arm64", "blob-arm64.txt", Some("arm64")),
                ("plain", "plain.txt", None),
            ]
        );
        let specific = ops_test.arch_specific_resources(&charm).await.unwrap();
        assert_eq!(specific.keys().collect::<Vec<_>>(), ["blob", "blob-arm64"]);

        let built = ops_test
            .build_resources("build resources.sh")
            .await
            .unwrap();
        let names: Vec<_> = built.iter().map(|path| name(path)).collect();
        assert_eq!(
            names,
            ["blob", "plain.txt"],
            "names without a dot count too"
        );
        let resources = ops_test.tmp_path().join("resources");
        assert!(built.iter().all(|path| path.starts_with(&resources)));

        let mut deploy = ops_test.model().deploy(&charm);
        for (resource, image) in info.images() {
            deploy = deploy.resource(resource, image);
        }
        let blob = fs::canonicalize(&built[0]).unwrap();
        // Juju wants the ending that the charm names.
        let text = blob.with_extension("txt");
        fs::rename(blob, &text).unwrap();
        deploy
            .resource("blob", &text)
            .resource("blob-arm64", &text)
            .resource("plain", &text)
            .await
            .unwrap();
        let model = ops_test.model();
        model
            .wait_for_idle()
            .apps(["shelf"])
            .status("active")
            .await
            .unwrap();
        let status = model.status().await.unwrap();
        assert_eq!(status.unit("shelf/0").unwrap().workload.message, "a book 1");

        let error = ops_test.build_resources("broken.sh").await.unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(
            error.to_string().contains("broken.sh` built no resources"),
            "{error}"
        );
        assert!(
            source.ends_with("failed with exit code 7: no compiler"),
            "{source}"
        );
    });
}

#[test]
fn resources_are_downloaded_from_the_store() {
    let bed = Bed::new();
    fs::write(bed.data().join("charm-store.yaml"), "paths: [../store]\n").unwrap();
    bed.charm("shelf", RESOURCES, SHELF);
    let store = bed.path().join("store");
    fs::create_dir(&store).unwrap();
    charmtest_charm::pack_directory(
        &bed.path().join("shelf"),
        &store.join("shelf_r1_edge.charm"),
    )
    .unwrap();
    for (file, text) in [
        ("resource_blob_r3_blob.txt", "three"),
        ("resource_blob-arm64_r1_blob-arm64.txt", "arm"),
        ("resource_plain_r2_plain.txt", "plain"),
    ] {
        fs::write(store.join(file), text).unwrap();
    }
    with_ops_test(&bed, async |ops_test| {
        let files = ops_test
            .download_resources("shelf")
            .only(["blob", "plain"])
            .await
            .unwrap();
        let resources = ops_test.tmp_path().join("resources");
        assert_eq!(files["blob"], resources.join("blob/blob.txt"));
        assert_eq!(fs::read(&files["blob"]).unwrap(), b"three");
        assert_eq!(fs::read(&files["plain"]).unwrap(), b"plain");
        assert_eq!(files.len(), 2);

        let error = ops_test.download_resources("shelf").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "no resource `image` was published with the charm `shelf`; it has blob, blob-arm64, image, plain"
        );
        let error = ops_test.download_resources("nosuch").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot download the resources of the charm `nosuch`"
        );
        assert!(
            std::error::Error::source(&error)
                .unwrap()
                .to_string()
                .contains("nosuch")
        );
    });
}

#[test]
fn a_bundle_from_a_template_comes_up() {
    let bed = Bed::new();
    bed.charm(
        "web",
        "requires: {db: {interface: sql}}\n",
        "status-set active \"$(config-get greeting)\"",
    );
    let config = "options: {greeting: {type: string, default: hi}}\n";
    fs::write(bed.path().join("web/config.yaml"), config).unwrap();
    bed.charm(
        "db",
        "provides: {db: {interface: sql}}\n",
        "status-set active",
    );
    let template = "applications:\n{% for name, app in apps | items %}  {{ name }}:\n    charm: {{ app.charm }}\n    \
                    num_units: {{ app.units }}\n{% if app.options is defined %}    options: {{ app.options | tojson }}\n\
                    {% endif %}{% endfor %}relations:\n- [web:db, db:db]\n";
    fs::write(bed.path().join("bundle.yaml.j2"), template).unwrap();
    with_ops_test(&bed, async |ops_test| {
        let charms = ops_test.build_charms(["web", "db"]).await.unwrap();
        let apps = serde_json::json!({
            "web": { "charm": charms["web"], "units": 1, "options": { "greeting": "from a template" } },
            "db": { "charm": charms["db"], "units": 2 },
        });
        let bundle = ops_test
            .render_bundle("bundle.yaml.j2")
            .var("apps", &apps)
            .await
            .unwrap();
        assert_eq!(bundle, ops_test.tmp_path().join("bundles/bundle.yaml"));
        let model = ops_test.model();
        model.deploy(&bundle).await.unwrap();
        model
            .wait_for_idle()
            .apps(["web", "db"])
            .status("active")
            .await
            .unwrap();
        let status = model.status().await.unwrap();
        assert_eq!(
            status.unit("web/0").unwrap().workload.message,
            "from a template"
        );
        assert!(status.unit("db/1").is_some());

        let error = ops_test.render_bundle("bundle.yaml.j2").await.unwrap_err();
        let file = bed.path().join("bundle.yaml.j2");
        let error = error.to_string();
        assert!(
            error.starts_with(&format!("{}:2: ", file.display())),
            "{error}"
        );
        assert!(
            error.ends_with("undefined: apps; no variables were given"),
            "{error}"
        );
    });
}

#[test]
fn bundles_come_from_texts_and_files() {
    let bed = Bed::new();
    for file in ["one.yml.j2", "two.yaml"] {
        fs::write(bed.path().join(file), "charm: {{ charm }}\n").unwrap();
    }
    with_ops_test(&bed, async |ops_test| {
        let bundles = ops_test
            .render_bundles(["one.yml.j2", "two.yaml", "\n  a:\n    charm: {{ charm }}\n"])
            .context(serde_json::json!({ "charm": "./x.charm" }))
            .await
            .unwrap();
        let names: Vec<_> = bundles.iter().map(|path| name(path)).collect();
        assert_eq!(names, ["one.yml", "two.yaml", "m.yaml"]);
        let text = |path: &PathBuf| fs::read_to_string(path).unwrap();
        assert_eq!(text(&bundles[0]), "charm: ./x.charm\n");
        assert_eq!(text(&bundles[2]), "a:\n  charm: ./x.charm\n");
        let again = ops_test
            .render_bundle(Path::new("two.yaml"))
            .var("charm", "y")
            .await
            .unwrap();
        assert_eq!(name(&again), "two-2.yaml");
        assert_eq!(
            text(&bundles[1]),
            "charm: ./x.charm\n",
            "the first one stays"
        );

        for (path, expected) in [
            ("three.yaml", "there is no template `"),
            ("one.json", "one.json` is called neither `.yaml` nor `.yml`"),
        ] {
            let error = ops_test.render_bundle(Path::new(path)).await.unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
        let error = ops_test
            .render_bundle("two.yaml")
            .context("text")
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("must be a map, not `\"text\"`"),
            "{error}"
        );
    });
}

#[test]
fn a_bundle_of_charmhub_is_downloaded_and_rendered() {
    // Directories that stand in for Charmhub hold no bundles, so a program stands in for `juju download`.
    let bed = Bed::new();
    let site = bed.path().join("site");
    fs::create_dir(&site).unwrap();
    let text = "name: site\napplications: {web: {charm: \"{{ charm }}\"}}\n";
    fs::write(site.join("bundle.yaml"), text).unwrap();
    charmtest_charm::pack_directory(&site, &bed.path().join("site.bundle")).unwrap();
    let juju = bed.path().join("other-juju");
    let script = format!(
        "#!/bin/sh\ncd '{}'\n[ $1 = download ] || exec ./juju \"$@\"\n[ $2 = site ] || {{ echo 'ERROR no charm or bundle \
         with name '$2 >&2; exit 1; }}\ncp site.bundle \"$6\"; echo \"$*\" > downloaded\n",
        bed.path().display()
    );
    executable(&juju, &script);
    with_juju(&bed, &juju, async |ops_test| {
        let site = Bundle::new("site").arch("arm64").base("ubuntu@24.04");
        let bundle = ops_test
            .render_bundle(site)
            .var("charm", "/tmp/web.charm")
            .await
            .unwrap();
        assert_eq!(name(&bundle), "site.yaml");
        let text = fs::read_to_string(&bundle).unwrap();
        assert!(
            text.ends_with("{web: {charm: \"/tmp/web.charm\"}}\n"),
            "{text}"
        );
        let called = fs::read_to_string(bed.path().join("downloaded")).unwrap();
        let archive = ops_test.tmp_path().join("bundles/site.bundle");
        assert_eq!(
            called.trim_end(),
            format!(
                "download site --channel stable --filepath {} --no-progress --arch arm64 --base ubuntu@24.04",
                archive.display()
            )
        );

        let nosuch = Bundle::new("nosuch").channel("edge");
        let error = ops_test.render_bundle(nosuch).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot download the bundle `nosuch`");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("--channel edge"), "{source}");
        assert!(
            source.ends_with("no charm or bundle with name nosuch"),
            "{source}"
        );
    });
}

#[test]
fn a_charm_from_templates_is_packed() {
    let bed = Bed::new();
    bed.charm("tester", "", "status-set active \"{{ greeting }}\"");
    fs::write(bed.path().join("tester/icon.bin"), b"\0{{ nope }}").unwrap();
    fs::write(bed.path().join("tester/README"), "{{ nope }}").unwrap();
    with_ops_test(&bed, async |ops_test| {
        let render = || ops_test.render_charm("tester").var("greeting", "Ahoy");
        let directory = render().exclude(["README"]).await.unwrap();
        assert_eq!(directory, ops_test.tmp_path().join("charms/tester"));
        let second = render().include(["dispatch"]).await.unwrap();
        assert_eq!(name(&second), "tester-2");

        let error = render().await.unwrap_err().to_string();
        assert!(
            error.ends_with("README:1: `nope` is undefined; given were: greeting"),
            "{error}"
        );
        assert!(!ops_test.tmp_path().join("charms/tester-3").exists());

        let charm = ops_test.build_charm(&directory).await.unwrap();
        let model = ops_test.model();
        model.deploy(charm).await.unwrap();
        model
            .wait_for_idle()
            .apps(["tester"])
            .status("active")
            .await
            .unwrap();
        let status = model.status().await.unwrap();
        assert_eq!(status.unit("tester/0").unwrap().workload.message, "Ahoy");
    });
}
