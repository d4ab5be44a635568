//! Credentials as docker, podman and Kubernetes keep them, found by crate `docker_credential`.
//! They are read again at every (re)authentication, so a rotated secret is picked up without a
//! restart. Never in Debug, an error or a log.

use std::fmt;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use docker_credential::{CredentialRetrievalError, DockerCredential};
use tokio::sync::Semaphore;

use super::FetchError;

/// Largest docker configuration we read, in bytes.
const MAX_CONFIG_BYTES: u64 = 1024 * 1024;
/// How long a credential helper may take. Cloud helpers call out to a token service.
const HELPER_TIMEOUT: Duration = Duration::from_secs(30);
/// Look-ups at a time. A helper that hangs keeps its thread and its place for good.
static LOOKUPS: Semaphore = Semaphore::const_new(16);

/// Where the credentials of a registry come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Credentials {
    /// Nowhere.
    #[default]
    Anonymous,
    /// A docker `config.json` (or Kubernetes' `.dockerconfigjson`, the same thing).
    DockerConfig(PathBuf),
    /// The user's own: docker's, else podman's.
    DefaultDockerConfig,
}

/// One registry's credential.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Credential {
    Anonymous,
    Basic {
        user: String,
        password: String,
    },
    /// A refresh token, good only for exchange at the registry's token service.
    Identity(String),
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "Anonymous",
            Self::Basic { .. } => "Basic(<redacted>)",
            Self::Identity(_) => "Identity(<redacted>)",
        })
    }
}

impl Credentials {
    /// The credential for `registry`, as of now. Helper programs run on the blocking pool.
    pub(super) async fn lookup(&self, registry: &str) -> Result<Credential, FetchError> {
        if *self == Self::Anonymous {
            return Ok(Credential::Anonymous);
        }
        let (source, registry_name) = (self.clone(), registry.to_owned());
        let lookup = async move {
            let place = LOOKUPS.acquire().await;
            tokio::task::spawn_blocking(move || {
                let _place = place;
                source.read(&registry_name)
            })
            .await
        };
        match tokio::time::timeout(HELPER_TIMEOUT, lookup).await {
            Ok(Ok(found)) => found,
            Ok(Err(_)) => Err(denied(registry, "look-up of credentials was aborted")),
            Err(_) => Err(denied(registry, "credential helper does not answer")),
        }
    }

    fn read(&self, registry: &str) -> Result<Credential, FetchError> {
        match self {
            Self::Anonymous => Ok(Credential::Anonymous),
            Self::DockerConfig(path) => from_file(path, registry),
            Self::DefaultDockerConfig => credential(registry, |server| {
                either(docker_credential::get_credential(server), || {
                    docker_credential::get_podman_credential(server)
                })
            })
            .map_err(|error| unusable(registry, &error)),
        }
    }
}

/// Docker's credential, or podman's where docker has none. A broken entry of docker is told and
/// not passed over: to the user it looks as if it were in use.
fn either(
    docker: Result<DockerCredential, CredentialRetrievalError>,
    podman: impl FnOnce() -> Result<DockerCredential, CredentialRetrievalError>,
) -> Result<DockerCredential, CredentialRetrievalError> {
    match docker {
        Err(error) if is_absence(&error) => match podman() {
            Err(error) if is_absence(&error) => {
                Err(CredentialRetrievalError::NoCredentialConfigured)
            }
            found => found,
        },
        found => found,
    }
}

/// No entry, or no file at all: the usual state of a machine where nobody logged in.
fn is_absence(error: &CredentialRetrievalError) -> bool {
    use CredentialRetrievalError as E;
    means_not_found(error)
        || matches!(error, E::NoCredentialConfigured | E::ConfigNotFound | E::ConfigReadError)
}

fn from_file(path: &Path, registry: &str) -> Result<Credential, FetchError> {
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| BufReader::new(file).take(MAX_CONFIG_BYTES).read_to_end(&mut text))
        .map_err(|error| {
            denied(registry, &format!("cannot read `{}`: {}", path.display(), error.kind()))
        })?;
    credential(registry, |server| {
        docker_credential::get_credential_from_reader(text.as_slice(), server)
    })
    .map_err(|error| unusable(registry, &error))
}

/// Asks under each name the registry may be filed under.
fn credential(
    registry: &str,
    ask: impl Fn(&str) -> Result<DockerCredential, CredentialRetrievalError>,
) -> Result<Credential, CredentialRetrievalError> {
    for server in filed_under(registry) {
        match ask(&server) {
            Ok(DockerCredential::UsernamePassword(user, password)) => {
                return Ok(Credential::Basic { user, password });
            }
            Ok(DockerCredential::IdentityToken(token)) => return Ok(Credential::Identity(token)),
            Err(CredentialRetrievalError::NoCredentialConfigured) => {}
            Err(error) if means_not_found(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Credential::Anonymous)
}

/// Docker files its own registry under the address of the long gone v1 API.
fn filed_under(registry: &str) -> Vec<String> {
    match registry {
        "docker.io" => ["https://index.docker.io/v1/", "index.docker.io", "docker.io"]
            .map(str::to_owned)
            .to_vec(),
        // A login with the default port written out is filed with it.
        host if !host.contains(':') => vec![host.to_owned(), format!("{host}:443")],
        other => vec![other.to_owned()],
    }
}

/// The words are fixed in docker's helper protocol (docker-credential-helpers, `errors.go`).
fn means_not_found(error: &CredentialRetrievalError) -> bool {
    matches!(error, CredentialRetrievalError::HelperFailure { stdout, .. }
        if stdout.trim() == "credentials not found in native keychain")
}

fn unusable(registry: &str, error: &CredentialRetrievalError) -> FetchError {
    use CredentialRetrievalError as E;
    denied(
        registry,
        &match error {
            // A helper's output may hold what it should not say.
            E::HelperFailure { helper, .. } => format!("credential helper failed: `{helper}`"),
            E::HelperCommunicationError => "credential helper cannot be run".to_owned(),
            E::MalformedHelperResponse => "credential helper gave no valid answer".to_owned(),
            E::CredentialDecodingError => "`auth` is not base64 of `user:password`".to_owned(),
            E::CredentialMismatchError => "`auth` differs from username and password".to_owned(),
            E::ConfigReadError => "docker configuration is not valid JSON".to_owned(),
            E::NoCredentialConfigured | E::ConfigNotFound => "no credential".to_owned(),
        },
    )
}

fn denied(registry: &str, what: &str) -> FetchError {
    FetchError::Denied(format!("{registry}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    fn config(value: &serde_json::Value) -> (tempfile::TempDir, Credentials) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        std::fs::write(&path, value.to_string()).unwrap();
        (dir, Credentials::DockerConfig(path))
    }

    fn basic(user: &str, password: &str) -> Credential {
        Credential::Basic { user: user.into(), password: password.into() }
    }

    #[tokio::test]
    async fn finds_each_kind_of_entry() {
        let (_dir, credentials) = config(&json!({"auths": {
            "r.example.com": {"auth": STANDARD.encode("bob:a:b")},
            "https://index.docker.io/v1/": {"username": "hub", "password": "p"},
            "t.example.com:5000": {"identitytoken": "refresh"},
            "p.example.com:443": {"username": "port", "password": "p"},
        }}));
        let table = [
            ("r.example.com", basic("bob", "a:b")),
            ("docker.io", basic("hub", "p")),
            ("p.example.com", basic("port", "p")),
            ("t.example.com:5000", Credential::Identity("refresh".into())),
            ("t.example.com", Credential::Anonymous),
        ];
        for (registry, expected) in table {
            assert!(credentials.lookup(registry).await.unwrap() == expected, "{registry}");
        }
    }

    #[tokio::test]
    async fn reads_the_file_anew_each_time() {
        let (dir, credentials) =
            config(&json!({"auths": {"r": {"username": "a", "password": "1"}}}));
        assert!(credentials.lookup("r").await.unwrap() == basic("a", "1"));
        let rotated = json!({"auths": {"r": {"username": "a", "password": "2"}}});
        std::fs::write(dir.path().join("config.json"), rotated.to_string()).unwrap();
        assert!(credentials.lookup("r").await.unwrap() == basic("a", "2"));
    }

    #[tokio::test]
    async fn says_what_is_wrong_without_the_secret() {
        let (_dir, broken) = config(&json!({"auths": {"r": {"auth": "!s3cret"}}}));
        let (_dir2, helper) = config(&json!({"credHelpers": {"r": "plimsoll-no-such-helper"}}));
        let text = |error: FetchError| error.to_string();
        insta::assert_snapshot!(text(broken.lookup("r").await.unwrap_err()), @"registry denied access (hint: check `registries[].credentials`): r: `auth` is not base64 of `user:password`");
        insta::assert_snapshot!(text(helper.lookup("r").await.unwrap_err()), @"registry denied access (hint: check `registries[].credentials`): r: credential helper cannot be run");
        let missing = Credentials::DockerConfig("/nonexistent/config.json".into());
        insta::assert_snapshot!(text(missing.lookup("r").await.unwrap_err()), @"registry denied access (hint: check `registries[].credentials`): r: cannot read `/nonexistent/config.json`: entity not found");
        assert_eq!(format!("{:?}", basic("u", "s3cret")), "Basic(<redacted>)");
    }

    #[test]
    fn podman_is_asked_where_docker_has_nothing() {
        use CredentialRetrievalError as E;
        type Answer = fn() -> Result<DockerCredential, CredentialRetrievalError>;
        let asked = |docker: Answer, podman: Answer| credential("r", |_| either(docker(), podman));
        let login: Answer = || Ok(DockerCredential::UsernamePassword("u".into(), "p".into()));
        let nothing: [Answer; 3] = [
            || Err(E::NoCredentialConfigured),
            || Err(E::ConfigReadError),
            || Err(E::ConfigNotFound),
        ];
        for absent in nothing {
            assert!(asked(absent, login) == Ok(basic("u", "p")));
            assert!(asked(absent, absent) == Ok(Credential::Anonymous));
            assert!(asked(login, absent) == Ok(basic("u", "p")));
        }
        let broken = asked(|| Err(E::CredentialDecodingError), login);
        assert!(broken == Err(E::CredentialDecodingError));
    }

    #[test]
    fn a_helper_without_an_entry_means_anonymous() {
        let answer = |stdout: &str| {
            credential("r", |_| {
                Err(CredentialRetrievalError::HelperFailure {
                    helper: "docker-credential-x".into(),
                    stdout: stdout.into(),
                    stderr: "s3cret".into(),
                })
            })
        };
        assert!(answer("credentials not found in native keychain\n") == Ok(Credential::Anonymous));
        let error = unusable("r", &answer("boom").unwrap_err()).to_string();
        assert!(!error.contains("s3cret") && !error.contains("boom"), "{error}");
    }
}
