//! The variables of templates.

use super::TemplateError;
use serde::Serialize;
use serde_json::{Map, Value};

/// Variables, or why one of them is none.
#[derive(Clone, Debug, Default)]
pub(super) struct Context {
    variables: Map<String, Value>,
    problem: Option<String>,
}

impl Context {
    /// Sets a variable; the last value counts.
    pub(super) fn set(&mut self, name: &str, value: impl Serialize) {
        match serde_json::to_value(value) {
            Ok(value) => drop(self.variables.insert(name.to_owned(), value)),
            Err(error) => self.refuse(format!("the variable `{name}`: {error}")),
        }
    }

    /// Sets the variables that a map or a struct holds.
    pub(super) fn extend(&mut self, values: impl Serialize) {
        match serde_json::to_value(values) {
            Ok(Value::Object(values)) => self.variables.extend(values),
            Ok(other) => self.refuse(format!("the context must be a map, not `{other}`")),
            Err(error) => self.refuse(format!("the context: {error}")),
        }
    }

    fn refuse(&mut self, problem: String) {
        self.problem.get_or_insert(problem);
    }

    /// Returns the variables.
    pub(super) fn variables(self) -> Result<Map<String, Value>, TemplateError> {
        match self.problem {
            None => Ok(self.variables),
            Some(problem) => Err(TemplateError::Context(problem)),
        }
    }
}

/// Gives a builder with a field `context` the methods that fill it.
macro_rules! with_context {
    ($builder:ty, $($path:ident).+) => {
        impl $builder {
            /// Sets a variable of the template: anything that can be serialized, as text, numbers, paths, lists.
            pub fn var(mut self, name: &str, value: impl serde::Serialize) -> Self {
                self.$($path).+.set(name, value);
                self
            }

            /// Sets the variables that a map or a struct holds.
            pub fn context(mut self, values: impl serde::Serialize) -> Self {
                self.$($path).+.extend(values);
                self
            }
        }
    };
}
pub(super) use with_context;
