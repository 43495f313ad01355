//! What `juju status` says.
/// A model's status.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {}
