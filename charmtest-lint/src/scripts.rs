//! CT501 to CT510: the tests of a charm, `tests/*.test` or what its `tests.yaml` says.

use charmtest_charm::FileError;
use charmtest_charm::yaml::{Data, Node};
use charmtest_scripts::broker::policy::is_denied;
use charmtest_scripts::discover::{DEFAULT_PATTERN, is_script_name};
use charmtest_scripts::environment::is_build_tool;
use charmtest_scripts::requirements::parse::{MAX_PACKAGES, is_package};
use charmtest_scripts::settings::{self, Settings};

use crate::document::Document;
use crate::files::{Content, Entry, Files, Kind};
use crate::finding::Findings;
use crate::rules::*;
use crate::shell;

const REQUIREMENTS: &str = "tests/requirements.yaml";

/// Applies the rules to all tests of a charm.
pub(crate) fn check(files: &Files, findings: &mut Findings) {
    let settings = settings(files, findings);
    let pattern = settings.tests.clone();
    let strict = pattern.as_str() == DEFAULT_PATTERN;
    for entry in files.list("tests") {
        if entry.name == "00-autogen" {
            findings.add(
                &CT508,
                "tests/00-autogen",
                None,
                "`tests/00-autogen` is the template's test",
            );
        }
        // With a pattern of the suite's own, what cannot be executed is a helper.
        let runs = entry.executable && entry.kind == Kind::File;
        if is_script_name(&entry.name, &pattern) && (strict || runs) {
            let file = format!("tests/{}", entry.name);
            test(files, &file, &entry, findings);
            own_settings(files, &entry.name, &settings, findings);
        }
    }
    if let Some(document) = Document::read(files, REQUIREMENTS, &CT507, findings) {
        requirements(&document.node, findings);
    }
}

/// Reads `tests.yaml`; one that cannot be read says nothing of which files are tests.
fn settings(files: &Files, findings: &mut Findings) -> Settings {
    let read = |text: &str| Settings::parse(text);
    one_of_settings(files, settings::FILE, read, findings).unwrap_or_default()
}

/// Reads the files that say something of one test alone.
fn own_settings(files: &Files, test: &str, suite: &Settings, findings: &mut Findings) {
    for name in settings::control_files(test) {
        let file = format!("tests/{name}");
        one_of_settings(
            files,
            &file,
            |text| suite.clone().with(&file, text),
            findings,
        );
    }
}

fn one_of_settings(
    files: &Files,
    file: &str,
    read: impl Fn(&str) -> Result<Settings, FileError>,
    findings: &mut Findings,
) -> Option<Settings> {
    let (position, why) = match files.read(file) {
        Content::Absent => return None,
        Content::Text(text) => match read(&text) {
            Ok(settings) => return Some(settings),
            Err(error) => (error.position, error.message),
        },
        Content::Unreadable(why) => (None, why),
        Content::Binary => (None, "is not UTF-8 text".to_owned()),
    };
    findings.add(&CT510, file, position, why);
    None
}

/// Applies the rules to one test.
pub(crate) fn test(files: &Files, file: &str, entry: &Entry, findings: &mut Findings) {
    match &entry.kind {
        Kind::File => {}
        Kind::Directory => return findings.add(&CT509, file, None, "is a directory"),
        Kind::Other => return findings.add(&CT509, file, None, "is not a regular file"),
        Kind::Broken(why) => return findings.add(&CT509, file, None, why.clone()),
    }
    if !entry.executable {
        findings.add(&CT501, file, None, "is not executable and never run");
    }
    let text = match files.read(file) {
        Content::Text(text) => text,
        Content::Unreadable(why) => return findings.add(&CT509, file, None, why),
        Content::Binary | Content::Absent => return,
    };
    if let Some(message) = shell::no_interpreter(&text) {
        findings.add(&CT502, file, shell::at(1, 1), message);
    }
    if let Some(line) = shell::windows_line(&text) {
        findings.add(
            &CT503,
            file,
            shell::at(line, 1),
            "the line ends in a carriage return",
        );
    }
    calls(file, &text, findings);
    old_store(file, &text, findings);
}

/// Finds denied commands of `juju`, and in shell scripts build tools.
fn calls(file: &str, text: &str, findings: &mut Findings) {
    if !shell::is_shell(text) {
        return words_after_juju(file, text, findings);
    }
    for command in shell::commands(text) {
        let Some((column, program)) = command.words.first() else {
            continue;
        };
        let at = shell::at(command.line, *column);
        let name = program.rsplit('/').next().unwrap_or(program);
        if name == "juju" {
            let verb = command.words[1..].iter().map(|(_, word)| word);
            if let Some(verb) = verb.into_iter().find(|word| !word.starts_with('-'))
                && is_denied(verb)
            {
                findings.add(&CT504, file, at, denied(verb));
            }
        } else if let Some(verb) = name.strip_prefix("juju-").filter(|verb| is_denied(verb)) {
            findings.add(&CT504, file, at, denied(verb));
        } else if is_build_tool(name) {
            findings.add(
                &CT506,
                file,
                at,
                format!("`{name}` is called, which a test host need not have"),
            );
        }
    }
}

/// Finds `juju VERB`, and `"juju", "VERB"` as other languages write it.
fn words_after_juju(file: &str, text: &str, findings: &mut Findings) {
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with('#') {
            continue;
        }
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | '.');
        let mut after_juju = false;
        for word in line.split(|c| !is_word(c)).filter(|word| !word.is_empty()) {
            if after_juju && is_denied(word) {
                let column = line.find(word).unwrap_or_default() + 1;
                findings.add(&CT504, file, shell::at(number, column), denied(word));
            }
            after_juju =
                word == "juju" || word.ends_with("/juju") || (after_juju && word.starts_with('-'));
        }
    }
}

fn denied(verb: &str) -> String {
    format!("`juju {verb}` is not available in charm tests")
}

fn old_store(file: &str, text: &str, findings: &mut Findings) {
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with('#') {
            continue;
        }
        let found = line.match_indices("cs:").find(|(at, word)| {
            let before = line[..*at].chars().next_back();
            let after = line[at + word.len()..].chars().next();
            before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '-')
                && after.is_some_and(|c| c.is_ascii_lowercase() || c == '~')
        });
        if let Some((column, _)) = found {
            findings.add(
                &CT505,
                file,
                shell::at(number, column + 1),
                "`cs:` names a charm of the store of old",
            );
        }
    }
}

/// Checks `requirements.yaml`: nothing but `packages`, a list of names.
fn requirements(node: &Node, findings: &mut Findings) {
    let mut add =
        |node: &Node, message: String| findings.add(&CT507, REQUIREMENTS, node.position, message);
    let Some(entries) = node.as_map() else {
        return add(
            node,
            format!("must be a map with `packages`, and is {}", node.kind()),
        );
    };
    if entries.is_empty() {
        add(node, "`packages` is missing".to_owned());
    }
    for (key, value) in entries {
        if key.text != "packages" {
            let at = Node {
                data: Data::Null,
                position: key.position,
            };
            add(
                &at,
                format!(
                    "there is no key `{}`; only `packages` may stand here",
                    key.text
                ),
            );
            continue;
        }
        let Some(packages) = value.as_list() else {
            add(
                value,
                format!("`packages` must be a list, and is {}", value.kind()),
            );
            continue;
        };
        if packages.len() > MAX_PACKAGES {
            add(
                value,
                format!(
                    "`packages` has {} names; at most {MAX_PACKAGES} are allowed",
                    packages.len()
                ),
            );
        }
        for package in packages {
            match package.as_str() {
                None => add(
                    package,
                    format!("a package must be named by text, and is {}", package.kind()),
                ),
                Some(name) if !is_package(name) => {
                    add(package, format!("`{name}` is not the name of a package"))
                }
                Some(_) => {}
            }
        }
    }
}
