//! Who may use LXD, in which charmcraft builds unless it is told otherwise.
//!
//! The rule is pytest-operator's: a member of the group `lxd` runs charmcraft as it is, anybody else through
//! `sudo -g lxd -E`, and where there is no such group charmcraft is not started at all.

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::{PackError, PackOptions, find_program, process};

/// How long asking for a group may take; a directory service may be behind it.
const LIMIT: Duration = Duration::from_secs(60);

/// What decides how charmcraft is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Facts {
    /// Whether charmcraft builds in an LXD container.
    in_container: bool,
    user: User,
    /// Whether this machine has a group `lxd`.
    group_exists: bool,
}

/// Who runs charmcraft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum User {
    /// The root user, or a member of the group `lxd`.
    Allowed,
    /// Anybody else.
    Other,
}

/// How charmcraft is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Launch {
    /// As it is.
    Plain,
    /// With the group `lxd`, by sudo.
    WithGroup,
    /// Not at all: there is no group that could be allowed to build.
    NoGroup,
}

fn launch(facts: Facts) -> Launch {
    match facts {
        Facts {
            in_container: false,
            ..
        }
        | Facts {
            user: User::Allowed,
            ..
        } => Launch::Plain,
        Facts {
            group_exists: true, ..
        } => Launch::WithGroup,
        Facts {
            group_exists: false,
            ..
        } => Launch::NoGroup,
    }
}

/// Returns the command that starts `charmcraft`, as this user of this machine may.
///
/// # Errors
///
/// Fails when the user would need the group `lxd` and there is none.
pub(super) fn command(charmcraft: &Path, options: &PackOptions) -> Result<Command, PackError> {
    let environment = env::var_os("CRAFT_BUILD_ENVIRONMENT").unwrap_or_default();
    let facts = match in_container(options, &environment) {
        false => Facts {
            in_container: false,
            user: User::Other,
            group_exists: false,
        },
        true => Facts {
            in_container: true,
            user: user()?,
            group_exists: asks_for_group(),
        },
    };
    match launch(facts) {
        Launch::Plain => Ok(Command::new(charmcraft)),
        Launch::WithGroup => {
            let sudo = find_program("sudo").ok_or(PackError::NoSudo)?;
            let mut command = Command::new(sudo);
            command.args(["-g", "lxd", "-E"]).arg(charmcraft);
            Ok(command)
        }
        Launch::NoGroup => Err(PackError::NoLxdGroup),
    }
}

/// Says whether charmcraft will build in an LXD container; elsewhere than on Linux it uses another kind of machine.
fn in_container(options: &PackOptions, environment: &OsString) -> bool {
    let here = options.destructive_mode
        || options
            .charmcraft_args
            .iter()
            .any(|argument| argument == "--destructive-mode");
    cfg!(target_os = "linux") && !here && (environment.is_empty() || environment == "lxd")
}

fn user() -> Result<User, PackError> {
    let ask = |flag| process::run(Command::new("id").arg(flag), LIMIT);
    if ask("-u")?.trim() == "0" {
        return Ok(User::Allowed);
    }
    let groups = ask("-Gn")?;
    Ok(match groups.split_whitespace().any(|name| name == "lxd") {
        true => User::Allowed,
        false => User::Other,
    })
}

/// Says whether this machine has a group `lxd`.
fn asks_for_group() -> bool {
    process::run(Command::new("getent").args(["group", "lxd"]), LIMIT).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_may_use_lxd_starts_charmcraft_without_sudo() {
        let table = [
            (true, User::Allowed, true, Launch::Plain),
            (true, User::Allowed, false, Launch::Plain),
            (true, User::Other, true, Launch::WithGroup),
            (true, User::Other, false, Launch::NoGroup),
            (false, User::Other, false, Launch::Plain),
            (false, User::Other, true, Launch::Plain),
        ];
        for (in_container, user, group_exists, expected) in table {
            let facts = Facts {
                in_container,
                user,
                group_exists,
            };
            assert_eq!(launch(facts), expected, "{facts:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn charmcraft_builds_in_a_container_unless_it_is_told_otherwise() {
        let table = [
            (false, "", "", true),
            (false, "", "lxd", true),
            (false, "", "host", false),
            (false, "", "multipass", false),
            (true, "", "", false),
            (false, "--destructive-mode", "", false),
        ];
        for (destructive_mode, argument, environment, expected) in table {
            let options = PackOptions {
                destructive_mode,
                charmcraft_args: vec![argument.to_owned()],
                ..PackOptions::new("out", "cache")
            };
            let found = in_container(&options, &environment.into());
            assert_eq!(
                found, expected,
                "{destructive_mode} {argument} {environment}"
            );
        }
    }
}
