//! Compiles the programs in `ui/`: those in `ok/` must run, those in `fail/` must be refused with the messages beside them.
//!
//! `TRYBUILD=overwrite cargo test -p charmtest-macros --test ui` rewrites the messages. They are those of the pinned toolchain.

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/ok/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
