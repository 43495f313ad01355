//! Clouds that tests of runs which ended had added to controllers: they go after the models, and no others go.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use charmtest::harness::{OwnedCloud, OwnerState};
use charmtest::juju::{Juju, quote};
use serde_json::Value;

use super::verdict::Scope;
use super::{End, LOOK_LIMIT};
use crate::report::{heading, say};

/// What is to be done about a cloud on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It is about another run than the one that was named.
    OutOfScope,
    /// Its run is alive.
    InUse,
    /// Its run is, or was, on another machine or in another container.
    Elsewhere,
    /// A model on it was kept.
    Kept,
    /// The cloud goes, if it is there.
    Remove,
    /// It had no name of its own, so the one of its name may be somebody else's by now.
    Unsure,
}

/// Decides about an entry.
fn verdict(cloud: &OwnedCloud, owner: OwnerState, scope: &Scope) -> Verdict {
    if scope.run.as_ref().is_some_and(|run| *run != cloud.run) {
        return Verdict::OutOfScope;
    }
    match owner {
        OwnerState::Alive => return Verdict::InUse,
        OwnerState::Elsewhere if scope.run.is_none() => return Verdict::Elsewhere,
        OwnerState::Elsewhere | OwnerState::Gone => {}
    }
    match (cloud.kept.is_some() && !scope.all, cloud.generated) {
        (true, _) => Verdict::Kept,
        (false, true) => Verdict::Remove,
        (false, false) => Verdict::Unsure,
    }
}

/// How many clouds went which way.
#[derive(Debug, Default)]
pub(super) struct Count {
    removed: usize,
    pub(super) left: usize,
}

impl Count {
    /// Returns the parts of the summary; none without clouds.
    pub(super) fn parts(&self, verb: &str) -> Vec<String> {
        let clouds = |count: usize| match count {
            1 => "1 cloud".to_owned(),
            count => format!("{count} clouds"),
        };
        let parts = [(self.removed, verb), (self.left, "left over")].into_iter();
        let some = parts.filter(|(count, _)| *count > 0);
        some.map(|(count, word)| format!("{} {word}", clouds(count)))
            .collect()
    }
}

/// Removes the clouds of runs that ended, or says which it would remove.
pub(super) async fn clean(
    clouds: &[(PathBuf, OwnedCloud, OwnerState)],
    scope: &Scope,
    dry_run: bool,
    limit: Duration,
) -> Count {
    let mut count = Count::default();
    for (path, cloud, owner) in clouds {
        let what = format!(
            "cloud {} on controller {} (run {}, module {})",
            cloud.cloud, cloud.controller, cloud.run, cloud.module
        );
        let tell = |word: &str, more: &str| say(&heading(word, &format!("{what}{more}")));
        let end = match verdict(cloud, *owner, scope) {
            Verdict::OutOfScope => continue,
            Verdict::InUse => {
                tell("In use", "");
                continue;
            }
            Verdict::Elsewhere => {
                tell(
                    "Elsewhere",
                    &format!(": once its run has ended: --run {}", cloud.run),
                );
                continue;
            }
            Verdict::Kept => look(cloud).await.unwrap_or(End::Kept),
            Verdict::Unsure => look(cloud).await.unwrap_or_else(|| {
                End::Left(format!(
                    "its name was chosen, so it may be somebody else's by now; if it is not: {}",
                    by_hand(cloud)
                ))
            }),
            Verdict::Remove => match look(cloud).await {
                Some(end) => end,
                None if dry_run => End::Removed,
                None => remove(cloud, limit).await,
            },
        };
        match &end {
            End::Removed => {
                count.removed += 1;
                let word = if dry_run { "Would remove" } else { "Removed" };
                tell(word, "");
            }
            End::Kept => tell(
                "Kept",
                &format!(": {}", cloud.kept.as_deref().unwrap_or_default()),
            ),
            End::NotThere(_) => {}
            End::Left(why) => {
                count.left += 1;
                tell("Left over", &format!(": {why}"));
            }
        }
        if !dry_run && matches!(end, End::Removed | End::NotThere(_)) {
            forget(path);
        }
    }
    count
}

/// Removes an entry; one that stays is read again the next time.
fn forget(path: &Path) {
    let _ = std::fs::remove_file(path);
}

/// Asks the controller whether it has the cloud; returns nothing if it has.
async fn look(cloud: &OwnedCloud) -> Option<End> {
    let call = client(cloud)
        .call(["clouds", "--controller", &cloud.controller])
        .args(["--format", "json"])
        .timeout(LOOK_LIMIT)
        .check();
    // Without clouds Juju answers `null`.
    let listed: Result<Option<BTreeMap<String, Value>>, _> =
        call.json("the clouds of a controller").await;
    let listed = match listed {
        Ok(listed) => listed,
        Err(error) => return Some(End::Left(error.to_string())),
    };
    match listed.unwrap_or_default().contains_key(&cloud.cloud) {
        true => None,
        false => Some(End::NotThere(None)),
    }
}

async fn remove(cloud: &OwnedCloud, limit: Duration) -> End {
    let call = client(cloud)
        .call(["remove-cloud", &cloud.cloud])
        .args(["--controller", &cloud.controller])
        .timeout(limit)
        .check();
    match call.await {
        Ok(_) => End::Removed,
        Err(error) => End::Left(error.to_string()),
    }
}

fn client(cloud: &OwnedCloud) -> Juju {
    let juju = Juju::new(&cloud.juju);
    match &cloud.juju_data {
        Some(data) => juju.with_env("JUJU_DATA", data),
        None => juju,
    }
}

/// Returns the command that removes a cloud without asking whose it is.
fn by_hand(cloud: &OwnedCloud) -> String {
    let data = cloud.juju_data.as_ref();
    let data = data.map_or_else(String::new, |data| format!("JUJU_DATA={} ", quote(data)));
    format!(
        "{data}juju remove-cloud {} --controller {}",
        quote(&cloud.cloud),
        quote(&cloud.controller)
    )
}

#[cfg(test)]
mod tests {
    use charmtest::harness::{OWNERSHIP_VERSION, Owner};

    use super::*;

    fn cloud(generated: bool, kept: bool) -> OwnedCloud {
        OwnedCloud {
            charmtest: OWNERSHIP_VERSION,
            run: "1-2".to_owned(),
            module: "m".to_owned(),
            owner: Owner::current(),
            juju: "/juju".into(),
            juju_data: None,
            cloud: "k".to_owned(),
            controller: "c".to_owned(),
            generated,
            kept: kept.then(|| "a model on it was kept".to_owned()),
            since: 0,
        }
    }

    #[test]
    fn only_clouds_of_runs_that_ended_go_and_only_under_names_of_their_own() {
        use OwnerState::{Alive, Elsewhere, Gone};
        let scope = |run: &str, all| Scope {
            all,
            run: (!run.is_empty()).then(|| run.to_owned()),
        };
        for (cloud, owner, scope, expected) in [
            (cloud(true, false), Gone, scope("", false), Verdict::Remove),
            (cloud(false, false), Gone, scope("", false), Verdict::Unsure),
            (cloud(false, false), Gone, scope("", true), Verdict::Unsure),
            (cloud(true, true), Gone, scope("", false), Verdict::Kept),
            (cloud(true, true), Gone, scope("", true), Verdict::Remove),
            (cloud(true, false), Alive, scope("", true), Verdict::InUse),
            (
                cloud(true, false),
                Elsewhere,
                scope("", false),
                Verdict::Elsewhere,
            ),
            (
                cloud(true, false),
                Elsewhere,
                scope("1-2", false),
                Verdict::Remove,
            ),
            (
                cloud(true, false),
                Gone,
                scope("1-3", false),
                Verdict::OutOfScope,
            ),
        ] {
            assert_eq!(
                verdict(&cloud, owner, &scope),
                expected,
                "{cloud:?} {owner:?} {scope:?}"
            );
        }
    }
}
