//! Charms on disk for tests of whole commands.

use std::fs;
use std::path::PathBuf;

use super::testing::{Controller, Outcome};
use crate::model::Model;

/// The charm of the recordings, as far as commands care.
pub(super) const TRACER: &[(&str, &str)] = &[
    (
        "metadata.yaml",
        "name: tracer\nsummary: s\ndescription: d\nprovides: {server: {interface: trace}}\nrequires: {client: {interface: trace}}\n\
         peers: {ring: {interface: ring}}\nresources: {blob: {type: file, filename: blob.txt, description: a file}}\n",
    ),
    (
        "manifest.yaml",
        "bases: [{name: ubuntu, channel: '24.04', architectures: [amd64]}]\n",
    ),
    (
        "config.yaml",
        "options:\n  level: {type: int, default: 3, description: A number.}\n  loud: {type: boolean, default: false}\n  \
         mode: {type: string, default: calm}\n  empty: {type: string}\n",
    ),
    (
        "actions.yaml",
        "say:\n  description: Say something.\n  required: [word]\n  params:\n    word: {type: string}\n    \
         times: {type: integer, minimum: 1, default: 1}\n    opts: {type: object, properties: {deep: {type: integer}}}\ncrash: {}\n",
    ),
    ("dispatch", "#!/bin/sh\n"),
];

impl Controller {
    /// Writes a charm directory below the clients' working directory.
    pub(super) fn write_charm(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let dir = self.dir.path().join(name);
        fs::create_dir_all(&dir).unwrap();
        for (file, text) in files {
            fs::write(dir.join(file), text).unwrap();
        }
        dir
    }

    /// Packs the charm directory `NAME` into `NAME.charm` beside it: Juju 4.0 takes no directories.
    pub(super) fn pack_charm(&self, name: &str) {
        let dir = self.dir.path();
        charmtest_charm::pack_directory(&dir.join(name), &dir.join(format!("{name}.charm")))
            .unwrap();
    }

    /// Makes a controller with the model `m` and the charm directory `./tracer`.
    pub(super) fn with_tracer() -> Self {
        let controller = Self::with_model();
        controller.write_charm("tracer", TRACER);
        controller
    }

    /// Makes a controller where the charm of the recordings was deployed as `server` and `client`.
    pub(super) fn with_applications() -> Self {
        let controller = Self::with_tracer();
        controller.juju("deploy ./tracer server").ok();
        controller.juju("deploy ./tracer client").ok();
        controller
    }

    /// Returns the model `m`.
    pub(super) fn model(&self) -> Model {
        (**self.hub.snapshot().model_named("m").unwrap()).clone()
    }

    /// Changes the model `m` as an agent would.
    pub(super) fn change(&self, change: impl FnOnce(&mut Model)) {
        let uuid = self.model().info.uuid.clone();
        let outcome = self
            .hub
            .transact_model::<(), crate::model::Rejected>(&uuid, |model| {
                change(model);
                Ok(())
            });
        outcome.unwrap();
    }

    /// Asserts that commands fail in certain ways: line, exit code, standard output, what standard error holds.
    #[track_caller]
    pub(super) fn assert_refusals(&self, cases: &[(&str, u8, &str, &str)]) {
        for (line, code, stdout, error) in cases {
            let before = self.model();
            let outcome = self.juju(line);
            assert_eq!(
                (outcome.code, outcome.stdout.as_str()),
                (*code, *stdout),
                "{line}: {outcome:?}"
            );
            assert!(outcome.stderr.contains(error), "{line}: {outcome:?}");
            let mut after = self.model();
            // A charm that was uploaded uses up a revision, as in Juju; nothing else may have happened.
            after.charms = before.charms.clone();
            after.info_mut().next_revision = before.info.next_revision.clone();
            assert_eq!(before, after, "{line} changed something");
        }
    }
}

impl Outcome {
    /// Asserts that the command went well without a word and returns it.
    #[track_caller]
    pub(super) fn silent(self) -> Self {
        assert_eq!(
            (self.code, self.stdout.as_str(), self.stderr.as_str()),
            (0, "", "")
        );
        self
    }
}
