//! `add-user`, `remove-user`, `disable-user` and `enable-user`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;

use super::command::{Command, Cx, Failure, Scope, at_most, first_of};
use super::target::{CONTROLLER, USER};
use crate::JujuVersion;
use crate::flags::Flag;
use crate::model::{User, random_hex};

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("add-user", "Adds a Juju user to a controller.", |cx| {
        Box::pin(add(cx))
    })
    .args("<user name> [<display name>]", |args| {
        match args.positionals.first() {
            None => Err("no username supplied".to_owned()),
            Some(_) => at_most(args, 2),
        }
    })
    .scope(Scope::Controller),
    Command::new(
        "remove-user",
        "Deletes a Juju user from a controller.",
        |cx| Box::pin(remove(cx)),
    )
    .args("<user name>", |args| {
        first_of(args, 1, "no username supplied")
    })
    .scope(Scope::Controller)
    .flags(&[Flag::switch(&["y", "yes"], "Confirm deletion of the user")]),
    Command::new("disable-user", "Disables a Juju user.", |cx| {
        Box::pin(disable(cx, true))
    })
    .args("<user name>", |args| {
        first_of(args, 1, "no username supplied")
    })
    .scope(Scope::Controller),
    Command::new(
        "enable-user",
        "Re-enables a previously disabled Juju user.",
        |cx| Box::pin(disable(cx, false)),
    )
    .args("<user name>", |args| {
        first_of(args, 1, "no username supplied")
    })
    .scope(Scope::Controller),
];

/// Says whether Juju takes a text for the name of a local user.
fn is_user_name(name: &str) -> bool {
    let edge = |c: char| c.is_ascii_alphanumeric();
    name.starts_with(edge)
        && name.ends_with(edge)
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+.-".contains(c))
}

async fn add(cx: &Cx) -> Result<(), Failure> {
    let name = &cx.positionals()[0];
    let display_name = cx.positionals().get(1).cloned().unwrap_or_default();
    if !is_user_name(name) {
        return Err(Failure::failed(format!(
            "failed to create user: invalid user name {name:?}"
        )));
    }
    let user = User {
        display_name: display_name.clone(),
        created: cx.hub.now(),
        disabled: false,
    };
    cx.hub.transact(|state| {
        if name == USER || state.info.users.contains_key(name) {
            return Err(Failure::Failed(match state.juju {
                JujuVersion::V3_6 => {
                    format!("failed to create user: user {name} already exists")
                }
                JujuVersion::V4_0 => "failed to create user: user already exists".to_owned(),
            }));
        }
        let info = state.info_mut();
        info.users.insert(name.clone(), user);
        info.access.insert(name.clone(), "login".to_owned());
        Ok(())
    })?;
    let shown = match display_name.as_str() {
        "" => name.clone(),
        display_name => format!("{display_name} ({name})"),
    };
    let token = registration(name);
    cx.print(&format!(
        "User {shown:?} added\nPlease send this command to {name}:\n    juju register {token}\n\n\
         {shown:?} has not been granted access to any models. You can use \"juju grant\" to grant access.\n"
    ))
    .await
}

/// Makes what `juju register` of a real client reads: ASN.1 with the user, the addresses of the controller (it has none), a secret key,
/// the name of the controller and a replacement proxy.
fn registration(user: &str) -> String {
    let key = random_hex(16);
    let mut body = Vec::new();
    for (tag, content) in [
        (0x13, user.as_bytes()),
        (0x30, &[]),
        (0x04, key.as_bytes()),
        (0x13, CONTROLLER.as_bytes()),
        (0x13, &[]),
    ] {
        body.extend(tagged(tag, content));
    }
    URL_SAFE.encode(tagged(0x30, &body))
}

/// Encodes one value of ASN.1 with its tag and length.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    match u8::try_from(content.len()) {
        Ok(length) if length < 0x80 => bytes.push(length),
        _ => {
            let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
            bytes.push(0x84);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend(content);
    bytes
}

async fn remove(cx: &Cx) -> Result<(), Failure> {
    let name = &cx.positionals()[0];
    if !cx.args.switch("yes") {
        let question = format!(
            "WARNING! This command will permanently archive the user {name:?} on the {CONTROLLER:?}\ncontroller. This action is irreversible and you WILL NOT be able to reuse\nusername {name:?}.\n\nIf you wish to temporarily disable the user please use the `juju disable-user`\ncommand. See\n `juju help disable-user` for more details.\n\nContinue (y/N)? "
        );
        // This one Juju asks on standard output.
        cx.print(&question).await?;
        let answer = cx.answer().await.unwrap_or_default();
        if !["y", "yes"].contains(&answer.to_lowercase().as_str()) {
            return Err(Failure::failed("user deletion aborted"));
        }
    }
    if name == USER {
        return Err(Failure::failed(format!(
            "cannot delete controller owner {name:?}"
        )));
    }
    cx.hub.transact(|state| {
        let missing = || {
            Failure::Failed(format!(
                "failed to delete user {name:?}: user {name:?} not found"
            ))
        };
        let info = state.info_mut();
        info.users.remove(name).ok_or_else(missing)?;
        info.access.remove(name);
        info.cloud_access.remove(name);
        Ok(())
    })?;
    cx.print(&format!("User {name:?} removed\n")).await
}

async fn disable(cx: &Cx, disabled: bool) -> Result<(), Failure> {
    let name = &cx.positionals()[0];
    let word = if disabled { "disable" } else { "enable" };
    let juju = cx.juju();
    if name == USER {
        match (juju, disabled) {
            (JujuVersion::V3_6, true) => {
                return Err(Failure::failed(
                    "failed to disable user: cannot disable controller model owner",
                ));
            }
            (JujuVersion::V3_6, false) => {}
            (JujuVersion::V4_0, _) => {
                return Err(Failure::Failed(format!(
                    "failed to {word} user: cannot {word} controller owner {name:?}"
                )));
            }
        }
    } else {
        cx.hub.transact(|state| {
            let user = state.info_mut().users.get_mut(name);
            let user = user.ok_or_else(|| {
                Failure::Failed(match juju {
                    // 3.6 does not tell who is there.
                    JujuVersion::V3_6 => "permission denied".to_owned(),
                    JujuVersion::V4_0 => {
                        format!("failed to {word} user: user {name:?} not found")
                    }
                })
            })?;
            user.disabled = disabled;
            Ok::<_, Failure>(())
        })?;
    }
    cx.info(&format!("User {name:?} {word}d")).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::Controller;
    use crate::JujuVersion;

    #[test]
    fn users_come_and_go() {
        let c = Controller::with_model();
        let added = c.run(&["add-user", "bob", "Bobby Tables"], "").ok().stdout;
        let token = added.lines().nth(2).unwrap().trim();
        assert!(token.starts_with("juju register M"), "{added}");
        assert_eq!(
            added.replace(token, "TOKEN"),
            "User \"Bobby Tables (bob)\" added\nPlease send this command to bob:\n    TOKEN\n\n\
             \"Bobby Tables (bob)\" has not been granted access to any models. You can use \"juju grant\" to grant access.\n"
        );
        let listed = c.juju("users --format json").ok().stdout;
        assert_eq!(
            listed,
            "[{\"user-name\":\"admin\",\"display-name\":\"admin\",\"access\":\"superuser\",\"date-created\":\"just now\",\"last-connection\":\"just now\"},\
             {\"user-name\":\"bob\",\"display-name\":\"Bobby Tables\",\"access\":\"login\",\"date-created\":\"just now\",\"last-connection\":\"never connected\"}]\n"
        );
        assert_eq!(
            c.juju("disable-user bob").ok().stderr,
            "User \"bob\" disabled\n"
        );
        assert!(!c.juju("users").ok().stdout.contains("bob"));
        assert!(c.juju("users --all").ok().stdout.contains("bob"));
        assert_eq!(
            c.juju("show-user bob --format json").ok().json()["disabled"],
            true
        );
        assert_eq!(
            c.juju("enable-user bob").ok().stderr,
            "User \"bob\" enabled\n"
        );
        c.juju("grant bob read m").ok();
        let outcome = c.juju("remove-user bob");
        assert_eq!(
            (outcome.code, outcome.stderr.as_str()),
            (1, "ERROR user deletion aborted\n")
        );
        let asked = "`juju disable-user`\ncommand. See\n `juju help disable-user` for more details.\n\nContinue (y/N)? ";
        assert!(outcome.stdout.ends_with(asked), "{outcome:?}");
        assert_eq!(
            c.juju("remove-user -y bob").ok().stdout,
            "User \"bob\" removed\n"
        );
        assert!(!c.juju("users m").ok().stdout.contains("bob"));
    }

    #[test]
    fn what_is_refused() {
        let both = |line, code, text| (line, code, [text, text]);
        let cases = [
            (
                "add-user bob",
                1,
                [
                    "failed to create user: user bob already exists",
                    "failed to create user: user already exists",
                ],
            ),
            both(
                "remove-user -y eve",
                1,
                "failed to delete user \"eve\": user \"eve\" not found",
            ),
            both(
                "remove-user -y admin",
                1,
                "cannot delete controller owner \"admin\"",
            ),
            (
                "disable-user eve",
                1,
                [
                    "permission denied",
                    "failed to disable user: user \"eve\" not found",
                ],
            ),
            (
                "disable-user admin",
                1,
                [
                    "failed to disable user: cannot disable controller model owner",
                    "failed to disable user: cannot disable controller owner \"admin\"",
                ],
            ),
            both("add-user", 2, "no username supplied"),
            both(
                "add-user b!b",
                1,
                "failed to create user: invalid user name \"b!b\"",
            ),
        ];
        for (number, juju) in [JujuVersion::V3_6, JujuVersion::V4_0]
            .into_iter()
            .enumerate()
        {
            let c = Controller::with_model_of(juju);
            c.juju("add-user bob").ok();
            for (line, code, expected) in cases {
                let outcome = c.juju(line);
                assert_eq!(
                    (outcome.code, outcome.stderr),
                    (code, format!("ERROR {}\n", expected[number])),
                    "{juju:?} {line}"
                );
            }
            c.juju("remove-user -y bob").ok();
            c.juju("add-user bob").ok();
        }
    }
}
