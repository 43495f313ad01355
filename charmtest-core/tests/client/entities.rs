//! Storage, secrets, offers, machines, resources and the rest of a model, as a real Juju 4.0.15 answers.

use crate::fake::{FakeJuju, run};
use charmtest::juju::JujuError;
use insta::assert_snapshot;
use serde_json::json;

#[test]
fn storage_is_listed_with_pool_size_and_units() {
    let fake = FakeJuju::recorded(&[
        ("storage *", "storage-001"),
        ("add-storage * data=rootfs*", "storage-013"),
        ("add-storage * nosuch*", "storage-009"),
        ("detach-storage *", "storage-040"),
        ("attach-storage *", "storage-045"),
        ("remove-storage * data/1", "storage-059"),
        ("remove-storage * data/0*", "storage-037"),
    ]);
    run(async {
        let model = fake.model().await;
        let storage = model.storage().await.unwrap();
        let names: Vec<&str> = storage.keys().map(String::as_str).collect();
        assert_eq!(names, ["data/0", "data/1", "data/2", "data/3"]);
        let first = &storage["data/0"];
        assert_eq!(
            (first.kind.as_str(), first.pool.as_str(), first.size),
            ("filesystem", "rootfs", 258_019)
        );
        assert_eq!(first.units["web/0"].machine, "1");
        assert!(storage["data/2"].units.is_empty());
        assert_eq!(storage["data/2"].status.current, "detached");

        let added = model.add_storage("server/0", "data=rootfs,1,16M").await;
        assert_eq!(added.unwrap(), ["data/6"]);
        let error = model.add_storage("server/0", "nosuch").await.unwrap_err();
        assert!(
            error.to_string().contains("not supported by charm"),
            "{error}"
        );
        model.detach_storage("data/1").force().await.unwrap();
        let error = model
            .attach_storage("server/0", "data/1")
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("exceed the maximum count"),
            "{error}"
        );
        model.remove_storage("data/1").await.unwrap();
        let error = model
            .remove_storage("data/0")
            .force()
            .no_destroy()
            .await
            .unwrap_err();
        assert!(error.to_string().contains("still attached"), "{error}");
    });
    assert_snapshot!(fake.calls().join("\n"), @r"
    storage --model c:m --format json
    add-storage --model c:m server/0 data=rootfs,1,16M
    add-storage --model c:m server/0 nosuch
    detach-storage --model c:m data/1 --force
    attach-storage --model c:m server/0 data/1
    remove-storage --model c:m data/1
    remove-storage --model c:m data/0 --force --no-destroy
    ");
}

#[test]
fn no_storage_is_an_empty_list() {
    let fake = FakeJuju::recorded(&[("storage *", "storage-024")]);
    run(async { assert!(fake.model().await.storage().await.unwrap().is_empty()) });
}

#[test]
fn secrets_are_read_and_their_values_never_shown() {
    let fake = FakeJuju::recorded(&[
        ("add-secret * mysec *", "secrets-004"),
        ("add-secret * bad *", "secrets-033"),
        ("secrets *", "secrets-014"),
        ("show-secret * --revisions*", "secrets-026"),
        ("show-secret *mysec* --reveal*", "secrets-023"),
        ("show-secret * nosuch *", "secrets-033"),
        ("grant-secret * nosuch", "secrets-056"),
        ("grant-secret *", "secrets-055"),
        ("revoke-secret *", "secrets-061"),
        ("update-secret *", "secrets-053"),
        ("remove-secret *", "secrets-053"),
    ]);
    run(async {
        let model = fake.model().await;
        let add = model
            .add_secret("mysec")
            .info("for tests")
            .value("user", "bob")
            .value("token", "s3 cr3t");
        assert!(!format!("{add:?}").contains("s3 cr3t"), "{add:?}");
        assert_eq!(add.await.unwrap(), "secret:urv9m7no1r2qs0o7i8v0");

        let secrets = model.secrets().await.unwrap();
        let names: Vec<(&str, &str)> = secrets
            .iter()
            .map(|secret| (secret.name.as_str(), secret.owner.as_str()))
            .collect();
        assert_eq!(
            names,
            [
                ("refd", "<model>"),
                ("filed", "<model>"),
                ("mysec", "<model>")
            ]
        );
        assert_eq!(secrets[2].uri(), "secret:urv9m7no1r2qs0o7i8v0");

        let secret = model.show_secret("mysec").reveal().await.unwrap();
        assert_eq!(secret.content.get("user"), Some("bob"));
        assert_eq!(secret.content.keys().collect::<Vec<_>>(), ["token", "user"]);
        assert!(!format!("{secret:?}").contains("bob"), "{secret:?}");
        let secret = model.show_secret("mysec").revisions().await.unwrap();
        assert_eq!(secret.revisions[0].backend, "internal");
        let error = model.show_secret("nosuch").await.unwrap_err();
        assert!(error.to_string().ends_with(r#"secret "nosuch" not found"#));

        model
            .grant_secret("mysec", &["server", "client"])
            .await
            .unwrap();
        let error = model.grant_secret("mysec", &["nosuch"]).await.unwrap_err();
        assert!(
            error
                .to_string()
                .contains(r#"application "nosuch" not found"#)
        );
        model.revoke_secret("mysec", &["client"]).await.unwrap();
        let update = model
            .update_secret("mysec")
            .value("token", "n3w")
            .name("other")
            .info("new")
            .auto_prune();
        update.await.unwrap();
        model.remove_secret("other").revision(1).await.unwrap();

        let error = model
            .add_secret("bad")
            .value("token", "hush")
            .await
            .unwrap_err();
        assert!(!error.to_string().contains("hush"), "{error}");
    });
    assert_snapshot!(fake.calls().join("\n"), @r"
    add-secret --model c:m mysec --info for tests token=s3 cr3t user=bob
    secrets --model c:m --format json
    show-secret --model c:m mysec --format json --reveal
    show-secret --model c:m mysec --format json --revisions
    show-secret --model c:m nosuch --format json
    grant-secret --model c:m mysec server,client
    grant-secret --model c:m mysec nosuch
    revoke-secret --model c:m mysec client
    update-secret --model c:m mysec --name other --info new --auto-prune token=n3w
    remove-secret --model c:m other --revision 1
    add-secret --model c:m bad token=hush
    ");
}

#[test]
fn a_juju_that_shows_all_secrets_is_understood() {
    let fake = FakeJuju::recorded(&[("show-secret *", "secrets-014")]);
    run(async {
        let model = fake.model().await;
        for asked in [
            "filed",
            "secret:p4hhkshch202pllfji50",
            "p4hhkshch202pllfji50",
        ] {
            assert_eq!(model.show_secret(asked).await.unwrap().name, "filed");
        }
    });
}

#[test]
fn offers_go_from_model_to_model() {
    let fake = FakeJuju::recorded(&[
        ("offer m.server:server*", "offers-006"),
        ("offer m.nosuch*", "offers-009"),
        ("offers *", "offers-071"),
        ("consume * admin/t1.server", "offers-035"),
        ("consume * alias", "offers-036"),
        ("consume *", "offers-038"),
        ("remove-offer admin/t1.cl2*", "offers-054"),
        ("remove-offer admin/t1.server --controller c", "offers-057"),
        ("remove-offer *", "offers-058"),
        ("remove-saas *", "offers-053"),
    ]);
    run(async {
        let model = fake.model().await;
        let offer = model.offer("server:server");
        assert_eq!(offer.await.unwrap(), "admin/t1.server");
        model.offer("nosuch:server").await.unwrap_err();
        model.offer("server").await.unwrap_err();
        let error = model
            .offer("server:server")
            .name("Bad_Name")
            .await
            .unwrap_err();
        assert!(matches!(error, JujuError::Name(_)), "{error}");

        let offers = model.offers().await.unwrap();
        let both = &offers["both"];
        assert_eq!(
            (both.application.as_str(), both.url.as_str()),
            ("server", "admin/t1.both")
        );
        assert_eq!(both.endpoints["client"].role, "requirer");

        assert_eq!(model.consume("admin/t1.server").await.unwrap(), "server");
        let consume = model.consume("admin/t1.server").alias("alias");
        assert_eq!(consume.await.unwrap(), "alias");
        model.consume("admin/t1.nosuch").await.unwrap_err();
        model.remove_saas("server").force().await.unwrap();

        model.remove_offer("cl2").await.unwrap();
        let error = model.remove_offer("admin/t1.server").await.unwrap_err();
        assert!(
            error.to_string().contains("it has 1 connections"),
            "{error}"
        );
        model.remove_offer("admin/t1.server").force().await.unwrap();
        let error = model.remove_offer("nosuch").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no offer `nosuch` in the model c:m"
        );
    });
    assert_snapshot!(fake.calls().join("\n"), @r"
    offer m.server:server --controller c
    offer m.nosuch:server --controller c
    offers --model c:m --format json
    consume --model c:m admin/t1.server
    consume --model c:m admin/t1.server alias
    consume --model c:m admin/t1.nosuch
    remove-saas --model c:m server --force
    offers --model c:m --format json
    remove-offer admin/t1.cl2 --controller c
    remove-offer admin/t1.server --controller c
    remove-offer admin/t1.server --controller c --force --yes
    offers --model c:m --format json
    ");
}

#[test]
fn units_show_their_relations_from_both_sides() {
    let fake = FakeJuju::recorded(&[
        ("show-unit * client/0 *", "relations-005"),
        ("show-unit * server/0 *", "relations-008"),
        ("show-unit * web/0 *", "units-046"),
        ("show-unit * web/9 *", "units-009"),
    ]);
    run(async {
        let model = fake.model().await;
        let unit = model.show_unit("server/0").await.unwrap();
        assert_eq!(
            (unit.workload_version.as_str(), unit.leader),
            ("1.2.3-beta", true)
        );
        assert_eq!(unit.public_address, "10.200.0.4");
        assert_eq!(unit.relations.len(), 2);
        let relation = &unit.relations[0];
        assert_eq!((relation.id, relation.endpoint.as_str()), (5, "server"));
        assert_eq!(relation.application_data["app-key"], "calm");
        assert!(relation.related_units["client/0"].in_scope);

        let data = model.relation_data("client/0", "client").await.unwrap();
        assert_eq!(data.len(), 1);
        assert_eq!(data[0].id, 5);
        assert_eq!(data[0].related_endpoint, "server");
        assert_eq!(data[0].remote_application["app-key"], "calm");
        assert_eq!(
            data[0].remote_units["server/0"]["unit-server-0"],
            "server-relation-changed"
        );
        assert_eq!(data[0].local_application["app-key"], "calm");
        assert_eq!(
            data[0].local_unit["unit-client-0"],
            "client-relation-changed"
        );
        assert!(
            model
                .relation_data("client/0", "nosuch")
                .await
                .unwrap()
                .is_empty()
        );

        let peers = model.relation_data("web/0", "ring").await.unwrap();
        assert_eq!(peers[0].local_application["app-key"], "deployed");
        assert_eq!(peers[0].local_unit["unit-web-0"], "ring-relation-changed");
        assert_eq!(peers[0].remote_units.len(), 3);
        assert_eq!(
            model.show_unit("web/0").await.unwrap().opened_ports,
            ["80/tcp", "443/tcp", "8000-8010/udp"]
        );

        let error = model.show_unit("web/9").await.unwrap_err();
        assert!(
            error.to_string().ends_with("unit web/9 not found"),
            "{error}"
        );
    });
}

#[test]
fn applications_show_their_charm_constraints_and_resources() {
    let fake = FakeJuju::recorded(&[
        ("show-application * web *", "units-023"),
        ("show-application *", "units-017"),
        ("resources *", "resources-001"),
        ("attach-resource *blob.txt", "resources-013"),
        ("attach-resource *", "resources-026"),
        ("constraints *", "config-125"),
        ("set-constraints *", "config-124"),
        ("model-constraints *", "config-042"),
        ("set-model-constraints *", "config-124"),
        ("actions * nosuch *", "actions-008"),
        ("actions *", "actions-001"),
        ("bind *", "config-124"),
        ("grant *", "config-124"),
        ("revoke *", "config-124"),
        ("add-ssh-key * bogus", "exec-ssh-scp-062"),
        ("add-ssh-key *", "exec-ssh-scp-061"),
    ]);
    run(async {
        let model = fake.model().await;
        let web = model.application("web").unwrap();
        let shown = web.show().await.unwrap();
        assert_eq!(
            (shown.charm.as_str(), shown.base.as_str(), shown.exposed),
            ("tracer", "ubuntu@24.04", true)
        );
        assert_eq!(shown.constraints["arch"], "amd64");
        model.show_application("nosuch").await.unwrap_err();

        let resources = web.resources().await.unwrap();
        assert_eq!(
            (resources[0].name.as_str(), resources[0].kind.as_str()),
            ("blob", "file")
        );
        web.attach_resource("blob", "./blob.txt").await.unwrap();
        web.attach_resource("nosuch", "./x").await.unwrap_err();

        assert_eq!(web.constraints().await.unwrap()["mem"], json!(1024));
        model
            .set_constraints("web", [("mem", "1G"), ("arch", "amd64")])
            .await
            .unwrap();
        assert!(model.model_constraints().await.unwrap().is_empty());
        model
            .set_model_constraints([("arch", "arm64")])
            .await
            .unwrap();

        let actions = web.actions().await.unwrap();
        assert_eq!(actions["say"], "Say something.");
        model.actions("nosuch").await.unwrap_err();

        model.bind("web", &["alpha", "client=beta"]).await.unwrap();
        model.grant("bob", "write").await.unwrap();
        model.revoke("bob", "write").await.unwrap();
        model.add_ssh_key("ssh-ed25519 AAAA a@b\n").await.unwrap();
        let error = model.add_ssh_key("bogus").await.unwrap_err();
        assert!(error.to_string().contains("is invalid"), "{error}");
    });
    let calls = fake.calls();
    let changes: Vec<&String> = calls
        .iter()
        .filter(|call| !call.contains("--format"))
        .collect();
    assert_snapshot!(serde_json::to_string_pretty(&changes).unwrap(), @r#"
    [
      "attach-resource --model c:m web blob=./blob.txt",
      "attach-resource --model c:m web nosuch=./x",
      "set-constraints --model c:m web mem=1G arch=amd64",
      "set-model-constraints --model c:m arch=arm64",
      "bind --model c:m web alpha client=beta",
      "grant bob write m --controller c",
      "revoke bob write m --controller c",
      "add-ssh-key --model c:m ssh-ed25519 AAAA a@b",
      "add-ssh-key --model c:m bogus"
    ]
    "#);
}

#[test]
fn machines_come_and_go() {
    let fake = FakeJuju::with_model(
        r#"case "$*" in
        add-machine*lxd*) echo "created container 0/lxd/0" >&2;;
        add-machine*strange*) echo "hello" >&2;;
        add-machine*) echo "created machine 3" >&2;;
        status*) echo '{"machines":{"3":{"dns-name":"10.0.0.3","machine-status":{"current":"running"},"containers":{"3/lxd/0":{}}}}}';;
        esac"#,
    );
    run(async {
        let model = fake.model().await;
        let machine = model
            .add_machine()
            .base("ubuntu@24.04")
            .constraint("mem", "2G");
        assert_eq!(machine.await.unwrap(), "3");
        assert_eq!(model.add_machine().to("lxd:0").await.unwrap(), "0/lxd/0");
        let error = model.add_machine().to("strange").await.unwrap_err();
        assert!(matches!(error, JujuError::Garbage { .. }), "{error}");
        let machines = model.machines().await.unwrap();
        assert_eq!(machines["3"].dns_name, "10.0.0.3");
        assert!(machines["3"].containers.contains_key("3/lxd/0"));
        model.remove_machine("3").await.unwrap();
        let remove = model.remove_machine("3").force().keep_instance();
        remove.await.unwrap();
    });
    assert_snapshot!(fake.calls().join("\n"), @r"
    add-machine --model c:m --base ubuntu@24.04 --constraints mem=2G
    add-machine --model c:m lxd:0
    add-machine --model c:m strange
    status --model c:m --format json
    remove-machine --model c:m --no-prompt 3
    remove-machine --model c:m --no-prompt 3 --force --keep-instance
    ");
}

#[test]
fn shells_and_copies() {
    let fake = FakeJuju::with_model(
        r#"case "$*" in *crash*) echo out; echo err >&2; exit 3;; *cat*) cat;; esac"#,
    );
    run(async {
        let model = fake.model().await;
        let cat = model.ssh("web/0", "cat > x").stdin("text");
        assert_eq!(cat.await.unwrap().stdout, "text");
        let error = model.ssh("0", "crash").await.unwrap_err();
        assert_eq!(error.code(), Some(3));
        let output = model
            .ssh("web/leader", "crash now")
            .container("workload")
            .no_host_key_checks()
            .unchecked()
            .await
            .unwrap();
        assert_eq!((output.code, output.stdout.as_str()), (3, "out\n"));
        let unit = model.unit("web/0").unwrap();
        unit.scp_to("site", "/srv").recursive().await.unwrap();
        unit.scp_from("/var/log/a b", "/tmp/log")
            .container("workload")
            .await
            .unwrap();
    });
    assert_snapshot!(fake.calls().join("\n"), @r"
    ssh --model c:m web/0 cat > x
    ssh --model c:m 0 crash
    ssh --model c:m --container workload --no-host-key-checks web/leader crash now
    scp --model c:m -- -r ./site web/0:/srv
    scp --model c:m --container workload web/0:/var/log/a b /tmp/log
    ");
}

#[test]
fn handles_read_the_status() {
    let fake = FakeJuju::recorded(&[("status *", "status-016")]);
    run(async {
        let model = fake.model().await;
        let names: Vec<String> = model
            .applications()
            .await
            .unwrap()
            .iter()
            .map(|application| application.name().to_owned())
            .collect();
        let first = names.first().unwrap().clone();
        let application = model.application(first.as_str()).unwrap();
        assert!(!application.status().await.unwrap().charm_name.is_empty());
        let units = application.units().await.unwrap();
        let unit = &units[0];
        assert_eq!(unit.name(), format!("{first}/0"));
        assert_eq!(unit.application().unwrap().name(), first);
        assert!(!unit.machine().await.unwrap().is_empty());
        assert_eq!(
            unit.address().await.unwrap(),
            unit.public_address().await.unwrap()
        );
        assert_eq!(unit.agent_status().await.unwrap(), "idle");
        let leader = application.leader().await.unwrap();
        assert!(leader.is_leader().await.unwrap());

        let error = model
            .application("nosuch")
            .unwrap()
            .units()
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "there is no application `nosuch` in the model c:m; there is {}",
                names.join(", ")
            )
        );
        let error = model
            .unit("nosuch/3")
            .unwrap()
            .workload_status()
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no unit `nosuch/3` in the model c:m; there is none"
        );
    });
}
