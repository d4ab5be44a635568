//! Who brought a file: packages installed beside the application, packages that make secrets
//! while they are installed, the application itself; and the places that were passed over.

use super::super::super::secrets::private_key::tests::pem;
use super::super::super::secrets::tokens::tests::{BASE62, LETTERS, github, noise};
use super::super::super::testing::{Sample, file};
use super::*;

const DENY: Option<Level> = Some(Level::Deny);
const WARN: Option<Level> = Some(Level::Warn);
const COPY: &str = "COPY . . # buildkit";
const RUN: &str = "RUN /bin/sh -c apt-get install -y x # buildkit";
const PASSWORD: &str = "DB_PASSWORD=Winter2026!kQ7\n";

fn level_by(step: &str, path: &str, content: &str) -> Option<Level> {
    Sample::of(&SecretFile).layer(step, &[file(path, content)]).level()
}

#[test]
fn packages_installed_into_the_application_bring_their_own_keys() {
    let key = pem("RSA PRIVATE KEY", 1600);
    let list = "moto/__init__.py,sha256=x,1\nmoto_proxy/__init__.py,,\nmoto_proxy/ca.key,,\n\
        tests/__init__.py,,\n../__init__.py,,\nother.py,,\nmore/data.bin,,\n";
    for (path, expected) in [
        ("var/task/moto_proxy/ca.key", WARN),
        ("var/task/moto_proxy/.env", DENY),
        ("var/task/moto_proxy/id_rsa", DENY),
        ("var/task/moto/tests/ca.key", None),
        ("var/task/ca.key", DENY),
        ("var/task/more/ca.key", DENY),
        ("var/task/tests/ca.key", WARN),
        ("var/other/moto_proxy/ca.key", DENY),
    ] {
        let content = if path.contains("/.env") { PASSWORD } else { &key };
        let files = [file(path, content), file("var/task/moto-5.0.dist-info/RECORD", list)];
        let sample = Sample::of(&SecretFile).layer(COPY, &files);
        assert_eq!(sample.level(), expected, "{path}: {}", sample.words());
    }
}

#[test]
fn a_list_that_is_still_to_come_takes_no_refusal_back() {
    let key = pem("RSA PRIVATE KEY", 1600);
    for (path, partial) in [("app/x/ca.key", WARN), ("app/ca.key", DENY), ("app/x/.env", DENY)] {
        let content = if path.contains("/.env") { PASSWORD } else { &key };
        let mut sample = Sample::of(&SecretFile).layer(COPY, &[file(path, content)]);
        assert_eq!(sample.level(), DENY, "{path}");
        sample.facts[0].as_mut().unwrap().whole = false;
        assert_eq!(sample.level(), partial, "{path}");
    }
}

#[test]
fn lists_of_files_are_capped() {
    for (count, expected) in [(31, 31), (32, 32), (33, 32)] {
        let list: Vec<String> = (0..count).map(|n| format!("p{n:02}/__init__.py,,\n")).collect();
        let list = list.concat();
        let files = [file("app/x-1.0.dist-info/RECORD", list)];
        let sample = Sample::of(&SecretFile).layer(COPY, &files);
        assert_eq!(sample.facts[0].as_ref().unwrap().facts.len(), expected);
        assert_eq!(sample.words(), "");
    }
}

#[test]
fn what_packages_make_is_a_warning_and_what_is_copied_is_not() {
    let key = pem("RSA PRIVATE KEY", 1600);
    let cnf = format!("[client]\nuser = debian-sys-maint\npassword = {}\n", noise(16, BASE62));
    for (path, content, made, copied) in [
        ("etc/ssl/private/ssl-cert-snakeoil.key", &key, None, WARN),
        ("etc/ssh/ssh_host_rsa_key", &key, WARN, WARN),
        ("etc/mysql/debian.cnf", &cnf, WARN, DENY),
        ("etc/unbound/unbound_server.key", &key, WARN, DENY),
        ("etc/unbound/unbound_control.key", &key, WARN, DENY),
        ("etc/ssl/private/server.key", &key, DENY, DENY),
    ] {
        assert_eq!(level_by(RUN, path, content), made, "{path}");
        assert_eq!(level_by(COPY, path, content), copied, "{path}");
    }
    let words = Sample::of(&SecretFile).layer(RUN, &[file("etc/mysql/debian.cnf", cnf)]).words();
    assert!(words.contains("(`rm -f /etc/mysql/debian.cnf`)"), "{words}");
    let host = [file("etc/ssh/ssh_host_rsa_key", key)];
    let words = Sample::of(&SecretFile).layer(COPY, &host).words();
    assert!(words.contains("leave it out of the build context"), "{words}");
}

#[test]
fn the_applications_files_are_read_wherever_they_lie() {
    for (path, content) in [
        ("etc/myapp/config.yaml", "db_password: Winter2026!kQ7\n".to_owned()),
        ("etc/default/trainer", PASSWORD.to_owned()),
        ("etc/systemd/system/t.service", format!("[Service]\nEnvironment={PASSWORD}")),
        ("etc/systemd/system/u.service", format!("Environment=\"{}\"\n", PASSWORD.trim_end())),
        ("etc/cron.d/j", format!("{PASSWORD}0 * * * * root /app/x\n")),
        ("var/task/app.py", "db_password = 'Winter2026!kQ7'\n".to_owned()),
        ("var/www/html/config.php", "<?php $db_password = 'Winter2026!kQ7';\n".to_owned()),
        ("app/.env.test", PASSWORD.to_owned()),
        ("app/env", PASSWORD.to_owned()),
        ("app/run", format!("#!/bin/sh\nexport {PASSWORD}exec x\n")),
    ] {
        assert_eq!(level_by(COPY, path, &content), WARN, "{path}");
        let is_system = path.starts_with("etc/") || path.starts_with("var/");
        let made = if is_system { None } else { WARN };
        assert_eq!(level_by(RUN, path, &content), made, "{path}");
    }
    for path in ["app/.env~", "app/config.env.bak", "app/.envs/prod"] {
        assert_eq!(level_by(COPY, path, PASSWORD), DENY, "{path}");
    }
    for step in [RUN, COPY] {
        assert_eq!(level_by(step, "etc/environment", PASSWORD), DENY);
        assert_eq!(level_by(step, "etc/myapp/config.yaml", &github("ghp_")), DENY);
        assert_eq!(level_by(step, "app/.env.test", "DB_PASSWORD=postgres\n"), None);
        assert_eq!(level_by(step, "app/run", "#!/bin/sh\npassword=$1\n"), None);
    }
}

#[test]
fn what_programs_wrote_down_is_searched_for_tokens() {
    let token = format!("hf_{}", noise(34, LETTERS)).into_bytes();
    let length = u8::try_from(token.len()).unwrap();
    let core = [&b"\x7fELF\x02\x01"[..], &[0; 10], &[4, 0], &[0; 500], &token, &[0; 9]].concat();
    for (path, content) in [
        ("app/cfg.pkl", [&b"\x80\x04\x95\0\0\0\x8c"[..], &[length], &token, b"\x94s."].concat()),
        ("app/cfg.pkl", [&b"\x80\x02X"[..], &[length, 0, 0, 0], &token, b"q\x01s."].concat()),
        ("app/x.msgpack", [&b"\x81\xa3key\xd9"[..], &[length], &token, b"\0\0"].concat()),
        (
            "app/A.class",
            [&b"\xca\xfe\xba\xbe\0\0\0\x41\0\x10\x01\0"[..], &[length], &token].concat(),
        ),
        ("app/core.17", core),
    ] {
        let sample = one(path, &content);
        assert_eq!(sample.level(), DENY, "{path}");
        assert_eq!(sample.facts[0].as_ref().unwrap().facts[0].line, None, "{path}");
        assert_eq!(one(&format!("usr/lib/{path}"), content).level(), None, "{path}");
    }
    assert_eq!(
        one("app/cfg.pkl", b"\x80\x04\x95\0\0\0\x8c\x16password=Winter2026!kQ7\x94.").level(),
        None
    );
}
