//! The database: rows as JSON, the log, the status history.

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ids::ModelUuid;
use super::log::{LogLevel, LogLine};
use super::migrations;
use super::secret::SecretId;
use super::state::{Model, State};
use super::status::{StatusKind, StatusRecord};
use super::table::Table;

/// How many log lines a model keeps; the oldest go first.
const LOG_LINES: i64 = 500_000;

/// How many records the status history of a model keeps; the oldest go first.
const HISTORY_RECORDS: i64 = 100_000;

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refused.
    #[error("cannot use the database {path}: {source}")]
    Sqlite {
        /// The database file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// The file cannot be kept from other users.
    #[error("cannot make the database {path} private to its owner: {source}")]
    Private {
        /// The database file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is damaged, or a row in it is.
    #[error(
        "the database {path} is damaged ({what}); to start afresh stop the controller and move that file away"
    )]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The file was written by a newer charmtest.
    #[error(
        "the database {path} has layout {found}, this charmtest knows up to {newest}: use the newer charmtest",
        newest = migrations::NEWEST
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Its layout version.
        found: i64,
    },
}

/// The open database.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    db: Connection,
}

/// Which log lines to read.
#[derive(Debug, Clone, Default)]
pub struct LogQuery {
    /// Only lines after this row id.
    pub after: i64,
    /// Only lines before this row id.
    pub before: Option<i64>,
    /// Only the first so many of them.
    pub first: Option<u64>,
    /// Only the last so many of them, when `first` says nothing.
    pub last: Option<u64>,
}

impl Store {
    /// Opens or makes the database at `path`; one of an earlier version is brought to the newest.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be opened or written, is damaged, or was made by a newer charmtest; it is never reset.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let sqlite = |source| classify(path, source);
        make_private(path).map_err(|source| StoreError::Private {
            path: path.to_owned(),
            source,
        })?;
        let db = Connection::open(path).map_err(sqlite)?;
        let found = migrations::version(&db).map_err(sqlite)?;
        if found > migrations::NEWEST {
            return Err(StoreError::Newer {
                path: path.to_owned(),
                found,
            });
        }
        // WAL with NORMAL survives SIGKILL of this process at any instant; only a crash of the machine may lose the last commits.
        db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000;",
        )
        .map_err(sqlite)?;
        migrations::migrate(&db, found).map_err(sqlite)?;
        Ok(Self {
            path: path.to_owned(),
            db,
        })
    }

    /// Reads the whole state; a new database gives a controller without models.
    ///
    /// # Errors
    ///
    /// Fails when the database cannot be read or a row in it makes no sense.
    pub fn load(&self) -> Result<State, StoreError> {
        let controller = self.setting("controller")?;
        let mut state = State::new(controller.unwrap_or_default(), Default::default());
        if let Some(info) = self.setting("info")? {
            state.info = Arc::new(self.parse("setting", "info", &info)?);
        }
        let infos = self.rows::<super::state::ModelInfo>(None, "model")?;
        for (_, info) in infos {
            let uuid = info.uuid.clone();
            let mut model = Model::new(info);
            model.applications = self.table(&uuid, "application", Some)?;
            model.units =
                self.table(&uuid, "unit", |key| super::ids::UnitName::parse(&key).ok())?;
            model.machines = self.table(&uuid, "machine", Some)?;
            model.relations = self.table(&uuid, "relation", |key| key.parse().ok())?;
            model.charms = self.table(&uuid, "charm", Some)?;
            model.offers = self.table(&uuid, "offer", Some)?;
            model.remote_applications = self.table(&uuid, "remote-application", Some)?;
            model.operations = self.table(&uuid, "operation", |key| key.parse().ok())?;
            model.tasks = self.table(&uuid, "task", |key| key.parse().ok())?.into();
            model.secrets = self.table(&uuid, "secret", |key| SecretId::parse(&key))?;
            model.storage = self.table(&uuid, "storage", |key| {
                super::storage::StorageId::parse(&key).ok()
            })?;
            state.models.insert(uuid, Arc::new(model));
        }
        state.current_model = self
            .setting("current-model")?
            .map(ModelUuid)
            .filter(|uuid| state.models.contains_key(uuid));
        if let Some(text) = self.setting("remembered-models")? {
            state.remembered = self.parse("setting", "remembered-models", &text)?;
        }
        Ok(state)
    }

    /// Writes everything in which `after` differs from `before`, and the history records, in one transaction.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot write, for instance on a full disk; then nothing was written.
    pub fn commit(
        &mut self,
        before: &State,
        after: &State,
        history: &[(ModelUuid, StatusRecord)],
    ) -> Result<(), StoreError> {
        let path = self.path.clone();
        let fail = |source| classify(&path, source);
        let tx = self.db.transaction().map_err(fail)?;
        write(&tx, before, after, history).map_err(fail)?;
        tx.commit().map_err(fail)
    }

    /// Appends lines to the log.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot write.
    pub fn append_log(&mut self, lines: &[LogLine]) -> Result<(), StoreError> {
        let path = self.path.clone();
        let fail = |source| classify(&path, source);
        let tx = self.db.transaction().map_err(fail)?;
        for line in lines {
            tx.prepare_cached("INSERT INTO log (model, at, entity, level, module, message) VALUES (?, ?, ?, ?, ?, ?)")
                .and_then(|mut insert| {
                    insert.execute(params![
                        line.model.0,
                        line.at.to_string(),
                        line.entity,
                        line.level as i64,
                        line.module,
                        line.message
                    ])
                })
                .map_err(fail)?;
            let id = tx.last_insert_rowid();
            if id % 1000 == 0 {
                tx.execute(
                    "DELETE FROM log WHERE model = ?1 AND id < ?2",
                    params![line.model.0, id - LOG_LINES],
                )
                .map_err(fail)?;
            }
        }
        tx.commit().map_err(fail)
    }

    /// Reads log lines of a model, or of all models, oldest first, with their row ids.
    ///
    /// # Errors
    ///
    /// Fails when the database cannot be read.
    pub fn read_log(
        &self,
        model: Option<&ModelUuid>,
        query: &LogQuery,
    ) -> Result<Vec<(i64, LogLine)>, StoreError> {
        let count = query.first.or(query.last);
        let limit = count.map_or(-1, |n| i64::try_from(n).unwrap_or(i64::MAX));
        let order = if query.first.is_some() { "ASC" } else { "DESC" };
        // Two statements: with one for both the index over models would not be used.
        let of_model = if model.is_some() {
            "model = ?1"
        } else {
            "?1 IS NULL"
        };
        let mut lines = self
            .query(
                &format!("SELECT id, at, entity, level, module, message, model FROM log WHERE {of_model} AND id > ?2 AND id < ?3 ORDER BY id {order} LIMIT ?4"),
                params![model.map(|uuid| &uuid.0), query.after, query.before.unwrap_or(i64::MAX), limit],
                |row| {
                    let level = usize::try_from(row.get::<_, i64>(3)?).unwrap_or_default();
                    Ok((
                        row.get::<_, i64>(0)?,
                        row.get::<_, String>(1)?,
                        LogLine {
                            model: ModelUuid(row.get(6)?),
                            at: jiff::Timestamp::UNIX_EPOCH,
                            entity: row.get(2)?,
                            level: LogLevel::ALL.get(level).copied().unwrap_or(LogLevel::Info),
                            module: row.get(4)?,
                            message: row.get(5)?,
                        },
                    ))
                },
            )?
            .into_iter()
            .map(|(id, at, line)| (id, LogLine { at: at.parse().unwrap_or(line.at), ..line }))
            .collect::<Vec<_>>();
        if query.first.is_none() {
            lines.reverse();
        }
        Ok(lines)
    }

    /// Reads the last `limit` history records of an entity, oldest first.
    ///
    /// # Errors
    ///
    /// Fails when the database cannot be read.
    pub fn read_history(
        &self,
        model: &ModelUuid,
        entity: &str,
        kinds: &[StatusKind],
        limit: usize,
    ) -> Result<Vec<StatusRecord>, StoreError> {
        let kinds = serde_json::to_string(kinds).unwrap_or_default();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let bodies: Vec<String> = self.query(
            "SELECT body FROM status_history
             WHERE model = ?1 AND entity = ?2 AND kind IN (SELECT value FROM json_each(?3)) ORDER BY id DESC LIMIT ?4",
            params![model.0, entity, kinds, limit],
            |row| row.get(0),
        )?;
        let mut records = bodies
            .iter()
            .map(|body| self.parse::<StatusRecord>("status history", entity, body))
            .collect::<Result<Vec<_>, _>>()?;
        records.reverse();
        Ok(records)
    }

    fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.db
            .query_row(
                "SELECT body FROM row WHERE model = '' AND kind = 'setting' AND key = ?1",
                [key],
                |row| row.get(0),
            )
            .optional()
            .map_err(|source| classify(&self.path, source))
    }

    fn table<K: Ord + Clone, V: Clone + DeserializeOwned>(
        &self,
        model: &ModelUuid,
        kind: &str,
        parse_key: impl Fn(String) -> Option<K>,
    ) -> Result<Table<K, V>, StoreError> {
        self.rows(Some(model), kind)?
            .into_iter()
            .map(|(key, row)| {
                let damaged = || self.damaged(kind, &key, "its key makes no sense");
                Ok((parse_key(key.clone()).ok_or_else(damaged)?, row))
            })
            .collect()
    }

    fn rows<V: DeserializeOwned>(
        &self,
        model: Option<&ModelUuid>,
        kind: &str,
    ) -> Result<Vec<(String, V)>, StoreError> {
        let model = model.map(|uuid| uuid.0.as_str());
        let found: Vec<(String, String)> = self.query(
            "SELECT key, body FROM row WHERE kind = ?2 AND (?1 IS NULL OR model = ?1)",
            params![model, kind],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        found
            .into_iter()
            .map(|(key, body)| Ok((key.clone(), self.parse(kind, &key, &body)?)))
            .collect()
    }

    fn query<T>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
        row: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        self.db
            .prepare_cached(sql)
            .and_then(|mut select| select.query_map(params, row)?.collect())
            .map_err(|source| classify(&self.path, source))
    }

    fn parse<V: DeserializeOwned>(
        &self,
        kind: &str,
        key: &str,
        body: &str,
    ) -> Result<V, StoreError> {
        serde_json::from_str(body).map_err(|error| self.damaged(kind, key, &error.to_string()))
    }

    fn damaged(&self, kind: &str, key: &str, why: &str) -> StoreError {
        StoreError::Damaged {
            path: self.path.clone(),
            what: format!("{kind} {key}: {why}"),
        }
    }
}

fn write(
    tx: &rusqlite::Transaction<'_>,
    before: &State,
    after: &State,
    history: &[(ModelUuid, StatusRecord)],
) -> rusqlite::Result<()> {
    if before.controller != after.controller {
        put_text(tx, "", "setting", "controller", &after.controller)?;
    }
    if before.info != after.info {
        put_text(tx, "", "setting", "info", &json(&*after.info)?)?;
    }
    if before.current_model != after.current_model {
        let current = after
            .current_model
            .as_ref()
            .map_or("", |uuid| uuid.0.as_str());
        put_text(tx, "", "setting", "current-model", current)?;
    }
    if before.remembered != after.remembered {
        let text = serde_json::to_string(&after.remembered).unwrap_or_default();
        put_text(tx, "", "setting", "remembered-models", &text)?;
    }
    for uuid in before
        .models
        .keys()
        .filter(|uuid| !after.models.contains_key(*uuid))
    {
        for table in ["row", "log", "status_history"] {
            tx.execute(&format!("DELETE FROM {table} WHERE model = ?1"), [&uuid.0])?;
        }
    }
    for (uuid, model) in &after.models {
        let old = before.models.get(uuid);
        if old.is_some_and(|old| Arc::ptr_eq(old, model)) {
            continue;
        }
        let empty;
        let old = match old {
            Some(old) => {
                if !Arc::ptr_eq(&old.info, &model.info) {
                    put(tx, &uuid.0, "model", &uuid.0, &*model.info)?;
                }
                old.as_ref()
            }
            None => {
                put(tx, &uuid.0, "model", &uuid.0, &*model.info)?;
                empty = Model::new((*model.info).clone());
                &empty
            }
        };
        write_table(
            tx,
            uuid,
            "application",
            &old.applications,
            &model.applications,
        )?;
        write_table(tx, uuid, "unit", &old.units, &model.units)?;
        write_table(tx, uuid, "machine", &old.machines, &model.machines)?;
        write_table(tx, uuid, "relation", &old.relations, &model.relations)?;
        write_table(tx, uuid, "charm", &old.charms, &model.charms)?;
        write_table(tx, uuid, "offer", &old.offers, &model.offers)?;
        write_table(
            tx,
            uuid,
            "remote-application",
            &old.remote_applications,
            &model.remote_applications,
        )?;
        write_table(tx, uuid, "operation", &old.operations, &model.operations)?;
        write_table(tx, uuid, "task", &old.tasks, &model.tasks)?;
        write_table(tx, uuid, "secret", &old.secrets, &model.secrets)?;
        write_table(tx, uuid, "storage", &old.storage, &model.storage)?;
    }
    for (model, record) in history {
        tx.prepare_cached(
            "INSERT INTO status_history (model, entity, kind, body) VALUES (?1, ?2, json_extract(?3, '$.kind'), ?3)",
        )?
        .execute(params![model.0, record.entity, json(record)?])?;
        let id = tx.last_insert_rowid();
        if id % 1000 == 0 {
            tx.execute(
                "DELETE FROM status_history WHERE model = ?1 AND id < ?2",
                params![model.0, id - HISTORY_RECORDS],
            )?;
        }
    }
    Ok(())
}

fn write_table<K: Ord + Clone + ToString, V: Clone + Serialize>(
    tx: &rusqlite::Transaction<'_>,
    model: &ModelUuid,
    kind: &str,
    before: &Table<K, V>,
    after: &Table<K, V>,
) -> rusqlite::Result<()> {
    let mut result = Ok(());
    after.each_change(before, |key, row| {
        if result.is_err() {
            return;
        }
        let key = key.to_string();
        result = match row {
            Some(row) => put(tx, &model.0, kind, &key, &**row),
            None => tx
                .prepare_cached("DELETE FROM row WHERE model = ?1 AND kind = ?2 AND key = ?3")
                .and_then(|mut delete| delete.execute(params![model.0, kind, key]))
                .map(drop),
        };
    });
    result
}

fn put<V: Serialize>(
    tx: &rusqlite::Transaction<'_>,
    model: &str,
    kind: &str,
    key: &str,
    row: &V,
) -> rusqlite::Result<()> {
    put_text(tx, model, kind, key, &json(row)?)
}

fn put_text(
    tx: &rusqlite::Transaction<'_>,
    model: &str,
    kind: &str,
    key: &str,
    body: &str,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT OR REPLACE INTO row (model, kind, key, body) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![model, kind, key, body])
    .map(drop)
}

fn json<V: Serialize>(row: &V) -> rusqlite::Result<String> {
    serde_json::to_string(row)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// Makes the database file, and its journals of an earlier run, readable by their owner only: secrets are in them.
///
/// SQLite gives journals that it makes the mode of the database.
fn make_private(path: &Path) -> std::io::Result<()> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)?;
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match std::fs::set_permissions(&name, Permissions::from_mode(0o600)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn classify(path: &Path, source: rusqlite::Error) -> StoreError {
    let damaged = matches!(
        source.sqlite_error_code(),
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
    );
    if damaged {
        return StoreError::Damaged {
            path: path.to_owned(),
            what: source.to_string(),
        };
    }
    StoreError::Sqlite {
        path: path.to_owned(),
        source,
    }
}
