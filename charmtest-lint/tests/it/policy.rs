//! What the user allows and denies.

use charmtest_lint::{Level, Policy, Report, lint};

use crate::bed::Bed;

const NO_DESCRIPTION: &str =
    "options:\n  a: {type: int, default: 1}\n  b: {type: int, default: 1}\n";

fn with(bed: &Bed, allow: &[&str], deny: &[&str]) -> Report {
    let mut policy = Policy::default();
    for id in allow {
        policy.allow(id).unwrap();
    }
    for id in deny {
        policy.deny(id).unwrap();
    }
    lint(&[bed.path()], &policy).unwrap()
}

fn short(report: &Report) -> Vec<(&'static str, Level, u64)> {
    let line = |finding: &charmtest_lint::Finding| finding.position.map_or(0, |at| at.line);
    report
        .findings
        .iter()
        .map(|finding| (finding.rule.id, finding.level, line(finding)))
        .collect()
}

#[test]
fn the_command_line_decides() {
    use Level::{Error, Warning};
    let bed = Bed::toy(&[("config.yaml", NO_DESCRIPTION), ("-icon.svg", "")]);
    let info = ("CT019", Level::Info, 0);
    for (allow, deny, expected, allowed) in [
        (
            &[][..],
            &[][..],
            vec![("CT207", Warning, 2), ("CT207", Warning, 3), info],
            0,
        ),
        (&["CT207"], &[], vec![info], 2),
        (
            &["CT019"],
            &["warnings"],
            vec![("CT207", Error, 2), ("CT207", Error, 3)],
            1,
        ),
        (
            &["CT207"],
            &["CT207"],
            vec![("CT207", Error, 2), ("CT207", Error, 3), info],
            0,
        ),
        (
            &[],
            &["CT019"],
            vec![
                ("CT207", Warning, 2),
                ("CT207", Warning, 3),
                ("CT019", Error, 0),
            ],
            0,
        ),
        (&["CT207"], &["warnings"], vec![info], 2),
    ] {
        let report = with(&bed, allow, deny);
        assert_eq!(
            (short(&report), report.allowed),
            (expected, allowed),
            "{allow:?} {deny:?}"
        );
    }
    assert!(Policy::default().allow("CT999").is_err());
    assert!(Policy::default().deny("ct207").is_err());
}

#[test]
fn comments_allow_a_line_or_a_file() {
    for (text, expected) in [
        (
            "options:\n  a: {type: int, default: 1} # charmtest: allow CT207 not needed\n  b: {type: int, default: 1}\n",
            vec![3],
        ),
        (
            "options:\n  a: {type: int, default: 1}\n  # charmtest: allow CT207 not needed\n\n  # more\n  b: {type: int, default: 1}\n",
            vec![2],
        ),
        (
            "# charmtest: allow-file CT207 none needed\noptions:\n  a: {type: int, default: 1}\n  b: {type: int, default: 1}\n",
            vec![],
        ),
    ] {
        let report = with(&Bed::toy(&[("config.yaml", text)]), &[], &[]);
        let lines: Vec<u64> = short(&report)
            .iter()
            .map(|(id, _, line)| {
                assert_eq!(*id, "CT207", "{text}");
                *line
            })
            .collect();
        assert_eq!(lines, expected, "{text}");
        assert_eq!(report.allowed, 2 - expected.len());
    }
}

#[test]
fn a_directory_has_settings() {
    let settings = "allow = [\"CT019\"]\ndeny = [\"CT207\"]\n";
    let bed = Bed::toy(&[
        ("config.yaml", NO_DESCRIPTION),
        ("-icon.svg", ""),
        ("charmtest-lint.toml", settings),
    ]);
    let errors = vec![("CT207", Level::Error, 2), ("CT207", Level::Error, 3)];
    assert_eq!(short(&with(&bed, &[], &[])), errors);
    assert_eq!(short(&with(&bed, &[], &["CT019"])).len(), 3);
    let bed = Bed::toy(&[
        (
            "charmtest-lint.toml",
            "allow = [\n  \"CT019\",\n  \"CT1\",\n]\n",
        ),
        ("-icon.svg", ""),
    ]);
    let report = with(&bed, &["CT090"], &[]);
    assert_eq!(
        short(&report),
        [],
        "an error can be allowed, by its id alone"
    );
    assert_eq!(short(&with(&bed, &[], &[])), [("CT090", Level::Error, 3)]);
}

#[test]
fn a_setting_that_allows_what_is_never_found_is_told() {
    let settings = "allow = [\n  \"CT207\",\n  \"CT019\",\n  \"CT490\",\n]\n";
    let changes = [
        ("config.yaml", NO_DESCRIPTION),
        ("charmtest-lint.toml", settings),
    ];
    let bed = Bed::toy(&changes);
    let report = with(&bed, &[], &[]);
    assert_eq!(short(&report), [("CT091", Level::Warning, 3)]);
    assert_eq!(report.allowed, 2);
    let finding = &report.findings[0];
    assert!(finding.file.ends_with("charmtest-lint.toml"), "{finding:?}");
    assert!(finding.message.contains("CT019"), "{finding:?}");
    // What a comment allows as well is there to be found.
    let commented = NO_DESCRIPTION.replace("options:", "# charmtest: allow-file CT207 x\noptions:");
    let bed = Bed::toy(&[("config.yaml", &commented), changes[1]]);
    assert_eq!(short(&with(&bed, &[], &[])), [("CT091", Level::Warning, 3)]);
    let settings = "allow = [\"CT019\", \"CT091\"]\n";
    let bed = Bed::toy(&[("charmtest-lint.toml", settings)]);
    assert_eq!(short(&with(&bed, &[], &[])), []);
    assert_eq!(short(&with(&bed, &[], &["CT091"])).len(), 1);
}
