//! Names by Juju's rules.

use charmtest::juju::{ApplicationName, ModelName, UnitName, Version};

#[test]
fn model_names_may_carry_controller_and_owner() {
    for (text, controller, owner, short) in [
        ("m", None, None, "m"),
        ("c:m", Some("c"), None, "m"),
        ("admin/m-1", None, Some("admin"), "m-1"),
        ("prod:bob@ext/0x", Some("prod"), Some("bob@ext"), "0x"),
    ] {
        let name = ModelName::parse(text).unwrap();
        assert_eq!(
            (name.controller(), name.owner(), name.short()),
            (controller, owner, short)
        );
        assert_eq!(name.to_string(), text);
    }
    assert_eq!(
        ModelName::parse("m")
            .unwrap()
            .on_controller("c")
            .to_string(),
        "c:m"
    );
    assert_eq!(
        ModelName::parse("d:m")
            .unwrap()
            .on_controller("c")
            .to_string(),
        "d:m"
    );
}

#[test]
fn what_is_no_name_is_refused_with_the_rule() {
    let refused = |text| ModelName::parse(text).unwrap_err().to_string();
    assert_eq!(
        refused("Bad_Name"),
        "`Bad_Name` is not a model name: model names may only contain lowercase letters, digits and hyphens"
    );
    for text in ["", "c:", ":m", "/m", "a b/m", "-m", "a/b/c", "m m"] {
        assert!(
            refused(text).starts_with(&format!("`{text}` is not a model name: ")),
            "{text}"
        );
    }
    for text in ["", "Web", "web_1", "web-1", "1web", "-web", "web-", "web/0"] {
        assert!(ApplicationName::parse(text).is_err(), "{text}");
    }
    for text in ["web", "web0", "web-k8s", "web-1a"] {
        assert!(ApplicationName::parse(text).is_ok(), "{text}");
    }
    for text in [
        "", "web", "web/", "web/x", "web/01", "web/-1", "Web/0", "web/0/1",
    ] {
        assert!(UnitName::parse(text).is_err(), "{text}");
    }
    for text in ["web/0", "web/10", "web/leader"] {
        assert_eq!(UnitName::parse(text).unwrap().application(), "web");
    }
}

#[test]
fn versions_are_read_as_juju_prints_them() {
    for (text, expected) in [
        ("3.6.28-ubuntu-amd64", Some("3.6.28")),
        ("4.0.15-genericlinux-arm64\n", Some("4.0.15")),
        ("4.1-beta1-ubuntu-amd64", Some("4.1.0")),
        ("2.9.52.1-ubuntu-amd64", Some("2.9.52")),
        ("3", None),
        ("three", None),
        ("", None),
    ] {
        let version = text
            .parse::<Version>()
            .ok()
            .map(|version| version.to_string());
        assert_eq!(version.as_deref(), expected, "{text}");
    }
}
