//! Who is told what the client does while it does it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Something that the client does at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// A wait goes on.
    Waiting {
        /// What is waited for, and what is still missing.
        what: String,
        /// How long it has waited.
        elapsed: Duration,
        /// How long it will wait at most.
        limit: Option<Duration>,
    },
    /// Something that the user should know and that fails nothing.
    Warning(String),
    /// A command ended.
    Command {
        /// The command line, ready to paste.
        command: String,
        /// How long it took.
        duration: Duration,
        /// Its exit code; none when it did not end by itself.
        code: Option<i32>,
    },
}

type Listener = dyn Fn(&Note) + Send + Sync;

/// A handle to whoever wants to hear [`Note`]s; the default one listens to nothing.
#[derive(Clone, Default)]
pub struct Observer(Option<Arc<Listener>>);

impl Observer {
    /// Returns an observer that calls the given function.
    pub fn new(listen: impl Fn(&Note) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(listen)))
    }

    /// Reports something.
    pub fn note(&self, note: &Note) {
        if let Some(listen) = &self.0 {
            listen(note);
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Observer(..)"
        } else {
            "Observer(none)"
        })
    }
}
