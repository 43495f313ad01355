//! `ssh-keys`, `add-ssh-key`, `remove-ssh-key`: the public keys that may log in to a model's machines.

use sha2::{Digest, Sha256};

use super::command::{Command, Cx, Failure, no_args};
use crate::JujuVersion;
use crate::agent::base64;
use crate::flags::Flag;

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new(
        "ssh-keys",
        "Lists the currently known SSH keys for the current (or specified) model.",
        |cx| Box::pin(list(cx)),
    )
    .aliases(&["list-ssh-keys"])
    .args("", no_args)
    .flags(&[Flag::switch(
        &["full"],
        "Show full key instead of just the fingerprint",
    )]),
    Command::new("add-ssh-key", "Adds a public SSH key to a model.", |cx| {
        Box::pin(add(cx))
    })
    .args("<ssh key> ...", |args| match args.positionals.len() {
        0 => Err("no ssh key specified".to_owned()),
        _ => Ok(()),
    }),
    Command::new(
        "remove-ssh-key",
        "Removes a public SSH key (or keys) from a model.",
        |cx| Box::pin(remove(cx)),
    )
    .args("<ssh key id> ...", |args| match args.positionals.len() {
        0 => Err("no ssh key id specified".to_owned()),
        _ => Ok(()),
    }),
];

/// A public key, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key<'a> {
    blob: Vec<u8>,
    comment: &'a str,
}

impl<'a> Key<'a> {
    /// Parses `type base64 [comment]`; `None` when it is no key.
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.trim().splitn(3, ' ');
        let kind = parts.next()?;
        let blob = decode(parts.next()?)?;
        // The type stands inside the key once more, with its length in front.
        let length = u32::from_be_bytes(blob.get(..4)?.try_into().ok()?) as usize;
        let inside = blob.get(4..4_usize.checked_add(length)?)?;
        (inside == kind.as_bytes()).then(|| Self {
            blob,
            comment: parts.next().unwrap_or_default().trim(),
        })
    }

    /// Returns the fingerprint as `ssh-keygen` prints it.
    fn fingerprint(&self) -> String {
        let digest = base64(&Sha256::digest(&self.blob));
        format!("SHA256:{}", digest.trim_end_matches('='))
    }
}

/// Decodes base64; `None` when it is none.
fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut group, mut bits) = (0_u32, 0_u32);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        group = (group << 6) | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((group >> bits) & 0xff).ok()?);
        }
    }
    Some(bytes)
}

async fn list(cx: &Cx) -> Result<(), Failure> {
    let model = cx.model()?;
    let keys = &model.info.authorized_keys;
    if keys.is_empty() {
        cx.info("No keys to display.").await;
        return Ok(());
    }
    let name = cx
        .target
        .as_ref()
        .map(|target| target.label.clone())
        .unwrap_or_default();
    let mut text = format!("Keys used in model: {name}\n");
    let full = cx.args.switch("full");
    // Newest first, as recorded.
    for line in keys.iter().rev() {
        let shown = match Key::parse(line) {
            Some(key) if !full => match (model.info.juju, key.comment) {
                (JujuVersion::V3_6, comment) if !comment.is_empty() => {
                    format!("{} ({comment})", key.fingerprint())
                }
                _ => key.fingerprint(),
            },
            _ => line.clone(),
        };
        text += &format!("{shown}\n");
    }
    cx.print(&text).await
}

async fn add(cx: &Cx) -> Result<(), Failure> {
    let wanted = cx.positionals();
    let complaints = cx.change(|model| {
        let juju = model.info.juju;
        let mut complaints = Vec::new();
        for text in wanted {
            let key = Key::parse(text);
            let known = key.as_ref().is_some_and(|key| {
                let mut keys = model.info.authorized_keys.iter();
                keys.any(|line| Key::parse(line).is_some_and(|other| other.blob == key.blob))
            });
            let why = match (key, known, juju) {
                (Some(_), false, _) => {
                    model
                        .info_mut()
                        .authorized_keys
                        .push(text.trim().to_owned());
                    continue;
                }
                (None, _, JujuVersion::V3_6) => format!("invalid ssh key: {text}"),
                (Some(_), true, JujuVersion::V3_6) => format!("duplicate ssh key: {text}"),
                (None, _, JujuVersion::V4_0) => {
                    "one or more public keys to be added for user \"admin\" is invalid".to_owned()
                }
                (Some(_), true, JujuVersion::V4_0) => {
                    "one or more public keys to be added for user \"admin\" already exist"
                        .to_owned()
                }
            };
            complaints.push(format!("cannot add key {text:?}: {why}"));
        }
        Ok::<_, crate::model::Rejected>(complaints)
    })?;
    // A key that is not taken is no failure of the command.
    for line in complaints {
        cx.io.stderr(&format!("{line}\n")).await;
    }
    Ok(())
}

async fn remove(cx: &Cx) -> Result<(), Failure> {
    let wanted = cx.positionals();
    let complaints = cx.change(|model| {
        let juju = model.info.juju;
        let mut complaints = Vec::new();
        for id in wanted {
            let is_meant = |line: &String| {
                line == id
                    || Key::parse(line).is_some_and(|key| {
                        key.comment == id
                            || key.fingerprint() == *id
                            || key.fingerprint().strip_prefix("SHA256:") == Some(id)
                    })
            };
            if !model.info.authorized_keys.iter().any(is_meant) {
                // 4.0 says nothing (recorded).
                if juju == JujuVersion::V3_6 {
                    complaints.push(format!(
                        "cannot remove key id {id:?}: invalid ssh key: {id}"
                    ));
                }
                continue;
            }
            model
                .info_mut()
                .authorized_keys
                .retain(|line| !is_meant(line));
        }
        Ok::<_, crate::model::Rejected>(complaints)
    })?;
    for line in complaints {
        cx.io.stderr(&format!("{line}\n")).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::Controller;
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9O+D2H+3UGpsN9X2Kf4OdRSBQoAWOOqvliEYOEYJOI throw@away";

    #[test]
    fn keys_come_and_go_as_recorded() {
        let c = Controller::of(JujuVersion::V4_0);
        c.juju("add-model t1").ok();
        let said = |c: &Controller, args: &[&str]| {
            let outcome = c.run(args, "").ok();
            (outcome.stdout, outcome.stderr)
        };
        let text = |out: &str, err: &str| (out.to_owned(), err.to_owned());
        assert_eq!(said(&c, &["ssh-keys"]), text("", "No keys to display.\n"));
        assert_eq!(said(&c, &["add-ssh-key", KEY]), text("", ""));
        assert_eq!(
            said(&c, &["add-ssh-key", KEY, "bogus"]),
            text(
                "",
                &format!(
                    "cannot add key \"{KEY}\": one or more public keys to be added for user \"admin\" already exist\n\
                          cannot add key \"bogus\": one or more public keys to be added for user \"admin\" is invalid\n"
                )
            )
        );
        assert_eq!(
            said(&c, &["ssh-keys"]),
            text(
                "Keys used in model: admin/t1\nSHA256:pQra6wMRx1+TIcfPQpw5gWBx84hQtVhGNo9zqepvzmQ\n",
                ""
            )
        );
        assert_eq!(
            said(&c, &["ssh-keys", "--full"]),
            text(&format!("Keys used in model: admin/t1\n{KEY}\n"), "")
        );
        for _ in 0..2 {
            assert_eq!(said(&c, &["remove-ssh-key", "throw@away"]), text("", ""));
        }
        assert_eq!(said(&c, &["ssh-keys"]), text("", "No keys to display.\n"));
    }

    #[test]
    fn juju_36_words_its_refusals_differently() {
        let c = Controller::with_model();
        c.run(&["add-ssh-key", KEY], "").ok();
        assert_eq!(
            c.run(&["add-ssh-key", KEY, "bogus"], "").ok().stderr,
            format!(
                "cannot add key \"{KEY}\": duplicate ssh key: {KEY}\ncannot add key \"bogus\": invalid ssh key: bogus\n"
            )
        );
    }
}
