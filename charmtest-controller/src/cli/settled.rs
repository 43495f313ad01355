//! `bind`, `retry-provisioning`, `scale-application`: what they are about is settled here. There is one space, machines always start, and
//! models are models of machines.

use super::command::{Command, Cx, Failure, any_args, no_args};
use super::refresh::endpoint_lines;
use super::refusals;
use super::spaces::SPACE;
use crate::flags::{Flag, Parsed};

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new(
        "bind",
        "Change bindings for a deployed application.",
        |cx| Box::pin(bind(cx)),
    )
    .args(
        "<application> [<default-space>] [<endpoint-name>=<space> ...]",
        |args| match args.positionals.as_slice() {
            [] => Err("no application specified".to_owned()),
            _ => Ok(()),
        },
    )
    .flags(&[Flag::switch(
        &["force"],
        "Allow endpoints to be bound to spaces that might not be available to all existing units",
    )]),
    Command::new(
        "retry-provisioning",
        "Retries provisioning for failed machines.",
        |cx| Box::pin(retry_provisioning(cx)),
    )
    .args("<machine> [...]", check_machines)
    .flags(&[Flag::switch(
        &["all"],
        "Retry provisioning all failed machines",
    )]),
    Command::new(
        "scale-application",
        "Set the desired number of k8s application units.",
        |_| Box::pin(async { Err(Failure::failed("a model of machines has no scale")) }),
    )
    // Juju refuses it by the type of the model before it looks at the arguments (recorded).
    .args("<application> <scale>", |_| {
        Err("Juju command \"scale-application\" only supported on k8s container models".to_owned())
    }),
];

fn check_machines(args: &Parsed) -> Result<(), String> {
    if args.switch("all") {
        return no_args(args);
    }
    match args
        .positionals
        .iter()
        .find(|id| id.parse::<u32>().is_err())
    {
        Some(id) => Err(format!("invalid machine {id:?}")),
        None if args.positionals.is_empty() => Err("no machine specified".to_owned()),
        None => any_args(args),
    }
}

/// `juju bind`: with one space no endpoint ever changes.
async fn bind(cx: &Cx) -> Result<(), Failure> {
    let [name, bindings @ ..] = cx.positionals() else {
        return Err(Failure::usage("no application specified"));
    };
    if bindings.is_empty() {
        return Err(Failure::failed("no bindings specified"));
    }
    for binding in bindings {
        let space = binding
            .split_once('=')
            .map_or(binding.as_str(), |(_, space)| space);
        if space != SPACE {
            return Err(Failure::Failed(format!("space {space:?} not found")));
        }
    }
    let model = cx.model()?;
    let charm = model
        .charm_of(name)
        .ok_or_else(|| refusals::no_application(cx.juju(), name))?;
    let endpoints = &charm.charm.metadata.endpoints;
    for (endpoint, _) in bindings
        .iter()
        .filter_map(|binding| binding.split_once('='))
    {
        let known = endpoint == "juju-info"
            || endpoints.iter().any(|known| known.name == endpoint)
            || charm
                .charm
                .metadata
                .extra_bindings
                .iter()
                .any(|known| known == endpoint);
        if !known {
            return Err(Failure::Failed(format!("endpoint {endpoint:?} not found")));
        }
    }
    for line in endpoint_lines(cx.juju(), Some(&charm.charm), &charm.charm) {
        cx.info(&line).await;
    }
    Ok(())
}

/// `juju retry-provisioning`: no machine is ever in error.
async fn retry_provisioning(cx: &Cx) -> Result<(), Failure> {
    let model = cx.model()?;
    for id in cx.positionals() {
        let line = match model.machines.get(id.as_str()) {
            Some(_) => format!("machine {id} is not in an error state (running)"),
            None => format!("machine {id} not found"),
        };
        cx.info(&line).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::charm_fixture::TRACER;
    use super::super::testing::Controller;
    use crate::JujuVersion;

    #[test]
    fn nothing_is_left_to_change() {
        for juju in [JujuVersion::V3_6, JujuVersion::V4_0] {
            let c = Controller::with_model_of(juju);
            c.write_charm("tracer", TRACER);
            c.pack_charm("tracer");
            c.juju("deploy ./tracer.charm web").ok();
            let kept = "no change to endpoints in space \"alpha\": ";
            let scale =
                "ERROR Juju command \"scale-application\" only supported on k8s container models\n";
            for (line, code, stderr) in [
                ("bind", 2, "ERROR no application specified\n"),
                ("bind web", 1, "ERROR no bindings specified\n"),
                ("bind web alpha", 0, kept),
                ("bind web server=alpha", 0, kept),
                ("bind web nosuch", 1, "ERROR space \"nosuch\" not found\n"),
                (
                    "bind web nosuch=alpha",
                    1,
                    "ERROR endpoint \"nosuch\" not found\n",
                ),
                ("scale-application", 2, scale),
                ("scale-application web 2", 2, scale),
                (
                    "retry-provisioning 0",
                    0,
                    "machine 0 is not in an error state (running)\n",
                ),
                ("retry-provisioning --all", 0, ""),
                ("retry-provisioning", 2, "ERROR no machine specified\n"),
            ] {
                let outcome = c.juju(line);
                assert_eq!(
                    (outcome.code, outcome.stdout.as_str()),
                    (code, ""),
                    "{line}"
                );
                assert!(
                    outcome.stderr.starts_with(stderr),
                    "{line}: {}",
                    outcome.stderr
                );
            }
            let missing = c.juju("bind nosuch alpha");
            let said = match juju {
                JujuVersion::V3_6 => "ERROR application \"nosuch\" not found (not found)\n",
                JujuVersion::V4_0 => "ERROR application nosuch not found (not found)\n",
            };
            assert_eq!((missing.code, missing.stderr.as_str()), (1, said));
        }
    }
}
