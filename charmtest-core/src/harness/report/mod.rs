//! What a run shows: libtest's lines for people and pipes, or events for `cargo charmtest`.
//!
//! Everything that the harness prints is printed in [`plain`] and [`lines`].

mod failure_text;
pub(super) mod lines;
pub(super) mod plain;
