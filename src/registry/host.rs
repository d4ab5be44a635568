//! One configured registry (or pattern of registries): its HTTP client with exactly its trust,
//! time limits and redirect rules, and single requests with at most one new authentication.

use std::sync::Arc;

use oci_client::client::{
    Certificate as OciCertificate, CertificateEncoding, ClientConfig, ClientProtocol,
};
use reqwest::header::{ACCEPT, RANGE};
use reqwest::{Certificate, Client, RequestBuilder, Response, Url, redirect};

use super::auth::{Authority, Grant, MakeClient, Negotiator};
use super::client::ClientError;
use super::egress::{self, ScreenedResolver};
use super::request::{self, Subject};
use super::retry::{Failure, Retry, Timeouts};
use super::token::Challenge;
use super::{FetchError, FetchObserver, HostConfig};
use crate::model::Reference;

const USER_AGENT: &str = concat!("plimsoll/", env!("CARGO_PKG_VERSION"));

/// What is asked of a repository.
pub(super) struct Ask<'a> {
    pub(super) reference: &'a Reference,
    /// Below `/v2/<repository>/`; of digests and tags only, so nothing in it needs escaping.
    pub(super) path: &'a str,
    /// What follows the path behind a `?`, escaped.
    pub(super) query: Option<&'a str>,
    pub(super) accept: Option<&'static str>,
    /// First byte that is wanted.
    pub(super) from: u64,
    /// Whether the whole exchange has to fit into [`Timeouts::document`].
    pub(super) is_document: bool,
    /// Whether the answer has to come from where it was asked for.
    pub(super) is_steadfast: bool,
}

impl<'a> Ask<'a> {
    /// A document of any kind, from wherever the registry sends us.
    pub(super) fn document(reference: &'a Reference, path: &'a str) -> Self {
        Self {
            reference,
            path,
            query: None,
            accept: None,
            from: 0,
            is_document: true,
            is_steadfast: false,
        }
    }

    pub(super) fn subject(&self) -> Subject {
        Subject::of("GET", self.reference.registry(), self.reference.repository(), self.path)
    }
}

/// Who answers for a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Voucher {
    /// The operator, who may list what is on this machine.
    Operator,
    /// The built-in list.
    BuiltIn,
    /// Nobody: what such a host says is not even repeated.
    Nobody,
}

/// A registry that may be contacted.
pub(super) struct Host {
    http: Client,
    /// Follows no redirect.
    steadfast: Client,
    voucher: Voucher,
    plain_http: bool,
    authority: Authority,
    pub(super) timeouts: Timeouts,
    pub(super) retry: Retry,
    pub(super) observer: Arc<dyn FetchObserver>,
}

impl Host {
    /// A registry, or any of a pattern.
    pub(super) fn new(
        config: &HostConfig,
        voucher: Voucher,
        limits: (&Timeouts, &Retry),
        observer: &Arc<dyn FetchObserver>,
    ) -> Result<Self, ClientError> {
        let (timeouts, retry) = limits;
        let http = http_client(config, voucher, timeouts, egress::redirect_policy())?;
        // A redirected POST would carry the identity token in its body to wherever it leads.
        let steadfast = http_client(config, voucher, timeouts, redirect::Policy::none())?;
        let negotiator = (voucher != Voucher::Nobody)
            .then(|| Negotiator::new(oci_client_maker(config, timeouts), timeouts.document))
            .transpose()
            .map_err(|error| ClientError::new(config, &error))?;
        let authority = Authority::new(
            config.credentials.clone(),
            negotiator,
            steadfast.clone(),
            config.plain_http,
            timeouts.document,
            Arc::clone(observer),
        );
        Ok(Self {
            http,
            steadfast,
            voucher,
            plain_http: config.plain_http,
            authority,
            timeouts: timeouts.clone(),
            retry: retry.clone(),
            observer: Arc::clone(observer),
        })
    }

    /// Asks once; when access is refused, authenticates once and asks again.
    pub(super) async fn get(&self, ask: &Ask<'_>) -> Result<Response, Failure> {
        let url = self.url(ask)?;
        let subject = match self.voucher {
            Voucher::Nobody => ask.subject(),
            Voucher::Operator | Voucher::BuiltIn => ask.subject().quoting(&url),
        };
        let mut grant = self.authority.current(ask.reference).await;
        let mut is_fresh = false;
        loop {
            let request = self.request(ask, url.clone(), grant.as_ref());
            let response = request::exchange(request, &subject, &*self.observer).await?;
            if response.status().is_success() {
                return Ok(response);
            }
            let challenge = Challenge::of(response.headers());
            let failure = request::refused(response, &subject).await;
            if is_fresh || !matches!(failure.error, FetchError::Denied(_)) {
                return Err(failure);
            }
            grant = match (challenge, grant) {
                (Some(challenge), refused) => {
                    is_fresh = true;
                    let renewed =
                        self.authority.renew(ask.reference, refused.as_ref(), &url, &challenge);
                    Some(renewed.await?)
                }
                // Expired tokens are refused without a challenge by some (ECR: 403); without
                // one we are told where to get the next.
                (None, Some(refused)) => {
                    self.authority.forget(ask.reference, &refused).await;
                    None
                }
                (None, None) => return Err(failure),
            };
        }
    }

    fn request(&self, ask: &Ask<'_>, url: Url, grant: Option<&Grant>) -> RequestBuilder {
        let http = if ask.is_steadfast { &self.steadfast } else { &self.http };
        let mut request = http.get(url);
        if let Some(accept) = ask.accept {
            request = request.header(ACCEPT, accept);
        }
        if ask.from > 0 {
            request = request.header(RANGE, format!("bytes={}-", ask.from));
        }
        if ask.is_document {
            request = request.timeout(self.timeouts.document);
        }
        match grant {
            Some(grant) => grant.apply(request),
            None => request,
        }
    }

    pub(super) fn url(&self, ask: &Ask<'_>) -> Result<Url, Failure> {
        let scheme = if self.plain_http { "http" } else { "https" };
        let host = match ask.reference.registry() {
            // The name everybody uses is a web site; the API is here.
            "docker.io" => "registry-1.docker.io",
            other => other,
        };
        let text = format!("{scheme}://{host}/v2/{}/{}", ask.reference.repository(), ask.path);
        let mut url: Url = text.parse().map_err(|_| {
            let subject = ask.subject();
            Failure::lasting(FetchError::Unreachable(subject.text("not a host name")))
        })?;
        url.set_query(ask.query);
        if self.voucher != Voucher::Operator && !egress::leads_outside(&url) {
            return Err(Failure::lasting(FetchError::Unlisted(host.to_owned())));
        }
        Ok(url)
    }
}

fn http_client(
    config: &HostConfig,
    voucher: Voucher,
    timeouts: &Timeouts,
    redirects: redirect::Policy,
) -> Result<Client, ClientError> {
    let mut builder = Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(timeouts.connect)
        .read_timeout(timeouts.idle)
        .redirect(redirects)
        // A redirect must not tell the next host where we come from.
        .referer(false)
        // Digests are of the bytes as sent, whatever features other crates switch on.
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .dns_resolver(ScreenedResolver::new(
            (voucher == Voucher::Operator).then_some(&config.host),
        ));
    if let Some(pem) = &config.ca_pem {
        let certificates =
            Certificate::from_pem_bundle(pem).map_err(|error| ClientError::new(config, &error))?;
        if certificates.is_empty() {
            return Err(ClientError::new(config, &"no certificate in the CA file"));
        }
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(|error| ClientError::new(config, &error))
}

fn oci_client_maker(config: &HostConfig, timeouts: &Timeouts) -> MakeClient {
    let plain_http = config.plain_http;
    let (connect, idle) = (timeouts.connect, timeouts.idle);
    let ca_pem = config.ca_pem.clone();
    Box::new(move || {
        let extra_root_certificates = ca_pem
            .iter()
            .map(|pem| OciCertificate { encoding: CertificateEncoding::Pem, data: pem.clone() })
            .collect();
        oci_client::Client::try_from(ClientConfig {
            protocol: if plain_http { ClientProtocol::Http } else { ClientProtocol::Https },
            extra_root_certificates,
            read_timeout: Some(idle),
            connect_timeout: Some(connect),
            user_agent: USER_AGENT,
            ..ClientConfig::default()
        })
    })
}
