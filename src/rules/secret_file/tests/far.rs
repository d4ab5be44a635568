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
        let lines = text[..place].split(|byte| *byte == b'\n').count();
        let sample = scanned("app/data/requests.log", text);
        let facts = &sample.facts[0].as_ref().unwrap().facts;
        let facts: Vec<&Fact> = facts.iter().filter(|fact| fact.rule == ID).collect();
        assert!(!facts.is_empty() && facts.len() <= 2, "{place}: {facts:?}");
        for fact in facts {
            assert_eq!(fact.line, u64::try_from(lines).ok(), "{place}");
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
        ("app/lib/x.jar", ".env", token.clone(), Some(Level::Deny)),
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
        if !path.contains(".whl") && !path.starts_with("usr/") {
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

fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = Vec::new();
    for (name, content) in files {
        let size = u32::try_from(content.len()).unwrap().to_le_bytes();
        let mut crc = flate2::Crc::new();
        crc.update(content);
        zip.extend(b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0");
        zip.extend(crc.sum().to_le_bytes());
        zip.extend(size);
        zip.extend(size);
        zip.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        zip.extend([0, 0]);
        zip.extend(name.bytes());
        zip.extend(*content);
    }
    zip.extend(b"PK\x05\x06");
    zip.extend([0; 18]);
    zip
}

#[test]
fn archives_of_programs_hold_tokens_of_the_application() {
    let token = format!("token={}\n", github("ghp_"));
    let key = pem("RSA PRIVATE KEY", 1600);
    let (deny, warn) = (Some(Level::Deny), Some(Level::Warn));
    for (path, member, of_token, of_key) in [
        ("app/app.jar", "BOOT-INF/classes/application.properties", deny, warn),
        ("app/app.jar", "BOOT-INF/classes/server.key", deny, deny),
        ("app/app.jar", "BOOT-INF/lib/x/server.key", warn, None),
        ("app/x.war", "WEB-INF/classes/x.properties", deny, warn),
        ("app/app.jar", "application.properties", deny, None),
        ("app/app.jar", "org/x/server.key", warn, None),
        ("opt/spark/jars/app.jar", "org/x/x.properties", None, None),
        ("app/my-0.1-py3-none-any.whl", "my/settings.py", warn, None),
        ("app/my-0.1-py3-none-any.whl", "my/server.key", warn, None),
        ("app/svc.pyz", "main.py", deny, warn),
        ("app/svc.pyz", "site-packages/x/main.py", None, None),
        ("app/tool.pex", "main.py", deny, warn),
        ("app/tool.pex", ".deps/x.whl/x/main.py", None, None),
        ("app/ml.mar", "handler.py", deny, warn),
        ("app/notes.docx", "word/document.xml", deny, warn),
    ] {
        let archive = |content: &str| zip_of(&[(member, content.as_bytes())]);
        assert_eq!(level(path, archive(&token)), of_token, "{path} {member}");
        assert_eq!(level(path, archive(&key)), of_key, "{path} {member}");
    }
}

#[test]
fn somebodys_own_keys_are_refused_in_archives_too() {
    let key = pem("RSA PRIVATE KEY", 1600).into_bytes();
    let home = tar_of(&[("root/.ssh/deploy", key.clone())]);
    let inner = zip_of(&[("id_rsa", &key)]);
    let (deny, warn) = (Some(Level::Deny), Some(Level::Warn));
    for (path, content, expected) in [
        ("app/home.tar", home.clone(), deny),
        ("app/n.zip", zip_of(&[("inner.zip", &inner)]), deny),
        ("app/n.zip", zip_of(&[("certs/server.pem", &key)]), warn),
        ("app/n.zip", zip_of(&[("tests/id_rsa", &key)]), None),
        ("app/n.zip", zip_of(&[(".ssh/id_rsa.pub", b"ssh-rsa AAAA")]), None),
        ("app/n.tar", tar_of(&[("etc/ssl/private/ssl-cert-snakeoil.key", key.clone())]), warn),
    ] {
        assert_eq!(level(path, content), expected, "{path}");
    }
}

#[test]
fn backups_that_cannot_be_opened_are_a_warning() {
    let warn = Some(Level::Warn);
    for (path, head, expected) in [
        ("app/home.tar.xz", &b"\xfd7zXZ\0\0"[..], warn),
        ("app/prod-backup.7z", b"7z\xbc\xaf\x27\x1c\0\x04", warn),
        ("app/creds.rar", b"Rar!\x1a\x07\0", warn),
        ("app/train-2024.tar.xz", b"\xfd7zXZ\0\0", None),
        ("app/home.tar.xz", b"a plain text", None),
        ("usr/share/x/home.tar.xz", b"\xfd7zXZ\0\0", None),
    ] {
        let content = [head, &[0; 64]].concat();
        assert_eq!(level(path, content), expected, "{path}");
    }
    insta::assert_snapshot!(scanned("app/home.tar.xz", [&b"\xfd7zXZ\0"[..], &[0; 64]].concat()).words(), @r"
    warn: `app/home.tar.xz` is named like a backup or a store of secrets, and cannot be opened
      fix: leave it out of the image (`.dockerignore`), or ship the files unpacked
    ");
}
