//! Which style a text needs so that every YAML 1.1 reader gets the same text back.

use super::Times;

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    /// A key before a colon; it must stay on its line.
    Key,
    /// A value, or a key after `?`.
    Value,
}

/// Chooses the style as goyaml v2 does.
pub(super) fn style(text: &str, context: Context, times: Times) -> Style {
    let shape = Shape::of(text);
    if text.contains('\n') {
        let literal = context == Context::Value && !shape.needs_escapes && !shape.space_ends_line;
        return if literal {
            Style::Literal
        } else {
            Style::Double
        };
    }
    if shape.needs_escapes || resolves_to_other_type(text, times) {
        return Style::Double;
    }
    if shape.has_indicators || shape.space_at_end {
        return Style::Single;
    }
    Style::Plain
}

/// What about a text matters for its style.
struct Shape {
    /// Characters that only an escape can write.
    needs_escapes: bool,
    /// A space or tab before a line break or the end, which literal text could lose.
    space_ends_line: bool,
    /// A space at the start or the end.
    space_at_end: bool,
    /// Something that means something in YAML.
    has_indicators: bool,
}

impl Shape {
    fn of(text: &str) -> Self {
        Self {
            needs_escapes: text.chars().any(|c| c != '\n' && !is_printable(c)),
            space_ends_line: text.ends_with(' ') || text.contains(" \n"),
            space_at_end: text.starts_with(' ') || text.ends_with(' '),
            has_indicators: has_indicators(text),
        }
    }
}

/// Says whether goyaml writes the character as it is. Line and paragraph separators are escaped too: YAML 1.1 reads
/// them as line breaks and YAML 1.2 does not.
fn is_printable(c: char) -> bool {
    match c {
        '\u{2028}' | '\u{2029}' | '\u{feff}' => false,
        ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' => true,
        _ => false,
    }
}

fn has_indicators(text: &str) -> bool {
    if text.starts_with("---") || text.starts_with("...") {
        return true;
    }
    let begins_structure = |c: char| "#,[]{}&*!|>'\"%@`".contains(c);
    if text.starts_with(begins_structure) {
        return true;
    }
    let mut rest = text.chars();
    let blank_second = rest.next().is_some() && rest.next().is_none_or(|c| c == ' ');
    if text.starts_with(['-', '?', ':']) && blank_second {
        return true;
    }
    text.contains(": ") || text.ends_with(':') || text.contains(" #")
}

/// Returns the escape of a character in double quotes; `None` for one that stands for itself.
pub(super) fn escape(c: char) -> Option<String> {
    let short = match c {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\0' => "\\0",
        '\u{7}' => "\\a",
        '\u{8}' => "\\b",
        '\t' => "\\t",
        '\n' => "\\n",
        '\u{b}' => "\\v",
        '\u{c}' => "\\f",
        '\r' => "\\r",
        '\u{1b}' => "\\e",
        '\u{85}' => "\\N",
        '\u{2028}' => "\\L",
        '\u{2029}' => "\\P",
        c if is_printable(c) => return None,
        c => {
            let code = u32::from(c);
            return Some(match code {
                0..=0xff => format!("\\x{code:02X}"),
                0x100..=0xffff => format!("\\u{code:04X}"),
                _ => format!("\\U{code:08X}"),
            });
        }
    };
    Some(short.to_owned())
}

/// Says whether plain text would be read as something else than text.
fn resolves_to_other_type(text: &str, times: Times) -> bool {
    const WORDS: [&str; 35] = [
        "", "~", "null", "Null", "NULL", "y", "Y", "yes", "Yes", "YES", "n", "N", "no", "No", "NO",
        "true", "True", "TRUE", "false", "False", "FALSE", "on", "On", "ON", "off", "Off", "OFF",
        ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "<<", "=",
    ];
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    WORDS.contains(&text)
        || matches!(unsigned, ".inf" | ".Inf" | ".INF")
        || is_number(unsigned)
        || is_sexagesimal(unsigned)
        || (times == Times::Quoted && is_time(text))
}

fn is_number(unsigned: &str) -> bool {
    let plain = unsigned.replace('_', "");
    let all = |text: &str, radix: u32| !text.is_empty() && text.chars().all(|c| c.is_digit(radix));
    let prefixed = [
        ("0x", 16),
        ("0X", 16),
        ("0o", 8),
        ("0O", 8),
        ("0b", 2),
        ("0B", 2),
    ];
    if prefixed.iter().any(|(prefix, radix)| {
        plain
            .strip_prefix(prefix)
            .is_some_and(|rest| all(rest, *radix))
    }) {
        return true;
    }
    let (mantissa, exponent) = match plain.split_once(['e', 'E']) {
        None => (plain.as_str(), None),
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
    };
    let exponent_is_fine =
        exponent.is_none_or(|text| all(text.strip_prefix(['+', '-']).unwrap_or(text), 10));
    let digits = mantissa.replacen('.', "", 1);
    exponent_is_fine && all(&digits, 10)
}

/// Says whether the text is a base-60 number of YAML 1.1 (`190:20:30`), so that times of day and ports are quoted.
fn is_sexagesimal(unsigned: &str) -> bool {
    let (places, fraction) = match unsigned.split_once('.') {
        None => (unsigned, ""),
        Some((places, fraction)) => (places, fraction),
    };
    let mut places = places.split(':');
    let first = places.next().unwrap_or_default();
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit() || c == '_');
    let mut rest = places.peekable();
    first.starts_with(|c: char| c.is_ascii_digit())
        && digits(first)
        && digits(fraction)
        && rest.peek().is_some()
        && rest.all(|place| {
            (1..=2).contains(&place.len()) && place.parse::<u8>().is_ok_and(|value| value < 60)
        })
}

/// Says whether the text is a date or a time of YAML 1.1.
fn is_time(text: &str) -> bool {
    let (date, time) = match text.split_once(['T', 't', ' ']) {
        None => (text, None),
        Some((date, time)) => (date, Some(time)),
    };
    let zoned = text.contains(['T', 't']);
    is_date(date) && time.is_none_or(|time| is_time_of_day(time, zoned))
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts[..] else {
        return false;
    };
    let within = |text: &str, max: u32| {
        (1..=2).contains(&text.len()) && text.parse::<u32>().is_ok_and(|n| (1..=max).contains(&n))
    };
    year.len() == 4 && is_digits(year) && within(month, 12) && within(day, 31)
}

fn is_time_of_day(text: &str, zoned: bool) -> bool {
    let clock = match (zoned, text.find(['Z', '+', '-'])) {
        (false, None) => text,
        (true, Some(zone)) => {
            let offset = text[zone..].replace(':', "");
            let is_offset = offset == "Z" || (offset.len() == 5 && is_digits(&offset[1..]));
            if !is_offset {
                return false;
            }
            &text[..zone]
        }
        _ => return false,
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let parts: Vec<&str> = clock.split(':').collect();
    let short = |text: &&str| (1..=2).contains(&text.len()) && is_digits(text);
    parts.len() == 3 && parts.iter().all(short) && is_digits(fraction)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit())
}
