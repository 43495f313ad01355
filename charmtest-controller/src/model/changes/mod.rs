//! What users change, as functions over a model: deploy, relate, configure, scale, remove, queue tasks.
//!
//! Each function takes the model of a running transaction and either does the whole change or returns an error and leaves a copy
//! that is thrown away. None of them reads a clock, a file or a random number: what they need is passed in.
//!
//! Leaders are not chosen here: the agents do that.

mod address;
mod annotate;
mod application;
mod charm;
mod config;
mod deploy;
mod error;
mod expose;
mod machine;
mod offer;
mod offer_url;
mod relate;
mod removal;
mod retention;
mod schema;
mod schema_logic;
mod secret;
pub(crate) mod storage;
mod storage_error;
mod storage_pool;
mod storage_request;
mod storage_upgrade;
mod support;
mod task;

#[cfg(test)]
pub(crate) mod fixture;

pub use address::Addresses;
pub use annotate::{annotate_application, annotate_machine};
pub use application::{
    DEFAULT_ARCH, attach_resource, resolve, resolve_all, restart_retries, set_constraints,
};
pub use charm::{Refresh, add_charm, add_store_charm, follow_channel, refresh};
pub use config::{Setting, Settings, parse_settings, set_config, set_trust};
pub use deploy::{
    NewApplication, Placement, Places, add_machine, add_subordinate, add_units, deploy,
};
pub use error::ChangeError;
pub use expose::{ALPHA, bindable, bound, expose, unexpose};
pub use machine::{remove_machine, units_on};
pub use offer::{
    OfferError, consume, find_offer, offer, relate, remove_offer, remove_remote_application,
    set_suspended,
};
pub use offer_url::{OfferUrl, OfferUrlError};
pub use relate::{EndpointName, add_relation, find_relation};
pub use removal::{
    Haste, destroy_model, destroy_subordinates, destroy_unit, drop_relation_if_empty,
    remove_application, remove_application_if_empty, remove_relation,
    remove_remote_application_if_empty, remove_unit, remove_unit_record,
};
pub use retention::{check_room, forget_excess, forget_operations};
pub use schema::{SchemaError, full_schema};
pub use secret::{
    SecretError, SecretUpdate, consumed_by_label, create_secret, grant_secret, missing,
    owned_by_label, remove_secret, revoke_secret, scope_tag, track_secret, update_secret,
};
pub use storage::{
    add_storage, attach_storage, destroy_storage_of, detach_storage, plan_storage,
    release_from_model, remove_storage,
};
pub use storage_error::StorageError;
pub use storage_pool::{create_pool, remove_pool, update_pool};
pub use storage_request::StorageRequest;
pub use support::{Force, check_devices, check_supported, choose_base};
pub use task::{
    Cancelled, NewTask, Queued, Receiver, cancel_task, params_at_unit, plan_action, plan_exec,
    queue_operation, refused_action,
};
