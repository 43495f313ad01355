//! The state of the controller: plain values, changed only in transactions.
//!
//! [`State`] is an immutable value behind an `Arc`. A transaction ([`Hub::transact`]) clones it (cheap: every row is an `Arc`),
//! changes the clone, writes the rows that changed to the database, and only then publishes it. So a reader never locks, a failed
//! transaction leaves nothing behind, and what was published is on disk.

mod access;
mod application;
pub mod changes;
mod clock;
mod controller;
mod cross_model;
mod hub;
mod ids;
mod log;
mod machine;
mod migrations;
mod offer;
mod relation;
mod secret;
mod state;
mod status;
mod storage;
mod store;
mod table;
mod task;
mod tasks;
mod unit;

pub use access::{AccessError, AccessKind, grant, revoke};
pub use application::{Application, CharmRow, ExposedTo, ResourceRow, is_store_url};
pub use clock::{Clock, Deadline, Moment, TimeScale, Timing};
pub use controller::{ControllerInfo, User};
pub use cross_model::keep_in_step;
pub use hub::{Hub, Rejected, Touched, TouchedModel, Transact};
pub use ids::{
    ModelUuid, NameError, RelationId, TaskId, UnitName, application_name, derived_uuid, model_name,
    random_hex, random_uuid,
};
pub use log::{LogLevel, LogLine};
pub use machine::Machine;
pub use offer::{CrossModel, Offer, RemoteApplication, Suspension};
pub use relation::{Bag, Endpoint, Member, Relation, Scope};
pub use secret::{
    Content, Grant, GrantScope, RotatePolicy, Secret, SecretConsumer, SecretId, SecretOwner,
    SecretRevision, SecretUri, Subject,
};
pub use state::{Life, Model, ModelInfo, State, config_defaults};
pub use status::{AgentStatus, Status, StatusKind, StatusRecord, Workload};
pub use storage::{
    StorageAttachment, StorageDirective, StorageId, StorageInfo, StorageInstance, StoragePool,
    StorageProvider, StorageStatus,
};
pub use store::{LogQuery, Store, StoreError};
pub use table::Table;
pub use task::{Operation, Task, TaskReceiver, TaskStatus};
pub use tasks::Tasks;
pub use unit::{
    Conflict, HookFailure, PortRange, QueuedHook, RelationProgress, Resolved, Running,
    SecretProgress, Unit, UnitProgress,
};
