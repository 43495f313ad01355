//! Which of many changes is guilty.

use std::collections::BTreeSet;

/// What came of looking for guilty changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// With these changes and no others it is red, and without any one of them it is not (as far as was tried).
    Guilty(Vec<usize>),
    /// It is red without any of the changes.
    RedBefore,
    /// It was red, and with all changes it is not any more: it does not come to the same each time.
    NotAgain,
}

/// What came of looking for the changes that made some jobs red.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blame {
    /// The names of the jobs, in their order.
    pub jobs: Vec<String>,
    /// What makes them red.
    pub finding: Finding,
}

/// Looks for the fewest changes that make something red, given that all of them together do (delta debugging).
///
/// Ask [`Bisect::candidate`] which changes to try, try them, and tell [`Bisect::answer`].
#[derive(Debug, Clone)]
pub struct Bisect {
    /// What is known to be red.
    red: Vec<usize>,
    /// Into how many parts it is split.
    parts: usize,
    tried: BTreeSet<Vec<usize>>,
    trying: Option<Vec<usize>>,
    red_before: bool,
    begun: bool,
}

impl Bisect {
    /// Begins with `count` changes.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self {
            red: (0..count).collect(),
            parts: 2,
            tried: BTreeSet::new(),
            trying: None,
            red_before: false,
            begun: false,
        }
    }

    /// Begins with `count` changes without which it is known to be green.
    pub(crate) fn green_before(count: usize) -> Self {
        Self {
            begun: true,
            ..Self::new(count)
        }
    }

    /// Returns the changes to try next, by their indexes.
    ///
    /// # Errors
    ///
    /// Returns the finding when nothing is left to try.
    pub fn candidate(&mut self) -> Result<Vec<usize>, Finding> {
        if let Some(trying) = &self.trying {
            return Ok(trying.clone());
        }
        if !self.begun {
            self.begun = true;
            self.trying = Some(Vec::new());
            return Ok(Vec::new());
        }
        if self.red_before {
            return Err(Finding::RedBefore);
        }
        loop {
            let candidate = self
                .candidates()
                .into_iter()
                .find(|candidate| !self.tried.contains(candidate));
            if let Some(candidate) = candidate {
                self.trying = Some(candidate.clone());
                return Ok(candidate);
            }
            if self.parts >= self.red.len() {
                return Err(Finding::Guilty(self.red.clone()));
            }
            self.parts = (self.parts * 2).min(self.red.len());
        }
    }

    /// Tells whether it was red with the changes that [`Bisect::candidate`] named.
    pub fn answer(&mut self, is_red: bool) {
        let Some(trying) = self.trying.take() else {
            return;
        };
        if trying.is_empty() {
            self.red_before = is_red;
        } else if is_red {
            self.parts = 2;
            self.red = trying;
        } else {
            self.tried.insert(trying);
        }
    }

    /// Returns the parts, and everything but one part.
    fn candidates(&self) -> Vec<Vec<usize>> {
        if self.red.len() < 2 {
            return Vec::new();
        }
        let size = self.red.len().div_ceil(self.parts);
        let parts: Vec<Vec<usize>> = self.red.chunks(size).map(<[usize]>::to_vec).collect();
        let rest = |part: &Vec<usize>| {
            self.red
                .iter()
                .filter(|index| !part.contains(index))
                .copied()
                .collect()
        };
        let rests: Vec<Vec<usize>> = parts.iter().map(rest).collect();
        parts.into_iter().chain(rests).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(count: usize, is_red: impl Fn(&[usize]) -> bool) -> (Finding, usize) {
        let mut bisect = Bisect::new(count);
        let mut tries = 0;
        loop {
            match bisect.candidate() {
                Ok(changes) => {
                    tries += 1;
                    assert!(tries < 1000, "it ends");
                    bisect.answer(is_red(&changes));
                }
                Err(finding) => return (finding, tries),
            }
        }
    }

    #[test]
    fn one_guilty_change_is_found_in_few_tries() {
        for count in 1..40 {
            for guilty in 0..count {
                let (finding, tries) = find(count, |changes| changes.contains(&guilty));
                assert_eq!(finding, Finding::Guilty(vec![guilty]));
                assert!(tries <= 14, "{count} changes: {tries} tries");
            }
        }
    }

    #[test]
    fn changes_that_are_guilty_only_together_are_found() {
        for first in 0..12 {
            for second in 0..first {
                let (finding, _) = find(12, |changes| {
                    changes.contains(&first) && changes.contains(&second)
                });
                assert_eq!(finding, Finding::Guilty(vec![second, first]));
            }
        }
    }

    #[test]
    fn what_was_red_before_is_nobodys_fault() {
        assert_eq!(find(5, |_| true), (Finding::RedBefore, 1));
        assert_eq!(find(0, |_| false).0, Finding::Guilty(vec![]));
    }
}
