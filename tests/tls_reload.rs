//! TLS over real sockets: what a client sees while certificates change as kubelet, certbot and
//! hurried people change them, and who gets in at all.

use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use jiff::Timestamp;
use plimsoll::serve::listen::{ListenLimits, serve};
use plimsoll::tls::make::make_certificates_at;
use plimsoll::tls::{
    MadeCertificates, Polled, Reloader, TlsError, make_certificates, server_config,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::{CancellationToken, DropGuard};

fn made() -> MadeCertificates {
    make_certificates(&["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap()
}

/// A folder as kubelet makes it for a secret: `tls.crt -> ..data/tls.crt`, `..data -> ..<time>`.
struct Mounted {
    folder: tempfile::TempDir,
    versions: u32,
}

impl Mounted {
    fn new(chain: &str, key: &str) -> Self {
        let mut mounted = Self { folder: tempfile::tempdir().unwrap(), versions: 0 };
        mounted.swap(chain, key);
        for name in ["tls.crt", "tls.key"] {
            symlink(Path::new("..data").join(name), mounted.path(name)).unwrap();
        }
        mounted
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A new version beside the old one, then one rename of a symlink, then the old one goes.
    fn swap(&mut self, chain: &str, key: &str) {
        let old = self.path(&format!("..{}", self.versions));
        self.versions += 1;
        let version = format!("..{}", self.versions);
        std::fs::create_dir(self.path(&version)).unwrap();
        std::fs::write(self.path(&version).join("tls.crt"), chain).unwrap();
        std::fs::write(self.path(&version).join("tls.key"), key).unwrap();
        symlink(&version, self.path("..data_tmp")).unwrap();
        std::fs::rename(self.path("..data_tmp"), self.path("..data")).unwrap();
        let _ = std::fs::remove_dir_all(old);
    }

    fn reloader(&self) -> Arc<Reloader> {
        Arc::new(Reloader::load(self.path("tls.crt"), self.path("tls.key")).unwrap())
    }
}

async fn start(reloader: &Arc<Reloader>, client_ca: Option<&Path>) -> (SocketAddr, DropGuard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let config = server_config(reloader.clone(), client_ca).unwrap();
    let router = Router::new().route("/", get(|| async { "hello" }));
    let shutdown = CancellationToken::new();
    tokio::spawn(serve(listener, Some(config), router, ListenLimits::default(), shutdown.clone()));
    (address, shutdown.drop_guard())
}

fn roots(ca: &str) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
    roots
}

fn client(ca: &str) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots(ca))
}

async fn connect(
    address: SocketAddr,
    client: ClientConfig,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(client)).connect("localhost".try_into().unwrap(), stream).await
}

async fn ask(address: SocketAddr, client: ClientConfig) -> std::io::Result<String> {
    let mut stream = connect(address, client).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
    let mut said = String::new();
    stream.read_to_string(&mut said).await?;
    Ok(said)
}

/// Whether the server now shows a certificate that `ca` vouches for.
async fn shows(address: SocketAddr, ca: &MadeCertificates) -> bool {
    let said = ask(address, client(&ca.ca_cert_pem).with_no_client_auth()).await;
    said.is_ok_and(|said| said.ends_with("hello"))
}

#[tokio::test]
async fn follows_the_symlink_swap_of_kubelet() {
    let (old, new) = (made(), made());
    let mut mounted = Mounted::new(&old.cert_pem, &old.key_pem);
    let reloader = mounted.reloader();
    let (address, _running) = start(&reloader, None).await;
    assert!(shows(address, &old).await);
    let mut kept = connect(address, client(&old.ca_cert_pem).with_no_client_auth()).await.unwrap();

    assert_eq!(reloader.poll_once().unwrap(), Polled::Unchanged);
    mounted.swap(&new.cert_pem, &new.key_pem);
    assert_eq!(reloader.poll_once().unwrap(), Polled::Swapped);
    assert_eq!(reloader.poll_once().unwrap(), Polled::Unchanged);
    assert!(shows(address, &new).await);
    assert!(!shows(address, &old).await);

    // Connections of before go on.
    kept.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut said = String::new();
    kept.read_to_string(&mut said).await.unwrap();
    assert!(said.ends_with("hello"), "{said}");
}

#[tokio::test]
async fn a_bad_pair_leaves_the_last_good_one() {
    let (good, other) = (made(), made());
    let mut mounted = Mounted::new(&good.cert_pem, &good.key_pem);
    let reloader = mounted.reloader();
    let (address, _running) = start(&reloader, None).await;
    let half = &other.cert_pem[..other.cert_pem.len() / 2];
    for (chain, key) in [
        (&*other.cert_pem, &*good.key_pem),
        (&good.cert_pem, &other.key_pem),
        (half, &other.key_pem),
        ("", &other.key_pem),
        (&other.cert_pem, ""),
    ] {
        mounted.swap(chain, key);
        for _ in 0..2 {
            assert!(reloader.poll_once().is_err(), "{chain}");
        }
        assert!(shows(address, &good).await);
    }
    std::fs::remove_file(mounted.path("..data")).unwrap();
    assert!(matches!(reloader.poll_once(), Err(TlsError::File { .. })));
    assert!(shows(address, &good).await);

    mounted.swap(&other.cert_pem, &other.key_pem);
    assert_eq!(reloader.poll_once().unwrap(), Polled::Swapped);
    assert!(shows(address, &other).await);
}

#[tokio::test]
async fn a_pair_written_one_file_after_the_other_is_taken_when_whole() {
    let (old, new) = (made(), made());
    let folder = tempfile::tempdir().unwrap();
    let [chain, key] = ["tls.crt", "tls.key"].map(|name| folder.path().join(name));
    std::fs::write(&chain, &old.cert_pem).unwrap();
    std::fs::write(&key, &old.key_pem).unwrap();
    let reloader = Reloader::load(&chain, &key).unwrap();
    std::fs::write(&key, &new.key_pem).unwrap();
    assert!(matches!(reloader.poll_once(), Err(TlsError::Mismatch)));
    std::fs::write(&chain, &new.cert_pem).unwrap();
    assert_eq!(reloader.poll_once().unwrap(), Polled::Swapped);
}

#[tokio::test(start_paused = true)]
async fn the_loop_polls_tells_and_ends() {
    let (old, new) = (made(), made());
    let mut mounted = Mounted::new(&old.cert_pem, &old.key_pem);
    let reloader = mounted.reloader();
    let shutdown = CancellationToken::new();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let running = tokio::spawn(Arc::clone(&reloader).run(
        Duration::from_secs(30),
        shutdown.clone(),
        move |polled| tell.send(polled.as_ref().ok().copied()).unwrap(),
    ));
    assert_eq!(told.recv().await, Some(Some(Polled::Unchanged)));
    mounted.swap(&new.cert_pem, &old.key_pem);
    assert_eq!(told.recv().await, Some(None));
    mounted.swap(&new.cert_pem, &new.key_pem);
    assert_eq!(told.recv().await, Some(Some(Polled::Swapped)));
    shutdown.cancel();
    running.await.unwrap();
}

/// A CA, an intermediate, and a server certificate that only the chain of both explains.
fn with_intermediate() -> (String, String, String) {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
    let ca = |name: &str| {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        params
    };
    let root = CertifiedIssuer::self_signed(ca("root"), KeyPair::generate().unwrap()).unwrap();
    let middle =
        CertifiedIssuer::signed_by(ca("middle"), KeyPair::generate().unwrap(), &root).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &middle).unwrap();
    (root.pem(), format!("{}{}", leaf.pem(), middle.pem()), key.serialize_pem())
}

#[tokio::test]
async fn serves_whole_chains() {
    let (root, chain, key) = with_intermediate();
    let mounted = Mounted::new(&chain, &key);
    let (address, _running) = start(&mounted.reloader(), None).await;
    assert!(ask(address, client(&root).with_no_client_auth()).await.unwrap().ends_with("hello"));
}

/// One DER value: its content and what follows it.
fn der(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (length, start) = match usize::from(bytes[1]) {
        short @ ..0x80 => (short, 2),
        long => {
            let start = 2 + (long & 0x7f);
            (bytes[2..start].iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), start)
        }
    };
    bytes[start..].split_at(length)
}

/// The same key without the PKCS#8 envelope (version, algorithm, key), as older tools write it.
fn unwrapped(key: &rcgen::KeyPair, label: &str) -> String {
    use base64::Engine as _;
    let pkcs8 = key.serialize_der();
    let (envelope, _) = der(&pkcs8);
    let (_version, rest) = der(envelope);
    let (_algorithm, rest) = der(rest);
    let (key, _) = der(rest);
    let text = base64::engine::general_purpose::STANDARD.encode(key);
    format!("-----BEGIN {label} PRIVATE KEY-----\n{text}\n-----END {label} PRIVATE KEY-----\n")
}

#[test]
fn reads_every_form_of_key() {
    for (algorithm, label) in
        [(&rcgen::PKCS_ECDSA_P256_SHA256, "EC"), (&rcgen::PKCS_RSA_SHA256, "RSA")]
    {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        let chain = params.self_signed(&key).unwrap().pem();
        for key_pem in [key.serialize_pem(), unwrapped(&key, label)] {
            Mounted::new(&chain, &key_pem).reloader();
        }
    }
}

#[tokio::test]
async fn a_client_ca_keeps_others_out() {
    let server = made();
    let mounted = Mounted::new(&server.cert_pem, &server.key_pem);
    let (root, chain, key) = with_intermediate();
    let ca = mounted.path("client-ca.crt");
    std::fs::write(&ca, root).unwrap();
    let (address, _running) = start(&mounted.reloader(), Some(&ca)).await;
    let with = |chain: &str, key: &str| {
        let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        client(&server.ca_cert_pem).with_client_auth_cert(chain, key).unwrap()
    };
    assert!(ask(address, with(&chain, &key)).await.unwrap().ends_with("hello"));
    let (_, chain, key) = with_intermediate();
    assert!(ask(address, with(&chain, &key)).await.is_err());
    assert!(ask(address, client(&server.ca_cert_pem).with_no_client_auth()).await.is_err());

    for text in ["", "no PEM"] {
        std::fs::write(&ca, text).unwrap();
        assert!(server_config(mounted.reloader(), Some(&ca)).is_err(), "{text}");
    }
}

#[tokio::test]
async fn speaks_http2_to_those_who_can() {
    let made = made();
    let mounted = Mounted::new(&made.cert_pem, &made.key_pem);
    let (address, _running) = start(&mounted.reloader(), None).await;
    for (offered, chosen) in [
        (vec![b"h2".to_vec(), b"http/1.1".to_vec()], Some(&b"h2"[..])),
        (vec![b"http/1.1".to_vec()], Some(b"http/1.1")),
        (vec![], None),
    ] {
        let mut client = client(&made.ca_cert_pem).with_no_client_auth();
        client.alpn_protocols = offered;
        let stream = connect(address, client).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), chosen);
    }
}

/// A client's hello (RFC 5246, section 7.4.1.2) of TLS 1.1 (`minor` 2) or TLS 1.2 (3).
fn client_hello(minor: u8) -> Vec<u8> {
    let mut hello = vec![3, minor];
    hello.extend([7; 32]);
    // No session, ciphers ECDHE-ECDSA-AES128-SHA and -GCM-SHA256, no compression.
    hello.extend([0, 0, 4, 0xc0, 0x09, 0xc0, 0x2b, 1, 0]);
    // Curve P-256, uncompressed points, ECDSA with SHA-256.
    let extensions = [0, 10, 0, 4, 0, 2, 0, 0x17, 0, 11, 0, 2, 1, 0, 0, 13, 0, 4, 0, 2, 4, 3];
    hello.extend([0, u8::try_from(extensions.len()).unwrap()]);
    hello.extend(extensions);
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(hello);
    record
}

#[tokio::test]
async fn tls_1_1_is_refused() {
    let made = made();
    let mounted = Mounted::new(&made.cert_pem, &made.key_pem);
    let (address, _running) = start(&mounted.reloader(), None).await;
    let first = async |minor: u8| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&client_hello(minor)).await.unwrap();
        let mut said = [0; 7];
        stream.read_exact(&mut said).await.unwrap();
        said
    };
    // An alert, fatal, protocol_version; against a handshake record.
    let [kind, .., level, what] = first(2).await;
    assert_eq!((kind, level, what), (21, 2, 70));
    assert_eq!(first(3).await[0], 22);
}

#[test]
fn an_expired_certificate_is_served_and_seen() {
    let long_ago: Timestamp = "2020-06-01T12:00:00Z".parse().unwrap();
    let made = make_certificates_at(&["localhost".to_owned()], long_ago).unwrap();
    let mounted = Mounted::new(&made.cert_pem, &made.key_pem);
    assert_eq!(mounted.reloader().not_after().to_string(), "2021-06-01T00:00:00Z");
}
