//! Durations as `timeout` takes them: `90s`, `10m`, `1h30m`, `500ms`.

use std::fmt;

/// The units, from the largest to the smallest, with their length in milliseconds.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Why a text is not a duration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DurationError<'a> {
    /// The text starts, or goes on after a unit, with something else than a digit.
    NoNumber { rest: &'a str },
    /// A number is the last thing in the text.
    NoUnit { number: &'a str },
    /// A number is followed by something that is not a unit.
    UnknownUnit { unit: &'a str },
    /// A unit follows one that is the same or smaller.
    OutOfOrder { unit: &'a str },
    /// The number of milliseconds does not fit in 64 bits.
    TooLong,
    /// The duration is zero.
    Zero,
}

/// Parses a duration and returns it in milliseconds.
pub(crate) fn parse_millis(text: &str) -> Result<u64, DurationError<'_>> {
    let mut total: u64 = 0;
    let mut smaller_units = UNITS.as_slice();
    let mut rest = text;
    loop {
        let (number, after_number) = split_where(rest, |c| !c.is_ascii_digit());
        if number.is_empty() {
            return Err(DurationError::NoNumber { rest });
        }
        let (unit, after_unit) = split_where(after_number, |c| c.is_ascii_digit());
        if unit.is_empty() {
            return Err(DurationError::NoUnit { number });
        }
        if !UNITS.iter().any(|(name, _)| *name == unit) {
            return Err(DurationError::UnknownUnit { unit });
        }
        let Some(at) = smaller_units.iter().position(|(name, _)| *name == unit) else {
            return Err(DurationError::OutOfOrder { unit });
        };
        let part = number
            .parse::<u64>()
            .ok()
            .and_then(|n| n.checked_mul(smaller_units[at].1));
        total = part
            .and_then(|part| total.checked_add(part))
            .ok_or(DurationError::TooLong)?;
        smaller_units = &smaller_units[at + 1..];
        rest = after_unit;
        if rest.is_empty() {
            break;
        }
    }
    if total == 0 {
        Err(DurationError::Zero)
    } else {
        Ok(total)
    }
}

fn split_where(text: &str, end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(end).unwrap_or(text.len()))
}

impl fmt::Display for DurationError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoNumber { rest: "" } => f.write_str("it is empty"),
            Self::NoNumber { rest } => write!(f, "expected a number at `{rest}`"),
            Self::NoUnit { number } => write!(
                f,
                "`{number}` has no unit, which is one of `h`, `m`, `s`, `ms`"
            ),
            Self::UnknownUnit { unit } => {
                write!(f, "`{unit}` is not one of the units `h`, `m`, `s`, `ms`")
            }
            Self::OutOfOrder { unit } => {
                write!(f, "`{unit}` comes after a unit that is not larger")
            }
            Self::TooLong => f.write_str("it is too long"),
            Self::Zero => f.write_str("a test cannot finish in no time"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_sums_of_numbers_with_units() {
        let cases = [
            ("500ms", 500),
            ("90s", 90_000),
            ("10m", 600_000),
            ("1h30m", 5_400_000),
            ("2h", 7_200_000),
            ("1h2m3s4ms", 3_723_004),
            ("0h5m", 300_000),
            ("007s", 7_000),
            ("18446744073709551615ms", u64::MAX),
        ];
        for (text, millis) in cases {
            assert_eq!(parse_millis(text), Ok(millis), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_the_part_that_is_wrong() {
        use DurationError::{NoNumber, NoUnit, OutOfOrder, TooLong, UnknownUnit, Zero};
        let cases = [
            ("", NoNumber { rest: "" }),
            ("m", NoNumber { rest: "m" }),
            ("-1s", NoNumber { rest: "-1s" }),
            (" 1s", NoNumber { rest: " 1s" }),
            ("90", NoUnit { number: "90" }),
            ("1h30", NoUnit { number: "30" }),
            ("10min", UnknownUnit { unit: "min" }),
            ("5 m", UnknownUnit { unit: " m" }),
            ("1.5h", UnknownUnit { unit: "." }),
            ("1d", UnknownUnit { unit: "d" }),
            ("10M", UnknownUnit { unit: "M" }),
            ("30m1h", OutOfOrder { unit: "h" }),
            ("1m1m", OutOfOrder { unit: "m" }),
            ("1ms1s", OutOfOrder { unit: "s" }),
            ("99999999999999999999s", TooLong),
            ("18446744073709551615h", TooLong),
            ("0s", Zero),
            ("0h0m", Zero),
        ];
        for (text, error) in cases {
            assert_eq!(parse_millis(text), Err(error), "{text}");
        }
    }
}
