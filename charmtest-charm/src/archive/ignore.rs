//! `.jujuignore`: which files of a charm directory stay out of its archive.

/// The rules that hold without a `.jujuignore`, as in Juju 3.6.
const DEFAULTS: [&str; 10] = [
    ".git",
    ".svn",
    ".hg",
    ".bzr",
    ".tox",
    "/build/",
    "/revision",
    "/version",
    "/.jujuignore",
    "__pycache__/",
];

/// An ordered list of rules in the syntax of `.gitignore`; the last one that matches a path decides.
#[derive(Debug, Clone)]
pub(crate) struct Ignore {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    /// Pattern segments between slashes; a rule without a slash begins with `**`.
    segments: Vec<String>,
    verdict: Verdict,
    matches: Matches,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Ignore,
    Keep,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Matches {
    Anything,
    Directories,
}

/// What a path is, as far as rules care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathKind {
    Directory,
    Other,
}

impl Ignore {
    /// Makes the default rules followed by those of a `.jujuignore`, and then by `more`.
    pub(crate) fn new(jujuignore: &str, more: &[&str]) -> Self {
        let lines = DEFAULTS.iter().copied().chain(jujuignore.lines());
        let rules = lines.chain(more.iter().copied()).filter_map(Rule::parse);
        Self {
            rules: rules.collect(),
        }
    }

    /// Makes rules that ignore nothing.
    pub(crate) fn nothing() -> Self {
        Self { rules: Vec::new() }
    }

    /// Says whether `path` (relative, `/` between parts) stays out. What is below an ignored directory does too; the
    /// caller does not go there.
    pub(crate) fn is_ignored(&self, path: &str, kind: PathKind) -> bool {
        let segments: Vec<&str> = path.split('/').collect();
        let applies = |rule: &&Rule| {
            (rule.matches == Matches::Anything || kind == PathKind::Directory)
                && matches_segments(&rule.segments, &segments)
        };
        let last = self.rules.iter().rev().find(applies);
        last.is_some_and(|rule| rule.verdict == Verdict::Ignore)
    }
}

impl Rule {
    fn parse(line: &str) -> Option<Self> {
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let (verdict, pattern) = match line.strip_prefix('!') {
            Some(rest) => (Verdict::Keep, rest),
            None => (Verdict::Ignore, line),
        };
        let (matches, pattern) = match pattern.strip_suffix('/') {
            Some(rest) => (Matches::Directories, rest),
            None => (Matches::Anything, pattern),
        };
        let anchored = pattern.contains('/');
        let mut segments: Vec<String> = pattern
            .trim_start_matches('/')
            .split('/')
            .map(str::to_owned)
            .collect();
        if !anchored {
            segments.insert(0, "**".to_owned());
        }
        Some(Self {
            segments,
            verdict,
            matches,
        })
    }
}

fn matches_segments(pattern: &[String], path: &[&str]) -> bool {
    let Some((first, pattern_rest)) = pattern.split_first() else {
        return path.is_empty();
    };
    if first == "**" {
        // A `**` at the end stands for at least one part.
        let shortest = usize::from(pattern_rest.is_empty());
        return (shortest..=path.len()).any(|skip| matches_segments(pattern_rest, &path[skip..]));
    }
    let Some((part, path_rest)) = path.split_first() else {
        return false;
    };
    matches_part(first, part) && matches_segments(pattern_rest, path_rest)
}

/// Matches one part of a path against `*`, `?`, `[a-z]`, `[!a]` and `\` escapes, in linear space and without recursion.
fn matches_part(pattern: &str, part: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let part: Vec<char> = part.chars().collect();
    let (mut p, mut t) = (0, 0);
    // Where to go on after the last `*` took one more character.
    let mut retry: Option<(usize, usize)> = None;
    while t < part.len() {
        if pattern.get(p) == Some(&'*') {
            retry = Some((p + 1, t));
            p += 1;
            continue;
        }
        if let Some(length) = matches_one(&pattern[p..], part[t]) {
            p += length;
            t += 1;
            continue;
        }
        let Some((after_star, taken)) = retry else {
            return false;
        };
        p = after_star;
        t = taken + 1;
        retry = Some((after_star, t));
    }
    pattern[p..].iter().all(|&c| c == '*')
}

/// Returns the length of the pattern element at the start if it matches the character.
fn matches_one(pattern: &[char], c: char) -> Option<usize> {
    match *pattern.first()? {
        '?' => Some(1),
        '\\' => (pattern.get(1) == Some(&c)).then_some(2),
        '[' => match_class(pattern, c),
        plain => (plain == c).then_some(1),
    }
}

fn match_class(pattern: &[char], c: char) -> Option<usize> {
    let negated = matches!(pattern.get(1), Some('!' | '^'));
    let start = if negated { 2 } else { 1 };
    let length = pattern.iter().skip(start + 1).position(|&c| c == ']')? + 1;
    let class = &pattern[start..start + length];
    let mut found = false;
    let mut at = 0;
    while at < class.len() {
        if at + 2 < class.len() && class[at + 1] == '-' {
            found |= (class[at]..=class[at + 2]).contains(&c);
            at += 3;
        } else {
            found |= class[at] == c;
            at += 1;
        }
    }
    (found != negated).then_some(start + length + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_match_as_in_gitignore() {
        use PathKind::{Directory, Other};
        let table = [
            ("", "src", Directory, false),
            ("", ".git", Directory, true),
            ("", "lib/.git", Other, true),
            ("", "build", Directory, true),
            ("", "build", Other, false),
            ("", "src/build", Directory, false),
            ("", "revision", Other, true),
            ("", "src/version", Other, false),
            ("*.pyc", "src/a.pyc", Other, true),
            ("*.pyc\n!keep.pyc", "src/keep.pyc", Other, false),
            ("# x\n\ntests/", "tests", Directory, true),
            ("docs/*.md", "docs/a.md", Other, true),
            ("docs/*.md", "docs/x/a.md", Other, false),
            ("docs/**/a.md", "docs/x/y/a.md", Other, true),
            ("docs/**/a.md", "docs/a.md", Other, true),
            ("/a", "b/a", Other, false),
            ("a?c[0-9]", "abc7", Other, true),
            ("[!a]x", "ax", Other, false),
            ("\\#x", "#x", Other, true),
            (
                "*a*a*a*a*a*b",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                Other,
                false,
            ),
        ];
        for (rules, path, kind, expected) in table {
            let ignored = Ignore::new(rules, &[]).is_ignored(path, kind);
            assert_eq!(ignored, expected, "{rules:?} {path}");
        }
    }
}
