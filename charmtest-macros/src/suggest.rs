//! "Did you mean": the known word that is nearest to a mistyped one.

/// The largest number of edits that still counts as a slip of the fingers.
const MAX_EDITS: usize = 2;

/// Returns the word of `known` that takes the fewest edits to reach from `typed`, when it takes at most two.
///
/// A word of which more than half would have to change is never suggested: `is` is not a mistyped `tags`.
pub(crate) fn nearest<'a>(
    typed: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let limit = MAX_EDITS.min(typed.chars().count() / 2);
    known
        .into_iter()
        .map(|word| (edits(typed, word), word))
        .filter(|(edits, _)| *edits <= limit)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, word)| word)
}

/// Counts the insertions, deletions and substitutions between two words (Levenshtein).
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_count_insertions_deletions_and_substitutions() {
        let cases = [
            ("", "", 0),
            ("", "tags", 4),
            ("order", "order", 0),
            ("ordr", "order", 1),
            ("orderr", "order", 1),
            ("0rder", "order", 1),
            ("fial", "fail", 2),
            ("kitten", "sitting", 3),
        ];
        for (from, to, expected) in cases {
            assert_eq!(edits(from, to), expected, "{from} -> {to}");
            assert_eq!(edits(to, from), expected, "{to} -> {from}");
        }
    }

    #[test]
    fn the_nearest_word_within_two_edits_is_suggested() {
        let known = ["order", "abort_on_fail", "timeout", "tags"];
        let cases = [
            ("abort_on_fial", Some("abort_on_fail")),
            ("time_out", Some("timeout")),
            ("ordering", None),
            ("tag", Some("tags")),
            ("is", None),
            ("retries", None),
        ];
        for (typed, expected) in cases {
            assert_eq!(nearest(typed, known), expected, "{typed}");
        }
    }
}
