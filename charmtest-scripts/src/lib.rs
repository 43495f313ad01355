//! The `tests/*.test` scripts of a charm, as the Charm Testing specification wants them.
