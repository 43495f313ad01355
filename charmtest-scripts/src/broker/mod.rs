//! The broker: it stands outside of a script's sandbox and runs the `juju` commands that the script's thin client asks for.
//!
//! [`words`] takes a command line apart, [`policy`] judges it, [`resolve`] says what charm names stand for, [`compat`] knows the commands of
//! Juju 1, and [`rewrite`] puts these together into a plan, all without an act. [`server`] carries plans out: it asks the client for the files
//! that a command reads ([`files`], [`bundle`]), runs the command, hands the files that it wrote to the client, and keeps the
//! [`transcript`]. The two meet at a [`door`]; [`wire`] is what they say to each other.

pub mod bundle;
pub mod compat;
pub mod door;
pub mod files;
pub mod policy;
mod renamed;
pub mod resolve;
pub mod rewrite;
pub mod server;
pub mod transcript;
pub mod wire;
pub mod words;

pub use policy::Models;
pub use resolve::{Charms, Shelf};
pub use server::{Broker, BrokerOptions, Program};
