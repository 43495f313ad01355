//! Comparing versions of packages as dpkg does.

use std::cmp::Ordering;

/// Compares two versions of a Debian package (Debian Policy 5.6.12): epoch, upstream version, revision.
pub fn compare(left: &str, right: &str) -> Ordering {
    let (left, right) = (Parts::of(left), Parts::of(right));
    left.epoch
        .cmp(&right.epoch)
        .then_with(|| compare_part(left.upstream, right.upstream))
        .then_with(|| compare_part(left.revision, right.revision))
}

struct Parts<'a> {
    epoch: u64,
    upstream: &'a str,
    revision: &'a str,
}

impl<'a> Parts<'a> {
    fn of(version: &'a str) -> Self {
        let (epoch, rest) = match version.split_once(':') {
            Some((epoch, rest)) => (epoch.parse().unwrap_or(0), rest),
            None => (0, version),
        };
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, "0"));
        Self {
            epoch,
            upstream,
            revision,
        }
    }
}

/// Compares by turns what is no number, where `~` is before the end and letters are before other characters, and numbers.
fn compare_part(mut left: &str, mut right: &str) -> Ordering {
    while !(left.is_empty() && right.is_empty()) {
        let (text, rest) = split(left, |c| !c.is_ascii_digit());
        let (other, other_rest) = split(right, |c| !c.is_ascii_digit());
        let order = compare_text(text, other);
        if order != Ordering::Equal {
            return order;
        }
        let (number, rest) = split(rest, |c| c.is_ascii_digit());
        let (other, other_rest) = split(other_rest, |c| c.is_ascii_digit());
        let order = compare_number(number, other);
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (rest, other_rest);
    }
    Ordering::Equal
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    text.split_at(end)
}

fn compare_text(left: &str, right: &str) -> Ordering {
    let weight = |c: Option<char>| match c {
        Some('~') => -1,
        None => 0,
        Some(c) if c.is_ascii_alphabetic() => i64::from(u32::from(c)),
        Some(c) => i64::from(u32::from(c)) + 256,
    };
    let (mut left, mut right) = (left.chars(), right.chars());
    loop {
        let (a, b) = (left.next(), right.next());
        if a.is_none() && b.is_none() {
            return Ordering::Equal;
        }
        let order = weight(a).cmp(&weight(b));
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Compares numbers of any length.
fn compare_number(left: &str, right: &str) -> Ordering {
    let (left, right) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each line of the table was checked with `dpkg --compare-versions`.
    #[test]
    fn versions_are_compared_as_dpkg_does() {
        let table = [
            ("1.0", "1.0", Ordering::Equal),
            ("1.0", "1.0-0", Ordering::Equal),
            ("1.9", "1.10", Ordering::Less),
            ("1.0~rc1", "1.0", Ordering::Less),
            ("1.0~~", "1.0~", Ordering::Less),
            ("1:0.9", "2.0", Ordering::Greater),
            ("1.07.1-3", "1.07.1-3+b1", Ordering::Less),
            ("4.96-15+deb12u10", "4.96-15+deb12u9", Ordering::Greater),
            ("1.0a", "1.0+", Ordering::Less),
            ("1.0-1-2", "1.0-1-1", Ordering::Greater),
            ("1.007", "1.7", Ordering::Equal),
            ("99.0", "2.1.0-1", Ordering::Greater),
        ];
        for (left, right, order) in table {
            assert_eq!(compare(left, right), order, "{left} {right}");
            assert_eq!(compare(right, left), order.reverse(), "{right} {left}");
        }
    }
}
