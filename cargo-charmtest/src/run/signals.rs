//! ^C and SIGTERM.

use std::sync::mpsc::Sender;
use std::thread;

use tokio::signal::unix::{SignalKind, signal};

use super::scheduler::Message;

/// A request to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interrupt {
    /// SIGINT.
    Int,
    /// SIGTERM.
    Term,
}

impl Interrupt {
    /// Returns the exit code of a run that was ended so.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Int => charmtest::exit::INTERRUPTED,
            Self::Term => charmtest::exit::TERMINATED,
        }
    }
}

/// Sends every SIGINT and SIGTERM of this process to `messages`, from a thread of its own.
///
/// # Errors
///
/// Fails when the signals cannot be caught.
pub(crate) fn forward(messages: Sender<Message>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let (mut int, mut term) = {
        let _inside = runtime.enter();
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        )
    };
    thread::spawn(move || {
        runtime.block_on(async {
            loop {
                let interrupt = tokio::select! {
                    _ = int.recv() => Interrupt::Int,
                    _ = term.recv() => Interrupt::Term,
                };
                if messages.send(Message::Interrupt(interrupt)).is_err() {
                    return;
                }
            }
        });
    });
    Ok(())
}
