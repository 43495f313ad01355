//! Writing YAML as Juju does, which is how goyaml v2 lays it out.
//!
//! Block style throughout; maps indented by two, lists not indented under their key; text that another YAML 1.1 reader
//! would take for a number, a boolean, a date or null in double quotes; text of several lines after `|`; long text
//! folded at the first space past column 80; floats as Go's `%g` prints them.

mod numbers;
mod scalars;

use std::cmp::Ordering;
use std::fmt::Write;

use serde_json::Value;

use scalars::Style;

/// How [`to_yaml_with`] writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct YamlStyle {
    /// The order of keys.
    pub keys: KeyOrder,
    /// What to do with text that is a time.
    pub times: Times,
}

/// The order of keys in maps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KeyOrder {
    /// As in the value, for what is a struct in Juju.
    #[default]
    AsGiven,
    /// Letters after everything else and numbers by value (`a2` before `a10`), for what is a map in Juju.
    Natural,
}

/// What to do with text that YAML 1.1 reads as a time (`2026-11-22T00:11:05Z`, `2026-11-22`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Times {
    /// It is text: quote it.
    #[default]
    Quoted,
    /// It is a time: write it plain.
    Plain,
}

/// Writes a value with keys in the given order; null as a whole is nothing, as in Juju's output.
///
/// ```
/// let value = serde_json::json!({"unit": "app/0", "log": ["yes", "a: b"]});
/// let yaml = charmtest_charm::yaml_writer::to_yaml(&value);
/// assert_eq!(yaml, "unit: app/0\nlog:\n- \"yes\"\n- 'a: b'\n");
/// ```
pub fn to_yaml(value: &Value) -> String {
    to_yaml_with(value, YamlStyle::default())
}

/// Writes a value with keys in natural order; null as a whole is nothing, as in Juju's output.
pub fn to_yaml_sorted(value: &Value) -> String {
    let style = YamlStyle {
        keys: KeyOrder::Natural,
        ..YamlStyle::default()
    };
    to_yaml_with(value, style)
}

/// Writes a value in a style; null as a whole is nothing, as in Juju's output.
pub fn to_yaml_with(value: &Value, style: YamlStyle) -> String {
    if value.is_null() {
        return String::new();
    }
    let mut writer = Writer {
        out: String::new(),
        column: 0,
        style,
    };
    writer.node(value, None, Place::Root);
    writer.out.push('\n');
    writer.out
}

/// Where a node stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    /// After `key:` on the same line.
    AfterKey,
    /// After `- `, `? ` or `: ` alone on the line, so that a collection begins on it.
    AfterMark,
}

/// The column past which text is folded at the next space.
const WIDTH: usize = 80;
/// The longest key, in bytes, that is written before a colon; longer ones are written after `?`.
const MAX_SIMPLE_KEY: usize = 128;

struct Writer {
    out: String,
    column: usize,
    style: YamlStyle,
}

impl Writer {
    /// Writes a node inside a collection indented by `outer` (`None` at the root).
    fn node(&mut self, value: &Value, outer: Option<usize>, place: Place) {
        let deeper = outer.map_or(0, |outer| outer + 2);
        match value {
            Value::Object(map) if !map.is_empty() => self.map(map, deeper, place),
            Value::Array(items) if !items.is_empty() => {
                let indent = match (place, outer) {
                    (Place::AfterKey, Some(outer)) => outer,
                    _ => deeper,
                };
                self.list(items, indent, place);
            }
            scalar => {
                self.separate(place);
                self.scalar(scalar, outer.map_or(2, |outer| outer + 2));
            }
        }
    }

    fn map(&mut self, map: &serde_json::Map<String, Value>, indent: usize, place: Place) {
        let mut entries: Vec<(&String, &Value)> = map.iter().collect();
        if self.style.keys == KeyOrder::Natural {
            entries.sort_by(|(a, _), (b, _)| natural_order(a, b));
        }
        for (number, (key, value)) in entries.into_iter().enumerate() {
            if number > 0 || place == Place::AfterKey {
                self.line(indent);
            }
            if key.len() <= MAX_SIMPLE_KEY && !key.contains('\n') {
                self.text(key, scalars::Context::Key, indent + 2);
                self.put(":");
                self.node(value, Some(indent), Place::AfterKey);
            } else {
                self.put("? ");
                self.text(key, scalars::Context::Value, indent + 2);
                self.line(indent);
                self.put(": ");
                self.node(value, Some(indent), Place::AfterMark);
            }
        }
    }

    fn list(&mut self, items: &[Value], indent: usize, place: Place) {
        for (number, item) in items.iter().enumerate() {
            if number > 0 || place == Place::AfterKey {
                self.line(indent);
            }
            self.put("- ");
            self.node(item, Some(indent), Place::AfterMark);
        }
    }

    /// Writes a scalar whose further lines are indented by `indent`.
    fn scalar(&mut self, value: &Value, indent: usize) {
        match value {
            Value::String(text) => self.text(text, scalars::Context::Value, indent),
            Value::Number(number) => {
                let text = numbers::format(number);
                self.put(&text);
            }
            Value::Null => self.put("null"),
            Value::Bool(flag) => self.put(if *flag { "true" } else { "false" }),
            Value::Array(_) => self.put("[]"),
            Value::Object(_) => self.put("{}"),
        }
    }

    fn text(&mut self, text: &str, context: scalars::Context, indent: usize) {
        match scalars::style(text, context, self.style.times) {
            Style::Plain => self.folded(text, "", context, indent),
            Style::Single => self.folded(text, "'", context, indent),
            Style::Double => self.double_quoted(text, context, indent),
            Style::Literal => self.literal(text, indent),
        }
    }

    /// Writes plain or single-quoted text.
    fn folded(&mut self, text: &str, quote: &str, context: scalars::Context, indent: usize) {
        self.put(quote);
        let characters: Vec<char> = text.chars().collect();
        for (at, &character) in characters.iter().enumerate() {
            if self.folds_at(&characters, at, context) && characters.get(at + 1) != Some(&' ') {
                self.line(indent);
                continue;
            }
            if character == '\'' && !quote.is_empty() {
                self.put("'");
            }
            self.put_char(character);
        }
        self.put(quote);
    }

    fn double_quoted(&mut self, text: &str, context: scalars::Context, indent: usize) {
        self.put("\"");
        let characters: Vec<char> = text.chars().collect();
        for (at, &character) in characters.iter().enumerate() {
            if self.folds_at(&characters, at, context) {
                self.line(indent);
                if characters.get(at + 1) == Some(&' ') {
                    self.put("\\");
                }
                continue;
            }
            match scalars::escape(character) {
                Some(escape) => self.put(&escape),
                None => self.put_char(character),
            }
        }
        self.put("\"");
    }

    /// Says whether the line may end at the space `at`: past the width, not at an end, and the first of its spaces.
    fn folds_at(&self, text: &[char], at: usize, context: scalars::Context) -> bool {
        context == scalars::Context::Value
            && text[at] == ' '
            && self.column > WIDTH
            && at > 0
            && at + 1 < text.len()
            && text[at - 1] != ' '
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.put("|");
        if text.starts_with([' ', '\n']) {
            self.put("2");
        }
        let body = match text.strip_suffix('\n') {
            None => {
                self.put("-");
                text
            }
            Some(body) => {
                if body.is_empty() || body.ends_with('\n') {
                    self.put("+");
                }
                body
            }
        };
        for line in body.split('\n') {
            if line.is_empty() {
                self.out.push('\n');
                self.column = 0;
            } else {
                self.line(indent);
                self.put(line);
            }
        }
    }

    fn separate(&mut self, place: Place) {
        if place == Place::AfterKey {
            self.put(" ");
        }
    }

    fn line(&mut self, indent: usize) {
        self.out.push('\n');
        let _ = write!(self.out, "{:indent$}", "");
        self.column = indent;
    }

    fn put(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += text.chars().count();
    }

    fn put_char(&mut self, character: char) {
        self.out.push(character);
        self.column += 1;
    }
}

/// Compares keys as goyaml sorts them: letters after all else, runs of digits by value.
fn natural_order(a: &str, b: &str) -> Ordering {
    let left: Vec<char> = a.chars().collect();
    let right: Vec<char> = b.chars().collect();
    let Some(at) = left.iter().zip(&right).position(|(a, b)| a != b) else {
        return left.len().cmp(&right.len());
    };
    let (a, b) = (left[at], right[at]);
    match (a.is_alphabetic(), b.is_alphabetic()) {
        (true, true) => return a.cmp(&b),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    // Inside a number that has begun already, a zero is a digit like any other and not a leading one.
    let inside_number = (a == '0' || b == '0')
        && left[..at]
            .iter()
            .rev()
            .take_while(|c| c.is_ascii_digit())
            .any(|&c| c != '0');
    let (a_value, a_digits) = number(&left[at..], inside_number);
    let (b_value, b_digits) = number(&right[at..], inside_number);
    a_value
        .cmp(&b_value)
        .then(a_digits.cmp(&b_digits))
        .then(a.cmp(&b))
}

/// Returns the value and the length of the digits that `text` starts with.
fn number(text: &[char], inside: bool) -> (u64, usize) {
    let digits = text.iter().take_while(|c| c.is_ascii_digit());
    let mut value = u64::from(inside);
    let mut length = 0;
    for digit in digits.filter_map(|c| c.to_digit(10)) {
        value = value.saturating_mul(10).saturating_add(u64::from(digit));
        length += 1;
    }
    (value, length)
}

#[cfg(test)]
mod tests;
