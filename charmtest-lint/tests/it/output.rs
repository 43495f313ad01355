//! The three forms of output.

use charmtest_lint::output;
use serde_json::{Value, json};

use crate::bed::Bed;

fn bed() -> Bed {
    Bed::toy(&[
        ("metadata.yaml", ">>peers:\n  ring:\n    scope: far\n"),
        ("-icon.svg", ""),
    ])
}

#[test]
fn people_read_lines() {
    let report = bed().lint();
    let text = output::human(&report);
    let root = bed().path();
    let lines: Vec<&str> = text
        .lines()
        .map(|line| line.rsplit_once("/toy/").map_or(line, |(_, rest)| rest))
        .collect();
    assert_eq!(
        lines,
        [
            "icon.svg: info[CT019]: there is no `icon.svg`",
            "metadata.yaml:7:3: error[CT102]: endpoint `ring` has no interface",
            "metadata.yaml:7:3: info[CT111]: endpoint `ring` has no hook",
            "metadata.yaml:8:12: error[CT103]: `scope` of endpoint `ring` is `far`; it may be `global` or `container`",
            "2 errors, 0 warnings, 2 infos",
        ]
    );
    assert!(root.is_absolute() && text.starts_with('/'));
}

#[test]
fn programs_read_json() {
    let report = bed().lint();
    let answer: Value = serde_json::from_str(&output::json(&report)).unwrap();
    assert_eq!(answer["version"], 1);
    assert_eq!(
        answer["summary"],
        json!({"errors": 2, "warnings": 0, "infos": 2, "allowed": 0})
    );
    let finding = &answer["findings"][1];
    assert_eq!(
        (
            &finding["id"],
            &finding["level"],
            &finding["line"],
            &finding["column"]
        ),
        (&json!("CT102"), &json!("error"), &json!(7), &json!(3))
    );
    assert_eq!(answer["findings"][0]["line"], Value::Null);
    for key in ["file", "title", "message", "advice"] {
        assert!(
            finding[key].as_str().is_some_and(|text| !text.is_empty()),
            "{key}"
        );
    }
}

/// The properties that SARIF 2.1.0 requires, and the values that it allows (OASIS, sections 3.13 to 3.30 and 3.49 to 3.52).
#[test]
fn code_hosts_read_sarif() {
    let report = bed().lint();
    let log: Value = serde_json::from_str(&output::sarif(&report)).unwrap();
    assert_eq!(log["version"], "2.1.0");
    assert!(
        log["$schema"]
            .as_str()
            .unwrap()
            .ends_with("sarif-schema-2.1.0.json")
    );
    let runs = log["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1);
    let driver = &runs[0]["tool"]["driver"];
    assert_eq!(driver["name"], "charmtest-lint");
    let rules = driver["rules"].as_array().unwrap();
    let levels = ["none", "note", "warning", "error"];
    for rule in rules {
        assert!(
            rule["id"].is_string()
                && rule["shortDescription"]["text"].is_string()
                && rule["help"]["text"].is_string()
        );
        assert!(levels.contains(&rule["defaultConfiguration"]["level"].as_str().unwrap()));
    }
    let results = runs[0]["results"].as_array().unwrap();
    assert_eq!(results.len(), report.findings.len());
    for (result, finding) in results.iter().zip(&report.findings) {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(
            (&rules[index]["id"], result["ruleId"].as_str()),
            (&json!(finding.rule.id), Some(finding.rule.id))
        );
        assert!(levels.contains(&result["level"].as_str().unwrap()));
        assert_eq!(result["message"]["text"], finding.message);
        let place = &result["locations"][0]["physicalLocation"];
        assert!(
            place["artifactLocation"]["uri"]
                .as_str()
                .unwrap()
                .starts_with("file:///")
        );
        match finding.position {
            Some(at) => assert_eq!(
                place["region"],
                json!({"startLine": at.line, "startColumn": at.column})
            ),
            None => assert!(place.get("region").is_none()),
        }
    }
}
