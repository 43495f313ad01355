//! Reading `requirements.yaml`, strictly: what stands in it becomes words of `apt-get`'s command line.

use charmtest_charm::yaml::{Node, parse_node};
use charmtest_charm::{FileError, Position};

/// How many packages one file may ask for.
pub const MAX_PACKAGES: usize = 64;

/// What `tests/requirements.yaml` asks for: packages of the distribution, by name, each once, in written order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requirements {
    packages: Vec<String>,
}

impl Requirements {
    /// Reads the text of a requirements file; `file` is its name in errors.
    ///
    /// The only key is `packages`, a list of names. A name is `[a-z0-9][a-z0-9+.-]+` and does not end in `-`, which `apt-get install`
    /// would take as a wish to remove the package; versions (`jq=1.7`), suites, architectures, paths and options are no names.
    ///
    /// # Errors
    ///
    /// Names file, line and column of what is wrong.
    pub fn parse(file: &str, text: &str) -> Result<Self, FileError> {
        let root = parse_node(file, text)?;
        let error = |position, message| FileError {
            file: file.to_owned(),
            position,
            message,
        };
        let Some(entries) = root.as_map() else {
            let message = format!("must be a map with `packages`, and is {}", root.kind());
            return Err(error(root.position, message));
        };
        let mut packages = None;
        for (key, value) in entries {
            if key.text != "packages" {
                let message = format!(
                    "there is no key `{}`; only `packages` may stand here",
                    key.text
                );
                return Err(error(key.position, message));
            }
            packages = Some(names(value).map_err(|(position, message)| error(position, message))?);
        }
        match packages {
            Some(packages) => Ok(Self { packages }),
            None => Err(error(root.position, "`packages` is missing".to_owned())),
        }
    }

    /// Returns the names of the packages.
    pub fn packages(&self) -> &[String] {
        &self.packages
    }
}

fn names(value: &Node) -> Result<Vec<String>, (Option<Position>, String)> {
    let Some(items) = value.as_list() else {
        let message = format!("`packages` must be a list, and is {}", value.kind());
        return Err((value.position, message));
    };
    if items.len() > MAX_PACKAGES {
        let count = items.len();
        let message = format!("`packages` has {count} names; at most {MAX_PACKAGES} are allowed");
        return Err((value.position, message));
    }
    let mut names: Vec<String> = Vec::new();
    for item in items {
        let Some(name) = item.as_str() else {
            let message = format!("a package must be named by text, and is {}", item.kind());
            return Err((item.position, message));
        };
        if !is_package(name) {
            let message = format!(
                "`{name}` is not the name of a package: lower-case letters, digits, `+`, `.` and `-`, with no version, suite, \
                 architecture or path, and no `-` at the end"
            );
            return Err((item.position, message));
        }
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// Says whether text is the name of a package (Debian Policy 5.6.1) that `apt-get install` takes for nothing else.
pub fn is_package(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    bytes.len() >= 2
        && plain(bytes[0])
        && bytes
            .iter()
            .all(|&byte| plain(byte) || b"+.-".contains(&byte))
        && !name.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<String>, String> {
        Requirements::parse("tests/requirements.yaml", text)
            .map(|requirements| requirements.packages)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn r18_what_is_taken() {
        let table = [
            ("packages: [jq, curl]", vec!["jq", "curl"]),
            ("packages:\n- jq\n- curl\n", vec!["jq", "curl"]),
            (
                "packages:\n  - g++\n  - libstdc++6\n  - 7zip\n",
                vec!["g++", "libstdc++6", "7zip"],
            ),
            (
                "packages: [python3.11, x11-apps]",
                vec!["python3.11", "x11-apps"],
            ),
            ("packages: [jq, jq]", vec!["jq"]),
            ("packages: []", vec![]),
            ("# tools\n---\npackages: ['jq']\n", vec!["jq"]),
        ];
        for (text, names) in table {
            let names = names.into_iter().map(str::to_owned).collect();
            assert_eq!(parse(text), Ok(names), "{text}");
        }
    }

    #[test]
    fn r18_what_is_refused_says_where() {
        let at = |line, column| format!("tests/requirements.yaml:{line}:{column}: ");
        let table = [
            (
                "",
                "must be a map with `packages`, and is nothing".to_owned(),
            ),
            ("{}", "`packages` is missing".to_owned()),
            (
                "jq",
                "must be a map with `packages`, and is text".to_owned(),
            ),
            (
                "- jq",
                "must be a map with `packages`, and is a list".to_owned(),
            ),
            (
                "packages:",
                "`packages` must be a list, and is nothing".to_owned(),
            ),
            (
                "packages: jq",
                at(1, 11) + "`packages` must be a list, and is text",
            ),
            (
                "packages: {jq: 1}",
                "`packages` must be a list, and is a map".to_owned(),
            ),
            ("packages: [jq]\nppa: x", at(2, 1) + "there is no key `ppa`"),
            (
                "packages: [7]",
                at(1, 12) + "a package must be named by text, and is a number",
            ),
            (
                "packages: [[jq]]",
                "a package must be named by text, and is a list".to_owned(),
            ),
            ("packages: [jq]\npackages: [tree]", "packages".to_owned()),
            ("packages: [jq", "tests/requirements.yaml:".to_owned()),
        ];
        for (text, message) in table {
            let error = parse(text).expect_err(text);
            assert!(error.contains(&message), "{text}: {error}");
            assert!(error.starts_with("tests/requirements.yaml"), "{error}");
        }
    }

    #[test]
    fn r18_what_is_no_name_of_a_package() {
        let names = [
            "-o=x",
            "--reinstall",
            "a=1",
            "jq=1.7",
            "a-",
            "jq-",
            "./x.deb",
            "/tmp/x.deb",
            "jq/sid",
            "jq:i386",
            "jq*",
            "j?",
            "^jq",
            "JQ",
            "a",
            "",
            " ",
            "jq curl",
            "jq\\nfoo",
            ".jq",
            "+jq",
            "jq_1",
            "~nroot",
            "jq;id",
            "$(id)",
            "jé",
        ];
        for name in names {
            let error = parse(&format!("packages:\n- jq\n- \"{name}\"\n")).expect_err(name);
            assert!(error.contains("is not the name of a package"), "{error}");
            assert!(
                error.starts_with("tests/requirements.yaml:3:3: "),
                "{error}"
            );
        }
    }

    #[test]
    fn r18_at_most_64_packages() {
        let list = |count: usize| {
            let names: Vec<_> = (0..count).map(|index| format!("pkg{index}")).collect();
            format!("packages: [{}]", names.join(", "))
        };
        assert_eq!(parse(&list(64)).map(|names| names.len()), Ok(64));
        let error = parse(&list(65)).expect_err("65 names");
        assert!(error.contains("has 65 names; at most 64"), "{error}");
    }
}
