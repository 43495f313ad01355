//! Which of several packed charms is meant. Pure.

use super::BuiltCharm;

/// What a caller asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The base, `ubuntu@24.04`.
    pub(super) base: Option<String>,
    /// The architecture in Juju's words, `arm64`.
    pub(super) arch: Option<String>,
}

/// Returns the charm that is meant: of those that fit what is wanted the first for the architecture `here`, else the first.
///
/// `None` if none fits. A charm that does not say what it runs on fits everything.
pub(super) fn choose<'a>(
    charms: &'a [BuiltCharm],
    wanted: &Wanted,
    here: &str,
) -> Option<&'a BuiltCharm> {
    let base = wanted.base.as_deref();
    let fitting: Vec<&BuiltCharm> = charms
        .iter()
        .filter(|charm| fits(charm, base, wanted.arch.as_deref()))
        .collect();
    let for_here = fitting.iter().find(|charm| fits(charm, base, Some(here)));
    for_here.or(fitting.first()).copied()
}

fn fits(charm: &BuiltCharm, base: Option<&str>, arch: Option<&str>) -> bool {
    charm.bases.is_empty()
        || charm.bases.iter().any(|built| {
            let architectures = &built.architectures;
            let for_arch = |arch| {
                architectures
                    .iter()
                    .any(|each| each == arch || each == "all")
            };
            base.is_none_or(|base| without_risk(base) == built.base)
                && arch.is_none_or(|arch| architectures.is_empty() || for_arch(arch))
        })
}

/// Returns a base without its risk: Juju writes `ubuntu@24.04/stable` as well.
fn without_risk(base: &str) -> &str {
    base.split_once('/').map_or(base, |(base, _)| base)
}

/// Returns this machine's architecture in Juju's words.
pub(super) fn here() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "powerpc64" => "ppc64el",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::BuiltBase;
    use super::*;

    /// A charm called by its bases, `20.04 amd64+arm64`, several separated by commas.
    fn charm(bases: &str) -> BuiltCharm {
        let base = |text: &str| {
            let (base, architectures) = text.trim().split_once(' ').unwrap_or((text, ""));
            BuiltBase {
                base: format!("ubuntu@{base}"),
                architectures: architectures
                    .split('+')
                    .filter(|arch| !arch.is_empty())
                    .map(ToOwned::to_owned)
                    .collect(),
            }
        };
        BuiltCharm {
            path: bases.into(),
            bases: match bases {
                "" => Vec::new(),
                bases => bases.split(',').map(base).collect(),
            },
        }
    }

    #[test]
    fn what_was_asked_for_is_chosen_and_else_what_runs_here() {
        let both = ["20.04 amd64", "20.04 arm64", "22.04 amd64", "22.04 arm64"];
        let table: [(&[&str], &str, &str, Option<&str>); 14] = [
            (&both, "", "", Some("20.04 amd64")),
            (&both, "22.04", "", Some("22.04 amd64")),
            (&both, "22.04/stable", "", Some("22.04 amd64")),
            (&both, "", "arm64", Some("20.04 arm64")),
            (&both, "22.04", "arm64", Some("22.04 arm64")),
            (&both, "24.04", "", None),
            (&both, "", "s390x", None),
            (&["20.04 s390x", "20.04 arm64"], "", "", Some("20.04 s390x")),
            (&["20.04 arm64", "22.04 all"], "", "", Some("22.04 all")),
            (&["20.04 arm64", "22.04"], "", "", Some("22.04")),
            (&["20.04 arm64,22.04 amd64"], "20.04", "amd64", None),
            (
                &["20.04 arm64,22.04 amd64"],
                "22.04",
                "amd64",
                Some("20.04 arm64,22.04 amd64"),
            ),
            (&[""], "22.04", "arm64", Some("")),
            (&[], "", "", None),
        ];
        for (charms, base, arch, expected) in table {
            let built: Vec<BuiltCharm> = charms.iter().map(|charm_| charm(charm_)).collect();
            let wanted = Wanted {
                base: (!base.is_empty()).then(|| format!("ubuntu@{base}")),
                arch: (!arch.is_empty()).then(|| arch.to_owned()),
            };
            let chosen = choose(&built, &wanted, "amd64").map(|charm| charm.path.to_str().unwrap());
            assert_eq!(chosen, expected, "{charms:?} {wanted:?}");
        }
    }
}
