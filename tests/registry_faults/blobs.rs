//! Blobs from a registry that misbehaves: verified, resumed, bounded.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use plimsoll::model::Cause;
use plimsoll::model::digest::Algorithm;
use plimsoll::model::{Digest, Hasher};
use plimsoll::registry::credentials::Credentials;
use plimsoll::registry::{FetchError, Registry, Timeouts, UnlistedRegistries};

use super::{client, client_of, client_with, drain, listed, noise, quick_timeouts};
use crate::support::registry::{FakeRegistry, Fault, OCI_LAYER};

const LENGTH: usize = 300_000;
const LENGTH_BYTES: u64 = 300_000;

#[tokio::test]
async fn a_broken_download_goes_on_where_it_broke() {
    for fault in
        [Fault::CutAfter(100_000), Fault::StallAfter(100_000), Fault::ShorterChunked(100_000)]
    {
        let registry = FakeRegistry::start().await;
        let bytes = noise(LENGTH);
        let blob = registry.put_blob(OCI_LAYER, bytes.clone());
        registry.fault_times("blobs", fault.clone(), 1);
        let (client, counts) =
            client_of(&[listed(&registry, Credentials::Anonymous)], UnlistedRegistries::None);
        let (read, error) = drain(&client, &registry.reference("a", "1"), &blob).await;
        assert!(error.is_none(), "{fault:?}: {error:?}");
        assert!(read == bytes, "{fault:?}");
        // No byte came twice.
        assert_eq!(counts.bytes.load(Ordering::Relaxed), LENGTH_BYTES, "{fault:?}");
        let requests = registry.requests();
        assert_eq!(requests.len(), 2, "{fault:?}");
        assert!(
            requests[1].range.as_deref().is_some_and(|range| range.ends_with('-')),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn progress_counts_the_attempts_anew() {
    let registry = FakeRegistry::start().await;
    let bytes = noise(10 * 70_000);
    let blob = registry.put_blob(OCI_LAYER, bytes.clone());
    // Ten connections, three attempts: each brings enough to go on.
    registry.fault("blobs", Fault::ShorterChunked(70_000));
    let (read, error) = drain(&client(&registry), &registry.reference("a", "1"), &blob).await;
    assert!(error.is_none() && read == bytes, "{error:?}");
    assert_eq!(registry.requests().len(), 10);
}

#[tokio::test]
async fn a_drip_is_not_progress() {
    let registry = FakeRegistry::start().await;
    let blob = registry.put_blob(OCI_LAYER, noise(LENGTH));
    registry.fault("blobs", Fault::StallAfter(1000));
    let (read, error) = drain(&client(&registry), &registry.reference("a", "1"), &blob).await;
    assert_eq!(error.unwrap().cause(), Cause::RegistryUnreachable);
    assert_eq!(read.len(), 3000);
    assert_eq!(registry.requests().len(), 3);
}

#[tokio::test]
async fn a_trickle_is_not_progress_either() {
    let registry = FakeRegistry::start().await;
    let blob = registry.put_blob(OCI_LAYER, noise(LENGTH));
    registry.fault("blobs", Fault::Trickle(Duration::from_millis(1)));
    let timeouts = Timeouts { document: Duration::from_millis(100), ..quick_timeouts() };
    let hosts = [listed(&registry, Credentials::Anonymous)];
    let (client, _) = client_with(&hosts, UnlistedRegistries::None, &timeouts);
    let (_, error) = drain(&client, &registry.reference("a", "1"), &blob).await;
    assert!(error.as_ref().is_some_and(|e| e.to_string().ends_with(": too slow")), "{error:?}");
    assert_eq!(registry.requests().len(), 3);
}

#[tokio::test]
async fn a_registry_that_ignores_ranges_is_skipped_through() {
    let registry = FakeRegistry::start().await;
    let bytes = noise(LENGTH);
    let blob = registry.put_blob(OCI_LAYER, bytes.clone());
    registry.fault_times("blobs", Fault::ShorterChunked(100_000), 1);
    registry.fault("blobs", Fault::IgnoreRange);
    let (read, error) = drain(&client(&registry), &registry.reference("a", "1"), &blob).await;
    assert!(error.is_none() && read == bytes, "{error:?}");
    assert_eq!(registry.bytes_served("blobs"), LENGTH_BYTES + 100_000);
}

#[tokio::test]
async fn another_range_than_asked_for_is_not_taken() {
    let registry = FakeRegistry::start().await;
    let bytes = noise(LENGTH);
    let blob = registry.put_blob(OCI_LAYER, bytes.clone());
    registry.fault_times("blobs", Fault::ShorterChunked(100_000), 1);
    registry.fault_times("blobs", Fault::WrongRange, 1);
    let (read, error) = drain(&client(&registry), &registry.reference("a", "1"), &blob).await;
    assert!(error.is_none() && read == bytes, "{error:?}");
    assert_eq!(registry.requests().len(), 3);
}

#[tokio::test]
async fn bytes_of_another_digest_or_size_end_in_an_error() {
    for (fault, most_bytes) in [
        (Fault::WrongBytes, LENGTH),
        (Fault::Shorter(1000), 0),
        (Fault::Longer(1), 0),
        (Fault::LongerChunked(1), LENGTH),
        (Fault::LongerChunked(1 << 30), LENGTH),
    ] {
        let registry = FakeRegistry::start().await;
        let blob = registry.put_blob(OCI_LAYER, noise(LENGTH));
        registry.fault("blobs", fault.clone());
        let (read, error) = drain(&client(&registry), &registry.reference("a", "1"), &blob).await;
        assert!(matches!(error, Some(FetchError::Mismatch(_))), "{fault:?}: {error:?}");
        assert!(read.len() <= most_bytes, "{fault:?}: {}", read.len());
    }
}

#[tokio::test]
async fn a_proxys_error_page_is_not_the_blob() {
    let page = |length: usize| Fault::Answer(200, "x-a", "b".into(), "<".repeat(length));
    for fault in [
        page(100),
        page(LENGTH + 100),
        // Its length is not announced, and more comes at once than the blob has.
        Fault::LongerChunked(10_000),
    ] {
        let registry = FakeRegistry::start().await;
        let bytes = noise(if matches!(fault, Fault::LongerChunked(_)) { 0 } else { LENGTH });
        let blob = registry.put_blob(OCI_LAYER, bytes.clone());
        registry.fault_times("blobs", fault.clone(), 2);
        let (read, error) = drain(&client(&registry), &registry.reference("a", "1"), &blob).await;
        assert!(error.is_none() && read == bytes, "{fault:?}: {error:?}");
        assert_eq!(registry.requests().len(), 3, "{fault:?}");
    }
}

#[tokio::test]
async fn an_error_page_in_the_middle_of_a_blob_is_not_its_rest() {
    let registry = FakeRegistry::start().await;
    let bytes = noise(LENGTH);
    let blob = registry.put_blob(OCI_LAYER, bytes.clone());
    registry.fault_times("blobs", Fault::ShorterChunked(100_000), 1);
    registry.fault_times("blobs", Fault::Answer(200, "x-a", "b".into(), "<html>".into()), 1);
    let (read, error) = drain(&client(&registry), &registry.reference("a", "1"), &blob).await;
    assert!(error.is_none() && read == bytes, "{error:?}");
    assert_eq!(registry.requests().len(), 3);
}

#[tokio::test]
async fn a_body_that_always_ends_early_proves_nothing_against_the_image() {
    let registry = FakeRegistry::start().await;
    let blob = registry.put_blob(OCI_LAYER, noise(LENGTH));
    registry.fault("blobs", Fault::ShorterChunked(1000));
    let (read, error) = drain(&client(&registry), &registry.reference("a", "1"), &blob).await;
    assert!(matches!(error, Some(FetchError::Unreachable(_))), "{error:?}");
    assert!(error.is_some_and(|error| error.to_string().ends_with(": ended early")));
    assert_eq!(read.len(), 3000);
}

#[tokio::test]
async fn a_descriptor_that_promises_more_than_there_is_is_found_out() {
    let registry = FakeRegistry::start().await;
    let mut blob = registry.put_blob(OCI_LAYER, noise(1000));
    blob.size = 2000;
    // The body's length is not announced: only the request for the rest shows it (416).
    registry.fault_times("blobs", Fault::ShorterChunked(1000), 1);
    let (read, error) = drain(&client(&registry), &registry.reference("a", "1"), &blob).await;
    assert!(matches!(error, Some(FetchError::Mismatch(_))), "{error:?}");
    assert_eq!(read.len(), 1000);
    assert_eq!(registry.requests().len(), 2);
}

#[tokio::test]
async fn empty_blobs_and_sha512_work() {
    let registry = FakeRegistry::start().await;
    let reference = registry.reference("a", "1");
    let empty = registry.put_blob(OCI_LAYER, "");
    assert!(drain(&client(&registry), &reference, &empty).await.1.is_none());
    let mut hasher = Hasher::new(Algorithm::Sha512);
    (0..1000_u64).for_each(|n| hasher.update(&[n.to_le_bytes()[0]]));
    let long = registry.put_generated(hasher.finish(), 1000, |n| n.to_le_bytes()[0]);
    let (read, error) = drain(&client(&registry), &reference, &long).await;
    assert!(error.is_none() && read.len() == 1000, "{error:?}");
}

#[tokio::test]
async fn refusals_come_before_the_first_byte() {
    for (status, cause) in
        [(404, Cause::NotFound), (403, Cause::RegistryDenied), (500, Cause::RegistryUnreachable)]
    {
        let registry = FakeRegistry::start().await;
        let blob = registry.put_blob(OCI_LAYER, "x");
        registry.fault("blobs", Fault::Status(status));
        let refused = client(&registry).blob(&registry.reference("a", "1"), &blob).await.err();
        assert_eq!(refused.unwrap().cause(), cause, "{status}");
    }
}

#[tokio::test]
async fn a_reader_that_had_enough_stops_the_download() {
    let registry = FakeRegistry::start().await;
    let blob = registry.put_generated(Digest::of(b"claimed"), 8 << 30, |_| 0);
    // The registry makes megabytes, on this same thread, before we get to see the first.
    let timeouts = Timeouts { idle: Duration::from_secs(30), ..Timeouts::default() };
    let hosts = [listed(&registry, Credentials::Anonymous)];
    let (client, _) = client_with(&hosts, UnlistedRegistries::None, &timeouts);
    let mut stream = client.blob(&registry.reference("a", "1"), &blob).await.unwrap();
    assert!(stream.next().await.unwrap().is_ok());
    drop(stream);
    // What fits into socket buffers may be under way; the rest is never made.
    assert!(registry.bytes_served("blobs") < 64 << 20);
}

#[tokio::test]
async fn foreign_urls_are_never_followed() {
    let registry = FakeRegistry::start().await;
    let elsewhere = FakeRegistry::start().await;
    let mut blob = elsewhere.put_blob(OCI_LAYER, "foreign");
    blob.urls = vec![format!("{}/v2/a/blobs/{}", elsewhere.base(), blob.digest)];
    let (_, error) = drain(&client(&registry), &registry.reference("a", "1"), &blob).await;
    assert_eq!(error.unwrap().cause(), Cause::NotFound);
    assert!(elsewhere.requests().is_empty());
}
