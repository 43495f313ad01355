//! The README, run word for word.

use std::fs;
use std::path::Path;

use crate::author::{assert_no_models, cargo_command};
use crate::bed::{Bed, Said, executable};

fn readme() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read_to_string(root.join("README.md")).unwrap()
}

/// The fenced blocks of a section: what stands in the line above (without back-ticks), the language, the text.
fn blocks(section: &str) -> Vec<(String, String, String)> {
    let readme = readme();
    let section = readme
        .split("\n## ")
        .find(|part| part.starts_with(section))
        .unwrap();
    let mut blocks = Vec::new();
    let mut above = String::new();
    let mut lines = section.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            if !line.is_empty() {
                above = line.replace('`', "");
            }
            continue;
        };
        let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        blocks.push((above.clone(), language.to_owned(), text.join("\n") + "\n"));
    }
    blocks
}

/// Makes outputs of different runs comparable: times and the random ends of model names go.
fn redact(text: &str) -> Vec<String> {
    let word = |word: &str| {
        let time = word
            .trim_end_matches(']')
            .strip_suffix('s')
            .is_some_and(|number| number.parse::<f64>().is_ok());
        match word.rsplit_once('-') {
            _ if time => "TIME".to_owned(),
            Some((stem, end)) if end.len() == 4 && stem == "integration" => format!("{stem}-XXXX"),
            _ => word.to_owned(),
        }
    };
    let line = |line: &str| {
        line.replace('[', " ")
            .split_whitespace()
            .map(word)
            .collect::<Vec<_>>()
            .join(" ")
    };
    text.lines()
        .map(line)
        .filter(|line| !line.is_empty())
        .collect()
}

#[test]
fn the_first_charm_test_is_as_the_readme_says() {
    let bed = Bed::bare();
    let dir = bed.path().join("greeter");
    let core = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join("charmtest-core");
    let mut commands = Vec::new();
    for (above, language, text) in blocks("A first charm test") {
        if language == "console" {
            commands.push(text);
            continue;
        }
        let path = dir.join(above.split(',').next().unwrap());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = text.replace(
            "charmtest-core = \"0.1\"",
            &format!("charmtest-core = {{ path = {core:?} }}"),
        );
        match above.ends_with("executable") {
            true => executable(&path, &text),
            false => fs::write(&path, text).unwrap(),
        }
    }
    fs::copy(
        core.parent().unwrap().join("Cargo.lock"),
        dir.join("Cargo.lock"),
    )
    .unwrap();

    for block in commands.iter().filter(|block| !block.contains("pytest")) {
        let (lines, output): (Vec<&str>, Vec<&str>) =
            block.lines().partition(|line| line.starts_with("$ "));
        for line in lines {
            let words: Vec<&str> = line
                .trim_start_matches("$ cargo ")
                .split_whitespace()
                .collect();
            let said: Said = cargo_command(&bed, &dir, &words).output().unwrap().into();
            assert_eq!(said.code, Some(0), "{line}: {said:?}");
            if !output.is_empty() {
                assert_eq!(
                    redact(&said.stderr),
                    redact(&output.join("\n")),
                    "{line}:\n{}",
                    said.stderr
                );
            }
        }
    }
    assert_no_models(&bed);
}

#[test]
fn the_two_commands_are_what_ci_runs() {
    let ci = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .unwrap()
            .join("xtask/src/ci.rs"),
    )
    .unwrap();
    let (_, _, commands) = blocks("Two commands").swap_remove(0);
    for command in commands.lines() {
        let words: Vec<String> = command
            .trim_start_matches("$ cargo ")
            .split_whitespace()
            .map(|word| format!("{word:?}"))
            .collect();
        assert!(
            ci.contains(&words.join(", ")),
            "`{command}` is not run by cargo xtask ci"
        );
    }
}
