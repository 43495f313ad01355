//! What a command reaches over the network.

use std::ffi::OsString;
use std::io::Write as _;
use std::net::TcpListener;
use std::process::{ExitCode, Stdio};

use charmtest_sandbox::{Level, Network, Request, Sandbox, network_command};
use libtest_mimic::{Failed, Trial};

use crate::bed::{Bed, CANARY, PROBE, levels, said, shim};

/// The argument with which this program is the run inside a network of its own.
pub(crate) const INNER: &str = "run-in-network";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("network_none_reaches_only_itself", none),
        Trial::test("network_nodes_reaches_units_and_nothing_else", nodes),
        Trial::test(
            "network_nodes_outside_of_its_network_is_an_error",
            nodes_outside,
        ),
    ]
}

/// Connects to a TCP port of an address and prints what it is told.
const CONNECT: &str = r#"perl -MSocket -e 'socket(S, AF_INET, SOCK_STREAM, 0) and connect(S, sockaddr_in($ENV{PORT}, inet_aton($ENV{ADDRESS}))) ? print <S> : print "refused\n"'"#;

fn none() -> Result<(), Failed> {
    if !levels().any(|level| level == Level::Namespaces) {
        return Ok(());
    }
    let bed = Bed::new();
    let own = r#"perl -MSocket -e 'socket(L, AF_INET, SOCK_STREAM, 0); bind(L, sockaddr_in(7000, inet_aton("127.0.0.9"))) && listen(L, 1) or die; socket(S, AF_INET, SOCK_STREAM, 0); connect(S, sockaddr_in(7000, inet_aton("127.0.0.9"))) and print "itself\n"'"#;
    for (network, through) in [(Network::None, false), (Network::Host, true)] {
        let sandbox = Sandbox::with_shim(&shim(), Request::Level(Level::Namespaces), network)?;
        let script = format!("PORT=$TCP ADDRESS=127.0.0.1; export PORT ADDRESS; {CONNECT}; {own}");
        let output = bed.run(&sandbox, &bed.policy(), &script);
        let text = said(&output);
        if text.contains(CANARY) != through || !text.contains("itself") {
            return Err(format!("network {network}:\n{text}").into());
        }
    }
    Ok(())
}

fn nodes_outside() -> Result<(), Failed> {
    // A machine without any route is such a network.
    match Sandbox::with_shim(&shim(), Request::Off, Network::Nodes) {
        Err(error) if error.to_string().contains("not in a network of its own") => Ok(()),
        Err(error) => Err(error.to_string().into()),
        Ok(_)
            if PROBE.own_network.is_ok()
                && std::fs::read_to_string("/proc/net/route")?.lines().count() < 2 =>
        {
            Ok(())
        }
        Ok(_) => Err("the host's network as one of its own".into()),
    }
}

/// The outside listens on this machine; the units listen inside; a script at each level looks for both.
fn nodes() -> Result<(), Failed> {
    if PROBE.own_network.is_err() {
        return Ok(());
    }
    let bed = Bed::new();
    // Root can make a second network namespace with a way to the first, which stands for the Internet more closely; but what has no
    // device has no way, whatever is on the other side.
    let output = network_command(&shim(), shim(), [INNER, &bed.tcp.port().to_string()])
        .stdin(Stdio::null())
        .output()?;
    let text = said(&output);
    if output.status.success() && text.matches("level ").count() == levels().count() {
        Ok(())
    } else {
        Err(format!("{}\n{text}", output.status).into())
    }
}

/// Is the run: a unit listens, and scripts at each level try to reach it and the outside.
pub(crate) fn inner(args: &[OsString]) -> ExitCode {
    match inner_run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stdout(), "{}", error.message().unwrap_or_default());
            ExitCode::FAILURE
        }
    }
}

fn inner_run(args: &[OsString]) -> Result<(), Failed> {
    let outside = args
        .first()
        .and_then(|port| port.to_str())
        .ok_or("no port")?;
    let unit = TcpListener::bind("127.77.0.2:0")?;
    let port = unit.local_addr()?.port();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = unit.accept() {
            let _ = stream.write_all(b"a unit\n");
        }
    });
    for level in levels() {
        let bed = Bed::new();
        let sandbox = Sandbox::with_shim(&shim(), Request::Level(level), Network::Nodes)?;
        let script = format!(
            "export PORT={port} ADDRESS=127.77.0.2; {CONNECT}; PORT={outside} ADDRESS=127.0.0.1; {CONNECT}; ADDRESS=192.0.2.1 PORT=80; {CONNECT}"
        );
        let text = said(&bed.run(&sandbox, &bed.policy(), &script));
        if text != "a unit\nrefused\nrefused\n" {
            return Err(format!("{}:\n{text}", sandbox.achieved()).into());
        }
        writeln!(std::io::stdout(), "{}", sandbox.achieved())?;
    }
    Ok(())
}
