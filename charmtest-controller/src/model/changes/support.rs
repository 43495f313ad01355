//! Which charms can run here, and on which base.

use charmtest_charm::{Assumes, Base, Charm, Comparison, Requirement, StorageKind};

use super::ChangeError;
use crate::JujuVersion;

/// The base of charms that name none.
const DEFAULT_BASE: &str = "ubuntu@24.04";

/// The bases that Juju 4.0 knows, whatever a charm supports: Ubuntu's releases with long-term support that are (recorded for 20.04).
const KNOWN_BASES: &[&str] = &["ubuntu@20.04", "ubuntu@22.04", "ubuntu@24.04"];

/// Whether the user insists (`--force`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// Refuse what may not work.
    No,
    /// Try it anyway.
    Yes,
}

impl Force {
    /// Returns what a switch asks for.
    pub fn of(insists: bool) -> Self {
        if insists { Self::Yes } else { Self::No }
    }
}

/// Checks that this controller can run `charm`.
///
/// # Errors
///
/// Fails when the charm needs what is not there at all (containers, block storage, devices), and without `force` when what it
/// assumes is not met.
pub fn check_supported(charm: &Charm, juju: JujuVersion, force: Force) -> Result<(), ChangeError> {
    let meta = &charm.metadata;
    let unsupported = |what: String| {
        Err(ChangeError::Unsupported {
            charm: meta.name.to_string(),
            what,
        })
    };
    if !meta.containers.is_empty() {
        let names: Vec<&str> = meta.containers.keys().map(String::as_str).collect();
        return unsupported(format!(
            "Kubernetes charms (this one declares the containers {}) are",
            names.join(", ")
        ));
    }
    let blocks = meta
        .storage
        .iter()
        .find(|(_, storage)| storage.kind == StorageKind::Block && storage.count.min > 0);
    if let Some((name, _)) = blocks {
        return unsupported(format!("block storage (this charm requires {name:?}) is"));
    }
    if let Some((name, _)) = meta.devices.iter().find(|(_, device)| device.count_min > 0) {
        return unsupported(format!("devices (this charm requires {name:?}) are"));
    }
    if force == Force::Yes {
        return Ok(());
    }
    if let Some(version) = &meta.min_juju_version
        && is_below(juju.number(), version)
    {
        return Err(ChangeError::MinJujuVersion {
            wanted: version.clone(),
            juju: juju.number(),
        });
    }
    let unmet: Vec<String> = meta
        .assumes
        .iter()
        .filter_map(|assumes| unmet(assumes, juju, 1))
        .collect();
    if unmet.is_empty() {
        return Ok(());
    }
    Err(ChangeError::Assumes(unmet.join("\n")))
}

/// Checks the devices that a user asks for: this controller has none to give, and Juju takes only those that the charm declares.
///
/// # Errors
///
/// Fails for every device.
pub fn check_devices<'a>(
    charm: &Charm,
    names: impl IntoIterator<Item = &'a str>,
) -> Result<(), ChangeError> {
    let Some(device) = names.into_iter().next() else {
        return Ok(());
    };
    let name = charm.metadata.name.to_string();
    if charm.metadata.devices.contains_key(device) {
        return Err(ChangeError::Unsupported {
            charm: name,
            what: format!("devices (--device asks for {device:?}) are"),
        });
    }
    Err(ChangeError::NoDevice {
        charm: name,
        device: device.to_owned(),
    })
}

/// Chooses the base of an application: the one asked for, else the model's default if the charm supports it, else the charm's first.
///
/// # Errors
///
/// Fails when `wanted` is no base, and without `force` when the charm does not support it.
pub fn choose_base(
    charm: &Charm,
    juju: JujuVersion,
    wanted: Option<&str>,
    model_default: &str,
    force: Force,
) -> Result<String, ChangeError> {
    let bases = &charm.manifest.bases;
    let supports = |base: &Base| {
        bases
            .iter()
            .any(|other| (&other.name, &other.channel) == (&base.name, &base.channel))
    };
    if let Some(text) = wanted {
        let base: Base = text.parse().map_err(|_| ChangeError::BaseSyntax)?;
        if bases.is_empty() || supports(&base) || force == Force::Yes {
            return Ok(base.to_string());
        }
        let supported: Vec<String> = bases.iter().map(Base::to_string).collect();
        let (base, supported) = (base.to_string(), supported.join(", "));
        return Err(match juju {
            JujuVersion::V3_6 => ChangeError::Base { base, supported },
            JujuVersion::V4_0 if KNOWN_BASES.contains(&base.as_str()) => {
                ChangeError::BaseNotSupported { base, supported }
            }
            JujuVersion::V4_0 => ChangeError::BaseUnknown {
                charm: charm.metadata.name.to_string(),
                base,
            },
        });
    }
    if let Ok(base) = model_default.parse::<Base>()
        && (bases.is_empty() || supports(&base))
    {
        return Ok(base.to_string());
    }
    Ok(bases
        .first()
        .map_or_else(|| DEFAULT_BASE.to_owned(), Base::to_string))
}

/// Returns the lines that tell why `assumes` does not hold, `None` when it does.
fn unmet(assumes: &Assumes, juju: JujuVersion, depth: usize) -> Option<String> {
    let indent = "  ".repeat(depth);
    let nested =
        |intro: &str, lines: Vec<String>| Some(format!("{indent}- {intro}:\n{}", lines.join("\n")));
    match assumes {
        Assumes::Feature(requirement) => {
            unmet_feature(requirement, juju).map(|why| format!("{indent}- {why}"))
        }
        Assumes::AllOf(all) => {
            let lines: Vec<String> = all
                .iter()
                .filter_map(|one| unmet(one, juju, depth + 1))
                .collect();
            if lines.is_empty() {
                None
            } else {
                nested("charm requires all of the following", lines)
            }
        }
        Assumes::AnyOf(any) => {
            let lines: Vec<String> = any
                .iter()
                .filter_map(|one| unmet(one, juju, depth + 1))
                .collect();
            if lines.len() < any.len() {
                None
            } else {
                nested("charm requires at least one of the following", lines)
            }
        }
    }
}

fn unmet_feature(requirement: &Requirement, juju: JujuVersion) -> Option<String> {
    let feature = &requirement.feature;
    if feature != "juju" {
        return Some(format!(
            "charm requires feature {feature:?} but model does not support it"
        ));
    }
    let (comparison, version) = requirement.version.as_ref()?;
    let (met, sign) = match comparison {
        Comparison::AtLeast => (!is_below(juju.number(), version), ">="),
        Comparison::Below => (is_below(juju.number(), version), "<"),
    };
    let why = format!(
        "charm requires feature {feature:?} (version {sign} {version}) but model currently supports version {}",
        juju.number()
    );
    (!met).then_some(why)
}

/// Compares versions by their numbers; missing ones count as 0 and anything after a hyphen or letter is left out.
fn is_below(version: &str, bound: &str) -> bool {
    numbers(version) < numbers(bound)
}

fn numbers(version: &str) -> [u32; 3] {
    let mut parts = version.split('.').map(|part| {
        let digits = part
            .find(|c: char| !c.is_ascii_digit())
            .map_or(part, |end| &part[..end]);
        digits.parse().unwrap_or_default()
    });
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::charm;
    use super::*;

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        for (metadata, expected) in [
            ("containers: {app: {}}", "declares the containers app"),
            ("storage: {data: {type: block}}", "requires \"data\""),
            (
                "devices: {gpu: {type: x/gpu, countmin: 1, countmax: 2}}",
                "requires \"gpu\"",
            ),
        ] {
            let error = check_supported(&charm("c", metadata), JujuVersion::V3_6, Force::Yes)
                .unwrap_err()
                .to_string();
            assert!(error.contains(expected), "{error}");
        }
        check_supported(
            &charm(
                "c",
                "storage: {data: {type: filesystem}, disk: {type: block, multiple: {range: 0-1}}}",
            ),
            JujuVersion::V3_6,
            Force::No,
        )
        .unwrap();
    }

    #[test]
    fn assumptions() {
        for (assumes, met) in [
            ("[juju >= 3.6]", true),
            ("[juju >= 3.6.28]", true),
            ("[juju >= 3.6.29]", false),
            ("[juju < 4.0]", true),
            ("[juju >= 3.1, juju < 3.6]", false),
            ("[juju >= 10]", false),
            ("[k8s-api]", false),
            ("[{any-of: [k8s-api, juju >= 2.9]}]", true),
            ("[{any-of: [k8s-api, juju >= 4]}]", false),
            ("[{all-of: [juju, juju >= 4]}]", false),
        ] {
            let charm = charm("c", &format!("assumes: {assumes}"));
            let outcome = check_supported(&charm, JujuVersion::V3_6, Force::No);
            assert_eq!(outcome.is_ok(), met, "{assumes}: {outcome:?}");
            check_supported(&charm, JujuVersion::V3_6, Force::Yes).unwrap();
        }
        let error = check_supported(
            &charm("c", "assumes: [juju >= 4.0]"),
            JujuVersion::V3_6,
            Force::No,
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "Charm feature requirements cannot be met:\n  - charm requires feature \"juju\" (version >= 4.0) but model currently \
             supports version 3.6.28"
        );
    }

    #[test]
    fn bases() {
        let charm = charm("c", "");
        let choose = |wanted, default, force| {
            choose_base(&charm, JujuVersion::V3_6, wanted, default, force)
                .map_err(|error| error.to_string())
        };
        assert_eq!(
            choose(None, "", Force::No).as_deref(),
            Ok("ubuntu@22.04"),
            "the charm's first"
        );
        assert_eq!(
            choose(None, "ubuntu@24.04", Force::No).as_deref(),
            Ok("ubuntu@24.04"),
            "the model's default"
        );
        assert_eq!(
            choose(None, "ubuntu@18.04", Force::No).as_deref(),
            Ok("ubuntu@22.04"),
            "a default that does not fit"
        );
        assert_eq!(
            choose(Some("ubuntu@24.04/stable"), "", Force::No).as_deref(),
            Ok("ubuntu@24.04")
        );
        assert_eq!(
            choose(Some("ubuntu@20.04"), "", Force::No),
            Err("base \"ubuntu@20.04\" not supported by charm, the charm supported bases are: ubuntu@22.04, ubuntu@24.04\n\
                 Use --force to deploy the charm anyway."
                .to_owned())
        );
        assert_eq!(
            choose(Some("ubuntu@20.04"), "", Force::Yes).as_deref(),
            Ok("ubuntu@20.04")
        );
        assert!(
            choose(Some("jammy"), "", Force::Yes)
                .unwrap_err()
                .ends_with("separated by '@'")
        );
    }

    #[test]
    fn what_4_0_says_of_bases() {
        let charm = charm("c", "");
        for (base, force, expected) in [
            (
                "ubuntu@20.04",
                Force::No,
                Err(
                    "base \"ubuntu@20.04/stable\" is not supported, supported bases are: ubuntu@22.04, ubuntu@24.04",
                ),
            ),
            (
                "ubuntu@99.04",
                Force::No,
                Err("c is not available on the following base: ubuntu@99.04/stable not supported"),
            ),
            (
                "bogus",
                Force::No,
                Err("expected base string to contain os and channel separated by '@'"),
            ),
            ("ubuntu@24.04/stable", Force::No, Ok("ubuntu@24.04")),
            ("ubuntu@20.04", Force::Yes, Ok("ubuntu@20.04")),
        ] {
            let chosen = choose_base(&charm, JujuVersion::V4_0, Some(base), "", force);
            let chosen = chosen.map_err(|error| error.to_string());
            assert_eq!(
                chosen.as_deref().map_err(String::as_str),
                expected,
                "{base}"
            );
        }
    }

    #[test]
    fn devices_are_declared_by_the_charm_and_never_there() {
        let plain = charm("c", "");
        assert_eq!(check_devices(&plain, []), Ok(()));
        let refusal = |charm: &Charm| check_devices(charm, ["gpu"]).unwrap_err().to_string();
        assert_eq!(refusal(&plain), "charm \"c\" has no device called \"gpu\"");
        let declared = charm(
            "c",
            "devices: {gpu: {type: x/gpu, countmin: 0, countmax: 2}}",
        );
        assert!(refusal(&declared).contains("not supported by the embedded controller"));
    }
}
