//! ^C, SIGTERM and SIGHUP.

use std::sync::mpsc::Sender;
use std::thread;

use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

/// A request to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interrupt {
    /// SIGINT.
    Int,
    /// SIGTERM, or SIGHUP: the terminal is gone.
    Term,
}

impl Interrupt {
    /// Returns the signal that asks another process for the same.
    pub(crate) fn signal(self) -> Signal {
        match self {
            Self::Int => Signal::INT,
            Self::Term => Signal::TERM,
        }
    }

    /// Returns the exit code of a run that was ended so.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Int => charmtest::exit::INTERRUPTED,
            Self::Term => charmtest::exit::TERMINATED,
        }
    }
}

/// Sends every SIGINT, SIGTERM and SIGHUP of this process to `messages`, from a thread of its own.
///
/// # Errors
///
/// Fails when the signals cannot be caught.
pub(crate) fn forward<M: From<Interrupt> + Send + 'static>(
    messages: Sender<M>,
) -> std::io::Result<()> {
    forward_to(move |interrupt| messages.send(interrupt.into()).is_ok())
}

/// As [`forward`], by way of `send`, which says whether anybody still wants them.
///
/// # Errors
///
/// Fails when the signals cannot be caught.
pub(crate) fn forward_to(send: impl Fn(Interrupt) -> bool + Send + 'static) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let (mut int, mut term, mut hangup) = {
        let _inside = runtime.enter();
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        )
    };
    thread::spawn(move || {
        runtime.block_on(async {
            loop {
                let interrupt = tokio::select! {
                    _ = int.recv() => Interrupt::Int,
                    _ = term.recv() => Interrupt::Term,
                    _ = hangup.recv() => Interrupt::Term,
                };
                if !send(interrupt) {
                    return;
                }
            }
        });
    });
    Ok(())
}
