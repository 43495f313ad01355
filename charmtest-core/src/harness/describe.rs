//! How a test binary describes itself: the answer to `CHARMTEST_DESCRIBE=json BIN --list`.

use serde::{Deserialize, Serialize};

use super::unknown_words::UnknownWords;

/// The version of the description that this crate writes.
pub const DESCRIBE_VERSION: u32 = 1;

/// All charm tests of one test binary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The version of this format: [`DESCRIBE_VERSION`].
    pub charmtest: u32,
    /// The package that the target belongs to.
    pub package: String,
    /// The test target as the compiler names it: what cargo calls `my-tests` is `my_tests` here.
    pub target: String,
    /// The modules, in plan order.
    pub modules: Vec<DescribedModule>,
    /// What is wrong with the suite and keeps nothing from running.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Words of the selection that mean none of the target's tests.
    #[serde(default, skip_serializing_if = "UnknownWords::is_empty")]
    pub unknown_words: UnknownWords,
}

/// One module of a [`Description`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribedModule {
    /// The module's name without the target; `crate` for the root of the target.
    pub name: String,
    /// The module's tests, in plan order.
    pub tests: Vec<DescribedTest>,
}

/// One test of a [`Description`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribedTest {
    /// The full name without the target.
    pub name: String,
    /// The source file, relative to the workspace root.
    pub file: String,
    /// The line of the function's name, counted from 1.
    pub line: u32,
    /// The column of the function's name, counted from 1.
    pub column: u32,
    /// `order = N`.
    pub order: Option<i32>,
    /// Whether a failure aborts the rest of the module.
    pub abort_on_fail: bool,
    /// Whether the rest of the module is aborted also when the test fails as expected.
    #[serde(default)]
    pub abort_on_xfail: bool,
    /// Whether `--no-deploy` skips the test.
    pub skip_if_deployed: bool,
    /// Why the test is ignored, if it is; may be empty.
    pub ignore: Option<String>,
    /// The test's tags.
    pub tags: Vec<String>,
    /// The test's own time limit in whole seconds, rounded up.
    pub timeout_s: Option<u64>,
    /// Whether the test is expected to fail.
    #[serde(default)]
    pub xfail: Option<DescribedXfail>,
    /// How many times the test is tried again when it fails.
    #[serde(default)]
    pub retries: u32,
    /// The fixtures of scope "run" that the test asks for, if it runs: tests that ask for one are to run in one process.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub run_fixtures: Vec<String>,
}

/// Why a test is expected to fail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribedXfail {
    /// The reason.
    pub reason: String,
    /// Whether it is a failure when the test passes.
    pub strict: bool,
}
