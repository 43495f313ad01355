//! `open-port`, `close-port`, `opened-ports`.

use std::collections::{BTreeMap, BTreeSet};

use super::tool::{Answered, OutputKind, Scene, Tool, ToolError, at_most};
use crate::agent::Pending;
use crate::flags::{Flag, Parsed};
use crate::model::{Model, PortRange, UnitName};

/// Opened ranges by endpoint; [`ALL`] stands for all endpoints.
type Ports = BTreeMap<String, BTreeSet<PortRange>>;

/// The key of ranges that are open for all endpoints.
const ALL: &str = "";

const ENDPOINTS: Flag = Flag::text(
    &["endpoints"],
    "The endpoints concerned, separated by commas",
);
const RANGE: &str = "<port>[/<protocol>] or <from>-<to>[/<protocol>] or icmp";

pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "close-port",
        arguments: RANGE,
        summary: "Closes a port or a range of ports once the hook has succeeded.",
        flags: &[ENDPOINTS],
        output: OutputKind::Deprecated,
        run: close_port,
    },
    Tool {
        name: "open-port",
        arguments: RANGE,
        summary: "Opens a port or a range of ports once the hook has succeeded.",
        flags: &[ENDPOINTS],
        output: OutputKind::Deprecated,
        run: open_port,
    },
    Tool {
        name: "opened-ports",
        arguments: "",
        summary: "Lists the ports that the unit has opened.",
        flags: &[Flag::switch(
            &["endpoints"],
            "Show the endpoints of each range",
        )],
        output: OutputKind::Smart,
        run: opened_ports,
    },
];

fn open_port(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    let (range, endpoints) = arguments(parsed)?;
    let conflict = conflict_now(scene, &range);
    if let Some(conflict) = conflict {
        return Err(ToolError::failed(conflict));
    }
    let pending = &mut scene.context.pending;
    for endpoint in endpoints {
        take(&mut pending.close_ports, &endpoint, &range);
        pending
            .open_ports
            .entry(endpoint)
            .or_default()
            .insert(range.clone());
    }
    Ok(Answered::nothing())
}

fn close_port(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    let (range, endpoints) = arguments(parsed)?;
    let pending = &mut scene.context.pending;
    for endpoint in endpoints {
        if endpoint == ALL {
            let opened: Vec<String> = pending.open_ports.keys().cloned().collect();
            opened
                .iter()
                .for_each(|opened| take(&mut pending.open_ports, opened, &range));
        }
        take(&mut pending.open_ports, &endpoint, &range);
        pending
            .close_ports
            .entry(endpoint)
            .or_default()
            .insert(range.clone());
    }
    Ok(Answered::nothing())
}

fn opened_ports(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    at_most(parsed, 0)?;
    let mut endpoints: BTreeMap<PortRange, Vec<String>> = BTreeMap::new();
    for (endpoint, ranges) in own_ports(scene) {
        for range in ranges {
            let shown = if endpoint == ALL { "*" } else { &endpoint };
            endpoints.entry(range).or_default().push(shown.to_owned());
        }
    }
    // Ranges are ordered by protocol, then by port.
    let lines = endpoints
        .into_iter()
        .map(|(range, endpoints)| match parsed.switch("endpoints") {
            true => format!("{range} ({})", endpoints.join(", ")),
            false => range.to_string(),
        });
    Ok(Answered::value(lines.collect::<Vec<String>>()))
}

/// Writes pending ports into the unit's row.
///
/// # Errors
///
/// Fails when an endpoint is unknown to the charm, and when a range collides with one that another unit on the machine opened
/// since `open-port` looked.
pub(super) fn flush(model: &mut Model, unit: &UnitName, pending: &Pending) -> Result<(), String> {
    let Some(row) = model.units.get(unit) else {
        return Ok(());
    };
    let known = endpoints_of(model, unit);
    for (verb, ranges) in [
        ("open", &pending.open_ports),
        ("close", &pending.close_ports),
    ] {
        let unknown = ranges
            .keys()
            .find(|endpoint| *endpoint != ALL && !known.contains(*endpoint));
        if let Some(endpoint) = unknown {
            return Err(format!(
                "{verb} port range: endpoint {endpoint:?} for unit {:?} not found",
                unit.as_str()
            ));
        }
    }
    let ports = with_pending(&row.ports, pending, &known);
    if ports == row.ports {
        return Ok(());
    }
    for range in pending.open_ports.values().flatten() {
        if let Some((other, taken)) = conflict_with_others(model, unit, range) {
            return Err(conflict_message(unit, range, &other, &taken));
        }
    }
    if let Some(row) = model.units.get_mut(unit) {
        row.ports = ports;
    }
    Ok(())
}

/// Returns the unit's ports as they will be after the hook.
fn own_ports(scene: &Scene<'_>) -> Ports {
    let unit = &scene.context.unit;
    let committed = scene
        .model
        .units
        .get(unit)
        .map(|row| row.ports.clone())
        .unwrap_or_default();
    with_pending(
        &committed,
        &scene.context.pending,
        &endpoints_of(scene.model, unit),
    )
}

/// Applies pending changes. A range that was open for all endpoints and is closed for one stays open for the others (Juju 3.6);
/// closing for all endpoints closes it for each.
fn with_pending(committed: &Ports, pending: &Pending, known: &BTreeSet<String>) -> Ports {
    let mut ports = committed.clone();
    for (endpoint, ranges) in &pending.close_ports {
        for range in ranges {
            close(&mut ports, endpoint, range, known);
        }
    }
    for (endpoint, ranges) in &pending.open_ports {
        ports
            .entry(endpoint.clone())
            .or_default()
            .extend(ranges.iter().cloned());
    }
    ports.retain(|_, ranges| !ranges.is_empty());
    ports
}

fn close(ports: &mut Ports, endpoint: &str, range: &PortRange, known: &BTreeSet<String>) {
    if endpoint == ALL {
        for ranges in ports.values_mut() {
            ranges.remove(range);
        }
        return;
    }
    if ports
        .get_mut(ALL)
        .is_some_and(|ranges| ranges.remove(range))
    {
        for other in known {
            ports
                .entry(other.clone())
                .or_default()
                .insert(range.clone());
        }
    }
    take(ports, endpoint, range);
}

fn take(ports: &mut Ports, endpoint: &str, range: &PortRange) {
    if let Some(ranges) = ports.get_mut(endpoint) {
        ranges.remove(range);
        if ranges.is_empty() {
            ports.remove(endpoint);
        }
    }
}

fn endpoints_of(model: &Model, unit: &UnitName) -> BTreeSet<String> {
    let charm = model.charm_of(unit.application());
    charm
        .into_iter()
        .flat_map(|row| &row.charm.metadata.endpoints)
        .map(|endpoint| endpoint.name.clone())
        .collect()
}

/// Says why `range` cannot be opened, if so: another unit on the machine has a part of it, or this unit has an overlapping range.
fn conflict_now(scene: &Scene<'_>, range: &PortRange) -> Option<String> {
    let unit = &scene.context.unit;
    let other = conflict_with_others(scene.model, unit, range);
    if let Some((other, taken)) = other {
        return Some(conflict_message(unit, range, &other, &taken));
    }
    let pending = &scene.context.pending;
    let overlapping = |ranges: &Ports| {
        ranges
            .values()
            .flatten()
            .find(|own| *own != range && overlap(own, range))
            .cloned()
    };
    if let Some(own) = overlapping(&pending.open_ports) {
        return Some(conflict_message(unit, range, unit, &own) + " requested earlier");
    }
    let own = overlapping(&own_ports(scene))?;
    Some(conflict_message(unit, range, unit, &own))
}

fn conflict_with_others(
    model: &Model,
    unit: &UnitName,
    range: &PortRange,
) -> Option<(UnitName, PortRange)> {
    let machine = &model.units.get(unit)?.machine;
    model
        .units
        .values()
        .filter(|other| other.machine == *machine && other.name != *unit)
        .find_map(|other| {
            let taken = other
                .ports
                .values()
                .flatten()
                .find(|taken| overlap(taken, range))?;
            Some((other.name.clone(), taken.clone()))
        })
}

fn conflict_message(
    unit: &UnitName,
    range: &PortRange,
    other: &UnitName,
    taken: &PortRange,
) -> String {
    format!(
        "cannot open {range} (unit \"{unit}\"): port range conflicts with {taken} (unit \"{other}\")"
    )
}

/// Says whether two ranges share a port. ICMP has no ports, so any number of units may let it in.
fn overlap(a: &PortRange, b: &PortRange) -> bool {
    a.protocol != "icmp" && a.protocol == b.protocol && a.from <= b.to && b.from <= a.to
}

fn arguments(parsed: &Parsed) -> Result<(PortRange, Vec<String>), ToolError> {
    let Some(text) = parsed.positionals.first() else {
        return Err(ToolError::usage("no port or range specified"));
    };
    let range = parse_range(text).map_err(ToolError::usage)?;
    at_most(parsed, 1)?;
    let mut endpoints: Vec<String> = parsed.list("endpoints").map(str::to_owned).collect();
    if endpoints.is_empty() {
        endpoints.push(ALL.to_owned());
    }
    Ok((range, endpoints))
}

/// Parses `80`, `80/udp`, `1000-2000/tcp`, `icmp`.
fn parse_range(text: &str) -> Result<PortRange, String> {
    let lower = text.to_ascii_lowercase();
    let (numbers, protocol) = lower.split_once('/').unwrap_or((&lower, "tcp"));
    if numbers == "icmp" {
        return Ok(PortRange {
            protocol: "icmp".to_owned(),
            from: 0,
            to: 0,
        });
    }
    let (from, to) = numbers.split_once('-').unwrap_or((numbers, numbers));
    let (from, to) = (parse_port(from)?, parse_port(to)?);
    if !matches!(protocol, "tcp" | "udp" | "icmp") {
        return Err(format!(
            "invalid protocol {protocol:?}, expected \"tcp\", \"udp\", or \"icmp\""
        ));
    }
    if from > to {
        return Err(format!("invalid port range {from}-{to}/{protocol}"));
    }
    match (u16::try_from(from), u16::try_from(to)) {
        (Ok(from), Ok(to)) => Ok(PortRange {
            protocol: protocol.to_owned(),
            from,
            to,
        }),
        _ => Err(format!(
            "port range bounds must be between 0 and 65535, got {from}-{to}"
        )),
    }
}

fn parse_port(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| {
        format!("invalid port {text:?}: strconv.Atoi: parsing {text:?}: invalid syntax")
    })
}

#[cfg(test)]
mod tests {
    use crate::tools::testing::World;

    #[test]
    fn closing_for_one_endpoint_leaves_the_others_open() {
        let mut world = World::new();
        world.check(&[
            ("open-port 80", 0, "", ""),
            ("open-port 90-95/udp --endpoints ring", 0, "", ""),
        ]);
        world.flush().unwrap();
        world.enter("two/0", None, None);
        world.check(&[
            ("close-port 80 --endpoints ring", 0, "", ""),
            (
                "opened-ports --endpoints",
                0,
                "80/tcp (client, server)\n90-95/udp (ring)\n",
                "",
            ),
            ("close-port 90-95/udp", 0, "", ""),
            (
                "opened-ports --endpoints",
                0,
                "80/tcp (client, server)\n",
                "",
            ),
        ]);
        world.flush().unwrap();
        world.enter("two/0", None, None);
        world.check(&[
            (
                "opened-ports --endpoints",
                0,
                "80/tcp (client, server)\n",
                "",
            ),
            ("close-port 80", 0, "", ""),
            ("opened-ports", 0, "", ""),
            ("open-port 80 --endpoints server", 0, "", ""),
            ("opened-ports --endpoints", 0, "80/tcp (server)\n", ""),
        ]);
        world.flush().unwrap();
        let ports = world.model().units.get("two/0").unwrap().ports.clone();
        assert_eq!(ports.keys().collect::<Vec<_>>(), ["server"]);
    }

    #[test]
    fn ranges_of_one_machine_do_not_overlap() {
        let mut world = World::new();
        world.check(&[
            ("open-port 80-90", 0, "", ""),
            ("open-port 80-90", 0, "", ""),
            ("open-port icmp", 0, "", ""),
            ("open-port 85", 1, "", "ERROR cannot open 85/tcp (unit \"two/0\"): port range conflicts with 80-90/tcp (unit \"two/0\") requested earlier\n"),
            ("open-port 85/udp", 0, "", ""),
        ]);
        world.flush().unwrap();
        world.enter("two/0", None, None);
        world.check(&[("open-port 85", 1, "", "ERROR cannot open 85/tcp (unit \"two/0\"): port range conflicts with 80-90/tcp (unit \"two/0\")\n")]);
        world.enter("two/1", None, None);
        world.check(&[
            ("open-port 80-90", 1, "", "ERROR cannot open 80-90/tcp (unit \"two/1\"): port range conflicts with 80-90/tcp (unit \"two/0\")\n"),
            ("open-port icmp", 0, "", ""),
            ("open-port 91", 0, "", ""),
        ]);
        // The other unit opens the port before this hook ends.
        world.edit(|model| {
            let taken = model.units.get("two/0").unwrap().ports.clone();
            let range = taken[""].first().unwrap().clone();
            let late = crate::model::PortRange {
                protocol: "tcp".to_owned(),
                from: 91,
                to: 91,
            };
            model
                .units
                .get_mut("two/0")
                .unwrap()
                .ports
                .insert(String::new(), [range, late].into());
        });
        let error = world.flush().unwrap_err();
        assert_eq!(
            error,
            "cannot open 91/tcp (unit \"two/1\"): port range conflicts with 91/tcp (unit \"two/0\")"
        );
    }
}
