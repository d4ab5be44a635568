//! Debian's `docker-registry` and `skopeo`: the real programs, on a port and in a folder of
//! their own. `make test` installs them.

use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::image::{BuiltImage, write_index_layout, write_layout};
use super::process::Process;

/// Who may push and pull where a password is wanted; `fixtures/registry/htpasswd` holds its hash.
pub const LOGIN: (&str, &str) = ("pusher", "pass-of-the-tests");

/// Where a registry sends its events.
pub struct Notify<'a> {
    /// Address, with path.
    pub url: &'a str,
    /// Bearer token.
    pub token: &'a str,
    /// CA (PEM file) of the receiver.
    pub ca: &'a Path,
}

/// A running registry; it ends when this is dropped.
pub struct DockerRegistry {
    /// `host:port`, as references write it.
    pub host: String,
    folder: TempDir,
    login: Option<(&'static str, &'static str)>,
    _process: Process,
}

impl DockerRegistry {
    /// Starts one that anybody may use.
    pub async fn start(notify: Option<&Notify<'_>>) -> Self {
        Self::start_with(notify, "", None).await
    }

    /// Starts one that wants [`LOGIN`].
    pub async fn start_with_password() -> Self {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/registry/htpasswd");
        let auth = format!("auth: {{htpasswd: {{realm: tests, path: {file}}}}}");
        Self::start_with(None, &auth, Some(LOGIN)).await
    }

    async fn start_with(
        notify: Option<&Notify<'_>>,
        auth: &str,
        login: Option<(&'static str, &'static str)>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = folder.path().join("storage");
        let endpoints = notify.map(endpoint).unwrap_or_default();
        let config = format!(
            r#"
version: 0.1
log: {{level: info, formatter: text}}
storage: {{filesystem: {{rootdirectory: {}}}}}
http: {{addr: "127.0.0.1:0"}}
{endpoints}
{auth}
"#,
            storage.display()
        );
        let file = folder.path().join("config.yml");
        std::fs::write(&file, config).unwrap();
        let mut command = installed("docker-registry");
        command.arg("serve").arg(&file).env("OTEL_TRACES_EXPORTER", "none");
        if let Some(notify) = notify {
            command.env("SSL_CERT_FILE", notify.ca);
        }
        let process = Process::spawn(&mut command);
        let host = process.line("docker-registry to listen", listening).await;
        Self { host, folder, login, _process: process }
    }

    /// Pushes an image with skopeo; gives the reference by tag.
    pub fn push(&self, name: &str, image: &BuiltImage) -> String {
        let layout = self.folder.path().join("layouts").join(name);
        write_layout(&layout, "1", image);
        self.copy(&layout, name)
    }

    /// Pushes an index over images with skopeo; gives the reference by tag.
    pub fn push_index(&self, name: &str, images: &[&BuiltImage]) -> String {
        let layout = self.folder.path().join("layouts").join(name);
        write_index_layout(&layout, "1", images);
        self.copy(&layout, name)
    }

    fn copy(&self, layout: &Path, name: &str) -> String {
        let to = format!("{}/ml/{name}:1", self.host);
        let mut command = installed("skopeo");
        command.args(["--insecure-policy", "copy", "--quiet", "--all", "--dest-tls-verify=false"]);
        if let Some((user, password)) = self.login {
            command.arg(format!("--dest-creds={user}:{password}"));
        }
        command.arg(format!("oci:{}:1", layout.display())).arg(format!("docker://{to}"));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        to
    }
}

/// A program that has to be there.
fn installed(name: &str) -> Command {
    let found = Command::new(name).arg("--version").stdout(Stdio::null()).status();
    assert!(found.is_ok(), "install the Debian package {name} (`make test` does it)");
    Command::new(name)
}

/// Events of manifests, as the README's registry configuration asks for them.
fn endpoint(notify: &Notify<'_>) -> String {
    format!(
        r#"
notifications:
  endpoints:
    - name: plimsoll
      url: {}
      headers: {{Authorization: ["Bearer {}"]}}
      timeout: 2s
      threshold: 5
      backoff: 1s
      ignoredmediatypes: [application/octet-stream]
"#,
        notify.url, notify.token
    )
}

/// The address in a line such as `msg="listening on 127.0.0.1:5000"`.
fn listening(line: &str) -> Option<String> {
    let (_, behind) = line.split_once("listening on ")?;
    Some(behind.chars().take_while(|c| c.is_ascii_digit() || ".:".contains(*c)).collect())
}
