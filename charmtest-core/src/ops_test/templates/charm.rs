//! Charms whose files are templates.

use super::TemplateError;
use super::context::{Context, with_context};
use crate::ops_test::program::{Program, answer};
use crate::ops_test::{OpsTestParts, awaitable};
use serde::Deserialize;
use serde_json::json;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A charm about to be rendered: see [`OpsTest::render_charm`](crate::ops_test::OpsTest::render_charm).
#[must_use = "nothing is rendered until this is awaited"]
#[derive(Clone, Debug)]
pub struct RenderCharm {
    all: RenderCharms,
}

impl RenderCharm {
    pub(super) fn new(all: RenderCharms) -> Self {
        Self { all }
    }

    /// Renders only files that match: see [`RenderCharms::include`].
    pub fn include<I>(mut self, patterns: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.all = self.all.include(patterns);
        self
    }

    /// Copies files that match without rendering them: see [`RenderCharms::exclude`].
    pub fn exclude<I>(mut self, patterns: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.all = self.all.exclude(patterns);
        self
    }

    async fn run(self) -> Result<PathBuf, TemplateError> {
        let mut rendered = self.all.run().await?;
        Ok(rendered.swap_remove(0))
    }
}

with_context!(RenderCharm, all.context);
awaitable!(RenderCharm => Result<PathBuf, TemplateError>);

/// Charms about to be rendered: see [`OpsTest::render_charms`](crate::ops_test::OpsTest::render_charms).
#[must_use = "nothing is rendered until this is awaited"]
#[derive(Clone, Debug)]
pub struct RenderCharms {
    parts: Arc<OpsTestParts>,
    directories: Vec<PathBuf>,
    include: Vec<String>,
    exclude: Vec<String>,
    context: Context,
}

impl RenderCharms {
    pub(super) fn new(parts: Arc<OpsTestParts>, directories: Vec<PathBuf>) -> Self {
        Self {
            parts,
            directories,
            include: Vec::new(),
            exclude: Vec::new(),
            context: Context::default(),
        }
    }

    /// Renders only files that match; all without it.
    ///
    /// `*` stands for any characters but `/`, `**` for any directories. A pattern without `/` is about names at any depth
    /// (`*.py`), one with `/` about paths in the charm (`src/*.py`); one that matches a directory is about all that is in it.
    pub fn include<I>(mut self, patterns: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.include.extend(patterns.into_iter().map(Into::into));
        self
    }

    /// Copies files that match without rendering them; the patterns are those of [`include`](Self::include).
    pub fn exclude<I>(mut self, patterns: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.exclude.extend(patterns.into_iter().map(Into::into));
        self
    }

    async fn run(self) -> Result<Vec<PathBuf>, TemplateError> {
        /// What is rendered is of no interest here; that there is an answer is.
        #[derive(Deserialize)]
        struct Answer {
            #[serde(rename = "files")]
            _files: Vec<String>,
        }
        let context = self.context.variables()?;
        let program = Program::need(&self.parts, "render templates")?;
        let charms = self.parts.tmp_path.join("charms");
        let mut rendered = Vec::new();
        for directory in &self.directories {
            let path = self.parts.package_dir.join(directory);
            let Ok(from) = path.canonicalize() else {
                return Err(TemplateError::NotFound { path });
            };
            let to = create_new(&charms, &from)?;
            let request = json!({
                "render": "tree",
                "from": from,
                "to": to,
                "include": self.include,
                "exclude": self.exclude,
                "context": context,
            });
            let call = program.call(["render"]).stdin(request.to_string());
            let answer = answer::<Answer>(call, "the rendered files").await;
            if let Err(error) = answer {
                // Half a charm is of no use; what cannot be removed goes with the other files of the module.
                let _ = fs::remove_dir_all(&to);
                return Err(TemplateError::program(error));
            }
            rendered.push(to);
        }
        Ok(rendered)
    }
}

with_context!(RenderCharms, context);
awaitable!(RenderCharms => Result<Vec<PathBuf>, TemplateError>);

/// Makes a directory called as `charm` is, or after it if there is one already.
fn create_new(charms: &Path, charm: &Path) -> Result<PathBuf, TemplateError> {
    let failed = |path: &Path, source| TemplateError::Io {
        path: path.to_owned(),
        source,
    };
    fs::create_dir_all(charms).map_err(|error| failed(charms, error))?;
    let name = charm.file_name().unwrap_or_default().to_string_lossy();
    let mut path = charms.join(&*name);
    let mut number = 1;
    loop {
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                number += 1;
                path = charms.join(format!("{name}-{number}"));
            }
            Err(error) => return Err(failed(&path, error)),
        }
    }
}
