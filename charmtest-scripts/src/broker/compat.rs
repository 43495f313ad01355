//! The commands of Juju 1, for suites that ask for them with `compat: juju-1`.

use super::resolve::is_bare;
use super::words::Line;

/// What a command of Juju 1 is called today, and words that go behind it.
const RENAMED: &[(&str, &str, &[&str])] = &[
    ("add-relation", "relate", &[]),
    ("destroy-relation", "remove-relation", &[]),
    ("destroy-service", "remove-application", &["--no-prompt"]),
    ("remove-service", "remove-application", &["--no-prompt"]),
    ("destroy-unit", "remove-unit", &["--no-prompt"]),
    ("destroy-machine", "remove-machine", &["--no-prompt"]),
    ("terminate-machine", "remove-machine", &["--no-prompt"]),
    ("upgrade-charm", "refresh", &[]),
    ("set", "config", &[]),
    ("get", "config", &[]),
    ("set-env", "model-config", &[]),
    ("get-env", "model-config", &[]),
    ("set-environment", "model-config", &[]),
    ("get-environment", "model-config", &[]),
    ("get-constraints", "constraints", &[]),
    ("generate-config", "help", &[]),
];

/// Translates a command line of Juju 1 into one of today; `None` when it says the same today.
///
/// What is translated: the names of commands, `-e`/`--environment`, `--repository` with `local:` and `cs:` references (which become bare
/// names), `unset`, `run CMD` with `--unit`, `--service`, `--machine` or `--all` (now `exec`), `resolved` with and without `--retry`, and
/// `cs:`/`local:` behind `--switch`. What commands print is today's: a status has `applications`, not `services`.
#[must_use]
pub fn translate(argv: &[String]) -> Option<Vec<String>> {
    let verb_at = Line::parse(&without_old_options(argv)).verb?.0;
    let mut words = without_old_options(argv);
    let verb = words[verb_at].clone();
    let rest = words.split_off(verb_at + 1);
    words.truncate(verb_at);

    let mut replace = |verb: &str, more: &[&str], rest: Vec<String>| {
        let mut all = std::mem::take(&mut words);
        all.push(verb.to_owned());
        all.extend(more.iter().map(|word| (*word).to_owned()));
        all.extend(rest);
        all
    };
    let new = match verb.as_str() {
        "deploy" | "upgrade-charm" => {
            let rest = rest.iter().map(|word| bare(word)).collect();
            let verb = if verb == "deploy" {
                "deploy"
            } else {
                "refresh"
            };
            replace(verb, &[], rest)
        }
        "unset" => {
            let mut rest = rest.into_iter();
            let application = rest.next().unwrap_or_default();
            let keys: Vec<String> = rest.collect();
            replace("config", &["--reset", &keys.join(",")], vec![application])
        }
        "unset-env" | "unset-environment" => {
            replace("model-config", &["--reset", &rest.join(",")], Vec::new())
        }
        "resolved" => {
            let retry = ["--retry", "-r"];
            let plain: Vec<String> = rest
                .iter()
                .filter(|word| !retry.contains(&word.as_str()))
                .cloned()
                .collect();
            match plain.len() == rest.len() && !rest.iter().any(|word| word == "--no-retry") {
                true => replace("resolved", &["--no-retry"], plain),
                false => replace("resolved", &[], plain),
            }
        }
        "run" if runs_commands(&rest) => {
            let rest = rest.iter().map(|word| match word.split_once('=') {
                Some(("--service", names)) => format!("--application={names}"),
                _ if word == "--service" => "--application".to_owned(),
                _ => word.clone(),
            });
            replace("exec", &[], rest.collect())
        }
        "set-constraints" | "constraints" | "get-constraints" => {
            let rest = rest
                .into_iter()
                .filter(|word| !["-s", "--service"].contains(&word.as_str()));
            let verb = verb.strip_prefix("get-").unwrap_or(&verb).to_owned();
            replace(&verb, &[], rest.collect())
        }
        other => {
            let (_, new, more) =
                RENAMED
                    .iter()
                    .find(|(old, ..)| *old == other)
                    .unwrap_or(&("", "", &[]));
            match *new {
                "" => replace(other, &[], rest),
                new => replace(new, more, rest),
            }
        }
    };
    (new != argv).then_some(new)
}

/// Says whether a `run` is one of commands on units, and not of an action.
fn runs_commands(rest: &[String]) -> bool {
    rest.iter().any(|word| {
        let name = word.split('=').next().unwrap_or_default();
        ["--unit", "--service", "--machine", "--all"].contains(&name)
    })
}

/// Drops `--repository`, which charms are found without, and calls `-e` by its name of today.
fn without_old_options(argv: &[String]) -> Vec<String> {
    let mut words = Vec::new();
    let mut old = argv.iter();
    while let Some(word) = old.next() {
        match word.split_once('=') {
            Some(("--repository", _)) => {}
            Some(("--environment" | "-e", name)) => words.push(format!("--model={name}")),
            _ if word == "--repository" => drop(old.next()),
            _ if ["-e", "--environment"].contains(&word.as_str()) => words.push("-m".to_owned()),
            _ if word == "--" => {
                words.push(word.clone());
                words.extend(old.by_ref().cloned());
            }
            _ => words.push(word.clone()),
        }
    }
    words
}

/// Makes a bare name of `local:precise/wiki`, `local:wiki` or `cs:precise/wiki-3`, and leaves every other word.
fn bare(word: &str) -> String {
    let Some(rest) = word
        .strip_prefix("local:")
        .or_else(|| word.strip_prefix("cs:"))
    else {
        return word.to_owned();
    };
    let name = rest.rsplit('/').next().unwrap_or(rest);
    let name = match name.rsplit_once('-') {
        Some((name, revision))
            if !revision.is_empty() && revision.chars().all(|c| c.is_ascii_digit()) =>
        {
            name
        }
        _ => name,
    };
    match is_bare(name) && !rest.starts_with(['.', '/']) {
        true => name.to_owned(),
        false => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_commands_are_translated() {
        for (old, new) in [
            ("add-relation wiki mysql:db", "relate wiki mysql:db"),
            (
                "destroy-service wiki",
                "remove-application --no-prompt wiki",
            ),
            ("remove-service wiki", "remove-application --no-prompt wiki"),
            ("remove-unit wiki/0", "remove-unit wiki/0"),
            ("destroy-unit wiki/0", "remove-unit --no-prompt wiki/0"),
            ("terminate-machine 1", "remove-machine --no-prompt 1"),
            ("destroy-relation a b", "remove-relation a b"),
            ("upgrade-charm wiki", "refresh wiki"),
            (
                "upgrade-charm --repository=. --switch local:precise/w wiki",
                "refresh --switch w wiki",
            ),
            ("set wiki name=x", "config wiki name=x"),
            ("get wiki", "config wiki"),
            ("unset wiki name logo", "config --reset name,logo wiki"),
            (
                "deploy --repository .. local:precise/wiki w",
                "deploy wiki w",
            ),
            ("deploy --repository=. local:wiki", "deploy wiki"),
            ("deploy cs:precise/mysql-29", "deploy mysql"),
            ("deploy cs:~me/precise/mysql", "deploy mysql"),
            ("deploy local:./wiki", "deploy local:./wiki"),
            ("deploy wiki", "deploy wiki"),
            ("-e local status", "-m local status"),
            ("status --environment=local", "status --model=local"),
            ("resolved wiki/0", "resolved --no-retry wiki/0"),
            ("resolved --retry wiki/0", "resolved wiki/0"),
            (
                "run --service wiki uptime",
                "exec --application wiki uptime",
            ),
            ("run --unit wiki/0 -- ls -e", "exec --unit wiki/0 -- ls -e"),
            ("run wiki/0 backup", "run wiki/0 backup"),
            ("get-constraints wiki", "constraints wiki"),
            (
                "set-constraints -s wiki mem=1G",
                "set-constraints wiki mem=1G",
            ),
            ("bootstrap", "bootstrap"),
            ("destroy-environment x", "destroy-environment x"),
            ("", ""),
        ] {
            let argv: Vec<String> = old.split_whitespace().map(str::to_owned).collect();
            let words = translate(&argv).unwrap_or(argv);
            assert_eq!(words.join(" "), new, "{old}");
        }
    }
}
