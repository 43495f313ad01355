//! Points in time as text, in UTC.

use std::time::{SystemTime, UNIX_EPOCH};

/// A point in time, split into what a calendar and a clock show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Utc {
    year: u64,
    month: u64,
    day: u64,
    seconds: u64,
}

impl Utc {
    /// Splits a point in time; what lies before 1970 counts as its beginning.
    pub(crate) fn of(time: SystemTime) -> Self {
        let seconds = time
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let mut days = seconds / 86_400;
        let mut year = 1970;
        while days >= days_of_year(year) {
            days -= days_of_year(year);
            year += 1;
        }
        let mut month = 1;
        while days >= days_of_month(year, month) {
            days -= days_of_month(year, month);
            month += 1;
        }
        Self {
            year,
            month,
            day: days + 1,
            seconds: seconds % 86_400,
        }
    }

    /// Returns `2026-11-22 09:05:01`, as `juju debug-log --utc --date` writes it; later times sort after earlier ones.
    pub(crate) fn spaced(self) -> String {
        let (hour, minute, second) = self.clock();
        format!(
            "{:04}-{:02}-{:02} {hour:02}:{minute:02}:{second:02}",
            self.year, self.month, self.day
        )
    }

    /// Returns `20261122T090501Z`, for names of directories.
    pub(crate) fn compact(self) -> String {
        let (hour, minute, second) = self.clock();
        format!(
            "{:04}{:02}{:02}T{hour:02}{minute:02}{second:02}Z",
            self.year, self.month, self.day
        )
    }

    fn clock(self) -> (u64, u64, u64) {
        (
            self.seconds / 3_600,
            self.seconds / 60 % 60,
            self.seconds % 60,
        )
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of_year(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

fn days_of_month(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_split_by_the_calendar() {
        let cases = [
            (0, "1970-01-01 00:00:00"),
            (951_782_399, "2000-02-28 23:59:59"),
            (951_782_400, "2000-02-29 00:00:00"),
            (1_795_338_301, "2026-11-22 09:05:01"),
            (4_107_542_400, "2100-03-01 00:00:00"),
        ];
        for (seconds, expected) in cases {
            let utc = Utc::of(UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(utc.spaced(), expected);
        }
        let utc = Utc::of(UNIX_EPOCH + Duration::from_secs(1_795_338_301));
        assert_eq!(utc.compact(), "20261122T090501Z");
    }
}
