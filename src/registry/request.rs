//! One HTTP exchange: sending, reading with a cap, and turning refusals into words. What a
//! registry says is shortened and stripped; addresses are never repeated, because redirected
//! ones carry signatures in their query.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use reqwest::header::{DATE, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;

use super::retry::{self, Again, Failure};
use super::{FetchError, FetchObserver};

/// How much of a refusal's body is read, in bytes.
const MAX_REFUSAL_BYTES: u64 = 16 * 1024;
/// How long its body may take.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(5);
/// How much of a registry's own words is repeated, in characters.
const MAX_WORDS: usize = 200;

/// What an exchange is about, for error texts: method, host, repository, object.
pub(super) struct Subject {
    text: String,
    /// Whose words may be repeated.
    quoted: Option<Url>,
}

impl Subject {
    pub(super) fn new(url: &Url, what: &str, repository: &str) -> Self {
        let host = url.host_str().unwrap_or("?");
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        Self { text: format!("{host}{port} {what} {repository}"), quoted: None }
    }

    pub(super) fn of(method: &str, registry: &str, repository: &str, path: &str) -> Self {
        Self { text: format!("{method} {registry}/{repository} {path}"), quoted: None }
    }

    /// Repeats what the server at `url` says of a refusal. Nobody else's words are repeated: a
    /// name or a redirect that leads into the intranet must not make us show what is there.
    pub(super) fn quoting(self, url: &Url) -> Self {
        Self { quoted: Some(url.clone()), ..self }
    }

    fn quotes(&self, response: &Response) -> bool {
        self.quoted.as_ref().is_some_and(|url| url.origin() == response.url().origin())
    }

    /// The subject with what happened to it.
    pub(super) fn text(&self, what: &str) -> String {
        format!("{}: {what}", self.text)
    }
}

/// Sends a request and gives the response, whatever its status.
pub(super) async fn exchange(
    request: RequestBuilder,
    subject: &Subject,
    observer: &dyn FetchObserver,
) -> Result<Response, Failure> {
    match request.send().await {
        Ok(response) => {
            observer.response(Some(response.status().as_u16()));
            Ok(response)
        }
        Err(error) => {
            observer.response(None);
            Err(broken(&error, subject))
        }
    }
}

/// Sends a request; anything but success is a failure.
pub(super) async fn send(
    request: RequestBuilder,
    subject: &Subject,
    observer: &dyn FetchObserver,
) -> Result<Response, Failure> {
    let response = exchange(request, subject, observer).await?;
    if response.status().is_success() {
        Ok(response)
    } else {
        Err(refused(response, subject).await)
    }
}

/// Reads a body up to `limit` bytes.
pub(super) async fn read(
    mut response: Response,
    limit: u64,
    what: &'static str,
    subject: &Subject,
    observer: &dyn FetchObserver,
) -> Result<Bytes, Failure> {
    let too_large = || Failure::lasting(FetchError::TooLarge { what, limit });
    let capacity = usize::try_from(limit).unwrap_or(usize::MAX);
    if response.content_length().is_some_and(|announced| announced > limit) {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = next_chunk(&mut response, subject, observer).await? {
        if chunk.len() > capacity.saturating_sub(body.len()) {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// The next bytes of a body, `None` at its end.
pub(super) async fn next_chunk(
    response: &mut Response,
    subject: &Subject,
    observer: &dyn FetchObserver,
) -> Result<Option<Bytes>, Failure> {
    let chunk = response.chunk().await.map_err(|error| broken(&error, subject))?;
    if let Some(chunk) = &chunk {
        observer.bytes(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
    }
    Ok(chunk)
}

/// Words for an exchange that broke. Only the innermost cause: outer ones repeat the address.
pub(super) fn broken(error: &reqwest::Error, subject: &Subject) -> Failure {
    let timed_out = error.is_timeout();
    let mut cause: &(dyn std::error::Error + 'static) = error;
    let mut inner = error.source();
    while let Some(deeper) = inner {
        cause = deeper;
        inner = deeper.source();
    }
    if is_no_tls(cause) {
        let text = "the registry speaks HTTP without TLS (hint: `--plain-http`, or \
            `plain-http: true` under `registries`)";
        return Failure::lasting(FetchError::Unreachable(subject.text(text)));
    }
    let words = match (timed_out, error.source()) {
        (true, _) => "timed out".to_owned(),
        (false, Some(_)) => presentable(&cause.to_string()),
        (false, None) => "request failed".to_owned(),
    };
    let error_out = FetchError::Unreachable(subject.text(&words));
    if error.is_redirect() || error.is_builder() {
        Failure::lasting(error_out)
    } else {
        Failure::passing(error_out)
    }
}

/// Whether bytes came that are none of TLS, such as an answer in plain HTTP.
fn is_no_tls(mut cause: &(dyn std::error::Error + 'static)) -> bool {
    // What is wrapped in an error of the system is not its source.
    while let Some(inner) = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        cause = inner;
    }
    let no_tls = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
    cause.downcast_ref() == Some(&no_tls)
}

/// Reads a refusal and says what it means and whether asking again can help.
pub(super) async fn refused(response: Response, subject: &Subject) -> Failure {
    let status = response.status();
    let wait = named_wait(&response);
    let is_quoted = subject.quotes(&response);
    // A refusal that trickles in is not worth waiting for; its status says enough.
    let words = tokio::time::timeout(REFUSAL_TIMEOUT, words_of(response)).await.unwrap_or_default();
    let text = subject.text(&match words.message.as_str() {
        message if message.is_empty() || !is_quoted => format!("status {}", status.as_u16()),
        message => format!("status {}: {message}", status.as_u16()),
    });
    let (error, again) = meaning(status, &words.code, text);
    let again = match (again, wait) {
        (Again::Backoff, Some(wait)) => Again::After(wait),
        (again, _) => again,
    };
    Failure { error, again, status: Some(status.as_u16()) }
}

fn meaning(status: StatusCode, code: &str, text: String) -> (FetchError, Again) {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            (FetchError::Denied(text), Again::Never)
        }
        // ECR public says so about expired tokens (oras-go#1227).
        StatusCode::BAD_REQUEST if code == "DENIED" => (FetchError::Denied(text), Again::Never),
        StatusCode::NOT_FOUND => (FetchError::NotFound(text), Again::Never),
        StatusCode::TOO_MANY_REQUESTS => (FetchError::RateLimited(text), Again::Backoff),
        StatusCode::REQUEST_TIMEOUT => (FetchError::Unreachable(text), Again::Backoff),
        status if status.is_server_error() => (FetchError::Unreachable(text), Again::Backoff),
        _ => (FetchError::Unreachable(text), Again::Never),
    }
}

fn named_wait(response: &Response) -> Option<Duration> {
    let header = |name| response.headers().get(name)?.to_str().ok();
    // The registry's own clock, if it shows it: ours may differ.
    let now = header(DATE)
        .and_then(|date| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok())
        .unwrap_or_else(Timestamp::now);
    retry::retry_after(header(RETRY_AFTER)?, now)
}

#[derive(Default)]
struct Words {
    code: String,
    message: String,
}

/// The shapes errors come in: the distribution specification's, and those of token services.
#[derive(Deserialize, Default)]
struct RawWords {
    #[serde(default)]
    errors: Vec<RawError>,
    message: Option<String>,
    error_description: Option<String>,
    // Docker Hub's token service; others put objects here.
    details: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct RawError {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

async fn words_of(mut response: Response) -> Words {
    let mut body = BytesMut::new();
    let limit = usize::try_from(MAX_REFUSAL_BYTES).unwrap_or(usize::MAX);
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = limit.saturating_sub(body.len());
        body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if body.len() >= limit {
            break;
        }
    }
    parse_words(&body)
}

fn parse_words(body: &[u8]) -> Words {
    let Ok(raw) = serde_json::from_slice::<RawWords>(body) else {
        return Words { code: String::new(), message: plain(body) };
    };
    if let Some(error) = raw.errors.into_iter().next() {
        let message = if error.message.is_empty() { &error.code } else { &error.message };
        return Words { message: presentable(message), code: error.code };
    }
    let details = raw.details.as_ref().and_then(serde_json::Value::as_str).map(str::to_owned);
    let message = raw.message.or(raw.error_description).or(details).unwrap_or_default();
    Words { code: String::new(), message: presentable(&message) }
}

/// Text that is not JSON; a proxy's HTML page tells nobody anything.
fn plain(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    if text.trim_start().starts_with('<') { String::new() } else { presentable(&text) }
}

/// Foreign words made fit for a log line: no control characters, no more than [`MAX_WORDS`].
pub(super) fn presentable(words: &str) -> String {
    let clean: String = words
        .trim()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_WORDS)
        .collect();
    clean.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_host_that_nobody_vouches_for_is_not_quoted() {
        let url: Url = "https://r.example.com/v2/a/manifests/1".parse().unwrap();
        let other: Url = "https://r.example.com:8443/".parse().unwrap();
        let subject = || Subject::of("GET", "r.example.com", "a", "manifests/1");
        let table = [
            (subject(), "GET r.example.com/a manifests/1: status 403"),
            (subject().quoting(&other), "GET r.example.com/a manifests/1: status 403"),
            (subject().quoting(&url), "GET r.example.com/a manifests/1: status 403: k8s-s3cret"),
        ];
        for (subject, expected) in table {
            use reqwest::ResponseBuilderExt as _;
            let answer = axum::http::Response::builder().status(403).url(url.clone());
            let answer = answer.body(r#"{"message":"k8s-s3cret"}"#).unwrap();
            let failure = refused(answer.into(), &subject).await;
            assert!(failure.error.to_string().ends_with(expected), "{}", failure.error);
        }
    }

    #[test]
    fn repeats_foreign_words_with_care() {
        let table = [
            (r#"{"errors":[{"code":"DENIED","message":"no\u001b[31m way"}]}"#, "no [31m way"),
            (r#"{"errors":[{"code":"NAME_UNKNOWN","detail":{"x":1}}]}"#, "NAME_UNKNOWN"),
            (r#"{"errors":[]}"#, ""),
            (r#"{"details":"incorrect username or password"}"#, "incorrect username or password"),
            (r#"{"details":{"a":1}}"#, ""),
            ("<html><body>502</body>", ""),
            (" too many\r\nrequests ", "too many  requests"),
            ("", ""),
        ];
        for (body, expected) in table {
            assert_eq!(parse_words(body.as_bytes()).message, expected, "{body}");
        }
        for length in [MAX_WORDS - 1, MAX_WORDS, MAX_WORDS + 1] {
            assert_eq!(presentable(&"x".repeat(length)).len(), length.min(MAX_WORDS));
        }
    }
}
