//! The words of a `juju` command line: which are options, which take a value, which are positional.
//!
//! Kinds of options are those of Juju 2.9, 3.6 and 4.0. Most names are of one kind in all commands; the others are in the table `EXCEPTIONS`.

/// Options with a value, whatever the command.
const WITH_VALUE: &[&str] = &[
    "a",
    "actions",
    "allowed-consumer",
    "app",
    "application",
    "applications",
    "apps",
    "arch",
    "at",
    "attach-storage",
    "base",
    "bind",
    "c",
    "category",
    "channel",
    "charmhub-url",
    "cloud",
    "cluster-name",
    "columns",
    "config",
    "connected-user",
    "constraints",
    "container",
    "context-name",
    "controller",
    "credential",
    "device",
    "disks",
    "endpoints",
    "exclude-label",
    "exclude-labels",
    "exclude-module",
    "execution-group",
    "f",
    "file",
    "filename",
    "filepath",
    "format",
    "group",
    "i",
    "include",
    "include-label",
    "include-labels",
    "include-module",
    "info",
    "interface",
    "l",
    "level",
    "limit",
    "lines",
    "logging-config",
    "m",
    "machine",
    "machines",
    "map-machines",
    "max-wait",
    "message",
    "model",
    "model-type",
    "n",
    "name",
    "num-units",
    "o",
    "offer",
    "offset",
    "output",
    "overlay",
    "owner",
    "params",
    "path",
    "pool",
    "port",
    "private-key",
    "public-key",
    "publisher",
    "query",
    "r",
    "region",
    "relation",
    "reset",
    "resource",
    "retry-count",
    "retry-delay",
    "revision",
    "scope",
    "series",
    "split",
    "status",
    "storage",
    "switch",
    "t",
    "target-controller",
    "timeout",
    "to",
    "to-cidrs",
    "to-spaces",
    "track",
    "type",
    "u",
    "unit",
    "units",
    "user",
    "via",
    "watch",
    "wait",
    "x",
];

/// Options without a value, whatever the command.
const WITHOUT_VALUE: &[&str] = &[
    "B",
    "active-only",
    "all",
    "annotations",
    "auto-prune",
    "background",
    "browser",
    "build-agent",
    "client",
    "color",
    "date",
    "debug",
    "delay",
    "description",
    "destroy-storage",
    "details",
    "dry-run",
    "exact-time",
    "filesystem",
    "firehose",
    "force",
    "force-base",
    "force-series",
    "force-units",
    "full",
    "h",
    "help",
    "hide-credential",
    "ignore-read-only-fields",
    "include-charm-defaults",
    "include-series",
    "integrations",
    "keep-instance",
    "location",
    "managed",
    "ms",
    "no-alias",
    "no-browser-login",
    "no-color",
    "no-destroy",
    "no-download",
    "no-host-key-checks",
    "no-progress",
    "no-prompt",
    "no-retry",
    "no-switch",
    "no-tail",
    "no-wait",
    "operator",
    "parallel",
    "proxy",
    "pty",
    "q",
    "quiet",
    "refresh",
    "relations",
    "release-storage",
    "remote",
    "replay",
    "reveal",
    "revisions",
    "schema",
    "short",
    "show-log",
    "show-password",
    "show-secrets",
    "string-args",
    "summary",
    "tail",
    "trust",
    "unicode",
    "utc",
    "uuid",
    "v",
    "verbose",
    "version",
    "volume",
    "y",
    "yes",
];

/// Options that are of another kind in one command: command, option, whether it takes a value.
const EXCEPTIONS: &[(&str, &str, bool)] = &[
    ("info", "config", false),
    ("download", "resources", false),
    ("status", "storage", false),
    ("show-status", "storage", false),
    ("status", "r", false),
    ("rename-space", "rename", true),
    ("documentation", "out", true),
    ("documentation", "url", true),
    ("find-offers", "url", true),
    ("run-action", "wait", false),
    ("list-models", "user", true),
    ("create-storage-pool", "t", true),
    ("show-action-output", "watch", false),
    ("show-operation", "watch", false),
    ("show-task", "watch", false),
];

/// Commands at whose first positional word options end: what follows is for ssh, scp and the like.
const STOPS_AT_POSITIONAL: &[&str] = &["ssh", "scp", "debug-hooks", "debug-hook", "debug-code"];

/// What one word of a command line is. Values keep their place: a word is told by its index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opt {
    /// The name without dashes.
    pub name: String,
    /// Where it stands.
    pub at: usize,
    /// The value.
    pub value: Option<Value>,
}

/// The value of an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The index of the word in which it stands.
    pub at: usize,
    /// The byte in that word at which it begins: after `--config=` or `-n`, else 0.
    pub from: usize,
    /// Itself.
    pub text: String,
}

/// A command line taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// The command, and where it stands; `None` when there is none.
    pub verb: Option<(usize, String)>,
    /// Options before and after the command, in order.
    pub options: Vec<Opt>,
    /// Positional words after the command with their places.
    pub positional: Vec<(usize, String)>,
    /// Options that no Juju that we know has in any command, with dashes.
    pub unknown: Vec<String>,
    /// Whether `--` stands before the command. Juju looks for the command behind it, and for options behind that.
    pub cut: bool,
}

impl Line {
    /// Takes a command line, without the program's name, apart.
    #[must_use]
    pub fn parse(argv: &[String]) -> Self {
        let mut line = Self::default();
        let mut options_end = false;
        let mut at = 0;
        while let Some(word) = argv.get(at) {
            if options_end || word == "-" || !word.starts_with('-') {
                match &line.verb {
                    None => line.verb = Some((at, word.clone())),
                    Some((_, verb)) => {
                        options_end |= STOPS_AT_POSITIONAL.contains(&verb.as_str());
                        line.positional.push((at, word.clone()));
                    }
                }
                at += 1;
                continue;
            }
            if word == "--" {
                options_end = true;
                line.cut |= line.verb.is_none();
                at += 1;
                continue;
            }
            at = line.option(argv, at);
        }
        line
    }

    /// Takes the option at `at`, and returns where the next word is.
    fn option(&mut self, argv: &[String], at: usize) -> usize {
        let word = &argv[at];
        let dashes = if word.starts_with("--") { 2 } else { 1 };
        let body = &word[dashes..];
        let verb = self.verb.as_ref().map(|(_, verb)| verb.as_str());
        // Behind one dash stand letters, and what follows a letter with a value is the value, whatever is in it.
        let pair = body.split_once('=');
        if let Some((name, value)) = pair.filter(|(name, _)| dashes == 2 || is_letter(name)) {
            if takes_value(verb, name).is_none() {
                self.unknown.push(word[..dashes + name.len()].to_owned());
            }
            self.options.push(Opt {
                name: name.to_owned(),
                at,
                value: Some(Value {
                    at,
                    from: dashes + name.len() + 1,
                    text: value.to_owned(),
                }),
            });
            return at + 1;
        }
        if dashes == 1 && body.chars().count() > 1 {
            return self.short_options(argv, at);
        }
        let takes = takes_value(verb, body);
        if takes.is_none() {
            self.unknown.push(word.clone());
        }
        let value = match takes {
            Some(true) => argv.get(at + 1),
            _ => None,
        };
        let value = value.map(|text| Value {
            at: at + 1,
            from: 0,
            text: text.clone(),
        });
        let next = at + 1 + usize::from(value.is_some());
        self.options.push(Opt {
            name: body.to_owned(),
            at,
            value,
        });
        next
    }

    /// Takes `-n3` or `-qv`, and returns where the next word is.
    fn short_options(&mut self, argv: &[String], at: usize) -> usize {
        let word = &argv[at];
        let verb = self.verb.as_ref().map(|(_, verb)| verb.clone());
        for (from, letter) in word.char_indices().skip(1) {
            let name = letter.to_string();
            let rest = from + letter.len_utf8();
            let takes = takes_value(verb.as_deref(), &name);
            if takes.is_none() {
                self.unknown.push(format!("-{name}"));
            }
            let mut option = Opt {
                name,
                at,
                value: None,
            };
            if takes != Some(true) {
                self.options.push(option);
                continue;
            }
            let next = match (&word[rest..], argv.get(at + 1)) {
                ("", None) => at + 1,
                ("", Some(text)) => {
                    option.value = Some(Value {
                        at: at + 1,
                        from: 0,
                        text: text.clone(),
                    });
                    at + 2
                }
                (text, _) => {
                    let value = text.strip_prefix('=').unwrap_or(text);
                    option.value = Some(Value {
                        at,
                        from: word.len() - value.len(),
                        text: value.to_owned(),
                    });
                    at + 1
                }
            };
            self.options.push(option);
            return next;
        }
        at + 1
    }

    /// Returns the command's name; empty when there is none.
    #[must_use]
    pub fn verb(&self) -> &str {
        self.verb.as_ref().map_or("", |(_, verb)| verb)
    }

    /// Returns the options of any of the names, in order.
    pub fn all<'a>(&'a self, names: &'a [&'a str]) -> impl Iterator<Item = &'a Opt> {
        let options = self.options.iter();
        options.filter(|option| names.contains(&option.name.as_str()))
    }

    /// Returns a value that stands in a word of its own and looks like an option: whether it is one depends on whether Juju's command has the
    /// option before it, and with a value.
    #[must_use]
    pub fn doubtful(&self) -> Option<(&str, &str)> {
        let values = self
            .options
            .iter()
            .filter_map(|option| Some((option.name.as_str(), option.value.as_ref()?)));
        let mut doubtful = values.filter(|(_, value)| {
            let letters = value.text.strip_prefix('-').unwrap_or_default();
            value.from == 0
                && !letters.is_empty()
                && !letters.starts_with(|c: char| c.is_ascii_digit())
        });
        doubtful
            .next()
            .map(|(name, value)| (name, value.text.as_str()))
    }

    /// Says whether the command is asked for its help, which it then gives and does nothing else.
    #[must_use]
    pub fn is_help(&self) -> bool {
        self.has(&["help", "h"])
    }

    /// Says whether an option of any of the names is given, and not as `=false`.
    #[must_use]
    pub fn has(&self, names: &[&str]) -> bool {
        self.all(names).any(|option| {
            let value = option.value.as_ref().map(|value| value.text.as_str());
            !matches!(value, Some("false" | "0" | "f" | "F" | "FALSE" | "False"))
        })
    }

    /// Returns the last value of an option of any of the names, as Juju takes it.
    #[must_use]
    pub fn value(&self, names: &[&str]) -> Option<&Value> {
        let mut given = self
            .options
            .iter()
            .rev()
            .filter(|option| names.contains(&option.name.as_str()));
        given.find_map(|option| option.value.as_ref())
    }
}

/// Says whether a name is one letter.
fn is_letter(name: &str) -> bool {
    name.chars().count() == 1
}

/// Says whether an option of a command takes a value; `None` when no Juju has it.
fn takes_value(verb: Option<&str>, name: &str) -> Option<bool> {
    let exception = EXCEPTIONS
        .iter()
        .find(|(of, option, _)| Some(*of) == verb && *option == name);
    match exception {
        Some((_, _, takes)) => Some(*takes),
        None if WITH_VALUE.contains(&name) => Some(true),
        None if WITHOUT_VALUE.contains(&name) => Some(false),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Line {
        let argv: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        Line::parse(&argv)
    }

    fn positional(text: &str) -> String {
        let line = parse(text);
        let words: Vec<&str> = line.positional.iter().map(|(_, w)| w.as_str()).collect();
        format!("{}: {}", line.verb(), words.join(" "))
    }

    #[test]
    fn positional_words_are_told_from_values() {
        for (text, expected) in [
            ("deploy wiki", "deploy: wiki"),
            ("deploy -n 3 wiki db", "deploy: wiki db"),
            ("deploy -n3 --to lxd:0 wiki", "deploy: wiki"),
            ("deploy --config a=b --config=c=d wiki", "deploy: wiki"),
            ("deploy --trust wiki --dry-run w", "deploy: wiki w"),
            ("--debug deploy -m c:m wiki", "deploy: wiki"),
            ("--logging-config <root>=DEBUG deploy wiki", "deploy: wiki"),
            ("deploy --nosuch wiki", "deploy: wiki"),
            ("deploy -- -wiki", "deploy: -wiki"),
            ("status --storage wiki", "status: wiki"),
            ("info --config wiki", "info: wiki"),
            ("ssh -m m wiki/0 -t ls", "ssh: wiki/0 -t ls"),
            ("exec --unit wiki/0 -- ls -l", "exec: ls -l"),
            ("config wiki --file -", "config: wiki"),
            ("debug-log -n 10 -m m", "debug-log: "),
            ("remove-unit -qv wiki/0", "remove-unit: wiki/0"),
            ("show-task --watch 7", "show-task: 7"),
            ("", ": "),
        ] {
            assert_eq!(positional(text), expected, "{text}");
        }
    }

    #[test]
    fn values_know_where_they_stand() {
        let line = parse("deploy -mctl:m --config=a.yaml -n=2 --to 3 w --nosuch -Z");
        let value = |names: &[&str]| {
            let value = line.value(names).unwrap();
            (value.at, value.from, value.text.as_str())
        };
        assert_eq!(value(&["m", "model"]), (1, 2, "ctl:m"));
        assert_eq!(value(&["config"]), (2, 9, "a.yaml"));
        assert_eq!(value(&["n"]), (3, 3, "2"));
        assert_eq!(value(&["to"]), (5, 0, "3"));
        assert_eq!(line.unknown, ["--nosuch", "-Z"]);
        assert!(parse("deploy --trust w").has(&["trust"]));
        assert!(!parse("deploy --trust=false w").has(&["trust"]));
        assert_eq!(parse("status -m").value(&["m"]), None);
        for (text, at, from, expected) in [
            ("status -o/a=b", 1, 2, "/a=b"),
            ("status -o=/a=b", 1, 3, "/a=b"),
            ("status -vo=/a=b", 1, 4, "/a=b"),
        ] {
            let line = parse(text);
            let value = line.value(&["o"]).unwrap();
            assert_eq!(
                (value.at, value.from, value.text.as_str()),
                (at, from, expected),
                "{text}"
            );
        }
    }

    #[test]
    fn what_may_be_read_in_two_ways_is_told() {
        assert_eq!(
            parse("x --reset -m other").doubtful(),
            Some(("reset", "-m"))
        );
        assert_eq!(
            parse("x -o --model=other").doubtful(),
            Some(("o", "--model=other"))
        );
        for text in [
            "x --file - y",
            "debug-log -n -1",
            "x --reset=-m",
            "x -o-m",
            "exec -u w/0 -- -m",
        ] {
            assert_eq!(parse(text).doubtful(), None, "{text}");
        }
        assert!(parse("-- status").cut && !parse("status -- x").cut);
        assert!(parse("status --help=true").is_help() && !parse("status --help=false").is_help());
    }
}
