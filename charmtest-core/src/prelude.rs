//! What a test crate needs: `use charmtest::prelude::*;`.

pub use std::time::Duration;

pub use crate::failure::{Failure, Result, skip};
pub use crate::harness::Context;
pub use crate::registry::FromContext;
