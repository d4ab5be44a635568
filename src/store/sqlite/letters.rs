//! Dead letters: events and jobs that were given up, for people to read.

use sqlx::{SqliteConnection, SqlitePool};

use super::super::caps::{LETTER_BODY_BYTES, LIST_ROWS, REASON_BYTES, cut};
use super::{DeadLetter, StoreError, micros, readable, timestamp};

pub(super) async fn save(
    writer: &SqlitePool,
    letter: &DeadLetter,
    cap: u32,
) -> Result<(), StoreError> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
    add(&mut transaction, letter, cap).await?;
    Ok(transaction.commit().await?)
}

/// Adds a letter within a transaction and lets the oldest go.
pub(super) async fn add(
    connection: &mut SqliteConnection,
    letter: &DeadLetter,
    cap: u32,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO dead_letters (receiver, reason, body, at) VALUES (?, ?, ?, ?)")
        .bind(&letter.receiver)
        .bind(cut(&letter.reason, REASON_BYTES))
        .bind(cut(&letter.body, LETTER_BODY_BYTES))
        .bind(micros(letter.at))
        .execute(&mut *connection)
        .await?;
    sqlx::query("DELETE FROM dead_letters WHERE id <= (SELECT max(id) FROM dead_letters) - ?")
        .bind(cap)
        .execute(&mut *connection)
        .await?;
    Ok(())
}

pub(super) async fn newest(reader: &SqlitePool, limit: u32) -> Result<Vec<DeadLetter>, StoreError> {
    let rows: Vec<(String, String, String, i64)> = sqlx::query_as(
        "SELECT receiver, reason, body, at FROM dead_letters ORDER BY id DESC LIMIT ?",
    )
    .bind(limit.min(LIST_ROWS))
    .fetch_all(reader)
    .await?;
    let letter = |(receiver, reason, body, at)| {
        timestamp(at).map(|at| DeadLetter { receiver, reason, body, at })
    };
    rows.into_iter().filter_map(|row| readable("dead letter", letter(row)).transpose()).collect()
}
