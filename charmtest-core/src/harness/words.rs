//! Values of flags: several words in one text, and paths that mean the same everywhere.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Several words in one text, split as a POSIX shell splits them; nothing is expanded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    source: String,
    words: Vec<String>,
}

impl Words {
    /// Returns the words.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.words
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

/// Why a text cannot be split into [`Words`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordsError(&'static str);

impl fmt::Display for WordsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for WordsError {}

impl FromStr for Words {
    type Err = WordsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = Vec::new();
        let mut word: Option<String> = None;
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
                '\'' => {
                    let word = word.get_or_insert_default();
                    loop {
                        match chars.next().ok_or(WordsError("a `'` is not closed"))? {
                            '\'' => break,
                            c => word.push(c),
                        }
                    }
                }
                '"' => quoted(&mut chars, word.get_or_insert_default())?,
                '\\' => {
                    let escaped = chars.next();
                    let c = escaped.ok_or(WordsError("a `\\` at the end escapes nothing"))?;
                    word.get_or_insert_default().push(c);
                }
                c => word.get_or_insert_default().push(c),
            }
        }
        words.extend(word);
        Ok(Self {
            source: text.to_owned(),
            words,
        })
    }
}

/// Reads the rest of a part in double quotes, in which a backslash counts only before `"`, `\`, `$` and a backquote.
fn quoted(chars: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), WordsError> {
    const OPEN: WordsError = WordsError("a `\"` is not closed");
    loop {
        match chars.next().ok_or(OPEN)? {
            '"' => return Ok(()),
            '\\' => match chars.next().ok_or(OPEN)? {
                c @ ('"' | '\\' | '$' | '`') => word.push(c),
                c => word.extend(['\\', c]),
            },
            c => word.push(c),
        }
    }
}

/// Makes a path absolute: it is used in other directories than the one in which it was written.
pub(super) fn absolute(text: &str) -> std::io::Result<PathBuf> {
    std::path::absolute(text)
}

/// Makes the path of a directory absolute that is there or can be made.
pub(super) fn future_directory(text: &str) -> std::io::Result<PathBuf> {
    let path = absolute(text)?;
    // A path below a file is told as such when it is looked at.
    match path.metadata() {
        Ok(found) if !found.is_dir() => Err(std::io::ErrorKind::NotADirectory.into()),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => Err(error),
        _ => Ok(path),
    }
}

/// Reads a name: one word.
pub(super) fn one_word(text: &str) -> Result<String, String> {
    match text.is_empty() || text.contains(char::is_whitespace) {
        true => Err("a name is one word".to_owned()),
        false => Ok(text.to_owned()),
    }
}

/// Makes the path of a file absolute that has to be there.
pub(super) fn readable_file(text: &str) -> std::io::Result<PathBuf> {
    let path = std::path::absolute(text)?;
    if path.is_dir() {
        return Err(std::io::ErrorKind::IsADirectory.into());
    }
    std::fs::File::open(&path)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_splits_them() {
        let cases: [(&str, &[&str]); 9] = [
            ("", &[]),
            ("  ", &[]),
            ("-s  --as-root\t-a\n", &["-s", "--as-root", "-a"]),
            ("'two words' three", &["two words", "three"]),
            (r#""two words"three"#, &["two wordsthree"]),
            ("''", &[""]),
            (r"a\ b \'", &["a b", "'"]),
            (r#""a\"b\\ \n $x""#, &[r#"a"b\ \n $x"#]),
            ("'a\\' b", &["a\\", "b"]),
        ];
        for (text, expected) in cases {
            let words: Words = text.parse().unwrap();
            assert_eq!(words.as_slice(), expected, "{text}");
            assert_eq!(words.to_string(), text);
        }
    }

    #[test]
    fn what_is_not_closed_is_refused() {
        for (text, problem) in [
            ("'a", "a `'` is not closed"),
            ("\"a", "a `\"` is not closed"),
            ("\"a\\", "a `\"` is not closed"),
            ("a\\", "a `\\` at the end escapes nothing"),
        ] {
            let error = text.parse::<Words>().unwrap_err();
            assert_eq!(error.to_string(), problem, "{text}");
        }
    }
}
