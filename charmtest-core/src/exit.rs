//! The exit codes of a test binary and of `cargo charmtest`.
//!
//! The two programs differ where their parents expect it: a test binary keeps to what libtest does (101 for a failure),
//! because cargo and nextest read it; `cargo charmtest` tells the kinds of trouble apart, because scripts read it.

/// Everything that ran passed; tests may have been skipped.
pub const SUCCESS: u8 = 0;

/// `cargo charmtest`: a test failed, timed out or was aborted, or a model could not be destroyed.
pub const FAILED: u8 = 1;

/// Both programs: the command line is wrong (an unknown flag, a bad `-k` expression, `--no-deploy` without `--model`).
pub const USAGE: u8 = 2;

/// `cargo charmtest`: nothing was selected. A test binary exits with [`SUCCESS`] then, since another target may match.
pub const NOTHING_SELECTED: u8 = 3;

/// `cargo charmtest`: something around the tests failed (no controller, no `juju`, a model that could not be made).
pub const INFRASTRUCTURE: u8 = 4;

/// `cargo charmtest`: a policy refused the run.
pub const REFUSED: u8 = 5;

/// Test binary: a test failed, timed out, errored or was aborted, or a model could not be destroyed.
/// The value is libtest's.
pub const TEST_FAILED: u8 = 101;

/// `cargo charmtest`: the build failed; cargo's own code, passed on.
pub const BUILD_FAILED: u8 = 101;

/// Both programs: interrupted by ^C (SIGINT), after the tear-down.
pub const INTERRUPTED: u8 = 130;

/// Both programs: terminated by SIGTERM, after the tear-down.
pub const TERMINATED: u8 = 143;
