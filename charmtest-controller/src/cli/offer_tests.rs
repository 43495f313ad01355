//! Commands about offers, against the recordings of 4.0.15 and the words of 3.6.

use serde_json::json;

use super::charm_fixture::TRACER;
use super::testing::Controller;
use crate::JujuVersion::{self, V3_6, V4_0};
use crate::model::Member;
use crate::model::UnitName;

/// Makes a controller with the applications `server` and `client` in the model `m`, and `lone` in the current model `uses`.
fn controller(juju: JujuVersion) -> Controller {
    let c = Controller::with_model_of(juju);
    c.write_charm("tracer", TRACER);
    c.pack_charm("tracer");
    c.juju("deploy ./tracer.charm server").ok();
    c.juju("deploy ./tracer.charm client").ok();
    c.juju("add-model uses").ok();
    c.juju("deploy ./tracer.charm lone").ok();
    c
}

/// Asserts exit code, standard output and what standard error is (all of it).
#[track_caller]
fn check(c: &Controller, cases: &[(&str, u8, &str, &str)]) {
    for (line, code, stdout, stderr) in cases {
        let said = c.juju(line);
        assert_eq!(
            (said.code, said.stdout.as_str(), said.stderr.as_str()),
            (*code, *stdout, *stderr),
            "{line}"
        );
    }
}

#[test]
fn offering() {
    for juju in [V3_6, V4_0] {
        let c = controller(juju);
        check(
            &c,
            &[
                (
                    "offer m.server:server",
                    0,
                    "",
                    "Application \"server\" endpoints [server] available at \"admin/m.server\"\n",
                ),
                (
                    "offer admin/m.server:server,client multi",
                    0,
                    "",
                    "Application \"server\" endpoints [server, client] available at \"admin/m.multi\"\n",
                ),
                (
                    "offer lone:ring peer",
                    0,
                    "",
                    "Application \"lone\" endpoints [ring] available at \"admin/uses.peer\"\n",
                ),
                (
                    "offer",
                    2,
                    "",
                    "ERROR an offer must at least specify application endpoint\n",
                ),
                (
                    "offer lone",
                    1,
                    "",
                    "ERROR endpoints must conform to format \"<application-name>:<endpoint-name>[,...]\" \n",
                ),
                (
                    "offer lone:server Bad_Name",
                    1,
                    "",
                    "ERROR offer name \"Bad_Name\" not valid\n",
                ),
            ],
        );
    }
    check(
        &controller(V3_6),
        &[
            (
                "offer m.server:nosuch bad",
                1,
                "",
                "ERROR cannot add application offer \"bad\": getting relation endpoint for relation \"nosuch\" and application \
                 \"server\": application \"server\" has no \"nosuch\" relation\n",
            ),
            (
                "offer m.nosuch:server",
                1,
                "",
                "ERROR getting offered application nosuch: application \"nosuch\" not found\n",
            ),
            (
                "offer nosuchmodel.server:server",
                1,
                "",
                "ERROR model embedded:admin/nosuchmodel not found\n",
            ),
        ],
    );
    let c = controller(V4_0);
    let uuid = c.model().info.uuid.0.clone();
    check(
        &c,
        &[
            (
                "offer m.server:nosuch bad",
                1,
                "",
                "ERROR creating offer \"bad\": \"nosuch\": endpoint not found\n",
            ),
            (
                "offer m.nosuch:server",
                1,
                "",
                &format!("ERROR application \"nosuch\" not found in model \"{uuid}\"\n"),
            ),
            (
                "offer nosuchmodel.server:server",
                1,
                "",
                "ERROR getting model details: model embedded:admin/nosuchmodel not found\n",
            ),
        ],
    );
}

#[test]
fn status_of_some_applications_has_their_offers_alone_in_4_0() {
    for (juju, of_client) in [(V4_0, false), (V3_6, true)] {
        let c = controller(juju);
        c.juju("offer m.server:server both").ok();
        for (selector, shown) in [("", true), ("server", true), ("client", of_client)] {
            let status = c
                .juju(&format!("status -m m --format json {selector}"))
                .ok()
                .json();
            let offers = status["offers"].as_object();
            assert_eq!(offers.is_some(), shown, "{juju:?} {selector}");
        }
    }
}

#[test]
fn lists_of_offers() {
    let c = controller(V4_0);
    check(
        &c,
        &[
            (
                "offers -m m",
                0,
                "Offer  User  Relation ID  Status  Endpoint  Interface  Role  Ingress subnets\n",
                "",
            ),
            ("offers --format json", 0, "{}\n", ""),
            (
                "find-offers",
                1,
                "",
                "ERROR no matching application offers found\n",
            ),
            (
                "find-offers --format json",
                1,
                "{}\n",
                "ERROR no matching application offers found\n",
            ),
        ],
    );
    c.juju("offer m.server:server,client both").ok();
    c.juju("offer m.client:client cl2").ok();
    let users = json!({ "admin": { "display-name": "admin", "access": "admin" } });
    let client = json!({ "interface": "trace", "role": "requirer" });
    let server = json!({ "interface": "trace", "role": "provider" });
    let arch = crate::status::Host::ARCH;
    let cl2 = json!({
        "application": "client",
        "store": "embedded",
        "charm": format!("local:{arch}/tracer-1"),
        "offer-url": "admin/m.cl2",
        "endpoints": { "client": client },
        "users": users,
    });
    assert_eq!(
        c.juju("offers -m m --application client --format json")
            .json(),
        json!({ "cl2": cl2 })
    );
    assert_eq!(
        c.juju("find-offers --format json").json(),
        json!({
            "embedded:admin/m.both": { "access": "admin", "endpoints": { "client": client, "server": server }, "users": users },
            "embedded:admin/m.cl2": { "access": "admin", "endpoints": { "client": client }, "users": users },
        })
    );
    let found = "Store     URL           Access  Interfaces\n\
                 embedded  admin/m.both  admin   trace:client, trace:server\n\
                 embedded  admin/m.cl2   admin   trace:client\n";
    let one =
        "Store     URL          Access  Interfaces\nembedded  admin/m.cl2  admin   trace:client\n";
    let header = "Offer  User  Relation ID  Status  Endpoint  Interface  Role  Ingress subnets\n";
    check(
        &c,
        &[
            ("find-offers", 0, found, ""),
            ("find-offers embedded:", 0, found, ""),
            ("find-offers admin/m", 0, found, ""),
            ("find-offers embedded:admin/m", 0, found, ""),
            ("find-offers m --interface trace", 0, found, ""),
            ("find-offers --url admin/m.cl2", 0, one, ""),
            ("find-offers --offer cl2", 0, one, ""),
            (
                "find-offers --interface nosuch",
                1,
                "",
                "ERROR no matching application offers found\n",
            ),
            (
                "find-offers nosuch:",
                1,
                "",
                "ERROR controller \"nosuch\": not logged\n",
            ),
            (
                "find-offers --offer a --url b",
                2,
                "",
                "ERROR cannot specify both a URL term and offer term\n",
            ),
            (
                "offers -m m",
                0,
                &format!(
                    "{header}both   -                                                     \ncl2    -                                                     \n"
                ),
                "",
            ),
            ("offers -m m --active-only", 0, header, ""),
            ("offers -m m nosuch", 0, header, ""),
            (
                "show-offer admin/m.both",
                0,
                "Store     URL           Access  Description  Endpoint  Interface  Role\n\
                 embedded  admin/m.both  admin   d            client    trace      requirer\n                                             \
                 server    trace      provider\n",
                "",
            ),
            (
                "show-offer admin/m.nosuch",
                1,
                "",
                "ERROR application offer \"admin/m.nosuch\"\n",
            ),
            ("show-offer", 2, "", "ERROR must specify endpoint URL\n"),
        ],
    );
    assert_eq!(
        c.juju("show-offer admin/m.cl2 --format json").json(),
        json!({ "embedded:admin/m.cl2": { "description": "d", "access": "admin", "endpoints": { "client": client }, "users": users } })
    );
    let c = controller(V3_6);
    c.juju("offer m.server:server").ok();
    let shown = c.juju("offers -m m --format json").json();
    assert_eq!(
        shown["server"]["users"]["everyone@external"],
        json!({ "access": "read" })
    );
    assert_eq!(shown["server"]["charm"], "local:tracer-0");
    check(
        &c,
        &[(
            "show-offer admin/m.nosuch",
            1,
            "",
            "ERROR application offer \"admin/m.nosuch\" not found\n",
        )],
    );
    let header = c.juju("offers").ok().stdout;
    assert!(header.contains("Relation id"), "{header}");
}

#[test]
fn consuming() {
    for juju in [V3_6, V4_0] {
        let c = controller(juju);
        c.juju("offer m.server:server").ok();
        c.juju("offer m.client:client cl").ok();
        let differs = |v3: &'static str, v4: &'static str| if juju == V3_6 { v3 } else { v4 };
        check(
            &c,
            &[
                (
                    "consume admin/m.server",
                    0,
                    "",
                    "Added admin/m.server as server\n",
                ),
                (
                    "consume admin/m.server",
                    0,
                    "",
                    "Added admin/m.server as server\n",
                ),
                (
                    "consume m.server alias",
                    0,
                    "",
                    "Added admin/m.server as alias\n",
                ),
                (
                    "consume embedded:admin/m.cl",
                    0,
                    "",
                    "Added embedded:admin/m.cl as cl\n",
                ),
                (
                    "consume admin/m.nosuch",
                    1,
                    "",
                    "ERROR application offer \"admin/m.nosuch\" not found\n",
                ),
                (
                    "consume nosuch:admin/m.server",
                    1,
                    "",
                    differs(
                        "ERROR controller nosuch not found\n",
                        "ERROR controller \"nosuch\": not logged\n",
                    ),
                ),
                (
                    "consume bad",
                    1,
                    "",
                    differs(
                        "ERROR application offer URL is missing application\n",
                        "ERROR offer URL is missing the name\n",
                    ),
                ),
                (
                    "consume admin/nosuch.server",
                    1,
                    "",
                    differs(
                        "ERROR model \"admin/nosuch\" not found\n",
                        "ERROR model \"admin/nosuch\": not found\n",
                    ),
                ),
                (
                    "consume admin/m.server Bad_Name",
                    2,
                    "",
                    "ERROR invalid application name \"Bad_Name\"\n",
                ),
                (
                    "consume admin/m.cl server",
                    1,
                    "",
                    "ERROR cannot add saas application \"server\": saas application already exists\n",
                ),
                (
                    "consume admin/m.cl lone",
                    1,
                    "",
                    "ERROR cannot add saas application \"lone\": local application with same name already exists\n",
                ),
                (
                    "deploy ./tracer.charm cl",
                    1,
                    "",
                    "Located local charm \"tracer\", revision 1\nDeploying \"cl\" from local charm \"tracer\", revision 1 on \
                     ubuntu@24.04/stable\nERROR cannot add application \"cl\": saas application with same name already exists\n",
                ),
                ("remove-saas cl", 0, "", ""),
                ("consume", 2, "", "ERROR no remote offer specified\n"),
                (
                    "remove-saas",
                    2,
                    "",
                    "ERROR no SAAS application names specified\n",
                ),
            ],
        );
        let unknown = c.juju("remove-saas nosuch");
        assert_eq!(
            (unknown.code, unknown.stderr.as_str()),
            match juju {
                V3_6 => (
                    1,
                    "removing SAAS application nosuch failed: saas application \"nosuch\" not found\n"
                ),
                V4_0 => (0, ""),
            }
        );
    }
}

#[test]
fn a_relation_to_an_offer() {
    for juju in [V3_6, V4_0] {
        let c = controller(juju);
        c.juju("offer m.server:server,client both").ok();
        c.juju("integrate lone:client admin/m.both:server --via 10.0.0.0/8,192.168.1.0/24")
            .silent();
        let state = c.hub.snapshot();
        let uses = state.model_named("uses").unwrap();
        let (here, cross) = uses
            .relations
            .values()
            .find_map(|relation| Some((relation, relation.cross_model.clone()?)))
            .unwrap();
        let alias = c.model().relations.get(&cross.relation).unwrap().clone();
        let alias = alias.cross_model.unwrap().application;
        assert!(alias.len() == 39 && alias.starts_with("remote-"), "{alias}");
        // The agent of `lone/0` enters the scope.
        let uuid = uses.info.uuid.clone();
        let entered = c
            .hub
            .transact_model::<(), crate::model::Rejected>(&uuid, |model| {
                let member = Member {
                    in_scope: true,
                    ..Member::default()
                };
                let relation = model.relations.get_mut(&here.id).unwrap();
                relation.members.insert(UnitName::new("lone", 0), member);
                Ok(())
            });
        entered.unwrap();
        let connection = json!({
            "source-model-uuid": uuid,
            "username": "admin",
            "relation-id": cross.relation,
            "endpoint": "server",
            "status": { "current": "joining", "since": "just now" },
            "ingress-subnets": ["10.0.0.0/8", "192.168.1.0/24"],
        });
        let offers = c.juju("offers -m m --format json").json();
        assert_eq!(offers["both"]["connections"], json!([connection]));
        let text = c.juju("offers -m m --active-only").ok().stdout;
        let row = text.lines().nth(1).unwrap();
        assert!(
            row.ends_with("joining  server    trace      provider  10.0.0.0/8,192.168.1.0/24"),
            "{text}"
        );

        let status = c.juju("status --format json").json();
        let consumed = &status["application-endpoints"]["both"];
        assert_eq!(consumed["url"], "admin/m.both");
        assert_eq!(consumed["relations"], json!({ "server": ["lone"] }));
        assert_eq!(
            consumed["application-status"]["message"],
            "waiting for machine"
        );
        assert_eq!(consumed.get("life").is_some(), juju == V4_0);
        assert_eq!(
            consumed["endpoints"].get("juju-info").is_some(),
            juju == V4_0
        );
        assert_eq!(
            status["applications"]["lone"]["relations"]["client"],
            json!([{ "related-application": "both", "interface": "trace", "scope": "global" }])
        );
        let tables = c.juju("status --relations").ok().stdout;
        assert!(
            tables.contains("\nSAAS  Status   Store  URL\nboth  waiting  local  admin/m.both\n"),
            "{tables}"
        );
        assert!(
            tables.contains("both:server           lone:client  trace      regular  \n"),
            "{tables}"
        );
        let offering = c.juju("status -m m --format json").json();
        assert_eq!(offering["offers"]["both"]["total-connected-count"], 1);
        assert!(
            offering["applications"]["server"]["relations"]
                .get("server")
                .is_none()
        );
        let tables = c.juju("status -m m --relations").ok().stdout;
        assert!(
            tables.contains(
                "Offer  Application  Charm   Rev  Connected  Endpoint  Interface  Role\n\
                 both   server       tracer  0    0/1        client    trace      requirer\n                                            \
                 server    trace      provider\n"
            ),
            "{tables}"
        );
        assert!(!tables.contains("remote-"), "{tables}");
        let unit = c.juju("show-unit -m m server/0 --format json").json();
        let data = unit["server/0"]["relation-info"].as_array().unwrap();
        let data = data.iter().find(|one| one["cross-model"] == true).unwrap();
        let member = format!("{alias}/0");
        assert_eq!(data["related-units"][&member]["in-scope"], true, "{data}");

        let id = cross.relation;
        c.juju(&format!("suspend-relation -m m {id} --message held"))
            .silent();
        let offers = c.juju("offers -m m --format json").json();
        let status = &offers["both"]["connections"][0]["status"];
        assert_eq!(
            status["current"], "suspended",
            "no unit of the offer is in it"
        );
        assert_eq!(status["message"], "held");
        assert_eq!(status.get("since").is_some(), juju == V3_6);
        let tables = c.juju("status --relations").ok().stdout;
        assert!(
            tables.contains("regular  suspending   - held\n"),
            "{tables}"
        );
        c.juju(&format!("resume-relation -m m {id}")).silent();
        let why = match juju {
            V3_6 => {
                "ERROR cannot set suspend status for \"lone:client both:server\" which is not associated with an offer\n"
            }
            V4_0 => "ERROR relation must be a remote relation to be suspended\n",
        };
        check(
            &c,
            &[
                (&format!("suspend-relation {}", here.id), 1, "", why),
                (
                    "suspend-relation",
                    2,
                    "",
                    "ERROR no relation ids specified\n",
                ),
                (
                    "resume-relation x",
                    2,
                    "",
                    "ERROR relation ID \"x\" not valid\n",
                ),
            ],
        );
        let refused = c.juju("remove-offer m.both");
        assert_eq!(refused.code, 1);
        let why = match juju {
            V3_6 => "ERROR cannot delete application offer \"both\": offer has 1 relation\n",
            V4_0 => "it has 1 connections\n",
        };
        assert!(refused.stderr.ends_with(why), "{refused:?}");
        let refused = c.juju("remove-application -m m server --no-prompt");
        assert!(
            refused.stderr.contains("application is used by 1 consumer"),
            "{refused:?}"
        );
        c.juju("remove-offer admin/m.both --force -y").silent();
        let status = c.juju("status --format json").json();
        let status = &status["application-endpoints"]["both"]["application-status"];
        assert_eq!(
            (&status["current"], &status["message"]),
            (&json!("terminated"), &json!("offer has been removed"))
        );
    }
}

#[test]
fn removing_offers() {
    let c = controller(V4_0);
    c.juju("offer m.client:client cl").ok();
    c.juju("offer m.server:server multi").ok();
    c.juju("offer lone:server").ok();
    check(
        &c,
        &[
            ("remove-offer admin/m.cl", 0, "", ""),
            (
                "remove-offer admin/m.cl",
                1,
                "",
                "ERROR \"cl\": offer not found\n",
            ),
            ("remove-offer lone", 0, "", ""),
            ("remove-offer", 2, "", "ERROR no offers specified\n"),
        ],
    );
    let said = c.run(&["remove-offer", "admin/m.multi", "--force"], "n\n");
    assert_eq!(
        (said.code, said.stderr.as_str()),
        (
            1,
            "WARNING! This command will remove offers: admin/m.multi\nThis includes all relations to those offers.\n\n\
             Continue [y/N]? ERROR offer removal: aborted\n"
        )
    );
    check(
        &c,
        &[
            (
                "remove-offer admin/m.multi admin/m.nosuch -y --force",
                1,
                "",
                "ERROR \"nosuch\": offer not found\n",
            ),
            ("offers -m m --format json", 0, "{}\n", ""),
        ],
    );
}

#[test]
fn integrations_that_4_0_refuses() {
    let c = Controller::with_model_of(V4_0);
    c.write_charm("tracer", TRACER);
    c.pack_charm("tracer");
    c.juju("deploy ./tracer.charm server").ok();
    c.juju("deploy ./tracer.charm client").ok();
    c.juju("integrate server:server client:client").silent();
    c.juju("integrate client:server server:client").silent();
    let exists = "ERROR adding relation between endpoints \"server:server\" and \"client:client\": cannot add relation \
                  \"server:server\", \"client:client\": relation server:server client:client: already exists\n";
    let none = |a: &str, b: &str| {
        format!(
            "ERROR adding relation between endpoints \"{a}\" and \"{b}\": cannot relate endpoints \"{a}\" and \"{b}\": no compatible \
             endpoints found between applications\n"
        )
    };
    let unknown = |a: &str, b: &str, which: &str| {
        format!(
            "ERROR adding relation between endpoints \"{a}\" and \"{b}\": cannot relate endpoints \"{a}\" and \"{b}\": no candidates \
             for {which}: relation endpoint not found\n"
        )
    };
    check(
        &c,
        &[
            ("integrate server:server client:client", 1, "", exists),
            (
                "integrate server:server client:client --via 10.0.0.0/8",
                1,
                "",
                exists,
            ),
            (
                "integrate server:server client:client --via bogus",
                2,
                "",
                "ERROR invalid CIDR address: bogus\n",
            ),
            (
                "integrate server nosuch",
                1,
                "",
                &unknown("server", "nosuch", "nosuch"),
            ),
            (
                "integrate server:nosuch client:client",
                1,
                "",
                &unknown("server:nosuch", "client:client", "server:nosuch"),
            ),
            (
                "integrate server:server client:server",
                1,
                "",
                &none("server:server", "client:server"),
            ),
            (
                "integrate server:server nosuch:admin/x.y",
                1,
                "",
                "ERROR controller \"nosuch\": not logged\n",
            ),
            (
                "integrate client:client admin/nosuch.offer",
                1,
                "",
                "ERROR model \"admin/nosuch\": not found\n",
            ),
            (
                "integrate a/b.c d/e.f",
                2,
                "",
                "ERROR providing more than one remote endpoints not supported\n",
            ),
            (
                "remove-relation server client",
                1,
                "",
                "ERROR endpoints [\"server\" \"client\"] are ambiguous, specify relation endpoints or id (bad request)\n",
            ),
            (
                "remove-relation 999",
                1,
                "",
                "ERROR relation with endpoints [] or id 999 not found (not found)\n",
            ),
            (
                "remove-relation server:nosuch client",
                1,
                "",
                "ERROR relation with endpoints [server:nosuch client] or id 0 not found (not found)\n",
            ),
            (
                "remove-relation server nosuch",
                1,
                "",
                "ERROR relation with endpoints [server nosuch] or id 0 not found (not found)\n",
            ),
        ],
    );
}
