//! `offers`, `find-offers` and `show-offer`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::access;
use super::command::{Command, Cx, Failure, Running, at_most, first_of};
use super::table::TextTable;
use super::target::{CONTROLLER, USER, split};
use super::times::friendly;
use crate::JujuVersion;
use crate::flags::{Flag, Parsed};
use crate::model::changes::{self, OfferError, OfferUrl};
use crate::model::{AccessKind, Model, Offer, Relation, State};

pub(super) const COMMANDS: &[Command] = &[
    Command::new("offers", "Lists shared endpoints.", offers)
        .aliases(&["list-offers"])
        .args("[<offer-name>]", |args| at_most(args, 1))
        .formats(&["tabular", "json", "yaml", "summary"])
        .flags(&[
            Flag::switch(
                &["active-only"],
                "only return results where the offer is in use",
            ),
            Flag::text(
                &["allowed-consumer"],
                "return results where the user is allowed to consume the offer",
            ),
            Flag::text(&["application"], "return results matching the application"),
            Flag::text(
                &["connected-user"],
                "return results where the user has a connection to the offer",
            ),
            Flag::text(&["interface"], "return results matching the interface name"),
        ]),
    Command::new(
        "find-offers",
        "Find offered application endpoints.",
        find_offers,
    )
    .args("[<offer-url>]", check_find)
    .formats(&["tabular", "json", "yaml"])
    .flags(&[
        Flag::text(&["interface"], "return results matching the interface name"),
        Flag::text(&["offer"], "return results matching the offer name"),
        Flag::text(&["url"], "return results matching the offer URL"),
    ]),
    Command::new(
        "show-offer",
        "Shows extended information about the offered application.",
        show_offer,
    )
    .args("[<controller>:]<offer url>", |args| {
        first_of(args, 1, "must specify endpoint URL")
    })
    .formats(&["tabular", "json", "yaml"]),
];

/// The longest line of a description in a table, in characters.
const DESCRIPTION_WIDTH: usize = 100;

/// Returns the charm of an offered application as Juju writes it: 4.0 puts the architecture into the URL of a local charm (recorded).
pub(crate) fn offered_charm(juju: JujuVersion, url: &str) -> String {
    match url.strip_prefix("local:") {
        Some(rest) if juju == JujuVersion::V4_0 => {
            format!("local:{}/{rest}", crate::status::Host::ARCH)
        }
        _ => url.to_owned(),
    }
}

fn check_find(args: &Parsed) -> Result<(), String> {
    if args.text("offer").is_some() && args.text("url").is_some() {
        return Err("cannot specify both a URL term and offer term".to_owned());
    }
    at_most(args, 1)?;
    if !args.positionals.is_empty() && args.text("url").is_some() {
        return Err("URL term cannot be specified twice".to_owned());
    }
    Ok(())
}

/// Returns the endpoints of an offer as maps.
fn endpoints(model: &Model, offer: &Offer) -> Value {
    let endpoints = offer.endpoints_in(model).into_iter();
    let entries = endpoints.map(|(name, endpoint)| {
        let value = json!({ "interface": endpoint.interface, "role": endpoint.role.as_str() });
        (name, value)
    });
    Value::Object(entries.collect())
}

/// Returns who may use an offer. In 3.6 everyone may see it.
fn users(state: &State, offer: &Offer) -> Value {
    let mut users = access::describe(state, AccessKind::Offer, &offer.users);
    if state.juju == JujuVersion::V3_6 {
        let read = json!({ "access": "read" });
        users.insert("everyone@external".to_owned(), read);
    }
    users.into()
}

fn has_interface(model: &Model, offer: &Offer, interface: Option<&str>) -> bool {
    let endpoints = offer.endpoints_in(model);
    interface.is_none_or(|wanted| endpoints.values().any(|one| one.interface == wanted))
}

fn offers(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let model = cx.model()?;
        let arg = |name: &str| cx.args.text(name).filter(|text| !text.is_empty());
        let wanted = cx.positionals().first();
        let shown: BTreeMap<&String, &Offer> = model
            .offers
            .iter()
            .filter(|(name, _)| wanted.is_none_or(|wanted| wanted == *name))
            .filter(|(_, offer)| arg("application").is_none_or(|app| app == offer.application))
            .filter(|(_, offer)| has_interface(&model, offer, arg("interface")))
            .filter(|(_, offer)| {
                let may = |user: &str| {
                    let level = offer.users.get(user).map(String::as_str);
                    user == USER || matches!(level, Some("consume" | "admin"))
                };
                arg("allowed-consumer").is_none_or(may)
            })
            .filter(|(_, offer)| {
                let connected = offer.connections(&model).next().is_some();
                let by_user = arg("connected-user").is_none_or(|user| user == USER && connected);
                by_user && (connected || !cx.args.switch("active-only"))
            })
            .collect();
        match cx.format.as_str() {
            "tabular" => {
                let text = connections_table(cx.juju(), &model, shown.values().copied());
                cx.print(&text).await
            }
            "summary" => cx.print(&summary(&model, shown.values().copied())).await,
            _ => {
                let entries = shown.iter();
                let entries =
                    entries.map(|(name, offer)| ((*name).clone(), listed(cx, &model, offer)));
                let value = Value::Object(entries.collect());
                cx.print_value(&value, |_| String::new()).await
            }
        }
    })
}

fn listed(cx: &Cx, model: &Model, offer: &Offer) -> Value {
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
    put("application", offer.application.clone().into());
    put("store", CONTROLLER.into());
    if let Some(row) = model.charm_of(&offer.application) {
        put("charm", offered_charm(cx.juju(), &row.url).into());
    }
    put("offer-url", offer.url(model).into());
    put("endpoints", endpoints(model, offer));
    let connections: Vec<Value> = offer
        .connections(model)
        .map(|relation| connection(cx, offer, relation))
        .collect();
    if !connections.is_empty() {
        put("connections", connections.into());
    }
    put("users", users(&cx.hub.snapshot(), offer));
    map.into()
}

fn connection(cx: &Cx, offer: &Offer, relation: &Relation) -> Value {
    let (word, message) = relation.status();
    let mut status = json!({ "current": word });
    if !message.is_empty() {
        status["message"] = message.into();
    }
    match relation.suspension() {
        None => status["since"] = friendly(relation.since, cx.hub.now()).into(),
        // The recorded 4.0.15 does not know since when.
        Some(_) if cx.juju() == JujuVersion::V4_0 => {}
        Some(suspension) => status["since"] = friendly(suspension.since, cx.hub.now()).into(),
    }
    let source = relation.cross_model.as_ref().map(|cross| &cross.model.0);
    let endpoint = relation.endpoint_of(&offer.application);
    let mut value = json!({
        "source-model-uuid": source,
        "username": USER,
        "relation-id": relation.id,
        "endpoint": endpoint.map(|endpoint| &endpoint.name),
        "status": status,
    });
    if !relation.egress.is_empty() {
        value["ingress-subnets"] = json!(relation.egress);
    }
    value
}

fn connections_table<'a>(
    juju: JujuVersion,
    model: &Model,
    offers: impl Iterator<Item = &'a Offer>,
) -> String {
    let number = match juju {
        JujuVersion::V3_6 => "Relation id",
        JujuVersion::V4_0 => "Relation ID",
    };
    let mut table = TextTable::new([
        "Offer",
        "User",
        number,
        "Status",
        "Endpoint",
        "Interface",
        "Role",
        "Ingress subnets",
    ]);
    for offer in offers {
        let mut name = offer.name.as_str();
        for relation in offer.connections(model) {
            let Some(endpoint) = relation.endpoint_of(&offer.application) else {
                continue;
            };
            let (id, subnets) = (relation.id.to_string(), relation.egress.join(","));
            table.row([
                name,
                USER,
                &id,
                relation.status().0,
                &endpoint.name,
                &endpoint.interface,
                endpoint.role.as_str(),
                &subnets,
            ]);
            name = "";
        }
        if !name.is_empty() {
            table.row([name, "-", "", "", "", "", "", ""]);
        }
    }
    table.render()
}

fn summary<'a>(model: &Model, offers: impl Iterator<Item = &'a Offer>) -> String {
    let mut table = TextTable::new([
        "Offer",
        "Application",
        "Charm",
        "Connected",
        "Store",
        "URL",
        "Endpoint",
        "Interface",
        "Role",
    ]);
    for offer in offers {
        let charm = model.charm_of(&offer.application).map(|row| &row.url);
        let charm = charm
            .map(|url| offered_charm(model.info.juju, url))
            .unwrap_or_default();
        let total = offer.connections(model).count();
        let active = offer
            .connections(model)
            .filter(|relation| relation.status().0 == "joined");
        let (connected, url) = (format!("{}/{total}", active.count()), offer.url(model));
        let mut head = [
            offer.name.as_str(),
            &offer.application,
            &charm,
            &connected,
            CONTROLLER,
            &url,
        ];
        for endpoint in offer.endpoints_in(model).values() {
            let tail = [
                endpoint.name.as_str(),
                &endpoint.interface,
                endpoint.role.as_str(),
            ];
            table.row(head.into_iter().chain(tail));
            head = [""; 6];
        }
    }
    table.render()
}

/// Which offers `find-offers` looks for.
#[derive(Debug, Default)]
struct Wanted {
    /// The model with its owner.
    model: Option<(String, String)>,
    /// A part of the offer's name.
    offer: Option<String>,
}

fn wanted(cx: &Cx) -> Result<Wanted, Failure> {
    let text = |name: &str| cx.args.text(name).filter(|text| !text.is_empty());
    let url = cx.positionals().first().map(String::as_str);
    let Some(url) = url.or(text("url")) else {
        return Ok(Wanted {
            model: None,
            offer: text("offer").map(str::to_owned),
        });
    };
    let (controller, place) = split(url);
    cx.check_controller(controller)?;
    if place.is_empty() {
        return Ok(Wanted::default());
    }
    let (owner, place) = place.rsplit_once('/').unwrap_or((USER, place));
    let (model, offer) = place.split_once('.').unwrap_or((place, ""));
    if model.is_empty() || owner.is_empty() {
        return Err(Failure::Failed(format!("offer URL {url:?} not valid")));
    }
    Ok(Wanted {
        model: Some((owner.to_owned(), model.to_owned())),
        offer: Some(offer.to_owned()).filter(|offer| !offer.is_empty()),
    })
}

fn find_offers(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let wanted = wanted(cx)?;
        let state = cx.hub.snapshot();
        let interface = cx.args.text("interface").filter(|text| !text.is_empty());
        let named = |model: &Model| {
            wanted
                .model
                .as_ref()
                .is_none_or(|(owner, name)| *owner == model.info.owner && *name == model.info.name)
        };
        if let Some((owner, name)) = &wanted.model
            && !state.models.values().any(|model| named(model))
        {
            let error = OfferError::NoModel(format!("{owner}/{name}"));
            return Err(Failure::Failed(error.words(cx.juju())));
        }
        let mut found: BTreeMap<String, (&Model, &Offer)> = BTreeMap::new();
        for model in state.models.values().filter(|model| named(model)) {
            let fits = |offer: &&Offer| {
                let name = wanted.offer.as_ref();
                name.is_none_or(|part| offer.name.contains(part))
                    && has_interface(model, offer, interface)
            };
            for offer in model.offers.values().filter(fits) {
                found.insert(offer.url(model), (model, offer));
            }
        }
        if found.is_empty() {
            return Err(Failure::failed("no matching application offers found"));
        }
        let entries = found.iter().map(|(url, (model, offer))| {
            let value = json!({
                "access": "admin",
                "endpoints": endpoints(model, offer),
                "users": users(&state, offer),
            });
            (format!("{CONTROLLER}:{url}"), value)
        });
        let value = Value::Object(entries.collect());
        let mut table = TextTable::new(["Store", "URL", "Access", "Interfaces"]);
        for (url, (model, offer)) in &found {
            let interfaces = offer.endpoints_in(model).into_values();
            let interfaces: Vec<String> = interfaces
                .map(|endpoint| format!("{}:{}", endpoint.interface, endpoint.name))
                .collect();
            table.row([CONTROLLER, url, "admin", &interfaces.join(", ")]);
        }
        cx.print_value(&value, |_| table.render()).await
    })
}

fn show_offer(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let text = cx.positionals().first().map_or("", String::as_str);
        let url: OfferUrl = cx.offer_url_or_name(text)?;
        if url.endpoint.is_some() {
            return Err(Failure::Failed(format!(
                "saas application {text:?} shouldn't include endpoint"
            )));
        }
        let state = cx.hub.snapshot();
        let (model, offer) = changes::find_offer(&state, &url).map_err(|error| {
            Failure::Failed(match (error, cx.juju()) {
                // Recorded with 4.0.15.
                (OfferError::NoOffer(path), JujuVersion::V4_0) => {
                    format!("application offer {path:?}")
                }
                (error, juju) => error.words(juju),
            })
        })?;
        let path = offer.url(model);
        let description = model
            .charm_of(&offer.application)
            .map(|row| row.charm.metadata.description.clone())
            .unwrap_or_default();
        let mut shown = Map::new();
        if !description.is_empty() {
            shown.insert("description".to_owned(), description.clone().into());
        }
        shown.insert("access".to_owned(), "admin".into());
        shown.insert("endpoints".to_owned(), endpoints(model, offer));
        shown.insert("users".to_owned(), users(&state, offer));
        let value = json!({ format!("{CONTROLLER}:{path}"): shown });
        let table = offer_table(&path, &description, model, offer);
        cx.print_value(&value, |_| table).await
    })
}

fn offer_table(path: &str, description: &str, model: &Model, offer: &Offer) -> String {
    let mut table = TextTable::new([
        "Store",
        "URL",
        "Access",
        "Description",
        "Endpoint",
        "Interface",
        "Role",
    ]);
    let endpoints: Vec<_> = offer.endpoints_in(model).into_values().collect();
    let lines = wrapped(description);
    for index in 0..endpoints.len().max(lines.len()) {
        let head = if index == 0 {
            [CONTROLLER, path, "admin"]
        } else {
            [""; 3]
        };
        let line = lines.get(index).map_or("", String::as_str);
        let tail = endpoints.get(index).map_or([""; 3], |endpoint| {
            [
                endpoint.name.as_str(),
                &endpoint.interface,
                endpoint.role.as_str(),
            ]
        });
        table.row(head.into_iter().chain([line]).chain(tail));
    }
    table.render()
}

/// Breaks a text into lines between words.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= DESCRIPTION_WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
