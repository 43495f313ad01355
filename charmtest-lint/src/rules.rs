//! The one table of rules: code, `docs/lint.md` and `--explain` read it.

use serde::Serialize;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Juju or the runner of tests refuses it, or it fails when it is used.
    Error,
    /// It works, and is most likely not what was meant.
    Warning,
    /// Worth knowing; often on purpose.
    Info,
}

impl Level {
    /// Returns the word that output uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// A rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its id, which never changes and is never used again: `CT101`.
    pub id: &'static str,
    /// The level of its findings, unless one says otherwise.
    pub level: Level,
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// What to do about it.
    pub advice: &'static str,
    /// Who says so: Juju, `charm proof`, `charmcraft analyse`, the Charm Testing specification, charmtest.
    pub source: &'static str,
}

/// The headings of the groups of rules, by the third character of their ids.
pub const GROUPS: [(char, &str); 7] = [
    ('0', "metadata"),
    ('1', "relations"),
    ('2', "configuration"),
    ('3', "actions"),
    ('4', "hooks and dispatch"),
    ('5', "tests"),
    ('6', "bundles"),
];

impl Rule {
    /// Returns the name of the rule's group.
    pub fn group(&self) -> &'static str {
        let digit = self.id.chars().nth(2);
        GROUPS
            .iter()
            .find(|(found, _)| Some(*found) == digit)
            .map_or("", |(_, name)| name)
    }
}

/// Returns the rule with an id.
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.id == id)
}

macro_rules! rules {
    ($($id:ident $level:ident $title:literal, $advice:literal, $source:literal;)*) => {
        $(pub(crate) static $id: Rule = Rule {
            id: stringify!($id),
            level: Level::$level,
            title: $title,
            advice: $advice,
            source: $source,
        };)*

        /// All rules in the order of their ids.
        pub static RULES: &[&Rule] = &[$(&$id,)*];
    };
}

rules! {
    CT001 Error "neither a charm nor a bundle",
        "Name a directory with `metadata.yaml`, `charmcraft.yaml` or `bundle.yaml`, a `.charm` file, or a bundle's YAML file.",
        "charm proof, Juju";
    CT002 Error "a file cannot be read",
        "Write the file as UTF-8 text that is YAML: one document, each key once, not larger than 8 MiB, and no symlink to nothing.",
        "charm proof, Juju";
    CT003 Error "Juju refuses the charm",
        "Do what the message says: `juju deploy` of this charm fails with it.",
        "Juju";
    CT004 Error "the name is missing or wrong",
        "Give `name`: lower-case letters, digits and hyphens, a letter first and in every part between hyphens.",
        "Juju, charm proof, charmcraft analyse (metadata)";
    CT005 Error "there is no summary",
        "Give `summary`: one line that says what the charm is for.",
        "Juju, charm proof, charmcraft analyse (metadata)";
    CT006 Error "there is no description",
        "Give `description`: some lines that say what the charm does and for whom.",
        "Juju, charmcraft analyse (metadata)";
    CT007 Error "a value has the wrong type",
        "Write a value of the type that the message names; quote what YAML takes for a number or a boolean.",
        "Juju, charm proof";
    CT008 Warning "the summary is too long",
        "Keep `summary` to one line of at most 72 characters; the rest belongs in `description`.",
        "charm proof";
    CT009 Error "the maintainers are written wrongly",
        "Write `maintainers` as a list of texts, or `maintainer` as one text, not both.",
        "charm proof";
    CT010 Info "nobody is named as maintainer",
        "Name whom to ask: `maintainers` in `metadata.yaml`, `links: {contact: ..}` in `charmcraft.yaml`.",
        "charm proof (an error there; neither Juju nor Charmhub needs it any more)";
    CT011 Warning "a maintainer cannot be written to",
        "Write `Name <mail@example.com>` or an address of a page.",
        "charm proof";
    CT012 Info "an unknown key",
        "Correct the key, or take it out: Juju does not read it, and charmcraft may refuse it.",
        "charm proof, Juju, charmcraft";
    CT013 Info "the directory has another name than the charm",
        "Give the directory the name of the charm; tests that name the charm find it then. `charm` is as good.",
        "charm proof";
    CT014 Info "there is no licence",
        "Add a file `LICENSE` or `copyright`, or `license: ..` to `charmcraft.yaml`.",
        "charm proof (a warning there; it matters for publishing only)";
    CT015 Info "there is no README, or it is the template's",
        "Write a README that says what the charm is for and how it is used.",
        "charm proof (a warning there; it matters for publishing only)";
    CT016 Info "`categories` are not read any more",
        "Take `categories` out; Charmhub keeps them with the published charm.",
        "charm proof";
    CT017 Warning "`revision` is not part of the metadata",
        "Take `revision` out; the store, or Juju itself for local charms, counts revisions.",
        "charm proof";
    CT018 Error "the file `revision` holds no number",
        "Write one number into the file, or remove it.",
        "charm proof, Juju";
    CT019 Info "there is no icon",
        "Add `icon.svg`, 100 by 100 pixels.",
        "charm proof";
    CT020 Warning "`series` is deprecated",
        "Name bases in `charmcraft.yaml` instead (`base: ubuntu@24.04` and `platforms`); Juju 4.0 does not read `series`.",
        "charm proof, charmcraft analyse (metadata)";
    CT021 Error "a resource is declared wrongly",
        "Give `type: file` with a plain `filename`, or `type: oci-image`.",
        "Juju, charm proof";
    CT022 Error "a storage is declared wrongly",
        "Give `type: filesystem` or `type: block`; `multiple: {range: 0-3}`, `minimum-size: 1G` and `location` as Juju has them.",
        "Juju, charm proof";
    CT023 Error "a device is declared wrongly",
        "Give `type`, and `countmin` not above `countmax`.",
        "Juju, charm proof";
    CT024 Error "a payload is declared wrongly",
        "Give each payload a `type`.",
        "charm proof, Juju 3.6";
    CT025 Error "`deployment` is written wrongly",
        "Write a map with `type` and `service`; only Kubernetes charms of Juju 2.9 and older need it.",
        "charm proof, Juju 2.9";
    CT026 Error "`terms` are written wrongly",
        "Write a list of terms, each a text such as `owner/term/1`.",
        "charm proof, Juju";
    CT027 Error "`extra-bindings` are written wrongly",
        "Write a map of names without values, none of which is an endpoint.",
        "charm proof, Juju";
    CT028 Error "`min-juju-version` is wrong",
        "Write a version of Juju 2 or later as text, `2.9.0`; newer charms write `assumes: [juju >= 3.1]`.",
        "charm proof, Juju";
    CT029 Error "the display name is wrong",
        "Write a text that is not empty.",
        "charm proof";
    CT030 Error "a subordinate has no principal",
        "Give a subordinate at least one endpoint under `requires` with `scope: container`.",
        "Juju, charm proof";
    CT031 Error "a container is declared wrongly",
        "Name a resource of type `oci-image` and storage of this charm; `uid` and `gid` below 1000 or from 10000.",
        "Juju";
    CT032 Error "`assumes` is written wrongly",
        "Write a list of features: `juju >= 3.1`, `k8s-api`, or maps with `any-of` or `all-of`.",
        "Juju";
    CT033 Warning "the same thing is declared in two files",
        "Keep it either in `charmcraft.yaml` or in the file of its own; charmcraft refuses both.",
        "charmcraft";
    CT090 Error "a setting of lint cannot be understood",
        "Write `# charmtest: allow CT203 why`, or in `charmtest-lint.toml`: `allow = [\"CT203\"]`, `deny = [\"CT207\"]`.",
        "charmtest";
    CT091 Warning "an allowed rule finds nothing here",
        "Take the permission out.",
        "charmtest";

    CT101 Error "an endpoint is declared wrongly",
        "Write a map of endpoints: `db: {interface: pgsql}` or `db: pgsql`.",
        "Juju, charm proof";
    CT102 Error "an endpoint has no interface",
        "Name the interface: relations join endpoints of one interface.",
        "Juju, charm proof";
    CT103 Error "the scope of an endpoint is unknown",
        "Write `scope: global` or `scope: container`.",
        "Juju, charm proof";
    CT104 Warning "an endpoint has an unknown key",
        "Correct the key, or take it out: `interface`, `scope`, `limit` and `optional` are read.",
        "charm proof (an error there; Juju passes over it)";
    CT105 Error "a name of the template is left",
        "Call the endpoint and its interface by names of this charm.",
        "charm proof";
    CT106 Error "an endpoint has a reserved name",
        "Choose another name: `juju` and all that begins with `juju-` is Juju's own.",
        "Juju, charm proof";
    CT107 Error "an endpoint is declared twice",
        "Give each endpoint a name of its own, over `provides`, `requires` and `peers` together.",
        "Juju";
    CT108 Error "the name of an endpoint is wrong",
        "Use letters and digits, joined by single `-` or `_`; hooks get the name.",
        "Juju";
    CT109 Error "`limit` or `optional` of an endpoint is wrong",
        "Write a number that is not negative for `limit`, true or false for `optional`.",
        "Juju";
    CT110 Info "the charm provides nothing",
        "Add an endpoint under `provides` if others shall use what the charm runs.",
        "charm proof";
    CT111 Info "an endpoint has no hook",
        "Add a hook such as `hooks/NAME-relation-changed`, or take the endpoint out.",
        "charm proof";

    CT201 Error "the configuration cannot be read",
        "Write `config.yaml` as UTF-8 text that is YAML: a map, each key once.",
        "charm proof, charmcraft analyse (juju-config), Juju";
    CT202 Error "Juju refuses an option",
        "Do what the message says: `juju deploy` of this charm fails with it.",
        "Juju";
    CT203 Error "there are no `options`",
        "Write `options:` with a map of options below it, or remove the file.",
        "charm proof, charmcraft analyse (juju-config)";
    CT204 Error "the name of an option is wrong",
        "Use letters, digits, `-` and `_`, with a letter or digit at both ends.",
        "charm proof, charmcraft";
    CT205 Error "a default is not of its option's type",
        "Write a default of the option's type, or change the type.",
        "Juju, charm proof, charmcraft analyse (juju-config)";
    CT206 Error "the type of an option is unknown",
        "Use `string`, `int`, `float`, `boolean` or `secret`.",
        "Juju, charm proof (a warning there), charmcraft analyse (juju-config)";
    CT207 Warning "an option has no description",
        "Say what the option is for; `juju config` shows it.",
        "charm proof";
    CT208 Warning "an option has no type",
        "Write the type; without one Juju takes `string`.",
        "charm proof";
    CT209 Info "an option has no default",
        "Write a default, unless the charm tells set from not set.",
        "charm proof";
    CT210 Warning "the configuration has an unknown key",
        "Correct the key, or take it out: `type`, `default` and `description` are read.",
        "charm proof";
    CT211 Warning "the name of an option breaks the convention",
        "Use lower-case words joined by hyphens in new charms; renaming an option breaks its users.",
        "charmcraft analyse (naming-conventions)";
    CT212 Info "there is no configuration",
        "Nothing, unless users need a choice.",
        "charm proof";

    CT301 Error "the actions cannot be read",
        "Write `actions.yaml` as UTF-8 text that is YAML: a map of actions, each key once.",
        "charm proof, charmcraft analyse (juju-actions), Juju";
    CT302 Error "Juju refuses an action",
        "Do what the message says: `juju deploy` of this charm fails with it.",
        "Juju, charmcraft analyse (juju-actions)";
    CT303 Error "the name of an action is wrong",
        "Use lower-case letters, digits and inner hyphens.",
        "Juju, charmcraft analyse (juju-actions, naming-conventions)";
    CT304 Error "an action has a reserved name",
        "Choose another name: `juju` and all that begins with `juju-` is Juju's own.",
        "Juju, charm proof";
    CT305 Warning "an action has no script",
        "Add an executable `actions/NAME`; a charm without `dispatch` needs one for each action.",
        "charm proof, Juju";
    CT306 Error "the script of an action is not executable",
        "Run `chmod +x actions/NAME`; Juju does not do that for actions.",
        "charm proof, Juju";
    CT307 Warning "an action has no description",
        "Say what the action does; `juju actions` shows it.",
        "charmtest";
    CT308 Warning "the name of a parameter breaks the convention",
        "Use lower-case words joined by hyphens in new actions; renaming a parameter breaks its users.",
        "charmcraft analyse (naming-conventions)";

    CT401 Error "there is nothing to run",
        "Add an executable `dispatch` or hooks below `hooks/`.",
        "Juju, charm proof (info there), charmcraft analyse (entrypoint)";
    CT402 Error "`dispatch` is not executable",
        "Run `chmod +x dispatch`; Juju does not do that for it.",
        "Juju, charmcraft analyse (entrypoint)";
    CT403 Info "a hook is not executable",
        "Run `chmod +x` on it; Juju does so itself for hooks that it knows.",
        "charm proof, Juju";
    CT404 Warning "Juju knows no such hook",
        "Correct the name; Juju never runs this file.",
        "Juju";
    CT405 Error "a symlink leads nowhere, or out of the charm",
        "Let it point to something inside the charm's directory.",
        "Juju, charm proof";
    CT406 Error "a script has no `#!` line",
        "Begin the script with `#!/bin/sh` or another interpreter; without it the system cannot run the file.",
        "charmtest";
    CT407 Error "a script has Windows line ends",
        "Write it with line feeds alone; the system looks for an interpreter whose name ends in a carriage return.",
        "charmtest";
    CT408 Info "a usual hook is missing",
        "Add it if the charm has something to do then: `install`, `start`, `stop`, `config-changed`.",
        "charm proof";
    CT409 Warning "a script asks the cloud's metadata address",
        "Ask Juju instead: `network-get`, `unit-get`, `credential-get`; other clouds have no such address.",
        "charm proof";
    CT410 Error "what `dispatch` starts is not there or not executable",
        "Correct the path, and run `chmod +x` on the file.",
        "charmcraft analyse (entrypoint)";
    CT411 Warning "`main` is not called",
        "End the charm's code with `if __name__ == \"__main__\": ops.main(MyCharm)`.",
        "charmcraft analyse (ops-main-call; an error there)";
    CT490 Error "`charmcraft analyse` found something",
        "Do what the message says; the level is that of charmcraft.",
        "charmcraft analyse, with `--with-charmcraft` alone";

    CT501 Warning "a test is not executable",
        "Run `chmod +x` on it; without that it is never run.",
        "Charm Testing specification";
    CT502 Error "a test has no `#!` line",
        "Begin it with `#!/bin/sh` or another interpreter; without it the system cannot run the file.",
        "Charm Testing specification";
    CT503 Error "a test has Windows line ends",
        "Write it with line feeds alone; the system looks for an interpreter whose name ends in a carriage return.",
        "Charm Testing specification";
    CT504 Warning "a test calls what tests may not",
        "Take the call out: the runner makes and destroys controllers, and keeps credentials.",
        "Charm Testing specification";
    CT505 Warning "a test names the store of old",
        "Name the charm alone, `ch:NAME`, or a path; the store behind `cs:` is gone.",
        "Juju 3, Charm Testing specification";
    CT506 Warning "a test needs build tools",
        "Build beforehand, or keep what was built in `tests/`; a test host need not have compilers.",
        "Charm Testing specification";
    CT507 Error "`requirements.yaml` is wrong",
        "Write `packages:` with a list of package names and nothing else.",
        "Charm Testing specification";
    CT508 Warning "a test of the template is left",
        "Replace `tests/00-autogen` by a test of this charm, or remove it.",
        "charm proof";
    CT509 Warning "a test cannot be run",
        "Let `*.test` in `tests/` be files, or symlinks to files in the charm.",
        "Charm Testing specification";
    CT510 Error "the settings of tests are wrong",
        "Do what the message says: `cargo charmtest scripts` refuses `tests.yaml`, or the file of one test, with it.",
        "charmtest, bundletester";

    CT601 Error "the bundle cannot be read",
        "Write the bundle as UTF-8 text that is YAML: a map, each key once; `services` is called `applications`.",
        "charm proof, Juju";
    CT602 Error "the bundle has no applications",
        "Write `applications:` with at least one.",
        "charm proof, Juju";
    CT603 Error "Juju refuses the bundle",
        "Do what the message says: `juju deploy` of this bundle fails with it.",
        "Juju, charm proof";
    CT604 Warning "the bundle has an unknown key",
        "Correct the key, or take it out: Juju does not read it.",
        "Juju, charm proof";
    CT605 Warning "a charm of the store is not pinned",
        "Give `channel`, and `revision` for the same bundle tomorrow.",
        "charm proof";
    CT606 Error "a charm of the store of old",
        "Name the charm alone and give `channel`; the store behind `cs:` is gone.",
        "Juju 3";
    CT607 Info "the bundle has no README",
        "Write a README beside the bundle.",
        "charm proof (a warning there; it matters for publishing only)";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_ordered_and_grouped() {
        assert!(RULES.windows(2).all(|pair| pair[0].id < pair[1].id));
        for rule in RULES {
            assert!(!rule.group().is_empty(), "{}", rule.id);
            assert!(
                rule.advice.ends_with('.') && !rule.title.ends_with('.'),
                "{}",
                rule.id
            );
        }
    }

    #[test]
    fn the_documentation_shows_the_table() {
        let document = include_str!("../../docs/lint.md");
        let mut expected = Vec::new();
        for (digit, group) in GROUPS {
            expected.push(format!("### CT{digit}xx: {group}"));
            let rules = RULES.iter().filter(|rule| rule.group() == group);
            expected.extend(rules.map(|rule| {
                let Rule {
                    id,
                    level,
                    title,
                    advice,
                    source,
                } = rule;
                let level = level.as_str();
                format!("| {id} | {level} | {title} | {advice} | {source} |")
            }));
        }
        let found: Vec<&str> = document
            .lines()
            .filter(|line| line.starts_with("### CT") || line.starts_with("| CT"))
            .collect();
        assert_eq!(found, expected);
    }
}
