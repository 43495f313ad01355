//! Functions of every shape that a fixture may have are made for the tests that ask for what they return, and torn down.

#![deny(warnings)]

#[path = "../../support/charmtest.rs"]
mod charmtest;

use std::num::ParseIntError;
use std::sync::atomic::{AtomicU32, Ordering};

use charmtest::__private::{FixtureDefinition, Needs, Scope};
use charmtest::{Failure, Model, ModelName, Result, charm_fixture, charm_test, finish, tear_down};

/// How many values were torn down.
static ENDED: AtomicU32 = AtomicU32::new(0);

struct Plain(u8);

#[charm_fixture(crate = "crate::charmtest")]
fn plain() -> Plain {
    Plain(1)
}

struct Server {
    name: String,
}

/// Doc comments stay.
#[charm_fixture(scope = "module", teardown = stop, crate = "crate::charmtest")]
async fn server(model: &Model, ModelName(short): ModelName, plain: &Plain) -> Result<Server> {
    // What makes a value need not be `Send`.
    let name = std::rc::Rc::new(format!("{}-{short}-{}", model.name, plain.0));
    std::future::ready(()).await;
    Ok(Server { name: name.to_string() })
}

async fn stop(server: &Server) -> Result {
    assert_eq!(server.name, "lab-lab-1");
    std::future::ready(()).await;
    ENDED.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

struct Port(u16);

impl Port {
    fn close(&self) -> std::result::Result<(), ParseIntError> {
        "many".parse::<u16>().map(drop)
    }
}

#[charm_fixture(scope = "run", teardown = Port::close, crate = "crate::charmtest")]
fn port() -> std::result::Result<Port, ParseIntError> {
    "80".parse().map(Port)
}

struct Broken;

#[charm_fixture(scope = "test", teardown = shared::end, crate = "crate::charmtest")]
fn broken(_: &Port) -> std::result::Result<Broken, ParseIntError> {
    "eighty".parse::<u16>().map(|_| Broken)
}

mod shared {
    pub(crate) fn end<T>(_: &T) {
        super::ENDED.fetch_add(10, super::Ordering::Relaxed);
    }
}

// Names that the expansion might use itself.
struct Clash(u8);

#[charm_fixture(teardown = end, crate = "crate::charmtest")]
fn make(cx: &Plain, made: &Port) -> Clash {
    assert_eq!(made.0, 80);
    Clash(cx.0)
}

fn end(_: &Clash) {}

macro_rules! written_by_a_macro {
    ($name:ident, $ty:ident, $value:expr) => {
        struct $ty(&'static str);

        #[charm_fixture(scope = "run", crate = "crate::charmtest")]
        fn $name() -> $ty {
            $ty($value)
        }
    };
}

written_by_a_macro!(east, East, "east");
written_by_a_macro!(west, West, "west");

#[charm_test(crate = "crate::charmtest")]
async fn asks(server: &Server, port: &Port, clash: &Clash, east: &East, west: &West) {
    assert_eq!((server.name.as_str(), port.0, clash.0), ("lab-lab-1", 80, 1));
    assert_eq!((east.0, west.0), ("east", "west"));
}

#[charm_test(crate = "crate::charmtest")]
fn never_starts(_: &Broken) {
    unreachable!("its fixture fails");
}

fn main() {
    assert_eq!(charmtest::run("asks"), Ok(()));
    let message = "fixture `broken` failed: invalid digit found in string".to_owned();
    assert_eq!(charmtest::run("never_starts"), Err(Failure(message)));
    // A fixture stays an ordinary function.
    assert_eq!(plain().0, 1);

    assert_eq!(finish(tear_down(&Server { name: "lab-lab-1".to_owned() })), Ok(()));
    assert_eq!(finish(tear_down(&Broken)), Ok(()));
    assert_eq!(finish(tear_down(&Plain(2))), Ok(()));
    assert_eq!(ENDED.load(Ordering::Relaxed), 11);
    let message = "invalid digit found in string".to_owned();
    assert_eq!(finish(tear_down(&Port(80))), Err(Failure(message)));

    let mut needs = Needs::default();
    (charmtest::entry("asks").needs)(&mut needs);
    let told = |fixture: FixtureDefinition| (fixture.name, fixture.scope, fixture.teardown);
    assert_eq!(
        needs.0.into_iter().map(told).collect::<Vec<_>>(),
        [
            ("server", Scope::Module, true),
            ("plain", Scope::Test, false),
            ("port", Scope::Run, true),
            ("make", Scope::Test, true),
            ("plain", Scope::Test, false),
            ("port", Scope::Run, true),
            ("east", Scope::Run, false),
            ("west", Scope::Run, false),
        ]
    );
    let mut needs = Needs::default();
    (charmtest::entry("never_starts").needs)(&mut needs);
    assert_eq!(needs.0.len(), 2, "{needs:?}");
}
