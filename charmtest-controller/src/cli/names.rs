//! Names of commands that we do not have.

use super::command::Command;

/// Commands of Juju 3.6 that the embedded controller does not have.
const FOREIGN: &str = "\
    add-cloud add-credential add-k8s add-machine add-secret-backend add-space add-ssh-key \
    add-user agree agreements application-storage autoload-credentials bind bootstrap \
    change-user-password clouds controller-config create-backup \
    credentials dashboard debug-code debug-hook debug-hooks default-credential default-region destroy-controller \
    disable-command disable-user disabled-commands documentation \
    download-backup enable-command enable-destroy-controller enable-ha enable-user \
    firewall-rules grant grant-cloud help-action-commands help-hook-commands hook-tool hook-tools \
    import-filesystem import-ssh-key kill-controller list-agreements list-clouds \
    list-credentials list-disabled-commands list-firewall-rules list-payloads list-regions \
    list-spaces list-ssh-keys list-subnets \
    list-users login logout migrate model-default model-defaults move-to-space \
    payloads regions register reload-spaces remove-cloud remove-credential remove-k8s remove-machine \
    remove-secret-backend remove-space remove-ssh-key \
    remove-user rename-space retry-provisioning revoke revoke-cloud scale-application \
    scp set-application-base set-application-storage set-credential set-default-credentials \
    set-default-region set-firewall-rule show-cloud show-credential show-credentials \
    show-secret-backend show-space show-user spaces ssh ssh-keys subnets \
    sync-agent-binary unregister update-cloud update-credential update-credentials update-k8s \
    update-public-clouds update-secret-backend upgrade-controller upgrade-machine \
    upgrade-model users wait-for";

/// Returns what to say about a command that was not found: that we lack it, or what Juju says about an unknown one.
pub(super) fn unknown(name: &str, commands: impl Iterator<Item = &'static Command>) -> String {
    if foreign().any(|other| other == name) {
        return format!("{name:?} is not supported by the embedded controller");
    }
    let mut known: Vec<&str> = commands
        .flat_map(|command| command.aliases.iter().copied().chain([command.name]))
        .chain(foreign())
        .collect();
    known.sort_unstable();
    let closest = known
        .into_iter()
        .map(|other| (distance(name, other), other))
        .min_by_key(|(distance, _)| *distance);
    match closest {
        Some((distance, other)) if distance <= other.len() => {
            format!(
                "juju: {name:?} is not a juju command. See \"juju --help\".\n\nDid you mean:\n\t{other}"
            )
        }
        _ => format!("unrecognized command: juju {name}"),
    }
}

fn foreign() -> impl Iterator<Item = &'static str> {
    FOREIGN.split_whitespace()
}

/// Returns the Levenshtein distance of two names.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let best = (diagonal + usize::from(x != y))
                .min(row[j] + 1)
                .min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], best);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::JujuVersion;

    #[test]
    fn unknown_commands_get_a_hint() {
        let suggestion = |name: &str| {
            let text = unknown(name, super::super::commands(JujuVersion::V3_6));
            text.rsplit_once('\t')
                .map_or(text.clone(), |(_, other)| other.to_owned())
        };
        for (name, expected) in [
            ("statuz", "status"),
            ("run-action", "show-action"),
            ("zzzzqqqqxxxx", "unrecognized command: juju zzzzqqqqxxxx"),
            ("ssh", "\"ssh\" is not supported by the embedded controller"),
        ] {
            assert_eq!(suggestion(name), expected);
        }
        let text = unknown("statuz", super::super::commands(JujuVersion::V3_6));
        assert_eq!(
            text,
            "juju: \"statuz\" is not a juju command. See \"juju --help\".\n\nDid you mean:\n\tstatus"
        );
    }

    #[test]
    fn what_we_have_is_not_called_foreign() {
        let both: Vec<&str> = foreign()
            .filter(|name| super::super::find(name, JujuVersion::V3_6).is_some())
            .collect();
        assert!(both.is_empty(), "{both:?}");
    }

    #[test]
    fn distances() {
        for (a, b, expected) in [
            ("", "abc", 3),
            ("abc", "abc", 0),
            ("kitten", "sitting", 3),
            ("statuz", "status", 1),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
