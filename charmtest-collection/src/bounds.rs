//! How much a charm may be: whoever reads one that somebody else wrote must come to an end of it. A `.charm` file may be as much.

/// How many bytes a file of a charm may have: a file is in memory as a whole.
pub(crate) const LARGEST_FILE: u64 = 1 << 30;

/// How many bytes all files of a charm may have.
const LARGEST: u64 = 4 << 30;

/// How many files and directories a charm may have.
const MOST_NAMES: usize = match cfg!(test) {
    // A test comes to it in no time.
    true => 2_000,
    false => 200_000,
};

/// How many directories may be in one another.
const DEEPEST: usize = 64;

/// How many bytes the target of a link may have, as in Linux.
const LONGEST_TARGET: usize = 4095;

/// What was found of a charm so far.
#[derive(Debug, Default)]
pub(crate) struct Bounds {
    depth: usize,
    names: usize,
    bytes: u64,
}

impl Bounds {
    /// Goes into a directory.
    ///
    /// # Errors
    ///
    /// Says what there is too much of.
    pub(crate) fn enter(&mut self) -> Result<(), String> {
        self.depth += 1;
        match self.depth > DEEPEST {
            true => Err(format!(
                "its directories are more than {DEEPEST} deep, which is no charm"
            )),
            false => Ok(()),
        }
    }

    /// Leaves a directory.
    pub(crate) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Adds a file or a directory.
    ///
    /// # Errors
    ///
    /// Says what there is too much of.
    pub(crate) fn name(&mut self) -> Result<(), String> {
        self.names += 1;
        match self.names > MOST_NAMES {
            true => Err(format!(
                "it has more than {MOST_NAMES} files, which is no charm"
            )),
            false => Ok(()),
        }
    }

    /// Adds what is in a file.
    ///
    /// # Errors
    ///
    /// Says what there is too much of.
    pub(crate) fn bytes(&mut self, bytes: usize) -> Result<(), String> {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if self.bytes > LARGEST {
            let most = LARGEST >> 30;
            return Err(format!(
                "its files have more than {most} GiB, which is no charm"
            ));
        }
        Ok(())
    }
}

/// Says what a file is that is not read.
pub(crate) fn too_large(path: &str) -> String {
    let most = LARGEST_FILE >> 30;
    format!("{path} has more than {most} GiB, which is no file of a charm")
}

/// Checks that a link can be made.
///
/// # Errors
///
/// Says what is wrong with its target.
pub(crate) fn check_target(path: &str, target: &[u8]) -> Result<(), String> {
    if target.is_empty() || target.len() > LONGEST_TARGET || target.contains(&0) {
        return Err(format!(
            "{} is a link to what can be no path",
            path.escape_debug()
        ));
    }
    Ok(())
}
