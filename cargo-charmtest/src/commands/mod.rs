//! The commands of `cargo charmtest`, one file each.

pub(crate) mod charm_info;
pub(crate) mod clean;
pub(crate) mod controller;
pub(crate) mod crash_dump;
pub(crate) mod doctor;
pub(crate) mod embedded_env;
pub(crate) mod export;
pub(crate) mod generic;
pub(crate) mod juju;
pub(crate) mod lint;
pub(crate) mod list;
pub(crate) mod pack;
pub(crate) mod profile_env;
pub(crate) mod render;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod scripts;
pub(crate) mod watch;
pub(crate) mod with;
