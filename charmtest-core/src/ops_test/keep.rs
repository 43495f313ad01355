//! What becomes of a tracked model at the end.

use std::str::FromStr;

/// What becomes of a model that a test tracks, at the end of its module; pytest-operator's `ModelKeep`.
///
/// `true` stands for [`Keep::Always`] and `false` for [`Keep::FollowFlag`], as there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Keep {
    /// It is kept if it was there before, or if the run was asked to keep models.
    #[default]
    IfExists,
    /// It is kept.
    Always,
    /// It is destroyed, also one that was there before, and also if the run was asked to keep models.
    Never,
    /// It is kept only if the run was asked to keep models; one that was there before is destroyed without.
    FollowFlag,
}

impl Keep {
    /// Returns why a model is kept, or `None` if it is destroyed.
    pub(crate) fn reason(self, keep_models: bool, was_there: bool) -> Option<&'static str> {
        match self {
            Self::Never => None,
            Self::Always => Some("its test keeps it"),
            Self::IfExists if was_there => Some("it was there before"),
            Self::IfExists | Self::FollowFlag => keep_models.then_some("--keep-models"),
        }
    }
}

impl From<bool> for Keep {
    fn from(keep: bool) -> Self {
        if keep { Self::Always } else { Self::FollowFlag }
    }
}

impl FromStr for Keep {
    type Err = String;

    /// Reads pytest-operator's words: `never`, `always`, `if-exists`, in any case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "never" => Ok(Self::Never),
            "always" => Ok(Self::Always),
            "if-exists" => Ok(Self::IfExists),
            _ => Err(format!(
                "`{text}` does not say what becomes of a model; it is one of `never`, `always` and `if-exists`"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row by row what pytest-operator does (0.43.2, `track_model(keep=..)`).
    #[test]
    fn the_keep_matrix_of_pytest_operator() {
        const FLAG: bool = true;
        const THERE: bool = true;
        let rows: [(Keep, bool, bool, bool); 17] = [
            (Keep::Never, !FLAG, !THERE, false),
            (Keep::Never, FLAG, !THERE, false),
            (Keep::Never, FLAG, THERE, false),
            ("never".parse().unwrap(), FLAG, THERE, false),
            (Keep::Always, !FLAG, !THERE, true),
            (Keep::Always, FLAG, THERE, true),
            ("Always".parse().unwrap(), !FLAG, !THERE, true),
            (Keep::IfExists, !FLAG, !THERE, false),
            (Keep::IfExists, FLAG, !THERE, true),
            (Keep::IfExists, !FLAG, THERE, true),
            (Keep::IfExists, FLAG, THERE, true),
            (Keep::default(), !FLAG, !THERE, false),
            (Keep::default(), !FLAG, THERE, true),
            (true.into(), !FLAG, !THERE, true),
            (false.into(), !FLAG, !THERE, false),
            (false.into(), FLAG, !THERE, true),
            (false.into(), !FLAG, THERE, false),
        ];
        for (keep, flag, there, kept) in rows {
            assert_eq!(
                keep.reason(flag, there).is_some(),
                kept,
                "{keep:?}, --keep-models: {flag}, there before: {there}"
            );
        }
        assert!("sometimes".parse::<Keep>().is_err());
    }
}
