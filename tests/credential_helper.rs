//! Credentials that a docker credential helper has, by the real binary: helpers are programs
//! found by name, so they need an environment of their own.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use serde_json::json;

use crate::support::process::plimsoll;
use crate::support::registry::{Auth, FakeRegistry};
use crate::support::samples::{clean, publish};

/// `docker-credential-berth`, which knows bob, and a docker configuration that asks it for `host`.
fn helper(folder: &Path, host: &str, secret: &str) {
    let program = folder.join("docker-credential-berth");
    let answer = json!({"ServerURL": host, "Username": "bob", "Secret": secret});
    std::fs::write(&program, format!("#!/bin/sh\ncat >/dev/null\necho '{answer}'\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let config = json!({"credHelpers": {host: "berth"}});
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
}

async fn check(registry: &FakeRegistry, secret: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    helper(folder.path(), &registry.host(), secret);
    let image = registry.reference("ml/app", "1").to_string();
    let path = std::env::var_os("PATH").unwrap();
    let folders = [folder.path().to_owned()].into_iter().chain(std::env::split_paths(&path));
    let mut command = plimsoll();
    command
        .args(["check", "--no-cache", "--plain-http", "-o", "json", &image])
        .env("DOCKER_CONFIG", folder.path())
        .env("PATH", std::env::join_paths(folders).unwrap());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_helper_lets_us_in_and_a_wrong_secret_is_told_without_it() {
    let registry = FakeRegistry::start().await;
    publish(&registry, "ml/app", "1", &clean("1"));
    for auth in [Auth::Basic("bob", "s3cret-of-bob"), Auth::Token("bob", "s3cret-of-bob")] {
        registry.require(auth);
        let allowed = check(&registry, "s3cret-of-bob").await;
        assert_eq!(allowed.status.code(), Some(0), "{allowed:?}");

        let refused = check(&registry, "wr0ng-secret").await;
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        let told = String::from_utf8([refused.stdout, refused.stderr].concat()).unwrap();
        assert!(told.contains("registry-denied"), "{told}");
        assert!(!told.contains("wr0ng-secret"), "{told}");
    }
}
