//! One image that passes, one that fails, some that hide; and the measured false positives.

use super::super::secrets::private_key::tests::pem;
use super::super::secrets::tokens::tests::{BASE62, LETTERS, github, noise};
use super::super::testing::{Sample, entry, file};
use super::*;

mod far;
mod made;
mod plants;

fn one(path: &str, content: impl AsRef<[u8]>) -> Sample {
    Sample::of(&SecretFile).layer("COPY . . # buildkit", &[file(path, content)])
}

#[test]
fn ordinary_images_pass() {
    let packages = "usr/local/lib/python3.12/site-packages";
    let at = |path: &str| format!("{packages}/{path}");
    let key = pem("PRIVATE KEY", 1600);
    let sample = Sample::of(&SecretFile).layer("RUN pip install", &[
        file(&at("sklearn/utils/_estimator_html_repr.css"), "#sk-toggleable__label-arrow:before {}"),
        file(&at("twisted/conch/ssh/keys.py"), "b'sk-ecdsa-sha2-nistp256-cert-v01@openssh.com'"),
        file(&at("botocore/data/iam/2010-05-08/examples-1.json"), "\"AccessKeyId\": \"AKIAIOSFODNN7EXAMPLE\", \"SecretAccessKey\": \"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\""),
        file(&at("certifi/cacert.pem"), pem("CERTIFICATE", 1600)),
        file(&at("tornado/test/test.key"), &key),
        file(&at("gevent/tests/2_7_keycert.pem"), &key),
        file("opt/conda/lib/python3.12/test/certdata/keycert.pem", &key),
        file(&at("cryptography/hazmat/primitives/serialization/ssh.py"), "_SK_START = b\"-----BEGIN OPENSSH PRIVATE KEY-----\"\n_SK_END = b\"-----END OPENSSH PRIVATE KEY-----\"\n"),
        file(&at("pandas/io/sql.py"), "postgresql://user:password@localhost/test"),
        file(&at("mlflow/x.py"), "key = \"sk-1234567890abcdef1234567890abcdef\""),
        file("etc/ssl/private/ssl-cert-snakeoil.key", &key),
        file("etc/ssl/certs/ca-certificates.crt", pem("CERTIFICATE", 1600)),
        file("app/.env.example", "DB_PASSWORD=hunter2secure"),
        file("app/.env", "DB_PASSWORD=changeme\nDEBUG=1\n"),
        file("app/config.yaml", "database:\n  password: ${DB_PASSWORD}\n  token_url: https://x/y\n"),
        file("app/main.py", "api_key = os.environ['API_KEY']\nmax_tokens = '4096'\npad_token = '[PAD]'\n"),
        file("run/secrets/token", ""),
        entry("run/secrets/kubernetes.io", EntryKind::Directory),
        entry("root/.ssh/id_rsa", EntryKind::Symlink),
    ]);
    assert_eq!(sample.words(), "");
}

#[test]
fn secrets_are_refused_and_never_shown() {
    let token = format!("hf_{}", noise(34, LETTERS));
    let sample = one("app/src/load.py", format!("import os\n\nlogin(\"{token}\")\n"));
    assert_eq!(sample.level(), Some(Level::Deny));
    let everything = serde_json::to_string(&sample.findings()).unwrap()
        + &serde_json::to_string(&sample.facts[0]).unwrap();
    assert!(!everything.contains(&token));
    insta::with_settings!({filters => vec![(r"fingerprint [0-9a-f]{8}", "fingerprint F")]}, {
        insta::assert_snapshot!(sample.words(), @r"
        deny: `app/src/load.py` line 3 holds a Hugging Face token (37 characters, fingerprint F)
          fix: read the value from the environment or a mounted file when the container starts; revoke it
        ");
        insta::assert_snapshot!(one("root/.ssh/id_rsa", pem("RSA PRIVATE KEY", 1600)).words(), @r"
        deny: `root/.ssh/id_rsa` line 1 holds a private key (1626 characters, fingerprint F)
          fix: keep the key out of the build context (`.dockerignore`); for Git over SSH use `RUN --mount=type=ssh`, at run time mount a Secret; replace the key pair
        ");
        insta::assert_snapshot!(one("app/.env", "A=1\nDB_PASSWORD=hunter2secure\n").words(), @r"
        deny: `app/.env` line 2 holds a secret value under the name `DB_PASSWORD` (13 characters, fingerprint F)
          fix: add the file to `.dockerignore`, mount it only where a step needs it (`RUN --mount=type=secret,id=...,target=...`) or at run time; revoke the value
        ");
        let host_key = [file("etc/ssh/ssh_host_rsa_key", pem("RSA PRIVATE KEY", 1600))];
        let made = Sample::of(&SecretFile).layer("RUN apt-get install -y openssh-server", &host_key);
        insta::assert_snapshot!(made.words(), @r"
        warn: `etc/ssh/ssh_host_rsa_key` line 1 holds a private key (1626 characters, fingerprint F)
          fix: every container would have the same host key: delete it in the instruction that installs the server (`rm -f /etc/ssh/ssh_host_*`) and run `ssh-keygen -A` at start
        ");
    });
}

#[test]
fn hiding_does_not_help() {
    let token = github("ghp_");
    let wide: Vec<u8> = std::iter::once(0xfeff_u16)
        .chain(format!("token {token}").encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let samples = [
        one("app/main.py", format!("\0\0x = '{token}'")),
        one("app/notes", format!("{}{token}", "lorem ipsum\n".repeat(50_000))),
        one("app/settings.txt", wide),
        one("app/run.ipynb", format!("{{\"outputs\": [{{\"text\": \"{token}\\n\"}}]}}")),
        one("app/main.pyc", format!("\x16\0\0\0{token}\0)")),
        one(
            "app/blob.json",
            format!("{{\"private_key\": \"{}\"}}", pem("PRIVATE KEY", 1600).replace('\n', "\\n")),
        ),
        one("root/.bash_history", format!("git clone https://x:{token}@github.com/o/r\n")),
        one("app/latest/testing-tools.sh", format!("export T={token}")),
    ];
    for sample in samples {
        assert_eq!(sample.level(), Some(Level::Deny), "{:?}", sample.facts);
    }
}

#[test]
fn doubt_is_a_warning() {
    let token = github("ghp_");
    let key = pem("PRIVATE KEY", 1600);
    let secret = noise(40, BASE62);
    let samples = [
        one("app/tests/key.pem", &key),
        one("usr/local/lib/python3.12/site-packages/app/x.py", format!("'{token}'")),
        one("usr/share/doc/x/README", &key),
        one("etc/ssh/ssh_host_ed25519_key", &key),
        one("app/key.pem", pem("ENCRYPTED PRIVATE KEY", 1600)),
        one("app/main.py", "connect(user='ml', password='hunter2secure')"),
        one("app/main.py", "URL = 'postgresql://ml:Winter2026@db:5432/app'"),
        one("app/ids.txt", format!("AKIA{}", noise(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))),
        one("app/x.md", format!("ghp_{}", &secret[..36])),
    ];
    for sample in samples {
        assert_eq!(sample.level(), Some(Level::Warn), "{}", sample.words());
    }
}

#[test]
fn one_value_in_many_files_is_one_finding_per_layer() {
    let token = github("ghp_");
    let files =
        [file("app/tests/a.py", &token), file("app/b.py", &token), file("app/c.py", &token)];
    let sample = Sample::of(&SecretFile).layer("COPY a", &files).layer("COPY b", &files[..1]);
    let levels: Vec<Level> = sample.findings().iter().map(|finding| finding.level).collect();
    assert_eq!(levels, [Level::Deny, Level::Warn]);
    assert_eq!(sample.findings()[0].path.as_deref(), Some("app/b.py"));
    assert!(sample.findings()[0].message.contains("also in 2 other files"));
}

#[test]
fn the_number_of_facts_is_capped_per_file() {
    for (count, expected) in [(99, 99), (100, 100), (101, 100)] {
        let lines: Vec<String> =
            (0..count).map(|n| format!("K{n}_PASSWORD=hunter2secure{n}\n")).collect();
        let sample = one("app/.env", lines.concat());
        assert_eq!(sample.facts[0].as_ref().unwrap().facts.len(), expected);
    }
}

#[test]
fn lines_are_counted() {
    let sample =
        one("app/.env", "A=1\n\nDB_PASSWORD=hunter2secure\nX_API_KEY=qT9vLm4Zr1Xw8Kd2Pb\n");
    let facts = &sample.facts[0].as_ref().unwrap().facts;
    assert_eq!(facts.iter().map(|fact| fact.line).collect::<Vec<_>>(), [Some(3), Some(4)]);
}

#[test]
fn a_flood_of_tokens_is_refused_and_hides_nothing() {
    let key = pem("RSA PRIVATE KEY", 1600);
    let flood = "hf_ ".repeat(tokens::MAX_WORK_BYTES / 320 + 1);
    let sample = one("app/notes.txt", flood.clone() + &key);
    let words = sample.words();
    assert_eq!(sample.findings().len(), 2);
    assert!(words.contains("holds a private key"), "{words}");
    insta::assert_snapshot!(one("app/notes.txt", flood).words(), @r"
    deny: `app/notes.txt` holds more texts like tokens than are searched, which hides a real one
      fix: leave generated token lists out of the image (`.dockerignore`)
    ");
    let vocabulary = "task-antelope \"disk-1\" ".repeat(210_000);
    assert_eq!(one("app/vocabulary.json", vocabulary).words(), "");
}

#[test]
fn doubtful_secrets_push_no_sure_one_out() {
    let weak: Vec<String> = (0..150).map(|n| format!("K{n}_PASSWORD=wintermute\n")).collect();
    let weak = weak.concat();
    let sample = one("app/.env", weak.clone() + "DB_PASSWORD=hunter2secure\n");
    assert_eq!(sample.level(), Some(Level::Deny));
    let weak = format!("hf_{}\n", noise(37, BASE62)).repeat(150) + &weak;
    let sample = one("app/x.txt", weak + &pem("EC PRIVATE KEY", 164));
    assert_eq!(sample.level(), Some(Level::Deny));
}

#[test]
fn a_secret_behind_what_is_searched_is_a_warning() {
    use super::super::testing::sized;
    const TEXT: u64 = 8 << 20;
    let table = [
        ("app/run.sh", TEXT, None),
        ("app/run.sh", TEXT + 1, Some(Level::Warn)),
        ("app/.env", TEXT + 1, Some(Level::Warn)),
        ("app/data.json", TEXT + 1, None),
        ("app/data.csv", TEXT + 1, None),
        ("app/static/main.js.map", TEXT + 1, None),
        ("usr/lib/python3/dist-packages/x/tables.py", TEXT + 1, None),
    ];
    for (path, size, expected) in table {
        assert_eq!(one_of(sized(path, "x = 1\n", size)).level(), expected, "{path} {size}");
    }
    insta::assert_snapshot!(one_of(sized("app/run.sh", "x", TEXT + 1)).words(), @r"
    warn: `app/run.sh` is too long to be searched for secrets beyond its first 8.0 MiB
      fix: split the file, or leave it out of the image (`.dockerignore`)
    ");
}

fn one_of(file: super::super::testing::File) -> Sample {
    Sample::of(&SecretFile).layer("COPY . . # buildkit", &[file])
}

#[test]
fn what_a_later_layer_hides_is_found_and_said() {
    let secret = [file("app/.env", "DB_PASSWORD=hunter2secure\n")];
    let deleted = Sample::of(&SecretFile)
        .layer("COPY . .", &secret)
        .layer("RUN rm .env", &[entry("app/.env", EntryKind::Whiteout)]);
    let folder = Sample::of(&SecretFile)
        .layer("COPY . .", &secret)
        .layer("RUN rm -r app", &[entry("app", EntryKind::Whiteout)]);
    let overwritten = Sample::of(&SecretFile)
        .layer("COPY . .", &secret)
        .layer("COPY empty .env", &[file("app/.env", "DEBUG=1\n")]);
    for (sample, words) in [
        (deleted, "(deleted by layer 1 but still in the image)"),
        (folder, "(deleted by layer 1 but still in the image)"),
        (overwritten, "(overwritten by layer 1 but still in the image)"),
    ] {
        let shown = sample.words();
        assert_eq!(sample.level(), Some(Level::Deny), "{shown}");
        assert!(shown.contains(words), "{shown}");
        assert!(shown.contains("deleting it in a later layer does not remove it"), "{shown}");
    }
}
