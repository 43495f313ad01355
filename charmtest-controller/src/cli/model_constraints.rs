//! `juju model-constraints` and `juju set-model-constraints`.

use super::command::{Command, Cx, Failure, Running, any_args};
use super::constraints;
use crate::model::Rejected;

pub(super) const COMMANDS: &[Command] = &[
    Command::new(
        "model-constraints",
        "Displays machine constraints for a model.",
        show,
    )
    .formats(&["constraints", "json", "yaml"]),
    Command::new(
        "set-model-constraints",
        "Sets machine constraints on a model.",
        set,
    )
    .args("<constraint>=<value> ...", any_args),
];

fn show(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let model = cx.model()?;
        let set = &model.info.constraints;
        cx.print_value(&constraints::describe(set), |_| {
            format!("{}\n", constraints::render(set))
        })
        .await
    })
}

fn set(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let set = constraints::parse(cx.positionals().iter().map(String::as_str))
            .map_err(Failure::Usage)?;
        cx.change(|model| {
            model.info_mut().constraints = set;
            Ok::<_, Rejected>(())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::Controller;

    #[test]
    fn constraints_are_set_and_shown() {
        let c = Controller::with_model();
        assert_eq!(c.juju("model-constraints").ok().stdout, "\n");
        assert_eq!(
            c.juju("model-constraints --format json").ok().stdout,
            "{}\n"
        );
        c.juju("set-model-constraints mem=2G cores=2 arch=amd64")
            .ok();
        assert_eq!(
            c.juju("model-constraints --format json").ok().stdout,
            "{\"arch\":\"amd64\",\"cores\":2,\"mem\":2048}\n"
        );
        assert_eq!(
            c.juju("model-constraints").ok().stdout,
            "arch=amd64 cores=2 mem=2048M\n"
        );
        for (line, expected) in [
            ("bogus=1", "ERROR unknown constraint \"bogus\"\n"),
            (
                "mem=lots",
                "ERROR bad \"mem\" constraint: must be a non-negative float with optional M/G/T/P suffix\n",
            ),
        ] {
            let outcome = c.juju(&format!("set-model-constraints {line}"));
            assert_eq!((outcome.code, outcome.stderr.as_str()), (2, expected));
        }
        c.juju("set-model-constraints").ok();
        assert_eq!(
            c.juju("model-constraints").ok().stdout,
            "\n",
            "setting replaces all"
        );
    }
}
