//! `cargo charmtest pack`: a charm directory becomes a `.charm` file.

use std::path::PathBuf;

use charmtest_charm::pack::{PackOptions, pack};

use crate::cli::{PackArgs, PackFormat};
use crate::error::{Error, Kind, Result};
use crate::record::user_dir;
use crate::report::print;

/// Packs a charm and prints the name of the file, as `charmcraft pack` does.
///
/// # Errors
///
/// Fails when the charm cannot be packed here; the error says why and what would help.
pub(crate) fn main(args: &PackArgs) -> Result<u8> {
    let options = PackOptions::new(&args.output_dir, cache_dir()?);
    let packed = pack(&args.dir, &options).map_err(|error| Error::caused(Kind::Failed, &error))?;
    let path = packed.path.canonicalize().unwrap_or(packed.path);
    match args.format {
        PackFormat::Human => {
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            print(&format!("{}\n", name.unwrap_or_default()));
        }
        PackFormat::Json => {
            let answer = serde_json::json!({
                "path": path,
                "others": packed.others,
                "base": packed.base.map(|base| base.to_string()),
                "arch": packed.arch,
                "from_cache": packed.from_cache,
            });
            print(&format!("{answer}\n"));
        }
    }
    Ok(charmtest::exit::SUCCESS)
}

fn cache_dir() -> Result<PathBuf> {
    user_dir("XDG_CACHE_HOME", ".cache")
        .map(|cache| cache.join("charmtest/charms"))
        .ok_or_else(|| {
            Error::infrastructure(
                "neither XDG_CACHE_HOME nor HOME is set: there is no place for packed charms",
            )
        })
}
