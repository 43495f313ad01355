//! `scp`: files between the client's directory and machines.

use super::command::{Command, Cx, Failure};
use super::copy::{CopyError, Copying, End};
use super::login::{self, NoLogin};
use super::ssh::SCP_FLAGS;
use crate::flags::Parsed;

/// The commands of this file.
pub(super) const COMMANDS: &[Command] =
    &[
        Command::new("scp", "Securely transfer files within a model.", |cx| {
            Box::pin(scp(cx))
        })
        .args("<source> <destination>", check)
        .options_first()
        .flags(SCP_FLAGS),
    ];

fn check(args: &Parsed) -> Result<(), String> {
    if args.positionals.len() < 2 {
        return Err("at least two arguments required".to_owned());
    }
    Ok(())
}

/// The options of the `scp` program that stand before the files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Options {
    recursive: bool,
    preserve: bool,
}

impl Options {
    /// Takes options from the front of the words and returns the rest.
    fn take(words: &[String]) -> Result<(Self, &[String]), String> {
        let mut options = Self::default();
        let mut at = 0;
        while let Some(word) = words.get(at) {
            let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
                break;
            };
            at += 1;
            if letters == "-" {
                break;
            }
            for (index, letter) in letters.char_indices() {
                match letter {
                    'r' => options.recursive = true,
                    'p' => options.preserve = true,
                    '3' | '4' | '6' | 'A' | 'B' | 'C' | 'O' | 'q' | 'R' | 's' | 'T' | 'v' => {}
                    'c' | 'D' | 'F' | 'i' | 'J' | 'l' | 'o' | 'P' | 'S' | 'X' => {
                        if index + 1 == letters.len() {
                            at += 1;
                        }
                        break;
                    }
                    other => return Err(format!("unknown option -- {other}")),
                }
            }
        }
        Ok((options, words.get(at..).unwrap_or_default()))
    }
}

async fn scp(cx: &Cx) -> Result<(), Failure> {
    let usage = |text: String| Failure::Failed(format!("exit status 1 (scp: {text})"));
    let (options, files) = Options::take(cx.positionals()).map_err(usage)?;
    let [sources @ .., destination] = files else {
        return Err(usage("no files named".to_owned()));
    };
    if sources.is_empty() {
        return Err(usage("no destination named".to_owned()));
    }
    let sources = sources
        .iter()
        .map(|source| end(cx, source))
        .collect::<Result<Vec<_>, _>>()?;
    let copying = Copying {
        destination: end(cx, destination)?,
        sources,
        recursive: options.recursive,
        preserve: options.preserve,
    };
    let done = tokio::task::spawn_blocking(move || copying.run()).await;
    match done {
        Ok(Ok(())) => Ok(()),
        Ok(Err(CopyError { code, lines })) => Err(Failure::Failed(format!(
            "exit status {code} ({})",
            lines.join("\n")
        ))),
        Err(_) => Err(Failure::failed(
            "the copying failed inside the embedded controller",
        )),
    }
}

/// Finds what `[[user@]target:]path` means. As in Juju, everything before a colon is a target.
fn end(cx: &Cx, text: &str) -> Result<End, Failure> {
    let Some((target, path)) = text.split_once(':') else {
        return Ok(End::Local {
            path: cx.path(text),
            shown: text.to_owned(),
        });
    };
    let machine = login::machine_of(&*cx.model()?, target).map_err(|error| match error {
        NoLogin::Juju(text) => Failure::Failed(text),
        NoLogin::Ssh(text) => {
            Failure::Failed(format!("exit status 255 ({text}\nscp: Connection closed)"))
        }
    })?;
    Ok(End::Remote {
        home: login::home(cx, &machine)?,
        shown: path.to_owned(),
    })
}
