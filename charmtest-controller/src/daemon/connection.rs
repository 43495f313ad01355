//! One client's connection.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};

use super::Daemon;
use crate::cli::{self, Io};
use crate::protocol::{Frame, Kind, LIMIT, Request};
use crate::tools::{self, Answer, Call};

/// How long a client may take to send its request: it does so at once, or it is not one of ours.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);

/// Serves a client in a task of its own.
pub(super) fn spawn(daemon: Arc<Daemon>, stream: UnixStream) {
    let own = stream
        .peer_cred()
        .is_ok_and(|peer| peer.uid() == rustix::process::getuid().as_raw());
    if !own {
        return;
    }
    let presence = daemon.clients.enter();
    tokio::spawn(async move {
        // Dropped with the task, also when a bug ends it.
        let _presence = presence;
        let (mut reader, writer) = stream.into_split();
        let request = tokio::time::timeout(REQUEST_LIMIT, read_request(&mut reader)).await;
        if let Ok(Some(request)) = request {
            serve(&daemon, request, reader, writer).await;
        }
    });
}

async fn serve(
    daemon: &Arc<Daemon>,
    request: Request,
    reader: OwnedReadHalf,
    mut writer: OwnedWriteHalf,
) {
    // A client that does not read its answers is its own problem: errors of writing end the connection.
    match request.kind {
        Kind::Ping => send_pid(&mut writer).await,
        Kind::Stop => {
            send_pid(&mut writer).await;
            daemon.clients.close();
        }
        Kind::Juju if !daemon.takes(&request.build) => {
            let _ = send(&mut writer, &Frame::Restart).await;
        }
        Kind::Juju => juju(daemon, request, reader, writer).await,
        Kind::Tool => tool(daemon, request, reader, writer).await,
    }
}

async fn send_pid(writer: &mut OwnedWriteHalf) {
    let text = format!("{}\n", std::process::id());
    let _ = send(writer, &Frame::Stdout(text.into_bytes())).await;
    let _ = send(writer, &Frame::Exit(0)).await;
}

async fn juju(
    daemon: &Arc<Daemon>,
    request: Request,
    reader: OwnedReadHalf,
    mut writer: OwnedWriteHalf,
) {
    if send(&mut writer, &Frame::Accepted).await.is_err() {
        return;
    }
    let (frames, mut queue) = mpsc::channel::<Frame>(64);
    let (gone, is_gone) = watch::channel(false);
    let (stdin, stdin_queue) = mpsc::channel::<Vec<u8>>(4);
    let listening = tokio::spawn(listen(reader, stdin, gone));
    let io = Io::new(frames, stdin_queue, is_gone);
    let daemon = Arc::clone(daemon);
    let running = tokio::spawn(async move { cli::run(&daemon.hub, request, io).await });
    while let Some(frame) = queue.recv().await {
        if send(&mut writer, &frame).await.is_err() {
            break;
        }
    }
    drop(queue);
    // A panic in a command is a bug; the client is told, the daemon lives.
    let code = match running.await {
        Ok(code) => code,
        Err(_) => {
            let text = "ERROR the embedded controller failed inside this command; its log has the details\n";
            let _ = send(&mut writer, &Frame::Stderr(text.into())).await;
            1
        }
    };
    let _ = send(&mut writer, &Frame::Exit(code)).await;
    listening.abort();
}

/// Passes standard input on and notices when the client goes away.
async fn listen(
    mut reader: OwnedReadHalf,
    stdin: mpsc::Sender<Vec<u8>>,
    gone: watch::Sender<bool>,
) {
    while let Some(Frame::Data(bytes)) = read_frame(&mut reader).await {
        // The command may have ended or stopped reading.
        let _ = stdin.send(bytes).await;
    }
    gone.send_replace(true);
}

async fn tool(
    daemon: &Arc<Daemon>,
    request: Request,
    mut reader: OwnedReadHalf,
    mut writer: OwnedWriteHalf,
) {
    let context = request
        .env
        .get("JUJU_CONTEXT_ID")
        .map(String::as_str)
        .unwrap_or_default();
    let Some((context, turn)) = daemon.agents.contexts().get(context) else {
        let text = format!("ERROR bad request: wrong context ID; got {context:?}\n");
        let _ = send(&mut writer, &Frame::Stderr(text.into_bytes())).await;
        let _ = send(&mut writer, &Frame::Exit(1)).await;
        return;
    };
    let mut argv = request.argv.into_iter();
    let mut call = Call {
        name: argv.next().unwrap_or_default(),
        args: argv.collect(),
        cwd: request.cwd.into(),
        stdin: None,
    };
    loop {
        let own = turn.lock().await;
        // It waits for the disk, perhaps for a large resource: others must not wait with it.
        let answer = tokio::task::block_in_place(|| tools::run(&daemon.hub, &context, &call));
        drop(own);
        match answer {
            Answer::NeedsStdin => {
                if send(&mut writer, &Frame::WantStdin).await.is_err() {
                    return;
                }
                let Some(input) = read_stdin(&mut reader).await else {
                    return;
                };
                call.stdin = Some(input);
            }
            Answer::Done {
                code,
                stdout,
                stderr,
            } => {
                let mut bytes = Vec::new();
                if !stdout.is_empty() {
                    bytes.extend(Frame::Stdout(stdout).encode());
                }
                if !stderr.is_empty() {
                    bytes.extend(Frame::Stderr(stderr).encode());
                }
                bytes.extend(Frame::Exit(code).encode());
                let _ = writer.write_all(&bytes).await;
                return;
            }
        }
    }
}

/// Reads all of the client's standard input; `None` when the client goes away or sends too much.
async fn read_stdin(reader: &mut OwnedReadHalf) -> Option<Vec<u8>> {
    let mut input = Vec::new();
    loop {
        match read_frame(reader).await? {
            Frame::Data(bytes) if bytes.is_empty() => return Some(input),
            Frame::Data(bytes) if input.len() + bytes.len() <= LIMIT => input.extend(bytes),
            _ => return None,
        }
    }
}

async fn read_request(reader: &mut OwnedReadHalf) -> Option<Request> {
    let length = reader.read_u32().await.ok()? as usize;
    if length > LIMIT {
        return None;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).await.ok()?;
    Request::decode(&body)
}

async fn read_frame(reader: &mut OwnedReadHalf) -> Option<Frame> {
    let kind = reader.read_u8().await.ok()?;
    let length = reader.read_u32().await.ok()? as usize;
    if length > LIMIT {
        return None;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).await.ok()?;
    Frame::decode(kind, body)
}

async fn send(writer: &mut OwnedWriteHalf, frame: &Frame) -> std::io::Result<()> {
    writer.write_all(&frame.encode()).await
}
