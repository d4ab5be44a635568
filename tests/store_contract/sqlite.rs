//! What is particular to SQLite: restarts, file modes, files and rows that are not as they should
//! be, and two processes on one file.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use plimsoll::store::sqlite::SqliteStore;
use plimsoll::store::{Caps, Enqueued, QueueState, Store as _, StoreError};
use sqlx::Connection as _;

use super::{at, facts, job, open, verdict};

const LEASE: Duration = Duration::from_mins(1);

/// Runs SQL behind the store's back.
async fn tamper(path: &Path, sql: &'static str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let (folder, store) = open(Caps::default()).await;
    store.save_layer_facts("1-a", &facts(1)).await.unwrap();
    store.enqueue(&[job(1), job(2)], at(0)).await.unwrap();
    let claimed = store.claim(LEASE, at(0)).await.unwrap().unwrap();
    // Not closed: a crash does not ask.
    drop(store);
    let store = SqliteStore::open(folder.path().join("plimsoll.db")).await.unwrap();
    assert_eq!(store.layer_facts("1-a", &facts(1).digest).await.unwrap(), Some(facts(1)));
    assert_eq!(store.enqueue(&[job(2)], at(1)).await.unwrap(), [Enqueued::Duplicate]);
    assert_eq!(store.claim(LEASE, at(1)).await.unwrap().unwrap().job, job(2));
    store.release_leases().await.unwrap();
    let again = store.claim(LEASE, at(1)).await.unwrap().unwrap();
    assert_eq!((again.id, again.attempt), (claimed.id, 2));
}

#[tokio::test]
async fn the_file_is_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/plimsoll.db");
    let store = SqliteStore::open(&path).await.unwrap();
    store.enqueue(&[job(1)], at(0)).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for name in ["plimsoll.db", "plimsoll.db-wal", "plimsoll.db-shm"] {
        assert_eq!(mode(&path.with_file_name(name)), 0o600, "{name}");
    }
}

async fn refused(path: &Path) -> StoreError {
    let Err(error) = SqliteStore::open(path).await else { panic!("opened {}", path.display()) };
    error
}

#[tokio::test]
async fn says_why_a_file_cannot_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    let text =
        |error: StoreError| error.to_string().replace(folder.path().to_str().unwrap(), "DIR");

    let noise = folder.path().join("noise.db");
    std::fs::write(&noise, "this is not a database ".repeat(1000)).unwrap();
    insta::assert_snapshot!(text(refused(&noise).await), @"damaged record in the store: not a usable SQLite file (hint: restore it, or move it away to start anew) `DIR/noise.db`: error returned from database: (code: 26) file is not a database");

    insta::assert_snapshot!(text(refused(folder.path()).await), @"store unavailable: cannot open (hint: must be a file in a folder that this user can write to) `DIR`: error returned from database: (code: 14) unable to open database file");

    insta::assert_snapshot!(text(refused(&noise.join("below-a-file.db")).await), @"store unavailable: cannot open (hint: must be a file in a folder that this user can write to) `DIR/noise.db/below-a-file.db`: File exists (os error 17)");
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_left_alone() {
    let (folder, store) = open(Caps::default()).await;
    store.close().await;
    let path = folder.path().join("plimsoll.db");
    tamper(
        &path,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (4711, 'later', 1, x'00', 0)",
    )
    .await;
    let error = refused(&path).await.to_string();
    assert!(error.contains("written by a newer plimsoll"), "{error}");
}

#[tokio::test]
async fn damaged_rows_are_absent() {
    let (folder, store) = open(Caps::default()).await;
    let digest = facts(1).digest;
    store.save_layer_facts("1-a", &facts(1)).await.unwrap();
    store.save_layer_facts("1-a", &facts(2)).await.unwrap();
    store.save_image(&digest, b"{}").await.unwrap();
    store.bind_tag("r.example/a", "1", &digest, at(0)).await.unwrap();
    store.log_verdict("check", &verdict(1), at(0)).await.unwrap();
    tamper(
        &folder.path().join("plimsoll.db"),
        "UPDATE layer_facts SET record = (SELECT record FROM layer_facts WHERE id = 2) WHERE id = 1;
         UPDATE layer_facts SET record = x'28b52ffd00' WHERE id = 2;
         UPDATE images SET record = x'';
         UPDATE tags SET digest = 'sha256:short';
         UPDATE verdicts SET record = x'00'",
    )
    .await;
    store.log_verdict("check", &verdict(2), at(0)).await.unwrap();
    // The first layer's key now holds another layer's facts.
    assert_eq!(store.layer_facts("1-a", &digest).await.unwrap(), None);
    assert_eq!(store.layer_facts("1-a", &facts(2).digest).await.unwrap(), None);
    assert_eq!(store.image(&digest).await.unwrap(), None);
    assert_eq!(store.tag("r.example/a", "1").await.unwrap(), None);
    assert_eq!(store.verdicts(9).await.unwrap(), [verdict(2)]);
    // And can be learned again.
    store.save_layer_facts("1-a", &facts(1)).await.unwrap();
    assert_eq!(store.layer_facts("1-a", &digest).await.unwrap(), Some(facts(1)));
}

#[tokio::test]
async fn a_damaged_job_is_buried_and_does_not_block_the_queue() {
    let (folder, store) = open(Caps::default()).await;
    store.enqueue(&[job(1), job(2), job(3)], at(0)).await.unwrap();
    tamper(
        &folder.path().join("plimsoll.db"),
        "UPDATE jobs SET digest = 'nonsense' WHERE id = 1;
         UPDATE jobs SET enqueued_at = 9223372036854775807 WHERE id = 2",
    )
    .await;
    assert_eq!(store.claim(LEASE, at(1)).await.unwrap().unwrap().job, job(3));
    assert_eq!(
        store.queue_state().await.unwrap(),
        QueueState { depth: 1, oldest: Some(at(0)), dead: 2 }
    );
    let letters = store.dead_letters(9).await.unwrap();
    assert!(letters[1].reason.contains("`nonsense`"), "{letters:?}");
}

#[tokio::test]
async fn two_processes_share_the_queue() {
    let (folder, one) = open(Caps::default()).await;
    let other = SqliteStore::open(folder.path().join("plimsoll.db")).await.unwrap();
    let jobs: Vec<_> = (0..40).map(job).collect();
    one.enqueue(&jobs, at(0)).await.unwrap();
    let drain = async |store: &SqliteStore| {
        let mut claimed = Vec::new();
        while let Some(job) = store.claim(LEASE, at(1)).await.unwrap() {
            claimed.push(job.id);
        }
        claimed
    };
    let (mut all, rest) = tokio::join!(drain(&one), drain(&other));
    all.extend(rest);
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), jobs.len());
}

#[tokio::test]
async fn a_closed_store_is_unavailable() {
    let (_folder, store) = open(Caps::default()).await;
    store.close().await;
    assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.claim(LEASE, at(0)).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.verdicts(1).await, Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn many_jobs_are_one_transaction() {
    let (_folder, store) = open(Caps::default()).await;
    let jobs: Vec<_> = (0..5000).map(job).collect();
    let enqueued = store.enqueue(&jobs, at(0)).await.unwrap();
    assert!(enqueued.iter().all(|enqueued| *enqueued == Enqueued::New));
    assert_eq!(store.queue_state().await.unwrap().depth, 5000);
}
