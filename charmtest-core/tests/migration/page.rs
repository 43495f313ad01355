//! Reading the guide: the rows of its tables, the words that a row promises, its code.

/// What the guide says in one place: a row of a table, or an item of a list.
#[derive(Debug, PartialEq)]
pub(crate) struct Row {
    /// The heading above it.
    pub(crate) section: String,
    /// The first cell that holds something, or the whole item.
    pub(crate) subject: String,
    /// What is found here in place of the subject: the cell under `here` or `charmtest`; else all cells.
    pub(crate) here: String,
}

/// Returns the rows of all tables and the items of all lists.
pub(crate) fn rows(guide: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut section = String::new();
    let mut head = None;
    let mut code = false;
    let mut in_item = false;
    for line in guide.lines() {
        code ^= line.starts_with("```");
        if code {
            continue;
        }
        if let (true, Some(more)) = (in_item, line.strip_prefix("  ")) {
            let item: &mut Row = rows.last_mut().expect("an item goes on");
            item.subject.push(' ');
            item.subject.push_str(more.trim());
            continue;
        }
        in_item = false;
        if let Some(heading) = line.strip_prefix("## ") {
            section = heading.to_owned();
        } else if let Some(item) = line.strip_prefix("- ") {
            in_item = true;
            rows.push(Row {
                section: section.clone(),
                subject: item.to_owned(),
                here: String::new(),
            });
        } else if line.starts_with('|') {
            let cells = cells(line);
            match head {
                None => {
                    let ours = |cell: &String| cell == "here" || cell == "charmtest";
                    head = Some(cells.iter().position(ours));
                }
                Some(_) if cells[0].starts_with("---") => {}
                Some(at) => rows.push(Row {
                    section: section.clone(),
                    subject: cells
                        .iter()
                        .find(|cell| !cell.is_empty())
                        .cloned()
                        .unwrap_or_default(),
                    here: at.map_or_else(|| cells.join(" "), |at| cells[at].clone()),
                }),
            }
        } else {
            head = None;
        }
    }
    rows
}

fn cells(line: &str) -> Vec<String> {
    let line = line.trim().replace("\\|", "\u{0}");
    let cells = line.trim_matches('|').split('|');
    cells
        .map(|cell| cell.trim().replace('\u{0}', "|"))
        .collect()
}

/// Returns the first block of code of a language.
pub(crate) fn block(guide: &str, language: &str) -> Option<String> {
    let (_, after) = guide.split_once(&format!("```{language}\n"))?;
    let (block, _) = after.split_once("```")?;
    Some(block.to_owned())
}

/// Returns the names and flags that a row promises: what is called, with which options. Where the row says `the same`, they
/// are those of its subject.
pub(crate) fn promised(row: &Row) -> Vec<String> {
    let mut text = row.here.clone();
    if row.here.contains("same") || row.here == "accepted" {
        text += &row.subject;
    }
    let mut words: Vec<String> = text.split('`').skip(1).step_by(2).flat_map(words).collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// Returns the names in a piece of code: of functions, types and options, not of values. Of a command it is the last word.
fn words(code: &str) -> Vec<String> {
    if let Some(command) = code.strip_prefix("cargo ") {
        return command
            .split(' ')
            .next_back()
            .map(ToOwned::to_owned)
            .into_iter()
            .collect();
    }
    if code.starts_with('-') {
        return vec![code.split(' ').next().unwrap_or(code).to_owned()];
    }
    if code.contains('-') && !code.contains(['(', ' ']) {
        return Vec::new(); // the name of a program
    }
    let attribute = code.starts_with("#[");
    let code: String = code.split('"').step_by(2).collect::<Vec<_>>().join("\"");
    let mut words = Vec::new();
    let mut before = ' ';
    let mut binds = false;
    let mut rest = code.as_str();
    while let Some(first) = rest.chars().next() {
        if !is_word(first) {
            before = if first == ' ' { before } else { first };
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let end = rest.find(|next| !is_word(next)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        let is_value = matches!(before, '(' | ',' | '[' | '|' | '&' | '=')
            && !attribute
            && !after.starts_with('(');
        let is_owner =
            after.starts_with(['.', ':']) && !after.starts_with("::<") && !after.starts_with("..");
        let counts = word.len() > 2 && !word.starts_with(|first: char| first.is_ascii_digit());
        if counts && !is_value && !is_owner && !binds && !["let", "await"].contains(&word) {
            words.push(word.to_owned());
        }
        binds = word == "let";
        before = 'w';
    }
    words
}

pub(crate) fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

#[test]
fn rows_and_items_are_found() {
    let guide = "## A\n\n| x | here |\n| --- | --- |\n| `a` | `b` \\| c |\n| | `d` |\n\n- one\n  and more\n- two\n\n```\n| no |\n```\n";
    let row = |subject: &str, here: &str| Row {
        section: "A".to_owned(),
        subject: subject.to_owned(),
        here: here.to_owned(),
    };
    assert_eq!(
        rows(guide),
        [
            row("`a`", "`b` | c"),
            row("`d`", "`d`"),
            row("one and more", ""),
            row("two", "")
        ]
    );
}

#[test]
fn names_are_what_is_called_and_given() {
    let found = |here: &str| {
        promised(&Row {
            section: String::new(),
            subject: "`--flag FILE`, `old(x)`".to_owned(),
            here: here.to_owned(),
        })
    };
    assert_eq!(found("the same"), ["--flag", "old"]);
    assert_eq!(
        found("`model.deploy(charm).name(app)`, or `trust`"),
        ["deploy", "name", "trust"]
    );
    assert_eq!(
        found("`#[charm_test(abort_on_fail, order = 1)]`"),
        ["abort_on_fail", "charm_test", "order"]
    );
    assert_eq!(
        found("`wait(|s| all_active(s, &[])).error(..)`"),
        ["all_active", "error", "wait"]
    );
    assert_eq!(
        found("`let fast = model.fast_forward(d).await?;`, `task.parse::<T>()`"),
        ["fast_forward", "parse"]
    );
    assert_eq!(found("`cargo charmtest crash-dump`"), ["crash-dump"]);
    assert_eq!(
        found("`model: &Model`, `x(\"a\", word)`"),
        Vec::<String>::new()
    );
}
