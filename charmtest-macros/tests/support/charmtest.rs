//! A stand-in for the library `charmtest`: as much of it as the expansion of `#[charm_test]` touches.
//!
//! It keeps this crate's tests independent of the real library, which depends on this crate.

#![allow(unused, reason = "each test uses a part of it")]

use std::pin::pin;
use std::task::{self, Poll, Waker};

pub use __private::{Context, Failure, FromContext, IntoOutcome, tear_down};

/// The test attribute, exported as the real library does it.
pub use charmtest_macros::{charm_fixture, charm_test, module};

pub type Result<T = (), E = Failure> = std::result::Result<T, E>;

/// A parameter that is provided by reference.
#[derive(Debug)]
pub struct Model {
    pub name: &'static str,
}

/// A parameter that is provided by value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ModelName(pub &'static str);

#[doc(hidden)]
pub mod __private {
    use std::future::Future;
    use std::pin::Pin;

    pub use inventory;

    use super::{Model, ModelName};

    #[derive(Debug)]
    pub struct Context {
        pub model: Model,
    }

    #[derive(Debug, PartialEq)]
    pub struct Failure(pub String);

    impl<E: std::error::Error> From<E> for Failure {
        fn from(error: E) -> Self {
            Self(error.to_string())
        }
    }

    pub type BoxFuture<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + 'a>>;

    pub type Run = &'static (dyn for<'a> Fn(&'a Context) -> BoxFuture<'a> + Sync);

    pub struct TestEntry {
        pub module_path: &'static str,
        pub name: &'static str,
        pub case: Option<Case>,
        pub file: &'static str,
        pub line: u32,
        pub column: u32,
        pub package: &'static str,
        pub order: Option<i32>,
        pub marks: Marks,
        pub needs: fn(&mut Needs),
        pub run: Run,
    }

    #[derive(Debug, PartialEq)]
    pub struct Case {
        pub id: &'static str,
        pub index: u32,
    }

    #[derive(Debug)]
    pub struct Marks {
        pub abort_on_fail: bool,
        pub abort_on_xfail: bool,
        pub skip_if_deployed: bool,
        pub ignore: Option<&'static str>,
        pub tags: &'static [&'static str],
        pub timeout_ms: Option<u64>,
        pub xfail: Option<Xfail>,
        pub retries: Option<u32>,
    }

    #[derive(Debug, PartialEq)]
    pub struct Xfail {
        pub reason: &'static str,
        pub strict: bool,
    }

    inventory::collect!(TestEntry);

    #[derive(Debug)]
    pub struct ModuleEntry {
        pub module_path: &'static str,
        pub marks: Marks,
    }

    inventory::collect!(ModuleEntry);

    #[diagnostic::on_unimplemented(
        message = "`{Self}` cannot be a parameter of a charm test",
        label = "not a parameter that the harness can provide",
        note = "implement `FromContext` for `{Self}` to provide a fixture of your own"
    )]
    pub trait FromContext<'a>: Sized {
        fn from_context(cx: &'a Context) -> impl Future<Output = Result<Self, Failure>>;

        fn needs(_needs: &mut Needs) {}
    }

    impl<'a> FromContext<'a> for &'a Model {
        async fn from_context(cx: &'a Context) -> Result<Self, Failure> {
            Ok(&cx.model)
        }
    }

    impl<'a> FromContext<'a> for ModelName {
        async fn from_context(cx: &'a Context) -> Result<Self, Failure> {
            Ok(Self(cx.model.name))
        }
    }

    #[derive(Clone, Copy, Debug, PartialEq)]
    pub enum Scope {
        Test,
        Module,
        Run,
    }

    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct FixtureDefinition {
        pub name: &'static str,
        pub scope: Scope,
        pub teardown: bool,
    }

    /// What was asked for, each time that it was.
    #[derive(Debug, Default)]
    pub struct Needs(pub Vec<FixtureDefinition>);

    impl Needs {
        pub fn fixture<T: Fixture>(&mut self) {
            self.0.push(T::DEFINITION);
            T::needs(self);
        }
    }

    pub type MakeFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + 'a>>;

    pub trait Fixture: Send + Sync + Sized + 'static {
        const DEFINITION: FixtureDefinition;

        fn needs(_needs: &mut Needs) {}

        fn make(cx: &Context) -> MakeFuture<'_, Self>;

        fn tear_down(&self) -> MakeFuture<'_, ()> {
            Box::pin(std::future::ready(Ok(())))
        }
    }

    /// Makes a new value each time: keeping them is the library's matter.
    pub async fn fixture<T: Fixture>(cx: &Context) -> Result<&T, Failure> {
        T::make(cx).await.map(|value| &*Box::leak(Box::new(value)))
    }

    pub fn fixture_failure(name: &str, error: impl Into<Failure>) -> Failure {
        Failure(format!("fixture `{name}` failed: {}", error.into().0))
    }

    /// Tears a value down, and says what came of it.
    pub async fn tear_down<T: Fixture>(value: &T) -> Result<(), Failure> {
        value.tear_down().await
    }

    pub struct Ended<T>(std::cell::Cell<Option<T>>);

    impl<T> Ended<T> {
        pub fn new(value: T) -> Self {
            Self(std::cell::Cell::new(Some(value)))
        }
    }

    pub trait WaitFuture {
        type Output;
        fn end(self) -> impl Future<Output = Self::Output>;
    }

    impl<F: Future> WaitFuture for Ended<F> {
        type Output = F::Output;

        async fn end(self) -> F::Output {
            self.0.into_inner().unwrap().await
        }
    }

    pub trait WaitValue {
        type Output;
        fn end(&self) -> impl Future<Output = Self::Output>;
    }

    impl<T> WaitValue for Ended<T> {
        type Output = T;

        async fn end(&self) -> T {
            self.0.take().unwrap()
        }
    }

    #[diagnostic::on_unimplemented(
        message = "a charm test cannot return `{Self}`",
        label = "a charm test returns nothing or a `Result<(), E>`"
    )]
    pub trait IntoOutcome {
        fn into_outcome(self) -> Result<(), Failure>;
    }

    impl IntoOutcome for () {
        fn into_outcome(self) -> Result<(), Failure> {
            Ok(())
        }
    }

    impl<E: Into<Failure>> IntoOutcome for Result<(), E> {
        fn into_outcome(self) -> Result<(), Failure> {
            self.map_err(Into::into)
        }
    }
}

/// Returns the entries of the registry, in the order of their lines.
pub fn entries() -> Vec<&'static __private::TestEntry> {
    let mut entries: Vec<_> = inventory::iter::<__private::TestEntry>.into_iter().collect();
    entries.sort_by_key(|entry| (entry.file, entry.line, entry.column));
    entries
}

/// Returns the options of modules.
pub fn modules() -> Vec<&'static __private::ModuleEntry> {
    inventory::iter::<__private::ModuleEntry>.into_iter().collect()
}

/// Returns the only entry with this name.
pub fn entry(name: &str) -> &'static __private::TestEntry {
    let mut found = entries();
    found.retain(|entry| entry.name == name);
    match found[..] {
        [entry] => entry,
        _ => panic!("{} tests are called `{name}`", found.len()),
    }
}

/// Runs the only test with this name.
pub fn run(name: &str) -> Result {
    run_entry(entry(name))
}

/// Runs a test. Nothing here ever waits, so one poll has to finish it.
pub fn run_entry(entry: &__private::TestEntry) -> Result {
    let context = Context { model: Model { name: "lab" } };
    finish((entry.run)(&context))
}

/// Runs a future to its end. Nothing here ever waits, so one poll has to finish it.
pub fn finish<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut task::Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("it waits"),
    }
}

/// Defines a charm test whose function stands in this file, whoever calls the macro.
macro_rules! shared_test {
    () => {
        #[charm_test(crate = crate::charmtest)]
        fn shared() {}
    };
}
pub(crate) use shared_test;
