//! Panics of charm tests: the message and the line of the test's own code.

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

thread_local! {
    /// What the panic hook records on the thread of a test; `None` on any other thread.
    static RECORDER: RefCell<Option<Recorder>> = const { RefCell::new(None) };
}

struct Recorder {
    root: Arc<SourceRoot>,
    last: Option<Panic>,
}

/// A panic of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Panic {
    pub(super) message: String,
    /// `FILE:LINE:COLUMN`, in the workspace if any frame of the stack is.
    pub(super) location: Option<String>,
}

/// The directories that tell the user's own source files from those of libraries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SourceRoot {
    package: PathBuf,
    workspace: PathBuf,
}

impl SourceRoot {
    /// Finds the workspace of a package: the directory that `file`, a source file of the package as the compiler names it,
    /// is relative to.
    pub(super) fn find(package: &Path, file: &str) -> Self {
        let workspace = package
            .ancestors()
            .find(|directory| directory.join(file).is_file())
            .unwrap_or(package);
        Self {
            package: package.to_owned(),
            workspace: workspace.to_owned(),
        }
    }

    /// Returns the path relative to the workspace if it names one of the workspace's own sources.
    fn own<'a>(&self, file: &'a Path) -> Option<&'a Path> {
        let relative = match file.strip_prefix(&self.workspace) {
            Ok(relative) => relative,
            // The compiler names files of the workspace relative to it, and those of dependencies by absolute paths.
            Err(_) if file.is_relative() => file,
            Err(_) => return None,
        };
        let mut parts = relative.components().map(|part| part.as_os_str());
        (!parts.any(|part| part == "target" || part == ".cargo" || part == "vendor"))
            .then_some(relative)
    }
}

/// Records panics of the current thread instead of printing them; for the thread of one test.
pub(super) fn record_on_this_thread(root: Arc<SourceRoot>) {
    install_hook();
    RECORDER.set(Some(Recorder { root, last: None }));
}

/// Returns the last panic of the current thread; `payload` is what unwinding brought, in case that the hook never ran.
pub(super) fn take(payload: &(dyn Any + Send)) -> Panic {
    RECORDER
        .with_borrow_mut(|recorder| recorder.as_mut()?.last.take())
        .unwrap_or_else(|| Panic {
            message: message_of(payload),
            location: None,
        })
}

fn install_hook() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let backtrace_wanted =
                std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0");
            let recorded = RECORDER.with_borrow_mut(|recorder| {
                let Some(recorder) = recorder else {
                    return false;
                };
                recorder.last = Some(Panic {
                    message: message_of(info.payload()),
                    location: info.location().map(|at| {
                        own_location(&recorder.root, at, || {
                            Backtrace::force_capture().to_string()
                        })
                    }),
                });
                true
            });
            if !recorded || backtrace_wanted {
                previous(info);
            }
        }));
    });
}

/// Returns the panic's own place if it is in the workspace, else the place of the innermost frame that is, if any is.
fn own_location(
    root: &SourceRoot,
    at: &Location<'_>,
    backtrace: impl FnOnce() -> String,
) -> String {
    if root.own(Path::new(at.file())).is_some() {
        return at.to_string();
    }
    first_own_frame(root, &backtrace()).unwrap_or_else(|| at.to_string())
}

/// Finds the first frame of the workspace in a printed backtrace; the standard library offers frames in no other form.
fn first_own_frame(root: &SourceRoot, backtrace: &str) -> Option<String> {
    let mut symbol = "";
    for line in backtrace.lines().map(str::trim_start) {
        let Some(place) = line.strip_prefix("at ") else {
            symbol = line.split_once(": ").map_or(line, |(_, symbol)| symbol);
            continue;
        };
        if symbol.trim_start_matches('<').starts_with("charmtest::") {
            continue;
        }
        let mut parts = place.rsplitn(3, ':');
        let (Some(column), Some(line), Some(file)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        // The printer shortens paths below the working directory to `./..`.
        let file = root.package.join(file.strip_prefix("./").unwrap_or(file));
        if let Some(own) = root.own(&file) {
            return Some(format!("{}:{line}:{column}", own.display()));
        }
    }
    None
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        return (*text).to_owned();
    }
    match payload.downcast_ref::<String>() {
        Some(text) => text.clone(),
        None => "the test panicked with a value that is no text".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> SourceRoot {
        SourceRoot {
            package: "/ws/charms/web".into(),
            workspace: "/ws".into(),
        }
    }

    #[test]
    fn the_workspace_is_what_source_files_are_relative_to() {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = SourceRoot::find(package, file!());
        assert!(root.workspace.join(file!()).is_file());
        assert_eq!(SourceRoot::find(package, "nowhere.rs").workspace, package);
    }

    #[test]
    fn own_sources_are_those_of_the_workspace() {
        let cases = [
            ("charms/web/tests/integration/main.rs", true),
            ("/ws/charms/web/tests/integration/main.rs", true),
            ("/ws/target/debug/build/out.rs", false),
            ("/ws/.cargo/registry/src/insta/lib.rs", false),
            ("/home/me/.cargo/registry/src/insta/lib.rs", false),
            ("/rustc/0123/library/core/src/panicking.rs", false),
        ];
        for (file, own) in cases {
            assert_eq!(root().own(Path::new(file)).is_some(), own, "{file}");
        }
    }

    #[test]
    fn the_innermost_own_frame_is_found() {
        let backtrace = "\
   0: std::backtrace::Backtrace::create
             at /rustc/0123/library/std/src/backtrace.rs:331:13
   1: insta::runtime::assert_snapshot
             at /home/me/.cargo/registry/src/insta/runtime.rs:734:9
   2: <charmtest::ops_test::Model as core::fmt::Debug>::fmt
             at /ws/charmtest-core/src/ops_test/model.rs:1:1
   3: integration::status::snapshot::{{closure}}
             at ./tests/integration/status.rs:14:5
   4: integration::main
             at ./tests/integration/main.rs:3:1";
        assert_eq!(
            first_own_frame(&root(), backtrace).as_deref(),
            Some("charms/web/tests/integration/status.rs:14:5")
        );
        assert_eq!(first_own_frame(&root(), "disabled backtrace"), None);
    }

    #[test]
    fn a_panic_on_a_test_thread_is_recorded_with_its_place() {
        let root = Arc::new(SourceRoot::find(
            Path::new(env!("CARGO_MANIFEST_DIR")),
            file!(),
        ));
        let (panic, line) = std::thread::spawn(move || {
            record_on_this_thread(root);
            let line = line!() + 1;
            let payload = std::panic::catch_unwind(|| assert_eq!(1 + 1, 3, "sums")).unwrap_err();
            (take(payload.as_ref()), line)
        })
        .join()
        .unwrap();
        assert!(panic.message.contains("sums"), "{panic:?}");
        assert!(
            panic
                .location
                .unwrap()
                .starts_with(&format!("{}:{line}:", file!()))
        );
    }
}
