//! Status: deriving what `juju status` and its relatives show, and rendering it.
