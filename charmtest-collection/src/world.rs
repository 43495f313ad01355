//! What a watcher asks of the one who calls it.

use std::collections::BTreeMap;
use std::path::Path;

use crate::delta::{Delta, Trigger};
use crate::error::Result;
use crate::job::{Job, Variant};
use crate::previous::Previous;
use crate::results::Outcome;
use crate::reviews::Reached;
use crate::run::Ended;
use crate::snapshot::{Entry, Facts};
use crate::store::Store;

/// A charm's files, wherever they are.
pub trait Files {
    /// Returns the paths of all files, in byte order.
    fn paths(&self) -> Vec<&str>;

    /// Says whether a path is a file that may be executed.
    fn is_executable(&self, path: &str) -> bool;

    /// Returns the content of a file, if it is there.
    ///
    /// # Errors
    ///
    /// Fails when it is there and cannot be read.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>>;
}

/// Work for a [`World`]: jobs of one delta in one variant.
#[derive(Debug, Clone, Copy)]
pub struct Work<'a> {
    /// The delta.
    pub delta: &'a Delta,
    /// What to test, in this order.
    pub jobs: &'a [Job],
    /// Whether an untrusted charm is tested: all of it, controller, hooks and tests, must run in a sandbox, and what it says of other
    /// charms does not count. The jobs are those of one charm then.
    pub contained: bool,
    /// The charms of the collection that may run here; what is not among them must not be deployed by any test.
    pub allowed: &'a [&'a Entry],
    /// The other charms of the collection, and why they must not be deployed by these tests. Who asks for one by its name is refused.
    pub refused: &'a [(&'a Entry, String)],
    /// Those that are trusted among what may run, and the tested charm: only they are put together without being asked for by name.
    pub trusted: &'a [&'a Entry],
    /// The last good versions that may run here, by key.
    pub previous: &'a BTreeMap<String, Previous>,
    /// Where the contents of all charms are.
    pub store: &'a Store,
    /// Where logs and dumps go; paths in outcomes are relative to it.
    pub directory: &'a Path,
    /// Why the jobs run.
    pub trigger: Trigger,
    /// How often these jobs have been tried before.
    pub attempt: u32,
}

/// What a charm name means in a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named<'a> {
    /// The charm.
    pub entry: &'a Entry,
    /// Why it must not be deployed, if so.
    pub refused: Option<&'a str>,
}

impl<'a> Work<'a> {
    /// Returns what charm names mean in the scripts of `entry`: the charms of its base, of its own branch if there is one, else one that
    /// may run if there is one.
    #[must_use]
    pub fn named(&self, entry: &Entry) -> BTreeMap<&'a str, Named<'a>> {
        let allowed = self.allowed.iter().map(|other| Named {
            entry: other,
            refused: None,
        });
        let refused = self.refused.iter().map(|(other, why)| Named {
            entry: other,
            refused: Some(why),
        });
        let mut named: BTreeMap<&str, Named<'_>> = BTreeMap::new();
        for other in allowed.chain(refused) {
            let key = &other.entry.key;
            if key.base != entry.key.base {
                continue;
            }
            let name = other.entry.facts.name.as_str();
            if key.branch == entry.key.branch || !named.contains_key(name) {
                named.insert(name, other);
            }
        }
        named
    }
}

/// What the watcher does not know: charms, tests, time, people.
pub trait World {
    /// Says what a charm's files tell of it; `None` when they are no charm.
    ///
    /// # Errors
    ///
    /// Fails with a text when they are a charm that cannot be understood.
    fn facts(&self, files: &dyn Files) -> Result<Option<Facts>, String>;

    /// Returns the version of [`World::facts`]; when it changes, everything is asked again.
    fn facts_version(&self) -> String;

    /// Returns the time, in the form of RFC 3339.
    fn now(&self) -> String;

    /// Returns the sandbox that can be had around hooks in a variant, for the gate of trust; asked often, and only if it matters.
    fn sandbox_level(&self, variant: &Variant) -> Reached;

    /// Tests `work` and hands on each outcome as soon as there is one.
    ///
    /// # Errors
    ///
    /// Fails when `report` fails, with its error, and when nothing can be tested at all; jobs without an outcome are tried again.
    fn run(
        &mut self,
        work: Work<'_>,
        report: &mut dyn FnMut(Outcome) -> Result<()>,
    ) -> Result<Ended>;

    /// Waits before jobs are tried again for the `attempt`-th time; says whether to go on.
    fn back_off(&mut self, attempt: u32) -> bool;

    /// Tells the user something.
    fn say(&mut self, line: &str);
}
