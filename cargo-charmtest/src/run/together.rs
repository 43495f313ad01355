//! Which modules run in one process: those of a target that ask for fixtures of scope "run", which live in one.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::sync::mpsc::Sender;

use super::module::{Common, ModulePlan};
use super::process::Group;
use super::scheduler::{Job, Message};

/// The modules of one process, by their places in the plan; never none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProcessPlan {
    /// The modules, in the order of the plan.
    pub(crate) modules: Vec<usize>,
}

/// In which order processes start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// As the plan has their first modules.
    AsPlanned,
    /// Those with several modules before the others. They keep all jobs busy for a long time, and what is left over near their
    /// ends is filled by the others.
    SharedFirst,
}

/// Divides a plan into processes: one for each module, but one for all those of a target whose tests ask for fixtures of scope
/// "run".
pub(crate) fn processes(plan: &[ModulePlan], order: Order) -> Vec<ProcessPlan> {
    let mut processes: Vec<ProcessPlan> = Vec::new();
    let mut shared: BTreeMap<String, usize> = BTreeMap::new();
    for (place, module) in plan.iter().enumerate() {
        let tests = &module.module.tests;
        let alone = tests.iter().all(|test| test.run_fixtures.is_empty());
        if !alone {
            match shared.entry(module.executable.id()) {
                Entry::Occupied(process) => {
                    processes[*process.get()].modules.push(place);
                    continue;
                }
                Entry::Vacant(none) => none.insert(processes.len()),
            };
        }
        processes.push(ProcessPlan {
            modules: vec![place],
        });
    }
    if order == Order::SharedFirst {
        processes.sort_by_key(|process| process.modules.len() == 1);
    }
    processes
}

impl ProcessPlan {
    /// Returns how many of the modules can run side by side when `jobs` may.
    pub(crate) fn width(&self, jobs: usize) -> usize {
        self.modules.len().min(jobs)
    }

    /// Starts the process, in which `width` modules run side by side; its events and output go to `messages`, marked with `job`.
    ///
    /// # Errors
    ///
    /// Fails when the test binary cannot be started.
    pub(crate) fn start(
        &self,
        plan: &[ModulePlan],
        width: usize,
        job: Job,
        common: &Common,
        messages: &Sender<Message>,
    ) -> io::Result<Group> {
        let modules: Vec<&ModulePlan> = self.modules.iter().map(|place| &plan[*place]).collect();
        super::module::start(&modules, width, job, common, messages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::module::tests::module;

    #[test]
    fn modules_share_a_process_for_the_sake_of_a_fixture_of_their_target() {
        let plan = [
            module("t", "a", &[]),
            module("t", "b", &["port"]),
            module("t", "c", &[]),
            module("t", "d", &["pool"]),
            module("u", "b", &["port"]),
            module("u", "c", &[]),
            module("t", "e", &["pool", "port"]),
        ];
        let places = |order| -> Vec<Vec<usize>> {
            let processes = processes(&plan, order).into_iter();
            processes.map(|process| process.modules).collect()
        };
        let planned = [&[0][..], &[1, 3, 6], &[2], &[4], &[5]];
        assert_eq!(places(Order::AsPlanned), planned);
        let shared_first = [&[1, 3, 6][..], &[0], &[2], &[4], &[5]];
        assert_eq!(places(Order::SharedFirst), shared_first);
        assert_eq!(processes(&[], Order::SharedFirst), []);
    }

    #[test]
    fn a_process_is_as_wide_as_its_modules_and_the_jobs_allow() {
        let process = ProcessPlan {
            modules: vec![4, 5, 6],
        };
        for (jobs, width) in [(1, 1), (2, 2), (3, 3), (8, 3)] {
            assert_eq!(process.width(jobs), width);
        }
    }
}
