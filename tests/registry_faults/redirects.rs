//! Redirects: followed to where blobs are, without credentials, and not into the intranet.

use plimsoll::model::Cause;
use plimsoll::registry::credentials::Credentials;
use plimsoll::registry::{Registry, UnlistedRegistries};

use super::auth::config_file;
use super::{client, client_of, drain, listed, noise};
use crate::support::registry::{Auth, FakeRegistry, Fault, OCI_LAYER};

#[tokio::test]
async fn blobs_may_lie_elsewhere_but_credentials_stay() {
    let registry = FakeRegistry::start().await;
    let storage = FakeRegistry::start().await;
    let blob = storage.put_blob(OCI_LAYER, noise(200_000));
    registry.fault("blobs", Fault::Redirect(storage.base()));
    registry.require(Auth::Token("bob", "s3cret"));
    storage.fault_times("blobs", Fault::CutAfter(100_000), 1);
    let (_dir, credentials) = config_file(&registry, "bob", "s3cret");
    let (client, _) = client_of(&[listed(&registry, credentials)], UnlistedRegistries::None);
    let (read, error) = drain(&client, &registry.reference("a", "1"), &blob).await;
    assert!(error.is_none() && read.len() == 200_000, "{error:?}");
    for request in storage.requests() {
        assert_eq!(request.authorization, None);
        assert_eq!(request.referer, None);
    }
    // Resumed by asking the registry again: a signature may have expired meanwhile.
    assert_eq!(storage.requests().len(), 2);
    assert!(storage.requests()[1].range.is_some());
}

#[tokio::test]
async fn signed_addresses_do_not_show_in_errors() {
    let registry = FakeRegistry::start().await;
    let storage = FakeRegistry::start().await;
    let blob = registry.put_blob(OCI_LAYER, "x");
    registry.fault("blobs", Fault::Redirect(storage.base()));
    for fault in [Fault::Status(404), Fault::Hang, Fault::Status(500)] {
        storage.fault_times("blobs", fault.clone(), 3);
        let (_, error) = drain(&client(&registry), &registry.reference("a", "1"), &blob).await;
        let text = error.unwrap().to_string();
        assert!(!text.contains("s3cret") && !text.contains("Signature"), "{text}");
    }
    drop(storage);
    tokio::task::yield_now().await;
    let (_, error) = drain(&client(&registry), &registry.reference("a", "1"), &blob).await;
    let text = error.unwrap().to_string();
    assert!(!text.contains("s3cret") && !text.contains("Signature"), "{text}");
}

#[tokio::test]
async fn redirects_to_forbidden_places_are_refused() {
    for target in [
        "http://169.254.169.254/latest/meta-data/iam",
        "http://metadata.google.internal/computeMetadata/v1/",
        "http://[fe80::1]/",
        "http://0.0.0.0/",
        "gopher://127.0.0.1/",
    ] {
        let registry = FakeRegistry::start().await;
        let blob = registry.put_blob(OCI_LAYER, "x");
        registry.fault("blobs", Fault::RedirectExactly(target.to_owned()));
        let error = client(&registry).blob(&registry.reference("a", "1"), &blob).await.err();
        let error = error.expect(target);
        assert_eq!(error.cause(), Cause::RegistryUnreachable, "{target}");
        assert_eq!(registry.requests().len(), 1, "no retry: {target}: {error}");
    }
}

#[tokio::test]
async fn a_redirect_does_not_show_what_is_behind_it() {
    let registry = FakeRegistry::start().await;
    let inside = FakeRegistry::start().await;
    let blob = registry.put_blob(OCI_LAYER, "x");
    registry.fault("blobs", Fault::Redirect(inside.base()));
    let body = r#"{"message":"k8s-s3cret"}"#.to_owned();
    inside.fault("blobs", Fault::Answer(403, "x-a", "b".into(), body));
    let error = client(&registry).blob(&registry.reference("a", "1"), &blob).await.err().unwrap();
    assert!(error.to_string().ends_with(": status 403"), "{error}");
}

#[tokio::test]
async fn redirects_are_counted() {
    let registry = FakeRegistry::start().await;
    let blob = registry.put_blob(OCI_LAYER, "x");
    registry.fault_times("blobs", Fault::Redirect(registry.base()), 5);
    let reference = registry.reference("a", "1");
    assert!(client(&registry).blob(&reference, &blob).await.is_ok());
    registry.fault("blobs", Fault::Redirect(registry.base()));
    let before = registry.requests().len();
    let error = client(&registry).blob(&reference, &blob).await.err().unwrap();
    assert!(error.to_string().ends_with("too many redirects"), "{error}");
    assert_eq!(registry.requests().len() - before, 6);
}

#[tokio::test]
async fn tls_needs_the_configured_certificate_and_is_never_left() {
    let (registry, ca_pem) = FakeRegistry::start_tls().await;
    let digest = registry.put_image("a", "1", &[b"layer"]);
    let blob = registry.put_blob(OCI_LAYER, "layer");
    let reference = registry.reference("a", "1");
    let mut host = listed(&registry, Credentials::Anonymous);
    host.plain_http = false;
    let (distrusting, _) = client_of(&[host.clone()], UnlistedRegistries::None);
    let error = distrusting.manifest(&reference).await.unwrap_err();
    assert_eq!(error.cause(), Cause::RegistryUnreachable);
    assert!(error.to_string().contains("certificate"), "{error}");

    host.ca_pem = Some(ca_pem);
    let (trusting, _) = client_of(&[host], UnlistedRegistries::None);
    assert_eq!(trusting.manifest(&reference).await.unwrap().digest, digest);
    assert!(drain(&trusting, &reference, &blob).await.1.is_none());

    let plain = FakeRegistry::start().await;
    plain.put_blob(OCI_LAYER, "layer");
    registry.fault("blobs", Fault::Redirect(plain.base()));
    let error = trusting.blob(&reference, &blob).await.err().unwrap();
    assert!(error.to_string().ends_with("redirect from https to http"), "{error}");
    assert!(plain.requests().is_empty());
}
