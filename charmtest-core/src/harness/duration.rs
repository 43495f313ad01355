//! Durations as flags write them and as reports show them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A time limit as a flag gives it: `90`, `90s`, `500ms`, `10m`, `1h30m`; `0` for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(Option<Duration>);

impl Limit {
    /// Returns a limit of `duration`; a duration of zero is no limit.
    #[must_use]
    pub const fn of(duration: Duration) -> Self {
        if duration.is_zero() {
            Self(None)
        } else {
            Self(Some(duration))
        }
    }

    /// Returns the limit's length, or `None` when there is no limit.
    #[must_use]
    pub const fn duration(self) -> Option<Duration> {
        self.0
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_duration(self.0.unwrap_or_default()))
    }
}

/// Why a text is not a [`Limit`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitError {
    text: String,
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a duration; write it like 90s, 10m or 1h30m",
            self.text
        )
    }
}

impl std::error::Error for LimitError {}

impl FromStr for Limit {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_duration(text.trim())
            .map(Self::of)
            .ok_or_else(|| LimitError {
                text: text.to_owned(),
            })
    }
}

fn parse_duration(text: &str) -> Option<Duration> {
    if text.is_empty() {
        return None;
    }
    let mut total_ms: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let amount: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let unit_ms = match &rest[..letters] {
            "ms" => 1,
            "" | "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        rest = &rest[letters..];
        total_ms = total_ms.checked_add(amount.checked_mul(unit_ms)?)?;
    }
    Some(Duration::from_millis(total_ms))
}

/// Formats a duration as a flag could give it: `1h30m`, `90ms`, `0s`.
pub(crate) fn format_duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    if ms == 0 {
        return "0s".to_owned();
    }
    let parts = [
        (ms / 3_600_000, "h"),
        (ms / 60_000 % 60, "m"),
        (ms / 1_000 % 60, "s"),
        (ms % 1_000, "ms"),
    ];
    parts
        .into_iter()
        .filter(|(amount, _)| *amount > 0)
        .map(|(amount, unit)| format!("{amount}{unit}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_parse_and_print_as_the_shortest_form() {
        let cases = [
            ("90", "1m30s"),
            ("90s", "1m30s"),
            ("500ms", "500ms"),
            ("10m", "10m"),
            ("1h30m", "1h30m"),
            (" 2h ", "2h"),
            ("0", "0s"),
        ];
        for (text, printed) in cases {
            let limit: Limit = text.parse().unwrap();
            assert_eq!(limit.to_string(), printed, "{text}");
            assert_eq!(printed.parse(), Ok(limit), "{text}");
        }
        assert_eq!("0".parse::<Limit>().unwrap().duration(), None);
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "m",
            "5 m",
            "5d",
            "-1",
            "1.5h",
            "99999999999999999999",
            "18446744073709551615h",
        ] {
            let error = text.parse::<Limit>().unwrap_err();
            assert!(error.to_string().contains("is not a duration"), "{text}");
        }
    }
}
