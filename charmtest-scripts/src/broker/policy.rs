//! What a script may ask of Juju.

use std::collections::BTreeSet;

use super::resolve::is_path;
use super::words::Line;

/// Commands that reach beyond the models of a test: controllers, users, clouds and credentials. Of Juju 2.9, 3.6 and 4.0, and what
/// Juju 1 called them.
const DENIED: &[&str] = &[
    "add-cloud",
    "add-credential",
    "add-k8s",
    "add-secret-backend",
    "add-user",
    "api-info",
    "autoload-credentials",
    "bootstrap",
    "change-user-password",
    "create-backup",
    "dashboard",
    "default-credential",
    "default-region",
    "destroy-controller",
    "destroy-environment",
    "disable-user",
    "download-backup",
    "enable-destroy-controller",
    "enable-ha",
    "enable-user",
    "grant",
    "grant-cloud",
    "gui",
    "kill-controller",
    "login",
    "logout",
    "migrate",
    "register",
    "remove-backup",
    "remove-cloud",
    "remove-credential",
    "remove-k8s",
    "remove-secret-backend",
    "remove-user",
    "restore-backup",
    "revoke",
    "revoke-cloud",
    "set-credential",
    "set-default-credential",
    "set-default-credentials",
    "set-default-region",
    "show-credential",
    "show-credentials",
    "show-secret-backend",
    "sync-agent-binaries",
    "sync-agent-binary",
    "sync-tools",
    "unregister",
    "update-cloud",
    "update-credential",
    "update-credentials",
    "update-k8s",
    "update-public-clouds",
    "update-secret-backend",
    "upgrade-controller",
    "upgrade-dashboard",
    "upgrade-gui",
    "upload-backup",
];

/// The other commands of Juju 2.9, 3.6 and 4.0. What is neither here nor denied is no command: a real `juju` would look for a plugin.
const COMMANDS: &[&str] = &[
    "actions",
    "add-machine",
    "add-model",
    "add-relation",
    "add-secret",
    "add-space",
    "add-ssh-key",
    "add-storage",
    "add-subnet",
    "add-unit",
    "agree",
    "agreements",
    "application-storage",
    "attach",
    "attach-resource",
    "attach-storage",
    "backups",
    "bind",
    "cancel-action",
    "cancel-task",
    "charm-resources",
    "clouds",
    "config",
    "constraints",
    "consume",
    "controller-config",
    "controllers",
    "create-storage-pool",
    "credentials",
    "debug-code",
    "debug-hook",
    "debug-hooks",
    "debug-log",
    "deploy",
    "destroy-model",
    "detach-storage",
    "diff-bundle",
    "disable-command",
    "disabled-commands",
    "documentation",
    "download",
    "enable-command",
    "exec",
    "export-bundle",
    "expose",
    "find",
    "find-offers",
    "firewall-rules",
    "get-constraints",
    "get-model-constraints",
    "grant-secret",
    "help",
    "help-action-commands",
    "help-hook-commands",
    "help-tool",
    "hook-tool",
    "hook-tools",
    "import-filesystem",
    "import-ssh-key",
    "info",
    "integrate",
    "list-actions",
    "list-agreements",
    "list-backups",
    "list-charm-resources",
    "list-clouds",
    "list-controllers",
    "list-credentials",
    "list-disabled-commands",
    "list-firewall-rules",
    "list-machines",
    "list-models",
    "list-offers",
    "list-operations",
    "list-payloads",
    "list-regions",
    "list-resources",
    "list-secret-backends",
    "list-secrets",
    "list-spaces",
    "list-ssh-keys",
    "list-storage",
    "list-storage-pools",
    "list-subnets",
    "list-users",
    "machine",
    "machines",
    "metrics",
    "model-config",
    "model-constraints",
    "model-default",
    "model-defaults",
    "model-secret-backend",
    "models",
    "move-to-space",
    "offer",
    "offers",
    "operations",
    "payloads",
    "refresh",
    "regions",
    "relate",
    "reload-spaces",
    "remove-application",
    "remove-consumed-application",
    "remove-machine",
    "remove-offer",
    "remove-relation",
    "remove-saas",
    "remove-secret",
    "remove-space",
    "remove-ssh-key",
    "remove-storage",
    "remove-storage-pool",
    "remove-unit",
    "rename-space",
    "resolve",
    "resolved",
    "resources",
    "resume-relation",
    "retry-provisioning",
    "revoke-secret",
    "run",
    "run-action",
    "scale-application",
    "scp",
    "secret-backends",
    "secrets",
    "set-application-base",
    "set-constraints",
    "set-firewall-rule",
    "set-meter-status",
    "set-model-constraints",
    "set-series",
    "show-action",
    "show-action-output",
    "show-action-status",
    "show-application",
    "show-cloud",
    "show-controller",
    "show-machine",
    "show-model",
    "show-offer",
    "show-operation",
    "show-secret",
    "show-space",
    "show-status",
    "show-status-log",
    "show-storage",
    "show-task",
    "show-unit",
    "show-user",
    "spaces",
    "ssh",
    "ssh-keys",
    "status",
    "storage",
    "storage-pools",
    "subnets",
    "suspend-relation",
    "switch",
    "trust",
    "unexpose",
    "update-secret",
    "update-storage-pool",
    "upgrade-charm",
    "upgrade-juju",
    "upgrade-machine",
    "upgrade-model",
    "upgrade-series",
    "users",
    "version",
    "wait-for",
    "whoami",
];

/// Options that show secrets of the runner.
const DENIED_OPTIONS: &[(&str, &str)] = &[
    ("show-controller", "show-password"),
    ("credentials", "show-secrets"),
    ("list-credentials", "show-secrets"),
    ("secret-backends", "reveal"),
    ("list-secret-backends", "reveal"),
];

/// Commands that read settings of the controller, and may not change them.
const READ_ONLY: &[&str] = &["controller-config", "model-defaults", "model-default"];

/// Options of ssh and scp that concern the connection alone. All others can make this side run programs or read files.
const SSH_LETTERS: &str = "46CTanqtvx";
const SCP_LETTERS: &str = "346BCTpqrv";

/// Says whether a command is refused whatever its arguments are.
#[must_use]
pub fn is_denied(command: &str) -> bool {
    DENIED.contains(&command)
}

/// The models of one test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Models {
    /// The controller's name.
    pub controller: String,
    /// The name of the test's own model, without owner.
    pub given: String,
    /// The UUID of the test's own model, if it is known.
    pub uuid: Option<String>,
    /// The user in whose name Juju is called, as models are qualified with.
    pub owner: String,
    /// The names of the models that the test made.
    pub made: BTreeSet<String>,
    /// The model that a command without one means: the given one, or one that the test made.
    pub current: String,
}

impl Models {
    /// Returns a test's models before its first command.
    #[must_use]
    pub fn new(controller: &str, given: &str, owner: &str) -> Self {
        Self {
            controller: controller.to_owned(),
            given: given.to_owned(),
            uuid: None,
            owner: owner.to_owned(),
            made: BTreeSet::new(),
            current: given.to_owned(),
        }
    }

    /// Returns the bare name of a model of the test that `text` means, as Juju reads `[controller:][owner/]model`; `None` when it means
    /// another one.
    #[must_use]
    pub fn named(&self, text: &str) -> Option<&str> {
        let (controller, model) = text.split_once(':').unwrap_or(("", text));
        if !controller.is_empty() && controller != self.controller {
            return None;
        }
        let (owner, name) = model.split_once('/').unwrap_or(("", model));
        if !owner.is_empty() && owner != self.owner {
            return None;
        }
        match name {
            "" if owner.is_empty() => Some(&self.current),
            name if name == self.given => Some(&self.given),
            name if self.uuid.as_deref() == Some(name) => Some(&self.given),
            name => self.made.get(name).map(String::as_str),
        }
    }

    /// Returns the whole name of the current model, as `JUJU_MODEL` takes it.
    #[must_use]
    pub fn current_qualified(&self) -> String {
        let (controller, owner, model) = (&self.controller, &self.owner, &self.current);
        match owner.as_str() {
            "" => format!("{controller}:{model}"),
            owner => format!("{controller}:{owner}/{model}"),
        }
    }
}

/// Whether a command is let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It is.
    Allowed,
    /// It is asked for its help, and is not run.
    Help,
    /// It is not; the text goes after `ERROR `.
    Denied(String),
    /// There is no such command: it may be a plugin of the script's own.
    NoCommand,
}

/// Judges a command of a script, whose variables `JUJU_MODEL` and `JUJU_CONTROLLER` are given.
#[must_use]
pub fn judge(
    line: &Line,
    model: Option<&str>,
    controller: Option<&str>,
    models: &Models,
) -> Judgement {
    let verb = line.verb();
    if line.all(&["log-file"]).next().is_some() {
        return denied("--log-file");
    }
    if line.cut {
        return denied("-- before a command");
    }
    if verb.is_empty() || verb == "help" {
        return Judgement::Allowed;
    }
    let is_known = is_denied(verb) || COMMANDS.contains(&verb);
    if is_known && line.is_help() {
        return Judgement::Help;
    }
    if is_denied(verb) {
        return denied(verb);
    }
    if !is_known {
        return Judgement::NoCommand;
    }
    if let Some((option, value)) = line.doubtful() {
        return Judgement::Denied(format!(
            "{value:?} after option {option:?} of {verb} looks like an option: write it behind an equals sign, as in --{option}={value}"
        ));
    }
    if let Some((_, option)) = DENIED_OPTIONS
        .iter()
        .find(|(of, option)| *of == verb && line.has(&[option]))
    {
        return denied(&format!("{verb} --{option}"));
    }
    // Juju 2 took a file without an option, too.
    let writes = line
        .positional
        .iter()
        .any(|(_, word)| word.contains('=') || is_path(word) || word.starts_with('~'))
        || line.all(&["reset", "file"]).next().is_some();
    if READ_ONLY.contains(&verb) && writes {
        return denied(&format!("{verb} with a change"));
    }
    foreign(line, model, controller, models)
        .or_else(|| connection(line))
        .map_or(Judgement::Allowed, Judgement::Denied)
}

fn denied(what: &str) -> Judgement {
    Judgement::Denied(format!("{what:?} is not available in charm tests"))
}

/// Says why a command is about a model or a controller that is not the test's.
fn foreign(
    line: &Line,
    model: Option<&str>,
    controller: Option<&str>,
    models: &Models,
) -> Option<String> {
    let verb = line.verb();
    let no_model = |name: &str| {
        format!(
            "model {name:?} is not available in charm tests: {:?} and the models that the test makes are",
            models.given
        )
    };
    let no_controller = |name: &str| {
        format!(
            "controller {name:?} is not available in charm tests: {:?} is",
            models.controller
        )
    };
    let is_ours = |name: &str| models.named(name).is_some();
    // `-m` is the model nearly everywhere, and where it is not Juju does not know it.
    let given = line
        .all(&["m", "model"])
        .filter_map(|option| option.value.as_ref());
    if let Some(name) = given
        .map(|value| value.text.as_str())
        .chain(model)
        .find(|name| !is_ours(name))
    {
        return Some(no_model(name));
    }
    let given = line
        .all(&["c", "controller", "target-controller"])
        .filter_map(|option| option.value.as_ref());
    if let Some(name) = given
        .map(|value| value.text.as_str())
        .chain(controller)
        .find(|name| *name != models.controller)
    {
        return Some(no_controller(name));
    }
    let first = line.positional.first().map(|(_, word)| word.as_str());
    match verb {
        "destroy-model" => line.positional.iter().find_map(|(_, name)| match models.named(name) {
            None => Some(no_model(name)),
            Some(model) if model == models.given => Some(format!(
                "\"destroy-model\" of the test's own model {model:?} is not available in charm tests: it is destroyed after the test"
            )),
            Some(_) => None,
        }),
        "show-model" => line
            .positional
            .iter()
            .map(|(_, w)| w)
            .find(|w| !is_ours(w))
            .map(|w| no_model(w)),
        "show-controller" => {
            let names = line.positional.iter().map(|(_, word)| word);
            names
                .clone()
                .find(|name| **name != models.controller)
                .map(|name| no_controller(name))
        }
        "switch" => {
            let name = first?;
            let own = name == models.controller || is_ours(name) || name == "-";
            (!own).then(|| match name.contains(':') {
                true => no_model(name),
                false => format!(
                    "{name:?} is not available in charm tests: the controller {:?}, the model {:?} and the models that the test makes are",
                    models.controller, models.given
                ),
            })
        }
        "add-model" => line
            .all(&["owner"])
            .filter_map(|option| option.value.as_ref())
            .find(|owner| owner.text != models.owner)
            .map(|owner| {
                format!(
                    "\"add-model\" for the user {:?} is not available in charm tests",
                    owner.text
                )
            }),
        // With the keys of whoever runs the tests, and on a machine that is none of the model's.
        "add-machine" => line
            .positional
            .iter()
            .find(|(_, word)| word.starts_with("ssh:") || word.starts_with("winrm:"))
            .map(|(_, word)| {
                format!("\"add-machine {word}\" is not available in charm tests: the machine is none of the model")
            }),
        "offer" => {
            // MODEL.APPLICATION:ENDPOINT
            let (model, _) = first?.split_once(':')?.0.rsplit_once('.')?;
            (!is_ours(model)).then(|| no_model(model))
        }
        "consume" | "remove-offer" | "show-offer" | "find-offers" | "integrate" | "relate"
        | "add-relation" | "remove-relation" => {
            let words = line.positional.iter().map(|(_, word)| word.as_str());
            let url = line.value(&["url"]).map(|value| value.text.as_str());
            words.chain(url).find_map(|word| {
                let model = model_of_offer(word)?;
                (!is_ours(model)).then(|| no_model(model))
            })
        }
        _ => None,
    }
}

/// Returns what stands against an offer in whose URL another model is; `None` when it is of the test's.
pub(super) fn foreign_offer(url: &str, models: &Models) -> Option<String> {
    let model = model_of_offer(url)?;
    models.named(model).is_none().then(|| {
        format!(
            "offer {url:?} is not available in charm tests: {:?} and the models that the test makes are",
            models.given
        )
    })
}

/// Says whether a target of ssh and scp is a machine or unit of the model, `[user@]wiki/0`. Any other is a host to Juju, to which it goes
/// with the keys of whoever runs the tests.
fn is_in_model(target: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_name = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_lowercase())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let agent = match target.rsplit_once('@') {
        Some((user, agent)) if !user.starts_with('-') => agent,
        Some(_) => return false,
        None => target,
    };
    let parts: Vec<&str> = agent.split('/').collect();
    match parts.as_slice() {
        [application, unit] if is_name(application) => is_number(unit) || *unit == "leader",
        [machine, containers @ ..] if is_number(machine) => containers
            .chunks(2)
            .all(|pair| matches!(pair, [kind, number] if is_name(kind) && is_number(number))),
        _ => false,
    }
}

/// Returns the model of an offer's URL, `[controller:][owner/]model[.offer[:endpoint]]`; `None` when the text is no URL of one.
fn model_of_offer(text: &str) -> Option<&str> {
    match (text.find('.'), text.find('/')) {
        (Some(dot), _) => Some(&text[..dot]),
        (None, Some(_)) => Some(text),
        (None, None) => None,
    }
}

fn no_host(host: &str) -> String {
    format!(
        "host {host:?} is not available in charm tests: units and machines of the test's models are"
    )
}

/// Says whether a word of `scp` is a file of this side.
pub(super) fn is_local(word: &str) -> bool {
    match (word.find(':'), word.find('/')) {
        (None, _) => true,
        (Some(colon), Some(slash)) => slash < colon && word.starts_with(['.', '/']),
        (Some(_), None) => false,
    }
}

/// Says why an option for ssh or scp is not let through: most of them make this side run a program or read a file.
fn connection(line: &Line) -> Option<String> {
    let letters = match line.verb() {
        "ssh" | "debug-hooks" | "debug-hook" | "debug-code" => SSH_LETTERS,
        "scp" => SCP_LETTERS,
        _ => return None,
    };
    let mut words = line
        .positional
        .iter()
        .map(|(_, word)| word.as_str())
        .collect::<Vec<_>>();
    if line.verb() != "scp" {
        // The target comes first; options of ssh may follow, up to the command that runs there. A target that begins with a dash is an option.
        let target = usize::from(words.first().is_some_and(|word| !word.starts_with('-')));
        if let Some(host) = words.drain(..target).find(|target| !is_in_model(target)) {
            return Some(no_host(host));
        }
        // Behind `--` there is a command for ssh, and an option for a Juju that takes `--` for itself; no command begins with a dash.
        let end = words.iter().position(|word| !word.starts_with('-'));
        words.truncate(end.unwrap_or(words.len()));
    } else {
        let mut remote = words
            .iter()
            .filter(|word| !word.starts_with('-') && !is_local(word))
            .filter_map(|word| Some(word.split_once(':')?.0));
        if let Some(host) = remote.find(|target| !is_in_model(target)) {
            return Some(no_host(host));
        }
    }
    let bad = words.iter().find(|word| {
        word.strip_prefix('-')
            .is_some_and(|rest| rest != "-" && !rest.chars().all(|letter| letters.contains(letter)))
    })?;
    Some(format!(
        "option {bad:?} of {} is not available in charm tests",
        line.verb()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn models() -> Models {
        let mut models = Models::new("ctl", "wiki-test", "admin");
        models.made.insert("second".to_owned());
        models.uuid = Some("11111111-2222-3333-4444-555555555555".to_owned());
        models
    }

    fn judged(text: &str) -> Judgement {
        let argv: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        judge(&Line::parse(&argv), None, None, &models())
    }

    #[test]
    fn what_reaches_beyond_the_test_is_denied() {
        for verb in DENIED {
            let text = format!("{verb} x");
            let expected = format!("{verb:?} is not available in charm tests");
            assert_eq!(judged(&text), Judgement::Denied(expected), "{text}");
            assert_eq!(judged(&format!("{verb} --help")), Judgement::Help);
            let denied = judged(&format!("{verb} --help=false"));
            assert!(matches!(denied, Judgement::Denied(_)), "{verb}");
            assert!(!COMMANDS.contains(verb), "{verb}");
        }
        for text in [
            "--debug bootstrap lxd",
            "-m wiki-test bootstrap",
            "show-controller --show-password",
            "credentials --show-secrets",
            "controller-config a=b",
            "controller-config --reset a",
            "model-defaults --file x",
            "status --log-file /x",
            "status --log-file=/x",
            "destroy-model wiki-test --no-prompt",
            "destroy-model ctl:admin/wiki-test",
            "destroy-model 11111111-2222-3333-4444-555555555555",
            "destroy-model other",
            "status -m other",
            "status -mother",
            "status --model=ctl2:wiki-test",
            "status -m bob/wiki-test",
            "status -m wiki-test -m other",
            "models -c other",
            "show-model other",
            "show-controller other",
            "switch other",
            "switch ctl2:wiki-test",
            "add-model x -c other",
            "offer other.mysql:db",
            "remove-offer bob/other.mysql",
            "consume ctl:admin/other.mysql",
            "integrate wiki admin/other.mysql",
            "find-offers --url ctl:bob/other",
            "ssh wiki/0 -o ProxyCommand=id",
            "ssh wiki/0 -F x ls",
            "ssh wiki/0 -tA",
            "ssh -- -oProxyCommand=id x",
            "scp a b: -oProxyCommand=id",
            "scp -- -S prog a wiki/0:",
            "scp -- -r -F x a wiki/0:",
            // Options that turn themselves off.
            "status -m other --help=false",
            "status --help --log-file=/x",
            "help status --log-file=/x",
            // `--` before the command ends no option of the command.
            "-- status -m other",
            "--no-alias -- status -m other",
            // Whether the option before it has a value depends on the command.
            "show-task --watch -m other 1",
            "status --max-wait -m other",
            "destroy-model second other --no-prompt",
            "add-model other --owner bob",
            "add-machine ssh:root@host",
            "model-defaults /x/y.yaml",
            "ssh host ls",
            "ssh root@10.0.0.1",
            "ssh -- -oProxyCommand=id@wiki/0",
            "ssh wiki/0 -- -oProxyCommand=id",
            "scp host:/x .",
            "scp a x/y:z",
        ] {
            assert!(
                matches!(judged(text), Judgement::Denied(_)),
                "{text}: {:?}",
                judged(text)
            );
        }
    }

    #[test]
    fn everything_else_is_allowed() {
        for text in [
            "",
            "help bootstrap",
            "status",
            "status -m wiki-test",
            "status -m ctl:wiki-test",
            "status -m ctl:admin/wiki-test",
            "status -m second",
            "status -m 11111111-2222-3333-4444-555555555555",
            "destroy-model second --no-prompt",
            "switch",
            "switch second",
            "switch ctl",
            "switch :wiki-test",
            "models -c ctl",
            "controller-config",
            "model-config a=b",
            "offer mysql:db",
            "offer second.mysql:db",
            "consume admin/second.mysql",
            "integrate wiki:db mysql:db",
            "integrate wiki admin/second.mysql",
            "remove-relation 3",
            "ssh wiki/0 -t ls -o x",
            "ssh wiki/0 -- rm -rf x",
            "ssh -m second wiki/0",
            "scp -r a wiki/0:b",
            "scp -- -rp a wiki/0:b",
            "scp ubuntu@wiki/leader:x 0/lxd/1:y ./a:b",
            "ssh ubuntu@0/lxd/1 ls",
            "add-model x --owner admin",
            "add-machine lxd:0",
            "model-defaults aws/eu-1",
            "exec --unit wiki/0 -- bootstrap",
            "config wiki bootstrap=yes",
        ] {
            assert_eq!(judged(text), Judgement::Allowed, "{text}");
        }
        assert_eq!(judged("bootstrap --help"), Judgement::Help);
        assert_eq!(judged("status -m other -h"), Judgement::Help);
        assert_eq!(judged("statuz --help"), Judgement::NoCommand);
        assert_eq!(judged("statuz"), Judgement::NoCommand);
        assert_eq!(judged("wait -t 5"), Judgement::NoCommand);
    }

    #[test]
    fn variables_count_as_options_do() {
        let line = Line::parse(&["status".to_owned()]);
        let judge = |model, controller| judge(&line, model, controller, &models());
        assert_eq!(judge(Some("second"), Some("ctl")), Judgement::Allowed);
        assert!(matches!(judge(Some("x:y"), None), Judgement::Denied(_)));
        assert!(matches!(judge(None, Some("x")), Judgement::Denied(_)));
    }
}
