//! Bundles from templates.

use super::TemplateError;
use super::context::{Context, with_context};
use crate::ops_test::program::{Program, answer};
use crate::ops_test::{OpsTestParts, awaitable};
use serde::Deserialize;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long downloading a bundle may take.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(5 * 60);

/// A bundle of Charmhub; the channel is `stable` unless told otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    name: String,
    channel: String,
    arch: Option<String>,
    base: Option<String>,
}

impl Bundle {
    /// Returns the bundle of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            channel: "stable".to_owned(),
            arch: None,
            base: None,
        }
    }

    /// Sets the channel.
    #[must_use]
    pub fn channel(mut self, channel: impl Into<String>) -> Self {
        self.channel = channel.into();
        self
    }

    /// Sets the architecture; every one without it.
    #[must_use]
    pub fn arch(mut self, arch: impl Into<String>) -> Self {
        self.arch = Some(arch.into());
        self
    }

    /// Sets the base (Juju 3 and newer).
    #[must_use]
    pub fn base(mut self, base: impl Into<String>) -> Self {
        self.base = Some(base.into());
        self
    }
}

/// Where the template of a bundle comes from.
///
/// Text is a path if it is one line that ends in `.yaml`, `.yml` or `.j2`, else the template itself; paths are always paths.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BundleSource {
    /// A file.
    Path(PathBuf),
    /// The template itself; what all of its lines are indented by is taken away.
    Text(String),
    /// A bundle of Charmhub.
    Charmhub(Bundle),
}

impl From<&str> for BundleSource {
    fn from(text: &str) -> Self {
        let is_path = !text.contains('\n')
            && [".yaml", ".yml", ".j2"]
                .iter()
                .any(|ending| text.trim_end().ends_with(ending));
        match is_path {
            true => Self::Path(text.trim().into()),
            false => Self::Text(text.to_owned()),
        }
    }
}

impl From<String> for BundleSource {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<&Path> for BundleSource {
    fn from(path: &Path) -> Self {
        Self::Path(path.to_owned())
    }
}

impl From<PathBuf> for BundleSource {
    fn from(path: PathBuf) -> Self {
        Self::Path(path)
    }
}

impl From<&PathBuf> for BundleSource {
    fn from(path: &PathBuf) -> Self {
        Self::Path(path.clone())
    }
}

impl From<Bundle> for BundleSource {
    fn from(bundle: Bundle) -> Self {
        Self::Charmhub(bundle)
    }
}

/// A bundle about to be rendered: see [`OpsTest::render_bundle`](crate::ops_test::OpsTest::render_bundle).
#[must_use = "nothing is rendered until this is awaited"]
#[derive(Clone, Debug)]
pub struct RenderBundle {
    all: RenderBundles,
}

impl RenderBundle {
    pub(super) fn new(all: RenderBundles) -> Self {
        Self { all }
    }

    async fn run(self) -> Result<PathBuf, TemplateError> {
        let mut rendered = self.all.run().await?;
        Ok(rendered.swap_remove(0))
    }
}

with_context!(RenderBundle, all.context);
awaitable!(RenderBundle => Result<PathBuf, TemplateError>);

/// Bundles about to be rendered: see [`OpsTest::render_bundles`](crate::ops_test::OpsTest::render_bundles).
#[must_use = "nothing is rendered until this is awaited"]
#[derive(Clone, Debug)]
pub struct RenderBundles {
    parts: Arc<OpsTestParts>,
    bundles: Vec<BundleSource>,
    context: Context,
}

impl RenderBundles {
    pub(super) fn new(parts: Arc<OpsTestParts>, bundles: Vec<BundleSource>) -> Self {
        Self {
            parts,
            bundles,
            context: Context::default(),
        }
    }

    async fn run(self) -> Result<Vec<PathBuf>, TemplateError> {
        #[derive(Deserialize)]
        struct Answer {
            texts: Vec<String>,
        }
        let context = self.context.variables()?;
        let program = Program::need(&self.parts, "render templates")?;
        let directory = self.parts.tmp_path.join("bundles");
        fs::create_dir_all(&directory).map_err(|source| TemplateError::Io {
            path: directory.clone(),
            source,
        })?;
        let mut names = Vec::new();
        let mut templates = Vec::new();
        for bundle in &self.bundles {
            let (name, template) = match bundle {
                BundleSource::Text(text) => {
                    let name = format!("{}.yaml", self.parts.model.name());
                    (name, json!({ "name": "the bundle", "text": dedent(text) }))
                }
                BundleSource::Path(path) => file_template(&self.parts.package_dir.join(path))?,
                BundleSource::Charmhub(bundle) => {
                    let archive = download(&self.parts, bundle, &directory).await?;
                    let template = json!({ "archive": archive, "member": "bundle.yaml" });
                    (format!("{}.yaml", bundle.name), template)
                }
            };
            names.push(name);
            templates.push(template);
        }
        let request = json!({ "render": "texts", "templates": templates, "context": context });
        let call = program.call(["render"]).stdin(request.to_string());
        let rendered: Answer = answer(call, "the rendered texts")
            .await
            .map_err(TemplateError::program)?;
        names
            .iter()
            .zip(rendered.texts)
            .map(|(name, text)| write_new(&directory, name, &text))
            .collect()
    }
}

with_context!(RenderBundles, context);
awaitable!(RenderBundles => Result<Vec<PathBuf>, TemplateError>);

/// Returns the name of the rendered file, and the request for a template in a file.
fn file_template(path: &Path) -> Result<(String, Value), TemplateError> {
    let path = path.to_owned();
    let Some(name) = output_name(&path) else {
        return Err(TemplateError::NotABundle { path });
    };
    match path.is_file() {
        true => Ok((name, json!({ "path": path }))),
        false => Err(TemplateError::NotFound { path }),
    }
}

/// Returns what the file rendered from a template is called; `None` if it is not called as templates are.
fn output_name(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let is_yaml = |name: &str| name.ends_with(".yaml") || name.ends_with(".yml");
    match name.strip_suffix(".j2") {
        Some(name) if is_yaml(name) => Some(name.to_owned()),
        Some(name) if !name.is_empty() => Some(format!("{name}.yaml")),
        _ => is_yaml(name).then(|| name.to_owned()),
    }
}

/// Downloads a bundle and returns the archive.
async fn download(
    parts: &OpsTestParts,
    bundle: &Bundle,
    directory: &Path,
) -> Result<PathBuf, TemplateError> {
    let archive = directory.join(format!("{}.bundle", bundle.name));
    let mut call = parts
        .model
        .juju()
        .call(["download", &bundle.name, "--channel", &bundle.channel])
        .arg("--filepath")
        .arg(&archive)
        .arg("--no-progress");
    for (flag, value) in [("--arch", &bundle.arch), ("--base", &bundle.base)] {
        if let Some(value) = value {
            call = call.args([flag, value]);
        }
    }
    call.timeout(DOWNLOAD_LIMIT)
        .check()
        .await
        .map_err(|error| TemplateError::Download {
            bundle: bundle.name.clone(),
            error: Box::new(error),
        })?;
    Ok(archive)
}

/// Writes a file of this name, or one called after it if there is one already.
fn write_new(directory: &Path, name: &str, text: &str) -> Result<PathBuf, TemplateError> {
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, "yaml"));
    for number in 1_u32.. {
        let name = match number {
            1 => name.to_owned(),
            number => format!("{stem}-{number}.{ending}"),
        };
        let path = directory.join(name);
        let written = match File::create_new(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => Err(error),
            Ok(mut file) => file.write_all(text.as_bytes()),
        };
        return match written {
            Ok(()) => Ok(path),
            Err(source) => Err(TemplateError::Io { path, source }),
        };
    }
    Err(TemplateError::Io {
        path: directory.join(name),
        source: io::ErrorKind::AlreadyExists.into(),
    })
}

/// Takes away what all lines are indented by, and the line break before the first.
fn dedent(text: &str) -> String {
    let text = text.strip_prefix('\n').unwrap_or(text);
    let indent = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start_matches(' ').len())
        .min()
        .unwrap_or(0);
    text.split('\n')
        .map(|line| line.get(indent..).unwrap_or(""))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_a_path_or_a_template() {
        for (text, is_path) in [
            ("bundle.yaml", true),
            ("tests/bundle.yml.j2", true),
            ("bundle.j2", true),
            ("applications: {web: {charm: web}}", false),
            ("applications:\n  web: {charm: x.yaml", false),
            ("# see\nbundle.yaml", false),
        ] {
            let source = BundleSource::from(text);
            assert_eq!(matches!(source, BundleSource::Path(_)), is_path, "{text}");
        }
        let paths: [BundleSource; 3] = [
            Path::new("text").into(),
            PathBuf::from("text").into(),
            (&PathBuf::from("text")).into(),
        ];
        assert!(
            paths
                .iter()
                .all(|source| *source == BundleSource::Path("text".into()))
        );
    }

    #[test]
    fn rendered_files_are_called_as_their_templates() {
        for (path, name) in [
            ("a/bundle.yaml", Some("bundle.yaml")),
            ("bundle.yml", Some("bundle.yml")),
            ("bundle.yaml.j2", Some("bundle.yaml")),
            ("bundle.yml.j2", Some("bundle.yml")),
            ("bundle.j2", Some("bundle.yaml")),
            ("bundle.json", None),
            ("bundle", None),
            (".j2", None),
        ] {
            assert_eq!(output_name(Path::new(path)).as_deref(), name, "{path}");
        }
    }

    #[test]
    fn common_indentation_goes() {
        for (text, expected) in [
            (
                "\n    a:\n      b: 1\n\n    c: 2\n    ",
                "a:\n  b: 1\n\nc: 2\n",
            ),
            ("a:\n  b", "a:\n  b"),
            ("", ""),
            ("\n  a\n é\n", " a\né\n"),
        ] {
            assert_eq!(dedent(text), expected);
        }
    }

    #[test]
    fn no_rendered_file_takes_the_place_of_another() {
        let dir = tempfile::tempdir().unwrap();
        let write = |text: &str| write_new(dir.path(), "bundle.yaml", text).unwrap();
        let paths = [write("1"), write("2"), write("3")];
        let names = ["bundle.yaml", "bundle-2.yaml", "bundle-3.yaml"];
        assert_eq!(paths, names.map(|name| dir.path().join(name)));
        assert_eq!(fs::read(&paths[0]).unwrap(), b"1");
    }
}
