//! `offer`, `remove-offer`, `consume`, `remove-saas`, `suspend-relation` and `resume-relation`.

use super::command::{Command, Cx, Failure, Running, Scope, first_of};
use super::removal::confirm;
use super::target::{self, CONTROLLER, USER};
use crate::JujuVersion;
use crate::flags::{Flag, Parsed};
use crate::model::changes::{self, Haste, OfferError, OfferUrl, OfferUrlError};
use crate::model::{Model, ModelUuid, RelationId, State, Suspension, Transact, application_name};

pub(super) const COMMANDS: &[Command] = &[
    Command::new(
        "offer",
        "Offer application endpoints for use in other models.",
        offer,
    )
    .args(
        "[model-name.]<application-name>:<endpoint-name>[,...] [offer-name]",
        |args| {
            first_of(
                args,
                2,
                "an offer must at least specify application endpoint",
            )
        },
    )
    .scope(Scope::Controller),
    Command::new(
        "remove-offer",
        "Removes one or more offers specified by their URL.",
        remove_offer,
    )
    .args("<offer-url> ...", |args| some(args, "no offers specified"))
    .scope(Scope::Controller)
    .flags(&[
        Flag::switch(
            &["force"],
            "remove the offer as well as any relations to the offer",
        ),
        Flag::switch(&["y", "yes"], "Do not prompt for confirmation"),
    ]),
    Command::new("consume", "Add a remote offer to the model.", consume).args(
        "<remote offer path> [<local application name>]",
        check_consume,
    ),
    Command::new(
        "remove-saas",
        "Remove consumed applications (SAAS) from the model.",
        remove_saas,
    )
    .args(
        "<saas-application-name> [<saas-application-name>...]",
        check_saas,
    )
    .flags(&[
        Flag::switch(
            &["force"],
            "Completely remove an application and all its dependencies",
        ),
        Flag::switch(
            &["no-wait"],
            "Rush through application removal without waiting for each individual step to complete",
        ),
    ]),
    Command::new(
        "suspend-relation",
        "Suspends a relation to an application offer.",
        |cx| Box::pin(suspend(cx, true)),
    )
    .args("<relation-id>[ <relation-id>...]", |args| {
        relation_ids(args).map(drop)
    })
    .flags(&[Flag::text(&["message"], "reason for suspension")]),
    Command::new(
        "resume-relation",
        "Resumes a suspended relation to an application offer.",
        |cx| Box::pin(suspend(cx, false)),
    )
    .args("<relation-id>[,<relation-id>]", |args| {
        relation_ids(args).map(drop)
    }),
];

fn some(args: &Parsed, missing: &str) -> Result<(), String> {
    first_of(args, usize::MAX, missing)
}

fn check_consume(args: &Parsed) -> Result<(), String> {
    first_of(args, 2, "no remote offer specified")?;
    match args.positionals.get(1) {
        Some(alias) if application_name(alias).is_err() => {
            Err(format!("invalid application name {alias:?}"))
        }
        _ => Ok(()),
    }
}

fn check_saas(args: &Parsed) -> Result<(), String> {
    some(args, "no SAAS application names specified")?;
    match args
        .positionals
        .iter()
        .find(|name| application_name(name).is_err())
    {
        Some(name) => Err(format!("invalid SAAS application name {name:?}")),
        None => Ok(()),
    }
}

fn relation_ids(args: &Parsed) -> Result<Vec<RelationId>, String> {
    some(args, "no relation ids specified")?;
    let parse = |text: &String| {
        let id = text.trim().parse();
        id.map_err(|_| format!("relation ID {text:?} not valid"))
    };
    args.positionals.iter().map(parse).collect()
}

impl Cx {
    /// Changes the whole state; refusals come in the words of the controller's version of Juju.
    ///
    /// # Errors
    ///
    /// Fails with the text of what `change` refused, or when the database could not write.
    pub(super) fn change_across<R>(
        &self,
        change: impl FnOnce(&mut State) -> Result<R, OfferError>,
    ) -> Result<R, Failure> {
        self.hub.transact(change).map_err(|error| match error {
            Transact::Rejected(error) => Failure::Failed(error.words(self.juju())),
            Transact::Store(error) => error.into(),
        })
    }

    /// Changes one model in the way of [`Cx::change_across`].
    fn change_offers<R>(
        &self,
        uuid: &ModelUuid,
        change: impl FnOnce(&mut Model) -> Result<R, OfferError>,
    ) -> Result<R, Failure> {
        self.change_across(|state| {
            let model = state.model_mut(uuid);
            change(model.ok_or_else(|| crate::model::Rejected(uuid.clone()))?)
        })
    }

    /// Parses the URL of an offer and checks that it is on this controller.
    ///
    /// # Errors
    ///
    /// Fails when the text is no such URL, and when it names another controller.
    pub(super) fn offer_url(&self, text: &str) -> Result<OfferUrl, Failure> {
        let url = OfferUrl::parse(text)
            .map_err(|error| Failure::Failed(url_error(&error, self.juju())))?;
        self.check_controller(url.controller.as_deref())?;
        Ok(url)
    }

    /// Parses the URL of an offer, or takes the text as the name of an offer of the current model.
    ///
    /// # Errors
    ///
    /// Fails as [`Cx::offer_url`] does, and when there is no current model.
    pub(super) fn offer_url_or_name(&self, text: &str) -> Result<OfferUrl, Failure> {
        let named = matches!(OfferUrl::parse(text), Err(OfferUrlError::NoName));
        if !named || text.contains(['.', '/', ':']) {
            return self.offer_url(text);
        }
        let state = self.hub.snapshot();
        let model = current_model(&state)?;
        Ok(OfferUrl {
            controller: None,
            owner: Some(model.info.owner.clone()),
            model: model.info.name.clone(),
            offer: text.to_owned(),
            endpoint: None,
        })
    }

    /// Checks the controller in the URL of an offer; there is only one.
    ///
    /// # Errors
    ///
    /// Fails when another one is named.
    pub(super) fn check_controller(&self, name: Option<&str>) -> Result<(), Failure> {
        match name.filter(|name| *name != CONTROLLER) {
            None => Ok(()),
            Some(other) => Err(Failure::Failed(match self.juju() {
                JujuVersion::V3_6 => format!("controller {other} not found"),
                JujuVersion::V4_0 => format!("controller {other:?}: not logged"),
            })),
        }
    }
}

/// Says what is wrong with the URL of an offer.
pub(super) fn url_error(error: &OfferUrlError, juju: JujuVersion) -> String {
    match (error, juju) {
        (OfferUrlError::NoName, JujuVersion::V3_6) => {
            "application offer URL is missing application".to_owned()
        }
        (OfferUrlError::NoName, JujuVersion::V4_0) => "offer URL is missing the name".to_owned(),
        (OfferUrlError::NotValid(text), _) => format!("offer URL {text:?} not valid"),
    }
}

fn current_model(state: &State) -> Result<&Model, Failure> {
    let none = "no current model, use juju switch to select a model on which to operate";
    let name = state.current_name().ok_or_else(|| Failure::failed(none))?;
    let gone = || {
        Failure::Failed(format!(
            "getting model details: model {CONTROLLER}:{name} not found"
        ))
    };
    target::lookup(state, &name)?.ok_or_else(gone)
}

fn offer(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let [what, name @ ..] = cx.positionals() else {
            return Err(Failure::usage(
                "an offer must at least specify application endpoint",
            ));
        };
        let (target, endpoints) = what.split_once(':').unwrap_or((what, ""));
        let (model, application) = match target.rsplit_once('.') {
            Some((model, application)) => (Some(model), application),
            None => (None, target),
        };
        let endpoints: Vec<String> = endpoints
            .split(',')
            .map(|name| name.trim().to_owned())
            .collect();
        if application.is_empty() || endpoints.iter().any(String::is_empty) {
            return Err(Failure::failed(
                "endpoints must conform to format \"<application-name>:<endpoint-name>[,...]\" ",
            ));
        }
        let name = name.first().map_or(application, String::as_str);
        let (uuid, path) = {
            let state = cx.hub.snapshot();
            let model = match model {
                Some(name) => named_model(cx, &state, name.trim_start_matches('/'))?,
                None => current_model(&state)?,
            };
            (model.info.uuid.clone(), target::full_name(model))
        };
        cx.change_offers(&uuid, |model| {
            changes::offer(model, application, &endpoints, name)
        })?;
        cx.info(&format!(
            "Application {application:?} endpoints [{}] available at {:?}",
            endpoints.join(", "),
            format!("{path}.{name}")
        ))
        .await;
        Ok(())
    })
}

fn named_model<'a>(cx: &Cx, state: &'a State, name: &str) -> Result<&'a Model, Failure> {
    let found = target::lookup(state, name)?;
    found.ok_or_else(|| {
        let qualified = match name.split_once('/') {
            Some(_) => name.to_owned(),
            None => format!("{USER}/{name}"),
        };
        let why = format!("model {CONTROLLER}:{qualified} not found");
        Failure::Failed(match cx.juju() {
            JujuVersion::V3_6 => why,
            JujuVersion::V4_0 => format!("getting model details: {why}"),
        })
    })
}

fn remove_offer(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let urls = cx.positionals().iter();
        let urls: Vec<OfferUrl> = urls
            .map(|text| cx.offer_url_or_name(text))
            .collect::<Result<_, _>>()?;
        let force = cx.args.switch("force");
        if force && !cx.args.switch("yes") {
            let names: Vec<String> = urls.iter().map(|url| url.path(USER)).collect();
            let question = format!(
                "WARNING! This command will remove offers: {}\nThis includes all relations to those offers.\n\nContinue [y/N]? ",
                names.join(", ")
            );
            confirm(cx, &question, "offer").await?;
        }
        let haste = Haste::of(force, false, cx.hub.now());
        let remove = |url: &OfferUrl| {
            cx.change_across(|state| {
                let uuid = match changes::find_offer(state, url) {
                    Ok((model, _)) => model.info.uuid.clone(),
                    Err(OfferError::NoOffer(_)) => {
                        return Err(OfferError::NoOfferToRemove(url.offer.clone()));
                    }
                    Err(error) => return Err(error),
                };
                let model = state.model_mut(&uuid);
                let model = model.ok_or_else(|| crate::model::Rejected(uuid.clone()))?;
                changes::remove_offer(model, &url.offer, haste)
            })
        };
        all_of(urls.iter().map(remove))
    })
}

fn consume(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let [text, alias @ ..] = cx.positionals() else {
            return Err(Failure::usage("no remote offer specified"));
        };
        let url = cx.offer_url(text)?;
        if url.endpoint.is_some() {
            return Err(Failure::Failed(format!(
                "saas offer {text:?} shouldn't include endpoint"
            )));
        }
        let (uuid, now) = (cx.model_uuid(), cx.hub.now());
        let alias = alias.first().map(String::as_str);
        let name = cx.change_across(|state| changes::consume(state, &uuid, &url, alias, now))?;
        let source = url.controller.as_ref().map(|name| format!("{name}:"));
        cx.info(&format!(
            "Added {}{} as {name}",
            source.unwrap_or_default(),
            url.path(USER)
        ))
        .await;
        Ok(())
    })
}

fn remove_saas(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let force = cx.args.switch("force");
        if cx.args.switch("no-wait") && !force {
            return Err(Failure::failed("--no-wait requires --force"));
        }
        let haste = Haste::of(force, cx.args.switch("no-wait"), cx.hub.now());
        let uuid = cx.model_uuid();
        let mut failed = false;
        for name in cx.positionals() {
            let outcome = cx.change_offers(&uuid, |model| {
                match changes::remove_remote_application(model, name, haste) {
                    // The recorded 4.0.15 says nothing about names that it does not know.
                    Err(OfferError::NoRemoteApplication(_))
                        if model.info.juju == JujuVersion::V4_0 =>
                    {
                        Ok(())
                    }
                    outcome => outcome,
                }
            });
            if let Err(Failure::Failed(why)) = outcome {
                cx.info(&format!("removing SAAS application {name} failed: {why}"))
                    .await;
                failed = true;
            }
        }
        if failed {
            Err(Failure::Silent(1))
        } else {
            Ok(())
        }
    })
}

async fn suspend(cx: &Cx, suspended: bool) -> Result<(), Failure> {
    let ids = relation_ids(&cx.args).map_err(Failure::Usage)?;
    let suspension = suspended.then(|| Suspension {
        message: cx.args.text("message").unwrap_or_default().to_owned(),
        since: cx.hub.now(),
    });
    let uuid = cx.model_uuid();
    let set = |id| {
        cx.change_offers(&uuid, |model| {
            changes::set_suspended(model, id, suspension.clone())
        })
    };
    all_of(ids.into_iter().map(set))
}

/// Does everything, whatever fails; the failures come together in one.
fn all_of(outcomes: impl Iterator<Item = Result<(), Failure>>) -> Result<(), Failure> {
    let mut failures = Vec::new();
    for outcome in outcomes {
        match outcome {
            Ok(()) => {}
            Err(Failure::Failed(why)) => failures.push(why),
            Err(other) => return Err(other),
        }
    }
    if failures.is_empty() {
        Ok(())
    } else {
        Err(Failure::Failed(failures.join("\n")))
    }
}
