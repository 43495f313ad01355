//! Which lines of the log `juju debug-log` shows.

use crate::flags::Parsed;
use crate::model::{LogLevel, LogLine};

/// The conditions that a line must fulfil.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Filter {
    include: Vec<String>,
    exclude: Vec<String>,
    include_module: Vec<String>,
    exclude_module: Vec<String>,
    level: Option<LogLevel>,
    /// Whether lines must have a label; those of charms have none.
    labelled: bool,
}

impl Filter {
    /// Reads the conditions from the options.
    pub(super) fn new(args: &Parsed) -> Self {
        let owned = |name: &str| args.list(name).map(str::to_owned).collect();
        Self {
            include: owned("include"),
            exclude: owned("exclude"),
            include_module: owned("include-module"),
            exclude_module: owned("exclude-module"),
            level: args.text("level").and_then(LogLevel::parse),
            labelled: args.is_set("include-label") || args.is_set("include-labels"),
        }
    }

    /// Says whether a line is shown.
    pub(super) fn takes(&self, line: &LogLine) -> bool {
        let is_entity = |pattern: &String| matches_entity(pattern, &line.entity);
        let is_module = |pattern: &String| matches_module(pattern, &line.module);
        !self.labelled
            && self.level.is_none_or(|level| line.level >= level)
            && (self.include.is_empty() || self.include.iter().any(is_entity))
            && !self.exclude.iter().any(is_entity)
            && (self.include_module.is_empty() || self.include_module.iter().any(is_module))
            && !self.exclude_module.iter().any(is_module)
    }
}

/// Says whether `pattern` means `entity`, which is a tag: a unit (`web/0`), an application or machine by name, a tag, each with `*`
/// at its end for any text.
fn matches_entity(pattern: &str, entity: &str) -> bool {
    let (pattern, is_prefix) = match pattern.strip_suffix('*') {
        Some(prefix) => (prefix, true),
        None => (pattern, false),
    };
    let tag = pattern.replace('/', "-");
    let fits = |candidate: &str| {
        if is_prefix {
            entity.starts_with(candidate)
        } else {
            entity == candidate
        }
    };
    if fits(&tag) || fits(&format!("unit-{tag}")) || fits(&format!("machine-{tag}")) {
        return true;
    }
    // An application's name means all its units.
    let unit = entity
        .strip_prefix("unit-")
        .and_then(|rest| rest.rsplit_once('-'));
    !pattern.contains('/') && unit.is_some_and(|(application, _)| application == tag)
}

/// Says whether `module` is `pattern` or below it.
fn matches_module(pattern: &str, module: &str) -> bool {
    module
        .strip_prefix(pattern)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities() {
        for (pattern, entity, expected) in [
            ("web/0", "unit-web-0", true),
            ("web/1", "unit-web-0", false),
            ("unit-web-0", "unit-web-0", true),
            ("web", "unit-web-0", true),
            ("web", "unit-web-app-0", false),
            ("web-app", "unit-web-app-0", true),
            ("machine-0", "machine-0", true),
            ("0", "machine-0", true),
            ("unit-web*", "unit-web-app-0", true),
            ("web/*", "unit-web-3", true),
            ("*", "controller-0", true),
            ("nosuch", "unit-web-0", false),
        ] {
            assert_eq!(
                matches_entity(pattern, entity),
                expected,
                "{pattern} {entity}"
            );
        }
    }

    #[test]
    fn modules() {
        for (pattern, module, expected) in [
            ("juju.worker", "juju.worker.uniter", true),
            ("juju.worker", "juju.worker", true),
            ("juju.work", "juju.worker", false),
            ("unit.web/0.juju-log", "unit.web/0.juju-log", true),
        ] {
            assert_eq!(
                matches_module(pattern, module),
                expected,
                "{pattern} {module}"
            );
        }
    }
}
