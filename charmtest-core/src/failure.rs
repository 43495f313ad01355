//! What a charm test fails with: [`Failure`], and the errors that end a test otherwise: [`skip`], [`xfail`], [`abort`].

use std::error::Error;
use std::fmt;
use std::iter::successors;
use std::panic::Location;

use crate::juju::JujuError;
use crate::ops_test::TrackError;
use crate::wait::WaitError;

/// What a charm test returns: `Ok(())`, or the [`Failure`] that ended it.
///
/// A test may return any other `Result<(), E>` too, but only this one knows the line of the `?` that ended the test.
pub type Result<T = (), E = Failure> = std::result::Result<T, E>;

/// The reason why a charm test did not pass, with the place in the test where it came up.
///
/// Every error converts into a `Failure`, and so do `String`, `&str` and boxed errors; the conversion keeps the error's
/// chain of sources and remembers the line of the `?` that made it:
///
/// ```
/// fn port() -> charmtest::Result<u16> {
///     Ok("eighty".parse()?) // the report names this line
/// }
/// let failure = port().unwrap_err();
/// assert_eq!(failure.message(), "invalid digit found in string");
/// ```
///
/// `Failure` does not implement [`Error`] itself: that is what allows every error to convert into it.
pub struct Failure {
    kind: FailureKind,
    error: Box<dyn Error + Send + Sync>,
    location: Option<&'static Location<'static>>,
}

/// What a [`Failure`] makes of the test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// The test failed.
    Failed,
    /// The test failed and wants to abort the rest of its module.
    Aborting,
    /// The test failed as it expected to.
    Xfailed,
    /// The test asked to be skipped.
    Skipped,
    /// Something that the test stands on could not be set up.
    Errored,
    /// A policy does not let the test run.
    Refused,
    /// What the test requires of the machine is not there.
    Unmet,
    /// Something that the test ran took longer than it may.
    TimedOut,
}

impl Failure {
    /// Returns a failure for something that the test stands on and could not be set up: the test counts as errored.
    #[track_caller]
    pub(crate) fn setup(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind: FailureKind::Errored,
            ..Self::from(error.into())
        }
    }

    /// Returns the failure of a test that a policy does not let run, as a charm's that nobody reviewed: the test counts as
    /// refused, which is no pass.
    ///
    /// ```
    /// # use charmtest::{Failure, Result};
    /// fn may_run(is_reviewed: bool) -> Result {
    ///     if !is_reviewed {
    ///         return Err(Failure::refused("nobody has reviewed this charm"));
    ///     }
    ///     Ok(())
    /// }
    /// ```
    #[must_use]
    pub fn refused(why: impl Into<String>) -> Self {
        Self::of_kind(FailureKind::Refused, why.into())
    }

    /// Returns the failure of a test that requires what this machine does not have and cannot get, as a package: the test
    /// counts as unmet, which is no pass.
    ///
    /// `why` says what is required, and what to do about it.
    #[must_use]
    pub fn unmet(why: impl Into<String>) -> Self {
        Self::of_kind(FailureKind::Unmet, why.into())
    }

    /// Returns the failure of a test that says nothing about what it tests, because something below that broke: the test counts
    /// as errored.
    #[must_use]
    pub fn infrastructure(why: impl Into<String>) -> Self {
        Self::of_kind(FailureKind::Errored, why.into())
    }

    /// Returns the failure of a test that is not made of Rust code, and so has no line to show.
    #[must_use]
    pub fn failed(why: impl Into<String>) -> Self {
        Self::of_kind(FailureKind::Failed, why.into())
    }

    /// Returns the failure of a test that ended something which took longer than it may: the test counts as timed out.
    #[must_use]
    pub fn timed_out(why: impl Into<String>) -> Self {
        Self::of_kind(FailureKind::TimedOut, why.into())
    }

    /// Returns a failure of this kind that has no place of its own.
    pub(crate) fn of_kind(kind: FailureKind, text: String) -> Self {
        Self {
            kind,
            error: text.into(),
            location: None,
        }
    }

    /// Turns the failure of a fixture's function into that of the tests that ask for the fixture.
    ///
    /// What asks for something else than a failure stays what it is: a fixture can skip its tests.
    pub(crate) fn of_fixture(self, name: &str) -> Self {
        match self.kind {
            FailureKind::Failed | FailureKind::Errored => {
                let place = match self.location {
                    Some(at) if self.kind == FailureKind::Failed => format!("\n  at {at}"),
                    _ => String::new(),
                };
                let text = format!("fixture `{name}` failed: {}{place}", self.full_text());
                Self::of_kind(FailureKind::Errored, text)
            }
            FailureKind::Aborting
            | FailureKind::Xfailed
            | FailureKind::Skipped
            | FailureKind::Refused
            | FailureKind::Unmet
            | FailureKind::TimedOut => self,
        }
    }

    /// Puts what was being done in front of the text.
    pub(crate) fn under(self, what: &str) -> Self {
        let text = format!("{what}: {}", self.full_text());
        Self {
            error: text.into(),
            ..self
        }
    }

    /// Turns the failure into one of the set-up, whatever it was before.
    pub(crate) fn into_setup(self) -> Self {
        Self {
            kind: FailureKind::Errored,
            ..self
        }
    }

    /// Puts remarks behind the text.
    pub(crate) fn with_notes(self, notes: &[String]) -> Self {
        if notes.is_empty() {
            return self;
        }
        let notes: String = notes.iter().map(|note| format!("\nnote: {note}")).collect();
        Self {
            error: format!("{}{notes}", self.full_text()).into(),
            ..self
        }
    }

    /// Forgets the place, which says nothing to who reads the failure; reports then name the test itself.
    pub(crate) fn without_place(self) -> Self {
        Self {
            location: None,
            ..self
        }
    }

    /// Forgets the place if it is this one; reports then name the test itself.
    pub(crate) fn unless_at(self, place: &'static Location<'static>) -> Self {
        let location = self.location.filter(|location| *location != place);
        Self { location, ..self }
    }

    pub(crate) fn kind(&self) -> FailureKind {
        self.kind
    }

    /// Returns the text of the error, without its sources.
    #[must_use]
    pub fn message(&self) -> String {
        self.error.to_string()
    }

    /// Returns the texts of the error's sources, the outermost first.
    #[must_use]
    pub fn causes(&self) -> Vec<String> {
        self.chain().skip(1).map(ToString::to_string).collect()
    }

    /// Returns what to try next, if a `juju` command failed of which that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        self.chain().find_map(|error| {
            let command = error.downcast_ref::<JujuError>().and_then(JujuError::hint);
            command
                .or_else(|| error.downcast_ref::<WaitError>().and_then(WaitError::hint))
                .or_else(|| {
                    error
                        .downcast_ref::<TrackError>()
                        .and_then(TrackError::hint)
                })
        })
    }

    /// Returns the text of the error with its sources and the hint, as reports show it.
    pub(crate) fn full_text(&self) -> String {
        let mut text = self.message();
        for cause in self.causes() {
            text.push_str("\n  caused by: ");
            text.push_str(&cause);
        }
        if let Some(hint) = self.hint() {
            text.push_str("\n  hint: ");
            text.push_str(hint);
        }
        text
    }

    /// Returns the error and its sources, the outermost first.
    fn chain(&self) -> impl Iterator<Item = &(dyn Error + 'static)> {
        let error: &(dyn Error + 'static) = &*self.error;
        successors(Some(error), |&error| error.source())
    }

    /// Returns the place where the error became a failure: the line of the `?`.
    #[must_use]
    pub fn location(&self) -> Option<&'static Location<'static>> {
        self.location
    }
}

impl<E> From<E> for Failure
where
    E: Into<Box<dyn Error + Send + Sync>>,
{
    #[track_caller]
    fn from(error: E) -> Self {
        let error = error.into();
        let ending = error.downcast_ref::<Ending>();
        let kind = ending.map_or(FailureKind::Failed, |ending| ending.kind);
        Self {
            kind,
            error,
            location: Some(Location::caller()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.full_text())?;
        match self.location {
            Some(at) => write!(f, "\n  at {at}"),
            None => Ok(()),
        }
    }
}

/// The error that ends a test otherwise than by failing it; made by [`skip`], [`xfail`] and [`abort`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    kind: FailureKind,
    reason: String,
}

impl Ending {
    fn new(kind: FailureKind, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { kind, reason }
    }
}

/// Returns the error that skips the running test. A skipped test aborts nothing.
///
/// ```
/// # use charmtest::{Result, skip};
/// fn needs_storage() -> Result {
///     if std::env::var_os("STORAGE_POOL").is_none() {
///         Err(skip("STORAGE_POOL is not set"))?;
///     }
///     Ok(())
/// }
/// ```
///
/// [`OpsTest::skip`](crate::ops_test::OpsTest::skip) does it where no error can be returned.
pub fn skip(reason: impl Into<String>) -> Ending {
    Ending::new(FailureKind::Skipped, reason)
}

/// Returns the error that ends the running test as failed, as was to be expected: what `pytest.xfail` does.
///
/// The option `xfail` of `#[charm_test]` says of the whole test that it fails; this says so of one point that it reaches.
///
/// ```
/// # use charmtest::{Result, xfail};
/// fn needs_a_fix(version: &str) -> Result {
///     if version.starts_with("3.1.") {
///         Err(xfail("Juju 3.1 forgets the relation"))?;
///     }
///     Ok(())
/// }
/// ```
pub fn xfail(reason: impl Into<String>) -> Ending {
    Ending::new(FailureKind::Xfailed, reason)
}

/// Returns the error that fails the running test and aborts the rest of its module, whatever the test's options are.
///
/// ```
/// # use charmtest::{Result, abort};
/// fn needs_workers(workers: usize) -> Result {
///     if workers == 0 {
///         Err(abort("no worker came up: nothing below can work"))?;
///     }
///     Ok(())
/// }
/// ```
///
/// [`OpsTest::abort`](crate::ops_test::OpsTest::abort) does it where no error can be returned.
pub fn abort(reason: impl Into<String>) -> Ending {
    Ending::new(FailureKind::Aborting, reason)
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl Error for Ending {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("no port in the config")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    fn parse() -> Result<u16> {
        Ok("eighty".parse::<u16>().map_err(Outer)?)
    }

    #[test]
    fn a_failure_names_the_line_of_the_question_mark_and_the_sources() {
        let failure = parse().unwrap_err();
        assert_eq!(failure.message(), "no port in the config");
        assert_eq!(failure.causes(), ["invalid digit found in string"]);
        assert_eq!(failure.kind(), FailureKind::Failed);
        let at = failure.location().unwrap();
        let source = include_str!("failure.rs")
            .lines()
            .nth(at.line() as usize - 1);
        assert!(source.unwrap().contains(".map_err(Outer)?"), "{at}");
    }

    #[test]
    fn texts_and_boxed_errors_convert() {
        fn text() -> Result {
            Err("no leader")?
        }
        fn boxed() -> Result {
            let error: Box<dyn Error + Send + Sync> = "no unit".into();
            Err(error)?
        }
        fn through() -> Result {
            text()?;
            Ok(())
        }
        assert_eq!(text().unwrap_err().message(), "no leader");
        assert_eq!(boxed().unwrap_err().message(), "no unit");
        assert_eq!(through().unwrap_err().message(), "no leader");
    }

    #[test]
    fn endings_end_a_test_also_through_a_boxed_error() {
        fn direct(ending: Ending) -> Result {
            Err(ending)?
        }
        fn boxed(ending: Ending) -> Result {
            Err(Box::<dyn Error + Send + Sync>::from(ending))?
        }
        for (ending, kind) in [
            (skip("no storage"), FailureKind::Skipped),
            (xfail("no storage"), FailureKind::Xfailed),
            (abort("no storage"), FailureKind::Aborting),
        ] {
            for failure in [direct(ending.clone()), boxed(ending)].map(Result::unwrap_err) {
                assert_eq!(failure.kind(), kind);
                assert_eq!(failure.message(), "no storage");
            }
        }
    }

    #[test]
    fn the_hint_of_a_command_is_shown_wherever_in_the_chain_it_failed() {
        let unselected = || JujuError::Failed {
            command: "juju status".to_owned(),
            code: 1,
            stdout: String::new(),
            stderr: "ERROR No selected controller.".to_owned(),
        };
        let failures = [
            Failure::from(unselected()),
            Failure::from(WaitError::Status(unselected())),
            Failure::from(crate::juju::BackendError::Juju(unselected())),
        ];
        for failure in failures {
            let text = failure.full_text();
            assert!(
                text.contains("\n  hint: name a controller with --controller"),
                "{text}"
            );
        }
        assert_eq!(parse().unwrap_err().hint(), None);
    }

    #[test]
    fn debug_shows_the_chain() {
        let text = format!("{:?}", parse().unwrap_err());
        assert!(
            text.starts_with("no port in the config\n  caused by: invalid digit"),
            "{text}"
        );
    }
}
