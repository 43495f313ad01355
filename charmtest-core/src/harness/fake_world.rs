//! A world without any Juju, for tests of the scheduler.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::event::Evidence;
use super::module::TestFiles;
use super::world::{BackendReport, LocalFuture, Site, Tenant, World};
use crate::diagnose::Capture;
use crate::failure::Failure;
use crate::juju::{BackendKind, Juju};
use crate::ops_test::OpsTest;

/// How the fake world behaves, and what it was asked to do.
#[derive(Debug, Default)]
pub(super) struct FakeWorld {
    pub(super) backend: Behaviour,
    pub(super) kind: FakeKind,
    /// How many times the backend was selected.
    pub(super) selections: AtomicUsize,
    pub(super) create: Behaviour,
    pub(super) capture: Behaviour,
    pub(super) destroy: Behaviour,
    /// How many times the files of a model were removed.
    pub(super) removals: AtomicUsize,
    /// How models were ended.
    pub(super) steps: Mutex<Vec<&'static str>>,
    /// The models that are there, with whether they hold applications.
    pub(super) models: Mutex<Vec<(String, Content)>>,
}

/// How one part of the fake world behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Behaviour {
    #[default]
    Works,
    Fails,
    Hangs,
    Panics,
    /// It works, after this time.
    Takes(Duration),
}

/// Which backend the fake world passes for; it decides how many modules may have a model at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum FakeKind {
    #[default]
    Embedded,
    Juju,
}

/// What a fake model holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Nothing,
    Applications,
}

impl Behaviour {
    async fn act(self, what: &str) -> Result<(), Failure> {
        match self {
            Self::Works => Ok(()),
            Self::Fails => Err(Failure::from(format!("{what} failed"))),
            Self::Hangs => pending().await,
            Self::Panics => panic!("{what} panicked"),
            Self::Takes(time) => {
                tokio::time::sleep(time).await;
                Ok(())
            }
        }
    }
}

impl FakeWorld {
    pub(super) fn with_model(self, name: &str, content: Content) -> Self {
        self.models.lock().unwrap().push((name.to_owned(), content));
        self
    }
}

/// The fake world, shared with the models in it.
pub(super) struct Shared(pub(super) Arc<FakeWorld>);

impl World for Shared {
    fn select(&self) -> Result<BackendReport, Failure> {
        self.0.selections.fetch_add(1, Ordering::Relaxed);
        match self.0.backend {
            Behaviour::Fails => return Err("no controller is reachable".into()),
            Behaviour::Takes(time) => thread::sleep(time),
            _ => {}
        }
        Ok(BackendReport {
            kind: match self.0.kind {
                FakeKind::Embedded => BackendKind::Embedded,
                FakeKind::Juju => BackendKind::Juju,
            },
            version: "3.6.28".to_owned(),
            why: "a fake".to_owned(),
            warning: None,
        })
    }

    fn juju(&self) -> Option<&Juju> {
        None
    }

    fn full_name(&self, model: &str) -> String {
        format!("fake:{model}")
    }

    fn find<'a>(
        &'a self,
        model: &'a str,
        _: Tenant,
    ) -> LocalFuture<'a, Result<Option<Arc<dyn Site>>, Failure>> {
        Box::pin(async move {
            let there = self
                .0
                .models
                .lock()
                .unwrap()
                .iter()
                .any(|(name, _)| name == model);
            Ok(there.then(|| FakeSite::arc(&self.0, model)))
        })
    }

    fn create<'a>(
        &'a self,
        model: &'a str,
        _: Tenant,
    ) -> LocalFuture<'a, Result<Arc<dyn Site>, Failure>> {
        Box::pin(async move {
            self.0.create.act("the creation").await?;
            self.0
                .models
                .lock()
                .unwrap()
                .push((model.to_owned(), Content::Nothing));
            Ok(FakeSite::arc(&self.0, model))
        })
    }
}

struct FakeSite {
    world: Arc<FakeWorld>,
    name: String,
}

impl FakeSite {
    fn arc(world: &Arc<FakeWorld>, name: &str) -> Arc<dyn Site> {
        Arc::new(Self {
            world: Arc::clone(world),
            name: name.to_owned(),
        })
    }
}

impl Site for FakeSite {
    fn ops_test(&self) -> Option<&OpsTest> {
        None
    }

    fn has_applications(&self) -> LocalFuture<'_, Result<bool, Failure>> {
        Box::pin(async {
            let models = self.world.models.lock().unwrap();
            let model = models.iter().find(|(name, _)| *name == self.name);
            Ok(model.is_some_and(|(_, content)| *content == Content::Applications))
        })
    }

    fn capture<'a>(&'a self, request: Capture<'a>) -> LocalFuture<'a, Result<Evidence, Failure>> {
        Box::pin(async move {
            self.world.capture.act("the capture").await?;
            Ok(Evidence {
                directory: request.directory.display().to_string(),
                highlights: vec![request.message.to_owned()],
            })
        })
    }

    fn crash_dump(&self, _kept: bool, _: TestFiles) -> LocalFuture<'_, ()> {
        Box::pin(async {})
    }

    fn end_tracked(&self, _: TestFiles) -> LocalFuture<'_, ()> {
        Box::pin(async { self.world.steps.lock().unwrap().push("end_tracked") })
    }

    fn keep(&self, _why: &str) {
        self.world.steps.lock().unwrap().push("keep");
    }

    fn destroy(&self, _limit: Duration) -> LocalFuture<'_, Result<(), Failure>> {
        Box::pin(async {
            self.world.steps.lock().unwrap().push("destroy");
            self.world.destroy.act("the destruction").await?;
            self.world
                .models
                .lock()
                .unwrap()
                .retain(|(name, _)| *name != self.name);
            Ok(())
        })
    }

    fn remove_files(&self) {
        self.world.removals.fetch_add(1, Ordering::Relaxed);
    }
}
