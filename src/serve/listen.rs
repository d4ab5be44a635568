//! From a listening socket to a router: accepting, TLS handshakes, HTTP, and the end. Nobody may
//! hold a connection for long without a whole request head, or without taking the answer, and
//! nothing started here outlives [`serve`]. Bodies of requests and what the answers are, are the
//! router's matter.

mod activity;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use activity::{Activity, Answer, Busy};

/// Largest head of a request in bytes; the longest honest ones carry a registry token of some KiB.
const MAX_HEAD_BYTES: u32 = 64 << 10;
/// Most requests at once on one HTTP/2 connection. kube-apiserver sends all of its reviews over
/// one; what they cost is capped further in.
const MAX_STREAMS: u32 = 250;
/// How often a silent HTTP/2 peer is asked whether it is there, and how long it may take to say so.
const PING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));
/// How long a peer may take to close a connection after it was told to.
const LINGER: Duration = Duration::from_secs(5);
/// Pauses after the system refused to accept (no file descriptors left), from and up to.
const PAUSE: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// What connections may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenLimits {
    /// Most connections at once, handshakes included; the next ones wait in the system's backlog.
    pub max_connections: usize,
    /// Longest TLS handshake.
    pub handshake_timeout: Duration,
    /// Longest wait for a whole request head: from the first byte, after the one before on
    /// HTTP/1.1, and from the handshake to the first one on HTTP/2.
    pub header_timeout: Duration,
    /// How long an HTTP/2 connection may be kept without a request, and how long the peer may stop
    /// taking an answer.
    pub idle_timeout: Duration,
    /// How long running requests may take to finish after the shutdown began.
    pub drain: Duration,
}

impl Default for ListenLimits {
    /// Kubernetes kills 30 s after it said so; every webhook deadline is shorter than the drain.
    fn default() -> Self {
        Self {
            max_connections: 1024,
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(15),
            idle_timeout: Duration::from_mins(5),
            drain: Duration::from_secs(25),
        }
    }
}

/// Serves `router` on `listener`, with TLS if configured, until `shutdown`. Then accepts nothing
/// more, lets running requests finish for up to `limits.drain`, cuts the rest and returns.
/// The peer's address is in the requests' extensions as [`ConnectInfo`].
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    router: Router,
    limits: ListenLimits,
    shutdown: CancellationToken,
) {
    let tasks = Tasks { tracker: TaskTracker::new(), cut: CancellationToken::new() };
    let server = Arc::new(Server {
        acceptor: tls.map(TlsAcceptor::from),
        http: http(&limits, &tasks),
        router,
        limits,
        shutdown: shutdown.clone(),
    });
    shutdown.run_until_cancelled(accept_all(listener, &server, &tasks)).await;
    tasks.end(limits.drain).await;
}

/// All that was started, so that all of it can be ended. Also where hyper runs HTTP/2 requests.
#[derive(Clone)]
struct Tasks {
    tracker: TaskTracker,
    cut: CancellationToken,
}

impl Tasks {
    fn start(&self, task: impl Future + Send + 'static) {
        let cut = self.cut.clone();
        self.tracker.spawn(async move {
            cut.run_until_cancelled(task).await;
        });
    }

    async fn end(&self, drain: Duration) {
        self.tracker.close();
        if timeout(drain, self.tracker.wait()).await.is_err() {
            tracing::warn!(
                tasks = self.tracker.len(),
                "cut what did not finish before the shutdown"
            );
            self.cut.cancel();
            self.tracker.wait().await;
        }
    }
}

impl<F: Future + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.start(task);
    }
}

fn http(limits: &ListenLimits, tasks: &Tasks) -> auto::Builder<Tasks> {
    let mut http = auto::Builder::new(tasks.clone());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(usize::try_from(MAX_HEAD_BYTES).unwrap_or(usize::MAX));
    http.http2()
        .timer(TokioTimer::new())
        .max_header_list_size(MAX_HEAD_BYTES)
        .max_concurrent_streams(MAX_STREAMS)
        .keep_alive_interval(PING.0)
        .keep_alive_timeout(PING.1);
    http
}

async fn accept_all(listener: TcpListener, server: &Arc<Server>, tasks: &Tasks) {
    let slots = Arc::new(Semaphore::new(server.limits.max_connections.min(Semaphore::MAX_PERMITS)));
    // The semaphore is never closed.
    while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
        let (stream, peer) = accept(&listener).await;
        tasks.start(Arc::clone(server).connection(stream, peer, slot));
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let mut pause = PAUSE.0;
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                sleep(pause).await;
                pause = pause.saturating_mul(2).min(PAUSE.1);
            }
        }
    }
}

/// Errors of the connection that was about to be accepted; the next one may be fine.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}

struct Server {
    acceptor: Option<TlsAcceptor>,
    http: auto::Builder<Tasks>,
    router: Router,
    limits: ListenLimits,
    shutdown: CancellationToken,
}

impl Server {
    /// One connection from its first byte to its last; `_slot` is given back at the end.
    async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        _slot: OwnedSemaphorePermit,
    ) {
        // Answers are small and awaited; failing to say so only makes them slower.
        let _ = stream.set_nodelay(true);
        let Some(acceptor) = &self.acceptor else { return self.converse(stream, peer).await };
        let handshake = timeout(self.limits.handshake_timeout, acceptor.accept(stream));
        match self.shutdown.run_until_cancelled(handshake).await {
            Some(Ok(Ok(stream))) => self.converse(stream, peer).await,
            Some(Ok(Err(error))) => tracing::debug!(%peer, %error, "TLS handshake failed"),
            Some(Err(_)) => tracing::debug!(%peer, "TLS handshake took too long"),
            None => {}
        }
    }

    /// Answers requests until the peer ends it, the shutdown begins or nothing moves for long.
    async fn converse(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: SocketAddr,
    ) {
        let activity = Activity::default();
        let service =
            service_fn(|request| answer(self.router.clone(), activity.begin(), peer, request));
        let mut connection = pin!(self.http.serve_connection(TokioIo::new(stream), service));
        let linger = LINGER.min(self.limits.header_timeout);
        let still = tokio::select! {
            ended = connection.as_mut() => return log(peer, ended),
            () = self.shutdown.cancelled() => false,
            () = activity.still(self.limits.header_timeout, self.limits.idle_timeout) => true,
        };
        connection.as_mut().graceful_shutdown();
        // A peer may ignore the goodbye.
        tokio::select! {
            ended = connection.as_mut() => log(peer, ended),
            () = activity.still(linger, linger), if still => {}
            () = activity.idle(linger), if !still => {}
        }
    }
}

fn log(peer: SocketAddr, ended: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(error) = ended {
        tracing::debug!(%peer, error, "connection ended");
    }
}

async fn answer(
    router: Router,
    busy: Busy,
    peer: SocketAddr,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    request.extensions_mut().insert(ConnectInfo(peer));
    let response = router.oneshot(request.map(Body::new)).await?;
    Ok(response.map(|body| Body::new(Answer::new(body, busy))))
}

#[cfg(test)]
mod tests;
