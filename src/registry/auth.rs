//! Authentication towards one registry: which grant a repository's requests carry, for how long,
//! and how a challenge becomes a new one. One negotiation at a time per repository.
//!
//! oci-client asks `/v2/` itself and follows the realm it finds there, which may be another than
//! the one checked here. So it negotiates only where that gives nothing away: without a
//! credential, for registries the operator or the built-in list vouches for. Whatever carries a
//! credential goes through [`super::token`], to the realm that was checked.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;
use reqwest::{Client, RequestBuilder, Url};
use tokio::time::Instant;

use super::credentials::{Credential, Credentials};
use super::request::{self, Subject};
use super::retry::Failure;
use super::token::{Challenge, Exchange, Token};
use super::{FetchError, FetchObserver, egress};
use crate::model::Reference;

/// Repositories whose grants are remembered.
const MAX_GRANTS: u64 = 4096;
/// How long a password is used before it is read again.
const BASIC_LIFETIME: Duration = Duration::from_secs(45);
/// Negotiations after which oci-client is replaced: its token cache never forgets a repository.
const MAX_NEGOTIATIONS: u32 = 1000;

/// What a request shows.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Grant {
    Basic { user: String, password: String },
    Bearer(String),
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic { .. } => "Basic(<redacted>)",
            Self::Bearer(_) => "Bearer(<redacted>)",
        })
    }
}

impl Grant {
    pub(super) fn apply(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::Basic { user, password } => request.basic_auth(user, Some(password)),
            Self::Bearer(token) => request.bearer_auth(token),
        }
    }
}

type Slot = Arc<tokio::sync::Mutex<Option<(Grant, Instant)>>>;

/// The grants of one registry (or of one pattern of registries).
pub(super) struct Authority {
    credentials: Credentials,
    /// None for registries that nobody vouches for.
    negotiator: Option<Negotiator>,
    http: Client,
    plain_http: bool,
    timeout: Duration,
    observer: Arc<dyn FetchObserver>,
    grants: moka::sync::Cache<(String, String), Slot>,
}

impl Authority {
    pub(super) fn new(
        credentials: Credentials,
        negotiator: Option<Negotiator>,
        http: Client,
        plain_http: bool,
        timeout: Duration,
        observer: Arc<dyn FetchObserver>,
    ) -> Self {
        let grants = moka::sync::Cache::new(MAX_GRANTS);
        Self { credentials, negotiator, http, plain_http, timeout, observer, grants }
    }

    fn slot(&self, reference: &Reference) -> Slot {
        let key = (reference.registry().to_owned(), reference.repository().to_owned());
        self.grants.get_with(key, Slot::default)
    }

    /// The grant in force, if any. Waits for a negotiation that is under way.
    pub(super) async fn current(&self, reference: &Reference) -> Option<Grant> {
        let slot = self.slot(reference);
        let held = slot.lock().await;
        held.as_ref().filter(|(_, until)| Instant::now() < *until).map(|(grant, _)| grant.clone())
    }

    /// Drops a grant that was refused without a challenge.
    pub(super) async fn forget(&self, reference: &Reference, refused: &Grant) {
        let slot = self.slot(reference);
        let mut held = slot.lock().await;
        if held.as_ref().is_some_and(|(grant, _)| grant == refused) {
            *held = None;
        }
    }

    /// A new grant after `refused` (or nothing) was answered with `challenge`.
    pub(super) async fn renew(
        &self,
        reference: &Reference,
        refused: Option<&Grant>,
        origin: &Url,
        challenge: &Challenge,
    ) -> Result<Grant, Failure> {
        let slot = self.slot(reference);
        let mut held = slot.lock().await;
        if let Some((grant, until)) = held.as_ref()
            && Some(grant) != refused
            && Instant::now() < *until
        {
            // Somebody else negotiated while we waited for the lock.
            return Ok(grant.clone());
        }
        *held = None;
        let (grant, lifetime) = self.negotiate(reference, origin, challenge).await?;
        *held = Some((grant.clone(), Instant::now() + lifetime));
        Ok(grant)
    }

    async fn negotiate(
        &self,
        reference: &Reference,
        origin: &Url,
        challenge: &Challenge,
    ) -> Result<(Grant, Duration), Failure> {
        let registry = reference.registry();
        let credential = self.credentials.lookup(registry).await.map_err(Failure::lasting)?;
        match challenge {
            Challenge::Basic => match credential {
                Credential::Basic { user, password } => {
                    Ok((Grant::Basic { user, password }, BASIC_LIFETIME))
                }
                Credential::Anonymous => Err(denied(registry, "wants a password, none is known")),
                Credential::Identity(_) => Err(denied(
                    registry,
                    "wants a password, but the docker configuration holds an identity token \
                     (hint: use a service account's user and password)",
                )),
            },
            Challenge::Bearer { realm, service } => {
                let realm = self.realm(registry, origin, realm)?;
                let token = self.token(reference, &credential, &realm, service.as_deref()).await?;
                Ok((Grant::Bearer(token.text), token.lifetime))
            }
        }
    }

    /// A registry names the place its credentials are sent to, so that place is looked at first.
    fn realm(&self, registry: &str, origin: &Url, realm: &str) -> Result<Url, Failure> {
        let realm: Url =
            realm.parse().map_err(|_| denied(registry, "names no valid token service"))?;
        if realm.scheme() != "https" && !self.plain_http {
            return Err(denied(registry, "names a token service without https"));
        }
        match egress::refusal(origin, &realm) {
            Some(_) => Err(denied(registry, "names a token service at a forbidden address")),
            None => Ok(realm),
        }
    }

    async fn token(
        &self,
        reference: &Reference,
        credential: &Credential,
        realm: &Url,
        service: Option<&str>,
    ) -> Result<Token, Failure> {
        if let (Some(negotiator), Credential::Anonymous) = (&self.negotiator, credential)
            && let Some(token) = negotiator.token(reference).await?
        {
            return Ok(Token::new(token, None));
        }
        Exchange {
            http: &self.http,
            observer: &*self.observer,
            timeout: self.timeout,
            realm,
            is_vouched: self.negotiator.is_some(),
            service,
            repository: reference.repository(),
        }
        .run(credential)
        .await
    }
}

fn denied(registry: &str, what: &str) -> Failure {
    Failure::lasting(FetchError::Denied(format!("{registry} {what}")))
}

/// How to make an oci-client.
pub(super) type MakeClient =
    Box<dyn Fn() -> Result<oci_client::Client, OciDistributionError> + Send + Sync>;

/// Negotiation of anonymous tokens by oci-client.
pub(super) struct Negotiator {
    make: MakeClient,
    current: Mutex<(oci_client::Client, u32)>,
    timeout: Duration,
}

impl Negotiator {
    pub(super) fn new(make: MakeClient, timeout: Duration) -> Result<Self, OciDistributionError> {
        let current = Mutex::new((make()?, 0));
        Ok(Self { make, current, timeout })
    }

    /// A token for pulling; `None` when `/v2/` itself asks for none.
    async fn token(&self, reference: &Reference) -> Result<Option<String>, Failure> {
        let registry = reference.registry();
        let subject = Subject::of("GET", registry, reference.repository(), "token");
        let name = oci_client::Reference::with_tag(
            registry.to_owned(),
            reference.repository().to_owned(),
            "latest".to_owned(),
        );
        let client = self.client();
        let (auth, pull) = (RegistryAuth::Anonymous, oci_client::RegistryOperation::Pull);
        let negotiation = client.auth(&name, &auth, pull);
        match tokio::time::timeout(self.timeout, negotiation).await {
            Ok(Ok(token)) => Ok(token),
            Ok(Err(error)) => Err(not_negotiated(&error, &subject)),
            Err(_) => Err(Failure::passing(FetchError::Unreachable(subject.text("timed out")))),
        }
    }

    fn client(&self) -> oci_client::Client {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.1 >= MAX_NEGOTIATIONS
            && let Ok(fresh) = (self.make)()
        {
            *current = (fresh, 0);
        }
        current.1 = current.1.saturating_add(1);
        current.0.clone()
    }
}

/// oci-client keeps the status of a token service to itself, so the body has to tell: services
/// refuse in JSON, while proxies in front of dead ones answer in HTML or not at all. It is not
/// repeated, because the realm it comes from was not checked.
fn not_negotiated(error: &OciDistributionError, subject: &Subject) -> Failure {
    match error {
        OciDistributionError::RequestError(error) => request::broken(error, subject),
        OciDistributionError::AuthenticationFailure(body) => {
            let text = subject.text("token service refused");
            if body.to_ascii_uppercase().contains("TOOMANYREQUESTS") {
                Failure::passing(FetchError::RateLimited(text))
            } else if serde_json::from_str::<serde_json::Value>(body).is_ok_and(|v| v.is_object()) {
                Failure::lasting(FetchError::Denied(text))
            } else {
                Failure::passing(FetchError::Denied(text))
            }
        }
        _ => {
            Failure::lasting(FetchError::Denied(subject.text("token service gave no valid token")))
        }
    }
}
