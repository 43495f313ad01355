//! A workflow of GitHub Actions whose jobs run a part of the modules each.

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
         cargo charmtest run{options} --partition count:${{{{ matrix.part }}}}/{parts} 2>&1 | tee \"$RUNNER_TEMP/{RESULTS}/report.txt\"\n"
    );
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
                    "with": {
                        "name": "charm-tests-${{ matrix.part }}",
                        "path": format!("${{{{ runner.temp }}}}/{RESULTS}"),
                        "if-no-files-found": "ignore",
                    },
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

    fn job(text: &str) -> Value {
        let workflow = yaml::parse_value("workflow.yml", text).unwrap();
        assert_eq!(workflow["on"], json!(["push", "pull_request"]));
        workflow["jobs"]["charm-tests"].clone()
    }

    #[test]
    fn each_job_runs_its_part_and_keeps_what_came_of_it() {
        let job = job(&workflow(" --workspace", 3, &[]));
        assert_eq!(job["strategy"]["matrix"]["part"], json!([1, 2, 3]));
        assert_eq!(job["strategy"]["fail-fast"], json!(false));
        let run = job["steps"][2]["run"].as_str().unwrap();
        assert!(
            run.contains(
                "cargo charmtest run --workspace --partition count:${{ matrix.part }}/3 2>&1 | tee"
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
