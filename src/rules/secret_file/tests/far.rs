//! Secrets far inside of long texts, in stores and in archives, seen by the real scanner.

use std::io::Write as _;

use super::super::super::secrets::tokens::tests::{LETTERS, github, noise};
use super::super::super::testing::{Sample, tar_of};
use super::*;
use crate::scan::deep::{OVERLAP_BYTES, WINDOW_BYTES};

fn scanned(path: &str, content: Vec<u8>) -> Sample {
    Sample::of(&SecretFile).scanned("COPY . . # buildkit", &[(path, content)])
}

fn level(path: &str, content: impl Into<Vec<u8>>) -> Option<Level> {
    scanned(path, content.into()).level()
}

/// Lines of a log, then the token at that place, then some more.
fn log(at: usize, token: &str) -> Vec<u8> {
    let mut text = b"GET /healthz 200\n".repeat(at / 17 + 1);
    text.truncate(at);
    text.extend(format!(" {token}\n").bytes());
    text.extend(b"GET /\n".repeat(10));
    text
}

#[test]
fn long_texts_are_searched_to_their_end() {
    let whole = usize::try_from(Limits::default().text_bytes).unwrap();
    let token = github("ghp_");
    let mut places = vec![whole - OVERLAP_BYTES, whole + WINDOW_BYTES - 20, whole + 3_000_000];
    places.extend([whole - 42, whole - 41, whole - 20, whole - 1, whole, whole + 1]);
    for place in places {
        let text = log(place, &token);
        let lines = text[..place].split(|byte| *byte == b'\n').count() - 1;
        let sample = scanned("app/data/requests.log", text);
        let facts = &sample.facts[0].as_ref().unwrap().facts;
        let facts: Vec<&Fact> = facts.iter().filter(|fact| fact.rule == ID).collect();
        assert!(!facts.is_empty() && facts.len() <= 2, "{place}: {facts:?}");
        for fact in facts {
            assert_eq!(fact.line, u64::try_from(lines + 1).ok(), "{place}");
        }
        assert_eq!(sample.findings().len(), 1, "{place}");
        assert_eq!(sample.level(), Some(Level::Deny), "{place}");
    }
}

#[test]
fn behind_the_first_part_only_what_is_sure_counts() {
    let whole = usize::try_from(Limits::default().text_bytes).unwrap();
    let doubtful = "Authorization: Bearer qT9vLm4Zr1Xw8Kd2PbqT9vLm4Zr1Xw8Kd2Pb";
    let far = scanned("app/data/requests.log", log(whole + 100_000, doubtful));
    assert_eq!(far.words(), "");
    assert_eq!(level("app/data/requests.log", log(1000, doubtful)), Some(Level::Warn));
}

#[test]
fn stores_of_the_application_are_searched() {
    let token = format!("\0hf_{}\0", noise(34, LETTERS));
    for (path, head, expected) in [
        ("app/airflow.db", &b"SQLite format 3\0\x10\0\x01\x01\0@  \0\0"[..], Some(Level::Deny)),
        ("app/.settings.py.swp", b"b0VIM 9.0\0\0\0\0", Some(Level::Deny)),
        ("usr/lib/x/y.db", b"SQLite format 3\0\x10\0\x01\x01\0@  \0\0", None),
        ("app/airflow.bin", b"\x7fELF\x02\x01\x01\0\0\0", None),
    ] {
        assert_eq!(level(path, [head, token.as_bytes()].concat()), expected, "{path}");
    }
}

#[test]
fn values_of_a_database_stand_apart() {
    let token = format!("hf_{}", noise(34, LETTERS));
    let file = sqlite::tests::database(&["hf_default", "huggingface", &token, "x2026"]);
    let sample = scanned("app/airflow.db", file);
    assert_eq!(sample.level(), Some(Level::Deny));
    insta::with_settings!({filters => vec![(r"fingerprint [0-9a-f]{8}", "fingerprint F")]}, {
        insta::assert_snapshot!(sample.words(), @r"
        deny: `app/airflow.db` holds a Hugging Face token (37 characters, fingerprint F)
          fix: read the value from the environment or a mounted file when the container starts; revoke it
        ");
    });
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn archives_of_the_application_are_opened() {
    let token = github("ghp_").into_bytes();
    let key = pem("PRIVATE KEY", 1600).into_bytes();
    let env = b"DB_PASSWORD=hunter2secure\n".to_vec();
    let dump = [&b"INSERT INTO x VALUES (1);\n".repeat(30_000)[..], &token, b"\n"].concat();
    let table = [
        ("app/backup/home.tar", ".aws/credentials", token.clone(), Some(Level::Deny)),
        ("app/context.tar", "srv/.env", env, Some(Level::Deny)),
        ("app/context.tar", "src/main.py", token.clone(), Some(Level::Deny)),
        ("app/context.tar", "keys/server.pem", key.clone(), Some(Level::Warn)),
        ("app/context.tar", "docs/main.md", token.clone(), None),
        ("app/openssl.tar", "openssl-3.0/test/certs/key.pem", key, None),
        ("app/wheels/x.whl", "x/config.py", token.clone(), None),
        ("app/lib/x.jar", ".env", token.clone(), None),
        ("usr/share/x/y.tar", "x/config.py", token.clone(), None),
        ("app/dump.tar", "db.sql", dump, Some(Level::Deny)),
        ("app/c.tar", "home/tests/.env", token.clone(), Some(Level::Warn)),
        ("app/c.tar", "home/tests/main.py", token.clone(), None),
        ("app/rootfs", "root/.npmrc", token.clone(), Some(Level::Deny)),
        ("app/c.tar", "usr/share/x/config.py", token.clone(), None),
    ];
    for (path, member, content, expected) in table {
        let archive = tar_of(&[(member, content)]);
        assert_eq!(level(path, archive.clone()), expected, "{path}: {member}");
        let is_tar = std::path::Path::new(path).extension().is_some_and(|end| end == "tar");
        if path.starts_with("app/") && is_tar {
            assert_eq!(level(&format!("{path}.gz"), gzip(&archive)), expected, "{path}.gz");
        }
    }
    assert_eq!(level("app/dump.sql.gz", gzip(github("ghp_").as_bytes())), Some(Level::Deny));
}

#[test]
fn layers_of_saved_images_are_opened() {
    let token = github("ghp_").into_bytes();
    let layer = tar_of(&[("root/.npmrc", token.clone()), ("usr/share/x/y.py", token)]);
    let blob = format!("blobs/sha256/{}", "0a".repeat(32));
    for (packed, expected) in
        [(layer.clone(), Some(Level::Deny)), (gzip(&layer), Some(Level::Deny))]
    {
        let saved = tar_of(&[("manifest.json", b"[{}]".to_vec()), (&blob, packed)]);
        let sample = scanned("app/image.tar", saved);
        assert_eq!(sample.level(), expected);
        assert!(sample.words().contains("root/.npmrc"), "{}", sample.words());
        assert!(!sample.words().contains("y.py"), "{}", sample.words());
    }
}

#[test]
fn a_text_that_begins_like_something_packed_is_searched() {
    let whole = usize::try_from(Limits::default().text_bytes).unwrap();
    let token = github("ghp_");
    for path in ["app/notes", "app/notes.gz", "app/data/requests.log"] {
        for at in [1000, whole + 3_000_000] {
            let mut text = log(at, &token);
            text[..3].copy_from_slice(b"x^\n");
            assert_eq!(level(path, text), Some(Level::Deny), "{path} {at}");
        }
    }
}

#[test]
fn texts_in_archives_are_searched_up_to_a_cap() {
    use crate::scan::inside::TEXT_BYTES;
    let token = github("ghp_");
    let found = |end: usize| {
        let archive = tar_of(&[("a.log", log(end - token.len() - 1, &token))]);
        level("app/logs.tar", archive).is_some()
    };
    assert!(found(TEXT_BYTES - 1) && found(TEXT_BYTES) && !found(TEXT_BYTES + 1));
}

#[test]
fn what_is_packed_is_named_whole_and_what_holds_it_may_be_deleted() {
    let archive = tar_of(&[(".env", b"DB_PASSWORD=hunter2secure\n".to_vec())]);
    let sample = scanned("app/home.tar", archive)
        .scanned("RUN rm app/home.tar", &[("app/.wh.home.tar", Vec::new())]);
    insta::with_settings!({filters => vec![(r"fingerprint [0-9a-f]{8}", "fingerprint F")]}, {
        insta::assert_snapshot!(sample.words(), @r"
        deny: `app/home.tar!/.env` line 1 holds a secret value under the name `DB_PASSWORD` (13 characters, fingerprint F) (deleted by layer 1 but still in the image)
          fix: add the file to `.dockerignore`, mount it only where a step needs it (`RUN --mount=type=secret,id=...,target=...`) or at run time; revoke the value; deleting it in a later layer does not remove it
        ");
    });
}
