//! The help of hook tools.

use super::tool::{OutputKind, Tool};
use crate::flags::{Flag, Kind};

/// Returns what `--help` prints.
pub(super) fn help(tool: &Tool) -> String {
    let mut flags: Vec<&Flag> = tool.flags.iter().chain(tool.output.flags()).collect();
    flags.sort_by_key(|flag| flag.names.first());
    let mut out = format!("Usage: {}", tool.name);
    if !flags.is_empty() {
        out.push_str(" [options]");
    }
    if !tool.arguments.is_empty() {
        out.push(' ');
        out.push_str(tool.arguments);
    }
    out.push_str("\n\nSummary:\n");
    out.push_str(tool.summary);
    out.push('\n');
    if !flags.is_empty() {
        out.push_str("\nOptions:\n");
    }
    for flag in flags {
        let names: Vec<String> = flag.names.iter().map(|name| dashed(name)).collect();
        out.push_str(&format!(
            "{} (= {})\n    {}\n",
            names.join(", "),
            default(flag, tool.output),
            flag.help
        ));
    }
    out
}

fn dashed(name: &str) -> String {
    let dashes = if name.len() > 1 { "--" } else { "-" };
    format!("{dashes}{name}")
}

fn default(flag: &Flag, output: OutputKind) -> &'static str {
    match flag.kind {
        Kind::Switch => "false",
        Kind::Format(_) => output.default_format(),
        _ => "\"\"",
    }
}
