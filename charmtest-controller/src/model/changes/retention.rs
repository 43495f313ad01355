//! How many operations a model holds: those that wait are bounded, those that ended long ago are forgotten.

use jiff::{SignedDuration, Timestamp};

use super::ChangeError;
use crate::flags::parse_go_duration;
use crate::model::{Model, Operation, TaskId};

/// How many tasks of a model may wait or run at a time. Juju has no such limit; here they are all in memory.
const OPEN_MAX: usize = 10_000;

/// How many tasks of a model are kept. Juju counts bytes alone.
const KEPT_MAX: usize = 20_000;

/// How many bytes the tasks of a model may hold; a smaller `max-action-results-size` counts, its default of 5 GB does not.
const SIZE_MAX: u64 = 64 << 20;

/// How long an operation is kept in any case: whoever waits for it has to find its results.
const RECENT: SignedDuration = SignedDuration::from_secs(60);

/// Refuses more tasks than a model can hold.
///
/// # Errors
///
/// Fails when with `more` of them too many have not ended.
pub fn check_room(model: &Model, more: usize) -> Result<(), ChangeError> {
    let open = model.tasks.open_count();
    if open + more > OPEN_MAX {
        return Err(ChangeError::TooManyTasks {
            more,
            open,
            limit: OPEN_MAX,
        });
    }
    Ok(())
}

/// Forgets operations that ended: those that are older than `max-action-results-age`, and the oldest while tasks take more room than
/// `max-action-results-size` (Juju 3.6, the action pruner).
pub fn forget_operations(model: &mut Model, now: Timestamp) {
    let age = model.config("max-action-results-age").and_then(age);
    let size = model.config("max-action-results-size").and_then(size);
    let size = size.unwrap_or(SIZE_MAX).min(SIZE_MAX);
    let mut passed: Option<TaskId> = None;
    loop {
        let after = passed.map_or(TaskId::MIN, |id| id + 1);
        let Some((id, ended)) = next_ended(model, after) else {
            return;
        };
        let held = model.tasks.len().max(model.operations.len());
        let is_much = held > KEPT_MAX || model.tasks.size() > size;
        let ago = now.duration_since(ended);
        let is_old = age.is_some_and(|age| ago >= age);
        // Operations end about in the order of their numbers: what comes later is younger.
        if !is_old && !is_much {
            return;
        }
        if is_old || ago >= RECENT {
            let operation = model.operations.remove(&id);
            for task in operation.iter().flat_map(|operation| &operation.tasks) {
                model.tasks.remove(*task);
            }
        }
        passed = Some(id);
    }
}

/// Forgets operations that ended if results take more room than any model has.
pub fn forget_excess(model: &mut Model, now: Timestamp) {
    if model.tasks.size() > SIZE_MAX {
        forget_operations(model, now);
    }
}

/// Returns the first operation from `first` on that has ended, and when it did.
fn next_ended(model: &Model, first: TaskId) -> Option<(TaskId, Timestamp)> {
    let mut operations = model.operations.values_from(&first);
    operations.find_map(|operation| Some((operation.id, ended_at(model, operation)?)))
}

/// Returns when the last task of an operation ended; `None` when one has not.
fn ended_at(model: &Model, operation: &Operation) -> Option<Timestamp> {
    let mut last = operation.enqueued;
    for task in operation.tasks.iter().filter_map(|id| model.tasks.get(id)) {
        if !task.status.is_final() {
            return None;
        }
        last = last.max(task.completed.unwrap_or(task.enqueued));
    }
    Some(last)
}

/// Reads an age; zero stands for any.
fn age(text: &str) -> Option<SignedDuration> {
    let nanos = parse_go_duration(text.trim()).ok()?;
    (nanos > 0).then(|| SignedDuration::from_nanos(nanos))
}

/// Reads a size in bytes as Juju writes it, in MiB without a unit: `5G`, `500M`, `1.5`; zero stands for any.
fn size(text: &str) -> Option<u64> {
    let text = text.trim().trim_end_matches(['b', 'B', 'i']);
    let units = ['M', 'G', 'T', 'P'];
    let unit = units.iter().position(|unit| text.ends_with(*unit));
    let number: f64 = text.trim_end_matches(&units[..]).parse().ok()?;
    let mebibytes = number * f64::powi(1024.0, i32::try_from(unit.unwrap_or_default()).ok()?);
    // A float that is out of range becomes the nearest number.
    let bytes = (mebibytes * f64::from(1 << 20)) as u64;
    (bytes > 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{charm, deployed, model};
    use super::super::{NewTask, queue_operation};
    use super::*;
    use crate::model::{TaskStatus, UnitName};

    /// A model with a unit that has run an operation at each of these seconds; a negative one has not ended.
    fn with_operations(seconds: &[i64]) -> Model {
        let mut model = model();
        deployed(&mut model, "db", charm("db", ""), 1);
        for second in seconds {
            let task = NewTask {
                receiver: UnitName::new("db", 0).into(),
                params: Default::default(),
            };
            let at = Timestamp::from_second(second.abs()).unwrap();
            let queued = queue_operation(&mut model, String::new(), "act", vec![task], &[], at);
            if *second >= 0 {
                model.tasks.update(queued.tasks[0].0, |task| {
                    task.status = TaskStatus::Completed;
                    task.completed = Some(at);
                    task.results
                        .insert("stdout".to_owned(), "x".repeat(1 << 20).into());
                });
            }
        }
        model
    }

    fn kept(model: &mut Model, now: i64) -> Vec<TaskId> {
        forget_operations(model, Timestamp::from_second(now).unwrap());
        let tasks: Vec<TaskId> = model.tasks.keys().map(|id| id - 1).collect();
        let operations: Vec<TaskId> = model.operations.keys().copied().collect();
        assert_eq!(operations, tasks, "an operation goes with its task");
        operations
    }

    #[test]
    fn old_operations_are_forgotten_unless_they_have_not_ended() {
        let mut model = with_operations(&[0, -10, 100, 200]);
        let config = &mut model.info_mut().config;
        config.insert("max-action-results-age".to_owned(), "150s".to_owned());
        assert_eq!(kept(&mut model, 149), [1, 3, 5, 7]);
        assert_eq!(kept(&mut model, 150), [3, 5, 7]);
        assert_eq!(kept(&mut model, 250), [3, 7]);
        model
            .info_mut()
            .config
            .insert("max-action-results-age".to_owned(), "0".to_owned());
        assert_eq!(kept(&mut model, 1 << 30), [3, 7], "zero keeps all");
    }

    #[test]
    fn the_oldest_results_give_way_but_not_those_that_somebody_may_wait_for() {
        let mut model = with_operations(&[0, 10, -15, 20, 30]);
        let mut limit = |text: &str, now| {
            let config = &mut model.info_mut().config;
            config.insert("max-action-results-size".to_owned(), text.to_owned());
            kept(&mut model, now)
        };
        assert_eq!(limit("5G", 1000), [1, 3, 5, 7, 9]);
        assert_eq!(limit("3.5M", 59), [1, 3, 5, 7, 9]);
        assert_eq!(limit("3.5M", 1000), [3, 5, 7, 9]);
        assert_eq!(limit("1", 80), [5, 9]);
        assert_eq!(limit("1", 1000), [5]);
    }

    #[test]
    fn a_model_holds_only_so_much_whatever_its_settings() {
        let sixty_six: Vec<i64> = (0..66).collect();
        let mut model = with_operations(&sixty_six);
        let kept = kept(&mut model, 1000);
        assert_eq!((kept.len(), kept.first()), (63, Some(&7)));
    }

    #[test]
    fn too_many_tasks_are_refused() {
        let mut model = with_operations(&[-1, -2, 3]);
        assert_eq!(check_room(&model, OPEN_MAX - 2), Ok(()));
        let error = check_room(&model, OPEN_MAX - 1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot queue 9999 more tasks: 2 tasks of this model have not ended, and it holds at most 10000 of them; \
             wait for some, or cancel them with \"juju cancel-task\""
        );
        model
            .tasks
            .update(2, |task| task.status = TaskStatus::Cancelled);
        assert_eq!(check_room(&model, OPEN_MAX - 1), Ok(()));
    }

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("5G", Some(5 << 30)),
            ("500M", Some(500 << 20)),
            ("2", Some(2 << 20)),
            ("0.5M", Some(512 << 10)),
            ("1GiB", Some(1 << 30)),
            ("0", None),
            ("much", None),
            ("", None),
        ] {
            assert_eq!(size(text), expected, "{text}");
        }
    }
}
