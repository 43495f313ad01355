//! Command lines as a person would type them.

use std::ffi::{OsStr, OsString};

use super::mask::{HIDDEN, is_secret_name};

/// Returns the command line, quoted for a POSIX shell, with the variables in front.
///
/// The values given to `add-secret` and `update-secret`, and to names like `password`, are hidden: command lines end up in
/// reports.
pub(super) fn command_line<'a>(
    variables: impl IntoIterator<Item = (&'a OsStr, &'a OsStr)>,
    program: &str,
    arguments: &[OsString],
) -> String {
    let mut words: Vec<String> = variables
        .into_iter()
        .map(|(name, value)| format!("{}={}", name.to_string_lossy(), quote(value)))
        .collect();
    words.push(quote(program));
    let hide = takes_content(arguments);
    words.extend(arguments.iter().map(|argument| {
        let argument = argument.to_string_lossy();
        match argument.split_once('=') {
            Some((key, value)) if is_hidden(hide, &argument, key, value) => {
                format!("{key}='{HIDDEN}'")
            }
            _ => quote(&*argument),
        }
    }));
    words.join(" ")
}

/// Returns the secret values among the arguments of a command.
pub(super) fn secret_values(arguments: &[OsString]) -> Vec<String> {
    let hide = takes_content(arguments);
    let pairs = arguments.iter().filter_map(|argument| {
        let argument = argument.to_string_lossy();
        let (key, value) = argument.split_once('=')?;
        is_hidden(hide, &argument, key, value).then(|| value.to_owned())
    });
    pairs.collect()
}

/// Tells whether a command takes the content of a secret as `KEY=VALUE`.
fn takes_content(arguments: &[OsString]) -> bool {
    arguments
        .first()
        .is_some_and(|command| command == "add-secret" || command == "update-secret")
}

fn is_hidden(content: bool, argument: &str, key: &str, value: &str) -> bool {
    let key = key.trim_start_matches('-');
    match content && !argument.starts_with('-') {
        true => true,
        false => is_secret_name(key) && !value.starts_with("secret:"),
    }
}

/// Returns a word of a command as it can be pasted into a POSIX shell: in quotes, if it needs them.
///
/// What is not UTF-8 is replaced.
pub fn quote(word: impl AsRef<OsStr>) -> String {
    let word = word.as_ref().to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_only_where_a_shell_would_split_or_expand_them() {
        for (word, quoted) in [
            ("status", "status"),
            ("./a-b_c.charm", "./a-b_c.charm"),
            ("k=v", "k=v"),
            ("a-b/c.toml", "a-b/c.toml"),
            ("", "''"),
            ("two words", "'two words'"),
            ("$HOME", "'$HOME'"),
            ("it's", r"'it'\''s'"),
            ("~", "'~'"),
        ] {
            assert_eq!(quote(word), quoted);
        }
    }

    #[test]
    fn secret_values_are_hidden() {
        let arguments = ["add-secret", "--model", "m", "token", "value=s3cret"].map(OsString::from);
        assert_eq!(
            command_line([], "juju", &arguments),
            "juju add-secret --model m token value='<hidden>'"
        );
    }

    #[test]
    fn variables_come_first() {
        let variables = [(OsStr::new("JUJU_MODEL"), OsStr::new("c:m"))];
        assert_eq!(
            command_line(variables, "juju", &["status".into()]),
            "JUJU_MODEL=c:m juju status"
        );
    }
}
