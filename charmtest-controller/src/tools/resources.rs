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

#[cfg(test)]
pub(super) mod testing {
    use super::*;
    use crate::tools::testing::{World, now};

    /// Uploads a resource of `two`, as `juju attach-resource` does.
    pub(in crate::tools) fn upload(world: &World, name: &str, content: &[u8]) {
        let hash = Sha384::digest(content);
        let fingerprint: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = world.hub.data.resource(&fingerprint);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        let size = content.len() as u64;
        let row = ResourceRow {
            path: path.display().to_string(),
            fingerprint,
            size,
            uploaded: now(),
            store_revision: None,
        };
        world.edit(|model| {
            let application = model.applications.get_mut("two").unwrap();
            application.resources.insert(name.to_owned(), row);
        });
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::testing::upload;
    use super::*;
    use crate::tools::testing::World;

    #[test]
    fn a_resource_is_copied_once_and_again_when_it_changed() {
        let world = World::new();
        upload(&world, "blob", b"one");
        let (code, path, stderr) = world.run("resource-get blob");
        assert_eq!((code, stderr.as_str()), (0, ""));
        assert!(
            path.ends_with("/agents/unit-two-0/resources/blob.txt"),
            "no line break: {path:?}"
        );
        let inode = fs::metadata(&path).unwrap().ino();
        assert_eq!(world.run("resource-get blob").1, path);
        assert_eq!(
            fs::metadata(&path).unwrap().ino(),
            inode,
            "not copied again"
        );
        upload(&world, "blob", b"two");
        assert_eq!(world.run("resource-get blob").1, path);
        assert_eq!(fs::read(&path).unwrap(), b"two");
        fs::write(&path, "bad").unwrap();
        world.run("resource-get blob");
        assert_eq!(fs::read(&path).unwrap(), b"two", "damage is repaired");
        let model = world.model();
        let known = &model.units.get("two/0").unwrap().progress.resources;
        let given = &model.applications.get("two").unwrap().resources;
        assert_eq!(known.get("blob"), given.get("blob"), "for juju resources");
    }

    #[test]
    fn an_image_is_a_file_of_yaml() {
        let world = World::new();
        upload(&world, "image", b"registrypath: x/y:1\n");
        let (_, path, _) = world.run("resource-get image");
        assert!(path.ends_with("/resources/content.yaml"));
        assert_eq!(fs::read(&path).unwrap(), b"registrypath: x/y:1\n");
    }

    #[test]
    fn a_resource_that_is_not_there_says_why() {
        let world = World::new();
        for (name, why) in [
            ("nope", "resource \"nope\" not found"),
            (
                "missing",
                "nothing was uploaded for resource \"missing\"; use juju attach-resource",
            ),
        ] {
            let expected = format!("ERROR could not download resource: {why}\n");
            assert_eq!(
                world.run(&format!("resource-get {name}")),
                (1, String::new(), expected)
            );
        }
        upload(&world, "blob", b"one");
        fs::remove_dir_all(world.hub.data.root().join("resources")).unwrap();
        let (code, _, stderr) = world.run("resource-get blob");
        assert!(
            code == 1 && stderr.starts_with("ERROR could not download resource: cannot write "),
            "{stderr}"
        );
    }
}
