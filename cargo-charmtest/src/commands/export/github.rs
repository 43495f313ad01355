//! A workflow of GitHub Actions whose jobs run a part of the modules each, and a last one that makes one result of theirs.

use charmtest_charm::yaml_writer::to_yaml;
use serde_json::json;

use super::HEADER;

/// The command that installs this program where no other is given.
const INSTALL: &str = concat!(
    "cargo install --locked cargo-charmtest --version ",
    env!("CARGO_PKG_VERSION")
);

/// Where a job has its report and its evidence, below the runner's temporary directory.
const RESULTS: &str = "charm-tests";

/// Returns the workflow: `parts` jobs that run `cargo charmtest run OPTIONS` on their part of the modules, after the commands `setup`.
pub(super) fn workflow(options: &str, parts: u32, setup: &[String]) -> String {
    let setup = match setup {
        [] => INSTALL.to_owned(),
        _ => setup.join("\n") + "\n",
    };
    // GitHub runs `shell: bash` with pipefail, so `tee` hides no failure.
    let run = format!(
        "mkdir -p \"$RUNNER_TEMP/{RESULTS}\"\n\
         export XDG_STATE_HOME=\"$RUNNER_TEMP/{RESULTS}/state\"\n\
         cargo charmtest run{options} --partition count:${{{{ matrix.part }}}}/{parts} \\\n  \
         --results \"$RUNNER_TEMP/{RESULTS}/results.jsonl\" 2>&1 | tee \"$RUNNER_TEMP/{RESULTS}/report.txt\"\n"
    );
    let report = format!(
        "mkdir -p \"$RUNNER_TEMP/merged\"\n\
         cargo charmtest report \"$RUNNER_TEMP/{RESULTS}\" \\\n  \
         --results \"$RUNNER_TEMP/merged/results.jsonl\" --junit \"$RUNNER_TEMP/merged/junit.xml\"\n"
    );
    let place = format!("${{{{ runner.temp }}}}/{RESULTS}");
    // A job that is run again replaces what it kept.
    let keep = |name: &str, path: &str| json!({"name": name, "path": path, "if-no-files-found": "ignore", "overwrite": true});
    let workflow = json!({
        "name": "charm tests",
        "on": ["push", "pull_request"],
        "permissions": {"contents": "read"},
        "jobs": {"charm-tests": {
            "name": format!("part ${{{{ matrix.part }}}} of {parts}"),
            "runs-on": "ubuntu-24.04",
            "strategy": {
                "fail-fast": false,
                "matrix": {"part": (1..=parts).collect::<Vec<_>>()},
            },
            "steps": [
                {"uses": "actions/checkout@v4"},
                {"name": "Set up", "shell": "bash", "run": setup},
                {"name": "Run charm tests", "shell": "bash", "run": run},
                {
                    "name": "Keep the report and evidence of failures",
                    "if": "${{ always() }}",
                    "uses": "actions/upload-artifact@v4",
                    "with": keep("charm-tests-${{ matrix.part }}", &place),
                },
            ],
        }, "report": {
            "name": "all parts",
            "runs-on": "ubuntu-24.04",
            "needs": "charm-tests",
            // Also when a part failed, or never came to its end: that is to be told.
            "if": "${{ !cancelled() }}",
            "steps": [
                {"uses": "actions/checkout@v4"},
                {"name": "Set up", "shell": "bash", "run": setup},
                {
                    "name": "Fetch the results of all parts",
                    "uses": "actions/download-artifact@v4",
                    "with": {"pattern": "charm-tests-*", "path": place},
                },
                {"name": "Merge them", "shell": "bash", "run": report},
                {
                    "name": "Keep the merged results",
                    "if": "${{ always() }}",
                    "uses": "actions/upload-artifact@v4",
                    "with": keep("charm-tests", "${{ runner.temp }}/merged"),
                },
            ],
        }},
    });
    format!(
        "{}{}",
        HEADER.replace("COMMAND", "github"),
        to_yaml(&workflow)
    )
}

#[cfg(test)]
mod tests {
    use charmtest_charm::yaml;
    use serde_json::Value;

    use super::*;

    fn jobs(text: &str) -> [Value; 2] {
        let workflow = yaml::parse_value("workflow.yml", text).unwrap();
        assert_eq!(workflow["on"], json!(["push", "pull_request"]));
        ["charm-tests", "report"].map(|job| workflow["jobs"][job].clone())
    }

    fn job(text: &str) -> Value {
        jobs(text)[0].clone()
    }

    #[test]
    fn a_last_job_makes_one_result_of_all_parts_whatever_became_of_them() {
        let [parts, report] = jobs(&workflow("", 2, &["true".to_owned()]));
        assert_eq!(report["needs"], "charm-tests");
        assert_eq!(report["if"], "${{ !cancelled() }}");
        let [fetch, merge] = [2, 3].map(|step| &report["steps"][step]);
        // What a part keeps is what is fetched, and what is merged is not fetched when the workflow runs again.
        let kept = parts["steps"][3]["with"]["name"].as_str().unwrap();
        assert!(kept.starts_with("charm-tests-"), "{kept}");
        assert_eq!(fetch["with"]["pattern"], "charm-tests-*");
        assert_eq!(fetch["with"]["path"], "${{ runner.temp }}/charm-tests");
        let merge = merge["run"].as_str().unwrap();
        assert!(
            merge.contains("cargo charmtest report \"$RUNNER_TEMP/charm-tests\""),
            "{merge}"
        );
        assert_eq!(report["steps"][4]["with"]["name"], "charm-tests");
        assert_eq!(report["steps"][1], parts["steps"][1]);
    }

    #[test]
    fn each_job_runs_its_part_and_keeps_what_came_of_it() {
        let job = job(&workflow(" --workspace", 3, &[]));
        assert_eq!(job["strategy"]["matrix"]["part"], json!([1, 2, 3]));
        assert_eq!(job["strategy"]["fail-fast"], json!(false));
        let run = job["steps"][2]["run"].as_str().unwrap();
        assert!(
            run.contains(
                "cargo charmtest run --workspace --partition count:${{ matrix.part }}/3 \\\n  --results \"$RUNNER_TEMP/charm-tests/results.jsonl\" 2>&1 | tee"
            ),
            "{run}"
        );
        // Without this the exit code would be that of `tee`.
        assert_eq!(job["steps"][2]["shell"], "bash");
        let keep = &job["steps"][3];
        assert_eq!(keep["if"], "${{ always() }}");
        assert_eq!(keep["with"]["path"], "${{ runner.temp }}/charm-tests");
        assert_eq!(job["steps"][1]["run"], INSTALL);
    }

    #[test]
    fn what_is_run_before_is_as_given() {
        let setup = ["apt-get install -y x".to_owned(), "a: 'b' # c".to_owned()];
        let job = job(&workflow("", 1, &setup));
        assert_eq!(job["steps"][1]["run"], "apt-get install -y x\na: 'b' # c\n");
    }
}
