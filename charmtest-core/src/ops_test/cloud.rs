//! Kubernetes clouds that a test adds to its controller.

use super::tracker::Cloud;
use super::{OpsTest, TrackError, awaitable};
use crate::harness::{CloudDeed, generate_model_name};
use std::path::PathBuf;
use std::time::Duration;

/// How long Juju may take to look at a cluster.
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// A Kubernetes cloud about to be added: see [`OpsTest::add_k8s`].
#[must_use = "no cloud is added until this is awaited"]
#[derive(Clone, Debug)]
pub struct AddK8s {
    ops_test: OpsTest,
    name: Option<String>,
    controller: Option<String>,
    kubeconfig: Option<Kubeconfig>,
    context: Option<String>,
    storage: Storage,
}

#[derive(Clone, Debug)]
enum Kubeconfig {
    File(PathBuf),
    Text(String),
}

#[derive(Clone, Debug)]
enum Storage {
    Skip,
    Find,
    Class(String),
}

impl AddK8s {
    /// Names the cloud; without it, it is named after the module.
    pub fn cloud_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Names the controller; without it that of this `OpsTest`'s model.
    pub fn controller(mut self, controller: impl Into<String>) -> Self {
        self.controller = Some(controller.into());
        self
    }

    /// Gives the file with the kubeconfig; without it the one that `KUBECONFIG` names, else `~/.kube/config`.
    pub fn kubeconfig(mut self, path: impl Into<PathBuf>) -> Self {
        self.kubeconfig = Some(Kubeconfig::File(path.into()));
        self
    }

    /// Gives the text of the kubeconfig. It reaches `juju` on standard input, and no log.
    pub fn kubeconfig_text(mut self, text: impl Into<String>) -> Self {
        self.kubeconfig = Some(Kubeconfig::Text(text.into()));
        self
    }

    /// Chooses a context of the kubeconfig; without it the current one.
    pub fn context(mut self, context: impl Into<String>) -> Self {
        self.context = Some(context.into());
        self
    }

    /// Says whether to do without storage, which is the default; `false` lets Juju find the cluster's storage class.
    pub fn skip_storage(mut self, skip: bool) -> Self {
        self.storage = if skip { Storage::Skip } else { Storage::Find };
        self
    }

    /// Names the storage class for workloads and operators.
    pub fn storage_class(mut self, class: impl Into<String>) -> Self {
        self.storage = Storage::Class(class.into());
        self
    }

    /// Adds the cloud and returns its name; what awaiting it does.
    ///
    /// # Errors
    ///
    /// If there is no kubeconfig, or Juju refuses.
    pub async fn run(self) -> Result<String, TrackError> {
        let text = self.kubeconfig_to_send()?;
        let model = self.ops_test.model();
        let controller = self
            .controller
            .unwrap_or_else(|| model.controller().to_owned());
        let stem = || format!("{}-k8s-cloud", self.ops_test.tracker().tracking().stem);
        let generated = self.name.is_none();
        let name = self.name.unwrap_or_else(|| generate_model_name(&stem()));
        let mut call = model
            .juju()
            .call(["add-k8s", &name, "--controller", &controller])
            .stdin(text)
            .timeout(LIMIT)
            .check();
        if let Some(context) = &self.context {
            call = call.arg("--context-name").arg(context);
        }
        call = match &self.storage {
            Storage::Skip => call.arg("--skip-storage"),
            Storage::Find => call,
            Storage::Class(class) => call.arg("--storage").arg(class),
        };
        let tracker = self.ops_test.tracker();
        let deed = tracker.claim_cloud(model.juju(), (&name, &controller), generated);
        let cloud = Cloud {
            name: name.clone(),
            controller,
            juju: model.juju().clone(),
            deed: deed.clone(),
        };
        // From here on the cloud may be there, whatever becomes of this future.
        let entered = tracker.add_cloud(cloud);
        match call.await {
            Ok(_) => Ok(name),
            Err(error) => {
                if error.code().is_some() {
                    tracker.remove(entered);
                    deed.inspect(CloudDeed::gone);
                }
                Err(error.into())
            }
        }
    }

    fn kubeconfig_to_send(&self) -> Result<String, TrackError> {
        let path = match &self.kubeconfig {
            Some(Kubeconfig::Text(text)) => return Ok(text.clone()),
            Some(Kubeconfig::File(path)) => self.ops_test.package_dir().join(path),
            None => default_kubeconfig().ok_or_else(|| {
                TrackError::Kubeconfig("neither KUBECONFIG nor HOME is set".to_owned())
            })?,
        };
        std::fs::read_to_string(&path)
            .map_err(|error| TrackError::Kubeconfig(format!("{}: {error}", path.display())))
    }
}

awaitable!(AddK8s => Result<String, TrackError>);

/// A cloud about to be forgotten: see [`OpsTest::forget_cloud`].
#[must_use = "no cloud is forgotten until this is awaited"]
#[derive(Clone, Debug)]
pub struct ForgetCloud {
    ops_test: OpsTest,
    name: String,
}

impl ForgetCloud {
    /// Removes the cloud; what awaiting it does.
    ///
    /// # Errors
    ///
    /// If the cloud was not added by this module, one of its models does not end in time, or Juju refuses.
    pub async fn run(self) -> Result<(), TrackError> {
        self.ops_test.tracker().forget_cloud(&self.name).await
    }
}

awaitable!(ForgetCloud => Result<(), TrackError>);

impl OpsTest {
    /// Adds a Kubernetes cluster to the controller as a cloud, for models to be tracked on: `juju add-k8s`.
    ///
    /// The cloud is added to the controller alone, not to the user's client. At the end of the module it is removed after its
    /// models. Its credential stays on the controller (Juju has no way to remove both in one).
    ///
    /// ```no_run
    /// # async fn test(ops: charmtest::ops_test::OpsTest) -> charmtest::Result {
    /// let cloud = ops.add_k8s().kubeconfig("/etc/kubernetes/admin.conf").await?;
    /// let grafana = ops.track_model("grafana").cloud(cloud).await?;
    /// grafana.deploy("grafana-k8s").trust().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting it fails if there is no kubeconfig, or Juju refuses, as the embedded controller does.
    pub fn add_k8s(&self) -> AddK8s {
        AddK8s {
            ops_test: self.clone(),
            name: None,
            controller: None,
            kubeconfig: None,
            context: None,
            storage: Storage::Skip,
        }
    }

    /// Removes a cloud that was added with [`OpsTest::add_k8s`]; its models are forgotten first, the newest first.
    ///
    /// # Errors
    ///
    /// Awaiting it fails if the cloud was not added by this module, one of its models does not end in time, or Juju refuses.
    pub fn forget_cloud(&self, name: impl Into<String>) -> ForgetCloud {
        ForgetCloud {
            ops_test: self.clone(),
            name: name.into(),
        }
    }
}

/// Returns where `kubectl` looks for its configuration: the first file in `KUBECONFIG`, else `~/.kube/config`.
fn default_kubeconfig() -> Option<PathBuf> {
    let named = std::env::var_os("KUBECONFIG").unwrap_or_default();
    let first = std::env::split_paths(&named).find(|path| !path.as_os_str().is_empty());
    first.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".kube/config")))
}
