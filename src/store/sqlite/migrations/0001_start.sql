-- Times are microseconds since 1970. Blobs are zstd-compressed JSON. AUTOINCREMENT: ids grow for
-- ever, so "the newest n" is a range of ids and a worker that woke up late cannot hit another job.

CREATE TABLE layer_facts (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    profile TEXT NOT NULL,
    digest  TEXT NOT NULL,
    version INTEGER NOT NULL,
    record  BLOB NOT NULL,
    UNIQUE (profile, digest)
) STRICT;

CREATE TABLE images (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    digest TEXT NOT NULL UNIQUE,
    record BLOB NOT NULL
) STRICT;

CREATE TABLE tags (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    name   TEXT NOT NULL,
    tag    TEXT NOT NULL,
    digest TEXT NOT NULL,
    at     INTEGER NOT NULL,
    UNIQUE (name, tag)
) STRICT;

CREATE TABLE verdicts (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    source   TEXT NOT NULL,
    decision TEXT NOT NULL,
    image    TEXT NOT NULL,
    digest   TEXT,
    policy   TEXT NOT NULL,
    at       INTEGER NOT NULL,
    record   BLOB NOT NULL
) STRICT;

-- Only jobs that wait or run: a finished one is deleted, a buried one becomes a dead letter.
-- `due` is when it may be claimed next; while it runs, that is the end of its lease.
CREATE TABLE jobs (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    receiver    TEXT NOT NULL,
    registry    TEXT NOT NULL,
    repository  TEXT NOT NULL,
    digest      TEXT NOT NULL,
    tag         TEXT,
    state       TEXT NOT NULL CHECK (state IN ('waiting', 'running')),
    attempts    INTEGER NOT NULL,
    enqueued_at INTEGER NOT NULL,
    due         INTEGER NOT NULL,
    reason      TEXT,
    UNIQUE (registry, repository, digest)
) STRICT;

CREATE INDEX jobs_by_due ON jobs (due, id);
CREATE INDEX jobs_by_age ON jobs (enqueued_at);

CREATE TABLE dead_letters (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    receiver TEXT NOT NULL,
    reason   TEXT NOT NULL,
    body     TEXT NOT NULL,
    at       INTEGER NOT NULL
) STRICT;
