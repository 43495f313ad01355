//! A command's standard streams.

use tokio::sync::{Mutex, mpsc, watch};

use crate::protocol::Frame;

/// The standard streams of the client that asked for a command.
#[derive(Debug)]
pub(crate) struct Io {
    frames: mpsc::Sender<Frame>,
    stdin: Mutex<Stdin>,
    gone: watch::Receiver<bool>,
}

#[derive(Debug)]
struct Stdin {
    queue: mpsc::Receiver<Vec<u8>>,
    asked: bool,
    ended: bool,
}

impl Io {
    /// Makes the streams from the connection's channels.
    pub(crate) fn new(
        frames: mpsc::Sender<Frame>,
        stdin: mpsc::Receiver<Vec<u8>>,
        gone: watch::Receiver<bool>,
    ) -> Self {
        Self {
            frames,
            stdin: Mutex::new(Stdin {
                queue: stdin,
                asked: false,
                ended: false,
            }),
            gone,
        }
    }

    /// Writes to the client's standard output. A client that went away is no error: [`Io::gone`] tells.
    pub(crate) async fn stdout(&self, text: &str) {
        self.send(Frame::Stdout, text.as_bytes()).await;
    }

    /// Writes bytes that are no text to the client's standard output.
    pub(crate) async fn stdout_bytes(&self, bytes: &[u8]) {
        self.send(Frame::Stdout, bytes).await;
    }

    /// Writes to the client's standard error.
    pub(crate) async fn stderr(&self, text: &str) {
        self.send(Frame::Stderr, text.as_bytes()).await;
    }

    /// Writes bytes as they are to the client's standard error.
    pub(crate) async fn stderr_bytes(&self, bytes: &[u8]) {
        self.send(Frame::Stderr, bytes).await;
    }

    /// Reads the next piece of the client's standard input; `None` at its end. Asking for the first piece makes the client read it.
    pub(crate) async fn read(&self) -> Option<Vec<u8>> {
        let mut stdin = self.stdin.lock().await;
        if stdin.ended {
            return None;
        }
        if !stdin.asked {
            stdin.asked = true;
            let _ = self.frames.send(Frame::WantStdin).await;
        }
        let piece = stdin.queue.recv().await.filter(|piece| !piece.is_empty());
        stdin.ended = piece.is_none();
        piece
    }

    /// Reads all of the client's standard input.
    pub(crate) async fn read_all(&self) -> Vec<u8> {
        let mut input = Vec::new();
        while let Some(piece) = self.read().await {
            input.extend(piece);
        }
        input
    }

    /// Resolves when the client went away (it was killed or interrupted): a command that only waits should end then.
    pub(crate) async fn gone(&self) {
        let mut gone = self.gone.clone();
        // An error means that the connection's task ended, which is the same to us.
        let _ = gone.wait_for(|gone| *gone).await;
    }

    async fn send(&self, kind: fn(Vec<u8>) -> Frame, bytes: &[u8]) {
        for piece in bytes.chunks(64 << 10) {
            // The receiver is dropped when the client went away.
            let _ = self.frames.send(kind(piece.to_vec())).await;
        }
    }
}
