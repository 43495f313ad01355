//! Deploying and refreshing charms.

use super::{ConfigValue, Model, awaitable};
use crate::juju::{ApplicationName, Call, JujuError};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long uploading or fetching a charm may take.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// Where a charm comes from.
///
/// Text is a path if it begins with `.` or `/` or ends in `.charm`, `.yaml` or `.yml` (a bundle), else a name in Charmhub;
/// paths are always paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Charm {
    /// A charm or a bundle on this machine.
    Path(PathBuf),
    /// A charm in Charmhub.
    Name(String),
}

impl Charm {
    /// Returns the argument that Juju takes for it: a path has to begin with `.` or `/`.
    fn argument(&self) -> OsString {
        match self {
            Self::Name(name) => name.into(),
            Self::Path(path) => local_path(path),
        }
    }
}

fn local_path(path: &Path) -> OsString {
    if path.is_absolute() || path.starts_with(".") || path.starts_with("..") {
        return path.into();
    }
    Path::new(".").join(path).into()
}

/// Returns `name=value`, whatever bytes a path has.
pub(super) fn pair(name: &str, value: &OsStr) -> OsString {
    let mut pair = OsString::from(name);
    pair.push("=");
    pair.push(value);
    pair
}

impl From<&str> for Charm {
    fn from(text: &str) -> Self {
        let file = [".charm", ".yaml", ".yml"];
        if text.starts_with(['.', '/']) || file.iter().any(|end| text.ends_with(end)) {
            return Self::Path(text.into());
        }
        Self::Name(text.to_owned())
    }
}

impl From<String> for Charm {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<&Path> for Charm {
    fn from(path: &Path) -> Self {
        Self::Path(path.to_owned())
    }
}

impl From<PathBuf> for Charm {
    fn from(path: PathBuf) -> Self {
        Self::Path(path)
    }
}

impl From<&PathBuf> for Charm {
    fn from(path: &PathBuf) -> Self {
        Self::Path(path.clone())
    }
}

/// A deployment about to happen: see [`Model::deploy`].
#[must_use = "nothing is deployed until this is awaited"]
#[derive(Clone, Debug)]
pub struct Deploy {
    model: Model,
    charm: Charm,
    name: Option<String>,
    options: Vec<OsString>,
}

impl Deploy {
    /// Names the application; it is named as the charm without it.
    pub fn name(mut self, application: impl Into<String>) -> Self {
        self.name = Some(application.into());
        self
    }

    /// Sets how many units there will be; 1 without it.
    pub fn units(self, count: usize) -> Self {
        self.option("--num-units", count.to_string())
    }

    /// Sets a configuration option of the charm. A text that begins with `@` is the path of a file with the value.
    pub fn config(self, key: &str, value: impl Into<ConfigValue>) -> Self {
        let value = value.into();
        self.option("--config", format!("{key}={value}"))
    }

    /// Gives a resource: a path, an image, or a revision.
    pub fn resource(self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.option("--resource", pair(name, value.as_ref()))
    }

    /// Sets the base, as `ubuntu@24.04` (Juju 3 and later).
    pub fn base(self, base: &str) -> Self {
        self.option("--base", base)
    }

    /// Sets the series, as `jammy` (Juju 2 and 3).
    pub fn series(self, series: &str) -> Self {
        self.option("--series", series)
    }

    /// Binds endpoints to spaces, as `database=internal`, or all others, as `public`; several are separated by spaces.
    pub fn bind(self, bindings: &str) -> Self {
        self.option("--bind", bindings)
    }

    /// Attaches storage that is detached, as `data/0`; several are separated by commas.
    pub fn attach_storage(self, storage: &str) -> Self {
        self.option("--attach-storage", storage)
    }

    /// Lays a file over a bundle; may be repeated. Charms take none.
    pub fn overlay(self, path: impl AsRef<Path>) -> Self {
        let path = local_path(path.as_ref());
        self.option("--overlay", path)
    }

    /// Uses machines of the model for those of a bundle, as `existing` or `existing,0=2`. Charms take none.
    pub fn map_machines(self, map: &str) -> Self {
        self.option("--map-machines", map)
    }

    /// Sets the channel, as `14/stable`.
    pub fn channel(self, channel: &str) -> Self {
        self.option("--channel", channel)
    }

    /// Sets the revision of the charm; Juju wants a channel with it.
    pub fn revision(self, revision: u64) -> Self {
        self.option("--revision", revision.to_string())
    }

    /// Sets a constraint, as `("mem", "2G")`.
    pub fn constraint(self, key: &str, value: &str) -> Self {
        self.option("--constraints", format!("{key}={value}"))
    }

    /// Sets constraints, as `cores=2 mem=2G`.
    pub fn constraints(self, constraints: &str) -> Self {
        self.option("--constraints", constraints)
    }

    /// Sets a storage directive, as `("data", "1G")`.
    pub fn storage(self, name: &str, directive: &str) -> Self {
        self.option("--storage", format!("{name}={directive}"))
    }

    /// Places the units, as `0` or `lxd:0`; several are separated by commas.
    pub fn to(self, placement: &str) -> Self {
        self.option("--to", placement)
    }

    /// Lets the charm use the cloud's credentials.
    pub fn trust(mut self) -> Self {
        self.options.push("--trust".into());
        self
    }

    /// Passes on what Juju would refuse, as a base that the charm does not support.
    pub fn force(mut self) -> Self {
        self.options.push("--force".into());
        self
    }

    fn option(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.options.push(name.into());
        self.options.push(value.into());
        self
    }

    async fn run(self) -> Result<(), JujuError> {
        self.check_version()?;
        let mut call = self
            .model
            .call([OsString::from("deploy"), self.charm.argument()]);
        if let Some(name) = &self.name {
            call = call.arg(ApplicationName::parse(name)?.as_str());
        }
        call.args(self.options).timeout(LIMIT).check().await?;
        Ok(())
    }
}

impl Deploy {
    fn check_version(&self) -> Result<(), JujuError> {
        let has = |name| self.options.iter().any(|option| option == name);
        if has("--base") {
            self.model.needs_bases("deploy")?;
        }
        if has("--series") {
            self.model.needs_series("deploy")?;
        }
        Ok(())
    }
}

awaitable!(Deploy => Result<(), JujuError>);

/// A refresh about to happen: see [`Model::refresh`].
#[must_use = "nothing is refreshed until this is awaited"]
#[derive(Clone, Debug)]
pub struct Refresh {
    model: Model,
    application: String,
    call: Call,
    path: bool,
    config: bool,
    based: bool,
}

impl Refresh {
    /// Refreshes to a charm on this machine.
    pub fn path(mut self, path: impl AsRef<Path>) -> Self {
        self.path = true;
        self.option("--path", local_path(path.as_ref()))
    }

    /// Sets a configuration option of the charm, as [`Deploy::config`] does (Juju 3 and later). Juju 4.0 ignores it together
    /// with [`Refresh::path`], so that is refused.
    pub fn config(mut self, key: &str, value: impl Into<ConfigValue>) -> Self {
        self.config = true;
        let value = value.into();
        self.option("--config", format!("{key}={value}"))
    }

    /// Sets a storage directive, as `("data", "1G")`.
    pub fn storage(self, name: &str, directive: &str) -> Self {
        self.option("--storage", format!("{name}={directive}"))
    }

    /// Refreshes to another charm in Charmhub.
    pub fn switch(self, charm: &str) -> Self {
        self.option("--switch", charm)
    }

    /// Refreshes to another channel, as `14/edge`.
    pub fn channel(self, channel: &str) -> Self {
        self.option("--channel", channel)
    }

    /// Refreshes to a revision.
    pub fn revision(self, revision: u64) -> Self {
        self.option("--revision", revision.to_string())
    }

    /// Gives a resource: a path, an image, or a revision.
    pub fn resource(self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.option("--resource", pair(name, value.as_ref()))
    }

    /// Sets the base, as `ubuntu@24.04` (Juju 3 and later).
    pub fn base(mut self, base: &str) -> Self {
        self.based = true;
        self.option("--base", base)
    }

    /// Lets the charm use the cloud's credentials.
    pub fn trust(mut self) -> Self {
        self.call = self.call.arg("--trust");
        self
    }

    /// Refreshes even what Juju would refuse: units in error, other bases.
    pub fn force(mut self) -> Self {
        self.call = self.call.args(["--force", "--force-units"]);
        self
    }

    fn option(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.call = self.call.arg(name).arg(value);
        self
    }

    async fn run(self) -> Result<(), JujuError> {
        ApplicationName::parse(&self.application)?;
        let version = self.model.juju().version();
        if self.based {
            self.model.needs_bases("refresh")?;
        }
        if self.config && version.is_2() {
            return Err(JujuError::Unsupported(format!(
                "`juju refresh` of Juju {version} takes no configuration; set it with `model.set_config(\"{}\", ..)`",
                self.application
            )));
        }
        if self.config && self.path && version.major >= 4 {
            return Err(JujuError::Unsupported(format!(
                "`juju refresh --path` of Juju {version} ignores configuration; set it with `model.set_config(\"{}\", ..)` \
                 afterwards",
                self.application
            )));
        }
        self.call.timeout(LIMIT).check().await?;
        Ok(())
    }
}

awaitable!(Refresh => Result<(), JujuError>);

impl Model {
    /// Deploys a charm: `juju deploy`. It returns when Juju has taken the order; wait for the units.
    ///
    /// A charm is a path, relative to the working directory (under cargo: the package), or a name in Charmhub: see [`Charm`].
    /// Bundles are deployed likewise; options for charms, as a name or a configuration, are not for them.
    ///
    /// ```no_run
    /// # async fn test(model: charmtest::ops_test::Model) -> charmtest::Result {
    /// model.deploy("./hello.charm").name("web").units(2).config("port", 8080).await?;
    /// model.deploy("./bundle.yaml").overlay("./small.yaml").trust().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting it fails if the name is no application name, or if Juju refuses.
    pub fn deploy(&self, charm: impl Into<Charm>) -> Deploy {
        Deploy {
            model: self.clone(),
            charm: charm.into(),
            name: None,
            options: Vec::new(),
        }
    }

    /// Refreshes an application to another revision of its charm: `juju refresh`. Nothing newer to refresh to is fine.
    ///
    /// # Errors
    ///
    /// Awaiting it fails if Juju refuses.
    pub fn refresh(&self, application: impl Into<String>) -> Refresh {
        let application = application.into();
        Refresh {
            model: self.clone(),
            call: self.call(["refresh", &application]),
            application,
            path: false,
            config: false,
            based: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_are_marked_as_paths_and_names_are_left_alone() {
        for (charm, argument) in [
            (Charm::from("postgresql"), "postgresql"),
            (Charm::from("./hello"), "./hello"),
            (Charm::from("../hello"), "../hello"),
            (Charm::from("/tmp/hello"), "/tmp/hello"),
            (Charm::from("hello.charm"), "./hello.charm"),
            (Charm::from(Path::new("charms/hello")), "./charms/hello"),
            (Charm::from(PathBuf::from("/tmp/x.charm")), "/tmp/x.charm"),
        ] {
            assert_eq!(charm.argument(), argument);
        }
    }
}
