//! Opening the file: folder, mode, connection settings, migrations, and words for what goes wrong.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{SqlSafeStr as _, SqlitePool};

use super::{StoreError, bounded};

/// How long SQLite waits for another process that writes (a backup, a second `plimsoll`).
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a call waits for its turn.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// Connections that read. Reads take microseconds; more would only cost threads.
const READERS: u32 = 4;

/// The connection that writes and those that read.
pub(super) async fn pools(path: &Path) -> Result<(SqlitePool, SqlitePool), StoreError> {
    make_file(path).map_err(|error| explain(path, StoreError::Unavailable(error.to_string())))?;
    bounded(connect(path)).await.map_err(|error| explain(path, error))
}

async fn connect(path: &Path) -> Result<(SqlitePool, SqlitePool), StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT);
    let writer = pool(1).connect_with(options.clone()).await?;
    migrate(&writer).await?;
    check_writable(&writer).await?;
    let reader = pool(READERS).connect_with(options.pragma("query_only", "ON")).await?;
    Ok((writer, reader))
}

/// Connections to a local file do not go stale; closing idle ones would only cost.
fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
}

async fn migrate(writer: &SqlitePool) -> Result<(), StoreError> {
    let start = include_str!("migrations/0001_start.sql").into_sql_str();
    let start = Migration::new(1, "start".into(), MigrationType::Simple, start, false);
    Migrator::with_migrations(vec![start]).run(writer).await.map_err(|error| match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
        MigrateError::VersionMissing(version) => StoreError::Unavailable(format!(
            "was written by a newer plimsoll (hint: run that one), schema version: {version}"
        )),
        other => StoreError::Damaged(other.to_string()),
    })
}

/// Takes the write lock and gives it back: fails on a read-only, broken or blocked file, and
/// writes nothing.
pub(super) async fn check_writable(writer: &SqlitePool) -> Result<(), StoreError> {
    writer.begin_with("BEGIN IMMEDIATE").await?.rollback().await?;
    Ok(())
}

/// Makes folder and file before SQLite does, because of the modes: verdicts name images and paths.
/// SQLite gives its `-wal` and `-shm` files the mode of the main one.
fn make_file(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn explain(path: &Path, error: StoreError) -> StoreError {
    let path = path.display();
    match error {
        StoreError::Damaged(reason) => StoreError::Damaged(format!(
            "not a usable SQLite file (hint: restore it, or move it away to start anew) `{path}`: {reason}"
        )),
        StoreError::Unavailable(reason) => StoreError::Unavailable(format!(
            "cannot open (hint: must be a file in a folder that this user can write to) `{path}`: {reason}"
        )),
        StoreError::TooLarge { .. } => error,
    }
}
