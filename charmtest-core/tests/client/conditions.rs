//! The conditions on a status, held against jubilant's definitions over all states of a principal application `p`, its
//! subordinate `s`, and an application `none` without units.

use crate::status::read;
use charmtest::juju::Status;
use charmtest::juju::status::{
    all_active, all_agents_idle, all_blocked, all_error, all_maintenance, all_waiting, any_active,
    any_blocked, any_error, any_maintenance, any_waiting,
};

type Condition = fn(&Status, &[&str]) -> bool;

const CONDITIONS: [(&str, Condition, Condition); 5] = [
    ("active", all_active, any_active),
    ("blocked", all_blocked, any_blocked),
    ("error", all_error, any_error),
    ("maintenance", all_maintenance, any_maintenance),
    ("waiting", all_waiting, any_waiting),
];

/// What is asked about; nothing stands for all applications.
const ASKED: [&[&str]; 9] = [
    &[],
    &["p"],
    &["s"],
    &["none"],
    &["p", "s"],
    &["s", "none"],
    &["nosuch"],
    &["p", "nosuch"],
    &["nosuch", "s", "p"],
];

/// What an application is, and its units are.
type State<'a> = (&'a str, [&'a str; 2]);

/// A model in a state. All is JSON in the shape of `juju status`, where the units of `s` stand below those of `p`.
fn status(p: State<'_>, s: State<'_>, none: &str, agents: [&str; 4]) -> Status {
    let about = |workload: &str, agent: &str, more: &str| {
        format!(
            r#"{{"workload-status":{{"current":"{workload}"}},"juju-status":{{"current":"{agent}"}}{more}}}"#
        )
    };
    let unit = |number: usize| {
        let below = about(s.1[number], agents[2 + number], "");
        let below = format!(r#","subordinates":{{"s/{number}":{below}}}"#);
        format!(
            r#""p/{number}":{}"#,
            about(p.1[number], agents[number], &below)
        )
    };
    read(&format!(
        r#"{{"applications":{{
        "p":{{"application-status":{{"current":"{}"}},"units":{{{},{}}}}},
        "s":{{"application-status":{{"current":"{}"}},"subordinate-to":["p"]}},
        "none":{{"application-status":{{"current":"{none}"}}}}}}}}"#,
        p.0,
        unit(0),
        unit(1),
        s.0,
    ))
}

/// Returns the applications that a condition is about: each with its state, or `None` if it is not there.
fn about<'a>(
    asked: &[&str],
    p: State<'a>,
    s: State<'a>,
    none: &'a str,
) -> Vec<Option<Vec<&'a str>>> {
    let all = ["p", "s", "none"];
    let asked = if asked.is_empty() { &all } else { asked };
    let of = |name: &&str| match *name {
        "p" => Some(vec![p.0, p.1[0], p.1[1]]),
        "s" => Some(vec![s.0, s.1[0], s.1[1]]),
        "none" => Some(vec![none]),
        _ => None,
    };
    asked.iter().map(of).collect()
}

#[test]
fn all_and_any_are_those_of_jubilant_in_each_state() {
    for (wanted, all, any) in CONDITIONS {
        let states = [wanted, "unknown"];
        for number in 0..1 << 7 {
            let state = |bit: usize| states[number >> bit & 1];
            let p = (state(0), [state(1), state(2)]);
            let s = (state(3), [state(4), state(5)]);
            let none = state(6);
            let status = status(p, s, none, ["idle"; 4]);
            for asked in ASKED {
                let applications = about(asked, p, s, none);
                let is_all = applications.iter().all(|states| {
                    states
                        .as_ref()
                        .is_some_and(|states| states.iter().all(|state| *state == wanted))
                });
                let is_any = applications
                    .iter()
                    .flatten()
                    .flatten()
                    .any(|state| *state == wanted);
                assert_eq!(
                    all(&status, asked),
                    is_all,
                    "all {wanted} of {asked:?}: {p:?} {s:?} {none}"
                );
                assert_eq!(
                    any(&status, asked),
                    is_any,
                    "any {wanted} of {asked:?}: {p:?} {s:?} {none}"
                );
            }
        }
    }
}

#[test]
fn agents_are_idle_as_for_jubilant_in_each_state() {
    for number in 0..1 << 4 {
        let agents = [0, 1, 2, 3].map(|bit| ["idle", "executing"][number >> bit & 1]);
        let busy = ("error", ["error"; 2]);
        let status = status(busy, busy, "error", agents);
        for asked in ASKED {
            let p = ("idle", [agents[0], agents[1]]);
            let s = ("idle", [agents[2], agents[3]]);
            let idle = about(asked, p, s, "idle").iter().all(|states| {
                states
                    .as_ref()
                    .is_some_and(|states| states.iter().all(|state| *state == "idle"))
            });
            assert_eq!(
                all_agents_idle(&status, asked),
                idle,
                "{asked:?}: {agents:?}"
            );
        }
    }
}
