//! Manifests from a registry that misbehaves.

use std::sync::atomic::Ordering;

use plimsoll::model::manifest::{ACCEPT, MAX_MANIFEST_BYTES};
use plimsoll::model::{Cause, Digest};
use plimsoll::registry::credentials::Credentials;
use plimsoll::registry::{FetchError, HostConfig, Registry, UnlistedRegistries};

use super::{client, client_of, listed};
use crate::support::registry::{FakeRegistry, Fault, OCI_LAYER, descriptor, length};

/// The error of a fetch, with the port of the test taken out.
async fn error_of(registry: &FakeRegistry) -> FetchError {
    client(registry).manifest(&registry.reference("ml/app", "1")).await.unwrap_err()
}

fn words(registry: &FakeRegistry, error: &FetchError) -> String {
    error.to_string().replace(&registry.host(), "HOST")
}

#[tokio::test]
async fn fetches_by_tag_and_by_digest() {
    let registry = FakeRegistry::start().await;
    let digest = registry.put_image("ml/app", "1", &[b"layer"]);
    let (client, counts) =
        client_of(&[listed(&registry, Credentials::Anonymous)], UnlistedRegistries::None);
    let reference = registry.reference("ml/app", "1");
    assert_eq!(client.manifest(&reference).await.unwrap().digest, digest);
    let at = client.manifest(&reference.at(&digest)).await.unwrap();
    assert_eq!(Digest::of(&at.bytes), digest);
    assert_eq!(registry.requests()[0].accept.as_deref(), Some(ACCEPT));
    assert!(registry.requests()[1].path.ends_with(&digest.to_string()));
    assert_eq!(counts.responses.load(Ordering::Relaxed), 2);
    assert_eq!(counts.bytes.load(Ordering::Relaxed), 2 * length(&at.bytes));
}

#[tokio::test]
async fn each_refusal_has_its_cause() {
    for (status, cause, requests) in [
        (401, Cause::RegistryDenied, 1),
        (403, Cause::RegistryDenied, 1),
        (404, Cause::NotFound, 1),
        (429, Cause::RateLimited, 3),
        (500, Cause::RegistryUnreachable, 3),
        (503, Cause::RegistryUnreachable, 3),
        (400, Cause::RegistryUnreachable, 1),
    ] {
        let registry = FakeRegistry::start().await;
        registry.fault("manifests", Fault::Status(status));
        assert_eq!(error_of(&registry).await.cause(), cause, "{status}");
        assert_eq!(registry.requests().len(), requests, "{status}");
    }
}

#[tokio::test]
async fn says_what_was_asked_and_what_the_registry_said() {
    let registry = FakeRegistry::start().await;
    insta::assert_snapshot!(words(&registry, &error_of(&registry).await), @"not found: GET HOST/ml/app manifests/1: status 404: not known here");
    let long = "x".repeat(300);
    let body = format!(r#"{{"errors":[{{"code":"DENIED","message":"pay\nfirst {long}"}}]}}"#);
    registry.fault("manifests", Fault::Answer(403, "x-a", "b".into(), body));
    let denied = words(&registry, &error_of(&registry).await);
    assert!(denied.ends_with(&"x".repeat(190)) && denied.len() < 350, "{denied}");
    assert!(denied.contains("status 403: pay first x"), "{denied}");
}

#[tokio::test]
async fn a_registry_that_is_not_there_is_unreachable() {
    let registry = FakeRegistry::start().await;
    let (client, counts) =
        client_of(&[listed(&registry, Credentials::Anonymous)], UnlistedRegistries::None);
    let (reference, host) = (registry.reference("a", "1"), registry.host());
    drop(registry);
    // The port is closed once the server's task has been dropped.
    tokio::task::yield_now().await;
    let error = client.manifest(&reference).await.unwrap_err();
    assert_eq!(error.cause(), Cause::RegistryUnreachable);
    assert!(error.to_string().contains(&format!("GET {host}/a manifests/1: ")), "{error}");
    assert!(counts.failures.load(Ordering::Relaxed) >= 1);
}

#[tokio::test]
async fn a_registry_without_tls_is_told_as_such_and_once() {
    let registry = FakeRegistry::start().await;
    let host = HostConfig { plain_http: false, ..listed(&registry, Credentials::Anonymous) };
    let (client, counts) = client_of(&[host], UnlistedRegistries::None);
    let error = client.manifest(&registry.reference("ml/app", "1")).await.unwrap_err();
    insta::assert_snapshot!(words(&registry, &error), @"registry unreachable: GET HOST/ml/app manifests/1: the registry speaks HTTP without TLS (hint: `--plain-http`, or `plain-http: true` under `registries`)");
    assert_eq!(counts.failures.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn passing_trouble_passes() {
    for fault in [
        Fault::Status(500),
        Fault::Status(502),
        Fault::Status(429),
        Fault::Answer(429, "retry-after", "0".into(), String::new()),
        Fault::Answer(503, "retry-after", "Sun, 06 Nov 1994 08:49:37 GMT".into(), String::new()),
        Fault::Hang,
        Fault::CutAfter(10),
        Fault::StallAfter(10),
    ] {
        let registry = FakeRegistry::start().await;
        let digest = registry.put_image("ml/app", "1", &[]);
        registry.fault_times("manifests", fault.clone(), 2);
        let manifest = client(&registry).manifest(&registry.reference("ml/app", "1")).await;
        assert_eq!(manifest.unwrap().digest, digest, "{fault:?}");
        assert_eq!(registry.requests().len(), 3, "{fault:?}");
    }
}

#[tokio::test]
async fn a_ban_that_is_too_long_is_not_sat_out() {
    let registry = FakeRegistry::start().await;
    registry.fault("manifests", Fault::Answer(429, "retry-after", "3600".into(), String::new()));
    assert_eq!(error_of(&registry).await.cause(), Cause::RateLimited);
    assert_eq!(registry.requests().len(), 1);
}

#[tokio::test]
async fn a_registry_that_hangs_is_given_up() {
    let registry = FakeRegistry::start().await;
    registry.fault("manifests", Fault::Hang);
    let error = error_of(&registry).await;
    assert_eq!(error.cause(), Cause::RegistryUnreachable);
    insta::assert_snapshot!(words(&registry, &error), @"registry unreachable: GET HOST/ml/app manifests/1: timed out");
}

#[tokio::test]
async fn wrong_bytes_get_one_more_chance() {
    let registry = FakeRegistry::start().await;
    let digest = registry.put_image("ml/app", "1", &[]);
    let reference = registry.reference("ml/app", "1").at(&digest);
    registry.fault_times("manifests", Fault::WrongBytes, 1);
    assert_eq!(client(&registry).manifest(&reference).await.unwrap().digest, digest);
    assert_eq!(registry.requests().len(), 2);
    registry.fault("manifests", Fault::WrongBytes);
    let error = client(&registry).manifest(&reference).await.unwrap_err();
    assert!(matches!(error, FetchError::Mismatch(_)), "{error}");
    assert_eq!(registry.requests().len(), 4);
}

#[tokio::test]
async fn a_digest_header_that_lies_is_noticed() {
    let registry = FakeRegistry::start().await;
    let digest = registry.put_image("ml/app", "1", &[]);
    let reference = registry.reference("ml/app", "1");
    let lie = Fault::ClaimDigest(Digest::of(b"other").to_string());
    registry.fault("manifests", lie);
    assert!(matches!(error_of(&registry).await, FetchError::Mismatch(_)));
    // What was asked for by digest is what counts then.
    assert_eq!(client(&registry).manifest(&reference.at(&digest)).await.unwrap().digest, digest);
}

#[tokio::test]
async fn manifests_are_capped() {
    let limit = usize::try_from(MAX_MANIFEST_BYTES).unwrap();
    for (length, fault, fits) in [
        (limit - 1, Fault::Nothing, true),
        (limit, Fault::Nothing, true),
        (limit + 1, Fault::Nothing, false),
        // Not announced.
        (limit - 1, Fault::LongerChunked(1), true),
        (limit, Fault::LongerChunked(1), false),
    ] {
        let registry = FakeRegistry::start().await;
        let claim = Fault::ClaimDigest("none".into());
        registry.put_raw_manifest("ml/app", Some("1"), vec![b'x'; length]);
        let is_longer = matches!(fault, Fault::LongerChunked(_));
        registry.fault("manifests", if is_longer { fault } else { claim });
        let fetched = client(&registry).manifest(&registry.reference("ml/app", "1")).await;
        match fetched {
            Err(FetchError::TooLarge { .. }) => assert!(!fits, "{length}"),
            // The padding does not have the digest that the header claims.
            Err(FetchError::Mismatch(_)) => assert!(fits && is_longer, "{length}"),
            other => assert!(fits && other.is_ok(), "{length}"),
        }
    }
}

#[tokio::test]
async fn unlisted_registries_are_never_contacted() {
    let registry = FakeRegistry::start().await;
    registry.put_image("ml/app", "1", &[]);
    let reference = registry.reference("ml/app", "1");
    for unlisted in [UnlistedRegistries::None, UnlistedRegistries::WellKnown] {
        let (client, _) = client_of(&[], unlisted);
        let error = client.manifest(&reference).await.unwrap_err();
        assert_eq!(error.cause(), Cause::UnlistedRegistry);
        insta::allow_duplicates! {
            insta::assert_snapshot!(words(&registry, &error), @"registry is not listed (hint: add it to `registries`): `HOST`");
        }
    }
    assert!(registry.requests().is_empty());
}

#[tokio::test]
async fn an_image_name_does_not_make_us_look_inside() {
    let (registry, _) = FakeRegistry::start_tls().await;
    let port = registry.host().rsplit_once(':').unwrap().1.to_owned();
    for host in [
        registry.host(),
        format!("localhost:{port}"),
        format!("LOCALHOST:{port}"),
        format!("a.localhost:{port}"),
        "0.0.0.0".to_owned(),
        "169.254.169.254".to_owned(),
        "169.254.169.254:80".to_owned(),
        "100.100.100.200".to_owned(),
        "metadata.google.internal".to_owned(),
    ] {
        let (client, counts) = client_of(&[], UnlistedRegistries::Any);
        let reference = format!("{host}/ml/app:1").parse().unwrap();
        let error = client.manifest(&reference).await.unwrap_err();
        assert_eq!(error.cause(), Cause::UnlistedRegistry, "{host}: {error}");
        let layer = descriptor(OCI_LAYER, b"layer");
        let error = client.blob(&reference, &layer).await.err().unwrap();
        assert_eq!(error.cause(), Cause::UnlistedRegistry, "{host}: {error}");
        assert_eq!(counts.failures.load(Ordering::Relaxed), 0, "nothing was tried: {host}");
    }
    assert!(registry.requests().is_empty());
}

#[tokio::test]
async fn the_first_listed_match_wins() {
    let registry = FakeRegistry::start().await;
    registry.put_image("ml/app", "1", &[]);
    let exact = listed(&registry, Credentials::Anonymous);
    let mut glob = exact.clone();
    glob.host = plimsoll::policy::Pattern::parse("127.0.0.*:*").unwrap();
    glob.plain_http = false;
    let reference = registry.reference("ml/app", "1");
    let (plain_first, _) = client_of(&[exact.clone(), glob.clone()], UnlistedRegistries::None);
    assert!(plain_first.manifest(&reference).await.is_ok());
    let (tls_first, _) = client_of(&[glob, exact], UnlistedRegistries::None);
    assert!(tls_first.manifest(&reference).await.is_err());
}
