//! Where jobs run: in which sandbox, and what they reach over the network.

use charmtest_collection::Variant;
use charmtest_controller::JujuVersion;
use charmtest_sandbox::{Level, Network, Request};

use super::args::WatchInsideArgs;

/// The axis of a matrix that says which sandbox jobs run in.
const AXIS: &str = "sandbox";

/// Where jobs run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Controller, hooks and tests are in one sandbox.
    pub(super) contained: bool,
    /// What they reach over the network.
    pub(super) network: Network,
    /// The sandbox of each script, in the other one if there is that.
    pub(super) scripts: Request,
}

impl Place {
    /// Decides where jobs run that ask for a sandbox; `untrusted` are those of a charm that nobody trusts, and hooks run on this machine
    /// only if the backend is `embedded`.
    ///
    /// A level is for hooks as well as for tests, and hooks can be contained at the highest level only: so they are, if they are to have
    /// any.
    pub(super) fn of(
        asked: Request,
        args: &WatchInsideArgs,
        untrusted: bool,
        embedded: bool,
    ) -> Self {
        let has_level = matches!(asked, Request::Level(level) if level > Level::Plain);
        let contained = embedded && (untrusted || args.contain || has_level);
        let network = match untrusted {
            true => Network::Nodes,
            false => Network::Host,
        };
        Self {
            contained,
            network: args.network.unwrap_or(network),
            scripts: match asked {
                // All of the run is at that level.
                Request::Level(Level::Namespaces) if contained => Request::Auto,
                asked => asked,
            },
        }
    }

    /// Says whether jobs run elsewhere than as this process does.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.contained || self.network != Network::Host
    }
}

/// Returns the sandbox that the jobs of a variant ask for: what the matrix says, else the command line, else the best for scripts.
pub(super) fn asked(variant: &Variant, args: &WatchInsideArgs) -> Request {
    let of_matrix = variant.get(AXIS).and_then(|level| level.parse().ok());
    of_matrix.or(args.sandbox).unwrap_or_default()
}

/// Checks the values of a matrix.
///
/// # Errors
///
/// Says what there is not.
pub(super) fn check_variant(variant: &Variant, args: &WatchInsideArgs) -> Result<(), String> {
    for (axis, value) in &variant.0 {
        match axis.as_str() {
            "backend" if ["embedded", "juju"].contains(&value.as_str()) => {}
            "backend" => {
                return Err(format!(
                    "backend `{value}` is neither `embedded` nor `juju`"
                ));
            }
            "juju" => drop(JujuVersion::parse(value).map_err(|error| error.to_string())?),
            AXIS => drop(
                value
                    .parse::<Request>()
                    .map_err(|error| error.to_string())?,
            ),
            other => return Err(format!("`{other}` cannot be chosen here")),
        }
    }
    if variant.get("juju").is_some() && variant.get("backend") == Some("juju") {
        return Err(
            "a real Juju has a version of its own; `juju` is for the embedded backend".to_owned(),
        );
    }
    if variant.get(AXIS).is_some() && (args.contain || args.sandbox.is_some()) {
        return Err("`sandbox` says already what --contain and --sandbox would".to_owned());
    }
    if variant.get("backend") == Some("juju") && (args.contain || args.network.is_some()) {
        return Err(
            "--contain and --network are about hooks that run on this machine, and those of backend `juju` do not"
                .to_owned(),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variant(axes: &[(&str, &str)]) -> Variant {
        let axes = axes.iter();
        Variant(
            axes.map(|(axis, value)| ((*axis).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn a_matrix_has_values_that_there_are() {
        let none = WatchInsideArgs::default();
        let contain = WatchInsideArgs {
            contain: true,
            ..none.clone()
        };
        for (axes, args, good) in [
            (&[("backend", "embedded"), ("juju", "4.0")][..], &none, true),
            (&[("juju", "3.6")], &none, true),
            (&[("juju", "3.6")], &contain, true),
            (&[("backend", "juju")], &none, true),
            (&[("backend", "juju")], &contain, false),
            (&[("backend", "lxd")], &none, false),
            (&[("juju", "2.9")], &none, false),
            (&[("backend", "juju"), ("juju", "3.6")], &none, false),
            (&[("sandbox", "off")], &none, true),
            (&[("sandbox", "3")], &none, true),
            (&[("sandbox", "3")], &contain, false),
            (&[("sandbox", "4")], &none, false),
        ] {
            let variant = variant(axes);
            assert_eq!(check_variant(&variant, args).is_ok(), good, "{variant}");
        }
    }

    #[test]
    fn jobs_run_where_they_ask_to() {
        use Network::{Host, Nodes};
        use Request::{Auto, Off};
        let level = Request::Level;
        let plain = WatchInsideArgs::default();
        let contain = WatchInsideArgs {
            contain: true,
            ..plain.clone()
        };
        let nodes = WatchInsideArgs {
            network: Some(Nodes),
            ..plain.clone()
        };
        for (asked, args, untrusted, embedded, expected) in [
            (Auto, &plain, false, true, (false, Host, Auto)),
            (Auto, &plain, true, true, (true, Nodes, Auto)),
            (Auto, &contain, false, true, (true, Host, Auto)),
            (Auto, &nodes, false, true, (false, Nodes, Auto)),
            (Off, &plain, false, true, (false, Host, Off)),
            (
                level(Level::Plain),
                &plain,
                false,
                true,
                (false, Host, level(Level::Plain)),
            ),
            (
                level(Level::Landlock),
                &plain,
                false,
                true,
                (true, Host, level(Level::Landlock)),
            ),
            (
                level(Level::Namespaces),
                &plain,
                false,
                true,
                (true, Host, Auto),
            ),
            (
                level(Level::Namespaces),
                &plain,
                false,
                false,
                (false, Host, level(Level::Namespaces)),
            ),
        ] {
            let place = Place::of(asked, args, untrusted, embedded);
            let (contained, network, scripts) = expected;
            let expected = Place {
                contained,
                network,
                scripts,
            };
            assert_eq!(place, expected, "{asked} {args:?} {untrusted} {embedded}");
        }
    }

    #[test]
    fn the_matrix_says_more_than_the_command_line() {
        let args = WatchInsideArgs {
            sandbox: Some(Request::Off),
            ..WatchInsideArgs::default()
        };
        assert_eq!(asked(&variant(&[]), &args), Request::Off);
        assert_eq!(
            asked(&variant(&[("sandbox", "auto")]), &args),
            Request::Auto
        );
        assert_eq!(
            asked(&variant(&[]), &WatchInsideArgs::default()),
            Request::Auto
        );
    }
}
