//! Looking at scripts without running them.

use charmtest_charm::Position;

/// A command of a shell script: its words, and where each begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) line: u64,
    pub(crate) words: Vec<(usize, String)>,
}

pub(crate) fn at(line: u64, column: usize) -> Option<Position> {
    Some(Position {
        line,
        column: column as u64,
    })
}

/// Returns the program of the `#!` line.
pub(crate) fn interpreter(text: &str) -> Option<&str> {
    let line = text.lines().next()?.strip_prefix("#!")?;
    let mut words = line.split_whitespace();
    let program = words.next()?;
    let name = program.rsplit('/').next()?;
    if name != "env" {
        return Some(name);
    }
    words.find(|word| !word.starts_with('-') && !word.contains('='))
}

/// Says what is wrong with a `#!` line, if it is missing or names nothing.
pub(crate) fn no_interpreter(text: &str) -> Option<&'static str> {
    if !text.starts_with("#!") {
        return Some("the first line does not begin with `#!`");
    }
    interpreter(text)
        .is_none()
        .then_some("the first line begins with `#!` and names no interpreter")
}

/// Returns the first line that ends in a carriage return.
pub(crate) fn windows_line(text: &str) -> Option<u64> {
    let lines = (1..).zip(text.split('\n'));
    lines
        .filter(|(_, line)| line.ends_with('\r'))
        .map(|(number, _)| number)
        .next()
}

/// Says whether a script is one of a shell.
pub(crate) fn is_shell(text: &str) -> bool {
    matches!(
        interpreter(text),
        Some("sh" | "bash" | "dash" | "ash" | "ksh" | "zsh")
    )
}

/// Words that stand in front of a command, and are none.
const LEADING: [&str; 14] = [
    "if", "then", "else", "elif", "while", "until", "do", "!", "{", "exec", "time", "command",
    "sudo", "env",
];

/// Returns the commands of a shell script, as far as reading it by lines can find them.
///
/// Quotes, comments, `$(..)` and here-documents with a plain word are understood; what is in quotes is one word.
pub(crate) fn commands(text: &str) -> Vec<Command> {
    let mut commands = Vec::new();
    let mut here: Option<String> = None;
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(end) = &here {
            if line.trim() == end {
                here = None;
            }
            continue;
        }
        let found = split(line);
        here = found.iter().find_map(|words| heredoc(words));
        for mut words in found {
            while words.first().is_some_and(|(_, word)| is_leading(word)) {
                words.remove(0);
            }
            if !words.is_empty() {
                commands.push(Command {
                    line: number,
                    words,
                });
            }
        }
    }
    commands
}

fn is_leading(word: &str) -> bool {
    let assigned = word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    });
    LEADING.contains(&word) || assigned
}

fn heredoc(words: &[(usize, String)]) -> Option<String> {
    let mut words = words.iter().map(|(_, word)| word.as_str());
    let start = words.find_map(|word| {
        let (_, rest) = word.split_once("<<")?;
        (!rest.starts_with('<')).then(|| rest.trim_start_matches('-'))
    })?;
    let end = if start.is_empty() {
        words.next()?
    } else {
        start
    };
    Some(end.to_owned())
}

/// Splits a line into commands.
fn split(line: &str) -> Vec<Vec<(usize, String)>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<(usize, String)> = None;
    let mut quote: Option<char> = None;
    let mut chars = (1..).zip(line.chars()).peekable();
    while let Some((column, c)) = chars.next() {
        let push = |word: &mut Option<(usize, String)>, c: char| {
            word.get_or_insert_with(|| (column, String::new()))
                .1
                .push(c);
        };
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('"'), '$') if chars.peek().is_some_and(|(_, next)| *next == '(') => {
                // A command inside of double quotes: what follows it is taken for its words.
                quote = None;
                chars.next();
                commands.push(Vec::new());
                word = None;
            }
            (Some(_), c) => push(&mut word, c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_with(|| (column, String::new()));
            }
            (None, '\\') => {
                if let Some((_, next)) = chars.next() {
                    push(&mut word, next);
                }
            }
            (None, '#') if word.is_none() => break,
            (None, ' ' | '\t' | '\r') => end_word(&mut commands, &mut word),
            (None, ';' | '|' | '&' | '(' | ')' | '`') => {
                end_word(&mut commands, &mut word);
                commands.push(Vec::new());
            }
            (None, c) => push(&mut word, c),
        }
    }
    end_word(&mut commands, &mut word);
    commands.retain(|words| !words.is_empty());
    commands
}

fn end_word(commands: &mut [Vec<(usize, String)>], word: &mut Option<(usize, String)>) {
    // An empty word is no command, and no command of ours has one that matters.
    let word = word.take().filter(|(_, word)| !word.is_empty());
    if let (Some(word), Some(last)) = (word, commands.last_mut()) {
        last.push(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let commands = commands(text);
        let join = |command: &Command| {
            let words: Vec<&str> = command
                .words
                .iter()
                .map(|(_, word)| word.as_str())
                .collect();
            format!("{}:{}", command.line, words.join(" "))
        };
        commands.iter().map(join).collect()
    }

    #[test]
    fn commands_are_found_where_they_are() {
        for (text, expected) in [
            ("juju status", vec!["1:juju status"]),
            ("# juju bootstrap", vec![]),
            (
                "echo 'juju bootstrap; make'",
                vec!["1:echo juju bootstrap; make"],
            ),
            (
                "if ! juju status; then make all; fi",
                vec!["1:juju status", "1:make all", "1:fi"],
            ),
            ("A=1 B=x juju x && cc -o y", vec!["1:juju x", "1:cc -o y"]),
            ("x=$(juju switch c)", vec!["1:juju switch c"]),
            ("echo \"$(make x)\"", vec!["1:echo", "1:make x"]),
            ("cat <<EOF\nmake\nEOF\nls", vec!["1:cat <<EOF", "4:ls"]),
            ("cat <<- 'X'\nmake\n\tX\nls", vec!["1:cat <<- X", "4:ls"]),
            ("a\\ b c", vec!["1:a b c"]),
            ("'open", vec!["1:open"]),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn interpreters() {
        for (text, expected) in [
            ("#!/bin/sh -e\n", Some("sh")),
            ("#!/usr/bin/env -S A=1 python3\n", Some("python3")),
            ("#!\n", None),
            ("echo\n", None),
            ("", None),
        ] {
            assert_eq!(interpreter(text), expected, "{text}");
        }
        assert!(no_interpreter("#!/bin/sh").is_none() && no_interpreter("").is_some());
        assert_eq!(windows_line("a\nb\r\n"), Some(2));
    }
}
