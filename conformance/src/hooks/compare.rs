//! Whether a unit ran what it was recorded to run.
//!
//! Juju orders some hooks and leaves others to the moment in which a change is noticed. Until `start` and from `stop` on the whole
//! order counts, but for which relation is created first and which storage comes or goes first. Between them it counts among the unit's own hooks and, within a relation,
//! among what concerns one remote unit or the remote application; how many changes one `-relation-changed` tells about is open.

use std::collections::BTreeSet;

use super::trace::Hook;

/// A difference between what was recorded and what ran here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) aspect: Aspect,
    /// The hook it is about.
    pub(crate) hook: String,
    /// What differs, empty when the hook itself is what one side lacks.
    pub(crate) detail: String,
}

/// What differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Aspect {
    /// A hook that ran only when it was recorded.
    Recorded,
    /// A hook that ran only here.
    Here,
    /// A variable of a hook.
    Variable,
    /// Whether the unit was the leader.
    Leader,
    /// How a hook ended.
    Exit,
    /// A hook before its relation was created here, or after it broke.
    Order,
    /// The exit code of a command.
    Command,
    /// What a command said of a task.
    Output,
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.aspect {
            Aspect::Recorded => write!(f, "{} ran only on Juju", self.hook),
            Aspect::Here => write!(f, "{} ran only here", self.hook),
            _ => write!(f, "{}: {}", self.hook, self.detail),
        }
    }
}

/// What came of the comparison of a unit's hooks.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Compared {
    /// How many hooks were recorded, changes told one after the other as one.
    pub(crate) hooks: usize,
    /// How many of them ran here in their place and with the same variables.
    pub(crate) agree: usize,
    pub(crate) found: Vec<Found>,
}

/// Compares the hooks of a unit.
pub(crate) fn compare(recorded: &[Hook], here: &[Hook]) -> Compared {
    let (mut count, mut agree) = (0, 0);
    let mut found = Vec::new();
    for stream in streams(recorded, here) {
        let [theirs, ours] = [recorded, here].map(|hooks| stream.of(hooks));
        count += theirs.len();
        for pair in align(&theirs, &ours) {
            match pair {
                (Some(theirs), Some(ours)) => {
                    let differences = attributes(theirs, ours);
                    agree += usize::from(differences.is_empty());
                    found.extend(differences);
                }
                (Some(hook), None) => found.push(lacking(Aspect::Recorded, hook)),
                (None, Some(hook)) => found.push(lacking(Aspect::Here, hook)),
                (None, None) => {}
            }
        }
    }
    found.extend(misplaced(here));
    Compared {
        hooks: count,
        agree,
        found,
    }
}

/// Finds hooks of a relation before it was created or after it broke.
fn misplaced(hooks: &[Hook]) -> Vec<Found> {
    let outside = |(index, hook): (usize, &Hook)| {
        let relation = hook.relation()?;
        let ends = |end: &str| {
            let of = |hook: &Hook| hook.relation() == Some(relation) && hook.name.ends_with(end);
            hooks.iter().position(of)
        };
        let detail = if ends("-relation-created").is_some_and(|created| index < created) {
            "ran before its relation was created"
        } else if ends("-relation-broken").is_some_and(|broken| index > broken) {
            "ran after its relation broke"
        } else {
            return None;
        };
        Some(Found {
            aspect: Aspect::Order,
            hook: hook.text(),
            detail: detail.to_owned(),
        })
    };
    hooks.iter().enumerate().filter_map(outside).collect()
}

fn lacking(aspect: Aspect, hook: &Hook) -> Found {
    Found {
        aspect,
        hook: hook.text(),
        detail: String::new(),
    }
}

/// Kinds of hooks whose order among themselves is that of a Go map.
const OPEN_ORDER: [&str; 3] = [
    "-relation-created",
    "-storage-attached",
    "-storage-detaching",
];

/// Hooks whose order among each other counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Stream {
    UntilStart,
    /// The unit's own hooks.
    Unit,
    /// A relation's creation and end, and what concerns the remote application.
    Relation(String),
    /// What concerns one unit of a relation.
    Remote(String, String),
    FromStop,
}

fn streams(recorded: &[Hook], here: &[Hook]) -> BTreeSet<Stream> {
    [recorded, here]
        .into_iter()
        .flat_map(|hooks| (0..hooks.len()).map(|index| stream(hooks, index)))
        .collect()
}

fn stream(hooks: &[Hook], index: usize) -> Stream {
    let position = |name: &str| hooks.iter().position(|hook| hook.name == name);
    let first = hooks.first().map(|hook| hook.name.as_str());
    // A trace that begins later, or that never came to `start`, has no such part.
    let begins = first.is_some_and(|name| name == "install" || name.ends_with("storage-attached"));
    if begins && position("start").is_none_or(|start| index <= start) {
        return Stream::UntilStart;
    }
    if position("stop").is_some_and(|stop| index >= stop) {
        return Stream::FromStop;
    }
    let Some(hook) = hooks.get(index) else {
        return Stream::Unit;
    };
    match (hook.relation(), hook.remote()) {
        (None, _) => Stream::Unit,
        (Some(relation), "") => Stream::Relation(relation.to_owned()),
        (Some(relation), unit) => Stream::Remote(relation.to_owned(), unit.to_owned()),
    }
}

impl Stream {
    fn of(&self, hooks: &[Hook]) -> Vec<Hook> {
        let own = hooks
            .iter()
            .enumerate()
            .filter(|(index, _)| stream(hooks, *index) == *self);
        let mut own: Vec<Hook> = own.map(|(_, hook)| hook.clone()).collect();
        for kind in OPEN_ORDER {
            let open = |hook: &Hook| hook.name.ends_with(kind);
            for run in own.chunk_by_mut(|one, next| open(one) && open(next)) {
                run.sort_by_key(Hook::text);
            }
        }
        own.dedup_by(|next, one| {
            next.name.ends_with("-relation-changed") && next.name == one.name && next.env == one.env
        });
        own
    }
}

/// Pairs two orders of hooks so that as many as possible have a partner, and of those as many as possible one that ended alike.
fn align<'a>(recorded: &'a [Hook], here: &'a [Hook]) -> Vec<(Option<&'a Hook>, Option<&'a Hook>)> {
    let weight = |one: &Hook, other: &Hook| match one.text() == other.text() {
        true if one.ends == other.ends => 3,
        true => 2,
        false => 0,
    };
    // What the best pairing of the rest is worth, from the back.
    let mut best = vec![vec![0_usize; here.len() + 1]; recorded.len() + 1];
    for (i, one) in recorded.iter().enumerate().rev() {
        for (j, other) in here.iter().enumerate().rev() {
            let paired = match weight(one, other) {
                0 => 0,
                worth => best[i + 1][j + 1] + worth,
            };
            best[i][j] = paired.max(best[i + 1][j]).max(best[i][j + 1]);
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    loop {
        match (recorded.get(i), here.get(j)) {
            (None, None) => return pairs,
            (Some(one), Some(other))
                if weight(one, other) > 0
                    && best[i][j] == best[i + 1][j + 1] + weight(one, other) =>
            {
                pairs.push((Some(one), Some(other)));
                (i, j) = (i + 1, j + 1);
            }
            (Some(one), other) if other.is_none() || best[i][j] == best[i + 1][j] => {
                pairs.push((Some(one), None));
                i += 1;
            }
            (_, other) => {
                pairs.push((None, other));
                j += 1;
            }
        }
    }
}

/// Compares what the same hook was run with.
fn attributes(recorded: &Hook, here: &Hook) -> Vec<Found> {
    let hook = recorded.text();
    let mut found = Vec::new();
    let mut add = |aspect, detail: String| {
        found.push(Found {
            aspect,
            hook: hook.clone(),
            detail,
        });
    };
    let names: BTreeSet<&String> = recorded.env.keys().chain(here.env.keys()).collect();
    for name in names {
        let [theirs, ours] = [recorded, here].map(|hook| hook.env.get(name));
        if theirs != ours {
            let shown = |value: Option<&String>| {
                value.map_or_else(|| "not set".to_owned(), |value| format!("`{value}`"))
            };
            add(
                Aspect::Variable,
                format!("{name} is {} on Juju, {} here", shown(theirs), shown(ours)),
            );
        }
    }
    if recorded.leader != here.leader {
        add(
            Aspect::Leader,
            format!(
                "leader is {} on Juju, {} here",
                recorded.leader, here.leader
            ),
        );
    }
    if recorded.ends != here.ends {
        add(
            Aspect::Exit,
            format!(
                "ended with {:?} on Juju, {:?} here",
                recorded.ends, here.ends
            ),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(text: &str) -> Hook {
        let (name, remote) = text.split_once('(').unwrap_or((text, ""));
        let mut env = std::collections::BTreeMap::new();
        if let Some((relation, _)) = name.split_once("-relation-") {
            env.insert("JUJU_RELATION_ID".to_owned(), format!("{relation}#0"));
            let remote = remote.trim_end_matches(')').to_owned();
            let variable = if remote.contains('/') {
                "JUJU_REMOTE_UNIT"
            } else {
                "JUJU_REMOTE_APP"
            };
            env.insert(variable.to_owned(), remote);
        }
        Hook {
            name: name.to_owned(),
            env,
            leader: true,
            ends: vec![Some(0)],
        }
    }

    fn hooks(text: &str) -> Vec<Hook> {
        text.split_whitespace().map(hook).collect()
    }

    fn found(recorded: &str, here: &str) -> Vec<(Aspect, String)> {
        let compared = compare(&hooks(recorded), &hooks(here));
        compared
            .found
            .into_iter()
            .map(|found| (found.aspect, found.hook))
            .collect()
    }

    #[test]
    fn an_order_that_juju_leaves_open_is_no_difference() {
        for (recorded, here) in [
            (
                "install config-changed start",
                "install config-changed start",
            ),
            (
                "install a-relation-created(x) b-relation-created(y) start",
                "install b-relation-created(y) a-relation-created(x) start",
            ),
            (
                "a-storage-attached b-storage-attached install",
                "b-storage-attached a-storage-attached install",
            ),
            (
                "a-relation-joined(x/0) a-relation-joined(x/1) leader-elected",
                "leader-elected a-relation-joined(x/1) a-relation-joined(x/0)",
            ),
            (
                "a-relation-changed(x/0) a-relation-changed(x/0)",
                "a-relation-changed(x/0)",
            ),
        ] {
            assert_eq!(found(recorded, here), [], "{recorded} {here}");
        }
    }

    #[test]
    fn a_hook_too_many_too_few_or_misplaced_is_a_difference() {
        use Aspect::{Here, Order, Recorded};
        for (recorded, here, aspects) in [
            ("install start", "install", vec![Recorded]),
            ("install", "install start", vec![Here]),
            (
                "config-changed config-changed",
                "config-changed",
                vec![Recorded],
            ),
            (
                "install start config-changed",
                "install config-changed start",
                vec![Here, Recorded],
            ),
            (
                "a-relation-joined(x/0) a-relation-changed(x/0)",
                "a-relation-changed(x/0) a-relation-joined(x/0)",
                vec![Here, Recorded],
            ),
            (
                "a-relation-joined(x/0)",
                "a-relation-joined(x/1)",
                vec![Here, Recorded],
            ),
            (
                "a-relation-created(x) a-relation-joined(x/0)",
                "a-relation-joined(x/0) a-relation-created(x)",
                vec![Order],
            ),
            (
                "a-relation-departed(x/0) a-relation-broken(x) stop",
                "a-relation-broken(x) a-relation-departed(x/0) stop",
                vec![Order],
            ),
            (
                "a-relation-broken(x) stop remove",
                "stop a-relation-broken(x) remove",
                vec![Here, Recorded],
            ),
        ] {
            let mut ours: Vec<Aspect> = found(recorded, here)
                .into_iter()
                .map(|(aspect, _)| aspect)
                .collect();
            ours.sort();
            let mut aspects = aspects;
            aspects.sort();
            assert_eq!(ours, aspects, "{recorded} | {here}");
        }
    }

    #[test]
    fn variables_leadership_and_ends_are_compared() {
        let one = hook("a-relation-joined(x/0)");
        let mut other = one.clone();
        other.env.remove("JUJU_RELATION_ID");
        other.env.insert("JUJU_RELATION".to_owned(), "b".to_owned());
        other.leader = false;
        other.ends = vec![Some(1), Some(0)];
        // The same relation, or the hooks would not be compared with each other.
        other
            .env
            .insert("JUJU_RELATION_ID".to_owned(), "a#0".to_owned());
        let compared = compare(std::slice::from_ref(&one), &[other]);
        let aspects: Vec<Aspect> = compared.found.iter().map(|found| found.aspect).collect();
        assert_eq!(aspects, [Aspect::Variable, Aspect::Leader, Aspect::Exit]);
        assert_eq!((compared.hooks, compared.agree), (1, 0));
        let same = compare(std::slice::from_ref(&one), std::slice::from_ref(&one));
        assert_eq!((same.agree, same.found.len()), (1, 0));
    }
}
