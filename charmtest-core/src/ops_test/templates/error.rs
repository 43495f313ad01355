//! Why a template was not rendered.

use crate::juju::JujuError;
use crate::ops_test::program::{NoProgram, refusal};
use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a bundle or a charm was not rendered.
#[derive(Debug)]
#[non_exhaustive]
pub enum TemplateError {
    /// There is no program that renders templates.
    NoProgram(NoProgram),
    /// There is no such file or directory.
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// The file is not called as a bundle is.
    NotABundle {
        /// The file.
        path: PathBuf,
    },
    /// A variable cannot be given to a template.
    Context(String),
    /// The template is wrong, or uses what was not given; the text names the file and the line.
    Template(String),
    /// The program that renders did not do its work.
    Program(Box<JujuError>),
    /// Juju could not download the bundle.
    Download {
        /// The bundle.
        bundle: String,
        /// What Juju said.
        error: Box<JujuError>,
    },
    /// A file could not be read or written.
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl TemplateError {
    /// Returns what the program that renders said.
    pub(super) fn program(error: JujuError) -> Self {
        match refusal(&error) {
            Some(text) => Self::Template(text.to_owned()),
            None => Self::Program(Box::new(error)),
        }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProgram(error) => error.fmt(f),
            Self::NotFound { path } => write!(f, "there is no template `{}`", path.display()),
            Self::NotABundle { path } => write!(
                f,
                "`{}` is called neither `.yaml` nor `.yml`, with or without `.j2`, as templates of bundles are",
                path.display()
            ),
            Self::Context(text) => write!(f, "cannot be given to a template: {text}"),
            Self::Template(text) => f.write_str(text),
            Self::Program(_) => f.write_str("cannot render templates"),
            Self::Download { bundle, .. } => write!(f, "cannot download the bundle `{bundle}`"),
            Self::Io { path, .. } => write!(f, "cannot use `{}` for templates", path.display()),
        }
    }
}

impl Error for TemplateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Program(error) | Self::Download { error, .. } => Some(&**error),
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<NoProgram> for TemplateError {
    fn from(error: NoProgram) -> Self {
        Self::NoProgram(error)
    }
}
