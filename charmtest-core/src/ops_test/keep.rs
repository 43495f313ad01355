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

/// Tells whether the storage of a model is destroyed with it: as the test asks, else as the run was asked, else if the run made the
/// model, since nobody else knows of such storage.
pub(crate) fn storage_goes(asked: Option<bool>, flag: Option<bool>, was_there: bool) -> bool {
    asked.or(flag).unwrap_or(!was_there)
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

    /// What the test asks (`destroy_storage(..)`), what the run was asked (`--destroy-storage`), and whether the model was there
    /// before. pytest-operator (0.43.2) releases storage where nothing is said, and always where the model was there.
    #[test]
    fn who_says_what_becomes_of_storage() {
        const THERE: bool = true;
        let rows = [
            (None, None, !THERE, true),
            (None, Some(true), !THERE, true),
            (None, Some(false), !THERE, false),
            (Some(true), Some(false), !THERE, true),
            (Some(false), Some(true), !THERE, false),
            (Some(false), None, !THERE, false),
            (None, None, THERE, false),
            (None, Some(true), THERE, true),
            (Some(true), None, THERE, true),
            (Some(false), Some(true), THERE, false),
        ];
        for (asked, flag, there, goes) in rows {
            assert_eq!(
                storage_goes(asked, flag, there),
                goes,
                "{asked:?}, --destroy-storage: {flag:?}, there before: {there}"
            );
        }
    }
}
