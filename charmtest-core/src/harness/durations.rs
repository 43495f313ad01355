//! The slowest tests of a run: `--durations N`.

use std::time::Duration;

/// Returns the `limit` slowest of some tests, the slowest first; all of them for a limit of 0, as in pytest. Of two that took
/// equally long, the one that comes first stays first.
#[must_use]
pub fn slowest<T>(
    tests: impl IntoIterator<Item = (T, Duration)>,
    limit: usize,
) -> Vec<(T, Duration)> {
    let mut tests: Vec<_> = tests.into_iter().collect();
    tests.sort_by_key(|(_, took)| std::cmp::Reverse(*took));
    if limit > 0 {
        tests.truncate(limit);
    }
    tests
}

/// Returns the lines of a report on the slowest tests; none when no test ran.
pub(super) fn lines(tests: &[(String, Duration)], limit: usize) -> Vec<String> {
    let slowest = slowest(tests.iter().map(|(name, took)| (name, *took)), limit);
    if slowest.is_empty() {
        return Vec::new();
    }
    let title = match limit {
        0 => "slowest tests:".to_owned(),
        _ => format!("slowest {} tests:", slowest.len()),
    };
    let line = |(name, took): (&String, Duration)| format!("{:>9.2}s {name}", took.as_secs_f64());
    std::iter::once(title)
        .chain(slowest.into_iter().map(line))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_come_first() {
        let tests = [
            ("m::a", 20),
            ("m::b", 1_500),
            ("m::c", 20),
            ("m::d", 75_250),
        ];
        let tests = tests.map(|(name, ms)| (name.to_owned(), Duration::from_millis(ms)));
        assert_eq!(
            lines(&tests, 3),
            [
                "slowest 3 tests:",
                "    75.25s m::d",
                "     1.50s m::b",
                "     0.02s m::a"
            ]
        );
        assert_eq!(lines(&tests, 0).len(), 5);
        assert_eq!(lines(&tests, 9)[0], "slowest 4 tests:");
        assert_eq!(lines(&[], 3), [""; 0]);
    }
}
