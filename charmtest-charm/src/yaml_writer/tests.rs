use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::yaml::parse_value;

#[track_caller]
fn check(value: &Value, expected: &str) {
    assert_eq!(to_yaml(value), expected);
}

#[test]
fn text_is_quoted_only_where_another_type_or_structure_would_be_read() {
    let table = [
        // Plain.
        ("calm", "calm"),
        ("two words", "two words"),
        ("it's", "it's"),
        ("-x", "-x"),
        ("a:b", "a:b"),
        ("a#b", "a#b"),
        ("10.200.0.2", "10.200.0.2"),
        ("4.0.15", "4.0.15"),
        ("ubuntu@22.04", "ubuntu@22.04"),
        ("<root>=DEBUG;unit=DEBUG", "<root>=DEBUG;unit=DEBUG"),
        (
            "2026-11-22 00:05:11.1 +0000 UTC",
            "2026-11-22 00:05:11.1 +0000 UTC",
        ),
        ("0x", "0x"),
        ("e5", "e5"),
        ("1.2.3", "1.2.3"),
        ("größe", "größe"),
        // Another type.
        ("", "\"\""),
        ("yes", "\"yes\""),
        ("n", "\"n\""),
        ("Off", "\"Off\""),
        ("~", "\"~\""),
        ("null", "\"null\""),
        ("1", "\"1\""),
        ("-1_000", "\"-1_000\""),
        ("0644", "\"0644\""),
        ("0x1F", "\"0x1F\""),
        ("22.04", "\"22.04\""),
        (".5", "\".5\""),
        ("1e+06", "\"1e+06\""),
        (".inf", "\".inf\""),
        ("12:30:45", "\"12:30:45\""),
        ("2026-11-22", "\"2026-11-22\""),
        ("2026-11-22T00:11:05.55Z", "\"2026-11-22T00:11:05.55Z\""),
        ("<<", "\"<<\""),
        // Structure.
        ("10.200.0.2:", "'10.200.0.2:'"),
        ("a: b", "'a: b'"),
        ("a #b", "'a #b'"),
        ("- x", "'- x'"),
        ("-", "'-'"),
        ("[x", "'[x'"),
        ("*", "'*'"),
        ("@x", "'@x'"),
        ("it's: x", "'it''s: x'"),
        (" x", "' x'"),
        ("x ", "'x '"),
        ("---", "'---'"),
        // Escapes.
        ("a\tb", "\"a\\tb\""),
        ("\u{1b}[0m", "\"\\e[0m\""),
        ("a\r", "\"a\\r\""),
        ("\u{1f600}", "\"\\U0001F600\""),
        ("a \nb", "\"a \\nb\""),
        // Lines.
        ("a\nb", "|-\n  a\n  b"),
        ("a\n", "|\n  a"),
        ("a\n\nb\n", "|\n  a\n\n  b"),
        ("a\n\n", "|+\n  a\n"),
        (" a\nb", "|2-\n   a\n  b"),
    ];
    for (text, expected) in table {
        assert_eq!(to_yaml(&json!(text)), format!("{expected}\n"), "{text:?}");
    }
}

#[test]
fn keys_are_quoted_like_values() {
    check(
        &json!({"1": 2, "n": true, "a: b": null}),
        "\"1\": 2\n\"n\": true\n'a: b': null\n",
    );
    check(&json!({"a\nb": 1}), "? |-\n  a\n  b\n: 1\n");
}

#[test]
fn numbers_are_printed_as_go_prints_them() {
    let table = [
        (json!(3), "3"),
        (json!(-12_345_678), "-12345678"),
        (json!(3.0), "3"),
        (json!(0.5), "0.5"),
        (json!(100_000.0), "100000"),
        (json!(1_000_000.0), "1e+06"),
        (json!(12_345_678.0), "1.2345678e+07"),
        (json!(3e11), "3e+11"),
        (json!(0.0001), "0.0001"),
        (json!(0.00001), "1e-05"),
        (json!(-1.25), "-1.25"),
    ];
    for (value, expected) in table {
        check(&value, &format!("{expected}\n"));
    }
}

#[test]
fn nothing_is_printed_for_null_alone() {
    check(&Value::Null, "");
    check(&json!([null]), "- null\n");
}

#[test]
fn collections_are_laid_out_in_blocks() {
    check(
        &json!({"a": {}, "b": [], "c": {"d": {}}}),
        "a: {}\nb: []\nc:\n  d: {}\n",
    );
    check(
        &json!({"l": ["x", {"a": 1, "b": [2]}, [3, [4]], []]}),
        "l:\n- x\n- a: 1\n  b:\n  - 2\n- - 3\n  - - 4\n- []\n",
    );
    check(&json!([{"a": "x\ny\n"}]), "- a: |\n    x\n    y\n");
}

#[test]
fn keys_are_sorted_naturally_on_request() {
    let value = json!({"b": 1, "a10": 1, "a2": 1, "B": 1, "1": 1, "web/10": 1, "web/9": 1, "a": {"z": 1, "y": 1}});
    let expected =
        "\"1\": 1\nB: 1\na:\n  \"y\": 1\n  z: 1\na2: 1\na10: 1\nb: 1\nweb/9: 1\nweb/10: 1\n";
    assert_eq!(to_yaml_sorted(&value), expected);
}

#[test]
fn times_are_plain_on_request() {
    let style = YamlStyle {
        times: Times::Plain,
        ..YamlStyle::default()
    };
    let value = json!({"created": "2026-11-22T00:11:05.559230593Z"});
    assert_eq!(
        to_yaml_with(&value, style),
        "created: 2026-11-22T00:11:05.559230593Z\n"
    );
}

/// Output of Juju 4.0.15 that holds folded text, lines, quoted numbers and lists.
const RECORDED: [&str; 3] = [
    r#"server/0:
  id: "11"
  message: 'cannot run "say" action: validation failed: (root) : "word" property is
    missing and required, given {}'
  status: error
  timing:
    enqueued: 2026-11-22 00:05:11.163056967 +0000 UTC
  unit: server/0
"#,
    r#"server/0:
  id: "17"
  log:
  - 2026-11-22 00:05:12.834896331 +0000 UTC hi
  - 2026-11-22 00:05:12.857401786 +0000 UTC hi
  message: exit status 1
  results:
    nested:
      a: "1"
      b: two
    partial: "yes"
    return-code: 1
    said: hi
    stderr: |
      failing as asked
  status: failed
  unit: server/0
"#,
    r#""101":
  summary: exec "echo hello --format yaml"
  status: completed
  action:
    name: juju-exec
    parameters:
      command: echo hello --format yaml
      timeout: 3e+11
  tasks:
    "3":
      host: server/0
      message: 'cannot run "say" action: validation failed: (root) : "word" property
        is missing and required, given {}'
"#,
];

#[test]
fn output_of_juju_survives_reading_and_writing() {
    for recorded in RECORDED {
        let value = parse_value("recorded", recorded).unwrap();
        assert_eq!(to_yaml(&value), recorded);
    }
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,12}",
        "[a-c \n:#'\"-]{0,140}",
        "[0-9eExXob_+.:-]{1,8}",
        any::<String>(),
        prop::sample::select(vec![
            "yes", "NO", "null", "nan", "inf", "Infinity", "0o17", "---\na", "..."
        ])
        .prop_map(str::to_owned),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(any_text(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(value in any_value()) {
        let text = to_yaml(&value);
        let read = parse_value("written", &text);
        prop_assert_eq!(read.as_ref(), Ok(&value), "{}", text);
    }

    #[test]
    fn floats_are_read_back(value in any::<f64>().prop_filter("finite", |f| f.is_finite())) {
        let read = parse_value("written", &to_yaml(&json!([value]))).unwrap();
        prop_assert_eq!(read[0].as_f64(), Some(value));
    }
}
