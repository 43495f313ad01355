//! `juju status --format oneline` and `--format summary`.

use std::collections::{BTreeMap, BTreeSet};

use super::report::Report;

impl Report {
    /// Renders one line per unit.
    pub(crate) fn oneline(&self) -> String {
        let line = |(depth, unit): (usize, &super::report::UnitPart)| {
            let mut line = format!(
                "{}- {}: {} (agent:{}, workload:{})",
                "  ".repeat(depth),
                unit.name,
                unit.address.as_deref().unwrap_or_default(),
                unit.agent.current,
                unit.workload.current,
            );
            if !unit.ports.is_empty() {
                line.push(' ');
                line.push_str(&unit.ports.join(", "));
            }
            line.push('\n');
            line
        };
        self.units().map(line).collect()
    }

    /// Renders counts of everything.
    pub(crate) fn summary(&self) -> String {
        let subnets: BTreeSet<String> = self
            .machines
            .iter()
            .map(|machine| format!("{}/8", machine.address))
            .collect();
        let ports: BTreeSet<&str> = self
            .units()
            .flat_map(|(_, unit)| unit.ports.iter().map(String::as_str))
            .collect();
        let mut states: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, unit) in self.units() {
            *states.entry(unit.workload.current).or_default() += 1;
        }
        let mut rows: Vec<Vec<String>> = Vec::new();
        let mut row =
            |cells: &[&str]| rows.push(cells.iter().map(|cell| (*cell).to_owned()).collect());
        row(&[
            "Running on subnets:",
            &join(subnets.iter().map(String::as_str)),
        ]);
        row(&["Utilizing ports:", &join(ports)]);
        row(&["# Machines:", &format!("({})", self.machines.len())]);
        if !self.machines.is_empty() {
            row(&["started:", &self.machines.len().to_string(), ""]);
        }
        row(&["", ""]);
        row(&["# Units:", &format!("({})", self.units().count())]);
        for (state, count) in &states {
            row(&[&format!("{state}:"), &count.to_string(), ""]);
        }
        row(&["", ""]);
        row(&["# Applications:", &format!("({})", self.applications.len())]);
        for app in &self.applications {
            let units = self
                .units()
                .filter(|(_, unit)| unit.name.application() == app.name)
                .count();
            let exposed = if app.exposed { units } else { 0 };
            row(&[&app.name, &format!("{exposed}/{units}"), "exposed"]);
        }
        row(&["", ""]);
        row(&["# Remote:", "(0)"]);
        align(&rows)
    }
}

fn join<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().collect::<Vec<_>>().join(", ")
}

/// Right-aligns every cell but the last of a row, as Juju's summary does.
fn align(rows: &[Vec<String>]) -> String {
    let first = rows
        .iter()
        .filter_map(|row| row.first())
        .map(|cell| cell.chars().count())
        .max()
        .unwrap_or_default();
    let second = rows
        .iter()
        .filter(|row| row.len() > 2)
        .map(|row| row[1].chars().count())
        .max()
        .unwrap_or_default();
    let mut text = String::new();
    for row in rows {
        match row.as_slice() {
            [head, value, tail] => {
                text.push_str(&format!("{head:>first$}  {value:>second$}  {tail}\n"))
            }
            _ => text.push_str(&format!(
                "{:>first$}  {}\n",
                row[0],
                row.get(1).map_or("", String::as_str)
            )),
        }
    }
    text
}
