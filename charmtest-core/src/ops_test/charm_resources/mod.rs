//! Resources of charms: what a charm wants, building it by a script, downloading it.

mod arch;
mod download;
mod error;
mod info;
mod script;

use super::OpsTest;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

pub use arch::FileResource;
pub use download::DownloadResources;
pub use error::ResourceError;
pub use info::{
    CharmEndpoint, CharmInfo, CharmOption, CharmResource, EndpointRole, EndpointScope, OptionType,
    ResourceKind,
};
pub use script::BuildResources;

impl OpsTest {
    /// Returns what a charm says about itself: name, bases, resources. The charm is a `.charm` file or a charm's directory, relative to
    /// the package's.
    ///
    /// ```no_run
    /// # use charmtest::ops_test::OpsTest;
    /// # async fn test(ops_test: OpsTest) -> charmtest::Result {
    /// let charm = ops_test.build_charm(".").await?;
    /// let info = ops_test.charm_info(&charm).await?;
    /// let mut deploy = ops_test.model().deploy(&charm).name(&info.name);
    /// for (name, image) in info.images() {
    ///     deploy = deploy.resource(name, image);
    /// }
    /// deploy.await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no charm, it breaks a rule of Juju's, or there is no `cargo-charmtest` to read it.
    pub async fn charm_info(&self, charm: impl AsRef<Path>) -> Result<CharmInfo, ResourceError> {
        info::read(self.parts(), charm.as_ref()).await
    }

    /// Returns a charm's resources of type `file`, by name, each with the architecture that its name shows.
    ///
    /// The rule is pytest-operator's: `tool-arm64` is for `arm64`, and then a `tool` beside it is for `amd64`; without such a
    /// sibling `tool` is for any. The architectures are `amd64`, `arm64` and `s390x`.
    ///
    /// # Errors
    ///
    /// As those of [`charm_info`](OpsTest::charm_info).
    pub async fn charm_file_resources(
        &self,
        charm: impl AsRef<Path>,
    ) -> Result<BTreeMap<String, FileResource>, ResourceError> {
        Ok(arch::file_resources(&self.charm_info(charm).await?))
    }

    /// Returns those of [`charm_file_resources`](OpsTest::charm_file_resources) that are for one architecture.
    ///
    /// # Errors
    ///
    /// As those of [`charm_info`](OpsTest::charm_info).
    pub async fn arch_specific_resources(
        &self,
        charm: impl AsRef<Path>,
    ) -> Result<BTreeMap<String, FileResource>, ResourceError> {
        let mut resources = self.charm_file_resources(charm).await?;
        resources.retain(|_, resource| resource.arch.is_some());
        Ok(resources)
    }

    /// Runs a script that builds resources, in [`tmp_path`](OpsTest::tmp_path)`/resources`, and returns all files that it made or
    /// changed there, directories below included. The script's path is relative to the package's directory.
    ///
    /// ```no_run
    /// # use charmtest::ops_test::OpsTest;
    /// # async fn test(ops_test: OpsTest) -> charmtest::Result {
    /// for file in ops_test.build_resources("build-resources.sh").await? {
    ///     println!("{}", file.display());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting it fails if there is no such script, it cannot be executed, it fails, or it takes too long.
    pub fn build_resources(&self, script: impl AsRef<Path>) -> BuildResources {
        BuildResources::new(self.clone(), script.as_ref())
    }

    /// Downloads the resources of a charm by its name, from the channel `edge` unless told otherwise: `juju download --resources` (Juju
    /// 3 and newer). Returns the files by resource, in [`tmp_path`](OpsTest::tmp_path)`/resources/RESOURCE/`.
    ///
    /// # Errors
    ///
    /// Awaiting it fails if Juju does, or if the charm has no such resource.
    pub fn download_resources(&self, charm: impl Into<String>) -> DownloadResources {
        DownloadResources::new(Arc::clone(self.parts()), charm.into())
    }
}
