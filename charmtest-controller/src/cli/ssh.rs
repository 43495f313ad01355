//! `ssh`: a command, or a shell that reads its commands from standard input, on a machine.

use std::net::Ipv4Addr;

use super::command::{Command, Cx, Failure};
use super::login::{self, NoLogin, Session};
use crate::JujuVersion;
use crate::flags::{Flag, Parsed};

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[Command::new(
    "ssh",
    "Initiates an SSH session or executes a command on a Juju machine or container.",
    |cx| Box::pin(ssh(cx)),
)
.args("<[user@]target> [openssh options] [command]", check)
.options_first()
.flags(SSH_FLAGS)];

/// The options of `ssh`.
const SSH_FLAGS: &[Flag] = &[
    CONTAINER,
    NO_HOST_KEY_CHECKS,
    PROXY,
    Flag::switch(&["pty"], "Enable pseudo-tty allocation"),
    REMOTE,
];

/// The options of `scp`: those of `ssh` but `--pty`. There is one network and no host key here, so they have nothing to do; what the ssh
/// program says of a key that is not checked, `scp` does not print.
pub(super) const SCP_FLAGS: &[Flag] = &[CONTAINER, NO_HOST_KEY_CHECKS, PROXY, REMOTE];

const CONTAINER: Flag = Flag::text(
    &["container"],
    "the container name of the target pod (k8s-only)",
);
const NO_HOST_KEY_CHECKS: Flag =
    Flag::switch(&["no-host-key-checks"], "Skip host key checking (INSECURE)");
const PROXY: Flag = Flag::switch(&["proxy"], "Proxy through the API server");
const REMOTE: Flag = Flag::switch(
    &["remote"],
    "Target on the workload or operator pod (k8s-only)",
)
.only(JujuVersion::V3_6);

fn check(args: &Parsed) -> Result<(), String> {
    if args.positionals.is_empty() {
        return Err("no target name specified".to_owned());
    }
    Ok(())
}

/// What stands after the target: options of the `ssh` program and the words of the command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Rest {
    command: Option<String>,
    no_stdin: bool,
    /// `-q`: no warnings.
    quiet: bool,
    /// `-T`: no terminal is asked for, which a shell otherwise gets.
    no_terminal: bool,
}

impl Rest {
    /// Takes the words apart as OpenSSH does. Options about the connection mean nothing here; those that make it something else than
    /// a session are refused.
    fn parse(words: &[String]) -> Result<Self, String> {
        let mut rest = Self::default();
        let mut at = 0;
        while let Some(word) = words.get(at) {
            let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
                break;
            };
            at += 1;
            if letters == "-" {
                break;
            }
            if rest.take(letters)? {
                at += 1;
            }
        }
        let words = words.get(at..).unwrap_or_default();
        // The words are joined and read by a shell on the other side, quotes and all.
        rest.command = (!words.is_empty()).then(|| words.join(" "));
        Ok(rest)
    }

    /// Takes a cluster of option letters; says whether the next word is the value of the last one.
    fn take(&mut self, letters: &str) -> Result<bool, String> {
        for (index, letter) in letters.char_indices() {
            match letter {
                'n' => self.no_stdin = true,
                'q' => self.quiet = true,
                'T' => self.no_terminal = true,
                '4' | '6' | 'A' | 'a' | 'C' | 'g' | 'K' | 'k' | 't' | 'v' | 'X' | 'x' | 'Y'
                | 'y' => {}
                'B' | 'b' | 'c' | 'E' | 'e' | 'F' | 'I' | 'i' | 'J' | 'l' | 'm' | 'o' | 'P'
                | 'p' => {
                    return Ok(index + letter.len_utf8() == letters.len());
                }
                'D' | 'f' | 'L' | 'M' | 'N' | 'O' | 'R' | 'S' | 's' | 'W' | 'w' | 'G' | 'Q'
                | 'V' => {
                    return Err(format!(
                        "option -{letter} of the ssh program is not supported by the embedded controller: only commands can be run"
                    ));
                }
                other => return Err(format!("unknown option -- {other}")),
            }
        }
        Ok(false)
    }

    /// Returns what OpenSSH says before it runs anything on a host whose key it is told not to check, or for a shell without a terminal
    /// (recorded on 4.0.15).
    fn preamble(&self, address: Ipv4Addr, no_host_key_checks: bool) -> String {
        let mut text = String::new();
        if self.quiet {
            return text;
        }
        if self.command.is_none() && !self.no_terminal {
            text.push_str(
                "Pseudo-terminal will not be allocated because stdin is not a terminal.\n",
            );
        }
        if no_host_key_checks {
            text.push_str(&format!(
                "Warning: Permanently added '{address}' (ED25519) to the list of known hosts.\n"
            ));
        }
        text
    }
}

async fn ssh(cx: &Cx) -> Result<(), Failure> {
    let Some((target, words)) = cx.positionals().split_first() else {
        return Err(Failure::usage("no target name specified"));
    };
    if cx.args.switch("pty") {
        return Err(Failure::failed(
            "option --pty of \"ssh\" is not supported by the embedded controller: it has no terminals to give",
        ));
    }
    let machine = match login::machine_of(&*cx.model()?, target) {
        Ok(machine) => machine,
        Err(NoLogin::Juju(text)) => return Err(Failure::Failed(text)),
        Err(NoLogin::Ssh(text)) => {
            cx.io.stderr(&format!("{text}\n")).await;
            return Err(Failure::Silent(255));
        }
    };
    let rest = Rest::parse(words).map_err(Failure::Failed)?;
    if rest.command.is_none() && cx.env("stdin-is-terminal").is_some() {
        return Err(Failure::failed(
            "an interactive shell is not supported by the embedded controller; give a command, or the shell's input on standard input",
        ));
    }
    if let Some(row) = cx.model()?.machines.get(&machine) {
        let preamble = rest.preamble(row.address, cx.args.switch("no-host-key-checks"));
        cx.io.stderr(&preamble).await;
    }
    let home = login::home(cx, &machine)?;
    let session = Session {
        command: rest.command,
        home,
        machine,
        stdin: !rest.no_stdin,
    };
    match login::run(cx, session).await? {
        0 => Ok(()),
        code => Err(Failure::Silent(code)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Controller;
    use super::*;

    fn rest(line: &str) -> Result<(String, bool), String> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        Rest::parse(&words).map(|rest| (rest.command.unwrap_or_default(), rest.no_stdin))
    }

    #[test]
    fn options_of_the_ssh_program_stand_before_the_command() {
        for (line, command, no_stdin) in [
            ("echo a", "echo a", false),
            ("-- echo a b  c", "echo a b  c", false),
            ("-n -o BatchMode=yes cat -n", "cat -n", true),
            ("-oBatchMode=yes -tq ls", "ls", false),
            ("-p 22", "", false),
        ] {
            assert_eq!(rest(line), Ok((command.to_owned(), no_stdin)), "{line}");
        }
        assert!(rest("-N").unwrap_err().contains("-N"));
        assert!(rest("-Z").unwrap_err().contains("Z"));
    }

    #[test]
    fn a_host_key_that_is_not_checked_is_told_as_openssh_does() {
        const ADDED: &str =
            "Warning: Permanently added '127.1.0.1' (ED25519) to the list of known hosts.\n";
        const NO_TERMINAL: &str =
            "Pseudo-terminal will not be allocated because stdin is not a terminal.\n";
        for (line, unchecked, expected) in [
            ("echo a", true, ADDED.to_owned()),
            ("echo a", false, String::new()),
            ("-q echo a", true, String::new()),
            ("-n", false, NO_TERMINAL.to_owned()),
            ("-n", true, format!("{NO_TERMINAL}{ADDED}")),
            ("-T", false, String::new()),
        ] {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let rest = Rest::parse(&words).unwrap();
            let preamble = rest.preamble(Ipv4Addr::new(127, 1, 0, 1), unchecked);
            assert_eq!(preamble, expected, "{line}");
        }
        let c = Controller::with_model();
        c.juju("add-machine").ok();
        let outcome = c.juju("ssh --no-host-key-checks 0 echo in").ok();
        assert_eq!(outcome.stdout, "in\n");
        assert!(
            outcome
                .stderr
                .starts_with("Warning: Permanently added '127.")
        );
        assert_eq!(c.juju("ssh 0 echo in").ok().stderr, "");
    }

    #[test]
    fn juju_40_lets_nobody_in_without_a_key() {
        const KEY: &str =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9O+D2H+3UGpsN9X2Kf4OdRSBQoAWOOqvliEYOEYJOI me";
        let c = Controller::of(JujuVersion::V4_0);
        c.juju("add-model m").ok();
        c.juju("add-machine").ok();
        let outcome = c.juju("ssh 0 true");
        assert_eq!(
            (outcome.code, outcome.stderr.as_str()),
            (255, "ubuntu@0: Permission denied (publickey).\n")
        );
        c.run(&["add-ssh-key", KEY], "").ok();
        assert_eq!(c.juju("ssh 0 echo in").ok().stdout, "in\n");
        assert_eq!(
            c.juju("ssh 9 true").stderr,
            "ERROR getting UUID for machine \"9\": machine \"9\": machine not found\n"
        );
        let three = Controller::with_model();
        three.juju("add-machine").ok();
        assert_eq!(three.juju("ssh 0 echo in").ok().stdout, "in\n");
    }

    #[test]
    fn targets_that_are_not_there() {
        let c = Controller::with_model();
        for (line, code, expected) in [
            ("ssh", 2, "ERROR no target name specified\n"),
            ("ssh web/9 true", 1, "ERROR unit \"web/9\" not found\n"),
            ("ssh 9 true", 1, "ERROR machine 9 not found\n"),
            (
                "ssh web/leader true",
                1,
                "ERROR leader for application-web not found\n",
            ),
            (
                "ssh nosuch hostname",
                255,
                "ssh: Could not resolve hostname nosuch: Name or service not known\n",
            ),
            (
                "ssh --nosuch web/0",
                2,
                "ERROR option provided but not defined: --nosuch\n",
            ),
        ] {
            let outcome = c.juju(line);
            assert_eq!(
                (
                    outcome.code,
                    outcome.stderr.as_str(),
                    outcome.stdout.as_str()
                ),
                (code, expected, ""),
                "{line}"
            );
        }
    }
}
