//! Authentication: passwords, tokens, identity tokens, rotation, and where secrets do not go.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll::model::Cause;
use plimsoll::registry::client::RegistryClient;
use plimsoll::registry::credentials::Credentials;
use plimsoll::registry::{Registry, UnlistedRegistries};
use serde_json::json;
use tempfile::TempDir;

use super::{client, client_of, drain, listed};
use crate::support::registry::{Auth, FakeRegistry, Fault, OCI_LAYER};

/// A docker configuration with one login.
pub fn config_file(registry: &FakeRegistry, user: &str, password: &str) -> (TempDir, Credentials) {
    let dir = tempfile::tempdir().unwrap();
    write_login(&dir, registry, user, password);
    let path = dir.path().join("config.json");
    (dir, Credentials::DockerConfig(path))
}

fn write_login(dir: &TempDir, registry: &FakeRegistry, user: &str, password: &str) {
    let auth = STANDARD.encode(format!("{user}:{password}"));
    let config = json!({"auths": {registry.host(): {"auth": auth}}});
    std::fs::write(dir.path().join("config.json"), config.to_string()).unwrap();
}

fn with(registry: &FakeRegistry, credentials: Credentials) -> RegistryClient {
    client_of(&[listed(registry, credentials)], UnlistedRegistries::None).0
}

#[tokio::test]
async fn passwords_and_tokens_open_the_door() {
    for auth in [Auth::Basic("bob", "s3cret"), Auth::Token("bob", "s3cret"), Auth::AnonymousToken] {
        let registry = FakeRegistry::start().await;
        let digest = registry.put_image("ml/app", "1", &[b"layer"]);
        let blob = registry.put_blob(OCI_LAYER, "layer");
        registry.require(auth.clone());
        let (_dir, credentials) = config_file(&registry, "bob", "s3cret");
        let client = with(&registry, credentials);
        let reference = registry.reference("ml/app", "1");
        assert_eq!(client.manifest(&reference).await.unwrap().digest, digest, "{auth:?}");
        assert!(drain(&client, &reference, &blob).await.1.is_none(), "{auth:?}");
        // One negotiation serves both.
        assert_eq!(registry.requests_to("manifests").len(), 2, "{auth:?}");
        assert_eq!(registry.requests_to("blobs").len(), 1, "{auth:?}");
        assert!(registry.tokens_issued() <= 1, "{auth:?}");
    }
}

#[tokio::test]
async fn wrong_or_missing_credentials_are_denied_once() {
    for auth in [Auth::Basic("bob", "other"), Auth::Token("bob", "other")] {
        let registry = FakeRegistry::start().await;
        registry.put_image("ml/app", "1", &[]);
        registry.require(auth.clone());
        let (_dir, credentials) = config_file(&registry, "bob", "s3cret");
        for client in [with(&registry, credentials), client(&registry)] {
            let error = client.manifest(&registry.reference("ml/app", "1")).await.unwrap_err();
            assert_eq!(error.cause(), Cause::RegistryDenied, "{auth:?}: {error}");
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
        assert!(registry.requests().len() <= 6, "{auth:?}: {:?}", registry.requests().len());
    }
}

#[tokio::test]
async fn a_password_never_leaves_for_a_realm_without_https_or_inside() {
    let (registry, ca_pem) = FakeRegistry::start_tls().await;
    let thief = FakeRegistry::start().await;
    let (_dir, credentials) = config_file(&registry, "bob", "s3cret");
    let mut host = listed(&registry, credentials);
    host.plain_http = false;
    host.ca_pem = Some(ca_pem);
    for realm in [
        format!("{}/token", thief.base()),
        "https://169.254.169.254/token".to_owned(),
        "https://metadata.google.internal/token".to_owned(),
        "file:///etc/passwd".to_owned(),
        "token".to_owned(),
    ] {
        registry.require(Auth::Realm(realm.clone()));
        let (client, _) = client_of(&[host.clone()], UnlistedRegistries::None);
        let error = client.manifest(&registry.reference("a", "1")).await.unwrap_err();
        assert_eq!(error.cause(), Cause::RegistryDenied, "{realm}: {error}");
    }
    assert!(thief.requests().is_empty());
    assert!(registry.requests().iter().all(|request| request.authorization.is_none()));
}

#[tokio::test]
async fn a_password_goes_to_the_realm_that_was_checked_and_no_other() {
    let (registry, ca_pem) = FakeRegistry::start_tls().await;
    let thief = FakeRegistry::start().await;
    let digest = registry.put_image("a", "1", &[]);
    let (_dir, credentials) = config_file(&registry, "bob", "s3cret");
    let mut host = listed(&registry, credentials);
    host.plain_http = false;
    host.ca_pem = Some(ca_pem);
    registry.require(Auth::Token("bob", "s3cret"));
    // The manifest's challenge is in order; the one at `/v2/` would give the password away.
    let lure = format!("Bearer realm=\"{}/token\",service=\"fake\"", thief.base());
    registry.fault("/v2/a/", Fault::Nothing);
    registry.fault("/v2/", Fault::Answer(401, "www-authenticate", lure, "{}".into()));
    let (client, _) = client_of(&[host], UnlistedRegistries::None);
    let fetched = client.manifest(&registry.reference("a", "1")).await;
    assert_eq!(fetched.unwrap().digest, digest);
    assert!(thief.requests().is_empty());
}

#[tokio::test]
async fn a_token_that_ran_out_is_replaced() {
    for status in [401, 403, 400] {
        let registry = FakeRegistry::start().await;
        let digest = registry.put_image("ml/app", "1", &[]);
        registry.require(Auth::Token("bob", "s3cret"));
        let (_dir, credentials) = config_file(&registry, "bob", "s3cret");
        let client = with(&registry, credentials);
        let reference = registry.reference("ml/app", "1");
        client.manifest(&reference).await.unwrap();
        registry.revoke_tokens(status);
        assert_eq!(client.manifest(&reference).await.unwrap().digest, digest, "{status}");
        assert_eq!(registry.tokens_issued(), 2, "{status}");
    }
}

#[tokio::test]
async fn rotated_credentials_are_picked_up() {
    let registry = FakeRegistry::start().await;
    registry.put_image("ml/app", "1", &[]);
    let (dir, credentials) = config_file(&registry, "bob", "old");
    let client = with(&registry, credentials);
    let reference = registry.reference("ml/app", "1");
    registry.require(Auth::Token("bob", "old"));
    client.manifest(&reference).await.unwrap();
    registry.require(Auth::Token("bob", "new"));
    registry.revoke_tokens(401);
    assert_eq!(client.manifest(&reference).await.unwrap_err().cause(), Cause::RegistryDenied);
    write_login(&dir, &registry, "bob", "new");
    client.manifest(&reference).await.unwrap();
    registry.require(Auth::Basic("bob", "newer"));
    write_login(&dir, &registry, "bob", "newer");
    client.manifest(&reference).await.unwrap();
}

#[tokio::test]
async fn identity_tokens_are_exchanged() {
    let registry = FakeRegistry::start().await;
    let digest = registry.put_image("ml/app", "1", &[]);
    registry.require(Auth::RefreshToken("r3fresh"));
    let (_dir, client) = with_identity(&registry);
    let reference = registry.reference("ml/app", "1");
    assert_eq!(client.manifest(&reference).await.unwrap().digest, digest);
    let exchange = &registry.requests_to("/token")[0];
    assert!(exchange.body.starts_with("grant_type=refresh_token&"), "{}", exchange.body);
    assert!(exchange.body.contains("scope=repository%3Aml%2Fapp%3Apull"), "{}", exchange.body);
    assert!(exchange.query.is_empty());

    registry.require(Auth::RefreshToken("other"));
    registry.revoke_tokens(401);
    let error = client.manifest(&reference).await.unwrap_err();
    assert_eq!(error.cause(), Cause::RegistryDenied);
    assert!(!error.to_string().contains("r3fresh"), "{error}");
    registry.require(Auth::Basic("a", "b"));
    let error = client.manifest(&reference).await.unwrap_err().to_string();
    assert!(error.contains("holds an identity token (hint: use a service account"), "{error}");
}

fn with_identity(registry: &FakeRegistry) -> (TempDir, RegistryClient) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.json");
    let config = json!({"auths": {registry.host(): {"identitytoken": "r3fresh"}}});
    std::fs::write(&path, config.to_string()).unwrap();
    let client = with(registry, Credentials::DockerConfig(path));
    (dir, client)
}

#[tokio::test]
async fn an_identity_token_does_not_follow_redirects() {
    let registry = FakeRegistry::start().await;
    let thief = FakeRegistry::start().await;
    registry.require(Auth::RefreshToken("r3fresh"));
    registry.fault("/token", Fault::RedirectExactly(format!("{}/token", thief.base())));
    let (_dir, client) = with_identity(&registry);
    assert!(client.manifest(&registry.reference("a", "1")).await.is_err());
    assert!(thief.requests().is_empty());
}

#[tokio::test]
async fn answers_of_token_services_are_capped() {
    const LIMIT: usize = 256 * 1024;
    for (length, fits) in [(LIMIT - 1, true), (LIMIT, true), (LIMIT + 1, false)] {
        let registry = FakeRegistry::start().await;
        registry.put_image("ml/app", "1", &[]);
        registry.require(Auth::RefreshToken("r3fresh"));
        let mut answer = json!({"access_token": "token-1"}).to_string();
        answer.push_str(&" ".repeat(length - answer.len()));
        registry.fault("/token", Fault::Answer(200, "x-a", "b".into(), answer));
        let (_dir, client) = with_identity(&registry);
        let fetched = client.manifest(&registry.reference("ml/app", "1")).await;
        assert_eq!(fetched.is_ok(), fits, "{length}: {:?}", fetched.err());
    }
}

#[tokio::test]
async fn trouble_at_the_token_service_passes() {
    for fault in [Fault::Status(503), Fault::Hang] {
        let registry = FakeRegistry::start().await;
        let digest = registry.put_image("ml/app", "1", &[]);
        registry.require(Auth::AnonymousToken);
        registry.fault_times("/token", fault.clone(), 1);
        let manifest = client(&registry).manifest(&registry.reference("ml/app", "1")).await;
        assert_eq!(manifest.unwrap().digest, digest, "{fault:?}");
    }
}

#[tokio::test]
async fn a_challenge_below_v2_alone_is_answered_too() {
    let registry = FakeRegistry::start().await;
    let digest = registry.put_image("ml/app", "1", &[]);
    registry.require(Auth::AnonymousToken);
    // Artifactory with anonymous access: only repositories ask for a token.
    let open = Fault::Answer(200, "x-a", "b".into(), "{}".into());
    registry.fault_times("/v2/ml", Fault::Nothing, 1);
    registry.fault_times("/v2/", open, 1);
    let reference = registry.reference("ml/app", "1");
    assert_eq!(client(&registry).manifest(&reference).await.unwrap().digest, digest);
}

#[tokio::test]
async fn many_requests_share_one_negotiation() {
    let registry = FakeRegistry::start().await;
    registry.put_image("ml/app", "1", &[]);
    registry.require(Auth::AnonymousToken);
    let (client, reference) = (client(&registry), registry.reference("ml/app", "1"));
    let fetches = (0..8).map(|_| client.manifest(&reference));
    for fetched in futures_util::future::join_all(fetches).await {
        fetched.unwrap();
    }
    assert_eq!(registry.tokens_issued(), 1);
}
