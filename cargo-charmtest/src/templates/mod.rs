//! Jinja templates, by minijinja.
//!
//! A variable that is not there is an error with the file and the line: a bundle that lacks a path deploys something else than
//! was meant, or nothing, long after the mistake.

pub(crate) mod tree;

use std::io;
use std::path::{Path, PathBuf};

use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};
use serde_json::{Map, Value};

/// Why a template was not rendered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TemplateError {
    /// The template is wrong, or asks for what is not there.
    #[error("{name}:{line}: {what}")]
    Template {
        /// The template.
        name: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// A pattern is wrong, or selects nothing.
    #[error("{0}")]
    Pattern(String),
    /// The operating system refuses something.
    #[error("cannot {verb} `{}`", path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl TemplateError {
    pub(crate) fn io(verb: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            verb,
            path: path.to_owned(),
            source,
        }
    }
}

/// Renders the template `text`, which errors call `name`.
///
/// Nothing is escaped, and a line break at the end stays. Methods of Python's strings, lists and dictionaries work, since
/// templates of existing suites use them.
///
/// # Errors
///
/// Fails when the template is wrong or uses a variable that is not in the context.
pub(crate) fn render(
    name: &str,
    text: &str,
    context: &Map<String, Value>,
) -> Result<String, TemplateError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_keep_trailing_newline(true);
    environment.set_debug(true);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    let failed = |error: minijinja::Error, absent: &[String]| TemplateError::Template {
        name: name.to_owned(),
        line: error.line().unwrap_or(1),
        what: explain(&error, text, context, absent),
    };
    let template = environment
        .template_from_named_str(name, text)
        .map_err(|error| failed(error, &[]))?;
    template.render(context).map_err(|error| {
        let named = template.undeclared_variables(false).into_iter();
        let mut absent: Vec<String> = named.filter(|name| !context.contains_key(name)).collect();
        absent.sort();
        failed(error, &absent)
    })
}

/// Says what is wrong; `absent` are the variables that the template names and nobody gave.
fn explain(
    error: &minijinja::Error,
    text: &str,
    context: &Map<String, Value>,
    absent: &[String],
) -> String {
    let names: Vec<&str> = context.keys().map(String::as_str).collect();
    let names = match names.as_slice() {
        [] => "no variables were given".to_owned(),
        names => format!("given were: {}", names.join(", ")),
    };
    let expression = error.range().and_then(|range| text.get(range));
    let expression = expression.filter(|expression| !expression.contains('\n'));
    if let (ErrorKind::UndefinedError, Some(expression)) = (error.kind(), expression) {
        return format!("`{expression}` is undefined; {names}");
    }
    let what = match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    let what = match expression {
        Some(expression) => format!("{what} (at `{expression}`)"),
        None => what,
    };
    // A filter complains of what an undefined value is not.
    match absent {
        [] => what,
        absent => format!("{what}; undefined: {}; {names}", absent.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rendered(text: &str, context: Value) -> Result<String, String> {
        let context = context.as_object().cloned().unwrap_or_default();
        render("bundle.yaml.j2", text, &context).map_err(|error| error.to_string())
    }

    #[test]
    fn templates_are_those_of_jinja_and_nothing_is_escaped() {
        let context = json!({
            "charm": "/tmp/a b.charm", "units": 2, "apps": ["x", "y"], "options": {"b": "<1>", "a": "\"2\""}, "on": true,
        });
        let table = [
            ("charm: {{ charm }}\n", "charm: /tmp/a b.charm\n"),
            ("charm: {{ charm }}", "charm: /tmp/a b.charm"),
            ("{{ units + 1 }}", "3"),
            (
                "{% for app in apps %}- {{ app }}\n{% endfor %}",
                "- x\n- y\n",
            ),
            (
                "{%- for key, value in options.items() %}{{ key }}={{ value }};{% endfor %}",
                "a=\"2\";b=<1>;",
            ),
            ("{% if on %}yes{% else %}no{% endif %}", "yes"),
            ("{{ missing | default('edge') }}", "edge"),
            ("{% if missing is defined %}x{% endif %}", ""),
            ("{{ charm.split('/')[2] }}", "a b.charm"),
            (
                "{{ options | tojson }}",
                "{\"a\":\"\\\"2\\\"\",\"b\":\"\\u003c1\\u003e\"}",
            ),
            ("no template at all\n\n", "no template at all\n\n"),
        ];
        for (text, expected) in table {
            assert_eq!(
                rendered(text, context.clone()).as_deref(),
                Ok(expected),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_undefined_or_wrong_is_named_with_its_line() {
        let table = [
            (
                "applications:\n  web:\n    charm: {{ chram }}\n",
                "bundle.yaml.j2:3: `chram` is undefined; given were: charm, site",
            ),
            (
                "{{ site.name }}",
                "bundle.yaml.j2:1: `site.name` is undefined; given were: charm, site",
            ),
            (
                "a\n{% if nope %}x{% endif %}",
                "bundle.yaml.j2:2: `nope` is undefined",
            ),
            (
                "a\n\n{% for x in nope %}{% endfor %}",
                "bundle.yaml.j2:3: `nope` is undefined",
            ),
            ("{% if charm %}", "bundle.yaml.j2:1: syntax error"),
            ("\n{{ charm", "bundle.yaml.j2:2: syntax error"),
            (
                "\n{{ charm | frobnicate }}",
                "bundle.yaml.j2:2: unknown filter",
            ),
        ];
        for (text, expected) in table {
            let error = rendered(text, json!({"charm": "x", "site": {}})).unwrap_err();
            assert!(error.starts_with(expected), "{text}\n{error}");
        }
        let error = rendered("{{ x }}", json!({})).unwrap_err();
        assert!(
            error.ends_with("`x` is undefined; no variables were given"),
            "{error}"
        );
    }
}
