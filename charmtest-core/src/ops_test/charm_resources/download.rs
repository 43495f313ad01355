//! Downloading the resources of a charm from Charmhub, or from whatever stands in for it.

use super::{ResourceError, info};
use crate::ops_test::{OpsTestParts, awaitable};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long a download may take.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// Resources about to be downloaded: see [`OpsTest::download_resources`](crate::ops_test::OpsTest::download_resources).
#[must_use = "nothing is downloaded until this is awaited"]
#[derive(Clone, Debug)]
pub struct DownloadResources {
    parts: Arc<OpsTestParts>,
    charm: String,
    channel: String,
    only: Option<Vec<String>>,
}

impl DownloadResources {
    pub(super) fn new(parts: Arc<OpsTestParts>, charm: String) -> Self {
        Self {
            parts,
            charm,
            channel: "edge".to_owned(),
            only: None,
        }
    }

    /// Sets the channel of the charm; `edge` without it.
    pub fn channel(mut self, channel: impl Into<String>) -> Self {
        self.channel = channel.into();
        self
    }

    /// Returns only these resources.
    pub fn only<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.only = Some(names.into_iter().map(Into::into).collect());
        self
    }

    async fn run(self) -> Result<BTreeMap<String, PathBuf>, ResourceError> {
        let to = self.parts.tmp_path.join("resources");
        // One directory for one charm and channel: two downloads side by side do not mix.
        let unsorted = to.join(format!(
            ".{}-{}",
            self.charm,
            self.channel.replace('/', "-")
        ));
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| ResourceError::Io { path, source }
        };
        fs::create_dir_all(&unsorted).map_err(failed(&unsorted))?;
        let file = format!("./{}.charm", self.charm);
        let juju = self.parts.model.juju();
        juju.call(["download", &self.charm])
            .args(["--channel", &self.channel])
            .args(["--resources", "--no-progress", "--filepath", &file])
            .cwd(&unsorted)
            .timeout(LIMIT)
            .check()
            .await
            .map_err(|error| ResourceError::Download {
                charm: self.charm.clone(),
                error: Box::new(error),
            })?;

        let charm = info::read(&self.parts, &unsorted.join(&file)).await?;
        let names: Vec<&String> = match &self.only {
            None => charm.resources.keys().collect(),
            Some(only) => only.iter().collect(),
        };
        let files = file_names(&unsorted).map_err(failed(&unsorted))?;
        let mut downloaded = BTreeMap::new();
        for name in names {
            let file = files.iter().find(|file| is_of(file, name));
            let (Some(resource), Some(file)) = (charm.resources.get(name), file) else {
                return Err(ResourceError::NoResource {
                    charm: self.charm,
                    resource: name.clone(),
                    resources: charm.resources.into_keys().collect(),
                });
            };
            let directory = to.join(name);
            fs::create_dir_all(&directory).map_err(failed(&directory))?;
            let place = directory.join(resource.filename.as_deref().unwrap_or(name));
            let file = unsorted.join(file);
            fs::rename(&file, &place).map_err(failed(&place))?;
            downloaded.insert(name.clone(), place);
        }
        fs::remove_dir_all(&unsorted).map_err(failed(&unsorted))?;
        Ok(downloaded)
    }
}

awaitable!(DownloadResources => Result<BTreeMap<String, PathBuf>, ResourceError>);

fn file_names(directory: &Path) -> std::io::Result<Vec<String>> {
    fs::read_dir(directory)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

/// Tells whether a file is a revision of a resource, by the name that Juju gives it: `resource_NAME_rREVISION[_FILE]`.
fn is_of(file: &str, resource: &str) -> bool {
    let rest = file
        .strip_prefix("resource_")
        .and_then(|rest| rest.strip_prefix(resource))
        .and_then(|rest| rest.strip_prefix("_r"));
    rest.is_some_and(|rest| {
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        after.len() < rest.len() && (after.is_empty() || after.starts_with('_'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_belong_to_resources_by_their_names() {
        for (file, resource, expected) in [
            ("resource_blob_r1_blob.txt", "blob", true),
            ("resource_image_r12", "image", true),
            ("resource_blob_two_r3_x", "blob", false),
            ("resource_blob_two_r3_x", "blob_two", true),
            ("resource_blob_rx_x", "blob", false),
            ("resource_blob_r_x", "blob", false),
            ("resource_blob_r1.txt", "blob", false),
            ("blob.charm", "blob", false),
        ] {
            assert_eq!(is_of(file, resource), expected, "{file} {resource}");
        }
    }
}
