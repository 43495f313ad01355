//! The layout of the database and how an older one becomes the newest.

use rusqlite::Connection;

/// What brings the layout from one version to the next, beginning with an empty file. Released steps are never changed: a database
/// that went through them is out there.
const STEPS: [&str; 2] = [
    "CREATE TABLE row (model TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL,
                       PRIMARY KEY (model, kind, key)) WITHOUT ROWID;
     CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, model TEXT NOT NULL, at TEXT NOT NULL, entity TEXT NOT NULL,
                       level INTEGER NOT NULL, module TEXT NOT NULL, message TEXT NOT NULL);
     CREATE INDEX log_model ON log (model, id);
     CREATE TABLE status_history (id INTEGER PRIMARY KEY AUTOINCREMENT, model TEXT NOT NULL, entity TEXT NOT NULL, body TEXT NOT NULL);
     CREATE INDEX status_history_entity ON status_history (model, entity, id);",
    // The kind of a record, so that the last ones of a kind are found without reading all others.
    "ALTER TABLE status_history ADD COLUMN kind TEXT NOT NULL DEFAULT '';
     UPDATE status_history SET kind = json_extract(body, '$.kind');
     DROP INDEX status_history_entity;
     CREATE INDEX status_history_entity ON status_history (model, entity, kind, id);
     CREATE INDEX status_history_model ON status_history (model, id);",
];

/// The layout version of this build, kept in SQLite's `user_version`.
pub(super) const NEWEST: i64 = STEPS.len() as i64;

/// Returns the layout version of a database; 0 for an empty file.
///
/// # Errors
///
/// Fails when SQLite cannot read it.
pub(super) fn version(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Brings a database of version `found` to the newest one, each step in a transaction of its own.
///
/// # Errors
///
/// Fails when SQLite cannot do a step; the database then has the version that it had before that step.
pub(super) fn migrate(db: &Connection, found: i64) -> rusqlite::Result<()> {
    let done = usize::try_from(found).unwrap_or_default();
    for (step, to) in STEPS.iter().zip(1_i64..).skip(done) {
        db.execute_batch(&format!(
            "BEGIN IMMEDIATE; {step} PRAGMA user_version = {to}; COMMIT;"
        ))
        .inspect_err(|_| {
            // The error that matters is the step's own.
            let _ = db.execute_batch("ROLLBACK");
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::path::Path;

    use super::*;
    use crate::model::{
        Clock, Hub, Life, StatusKind, Store, StoreError, TaskStatus, Timing, UnitName,
    };
    use crate::paths::DataDir;

    /// A database as the build with layout 1 left it: `srv` with two units and an action that ran, `cli` in hook error, and a relation.
    const FIRST: &str = include_str!("../../tests/fixtures/database/1.sql");

    fn write(path: &Path, dump: &str, version: i64) {
        let db = Connection::open(path).unwrap();
        db.execute_batch(dump).unwrap();
        db.execute_batch(&format!("PRAGMA user_version = {version}"))
            .unwrap();
    }

    #[test]
    fn the_database_of_every_earlier_version_opens_with_everything_in_it() {
        for (version, dump) in (1..).zip([FIRST]) {
            let dir = tempfile::tempdir().unwrap();
            let data = DataDir::open(&dir.path().join("data")).unwrap();
            write(&data.database(), dump, version);
            let (hub, _) = Hub::open(data.clone(), Clock::System, Timing::default()).unwrap();
            let state = hub.snapshot();
            let model = state.model_named("old").unwrap();
            assert_eq!(
                model.units.keys().map(UnitName::as_str).collect::<Vec<_>>(),
                ["cli/0", "srv/0", "srv/1"]
            );
            assert!(
                model
                    .units
                    .values()
                    .all(|unit| unit.life == Life::Alive && unit.progress.installed)
            );
            assert_eq!(
                model.applications.get("srv").unwrap().config["word"],
                "kept"
            );
            let failed = model.units.get("cli/0").unwrap().progress.failure.as_ref();
            assert_eq!(failed.unwrap().hook.name(), "client-relation-joined");
            assert!(model.is_leader(&UnitName::new("srv", 0)));
            assert_eq!(model.relations.values().count(), 2);
            assert_eq!(model.tasks.get(&2).unwrap().status, TaskStatus::Completed);
            assert_eq!(state.current_model.as_ref(), Some(&model.info.uuid));
            let history = hub
                .read_history(&model.info.uuid, "srv/0", &[StatusKind::Workload], 2)
                .unwrap();
            let last: Vec<&str> = history
                .iter()
                .map(|record| record.status.as_str())
                .collect();
            assert_eq!(last, ["maintenance", "active"]);
            assert_eq!(
                hub.read_log(Some(&model.info.uuid), &Default::default())
                    .unwrap()
                    .len(),
                27
            );

            // It is of the newest version from then on, and takes changes.
            let uuid = model.info.uuid.clone();
            hub.transact(|state| {
                state.models.remove(&uuid);
                Ok::<_, Infallible>(())
            })
            .unwrap();
            drop((state, hub));
            assert_eq!(
                super::version(&Connection::open(data.database()).unwrap()),
                Ok(NEWEST)
            );
            assert!(
                Store::open(&data.database())
                    .unwrap()
                    .load()
                    .unwrap()
                    .models
                    .is_empty()
            );
        }
    }

    #[test]
    fn a_database_of_a_later_version_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.db");
        write(&path, FIRST, NEWEST + 1);
        let before = std::fs::read(&path).unwrap();
        let error = Store::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Newer { found, .. } if found == NEWEST + 1));
        assert!(
            error.to_string().contains("use the newer charmtest"),
            "{error}"
        );
        assert!(std::fs::read(&path).unwrap() == before, "not a byte of it");
    }

    #[test]
    fn a_step_that_fails_leaves_the_version_as_it_was() {
        let db = Connection::open_in_memory().unwrap();
        // The second step finds no table to change.
        db.execute_batch("PRAGMA user_version = 1").unwrap();
        assert!(migrate(&db, 1).is_err());
        assert_eq!(super::version(&db), Ok(1));
        assert!(db.is_autocommit(), "no transaction stays open");
    }
}
