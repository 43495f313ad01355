//! Waiting for a model to reach a state.
