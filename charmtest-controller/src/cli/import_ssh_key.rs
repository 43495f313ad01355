//! `juju import-ssh-key`.

use super::command::{Command, Cx, Failure};

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[Command::new(
    "import-ssh-key",
    "Adds a public SSH key from a trusted identity source to a model.",
    |cx| Box::pin(run(cx)),
)
.args("<lp|gh>:<user identity> ...", |args| {
    if args.positionals.is_empty() {
        return Err("no SSH key id specified".to_owned());
    }
    Ok(())
})];

/// Refuses: keys of Launchpad and GitHub are fetched over the network, which this controller never uses on its own.
async fn run(cx: &Cx) -> Result<(), Failure> {
    let ids: Vec<String> = cx
        .positionals()
        .iter()
        .map(|id| format!("{id:?}"))
        .collect();
    Err(Failure::failed(format!(
        "cannot import {}: the embedded controller does not fetch keys over the network; give the key itself to \"juju add-ssh-key\"",
        ids.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Controller;

    #[test]
    fn nothing_is_fetched() {
        let c = Controller::with_model();
        let outcome = c.juju("import-ssh-key gh:somebody lp:other");
        assert_eq!(
            (outcome.code, outcome.stderr.as_str()),
            (
                1,
                "ERROR cannot import \"gh:somebody\", \"lp:other\": the embedded controller does not fetch keys over the network; give the key itself to \"juju add-ssh-key\"\n"
            )
        );
        let outcome = c.juju("import-ssh-key");
        let expected = "ERROR no SSH key id specified\n";
        assert_eq!((outcome.code, outcome.stderr.as_str()), (2, expected));
        assert_eq!(c.juju("ssh-keys").ok().stderr, "No keys to display.\n");
    }
}
