//! What stores have that applications have not taken up yet.

use serde_json::json;

use super::super::testing::Controller;
use crate::JujuVersion;

#[test]
fn newer_resources_are_told() {
    for juju in JujuVersion::ALL {
        let c = Controller::with_store(juju);
        c.juju("deploy db --resource blob=1").ok();
        let table = c.juju("resources db").ok().stdout;
        assert!(
            table.ends_with("\n\n[Updates Available]\nResource  Revision\nblob      2\n"),
            "{table}"
        );
        let all = c.juju("resources db --format json").ok().json();
        assert_eq!(
            (&all["updates"][0]["name"], &all["updates"][0]["revision"]),
            (&json!("blob"), &json!(2))
        );
        c.juju("refresh db").ok();
        let table = c.juju("resources db").ok().stdout;
        assert!(!table.contains("[Updates Available]"), "{table}");
        // What the user gave is not compared with the store.
        c.put("own.txt", "mine");
        c.juju("attach-resource db blob=./store/own.txt").ok();
        let all = c.juju("resources db --format json").ok().json();
        assert_eq!(all.get("updates"), None);
    }
}

#[test]
fn a_charm_has_the_devices_that_it_declares() {
    for juju in JujuVersion::ALL {
        let c = Controller::with_store(juju);
        let outcome = c.juju("deploy db --device gpu=1,nvidia.com/gpu");
        assert_eq!(
            (outcome.code, outcome.stderr.as_str()),
            (
                1,
                "ERROR charm \"db\" has no device called \"gpu\"\nERROR failed to deploy charm \"db\"\n"
            )
        );
        assert_eq!(
            c.juju("status --format json").json()["applications"],
            json!({})
        );
    }
}
