//! Collections of charms that are watched: what changed, and what came of testing it.
