//! What there is to test, each with a name that can be pasted.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::snapshot::Key;

/// One way in which everything is tested: a value for each axis of the matrix.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Variant(pub Vec<(String, String)>);

impl Variant {
    /// Returns all combinations, the last axis varying first; one variant without axes when there are none.
    pub fn product<'a>(axes: impl IntoIterator<Item = (&'a str, &'a [String])>) -> Vec<Self> {
        let mut variants = vec![Self::default()];
        for (axis, values) in axes {
            let with = |variant: &Self, value: &String| {
                let mut longer = variant.clone();
                longer.0.push((axis.to_owned(), value.clone()));
                longer
            };
            variants = variants
                .iter()
                .flat_map(|variant| values.iter().map(move |value| with(variant, value)))
                .collect();
        }
        variants
    }

    /// Returns the value of an axis.
    #[must_use]
    pub fn get(&self, axis: &str) -> Option<&str> {
        let found = self.0.iter().find(|(name, _)| name == axis);
        found.map(|(_, value)| value.as_str())
    }

    /// Returns the axes with their values.
    #[must_use]
    pub fn to_map(&self) -> BTreeMap<String, String> {
        self.0.iter().cloned().collect()
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values: Vec<&str> = self.0.iter().map(|(_, value)| value.as_str()).collect();
        f.write_str(&values.join(","))
    }
}

/// Which kind of test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// One that every charm gets.
    Generic,
    /// One of the charm's own.
    Script,
}

/// One test of one charm in one variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The charm.
    pub key: Key,
    /// The name of the generic test, or of the script's file.
    pub test: String,
    /// Which of the two it is.
    pub kind: Kind,
    /// How it is tested.
    pub variant: Variant,
}

impl Job {
    /// Returns the job's name: `BASE:CHARM:BRANCH/TEST`, with `[VALUES]` of the matrix if there is one.
    #[must_use]
    pub fn id(&self) -> String {
        let name = format!("{}/{}", self.key, self.test);
        if self.variant.0.is_empty() {
            name
        } else {
            format!("{name}[{}]", self.variant)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_have_names() {
        let mut job = Job {
            key: Key::new("ubuntu@24.04", "mysql", "release/1"),
            test: "10-basic.test".to_owned(),
            kind: Kind::Script,
            variant: Variant::default(),
        };
        assert_eq!(job.id(), "ubuntu@24.04:mysql:release/1/10-basic.test");
        job.variant.0.push(("juju".to_owned(), "4.0".to_owned()));
        assert_eq!(job.id(), "ubuntu@24.04:mysql:release/1/10-basic.test[4.0]");
    }

    #[test]
    fn a_matrix_is_a_product() {
        let (a, b) = (["1".to_owned(), "2".to_owned()], ["x".to_owned()]);
        let texts = |axes: &[(&str, &[String])]| -> Vec<String> {
            let product = Variant::product(axes.iter().copied());
            product.iter().map(ToString::to_string).collect()
        };
        assert_eq!(texts(&[]), [""]);
        assert_eq!(texts(&[("a", &a), ("b", &b)]), ["1,x", "2,x"]);
    }
}
