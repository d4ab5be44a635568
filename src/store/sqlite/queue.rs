//! The queue of pushes to judge. The table holds only jobs that wait or run, so its unique key is
//! the deduplication and `due` alone says what may be claimed: a running job is due when its lease
//! ends. Every change is one statement or one transaction.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::{SqliteConnection, SqlitePool};

use super::super::caps::{REASON_BYTES, cut, lease_end};
use super::{
    DeadLetter, Enqueued, Job, NewJob, QueueState, StoreError, digest, letters, micros, timestamp,
};

pub(super) async fn enqueue(
    writer: &SqlitePool,
    jobs: &[NewJob],
    now: Timestamp,
    cap: u32,
) -> Result<Vec<Enqueued>, StoreError> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
    let mut enqueued = Vec::with_capacity(jobs.len());
    for job in jobs {
        enqueued.push(enqueue_one(&mut transaction, job, now).await?);
    }
    if enqueued.contains(&Enqueued::New) {
        let depth: i64 =
            sqlx::query_scalar("SELECT count(*) FROM jobs").fetch_one(&mut *transaction).await?;
        if depth > i64::from(cap) {
            return Err(StoreError::queue_full(cap));
        }
    }
    transaction.commit().await?;
    Ok(enqueued)
}

async fn enqueue_one(
    connection: &mut SqliteConnection,
    job: &NewJob,
    now: Timestamp,
) -> Result<Enqueued, StoreError> {
    let inserted = sqlx::query(
        "INSERT INTO jobs
            (receiver, registry, repository, digest, tag, state, attempts, enqueued_at, due)
         VALUES (?1, ?2, ?3, ?4, ?5, 'waiting', 0, ?6, ?6)
         ON CONFLICT (registry, repository, digest) DO NOTHING",
    )
    .bind(&job.receiver)
    .bind(&job.registry)
    .bind(&job.repository)
    .bind(job.digest.to_string())
    .bind(&job.tag)
    .bind(micros(now))
    .execute(&mut *connection)
    .await?;
    if inserted.rows_affected() > 0 {
        return Ok(Enqueued::New);
    }
    sqlx::query(
        "UPDATE jobs SET tag = coalesce(?, tag)
         WHERE registry = ? AND repository = ? AND digest = ?",
    )
    .bind(&job.tag)
    .bind(&job.registry)
    .bind(&job.repository)
    .bind(job.digest.to_string())
    .execute(&mut *connection)
    .await?;
    Ok(Enqueued::Duplicate)
}

/// Columns of [`CLAIM`] and [`END`]: id, receiver, registry, repository, digest, tag, attempts,
/// `enqueued_at`.
type Row = (i64, String, String, String, String, Option<String>, i64, i64);

const CLAIM: &str = "UPDATE jobs SET state = 'running', attempts = attempts + 1, due = ?1
     WHERE id = (SELECT id FROM jobs WHERE due <= ?2 ORDER BY due, id LIMIT 1)
     RETURNING id, receiver, registry, repository, digest, tag, attempts, enqueued_at";

const END: &str = "DELETE FROM jobs WHERE id = ? AND state = 'running'
     RETURNING id, receiver, registry, repository, digest, tag, attempts, enqueued_at";

/// A damaged row becomes a dead letter and the next one is tried: left in place, it would be the
/// first in the queue for ever.
pub(super) async fn claim(
    writer: &SqlitePool,
    lease: Duration,
    now: Timestamp,
    letters_cap: u32,
) -> Result<Option<Job>, StoreError> {
    loop {
        let row: Option<Row> = sqlx::query_as(CLAIM)
            .bind(micros(lease_end(now, lease)))
            .bind(micros(now))
            .fetch_optional(writer)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let id = row.0;
        match job(row) {
            Ok(job) => return Ok(Some(job)),
            Err(error) => bury(writer, id, &error.to_string(), now, letters_cap).await?,
        }
    }
}

fn job(row: Row) -> Result<Job, StoreError> {
    let (id, receiver, registry, repository, digest_text, tag, attempts, enqueued_at) = row;
    let digest = digest(&digest_text)?;
    Ok(Job {
        id,
        job: NewJob { receiver, registry, repository, digest, tag },
        attempt: u32::try_from(attempts).unwrap_or(u32::MAX),
        enqueued_at: timestamp(enqueued_at)?,
    })
}

pub(super) async fn renew(
    writer: &SqlitePool,
    id: i64,
    lease: Duration,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE jobs SET due = ? WHERE id = ? AND state = 'running'")
        .bind(micros(lease_end(now, lease)))
        .bind(id)
        .execute(writer)
        .await?;
    Ok(())
}

pub(super) async fn complete(writer: &SqlitePool, id: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM jobs WHERE id = ? AND state = 'running'")
        .bind(id)
        .execute(writer)
        .await?;
    Ok(())
}

pub(super) async fn retry(
    writer: &SqlitePool,
    id: i64,
    reason: &str,
    due: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE jobs SET state = 'waiting', due = ?, reason = ?
         WHERE id = ? AND state = 'running'",
    )
    .bind(micros(due))
    .bind(cut(reason, REASON_BYTES))
    .bind(id)
    .execute(writer)
    .await?;
    Ok(())
}

pub(super) async fn bury(
    writer: &SqlitePool,
    id: i64,
    reason: &str,
    now: Timestamp,
    letters_cap: u32,
) -> Result<(), StoreError> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
    let row: Option<Row> = sqlx::query_as(END).bind(id).fetch_optional(&mut *transaction).await?;
    let Some(row) = row else { return Ok(()) };
    letters::add(&mut transaction, &letter(row, reason, now), letters_cap).await?;
    Ok(transaction.commit().await?)
}

/// Works on damaged rows too, so it does not go through [`Job`].
fn letter(row: Row, reason: &str, at: Timestamp) -> DeadLetter {
    let (_, receiver, registry, repository, digest, tag, attempts, _) = row;
    let body = serde_json::json!({
        "registry": registry, "repository": repository, "digest": digest, "tag": tag,
        "attempts": attempts,
    });
    DeadLetter { receiver, reason: reason.to_owned(), body: body.to_string(), at }
}

pub(super) async fn next_due(reader: &SqlitePool) -> Result<Option<Timestamp>, StoreError> {
    let due: Option<i64> =
        sqlx::query_scalar("SELECT min(due) FROM jobs").fetch_one(reader).await?;
    due.map(timestamp).transpose()
}

pub(super) async fn state(reader: &SqlitePool) -> Result<QueueState, StoreError> {
    let (depth, oldest, dead): (i64, Option<i64>, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM jobs), (SELECT min(enqueued_at) FROM jobs),
                (SELECT count(*) FROM dead_letters)",
    )
    .fetch_one(reader)
    .await?;
    Ok(QueueState {
        depth: u64::try_from(depth).unwrap_or_default(),
        oldest: oldest.map(timestamp).transpose()?,
        dead: u64::try_from(dead).unwrap_or_default(),
    })
}

pub(super) async fn release_leases(writer: &SqlitePool) -> Result<(), StoreError> {
    sqlx::query("UPDATE jobs SET state = 'waiting', due = enqueued_at WHERE state = 'running'")
        .execute(writer)
        .await?;
    Ok(())
}
