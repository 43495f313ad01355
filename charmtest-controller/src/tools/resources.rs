//! `resource-get`.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use charmtest_charm::ResourceKind;
use sha2::{Digest, Sha384};

use super::tool::{Answered, Effect, OutputKind, Scene, Tool, ToolError, at_most};
use crate::flags::Parsed;
use crate::model::{Model, ResourceRow, UnitName};
use crate::paths::DataDir;

/// What an `oci-image` resource is called on a unit, whatever its name (Juju 3.6).
const IMAGE_FILE: &str = "content.yaml";

pub(super) const TOOLS: &[Tool] = &[Tool {
    name: "resource-get",
    arguments: "<resource name>",
    summary: "Prints the path of a resource's file on the unit.",
    flags: &[],
    output: OutputKind::Plain,
    run: resource_get,
}];

fn resource_get(_: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    let name = parsed
        .positionals
        .first()
        .ok_or_else(|| ToolError::usage("missing required resource name"))?;
    at_most(parsed, 1)?;
    Ok(Answered::after(Effect::FetchResource(name.clone())))
}

/// Copies the resource `name` to the unit, unless it is there already, and returns its path.
///
/// # Errors
///
/// Fails when there is no such resource, nothing was uploaded for it, or the file cannot be written.
pub(super) fn fetch(
    data: &DataDir,
    model: &Model,
    unit: &UnitName,
    name: &str,
) -> Result<PathBuf, String> {
    let failed = |why: &str| format!("could not download resource: {why}");
    let (row, file_name) = find(model, unit, name).map_err(|why| failed(&why))?;
    let target = data
        .agent(&model.info.uuid, unit)
        .join("resources")
        .join(file_name);
    copy(&data.resource(&row.fingerprint), &target, row)
        .map_err(|error| failed(&format!("cannot write {}: {error}", target.display())))?;
    Ok(target)
}

fn find<'a>(
    model: &'a Model,
    unit: &UnitName,
    name: &str,
) -> Result<(&'a ResourceRow, &'a str), String> {
    let application = unit.application();
    let declared = model
        .charm_of(application)
        .and_then(|row| row.charm.metadata.resources.get(name));
    let declared = declared.ok_or_else(|| format!("resource {name:?} not found"))?;
    let file_name = match &declared.kind {
        ResourceKind::File { filename } => filename,
        ResourceKind::OciImage => IMAGE_FILE,
    };
    // The charm decides the name: it must not lead out of the resources directory.
    let file_name = Path::new(file_name)
        .file_name()
        .and_then(|name| name.to_str());
    let file_name =
        file_name.ok_or_else(|| format!("resource {name:?} has no usable file name"))?;
    let row = model
        .applications
        .get(application)
        .and_then(|row| row.resources.get(name));
    let row = row.ok_or_else(|| {
        format!("nothing was uploaded for resource {name:?}; use juju attach-resource")
    })?;
    Ok((row, file_name))
}

/// Copies by way of a temporary file, so that a reader never sees half a resource.
fn copy(source: &Path, target: &Path, row: &ResourceRow) -> io::Result<()> {
    if is_current(target, row)? {
        return Ok(());
    }
    if let Some(dir) = target.parent() {
        fs::create_dir_all(dir)?;
    }
    let mut fresh = target.as_os_str().to_owned();
    fresh.push(".new");
    fs::copy(source, &fresh)?;
    fs::rename(&fresh, target)
}

fn is_current(target: &Path, row: &ResourceRow) -> io::Result<bool> {
    let mut file = match File::open(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        opened => opened?,
    };
    if file.metadata()?.len() != row.size {
        return Ok(false);
    }
    let mut hash = Sha384::new();
    let mut chunk = vec![0; 64 << 10];
    loop {
        let length = file.read(&mut chunk)?;
        if length == 0 {
            break;
        }
        hash.update(&chunk[..length]);
    }
    let hex: String = hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(hex == row.fingerprint)
}
