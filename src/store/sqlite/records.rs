//! Layer facts, images, tags and the verdict log. Caps hold by id: ids only grow, so the rows
//! beyond the latest `cap` writes are a range of the primary key, which costs nothing to delete.

use jiff::Timestamp;
use sqlx::SqlitePool;

use super::super::caps::LIST_ROWS;
use super::super::record::{pack, pack_bytes, unpack, unpack_bytes};
use super::{StoreError, digest as parse_digest, micros, off_thread, readable, timestamp};
use crate::model::{Digest, LayerFacts, Verdict};

const PRUNE_LAYERS: &str =
    "DELETE FROM layer_facts WHERE id <= (SELECT max(id) FROM layer_facts) - ?";
const PRUNE_IMAGES: &str = "DELETE FROM images WHERE id <= (SELECT max(id) FROM images) - ?";
const PRUNE_TAGS: &str = "DELETE FROM tags WHERE id <= (SELECT max(id) FROM tags) - ?";
const PRUNE_VERDICTS: &str = "DELETE FROM verdicts WHERE id <= (SELECT max(id) FROM verdicts) - ?";

pub(super) async fn layer_facts(
    reader: &SqlitePool,
    profile: &str,
    digest: &Digest,
) -> Result<Option<LayerFacts>, StoreError> {
    let packed: Option<Vec<u8>> = sqlx::query_scalar(
        "SELECT record FROM layer_facts WHERE profile = ? AND digest = ? AND version = ?",
    )
    .bind(profile)
    .bind(digest.to_string())
    .bind(i64::from(LayerFacts::VERSION))
    .fetch_optional(reader)
    .await?;
    let Some(packed) = packed else { return Ok(None) };
    let digest = digest.clone();
    let facts = off_thread(move || unpack_facts(&packed, &digest)).await;
    readable("layer facts", facts)
}

/// A row under the wrong key would pass one layer off as another.
fn unpack_facts(packed: &[u8], digest: &Digest) -> Result<LayerFacts, StoreError> {
    let facts: LayerFacts = unpack(packed)?;
    if facts.digest != *digest || facts.version != LayerFacts::VERSION {
        return Err(StoreError::Damaged(format!("facts under a wrong key: {digest}")));
    }
    Ok(facts)
}

pub(super) async fn save_layer_facts(
    writer: &SqlitePool,
    profile: &str,
    facts: &LayerFacts,
    cap: u32,
) -> Result<(), StoreError> {
    let (digest, version) = (facts.digest.to_string(), i64::from(facts.version));
    let facts = facts.clone();
    let packed = off_thread(move || pack(&facts)).await?;
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query(
        "INSERT OR REPLACE INTO layer_facts (profile, digest, version, record) VALUES (?, ?, ?, ?)",
    )
    .bind(profile)
    .bind(digest)
    .bind(version)
    .bind(packed)
    .execute(&mut *transaction)
    .await?;
    sqlx::query(PRUNE_LAYERS).bind(cap).execute(&mut *transaction).await?;
    Ok(transaction.commit().await?)
}

pub(super) async fn image(
    reader: &SqlitePool,
    digest: &Digest,
) -> Result<Option<Vec<u8>>, StoreError> {
    let packed: Option<Vec<u8>> = sqlx::query_scalar("SELECT record FROM images WHERE digest = ?")
        .bind(digest.to_string())
        .fetch_optional(reader)
        .await?;
    packed.map_or(Ok(None), |packed| readable("image", unpack_bytes(&packed)))
}

pub(super) async fn save_image(
    writer: &SqlitePool,
    digest: &Digest,
    json: &[u8],
    cap: u32,
) -> Result<(), StoreError> {
    let packed = pack_bytes(json)?;
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query("INSERT OR REPLACE INTO images (digest, record) VALUES (?, ?)")
        .bind(digest.to_string())
        .bind(packed)
        .execute(&mut *transaction)
        .await?;
    sqlx::query(PRUNE_IMAGES).bind(cap).execute(&mut *transaction).await?;
    Ok(transaction.commit().await?)
}

/// Deletes an older binding before it inserts, so that a tag seen again gets a new id and is the
/// last to be pruned. A newer binding stays in the way of the insert.
pub(super) async fn bind_tag(
    writer: &SqlitePool,
    (name, tag): (&str, &str),
    digest: &Digest,
    at: Timestamp,
    cap: u32,
) -> Result<(), StoreError> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query("DELETE FROM tags WHERE name = ? AND tag = ? AND at <= ?")
        .bind(name)
        .bind(tag)
        .bind(micros(at))
        .execute(&mut *transaction)
        .await?;
    sqlx::query("INSERT OR IGNORE INTO tags (name, tag, digest, at) VALUES (?, ?, ?, ?)")
        .bind(name)
        .bind(tag)
        .bind(digest.to_string())
        .bind(micros(at))
        .execute(&mut *transaction)
        .await?;
    sqlx::query(PRUNE_TAGS).bind(cap).execute(&mut *transaction).await?;
    Ok(transaction.commit().await?)
}

pub(super) async fn tag(
    reader: &SqlitePool,
    name: &str,
    tag: &str,
) -> Result<Option<(Digest, Timestamp)>, StoreError> {
    let row: Option<(String, i64)> =
        sqlx::query_as("SELECT digest, at FROM tags WHERE name = ? AND tag = ?")
            .bind(name)
            .bind(tag)
            .fetch_optional(reader)
            .await?;
    let Some((digest, at)) = row else { return Ok(None) };
    readable("tag", parse_digest(&digest).and_then(|digest| Ok((digest, timestamp(at)?))))
}

pub(super) async fn log_verdict(
    writer: &SqlitePool,
    source: &str,
    verdict: &Verdict,
    at: Timestamp,
    cap: u32,
) -> Result<(), StoreError> {
    // Thousands of findings are possible.
    let whole = verdict.clone();
    let packed = off_thread(move || pack(&whole)).await?;
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query(
        "INSERT INTO verdicts (source, decision, image, digest, policy, at, record)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(source)
    .bind(verdict.decision.as_str())
    .bind(&verdict.image)
    .bind(verdict.digest.as_ref().map(ToString::to_string))
    .bind(&verdict.policy)
    .bind(micros(at))
    .bind(packed)
    .execute(&mut *transaction)
    .await?;
    sqlx::query(PRUNE_VERDICTS).bind(cap).execute(&mut *transaction).await?;
    Ok(transaction.commit().await?)
}

pub(super) async fn verdicts(reader: &SqlitePool, limit: u32) -> Result<Vec<Verdict>, StoreError> {
    let rows: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT record FROM verdicts ORDER BY id DESC LIMIT ?")
            .bind(limit.min(LIST_ROWS))
            .fetch_all(reader)
            .await?;
    let read = move || {
        rows.iter().filter_map(|row| readable("verdict", unpack(row)).transpose()).collect()
    };
    off_thread(read).await
}
