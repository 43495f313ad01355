//! Errors of the program: what happened, what to do, and the exit code.

use std::fmt;

use charmtest::exit;

/// Which kind of trouble; it decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The command line is wrong.
    Usage,
    /// Nothing matched the selection.
    NothingSelected,
    /// Something around the tests failed.
    Infrastructure,
    /// cargo could not build the tests and has said why.
    Build,
    /// A command did what it should and the answer is bad.
    Failed,
}

/// An error that ends the program.
#[derive(Debug)]
pub(crate) struct Error {
    kind: Kind,
    message: String,
    hint: Option<String>,
}

/// The result of a command.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Makes an error of `kind`.
    pub(crate) fn new(kind: Kind, message: impl fmt::Display) -> Self {
        Self {
            kind,
            message: message.to_string(),
            hint: None,
        }
    }

    /// Makes an error of something around the tests.
    pub(crate) fn infrastructure(message: impl fmt::Display) -> Self {
        Self::new(Kind::Infrastructure, message)
    }

    /// Makes an error of `kind` that tells all that `error` and its causes say.
    pub(crate) fn caused(kind: Kind, error: &dyn std::error::Error) -> Self {
        let causes = std::iter::successors(error.source(), |cause| cause.source());
        let lines = causes.map(|cause| format!("\n  caused by: {cause}"));
        Self::new(kind, format!("{error}{}", lines.collect::<String>()))
    }

    /// Adds what to do about it.
    pub(crate) fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// Returns what happened, without the hint.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Returns the exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Usage => exit::USAGE,
            Kind::NothingSelected => exit::NOTHING_SELECTED,
            Kind::Infrastructure => exit::INFRASTRUCTURE,
            Kind::Build => exit::BUILD_FAILED,
            Kind::Failed => exit::FAILED,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}
