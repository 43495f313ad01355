//! Functions of every shape that a charm test may have run, with their parameters, and give their outcome.

#![deny(warnings)]

#[path = "../../support/charmtest.rs"]
mod charmtest;

use std::rc::Rc;

use charmtest::{Context, Failure, FromContext, Model, ModelName, Result, charm_test};

struct Fixture {
    greeting: String,
}

impl<'a> FromContext<'a> for Fixture {
    async fn from_context(cx: &'a Context) -> Result<Self> {
        let ModelName(name) = ModelName::from_context(cx).await?;
        Ok(Self { greeting: format!("hello {name}") })
    }
}

struct Missing;

impl<'a> FromContext<'a> for Missing {
    async fn from_context(_: &'a Context) -> Result<Self> {
        Err(Failure("no such fixture".to_owned()))
    }
}

#[charm_test(crate = "crate::charmtest")]
async fn waits(model: &Model, ModelName(name): ModelName, mut fixture: Fixture) -> Result {
    // A test future need not be `Send`.
    let shared = Rc::new(model);
    std::future::ready(()).await;
    fixture.greeting.push('!');
    assert_eq!((shared.name, name, fixture.greeting.as_str()), ("lab", "lab", "hello lab!"));
    Ok(())
}

#[charm_test(crate = "crate::charmtest")]
fn blocks(model: &Model) -> std::result::Result<(), std::num::ParseIntError> {
    model.name.parse::<u16>().map(drop)
}

#[charm_test(crate = "crate::charmtest")]
fn returns_an_unnamed_error(_: ModelName) -> std::result::Result<(), impl Into<Failure>> {
    Err(Failure("unnamed".to_owned()))
}

#[charm_test(crate = "crate::charmtest")]
async fn never_starts(_: Missing) {
    unreachable!("its parameter cannot be provided");
}

// Names that the expansion might use itself.
const ARG: u8 = 1;

#[charm_test(crate = "crate::charmtest")]
fn cx(#[allow(unused_variables)] result: &Model) {
    assert_eq!(ARG, 1);
}

#[charm_test(crate = "crate::charmtest")]
fn result(cx: &Model, arg0: ModelName) {
    assert_eq!(cx.name, arg0.0);
}

#[charm_test(crate = "crate::charmtest")]
fn arg0(arg1: &Model, _: ModelName) {
    assert_eq!(arg1.name, "lab");
}

fn main() {
    assert_eq!(charmtest::run("waits"), Ok(()));
    assert_eq!(charmtest::run("blocks"), Err(Failure("invalid digit found in string".to_owned())));
    assert_eq!(charmtest::run("returns_an_unnamed_error"), Err(Failure("unnamed".to_owned())));
    assert_eq!(charmtest::run("never_starts"), Err(Failure("no such fixture".to_owned())));
    for name in ["cx", "result", "arg0"] {
        assert_eq!(charmtest::run(name), Ok(()), "{name}");
    }
}
