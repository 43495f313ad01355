//! What a run calls things that the recorded run called otherwise.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::shape;

/// Numbers that name something in text, after these words.
const NUMBERED: &[&str] = &["operation", "task"];

/// Keys of structured output whose values name something.
const NAMING: &[&str] = &[
    "id",
    "relation-id",
    "model-uuid",
    "controller-uuid",
    "resourceid",
];

/// Recorded names and the ones that stand for them in this run.
#[derive(Debug, Default)]
pub(crate) struct Names {
    words: BTreeMap<String, String>,
    tasks: BTreeMap<String, String>,
    relations: BTreeMap<String, String>,
}

impl Names {
    /// Starts with names that are known before anything ran.
    pub(crate) fn new(words: &BTreeMap<String, String>) -> Self {
        Self {
            words: words.clone(),
            ..Self::default()
        }
    }

    /// Returns an argument of a command, or a variable, as this run has to say it.
    pub(crate) fn argument(&self, command: &str, word: &str) -> String {
        let numbers = match command {
            "show-task" | "show-operation" | "cancel-task" => &self.tasks,
            "remove-relation" | "suspend-relation" | "resume-relation" => &self.relations,
            _ => return self.text(word),
        };
        match numbers.get(word) {
            Some(ours) => ours.clone(),
            None => self.text(word),
        }
    }

    /// Returns recorded text with the names of this run; a name counts only as a whole word.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut result = text.to_owned();
        // A longer name first: a shorter one may be its beginning.
        let mut words: Vec<(&String, &String)> = self.words.iter().collect();
        words.sort_by_key(|(theirs, _)| std::cmp::Reverse(theirs.len()));
        for (theirs, ours) in words {
            result = replace_word(&result, theirs, ours);
        }
        result
    }

    /// Learns from two outputs of the same command what is called how.
    pub(crate) fn learn(&mut self, theirs: &str, ours: &str) {
        if let (Some(theirs), Some(ours)) = (shape::json(theirs), shape::json(ours)) {
            self.learn_value("", &theirs, &ours);
        }
        for what in NUMBERED {
            let (theirs, ours) = (numbers(theirs, what), numbers(ours, what));
            if theirs.len() == ours.len() {
                self.tasks.extend(theirs.into_iter().zip(ours));
            }
        }
        let (theirs, ours) = (ids(theirs), ids(ours));
        if theirs.len() == ours.len() {
            self.learn_words(theirs.into_iter().zip(ours));
        }
    }

    fn learn_words(&mut self, pairs: impl Iterator<Item = (String, String)>) {
        for (theirs, ours) in pairs {
            // The beginning of a model's UUID names it, too.
            if shape::is_uuid(&theirs) && shape::is_uuid(&ours) {
                for length in [5, 6, 12] {
                    let (theirs, ours) = (&theirs[..length], &ours[..length]);
                    self.words.insert(theirs.to_owned(), ours.to_owned());
                }
            }
            self.words.insert(theirs, ours);
        }
    }

    fn learn_value(&mut self, key: &str, theirs: &Value, ours: &Value) {
        match (theirs, ours) {
            (Value::Object(theirs), Value::Object(ours)) => {
                for (key, theirs) in theirs {
                    if let Some(ours) = ours.get(key) {
                        self.learn_value(key, theirs, ours);
                    }
                }
                if theirs.len() == 1
                    && let (Some(a), Some(b)) = (theirs.keys().next(), ours.keys().next())
                    && shape::is_secret_id(a)
                {
                    self.words.insert(a.clone(), b.clone());
                }
            }
            (Value::Array(theirs), Value::Array(ours)) => {
                for (index, theirs) in theirs.iter().enumerate() {
                    // Models are listed with those of others between them.
                    let name = &theirs["short-name"];
                    let ours = if name.is_null() {
                        ours.get(index)
                    } else {
                        ours.iter().find(|ours| ours["short-name"] == *name)
                    };
                    if let Some(ours) = ours {
                        self.learn_value(key, theirs, ours);
                    }
                }
            }
            (Value::String(a), Value::String(b)) if NAMING.contains(&key) && key == "id" => {
                self.tasks.insert(a.clone(), b.clone());
            }
            (Value::String(a), Value::String(b)) if NAMING.contains(&key) => {
                self.learn_words(std::iter::once((a.clone(), b.clone())));
            }
            (Value::Number(a), Value::Number(b)) if key == "relation-id" => {
                self.relations.insert(a.to_string(), b.to_string());
            }
            _ => {}
        }
    }
}

/// Returns the numbers that follow a word in a text.
fn numbers(text: &str, what: &str) -> Vec<String> {
    let parts = text.split(what).skip(1);
    parts
        .filter_map(|rest| rest.strip_prefix(' '))
        .map(|rest| {
            rest.chars()
                .take_while(char::is_ascii_digit)
                .collect::<String>()
        })
        .filter(|number| !number.is_empty())
        .collect()
}

/// Returns the ids of secrets in a text, each once.
fn ids(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for word in text.split(|c: char| !c.is_ascii_alphanumeric()) {
        if shape::is_secret_id(word) && !found.iter().any(|known| known == word) {
            found.push(word.to_owned());
        }
    }
    found
}

fn replace_word(text: &str, from: &str, to: &str) -> String {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '-' || c == '_');
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(from) {
        let (before, after) = (&rest[..at], &rest[at + from.len()..]);
        let last = before
            .chars()
            .next_back()
            .or_else(|| result.chars().next_back());
        result.push_str(before);
        // A UUID is itself wherever it stands: a tag has a word and a dash before it.
        let whole = shape::is_uuid(from) || (!is_part(last) && !is_part(after.chars().next()));
        result.push_str(if whole { to } else { from });
        rest = after;
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_tasks_and_ids_of_secrets_are_learned() {
        let mut names = Names::default();
        names.learn(
            "Scheduled operation 85 with task 86\nsecret:urv9m7no1r2qs0o7i8v0",
            "Scheduled operation 3 with task 4\nsecret:aaaaaaaaaaaaaaaaaaa1",
        );
        assert_eq!(names.argument("show-task", "86"), "4");
        assert_eq!(names.argument("show-operation", "85"), "3");
        assert_eq!(names.argument("add-unit", "86"), "86");
        assert_eq!(
            names.argument("show-secret", "secret:urv9m7no1r2qs0o7i8v0"),
            "secret:aaaaaaaaaaaaaaaaaaa1"
        );
    }

    #[test]
    fn names_in_json_are_learned_where_they_stand() {
        let mut names = Names::default();
        names.learn(
            r#"{"a/0":{"relation-info":[{"relation-id":5},{"relation-id":1}]},"model-uuid":"704951cf-3415-48fa-8a43-2131c9bf3ae3"}"#,
            r#"{"a/0":{"relation-info":[{"relation-id":2},{"relation-id":0}]},"model-uuid":"11111111-3415-48fa-8a43-2131c9bf3ae3"}"#,
        );
        assert_eq!(names.argument("remove-relation", "5"), "2");
        assert_eq!(names.argument("status", "704951"), "111111");
    }

    #[test]
    fn models_are_paired_by_name() {
        let mut names = Names::default();
        let uuid = |digit: &str| format!("{}-3415-48fa-8a43-2131c9bf3ae3", digit.repeat(8));
        let model = |name: &str, digit: &str| {
            format!(
                r#"{{"short-name":"{name}","model-uuid":"{}"}}"#,
                uuid(digit)
            )
        };
        names.learn(
            &format!("[{},{}]", model("controller", "1"), model("t1", "2")),
            &format!("[{}]", model("t1", "3")),
        );
        assert_eq!(names.argument("status", &uuid("2")), uuid("3"));
        assert_eq!(names.argument("status", &uuid("1")), uuid("1"));
    }

    #[test]
    fn a_uuid_is_replaced_in_a_tag_too() {
        let uuid = |digit: &str| format!("{}-3415-48fa-8a43-2131c9bf3ae3", digit.repeat(8));
        let names = Names::new(&BTreeMap::from([(uuid("1"), uuid("2"))]));
        let tag = |digit: &str| format!("model-{}", uuid(digit));
        assert_eq!(names.text(&tag("1")), tag("2"));
    }

    #[test]
    fn only_whole_words_are_replaced() {
        let words = [
            ("real", "embedded"),
            ("jm", "local"),
            ("jm/default", "local/local"),
        ];
        let words = words.map(|(theirs, ours)| (theirs.to_owned(), ours.to_owned()));
        let words = BTreeMap::from(words);
        let names = Names::new(&words);
        for (theirs, ours) in [
            ("real:t1", "embedded:t1"),
            ("really", "really"),
            ("un-real", "un-real"),
            ("a real b", "a embedded b"),
            ("jm", "local"),
            ("jm/default", "local/local"),
        ] {
            assert_eq!(names.text(theirs), ours);
        }
    }
}
