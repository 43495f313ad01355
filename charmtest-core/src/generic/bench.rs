//! The bench on which a charm is tested: deploying it, waiting until it has settled, and finding out what went wrong.

use std::future::IntoFuture;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::Subject;
use super::failures::{
    KILLED_MODULE, Kill, LOG_LINES, describe_hook, describe_kill, failed_hooks, killed_hooks, weigh,
};
use super::stand_in::StandIn;
use crate::failure::{Failure, FailureKind, Result, skip};
use crate::harness::{Context, Either, race};
use crate::juju::{JujuError, Status};
use crate::ops_test::{
    CharmEndpoint, CharmInfo, EndpointRole, EndpointScope, Model, OpsTest, ResourceKind,
};
use crate::wait::{Wait, WaitError};

/// How long storage may take to go after its application.
const STORAGE_LIMIT: Duration = Duration::from_secs(60);

/// How long to wait between two looks at it.
const STORAGE_PAUSE: Duration = Duration::from_millis(100);

/// How long to wait between two looks at whether hooks were killed; most waits are over before the first.
const KILLED_PAUSE: Duration = Duration::from_secs(1);

/// What Juju says when a model cannot take a charm at all, however good the charm is.
const CANNOT_TAKE: [&str; 3] = [
    "Charm feature requirements cannot be met",
    "min version (",
    "not supported by the embedded controller",
];

/// A charm under test in its model.
pub(super) struct Bench<'a> {
    cx: &'a Context,
    pub(super) ops: &'a OpsTest,
    pub(super) model: &'a Model,
    pub(super) subject: &'a Subject,
    /// The packed charm.
    pub(super) charm: PathBuf,
    pub(super) info: CharmInfo,
    /// The name of its application.
    pub(super) app: String,
    notes: Mutex<Vec<String>>,
    /// How many hooks had been killed before the waits that are to come.
    killed: AtomicUsize,
}

impl<'a> Bench<'a> {
    /// Packs the charm if it is a directory, and reads what it says about itself.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be packed or read; skips when the model is for other charms.
    pub(super) async fn set_up(subject: &'a Subject, cx: &'a Context) -> Result<Self> {
        let ops = cx.ops_test().await?;
        let model = ops.model();
        let charm = artefact(ops, &subject.charm).await?;
        let info = ops.charm_info(&charm).await?;
        if info.kubernetes != model.is_kubernetes() {
            let why = match info.kubernetes {
                true => "the charm is for Kubernetes, and the model is not on it",
                false => "the charm is for machines, and the model is on Kubernetes",
            };
            Err(skip(why))?;
        }
        let app = info.name.clone();
        if model.status().await?.app(&app).is_some() {
            let model = model.name();
            Err(skip(format!(
                "model `{model}` holds an application `{app}` already, and a generic test needs an empty model"
            )))?;
        }
        Ok(Self {
            cx,
            ops,
            model,
            subject,
            charm,
            info,
            app,
            notes: Mutex::default(),
            killed: AtomicUsize::new(0),
        })
    }

    /// Adds a note to the test.
    pub(super) fn note(&self, note: impl Into<String>) {
        let note = note.into();
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if !notes.contains(&note) {
            notes.push(note.clone());
            self.cx.note(note);
        }
    }

    /// Puts the notes behind a failure: reports show those of tests that pass only.
    pub(super) fn annotated(&self, failure: Failure) -> Failure {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        match failure.kind() {
            FailureKind::Failed => failure.with_notes(&notes),
            _ => failure,
        }
    }

    /// Deploys the charm under test and waits until it has settled; a subordinate with a principal.
    pub(super) async fn deploy(&self) -> Result<Status> {
        self.deploy_from(&self.charm, &self.info).await
    }

    /// The same with another artefact of the charm.
    pub(super) async fn deploy_from(&self, charm: &Path, info: &CharmInfo) -> Result<Status> {
        self.deploy_as(&self.app, charm, info).await?;
        if info.subordinate {
            let endpoint = home(info).ok_or_else(|| {
                format!(
                    "the subordinate {} has no endpoint with `scope: container` that it requires",
                    info.name
                )
            })?;
            let (principal, other) = self.deploy_stand_in(endpoint).await?;
            let ends = (format!("{}:{}", self.app, endpoint.name), other);
            self.settle_others([principal]).await?;
            self.model.integrate(&ends.0, &ends.1).await?;
        }
        self.settle().await
    }

    /// Deploys a charm under a name, with stand-ins for the files that it wants.
    ///
    /// # Errors
    ///
    /// Fails when Juju does; skips what this model cannot take, and then nothing is deployed.
    pub(super) async fn deploy_as(&self, app: &str, charm: &Path, info: &CharmInfo) -> Result {
        let mut deploy = self.model.deploy(charm).name(app);
        for (name, value) in self.resources(app, info, &[])? {
            deploy = deploy.resource(&name, value);
        }
        match deploy.await {
            Ok(()) => Ok(()),
            Err(error) => match cannot_take(&error) {
                Some(why) => Err(skip(why))?,
                None => Err(error)?,
            },
        }
    }

    /// Returns the resources of a charm but for those that are `there`, with what stands in for each: an empty file, or the image that the
    /// charm names.
    ///
    /// # Errors
    ///
    /// Fails when a file cannot be written; skips when an image is not known.
    pub(super) fn resources(
        &self,
        app: &str,
        info: &CharmInfo,
        there: &[String],
    ) -> Result<Vec<(String, PathBuf)>> {
        let mut values = Vec::new();
        for (name, resource) in &info.resources {
            if there.contains(name) {
                continue;
            }
            let value = match (resource.kind, &resource.upstream_source) {
                (ResourceKind::OciImage, Some(image)) => PathBuf::from(image),
                (ResourceKind::OciImage, None) => {
                    let text = format!(
                        "the image `{name}` of {app} is not known: the charm gives no `upstream-source`"
                    );
                    Err(skip(text))?
                }
                (ResourceKind::File, _) => {
                    self.note(format!("the resource `{name}` of {app} is an empty file"));
                    self.empty_file(resource.filename.as_deref().unwrap_or(name))?
                }
            };
            values.push((name.clone(), value));
        }
        Ok(values)
    }

    fn empty_file(&self, name: &str) -> Result<PathBuf> {
        let directory = self.ops.tmp_path().join("empty");
        let name = Path::new(name).file_name().unwrap_or("resource".as_ref());
        let path = directory.join(name);
        let written = std::fs::create_dir_all(&directory).and_then(|()| std::fs::write(&path, ""));
        written.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }

    /// Deploys the other part for an endpoint of the charm under test, and returns its application with its end of the relation.
    pub(super) async fn deploy_stand_in(
        &self,
        endpoint: &CharmEndpoint,
    ) -> Result<(String, String)> {
        let stand_in = StandIn::for_endpoint(endpoint, self.info.subordinate);
        let end = format!("{}:{}", stand_in.name, stand_in.endpoint);
        if self.model.status().await?.app(&stand_in.name).is_some() {
            return Ok((stand_in.name, end));
        }
        let directory = self.ops.tmp_path().join("stand-ins").join(&stand_in.name);
        let bases = self.info.bases.iter();
        let bases: Vec<_> = bases
            .map(|base| (base.base.clone(), base.architectures.clone()))
            .collect();
        stand_in.write(&directory, &bases).map_err(|error| {
            format!(
                "cannot write a stand-in to {}: {error}",
                directory.display()
            )
        })?;
        let charm = self.ops.pack_plain(&directory).await?;
        self.model.deploy(charm).name(&stand_in.name).await?;
        Ok((stand_in.name, end))
    }

    /// Waits until the charm under test has settled, weighs the status of its units, and notes what is not quite right.
    pub(super) async fn settle(&self) -> Result<Status> {
        let status = self.wait_idle(vec![self.app.clone()]).await?;
        self.weigh(&status)?;
        Ok(status)
    }

    /// Waits until the charm under test and these other applications have settled.
    pub(super) async fn settle_with(&self, other: &str) -> Result<Status> {
        let status = self
            .wait_idle(vec![self.app.clone(), other.to_owned()])
            .await?;
        self.weigh(&status)?;
        Ok(status)
    }

    /// Waits until applications beside the charm under test have settled; their status does not matter.
    pub(super) async fn settle_others<I>(&self, applications: I) -> Result
    where
        I: IntoIterator<Item = String>,
    {
        self.wait_idle(applications.into_iter().collect()).await?;
        Ok(())
    }

    fn weigh(&self, status: &Status) -> Result {
        let notes = weigh(status, &self.app, self.subject.require)?;
        notes.into_iter().for_each(|note| self.note(note));
        Ok(())
    }

    async fn wait_idle(&self, applications: Vec<String>) -> Result<Status> {
        let wait = self.model.wait_for_idle().apps(applications.clone());
        self.unless_killed(wait.without_limit(), &applications)
            .await
    }

    /// Waits until the charm under test has so many units, all settled.
    pub(super) async fn wait_for_units(&self, count: usize) -> Result {
        let apps = [self.app.clone()];
        let wait = self.model.wait_for_idle().apps(apps.clone());
        let wait = wait.wait_for_exact_units(count).without_limit();
        self.unless_killed(wait, &apps).await?;
        Ok(())
    }

    /// Waits until an application is gone; fails if one of its hooks does.
    pub(super) async fn wait_gone(&self, app: &str) -> Result {
        let in_error = |status: &Status| {
            let units = status.units_of(app);
            units.iter().any(|(_, unit)| unit.is_error())
        };
        let wait = self.gone(app).error(in_error);
        self.unless_killed(wait, &[app.to_owned()]).await?;
        Ok(())
    }

    /// Waits until an application is gone, also if its hooks fail on the way.
    pub(super) async fn wait_gone_whatever_happens(&self, app: &str) -> Result {
        self.gone(app).await?;
        // The units of the next deployment may have the same names.
        let killed = self.kills().await.map_or(0, |kills| kills.len());
        self.killed.store(killed, Ordering::Relaxed);
        Ok(())
    }

    /// Waits, and fails as soon as a hook of the applications fails or is killed: Juju runs one that was killed again and again.
    async fn unless_killed<W>(&self, wait: W, applications: &[String]) -> Result<Status>
    where
        W: IntoFuture<Output = std::result::Result<Status, WaitError>>,
    {
        let began = Instant::now();
        match race(wait.into_future(), self.hook_killed(applications)).await {
            // A hook may have been killed, run again, and done its work, before anybody looked.
            Either::First(Ok(status)) if began.elapsed() > KILLED_PAUSE => {
                match self.first_kill(applications).await {
                    Some(failure) => Err(failure),
                    None => Ok(status),
                }
            }
            Either::First(Ok(status)) => Ok(status),
            Either::First(Err(error)) => Err(self.explain(error, applications).await),
            Either::Second(failure) => Err(failure),
        }
    }

    /// Waits until a hook of the applications has been killed.
    ///
    /// The status tells nothing of it. Juju's agent logs it when it is about to run the hook again, and not when the hook was killed because
    /// the agent itself went down.
    async fn hook_killed(&self, applications: &[String]) -> Failure {
        loop {
            sleep(KILLED_PAUSE).await;
            if let Some(failure) = self.first_kill(applications).await {
                return failure;
            }
        }
    }

    /// Returns what is to be said of the first hook of the applications that was killed, if there is one.
    async fn first_kill(&self, applications: &[String]) -> Option<Failure> {
        // The wait that this belongs to tells of commands that fail.
        let kills = self.kills().await.unwrap_or_default();
        let earlier = self.killed.load(Ordering::Relaxed);
        let mut kills = kills.into_iter().skip(earlier);
        let kill = kills.find(|kill| applications.iter().any(|app| kill.is_of(app)))?;
        let log = self.log_of(&kill.unit).await;
        Some(Failure::failed(describe_kill(&kill, &log)))
    }

    /// Returns the hooks of the model that have been killed so far, the oldest first.
    async fn kills(&self) -> std::result::Result<Vec<Kill>, JujuError> {
        let log = self.model.debug_log().module(KILLED_MODULE).await?;
        Ok(killed_hooks(&log))
    }

    /// Returns the end of a unit's log.
    async fn log_of(&self, unit: &str) -> String {
        let log = self.model.debug_log().lines(LOG_LINES).include(unit);
        log.await.unwrap_or_default()
    }

    fn gone<'w>(&self, app: &'w str) -> Wait<'w> {
        let wait = self.model.wait(move |status| status.app(app).is_none());
        wait.without_limit()
            .successes(1)
            .describe(format!("{app} to be gone"))
    }

    /// Waits until the model holds no storage; Juju removes it after its unit.
    ///
    /// # Errors
    ///
    /// Fails when some is left after a while.
    pub(super) async fn wait_no_storage(&self) -> Result {
        let deadline = Instant::now() + STORAGE_LIMIT;
        loop {
            let left = self.model.storage().await?;
            if left.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                let names: Vec<String> = left.into_keys().collect();
                let limit = STORAGE_LIMIT.as_secs();
                Err(format!(
                    "{} was removed with its storage, and after {limit} s there is still: {}",
                    self.app,
                    names.join(", ")
                ))?;
            }
            sleep(STORAGE_PAUSE).await;
        }
    }

    /// Says more of a wait that failed: which hook did, how, and what its unit logged last.
    async fn explain(&self, error: WaitError, applications: &[String]) -> Failure {
        if !matches!(
            error,
            WaitError::InTrouble { .. } | WaitError::Condition { .. }
        ) {
            return error.into();
        }
        let Ok(status) = self.model.status().await else {
            return error.into();
        };
        let mut texts = Vec::new();
        for (unit, hook) in failed_hooks(&status, applications) {
            let log = self.log_of(&unit).await;
            texts.push(describe_hook(&unit, &hook, &log));
        }
        if texts.is_empty() {
            return error.into();
        }
        texts.join("\n").into()
    }
}

/// Returns the endpoint by which a subordinate comes to its principal.
pub(super) fn home(info: &CharmInfo) -> Option<&CharmEndpoint> {
    let fits = |endpoint: &&CharmEndpoint| {
        endpoint.role == EndpointRole::Requirer && endpoint.scope == EndpointScope::Container
    };
    // Every principal has `juju-info`, so that endpoint asks least of the stand-in.
    let any = info
        .endpoints
        .iter()
        .find(|endpoint| fits(endpoint) && endpoint.interface == "juju-info");
    any.or_else(|| info.endpoints.iter().find(fits))
}

/// Returns the file of a charm, packing it if it is a directory.
pub(super) async fn artefact(ops: &OpsTest, charm: &Path) -> Result<PathBuf> {
    let path = ops.package_dir().join(charm);
    if path.is_dir() {
        return Ok(ops.build_charm(&path).await?);
    }
    Ok(path)
}

/// Returns why a model cannot take a charm, if that is what Juju said.
fn cannot_take(error: &JujuError) -> Option<String> {
    let JujuError::Failed { stderr, .. } = error else {
        return None;
    };
    CANNOT_TAKE.iter().find(|mark| stderr.contains(**mark))?;
    let lines = stderr.lines().map(|line| line.trim());
    let lines = lines.map(|line| line.trim_start_matches("ERROR ").trim_start_matches("- "));
    let said: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    Some(said.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_model_cannot_take_is_told_from_what_fails() {
        let failed = |stderr: &str| JujuError::Failed {
            command: "juju deploy ./web.charm".to_owned(),
            code: 1,
            stdout: String::new(),
            stderr: stderr.to_owned(),
        };
        let unmet = "ERROR Charm feature requirements cannot be met:\n  - charm requires feature \"juju\" (version >= 9.0)\n";
        assert_eq!(
            cannot_take(&failed(unmet)).unwrap(),
            "Charm feature requirements cannot be met: charm requires feature \"juju\" (version >= 9.0)"
        );
        assert_eq!(cannot_take(&failed("ERROR no such file\n")), None);
    }
}
