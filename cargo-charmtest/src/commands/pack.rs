//! `cargo charmtest pack`: a charm directory becomes a `.charm` file.

use std::path::{Path, PathBuf};

use charmtest_charm::Base;
use charmtest_charm::pack::{PackOptions, pack};
use serde_json::{Value, json};

use super::charm_info::about_bases;
use crate::cli::{PackArgs, PackFormat};
use crate::error::{Error, Kind, Result};
use crate::record::user_dir;
use crate::report::print;

/// Packs a charm and prints the names of the files, as `charmcraft pack` does.
///
/// # Errors
///
/// Fails when the charm cannot be packed here; the error says why and what would help.
pub(crate) fn main(args: &PackArgs) -> Result<u8> {
    let options = PackOptions {
        bases_index: args.bases_index,
        verbosity: args.verbosity,
        destructive_mode: args.destructive_mode,
        charmcraft_args: args.charmcraft_args.clone(),
        ..PackOptions::new(&args.output_dir, cache_dir()?)
    };
    let packed = pack(&args.dir, &options).map_err(|error| Error::caused(Kind::Failed, &error))?;
    let first = (packed.path.as_path(), packed.bases.as_slice());
    let others = packed
        .others
        .iter()
        .map(|other| (other.path.as_path(), other.bases.as_slice()));
    let files = std::iter::once(first).chain(others);
    match args.format {
        PackFormat::Human => {
            for (path, _) in files {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                print(&format!("{name}\n"));
            }
        }
        PackFormat::Json => {
            let charms: Vec<Value> = files.map(|(path, bases)| about(path, bases)).collect();
            let answer = json!({
                "path": absolute(&packed.path),
                "charms": charms,
                "name": packed.name.as_str(),
                "base": packed.base.map(|base| base.to_string()),
                "arch": packed.arch,
                "from_cache": packed.from_cache,
            });
            print(&format!("{answer}\n"));
        }
    }
    Ok(charmtest::exit::SUCCESS)
}

fn about(path: &Path, bases: &[Base]) -> Value {
    json!({ "path": absolute(path), "bases": about_bases(bases) })
}

fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

pub(crate) fn cache_dir() -> Result<PathBuf> {
    user_dir("XDG_CACHE_HOME", ".cache")
        .map(|cache| cache.join("charmtest/charms"))
        .ok_or_else(|| {
            Error::infrastructure(
                "neither XDG_CACHE_HOME nor HOME is set: there is no place for packed charms",
            )
        })
}
