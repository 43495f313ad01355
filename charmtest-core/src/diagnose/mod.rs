//! Evidence: what is captured from a model at the moment when a test fails.
