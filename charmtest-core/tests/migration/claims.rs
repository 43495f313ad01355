//! What is claimed, held against the guide and the sources.

use crate::page::{Row, is_word, promised};
use crate::rows::Rows;
use crate::sources::{Function, Runs};

/// What shows a row: the section, how the row begins, and the tests.
type Shown<'a> = (&'a str, &'a str, &'a [&'a str]);

/// A behaviour of pytest-operator.
pub(crate) struct Behaviour {
    /// Its number: `U` for its unit tests, `I` for its integration tests.
    pub(crate) id: &'static str,
    pub(crate) says: &'static str,
    /// The tests that show the same here.
    pub(crate) tests: &'static [&'static str],
    /// What is otherwise here, or not here at all, and why.
    pub(crate) otherwise: Option<&'static str>,
}

/// Says where the claims and a page do not fit together, or the tests do not show what a row promises.
pub(crate) fn check(
    rows: &[Row],
    claims: &[(&'static str, Rows)],
    sources: &[Function],
) -> Vec<String> {
    let of = |(section, rows): &(&'static str, Rows)| {
        let section = *section;
        rows.iter()
            .map(move |(subject, tests)| (section, *subject, *tests))
    };
    let claims: Vec<Shown<'_>> = claims.iter().flat_map(of).collect();
    let mut faults = Vec::new();
    for row in rows {
        let claimed = claims.iter().filter(|claim| is_about(claim, row));
        if claimed.count() != 1 {
            faults.push(format!(
                "{}: {}: the row needs one entry in tests/migration",
                row.section, row.subject
            ));
        }
    }
    for claim in &claims {
        let (section, subject, tests) = claim;
        let about: Vec<&Row> = rows.iter().filter(|row| is_about(claim, row)).collect();
        let [row] = about[..] else {
            faults.push(format!(
                "{section}: {subject}: it is about {} rows of the page",
                about.len()
            ));
            continue;
        };
        match functions(tests, sources) {
            Err(found) => faults.extend(
                found
                    .into_iter()
                    .map(|fault| format!("{section}: {subject}: {fault}")),
            ),
            Ok(functions) => {
                let missing: Vec<String> = promised(row)
                    .into_iter()
                    .filter(|word| !functions.iter().any(|function| holds(&function.text, word)))
                    .collect();
                if !missing.is_empty() {
                    faults.push(format!(
                        "{section}: {subject}: none of its tests has {}",
                        missing.join(", ")
                    ));
                }
            }
        }
    }
    faults
}

/// Says which behaviours lack a test, and whether the list goes from 1 to the last number of each letter.
pub(crate) fn check_behaviours(
    behaviours: &[Behaviour],
    lists: &[(&str, usize)],
    sources: &[Function],
) -> Vec<String> {
    let numbers = lists
        .iter()
        .flat_map(|(letter, last)| (1..=*last).map(move |number| format!("{letter}{number}")));
    let wanted: Vec<String> = numbers.collect();
    let listed: Vec<&str> = behaviours.iter().map(|behaviour| behaviour.id).collect();
    let mut faults = Vec::new();
    if listed != wanted {
        faults.push(format!(
            "the list goes {}, not {}",
            listed.join(" "),
            wanted.join(" ")
        ));
    }
    for behaviour in behaviours {
        let Behaviour {
            id,
            says,
            tests,
            otherwise,
        } = behaviour;
        if tests.is_empty() && otherwise.is_none() {
            faults.push(format!("{id} ({says}) has neither a test nor a reason"));
        } else if !tests.is_empty()
            && let Err(found) = functions(tests, sources)
        {
            faults.extend(found.into_iter().map(|fault| format!("{id}: {fault}")));
        }
    }
    faults
}

fn is_about((section, subject, _): &Shown<'_>, row: &Row) -> bool {
    row.section == *section && row.subject.starts_with(subject)
}

/// Finds the functions that are named; at least one has to be a test that runs.
fn functions<'a>(
    names: &[&str],
    sources: &'a [Function],
) -> Result<Vec<&'a Function>, Vec<String>> {
    let mut faults = Vec::new();
    let mut found = Vec::new();
    for named in names {
        let Some((file, name)) = named.split_once("::") else {
            faults.push(format!("`{named}` is not FILE::FUNCTION"));
            continue;
        };
        let of_name = || sources.iter().filter(move |function| function.name == name);
        let here: Vec<&Function> = of_name()
            .filter(|function| format!("/{}", function.file).ends_with(&format!("/{file}")))
            .collect();
        let mut files: Vec<&str> = here.iter().map(|function| function.file.as_str()).collect();
        files.dedup();
        if files.len() > 1 {
            faults.push(format!("`{named}` is in {}", files.join(" and in ")));
        } else if files.is_empty() {
            let elsewhere: Vec<&str> = of_name().map(|function| function.file.as_str()).collect();
            faults.push(match &elsewhere[..] {
                [] => format!("there is no `{name}` any more"),
                files => format!("`{name}` is not in {file}, but in {}", files.join(", ")),
            });
        }
        if here.iter().any(|function| function.runs == Runs::Ignored) {
            faults.push(format!("`{named}` is ignored"));
        }
        found.extend(here);
    }
    if !found.iter().any(|function| function.runs == Runs::ByItself) && faults.is_empty() {
        faults.push("it needs a test that runs".to_owned());
    }
    if faults.is_empty() {
        Ok(found)
    } else {
        Err(faults)
    }
}

/// Tells whether a text has a word; a flag may be there as its variable or as a field.
fn holds(text: &str, word: &str) -> bool {
    let name = word.trim_start_matches('-').replace('-', "_");
    let is_long = word.starts_with("--");
    has_word(text, word)
        || is_long
            && (has_word(text, &name)
                || text.contains(&format!("CHARMTEST_{}", name.to_uppercase())))
}

fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(subject: &str, here: &str) -> Row {
        Row {
            section: "S".to_owned(),
            subject: subject.to_owned(),
            here: here.to_owned(),
        }
    }

    fn function(name: &str, text: &str, runs: Runs) -> Function {
        Function {
            file: "core/tests/x.rs".to_owned(),
            name: name.to_owned(),
            text: text.to_owned(),
            runs,
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let sources = [
            function("shows", "model.deploy().await", Runs::ByItself),
            function("helps", "trust()", Runs::InOthers),
            function("sleeps", "", Runs::Ignored),
        ];
        let faults = |row: Row, claims: Rows| check(&[row], &[("S", claims)], &sources).join("; ");
        let deploy = row("`deploy` of theirs", "`model.deploy(x)`");
        assert_eq!(faults(deploy, &[("`deploy`", &["x.rs::shows"])]), "");
        let cases: [(&str, Rows, &str); 8] = [
            (
                "`add(x)`",
                &[("`s`", &["x.rs::shows"])],
                "none of its tests has add",
            ),
            (
                "`trust(x)`",
                &[("`s`", &["x.rs::shows", "x.rs::helps"])],
                "",
            ),
            (
                "",
                &[("`s`", &["x.rs::helps"])],
                "it needs a test that runs",
            ),
            ("", &[("`s`", &["x.rs::sleeps"])], "is ignored"),
            (
                "",
                &[("`s`", &["y.rs::shows"])],
                "not in y.rs, but in core/tests/x.rs",
            ),
            ("", &[("`s`", &["x.rs::gone"])], "no `gone` any more"),
            ("", &[("`other`", &["x.rs::shows"])], "about 0 rows"),
            ("", &[], "needs one entry"),
        ];
        for (here, claim, fault) in cases {
            let said = faults(row("`s`", here), claim);
            assert!(
                said.contains(fault) && said.is_empty() == fault.is_empty(),
                "{claim:?}: {said}"
            );
        }
    }

    #[test]
    fn a_behaviour_has_a_test_or_a_reason() {
        let sources = [function("shows", "", Runs::ByItself)];
        let behaviour = |tests, otherwise| Behaviour {
            id: "U1",
            says: "it does",
            tests,
            otherwise,
        };
        let faults = |behaviour| check_behaviours(&[behaviour], &[("U", 1)], &sources);
        assert!(faults(behaviour(&["x.rs::shows"], None)).is_empty());
        let short = check_behaviours(&[behaviour(&[], Some("no"))], &[("U", 2)], &sources);
        assert_eq!(short, ["the list goes U1, not U1 U2"]);
        assert!(faults(behaviour(&[], Some("not here"))).is_empty());
        assert_eq!(
            faults(behaviour(&[], None)),
            ["U1 (it does) has neither a test nor a reason"]
        );
        assert_eq!(
            faults(behaviour(&["x.rs::gone"], None)),
            ["U1: there is no `gone` any more"]
        );
    }
}
