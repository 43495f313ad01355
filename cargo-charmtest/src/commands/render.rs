//! `cargo charmtest render`: renders templates for a test binary, which carries no template engine.

use std::io;
use std::path::PathBuf;

use charmtest_charm::Archive;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::error::{Error, Kind, Result};
use crate::report::print;
use crate::templates::tree::{Selection, render_tree};
use crate::templates::{TemplateError, render};

/// What to render; it comes as JSON on standard input.
#[derive(Deserialize)]
#[serde(tag = "render", rename_all = "kebab-case")]
enum Request {
    /// Texts; the answer is `{"texts": [..]}`.
    Texts {
        templates: Vec<Template>,
        context: Map<String, Value>,
    },
    /// A directory, into another one; the answer is `{"files": [..]}`, those that were rendered.
    Tree {
        from: PathBuf,
        to: PathBuf,
        #[serde(flatten)]
        selection: Selection,
        context: Map<String, Value>,
    },
}

/// A template and where it comes from.
#[derive(Deserialize)]
#[serde(untagged)]
enum Template {
    /// A text, and its name in errors.
    Inline { name: String, text: String },
    /// A member of an archive: the bundle in what `juju download` makes.
    Member { archive: PathBuf, member: String },
    /// A file.
    File { path: PathBuf },
}

/// Does what standard input asks for and prints the answer as JSON.
///
/// # Errors
///
/// Fails when a template cannot be read or is wrong; the error names the file and the line.
pub(crate) fn main() -> Result<u8> {
    let request: Request = serde_json::from_reader(io::stdin().lock())
        .map_err(|error| Error::new(Kind::Usage, format!("standard input: {error}")))?;
    let answer = match request {
        Request::Texts { templates, context } => {
            let texts: Result<Vec<String>> = templates
                .iter()
                .map(|template| {
                    let (name, text) = read(template)?;
                    render(&name, &text, &context).map_err(failed)
                })
                .collect();
            json!({ "texts": texts? })
        }
        Request::Tree {
            from,
            to,
            selection,
            context,
        } => {
            let files = render_tree(&from, &to, &selection, &context).map_err(failed)?;
            json!({ "files": files })
        }
    };
    print(&format!("{answer}\n"));
    Ok(charmtest::exit::SUCCESS)
}

/// Returns a template's name and text.
fn read(template: &Template) -> Result<(String, String)> {
    match template {
        Template::Inline { name, text } => Ok((name.clone(), text.clone())),
        Template::File { path } => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| failed(TemplateError::io("read", path, error)))?;
            Ok((path.display().to_string(), text))
        }
        Template::Member { archive, member } => {
            let open = || Archive::open(archive)?.read_text(member);
            let text = open().map_err(|error| Error::caused(Kind::Failed, &error))?;
            let name = format!("{member} of {}", archive.display());
            match text {
                Some(text) => Ok((name, text)),
                None => Err(Error::new(Kind::Failed, format!("there is no {name}"))),
            }
        }
    }
}

fn failed(error: TemplateError) -> Error {
    Error::caused(Kind::Failed, &error)
}
