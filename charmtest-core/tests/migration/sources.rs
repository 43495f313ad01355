//! The functions of the workspace, for the tests among them, and the modules that hold them.

use std::fs;
use std::path::Path;

/// A function in the sources, or a module.
pub(crate) struct Function {
    /// Its file, from the workspace's root.
    pub(crate) file: String,
    pub(crate) name: String,
    /// Its attributes, head and body.
    pub(crate) text: String,
    pub(crate) runs: Runs,
}

/// Whether a function is a test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Runs {
    /// It is a test that runs by default.
    ByItself,
    /// It is none, or one that other tests run: those of a fixture.
    InOthers,
    /// It is a test that is left out.
    Ignored,
}

/// Returns all functions in the Rust files of the workspace.
pub(crate) fn read(workspace: &Path) -> Vec<Function> {
    let mut functions = Vec::new();
    visit(workspace, "", &mut functions);
    functions
}

fn visit(directory: &Path, from_root: &str, functions: &mut Vec<Function>) {
    let entries = fs::read_dir(directory).expect("a directory of sources");
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{from_root}{name}");
        if entry.path().is_dir() {
            if !name.starts_with('.') && name != "target" {
                visit(&entry.path(), &format!("{path}/"), functions);
            }
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(entry.path()).expect("a source");
            functions.extend(functions_of(&path, &text));
        }
    }
}

/// Finds functions by their heads, as rustfmt leaves them: the last line of one is a brace below its head.
fn functions_of(file: &str, source: &str) -> Vec<Function> {
    let lines: Vec<&str> = source.lines().collect();
    let mut functions = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(name) = head(line) else {
            continue;
        };
        let indent = &line[..line.len() - line.trim_start().len()];
        let end = format!("{indent}}}");
        let length = lines[at..]
            .iter()
            .position(|line| *line == end || line.ends_with(" {}"));
        let above = lines[..at].iter().rev();
        let attributes = above
            .take_while(|line| {
                let line = line.trim_start();
                ["#[", "///", ")]", "]"]
                    .iter()
                    .any(|start| line.starts_with(start))
                    || line.ends_with(',')
            })
            .count();
        let attributes = lines[at - attributes..at].join("\n");
        let body = lines[at..=at + length.unwrap_or_default()].join("\n");
        functions.push(Function {
            file: file.to_owned(),
            name: name.to_owned(),
            runs: runs(file, &attributes),
            text: format!("{attributes}\n{body}"),
        });
    }
    functions
}

fn head(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = line
        .strip_prefix("pub(crate) ")
        .or(line.strip_prefix("pub "))
        .unwrap_or(line);
    let line = line.strip_prefix("async ").unwrap_or(line);
    if let Some(module) = line.strip_prefix("mod ") {
        return module.strip_suffix(" {");
    }
    let (name, _) = line.strip_prefix("fn ")?.split_once(['(', '<'])?;
    Some(name)
}

fn runs(file: &str, attributes: &str) -> Runs {
    let is_test = ["#[test]", "#[charm_test"]
        .iter()
        .any(|test| attributes.contains(test));
    let others = ["/fixture/", "/ui/"];
    if !is_test || others.iter().any(|part| file.contains(part)) {
        Runs::InOthers
    } else if attributes.contains("ignore") {
        Runs::Ignored
    } else {
        Runs::ByItself
    }
}

#[test]
fn functions_are_found_with_what_stands_above_them() {
    let source = "mod tests {\n    /// Says.\n    #[test]\n    fn a() {\n        if x {\n        }\n    }\n\n    pub(crate) async fn b<T>() {}\n}\n\n#[charm_test(ignore)]\nfn c(x: u8) {\n}\n";
    let found = functions_of("x.rs", source);
    let found: Vec<(&str, Runs, usize)> = found
        .iter()
        .map(|function| {
            (
                function.name.as_str(),
                function.runs,
                function.text.lines().count(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("tests", Runs::InOthers, 10),
            ("a", Runs::ByItself, 6),
            ("b", Runs::InOthers, 2),
            ("c", Runs::Ignored, 3)
        ]
    );
}
