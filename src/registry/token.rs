//! The exchange of a challenge for a token (distribution's `spec/auth/token.md` and `oauth.md`),
//! for whatever carries a credential, and for what oci-client does not do: challenges below
//! `/v2/` alone, and answers that have to be bounded because nobody vouches for the host.

use std::time::Duration;

use http_auth::ChallengeRef;
use http_auth::parser::ChallengeParser;
use reqwest::header::{CONTENT_TYPE, HeaderMap, WWW_AUTHENTICATE};
use reqwest::{Client, RequestBuilder, Url};
use serde::Deserialize;

use super::credentials::Credential;
use super::request::{self, Subject};
use super::retry::Failure;
use super::{FetchError, FetchObserver};

/// Largest answer of a token service; real ones stay below 10 kB.
const MAX_TOKEN_BYTES: u64 = 256 * 1024;
/// How long a token is used that does not tell its lifetime; services grant 60 s at least.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(45);
/// Longest lifetime we believe, so that a rotated or revoked credential is noticed.
const MAX_GRANTED: Duration = Duration::from_secs(400);

/// What a registry asks for in `WWW-Authenticate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    Basic,
    Bearer { realm: String, service: Option<String> },
}

impl Challenge {
    /// The challenge of a response; Bearer wins when both are offered.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let texts =
            headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let mut basic = None;
        for offered in texts.flat_map(|text| ChallengeParser::new(text).map_while(Result::ok)) {
            if offered.scheme.eq_ignore_ascii_case("bearer") {
                if let Some(realm) = parameter(&offered, "realm") {
                    return Some(Self::Bearer { realm, service: parameter(&offered, "service") });
                }
            } else if offered.scheme.eq_ignore_ascii_case("basic") {
                basic = Some(Self::Basic);
            }
        }
        basic
    }
}

fn parameter(challenge: &ChallengeRef<'_>, name: &str) -> Option<String> {
    let (_, value) = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    Some(value.to_unescaped())
}

/// A token and how long it is good for.
pub(super) struct Token {
    pub(super) text: String,
    pub(super) lifetime: Duration,
}

impl Token {
    pub(super) fn new(text: String, expires_in: Option<u64>) -> Self {
        let told = expires_in.or_else(|| jwt_seconds(&text)).map(Duration::from_secs);
        // A quarter stays unused, for clocks and for the download that starts last.
        let lifetime = told.map_or(DEFAULT_LIFETIME, |told| told.min(MAX_GRANTED) / 4 * 3);
        Self { text, lifetime }
    }
}

#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

/// What a token is asked with.
pub(super) struct Exchange<'a> {
    pub(super) http: &'a Client,
    pub(super) observer: &'a dyn FetchObserver,
    pub(super) timeout: Duration,
    /// Already checked; no other place is asked.
    pub(super) realm: &'a Url,
    /// Whether somebody vouches for the registry, and so for the token service it names.
    pub(super) is_vouched: bool,
    pub(super) service: Option<&'a str>,
    pub(super) repository: &'a str,
}

impl Exchange<'_> {
    /// Asks the token service once.
    pub(super) async fn run(&self, credential: &Credential) -> Result<Token, Failure> {
        let request = self.request(credential).timeout(self.timeout);
        let subject = Subject::new(self.realm, "token for", self.repository);
        let subject = if self.is_vouched { subject.quoting(self.realm) } else { subject };
        let response = request::send(request, &subject, self.observer).await?;
        let body =
            request::read(response, MAX_TOKEN_BYTES, "token", &subject, self.observer).await?;
        let malformed = || {
            Failure::lasting(FetchError::Denied(subject.text("token service gave no valid token")))
        };
        let answer: Answer = serde_json::from_slice(&body).map_err(|_| malformed())?;
        let text = answer.token.or(answer.access_token).filter(|text| !text.is_empty());
        Ok(Token::new(text.ok_or_else(malformed)?, answer.expires_in))
    }

    fn request(&self, credential: &Credential) -> RequestBuilder {
        let mut url = self.realm.clone();
        let scope = format!("repository:{}:pull", self.repository);
        if let Credential::Identity(token) = credential {
            let form =
                self.form(&[("grant_type", "refresh_token"), ("refresh_token", token)], &scope);
            return self
                .http
                .post(url)
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form);
        }
        url.query_pairs_mut()
            .extend_pairs(self.service.map(|service| ("service", service)))
            .append_pair("scope", &scope);
        match credential {
            Credential::Basic { user, password } => {
                self.http.get(url).basic_auth(user, Some(password))
            }
            Credential::Anonymous | Credential::Identity(_) => self.http.get(url),
        }
    }

    fn form(&self, pairs: &[(&str, &str)], scope: &str) -> String {
        let mut form = self.realm.clone();
        form.set_query(None);
        form.query_pairs_mut()
            .extend_pairs(pairs)
            .extend_pairs(self.service.map(|service| ("service", service)))
            .append_pair("client_id", "plimsoll")
            .append_pair("scope", scope);
        form.query().unwrap_or_default().to_owned()
    }
}

/// Seconds between the issue and the expiry that a JSON web token claims. Only read to know when
/// to ask for a new one; whether a token is valid is the registry's business.
fn jwt_seconds(token: &str) -> Option<u64> {
    use base64::Engine as _;
    #[derive(Deserialize)]
    struct Claims {
        exp: u64,
        iat: u64,
    }
    let payload = token.split('.').nth(1)?;
    let json = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).ok()?;
    let claims: Claims = serde_json::from_slice(&json).ok()?;
    claims.exp.checked_sub(claims.iat)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;

    fn challenge(values: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, value.parse().unwrap());
        }
        Challenge::of(&headers)
    }

    #[test]
    fn reads_challenges() {
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer { realm: realm.into(), service: service.map(Into::into) })
        };
        let table: [(&[&str], _); 7] = [
            (
                &[r#"Bearer realm="https://a/t",service="s",scope="x""#],
                bearer("https://a/t", Some("s")),
            ),
            (&[r#"bearer realm="https://a/t""#], bearer("https://a/t", None)),
            (&[r#"Basic realm="x""#], Some(Challenge::Basic)),
            (&[r#"Basic realm="x""#, r#"Bearer realm="r""#], bearer("r", None)),
            (&[r#"Bearer service="s""#], None),
            (&["Negotiate"], None),
            (&[], None),
        ];
        for (values, expected) in table {
            assert_eq!(challenge(values), expected, "{values:?}");
        }
    }

    #[test]
    fn a_token_is_given_up_before_it_expires() {
        let jwt = |claims: &str| {
            let coded = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims);
            format!("h.{coded}.s")
        };
        let table = [
            ("opaque".to_owned(), None, 45),
            ("opaque".to_owned(), Some(60), 45),
            ("opaque".to_owned(), Some(u64::MAX), 300),
            ("opaque".to_owned(), Some(0), 0),
            (jwt(r#"{"exp":1100,"iat":1000}"#), None, 75),
            (jwt(r#"{"exp":1000,"iat":1100}"#), None, 45),
            (jwt(r#"{"exp":"x"}"#), None, 45),
            ("a.b.c".to_owned(), None, 45),
        ];
        for (text, told, expected) in table {
            assert_eq!(
                Token::new(text.clone(), told).lifetime.as_secs(),
                expected,
                "{text} {told:?}"
            );
        }
    }
}
