//! Times as Juju prints them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// How the client wants times.
#[derive(Debug, Clone)]
pub(crate) struct Times {
    zone: TimeZone,
    iso: bool,
}

impl Times {
    /// Decides by the client's `TZ` and `JUJU_STATUS_ISO_TIME` and by `--utc`.
    pub(crate) fn new(tz: Option<&str>, iso_time: Option<&str>, utc: bool) -> Self {
        let iso = utc
            || iso_time
                .is_some_and(|value| matches!(value, "1" | "t" | "T" | "true" | "TRUE" | "True"));
        Self {
            zone: if iso { TimeZone::UTC } else { zone(tz) },
            iso,
        }
    }

    /// Makes times in UTC that are not in ISO form, as a client with `TZ=UTC` sees them.
    #[cfg(test)]
    pub(crate) fn utc_zone() -> Self {
        Self {
            zone: TimeZone::UTC,
            iso: false,
        }
    }

    /// Renders the `since` of a status: `21 Nov 2025 22:58:04Z`, or `2025-11-21 22:58:04Z`.
    pub(crate) fn since(&self, at: Timestamp) -> String {
        let form = if self.iso {
            "%Y-%m-%d %H:%M:%S"
        } else {
            "%d %b %Y %H:%M:%S"
        };
        self.with_offset(at, form)
    }

    /// Renders the controller's time of day: `22:58:04Z`, or `22:58:04` with `--utc`.
    pub(crate) fn of_day(&self, at: Timestamp) -> String {
        if self.iso {
            return self.format(at, "%H:%M:%S");
        }
        self.with_offset(at, "%H:%M:%S")
    }

    /// Renders as Go's `time.String` does: `2025-11-21 22:58:04 +0000 UTC`.
    pub(crate) fn go(&self, at: Timestamp) -> String {
        self.format(at, "%Y-%m-%d %H:%M:%S%.f %z %Z")
    }

    /// Renders by a `strftime` pattern in the client's zone.
    pub(crate) fn format(&self, at: Timestamp, form: &str) -> String {
        at.to_zoned(self.zone.clone()).strftime(form).to_string()
    }

    /// Adds the offset as in RFC 3339: `Z` or `+02:00`.
    fn with_offset(&self, at: Timestamp, form: &str) -> String {
        let offset = if self.zone.to_offset(at).is_zero() {
            "Z"
        } else {
            "%:z"
        };
        self.format(at, &format!("{form}{offset}"))
    }
}

/// Renders the distance of a moment from `now` for people: `just now`, `12 seconds ago`, `3 hours ago`; the date from a day on.
pub(crate) fn friendly(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(at).as_secs();
    let plural = |n: i64, unit: &str| format!("{n} {unit}{} ago", if n == 1 { "" } else { "s" });
    match seconds {
        ..=0 => "just now".to_owned(),
        1..=59 => plural(seconds, "second"),
        60..=3599 => plural(seconds / 60, "minute"),
        3600..=86_399 => plural(seconds / 3600, "hour"),
        _ => at.strftime("%Y-%m-%d").to_string(),
    }
}

/// Finds the client's zone as the C library would; what cannot be found counts as UTC.
fn zone(tz: Option<&str>) -> TimeZone {
    let found = match tz {
        Some(name) => {
            let name = name.strip_prefix(':').unwrap_or(name);
            TimeZone::get(name).or_else(|_| TimeZone::posix(name)).ok()
        }
        // Not the daemon's own TZ: that is the one of the client that started it.
        None => std::fs::read("/etc/localtime")
            .ok()
            .and_then(|data| TimeZone::tzif("Local", &data).ok()),
    };
    found.unwrap_or(TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn zones_and_forms() {
        let moment = at("2025-07-21T22:58:04.123Z");
        for (tz, iso, utc, since, day) in [
            (
                Some("UTC"),
                None,
                false,
                "21 Jul 2025 22:58:04Z",
                "22:58:04Z",
            ),
            (
                Some("CET-1CEST,M3.5.0,M10.5.0/3"),
                None,
                false,
                "22 Jul 2025 00:58:04+02:00",
                "00:58:04+02:00",
            ),
            (
                Some("nonsense zone"),
                None,
                false,
                "21 Jul 2025 22:58:04Z",
                "22:58:04Z",
            ),
            (
                Some("CET-1"),
                Some("true"),
                false,
                "2025-07-21 22:58:04Z",
                "22:58:04",
            ),
            (
                Some("CET-1"),
                Some("false"),
                false,
                "21 Jul 2025 23:58:04+01:00",
                "23:58:04+01:00",
            ),
            (
                Some("CET-1"),
                None,
                true,
                "2025-07-21 22:58:04Z",
                "22:58:04",
            ),
        ] {
            let times = Times::new(tz, iso, utc);
            assert_eq!(
                (times.since(moment).as_str(), times.of_day(moment).as_str()),
                (since, day),
                "{tz:?} {iso:?} {utc}"
            );
        }
        assert_eq!(
            Times::utc_zone().go(at("2025-11-21T22:58:04Z")),
            "2025-11-21 22:58:04 +0000 UTC"
        );
    }

    #[test]
    fn distances() {
        let now = at("2025-11-21T12:00:00Z");
        for (then, expected) in [
            ("2025-11-21T12:00:00Z", "just now"),
            ("2025-11-21T12:00:05Z", "just now"),
            ("2025-11-21T11:59:59Z", "1 second ago"),
            ("2025-11-21T11:59:48Z", "12 seconds ago"),
            ("2025-11-21T11:58:30Z", "1 minute ago"),
            ("2025-11-21T09:00:00Z", "3 hours ago"),
            ("2025-11-19T09:00:00Z", "2025-11-19"),
        ] {
            assert_eq!(friendly(at(then), now), expected);
        }
    }
}
