//! Resources of applications: files and images.

use super::Model;
use super::deploy::pair;
use crate::juju::read::{Misshapen, Object, Read, readable};
use crate::juju::{ApplicationName, JujuError};
use serde_json::Value;
use std::ffi::OsStr;
use std::time::Duration;

/// How long uploading a resource may take.
const LIMIT: Duration = Duration::from_secs(30 * 60);

readable! {
    /// A resource that an application has.
    pub struct Resource {
        /// The name in the charm.
        "name" => name: String,
        /// `file` or `oci-image`.
        "type" => kind: String,
        /// The file name in the charm.
        "path" => path: String,
        /// What the charm says of it.
        "description" => description: String,
        /// The revision in Charmhub, or when it was uploaded; `-` for none.
        "revision" => revision: String,
        /// The hash of it.
        "fingerprint" => fingerprint: String,
        /// Its size in bytes.
        "size" => size: u64,
        /// `upload` or `store`.
        "origin" => origin: String,
        /// Whether the application has used it.
        "used" => used: bool,
        /// When it was uploaded, in RFC 3339.
        "timestamp" => timestamp: String,
        /// Who uploaded it.
        "username" => user: String,
    }
}

#[derive(Default)]
struct Listing(Vec<Resource>);

impl Read for Listing {
    fn read(value: &Value) -> Result<Self, Misshapen> {
        Ok(Self(Object::of(value)?.get("resources")?))
    }
}

impl Model {
    /// Returns the resources of an application: `juju resources`.
    ///
    /// # Errors
    ///
    /// If there is no such application.
    pub async fn resources(&self, application: &str) -> Result<Vec<Resource>, JujuError> {
        ApplicationName::parse(application)?;
        let call = self.call(["resources", application, "--format", "json"]);
        Ok(call.read::<Listing>("a list of resources").await?.0)
    }

    /// Gives an application a resource, the path of a file or an image: `juju attach-resource`. The charm hears of it in
    /// `upgrade-charm`.
    ///
    /// ```no_run
    /// # async fn test(model: charmtest::ops_test::Model) -> charmtest::Result {
    /// model.attach_resource("web", "site", "./site.tar.gz").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no such application, resource or file.
    pub async fn attach_resource(
        &self,
        application: &str,
        name: &str,
        value: impl AsRef<OsStr>,
    ) -> Result<(), JujuError> {
        ApplicationName::parse(application)?;
        self.call(["attach-resource", application])
            .arg(pair(name, value.as_ref()))
            .timeout(LIMIT)
            .check()
            .await?;
        Ok(())
    }
}
