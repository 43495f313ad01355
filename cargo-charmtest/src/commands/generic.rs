//! `cargo charmtest generic`: the generic tests of charms.

use charmtest::generic::Generic;
use charmtest::juju::quote;

use crate::cli::{GenericArgs, GenericSelectArgs};
use crate::error::{Error, Kind, Result};
use crate::sandbox;
use crate::suite::{self, SuiteFile};

/// Runs the generic tests of the charms and returns the exit code.
///
/// # Errors
///
/// Fails when a charm cannot be read, and as running a suite does.
pub(crate) fn main(args: GenericArgs) -> Result<u8> {
    let sink = args.results.of_suite(&args.suite)?;
    if let Some(code) =
        sandbox::contained_suite(&args.inside, &args.suite, &args.charms, &args.results)?
    {
        return Ok(code);
    }
    let mut charms = suite::charms(&args.charms)?;
    for charm in &mut charms {
        charm.generic = ids(&args.generic);
        charm.require = args.generic.require;
    }
    for (name, path) in &args.previous {
        let path = std::path::absolute(path).map_err(Error::infrastructure)?;
        if !path.exists() {
            let path = path.display();
            return Err(Error::new(
                Kind::Usage,
                format!("--previous {name}: there is no {path}"),
            ));
        }
        let named = charms.iter_mut().find(|charm| charm.module == *name);
        let charm = named.ok_or_else(|| {
            Error::new(
                Kind::Usage,
                format!(
                    "--previous {name}: there is no charm `{name}` among those that are tested"
                ),
            )
        })?;
        charm.previous = Some(path);
    }
    let command = command(&args);
    let suite = SuiteFile::new("generic", charms);
    Ok(suite::run(&suite, args.suite, &command, sink)?.code)
}

/// Returns the generic tests that are asked for, in the order in which they run.
pub(super) fn ids(args: &GenericSelectArgs) -> Vec<Generic> {
    let all = Generic::ALL.into_iter();
    all.filter(|id| args.ids.is_empty() || args.ids.contains(id))
        .collect()
}

/// Returns the command for the user's shell.
fn command(args: &GenericArgs) -> String {
    let mut words = vec!["cargo charmtest generic".to_owned()];
    words.extend(args.charms.iter().map(quote));
    for (name, path) in &args.previous {
        let value = format!("{name}={}", path.display());
        words.extend(["--previous".to_owned(), quote(value)]);
    }
    let args = &args.generic;
    if !args.ids.is_empty() {
        let ids: Vec<&str> = args.ids.iter().map(|id| id.id()).collect();
        words.extend(["--generic".to_owned(), ids.join(",")]);
    }
    if args.require != Default::default() {
        words.extend(["--require".to_owned(), args.require.to_string()]);
    }
    words.join(" ")
}
