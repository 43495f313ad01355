//! What `cargo charmtest clean` makes of each entry in the record of models: pure, so that nobody's model goes by mistake.

use std::collections::BTreeSet;

use charmtest::harness::{OwnedModel, OwnerState, Title};

/// What the user asked to clean.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    /// Also models that were kept on request.
    pub(super) all: bool,
    /// Only models of this run, which must have ended.
    pub(super) run: Option<String>,
}

/// What is to be done about an entry, before anybody looks at the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is about another run than the one that was named.
    OutOfScope,
    /// Its run is alive.
    InUse,
    /// Its run is, or was, on another machine or in another container.
    Elsewhere,
    /// It was kept on request.
    Kept,
    /// The run worked with a model that was not its own: only the entry goes.
    Forget,
    /// The model goes, if it is the one that is meant.
    Remove,
}

/// Decides about an entry; `used` holds the UUIDs of models that runs which are alive work with.
pub(super) fn verdict(
    model: &OwnedModel,
    owner: OwnerState,
    used: &BTreeSet<String>,
    scope: &Scope,
) -> Verdict {
    if scope.run.as_ref().is_some_and(|run| *run != model.run) {
        return Verdict::OutOfScope;
    }
    match owner {
        OwnerState::Alive => return Verdict::InUse,
        // Who names the run knows that it has ended.
        OwnerState::Elsewhere if scope.run.is_none() => return Verdict::Elsewhere,
        OwnerState::Elsewhere | OwnerState::Gone => {}
    }
    if model.title == Title::Adopted {
        return Verdict::Forget;
    }
    if model.uuid.as_ref().is_some_and(|uuid| used.contains(uuid)) {
        return Verdict::InUse;
    }
    if model.kept.is_some() && !scope.all {
        return Verdict::Kept;
    }
    Verdict::Remove
}

/// The model that has the name of an entry now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'a> {
    /// Its UUID.
    pub(super) uuid: &'a str,
    /// Whether it holds applications.
    pub(super) holds_applications: bool,
}

/// Whose a model is that has the name of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identity {
    /// The run's.
    Ours,
    /// Somebody else's.
    Another,
    /// Nobody can tell: the run ended while the model was being made.
    Unsure,
}

/// Says whose a model is.
///
/// A run that was cut off while it made a model under a name with random letters in it left a model that holds nothing yet.
pub(super) fn identity(entry: &OwnedModel, found: Found<'_>) -> Identity {
    match &entry.uuid {
        Some(uuid) if uuid == found.uuid => Identity::Ours,
        Some(_) => Identity::Another,
        None if entry.title == Title::Generated && !found.holds_applications => Identity::Ours,
        None => Identity::Unsure,
    }
}

#[cfg(test)]
mod tests {
    use charmtest::harness::{OWNERSHIP_VERSION, Owner};

    use super::*;

    fn entry(title: Title) -> OwnedModel {
        OwnedModel {
            charmtest: OWNERSHIP_VERSION,
            run: "1-2".to_owned(),
            module: "m".to_owned(),
            owner: Owner::current(),
            backend: "embedded".to_owned(),
            juju: "/juju".into(),
            juju_data: None,
            model: "c:m-abcd".to_owned(),
            uuid: Some("u".to_owned()),
            title,
            destroy_storage: true,
            kept: None,
            since: 0,
        }
    }

    fn kept() -> OwnedModel {
        OwnedModel {
            kept: Some("--keep-models".to_owned()),
            ..entry(Title::Generated)
        }
    }

    #[test]
    fn only_models_of_runs_that_ended_go() {
        use OwnerState::{Alive, Elsewhere, Gone};
        let any = Scope::default;
        let all = || Scope { all: true, ..any() };
        let run = |id: &str| Scope {
            run: Some(id.to_owned()),
            ..any()
        };
        let ours = || entry(Title::Generated);
        let cases = [
            (ours(), Gone, any(), Verdict::Remove),
            (entry(Title::Named), Gone, any(), Verdict::Remove),
            (entry(Title::Adopted), Gone, any(), Verdict::Forget),
            (entry(Title::Adopted), Gone, all(), Verdict::Forget),
            (ours(), Alive, any(), Verdict::InUse),
            (ours(), Alive, all(), Verdict::InUse),
            (ours(), Alive, run("1-2"), Verdict::InUse),
            (ours(), Elsewhere, any(), Verdict::Elsewhere),
            (ours(), Elsewhere, all(), Verdict::Elsewhere),
            (ours(), Elsewhere, run("1-2"), Verdict::Remove),
            (ours(), Gone, run("1-2"), Verdict::Remove),
            (ours(), Gone, run("1-3"), Verdict::OutOfScope),
            (kept(), Gone, any(), Verdict::Kept),
            (kept(), Gone, run("1-2"), Verdict::Kept),
            (kept(), Gone, all(), Verdict::Remove),
            (kept(), Alive, all(), Verdict::InUse),
        ];
        for (model, owner, scope, expected) in cases {
            let judged = verdict(&model, owner, &BTreeSet::new(), &scope);
            assert_eq!(judged, expected, "{model:?} {owner:?} {scope:?}");
        }
    }

    #[test]
    fn a_model_that_a_live_run_took_over_stays() {
        let used = BTreeSet::from(["u".to_owned()]);
        let all = Scope {
            all: true,
            run: None,
        };
        let judged = verdict(&kept(), OwnerState::Gone, &used, &all);
        assert_eq!(judged, Verdict::InUse);
    }

    #[test]
    fn a_model_of_another_uuid_is_somebody_elses() {
        let unknown = |title| OwnedModel {
            uuid: None,
            ..entry(title)
        };
        let cases = [
            (entry(Title::Generated), "u", true, Identity::Ours),
            (entry(Title::Named), "u", true, Identity::Ours),
            (entry(Title::Generated), "v", false, Identity::Another),
            (unknown(Title::Generated), "v", false, Identity::Ours),
            (unknown(Title::Generated), "v", true, Identity::Unsure),
            (unknown(Title::Named), "v", false, Identity::Unsure),
        ];
        for (entry, uuid, holds_applications, expected) in cases {
            let found = Found {
                uuid,
                holds_applications,
            };
            assert_eq!(identity(&entry, found), expected, "{entry:?} {found:?}");
        }
    }
}
