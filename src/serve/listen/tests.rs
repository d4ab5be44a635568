//! Real sockets on ports the system chose. Nothing here asserts how long something took: a test
//! whose server does not do its part hangs and is ended by [`within`].

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::*;
use crate::tls::{Pair, make_certificates, server_config};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n\r\n";
const SHORT: Duration = Duration::from_millis(30);

struct Running {
    address: SocketAddr,
    shutdown: CancellationToken,
    ended: JoinHandle<()>,
}

async fn start(
    router: Router,
    limits: ListenLimits,
    tls: Option<Arc<rustls::ServerConfig>>,
) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let ended = tokio::spawn(serve(listener, tls, router, limits, shutdown.clone()));
    Running { address, shutdown, ended }
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_mins(1), work).await.expect("the server did not do its part")
}

/// All that the server says before it closes; a reset counts as closing.
async fn rest(mut stream: impl AsyncRead + Unpin) -> String {
    let mut said = Vec::new();
    let _ = within(stream.read_to_end(&mut said)).await;
    String::from_utf8_lossy(&said).into_owned()
}

async fn ask(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    rest(stream).await
}

fn hello() -> Router {
    Router::new().route("/", get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move {
        format!("hello {}", peer.ip())
    }))
}

#[tokio::test]
async fn answers_with_the_peers_address_and_ends() {
    let running = start(hello(), ListenLimits::default(), None).await;
    let said = ask(running.address).await;
    assert!(said.starts_with("HTTP/1.1 200 OK\r\n") && said.ends_with("hello 127.0.0.1"), "{said}");
    running.shutdown.cancel();
    within(running.ended).await.unwrap();
    assert!(TcpStream::connect(running.address).await.is_err());
}

fn tls_pair() -> (Arc<rustls::ServerConfig>, tokio_rustls::TlsConnector) {
    let made = make_certificates(&["localhost".into()]).unwrap();
    let pair = Pair::parse(made.cert_pem.as_bytes(), made.key_pem.as_bytes()).unwrap();
    let resolver = rustls::sign::SingleCertAndKey::from(pair.certified);
    let server = server_config(Arc::new(resolver), None).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    for ca in crate::tls::pair::certificates(made.ca_cert_pem.as_bytes()).unwrap() {
        roots.add(ca).unwrap();
    }
    let provider = Arc::new(crate::tls::pair::provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (server, Arc::new(client).into())
}

#[tokio::test]
async fn a_slow_handshake_holds_up_nobody_and_is_ended() {
    let (server, client) = tls_pair();
    let limits = ListenLimits { handshake_timeout: SHORT, ..ListenLimits::default() };
    let running = start(hello(), limits, Some(server)).await;
    let silent = TcpStream::connect(running.address).await.unwrap();
    let stream = TcpStream::connect(running.address).await.unwrap();
    let mut stream = client.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    let said = rest(stream).await;
    assert!(said.ends_with("hello 127.0.0.1"), "{said}");
    assert_eq!(rest(silent).await, "");
}

#[tokio::test]
async fn unfinished_heads_are_ended() {
    let limits = ListenLimits { header_timeout: SHORT, ..ListenLimits::default() };
    let running = start(hello(), limits, None).await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    for beginning in [&b""[..], b"GET / HT", b"GET / HTTP/1.1\r\nx: y\r\n", b"PRI", preface] {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        stream.write_all(beginning).await.unwrap();
        // Only that it ends is of interest.
        rest(stream).await;
    }
}

#[tokio::test]
async fn large_heads_are_refused() {
    let running = start(hello(), ListenLimits::default(), None).await;
    for (length, fits) in [(30 << 10, true), (70 << 10, false)] {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let filler = "x".repeat(length);
        let head = format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx: {filler}\r\n\r\n");
        let _ = stream.write_all(head.as_bytes()).await;
        assert_eq!(rest(stream).await.starts_with("HTTP/1.1 200 "), fits, "{length}");
    }
}

/// Answers when told to, and says when it was asked.
fn waiting(asked: &Arc<Notify>, go: &Arc<Notify>) -> Router {
    let (asked, go) = (Arc::clone(asked), Arc::clone(go));
    Router::new().route(
        "/",
        get(move || async move {
            asked.notify_one();
            go.notified().await;
            "done"
        }),
    )
}

#[tokio::test]
async fn running_requests_finish_at_shutdown() {
    let (asked, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let running = start(waiting(&asked, &go), ListenLimits::default(), None).await;
    let answer = tokio::spawn(ask(running.address));
    within(asked.notified()).await;
    running.shutdown.cancel();
    go.notify_one();
    assert!(within(answer).await.unwrap().ends_with("done"));
    within(running.ended).await.unwrap();
}

#[tokio::test]
async fn what_outlasts_the_drain_is_cut() {
    let (asked, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let limits = ListenLimits { drain: SHORT, ..ListenLimits::default() };
    let running = start(waiting(&asked, &go), limits, None).await;
    let answer = tokio::spawn(ask(running.address));
    within(asked.notified()).await;
    running.shutdown.cancel();
    within(running.ended).await.unwrap();
    assert_eq!(within(answer).await.unwrap(), "");
}

#[tokio::test]
async fn an_idle_connection_does_not_delay_the_shutdown() {
    let running = start(hello(), ListenLimits::default(), None).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a.example\r\n\r\n").await.unwrap();
    let mut first = [0; 15];
    within(stream.read_exact(&mut first)).await.unwrap();
    running.shutdown.cancel();
    within(running.ended).await.unwrap();
    rest(stream).await;
}

#[tokio::test]
async fn no_more_connections_than_the_cap_are_served() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let router = Router::new().route(
        "/",
        get(move || async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            now.fetch_sub(1, Ordering::SeqCst);
            "done"
        }),
    );
    let limits = ListenLimits { max_connections: 2, ..ListenLimits::default() };
    let running = start(router, limits, None).await;
    let answers: Vec<_> = (0..12).map(|_| tokio::spawn(ask(running.address))).collect();
    for answer in answers {
        assert!(answer.await.unwrap().ends_with("done"));
    }
    assert!(seen.load(Ordering::SeqCst) <= 2);
}

#[test]
fn only_errors_of_the_system_make_it_pause() {
    let table = [
        (io::ErrorKind::ConnectionAborted, true),
        (io::ErrorKind::ConnectionReset, true),
        (io::ErrorKind::Other, false),
    ];
    for (kind, expected) in table {
        assert_eq!(concerns_one_connection(&kind.into()), expected, "{kind}");
    }
}
