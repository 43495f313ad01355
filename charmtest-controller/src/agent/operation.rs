//! The operations of an agent: unpacking a charm, running a hook, running an action.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::action::{commits, flush_failed, task_end};
use super::charm_dir;
use super::commit::{self, TaskEnd};
use super::context::{ActionContext, HookContext};
use super::environment::{dispatch_path, environment};
use super::hook::Hook;
use super::output::{Stream, complain};
use super::process::{self, Exit, Interrupt, Job, Script, find_script, start_hint};
use super::processes::{MACHINE_VARIABLE, kill_by_environment, machine_mark};
use super::resolver;
use super::worker::{Turn, Worker, cancelled};
use crate::causes::chain;
use crate::model::changes::params_at_unit;
use crate::model::{
    Hub, LogLevel, Model, ModelUuid, State, Task, TaskId, TaskStatus, UnitName, random_hex,
};
use crate::tools;

/// The log module of what the agent says about hooks.
const OPERATION: &str = "juju.worker.uniter.operation";
/// The log module of what the agent says about its decisions.
const RESOLVER: &str = "juju.worker.uniter";
/// The log module of the loop around its decisions.
const LOOP: &str = "juju.worker.uniter.resolver";
/// The log module of what it says about reboots.
const REBOOT: &str = "juju.worker.uniter.reboot";
/// The log module of what it says about the files of charms.
const CHARM: &str = "juju.worker.uniter.charm";
/// The log module of what it says about relations.
const RELATION: &str = "juju.worker.uniter.relation";

impl Worker {
    /// Puts the charm's files in place.
    pub(super) async fn unpack(&mut self, model: &Model) {
        let Some(unit) = model.units.get(&self.unit) else {
            return;
        };
        let Some((url, modified)) = resolver::charm_to_unpack(model, unit) else {
            return;
        };
        let retry = self.shared.hub.timing.killed_hook;
        let Some(row) = model.charms.get(&url) else {
            complain(&format!(
                "{}: the charm {url} is not in the model",
                self.unit
            ));
            return self.pause(retry).await;
        };
        for (relation, endpoint) in resolver::ignored_relations(model, &self.unit) {
            self.log.write(
                LogLevel::Warning,
                RELATION,
                format!(
                    "skipping relation {:?} with unknown endpoint {endpoint:?}",
                    relation.key()
                ),
            );
        }
        self.commit(commit::begin_unpack).await;
        let archive = self.shared.hub.data.charm(&row.sha256);
        let agent = self.shared.hub.data.agent(&self.model, &self.unit);
        let first = unit.progress.charm.is_none();
        // The same charm again (a resource changed) needs no unpacking, unless the last one was interrupted.
        let in_place = unit.progress.charm.as_ref() == Some(&url) && !unit.progress.unpacking;
        if !in_place {
            let unpacking = tokio::task::spawn_blocking(move || {
                charm_dir::unpack(&archive, &agent).map_err(|error| chain(&error))
            });
            let done = unpacking
                .await
                .unwrap_or_else(|_| Err("the unpacking failed inside the controller".to_owned()));
            if let Err(error) = done {
                let what = if first { "install" } else { "upgrade" };
                self.log.write(
                    LogLevel::Error,
                    CHARM,
                    format!("cannot {what} charm: {error}"),
                );
                self.commit(|model, unit, now| {
                    commit::fail_unpack(model, unit, &url, modified, now)
                })
                .await;
                if first {
                    self.pause(retry).await;
                }
                return;
            }
        }
        self.commit(|model, unit, _| commit::finish_unpack(model, unit, &url, modified))
            .await;
    }

    /// Runs a hook and commits what came of it.
    pub(super) async fn run_hook(&mut self, hook: Hook, turn: Turn) {
        let id = self.context_id(&hook.name());
        self.tell_why(&hook);
        self.commit(|model, unit, now| commit::begin_hook(model, unit, &hook, &id, now))
            .await;
        if *self.cancel.borrow() {
            return;
        }
        let Some(context) = self.open(id, Some(hook.clone()), None) else {
            return;
        };
        let base = Arc::clone(&context.base);
        let name = hook.name();
        let (mut stdout, mut stderr) = self.streams(&name);
        let found = find_script(
            &self.charm_dir(),
            &dispatch_path(&context).unwrap_or_default(),
        );
        let (script, exit) = match found {
            Ok(Some(script)) => {
                let (stop, reboot) = (self.stopped(), Arc::clone(&context.kill));
                let interrupt = async move {
                    tokio::select! {
                        why = stop => why,
                        () = reboot.notified() => Interrupt::Reboot,
                    }
                };
                let exit = process::run(
                    self.job(&context, script.clone(), turn.slot),
                    &mut stdout,
                    &mut stderr,
                    interrupt,
                )
                .await;
                (Some(script), exit)
            }
            Ok(None) => (None, Exit::Code(0)),
            Err(why) => (None, Exit::NotStarted(std::io::Error::other(why))),
        };
        stdout.finish();
        stderr.finish();
        let Some(context) = self.shared.contexts.close(&context.id) else {
            return;
        };
        let via = script
            .as_ref()
            .map(|script| format!(" (via {script})"))
            .unwrap_or_default();
        match exit {
            // What it left pending is dropped, as that of every hook that was killed.
            Exit::Interrupted(Interrupt::Reboot) => {
                self.commit(|model, unit, now| {
                    commit::requeue_hook(model, unit, &hook, None);
                    commit::reboot(model, unit, now);
                })
                .await;
                self.end_machine(&context).await;
            }
            // What was begun and not committed runs again with the next daemon.
            Exit::Interrupted(_) => {}
            Exit::Code(0) => {
                let committed = self.try_commit::<String>(|model, unit, now| {
                    if hook == Hook::ConfigChanged {
                        tools::refresh_network(model, unit);
                    }
                    tools::flush(model, &context, now)?;
                    commit::finish_hook(model, unit, &hook, &base, now);
                    if context.pending.reboot {
                        commit::reboot(model, unit, now);
                    }
                    Ok(())
                });
                match committed.await {
                    Ok(()) => {
                        let ran = match &script {
                            Some(_) => format!("ran {name:?} hook{via}"),
                            None => format!("skipped {name:?} hook (missing)"),
                        };
                        self.log.write(LogLevel::Info, OPERATION, ran);
                        if context.pending.reboot {
                            self.end_machine(&context).await;
                        }
                    }
                    Err(error) => {
                        self.fail(&hook, &via, &format!("cannot apply changes: {error}"))
                            .await
                    }
                }
            }
            // Juju 3.6 runs a hook again that was killed; it does not count as failed.
            Exit::Signal(9 | 15) => {
                self.log.write(
                    LogLevel::Warning,
                    OPERATION,
                    format!("hook {name:?} was terminated"),
                );
                let delay = self.shared.hub.timing.killed_hook;
                self.commit(|model, unit, now| {
                    commit::requeue_hook(model, unit, &hook, now.checked_add(delay).ok())
                })
                .await;
            }
            Exit::NotStarted(_) => {
                let hint = script
                    .as_ref()
                    .and_then(start_hint)
                    .map(|hint| format!(" ({hint})"))
                    .unwrap_or_default();
                self.fail(&hook, &via, &format!("{exit}{hint}")).await;
            }
            Exit::Code(_) | Exit::Signal(_) => self.fail(&hook, &via, &exit.to_string()).await,
        }
    }

    /// Says in the log why this hook is next, where Juju does.
    fn tell_why(&self, hook: &Hook) {
        let model = self.shared.hub.model(&self.model);
        let unit = model.as_ref().and_then(|model| model.units.get(&self.unit));
        let Some(progress) = unit.map(|unit| &unit.progress) else {
            return;
        };
        let kind = hook.kind();
        match &progress.queued {
            Some(queued) if queued.hook == *hook => {
                if queued.not_before.is_some() {
                    self.log.write(
                        LogLevel::Warning,
                        LOOP,
                        format!("last {kind:?} hook was killed, but agent still alive"),
                    );
                }
                self.log.write(
                    LogLevel::Info,
                    RESOLVER,
                    format!("found queued {kind:?} hook"),
                );
            }
            None if progress.rebooted && *hook == Hook::Start => self.log.write(
                LogLevel::Info,
                REBOOT,
                "reboot detected; triggering implicit start hook to notify charm",
            ),
            _ => {}
        }
    }

    /// Ends whatever runs on the unit's machine, as its reboot does.
    async fn end_machine(&self, context: &HookContext) {
        let unit = context.base.units.get(&self.unit);
        let machine = unit.map(|unit| unit.machine.clone()).unwrap_or_default();
        let mark = machine_mark(&self.model, &machine);
        let model = self.model.0.clone();
        let ending = tokio::task::spawn_blocking(move || {
            kill_by_environment(&[("JUJU_MODEL_UUID", &model), ("JUJU_MACHINE_ID", &machine)]);
            kill_by_environment(&[(MACHINE_VARIABLE, &mark)]);
        });
        // A panic there is in the daemon's log.
        let _ = ending.await;
    }

    async fn fail(&mut self, hook: &Hook, via: &str, why: &str) {
        let timing = self.shared.hub.timing.clone();
        self.commit(|model, unit, now| commit::fail_hook(model, unit, hook, &timing, now))
            .await;
        self.log.write(
            LogLevel::Error,
            OPERATION,
            format!("hook {:?}{via} failed: {why}", hook.name()),
        );
        self.log.write(
            LogLevel::Info,
            RESOLVER,
            format!("awaiting error resolution for {:?} hook", hook.kind()),
        );
    }

    /// Runs an action or a command and commits what came of it.
    pub(super) async fn run_task(&mut self, id: TaskId, turn: Turn) {
        let Some((task, params)) = self.shared.hub.model(&self.model).and_then(|model| {
            let task = model.tasks.get(&id)?;
            Some((task.clone(), params_at_unit(&model, task)))
        }) else {
            return;
        };
        let params = match params {
            Ok(params) => params,
            Err(why) => {
                return self
                    .commit(|model, unit, now| {
                        let end = TaskEnd::without_results(TaskStatus::Error, why.as_str());
                        commit::finish_task(model, unit, id, end, now)
                    })
                    .await;
            }
        };
        let context_id = self.context_id(&task.action);
        self.commit(|model, unit, now| commit::begin_task(model, unit, id, &context_id, now))
            .await;
        if *self.cancel.borrow() {
            return;
        }
        let action = ActionContext {
            task: id,
            name: task.action.clone(),
            params,
            ..ActionContext::default()
        };
        let Some(context) = self.open(context_id, None, Some(action)) else {
            return;
        };
        let (mut stdout, mut stderr) = self.streams(&task.action);
        let found = match dispatch_path(&context) {
            Some(path) => find_script(&self.charm_dir(), &path),
            None => {
                let line = task.params.get("command").and_then(Value::as_str);
                Ok(Some(Script::Shell(line.unwrap_or_default().to_owned())))
            }
        };
        let exit = match found {
            Ok(Some(script)) => {
                let interrupt = self.task_interrupt(&task);
                Ok(process::run(
                    self.job(&context, script, turn.slot),
                    &mut stdout,
                    &mut stderr,
                    interrupt,
                )
                .await)
            }
            Ok(None) => Err(format!(
                "action not implemented on unit {:?}",
                self.unit.as_str()
            )),
            Err(why) => Err(why.to_owned()),
        };
        let (stdout, stderr) = (stdout.finish(), stderr.finish());
        let Some(context) = self.shared.contexts.close(&context.id) else {
            return;
        };
        let action = context.action.clone().unwrap_or_default();
        let end = match &exit {
            Ok(Exit::Interrupted(Interrupt::Stop)) => return,
            Ok(exit) => task_end(&action, exit, &stdout, &stderr),
            Err(why) => TaskEnd::without_results(TaskStatus::Failed, why),
        };
        if exit.is_ok_and(|exit| commits(&action, &exit)) {
            let committed = self.try_commit::<String>(|model, unit, now| {
                tools::flush(model, &context, now)?;
                commit::finish_task(model, unit, id, end.clone(), now);
                Ok(())
            });
            let Err(error) = committed.await else { return };
            self.commit(|model, unit, now| {
                commit::finish_task(model, unit, id, flush_failed(end.clone(), &error), now)
            })
            .await;
            return;
        }
        self.commit(|model, unit, now| commit::finish_task(model, unit, id, end.clone(), now))
            .await;
    }

    /// Ends when the agent stops, the task is cancelled, or a command has taken its time.
    fn task_interrupt(&self, task: &Task) -> impl Future<Output = Interrupt> + use<> {
        let (hub, concern) = (Arc::clone(&self.shared.hub), self.concern.clone());
        let stop = self.stopped();
        let (model, id) = (self.model.clone(), task.id);
        let limit = task
            .params
            .get("timeout")
            .and_then(Value::as_u64)
            .filter(|_| task.action == Task::EXEC);
        async move {
            let cancelled = once(&hub, concern, |state| {
                let model = state.models.get(&model);
                let task = model.and_then(|model| model.tasks.get(&id));
                task.is_none_or(|task| task.status == TaskStatus::Aborting)
                    .then_some(())
            });
            let timer = async {
                match limit {
                    Some(nanoseconds @ 1..) => {
                        tokio::time::sleep(Duration::from_nanos(nanoseconds)).await
                    }
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                why = stop => why,
                _ = cancelled => Interrupt::Abort,
                () = timer => Interrupt::TimedOut,
            }
        }
    }

    /// Ends when the agent stops, or the unit is removed by force.
    fn stopped(&self) -> impl Future<Output = Interrupt> + use<> {
        let mut cancel = self.cancel.clone();
        let forced = forced(
            Arc::clone(&self.shared.hub),
            self.model.clone(),
            self.unit.clone(),
            self.concern.clone(),
        );
        async move {
            tokio::select! {
                () = cancelled(&mut cancel) => {}
                () = forced => {}
            }
            Interrupt::Stop
        }
    }

    fn context_id(&self, name: &str) -> String {
        format!("{}-{name}-{}", self.unit, random_hex(16))
    }

    fn charm_dir(&self) -> PathBuf {
        self.shared
            .hub
            .data
            .agent(&self.model, &self.unit)
            .join("charm")
    }

    fn streams(&self, name: &str) -> (Stream, Stream) {
        let module = format!("unit.{}.{name}", self.unit);
        let stream = |level| Stream::new(self.log.clone(), module.clone(), level);
        (stream(LogLevel::Debug), stream(LogLevel::Warning))
    }

    /// Makes the context known to hook tools; `None` when the unit is gone.
    fn open(
        &self,
        id: String,
        hook: Option<Hook>,
        action: Option<ActionContext>,
    ) -> Option<HookContext> {
        let base = self.shared.hub.model(&self.model)?;
        let context = HookContext::new(id, self.unit.clone(), hook, action, base);
        self.shared.contexts.open(context.clone());
        Some(context)
    }

    fn job(
        &self,
        context: &HookContext,
        script: Script,
        slot: Option<OwnedSemaphorePermit>,
    ) -> Job {
        let hub = &self.shared.hub;
        let unit = context.base.units.get(&self.unit);
        let env = unit
            .map(|unit| environment(&context.base, unit, context, &hub.data))
            .unwrap_or_default();
        Job {
            script,
            dir: self.charm_dir(),
            env,
            drain: hub.timing.drain,
            slot,
        }
    }
}

/// Waits until the unit has to go whatever runs.
async fn forced(hub: Arc<Hub>, model: ModelUuid, unit: UnitName, concern: watch::Receiver<()>) {
    let limit = |state: &State| {
        let model = state.models.get(&model)?;
        model.units.get(&unit)?.force_at
    };
    let at = once(&hub, concern, limit).await;
    let left = at.duration_since(hub.now()).max(SignedDuration::ZERO);
    tokio::time::sleep(left.unsigned_abs()).await;
}

/// Waits until `found` finds something in the state; it looks again only after commits that may concern the unit, for thousands of
/// hooks may run while others commit.
async fn once<T>(
    hub: &Hub,
    mut concern: watch::Receiver<()>,
    found: impl Fn(&State) -> Option<T>,
) -> T {
    loop {
        concern.mark_unchanged();
        if let Some(found) = found(&hub.snapshot()) {
            return found;
        }
        if concern.changed().await.is_err() {
            // Nobody follows this unit any more: the agent is told to stop.
            std::future::pending::<()>().await;
        }
    }
}
