//! What must not be stored in the clear, and text without it. Pure.
//!
//! Two rules. A value beside a name like `password` is hidden where it stands: in YAML, in JSON, as `NAME=VALUE`, and the
//! word after `NAME:` in a log. A value that is known as secret (it was given to `add-secret`, a command revealed it, or it
//! stood beside such a name) is hidden wherever it stands as a word of its own; that rule needs [`SHORTEST`] characters.
//!
//! URIs of secrets (`secret:...`) stay: they give nothing away, and tell much.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use serde_json::Value;

/// What stands in place of a value.
pub(super) const HIDDEN: &str = "<hidden>";

/// The shortest value that is hidden wherever it stands; hiding shorter ones would blot out half of a log.
const SHORTEST: usize = 4;

/// The shortest line of a value of several lines that is hidden by itself.
const SHORTEST_LINE: usize = 16;

/// Words of which a name consists that names a secret.
const WORDS: [&str; 11] = [
    "password",
    "passwords",
    "passwd",
    "passphrase",
    "pass",
    "secret",
    "secrets",
    "token",
    "tokens",
    "credential",
    "credentials",
];

/// What the word `key` is preceded by in the name of a secret; `public-key` and a plain `key` name none.
const KEYS: [&str; 8] = [
    "private",
    "api",
    "access",
    "secret",
    "auth",
    "authorized",
    "encryption",
    "signing",
];

/// Hides secrets in text that is about to be stored.
///
/// It knows the values that the client saw; it learns more from the texts themselves.
#[derive(Clone, Default)]
pub struct Masker {
    values: BTreeSet<String>,
}

impl Masker {
    /// Remembers a secret value.
    pub fn learn(&mut self, value: &str) {
        let value = value.trim();
        let common = ["true", "false", "null", "none", "auto", "default", HIDDEN];
        if value.chars().count() < SHORTEST || common.contains(&value) || is_harmless(value) {
            return;
        }
        self.values.insert(value.to_owned());
        let escaped = Value::from(value).to_string();
        self.values.insert(escaped[1..escaped.len() - 1].to_owned());
        if value.contains('\n') {
            let lines = value.lines().map(str::trim);
            let lines =
                lines.filter(|line| line.len() >= SHORTEST_LINE && !line.starts_with("---"));
            self.values.extend(lines.map(str::to_owned));
        }
    }

    /// Remembers the values that stand beside the name of a secret.
    pub fn learn_from(&mut self, text: &str) {
        for range in named_values(text) {
            let value = &text[range];
            match serde_json::from_str::<String>(&format!("\"{value}\"")) {
                Ok(plain) => self.learn(&plain),
                Err(_) => self.learn(value),
            }
        }
    }

    /// Remembers the content that `juju show-secret --reveal` printed, as YAML or as JSON.
    pub(super) fn learn_content(&mut self, text: &str) {
        if let Ok(Value::Object(secrets)) = serde_json::from_str(text) {
            for secret in secrets.values() {
                let content = &secret["content"];
                let content = content.get("Data").unwrap_or(content);
                let values = content.as_object().into_iter().flat_map(|map| map.values());
                values
                    .filter_map(Value::as_str)
                    .for_each(|value| self.learn(value));
            }
            return;
        }
        let mut content = None;
        for line in text.lines() {
            let indent = line.len() - line.trim_start().len();
            if content.is_some_and(|at| indent <= at) {
                content = None;
            }
            if line.trim() == "content:" {
                content = Some(indent);
            } else if content.is_some() {
                let value = line.split_once(": ").map_or(line, |(_, value)| value);
                self.learn(value.trim().trim_matches(['"', '\'']));
            }
        }
    }

    /// Returns the values that are known, for another program that stores text; they are secret.
    #[must_use]
    pub fn values(&self) -> Vec<&str> {
        self.values.iter().map(String::as_str).collect()
    }

    /// Returns the text with secrets hidden.
    #[must_use]
    pub fn mask(&self, text: &str) -> String {
        let mut masked = String::with_capacity(text.len());
        let mut end = 0;
        for range in named_values(text) {
            masked.push_str(&text[end..range.start]);
            masked.push_str(HIDDEN);
            end = range.end;
        }
        masked.push_str(&text[end..]);
        // Longer values first: one may be part of another.
        let mut values: Vec<&String> = self.values.iter().collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values
            .into_iter()
            .fold(masked, |text, value| replace_word(text, value))
    }
}

impl fmt::Debug for Masker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Masker({} values)", self.values.len())
    }
}

/// Tells whether a name, as of a configuration option or of a key in a relation, is that of a secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    // Entities as logs name them: an application may be called anything.
    let entities = ["unit-", "machine-", "application-", "controller-"];
    if entities.iter().any(|entity| name.starts_with(entity)) {
        return false;
    }
    let name = name.to_ascii_lowercase();
    let mut before = "";
    for word in name.split(['-', '_', '.']) {
        let joined = word.ends_with("password") || word.ends_with("apikey");
        let key = matches!(word, "key" | "keys") && KEYS.contains(&before);
        if joined || key || WORDS.contains(&word) {
            return true;
        }
        before = word;
    }
    false
}

fn is_harmless(value: &str) -> bool {
    matches!(
        value,
        "" | "null" | "~" | "true" | "false" | HIDDEN | "\"\"" | "''"
    ) || value.starts_with(['{', '['])
        || value.starts_with("secret:")
}

/// Returns where the values stand that have the name of a secret, in order.
fn named_values(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    // The indentation of a key whose value is a block of lines.
    let mut block: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let at = start;
        start += line.len();
        let content = line.trim_end();
        let indent = content.len() - content.trim_start().len();
        if let Some(outer) = block {
            if content.is_empty() {
                continue;
            }
            if indent > outer {
                found.push(at + indent..at + content.len());
                continue;
            }
            block = None;
        }
        match line_value(content) {
            Some(LineValue::Block(outer)) => block = Some(outer),
            Some(LineValue::At(range)) => found.push(at + range.start..at + range.end),
            None => inline_values(content, at, &mut found),
        }
    }
    found
}

enum LineValue {
    At(Range<usize>),
    Block(usize),
}

/// Finds the value of `name: value` where that is all that the line holds, as in YAML.
fn line_value(line: &str) -> Option<LineValue> {
    let mut outer = line.len() - line.trim_start().len();
    while line[outer..].starts_with("- ") {
        outer += 2;
        outer += line[outer..].len() - line[outer..].trim_start().len();
    }
    let (name, _) = line[outer..].split_once(':')?;
    let value = outer + name.len() + 1;
    let rest = &line[value..];
    if !name.chars().all(is_of_name) || !is_secret_name(name) || !rest.starts_with(' ') {
        return None;
    }
    let value = line.len() - rest.trim_start().len();
    let text = &line[value..];
    if text.starts_with(['|', '>']) {
        return Some(LineValue::Block(outer));
    }
    if text.starts_with(['{', '[']) {
        return None;
    }
    let quoted = text.len() > 1
        && ['"', '\'']
            .iter()
            .any(|quote| text.starts_with(*quote) && text.ends_with(*quote));
    let range = match quoted {
        true => value + 1..line.len() - 1,
        false => value..line.len(),
    };
    // Nothing else in the line is a value.
    Some(LineValue::At(match is_harmless(&line[range.clone()]) {
        true => value..value,
        false => range,
    }))
    .filter(|found| !matches!(found, LineValue::At(range) if range.is_empty()))
}

/// Finds `name=value`, `"name": "value"` (also inside a string of JSON) and `name: word` anywhere in a line.
fn inline_values(line: &str, at: usize, found: &mut Vec<Range<usize>>) {
    let mut position = 0;
    while let Some(offset) = line[position..].find(is_of_name) {
        let begin = position + offset;
        let name = &line[begin..];
        let name = &name[..name.find(|c| !is_of_name(c)).unwrap_or(name.len())];
        position = begin + name.len();
        if !is_secret_name(name) {
            continue;
        }
        let Some(range) = value_after(line, position) else {
            continue;
        };
        position = range.end;
        if !is_harmless(&line[range.clone()]) {
            found.push(at + range.start..at + range.end);
        }
    }
}

/// Returns where the value of a name stands that ends at `position`.
fn value_after(line: &str, position: usize) -> Option<Range<usize>> {
    let (closing, rest) = split_quote(&line[position..]);
    let rest = rest.trim_start();
    let (separator, rest) = match rest.strip_prefix('=') {
        Some(rest) => ('=', rest),
        None => (':', rest.strip_prefix(':')?),
    };
    if separator == ':' && closing.is_empty() && !rest.starts_with(' ') {
        return None;
    }
    let (quote, value) = split_quote(rest.trim_start());
    let begin = line.len() - value.len();
    let length = match quote {
        "" => {
            let ends = |c: char| c.is_whitespace() || ",;&)}]\"'\\".contains(c);
            value.find(ends).unwrap_or(value.len())
        }
        quote => closing_quote(value, quote),
    };
    (length > 0).then_some(begin..begin + length)
}

/// Splits a quotation mark off, with the backslashes that precede it inside a string.
fn split_quote(text: &str) -> (&str, &str) {
    let slashes = text.len() - text.trim_start_matches('\\').len();
    match text[slashes..].starts_with(['"', '\'']) {
        true => text.split_at(slashes + 1),
        false => ("", text),
    }
}

/// Returns where a quoted value ends: before the same mark with no more backslashes than the opening one.
fn closing_quote(value: &str, quote: &str) -> usize {
    let mark = &quote[quote.len() - 1..];
    let mut from = 0;
    while let Some(offset) = value[from..].find(mark) {
        let end = from + offset;
        let slashes = value[..end].len() - value[..end].trim_end_matches('\\').len();
        if slashes < quote.len() {
            return end - slashes;
        }
        from = end + 1;
    }
    value.len()
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.".contains(c)
}

/// Hides a value where it is no part of a longer word.
fn replace_word(text: String, value: &str) -> String {
    if !text.contains(value) {
        return text;
    }
    let inside = |neighbour: Option<char>, edge: Option<char>| {
        neighbour.is_some_and(char::is_alphanumeric) && edge.is_some_and(char::is_alphanumeric)
    };
    let mut masked = String::with_capacity(text.len());
    let mut end = 0;
    for (at, _) in text.match_indices(value) {
        let after = at + value.len();
        let before = text[..at].chars().next_back();
        if inside(before, value.chars().next())
            || inside(text[after..].chars().next(), value.chars().next_back())
        {
            continue;
        }
        masked.push_str(&text[end..at]);
        masked.push_str(HIDDEN);
        end = after;
    }
    masked.push_str(&text[end..]);
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_secrets() {
        for name in [
            "password",
            "admin-password",
            "rootpassword",
            "DB_PASSWORD",
            "tls.private-key",
            "api_key",
            "authorized-keys",
            "auth_token",
            "monitor-passwd",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "key",
            "public-key",
            "keyspace",
            "passed",
            "tokenizer",
            "unit-vault-token-0",
            "secretary",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn values_beside_a_name_are_hidden_where_they_stand() {
        let cases = [
            ("password: s3cr3t\nhost: h", "password: <hidden>\nhost: h"),
            ("  - token: \"a b\"", "  - token: \"<hidden>\""),
            ("password: x", "password: <hidden>"),
            (
                "private-key: |-\n  AAA\n\n  BBB\nnext: 1",
                "private-key: |-\n  <hidden>\n\n  <hidden>\nnext: 1",
            ),
            (
                r#"{"password":"a\"b","user":"u"}"#,
                r#"{"password":"<hidden>","user":"u"}"#,
            ),
            (
                r#"{"data":"{\"password\": \"abc\", \"n\": 1}"}"#,
                r#"{"data":"{\"password\": \"<hidden>\", \"n\": 1}"}"#,
            ),
            (
                "juju config db admin-password=abc size=3",
                "juju config db admin-password=<hidden> size=3",
            ),
            ("http://h/?token=abc&x=1", "http://h/?token=<hidden>&x=1"),
            (
                "unit-a-0: 2026-11-22 09:05:01 INFO m got password: abc, done",
                "unit-a-0: 2026-11-22 09:05:01 INFO m got password: <hidden>, done",
            ),
            ("secret-user: secret:abc", "secret-user: secret:abc"),
            ("the secret:abc changed", "the secret:abc changed"),
            (
                "secret-backend:\n  value: auto",
                "secret-backend:\n  value: auto",
            ),
            (
                r#"{"vault-token":{"charm":"v"},"token":null}"#,
                r#"{"vault-token":{"charm":"v"},"token":null}"#,
            ),
            (
                "unit-token-0: 2026-11-22 09:05:01 INFO m x",
                "unit-token-0: 2026-11-22 09:05:01 INFO m x",
            ),
            ("password:", "password:"),
            ("password: \"\"", "password: \"\""),
            ("", ""),
        ];
        for (text, masked) in cases {
            assert_eq!(Masker::default().mask(text), masked);
        }
    }

    #[test]
    fn known_values_are_hidden_everywhere() {
        let mut masker = Masker::default();
        masker.learn_from("data:\n  password: hunter2\n  host: h1\n");
        masker.learn("line one of a long key\nline two of a long key");
        masker.learn("abc");
        masker.learn("hunter2-and-more");
        assert_eq!(
            masker.mask("it is hunter2, (hunter2) hunter22 hunter2-and-more abc"),
            "it is <hidden>, (<hidden>) hunter22 <hidden> abc"
        );
        assert_eq!(
            masker.mask(r#"{"v":"line one of a long key\nline two of a long key"}"#),
            r#"{"v":"<hidden>"}"#
        );
        assert_eq!(masker.mask("  line two of a long key"), "  <hidden>");
        assert!(!format!("{masker:?}").contains("hunter2"));
    }

    #[test]
    fn revealed_content_is_known() {
        let yaml = "id1:\n  revision: 1\n  name: s1\n  content:\n    phrase: open sesame\n    user: robert\n  after: visible\n";
        let json =
            r#"{"id1":{"name":"s1","content":{"Data":{"phrase":"open sesame","user":"robert"}}}}"#;
        for text in [yaml, json] {
            let mut masker = Masker::default();
            masker.learn_content(text);
            assert_eq!(masker.values(), ["open sesame", "robert"], "{text}");
        }
    }
}
