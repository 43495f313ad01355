//! The charm on disk: metadata, configuration, actions, manifest, `.charm` archives, and packing.
//!
//! Entry points: [`Charm::read`] for a directory or an archive, [`Archive`] for what is inside a `.charm` file,
//! [`pack()`] for making one, [`yaml`] and [`yaml_writer`] for YAML as Juju reads and writes it.
//!
//! ```
//! use charmtest_charm::{ConfigOptions, Metadata};
//!
//! let metadata = Metadata::parse("metadata.yaml", "name: hello\nsummary: s\ndescription: d\npeers: {ring: gossip}\n")?;
//! assert_eq!(metadata.endpoint("ring").map(|e| e.interface.as_str()), Some("gossip"));
//!
//! let config = ConfigOptions::parse("config.yaml", "options: {port: {type: int}}")?;
//! let error = config.parse_value("port", "http").unwrap_err();
//! assert_eq!(error.to_string(), r#"option "port" expected int, got "http""#);
//! # Ok::<(), charmtest_charm::FileError>(())
//! ```
//!
//! Invariant: a charm's own tree is never written to. Invariant: whatever is read, the outcome is a value or an error
//! that names the file (and the line where there is one); nothing is trusted to be small or well-formed.

pub mod archive;
pub mod bundle;
pub mod pack;
pub mod yaml;
pub mod yaml_writer;

mod actions;
mod charm;
mod charmcraft;
mod config;
mod error;
mod hooks;
mod manifest;
mod metadata;

pub use actions::{Action, Actions};
pub use archive::{Archive, ArchiveError, pack_directory};
pub use charm::Charm;
pub use config::{ConfigError, ConfigOption, ConfigOptions, OptionType};
pub use error::{FileError, Position, ReadError};
pub use hooks::known_hooks;
pub use manifest::{Base, BaseError, Manifest};
pub use metadata::{
    Assumes, CharmName, CharmNameError, CharmUser, Comparison, Container, Device, Endpoint,
    Metadata, Mount, Requirement, Resource, ResourceKind, Role, Scope, Storage, StorageCount,
    StorageKind, parse_size,
};
pub use pack::{PackError, PackOptions, Packed, PackedFile, Verbosity, pack};
