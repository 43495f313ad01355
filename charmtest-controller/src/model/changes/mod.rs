//! What users change, as functions over a model: deploy, relate, configure, scale, remove, queue tasks.
//!
//! Each function takes the model of a running transaction and either does the whole change or returns an error and leaves a copy
//! that is thrown away.
