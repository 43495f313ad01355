//! What a sandboxed command reaches over the network.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::SHIM_ARGUMENT;

/// What a sandboxed command reaches over the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// All that this machine reaches.
    #[default]
    Host,
    /// The units and nothing else: the whole run, controller and units included, is in one network namespace ([`network_command`]).
    Nodes,
    /// Nothing but itself. Needs [`Level::Namespaces`](crate::Level::Namespaces).
    None,
}

impl Network {
    fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Nodes => "nodes",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Network {
    type Err = UnknownNetwork;

    fn from_str(text: &str) -> Result<Self, UnknownNetwork> {
        [Self::Host, Self::Nodes, Self::None]
            .into_iter()
            .find(|network| network.name() == text)
            .ok_or_else(|| UnknownNetwork(text.to_owned()))
    }
}

/// A text that is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no network: host, nodes or none")]
pub struct UnknownNetwork(String);

/// Returns a command that runs a program, and all that it starts, in a network namespace in which only the loopback device is.
///
/// This is [`Network::Nodes`] for the embedded controller: the run is started so as a whole, its daemon, its hooks and its tests
/// share the namespace, and unit addresses (127.x.y.z) are reached where nothing else is. Files, processes, user and capabilities
/// stay as they are; root is not needed where user namespaces are allowed. `shim` is the program that calls
/// [`shim_main`](crate::shim_main). The command exits with 125 and a reason on standard error if there is no such namespace to be had.
pub fn network_command(
    shim: &Path,
    program: impl AsRef<OsStr>,
    args: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Command {
    let mut command = Command::new(shim);
    command
        .args([SHIM_ARGUMENT, "network"])
        .arg(program)
        .args(args);
    command
}

/// Says whether this process is in a network that leads nowhere: no device is up but loopback, and there is no route.
///
/// # Errors
///
/// When `/proc/self/net` cannot be read.
pub(crate) fn is_isolated() -> io::Result<bool> {
    let routes = fs::read_to_string("/proc/self/net/route")?;
    let routes6 = fs::read_to_string("/proc/self/net/ipv6_route").unwrap_or_default();
    Ok(leads_nowhere(&routes, &routes6))
}

/// Decides on the tables of `/proc/net/route` and `/proc/net/ipv6_route`.
fn leads_nowhere(routes: &str, routes6: &str) -> bool {
    let outward = |device: &&str| *device != "lo";
    let v4 = routes
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
        .any(|device| outward(&device));
    let v6 = routes6
        .lines()
        .filter_map(|line| line.split_whitespace().last())
        .any(|device| outward(&device));
    !v4 && !v6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_with_a_route_leads_somewhere() {
        let head = "Iface\tDestination\tGateway \tFlags\n";
        let lo6 = "00000000000000000000000000000001 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000002 00000000 80200001       lo\n";
        assert!(leads_nowhere(head, ""));
        assert!(leads_nowhere(head, lo6));
        assert!(!leads_nowhere(
            &format!("{head}eth0\t00000000\t0102A8C0\t0003\n"),
            lo6
        ));
        assert!(!leads_nowhere(
            head,
            &format!("{lo6}{}", lo6.replace(" lo", " eth0"))
        ));
    }

    #[test]
    fn networks_are_read_by_name() {
        for network in [Network::Host, Network::Nodes, Network::None] {
            assert_eq!(network.to_string().parse(), Ok(network));
        }
        assert!("Internet".parse::<Network>().is_err());
    }
}
