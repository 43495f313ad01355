//! ^C and SIGTERM: the first ends the run with its tear-down, the second at once. The end of whoever started the run counts as a SIGTERM.

use std::os::unix::process::parent_id;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};

use super::flag::{Either, Flag, race};
use crate::exit;
use crate::juju::kill_all_commands;

/// How often it is looked whether the program that started this one is still there.
const LOOK: Duration = Duration::from_millis(250);

/// A signal that ends a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// SIGINT, which ^C sends.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl Signal {
    /// Returns why a test did not run, or not to its end.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "interrupted",
            Self::Terminate => "terminated",
        }
    }

    pub(super) fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => exit::INTERRUPTED,
            Self::Terminate => exit::TERMINATED,
        }
    }
}

/// Sets `interrupt` at the first signal, and calls `on_second` and ends the process at the second.
///
/// # Errors
///
/// The system refuses the handlers; the process then ends at the first signal, as any process does.
pub(super) fn listen(
    runtime: &Handle,
    interrupt: Flag<Signal>,
    on_second: Arc<dyn Fn() + Send + Sync>,
) -> std::io::Result<()> {
    let _inside = runtime.enter();
    let mut interrupts = signal(SignalKind::interrupt())?;
    let mut terminations = signal(SignalKind::terminate())?;
    runtime.spawn(async move {
        loop {
            let received = match race(interrupts.recv(), terminations.recv()).await {
                Either::First(_) => Signal::Interrupt,
                Either::Second(_) => Signal::Terminate,
            };
            if interrupt.get().is_some() {
                on_second();
                kill_all_commands();
                leave(received);
            }
            interrupt.set(received);
        }
    });
    Ok(())
}

/// Sets `interrupt` when the program that started this one is gone: killed, it could not tell its test binaries to end.
pub(super) fn end_with_parent(runtime: &Handle, interrupt: Flag<Signal>) {
    let parent = parent_id();
    runtime.spawn(async move {
        while parent_id() == parent {
            tokio::time::sleep(LOOK).await;
        }
        if interrupt.get().is_none() {
            interrupt.set(Signal::Terminate);
        }
    });
}

#[expect(
    clippy::exit,
    reason = "the second signal must end the process whatever its threads do"
)]
fn leave(signal: Signal) -> ! {
    std::process::exit(i32::from(signal.exit_code()))
}
