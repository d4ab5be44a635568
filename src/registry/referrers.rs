//! What refers to a manifest, as a registry over HTTP tells it: the referrers API page by page,
//! the tag that stands in for it, and cosign's tag.
//! Source: distribution-spec "Listing Referrers" and "Unavailable Referrers API".
//!
//! The API is taken for missing whenever the answer is not one of its own: GitLab says 404, GHCR
//! 404 or a redirect to a web page. So no redirect is followed, and pages come from the path that
//! was asked for. The filter by type is not used, because not every registry has it.

use reqwest::header::{CONTENT_TYPE, HeaderMap, LINK};
use reqwest::{Response, Url};

use super::host::{Ask, Host};
use super::request;
use super::retry::{Failure, Patience};
use super::{FetchError, Referrers, Registry};
use crate::model::manifest::{MAX_MANIFEST_BYTES, OCI_INDEX};
use crate::model::{Digest, Document, Reference, Referrer, referrer};

/// Most pages of one list.
const MAX_PAGES: usize = 20;
/// Most entries of one list. Its bytes are bounded like a manifest's, all pages together.
const MAX_REFERRERS: usize = 2000;
/// Longest query of a next page, in bytes.
const MAX_QUERY_BYTES: usize = 2048;

/// Asks everywhere where referrers may be.
pub(super) async fn find(
    registry: &dyn Registry,
    host: &Host,
    reference: &Reference,
    subject: &Digest,
) -> Referrers {
    let (listed, attested) = tokio::join!(
        listed(registry, host, reference, subject),
        cosigned(registry, reference, subject)
    );
    let mut referrers = Referrers::default();
    referrers.take(listed);
    referrers.take(attested);
    referrers
}

async fn listed(
    registry: &dyn Registry,
    host: &Host,
    reference: &Reference,
    subject: &Digest,
) -> Result<Vec<Referrer>, FetchError> {
    match by_api(host, reference, subject).await? {
        Some(found) => Ok(found),
        None => by_tag(registry, reference, subject).await,
    }
}

/// The list as the API gives it; `None` where there is no API.
async fn by_api(
    host: &Host,
    reference: &Reference,
    subject: &Digest,
) -> Result<Option<Vec<Referrer>>, FetchError> {
    let path = format!("referrers/{subject}");
    let mut list = List::default();
    let mut query: Option<String> = None;
    for page in 0..MAX_PAGES {
        let ask = Ask {
            query: query.as_deref(),
            accept: Some(OCI_INDEX),
            is_steadfast: true,
            ..Ask::document(reference, &path)
        };
        let next = match list.read_page(host, &ask).await? {
            Some(next) => next,
            None if page == 0 => return Ok(None),
            None => return Err(broken(&ask, "the list of referrers breaks off")),
        };
        if list.found.len() > MAX_REFERRERS {
            return Err(broken(&ask, &format!("more than {MAX_REFERRERS} referrers")));
        }
        if next.is_none() {
            return Ok(Some(list.found));
        }
        query = next;
    }
    let what = format!("more than {MAX_PAGES} pages of referrers");
    Err(broken(&Ask::document(reference, &path), &what))
}

fn broken(ask: &Ask<'_>, what: &str) -> FetchError {
    FetchError::Unreachable(ask.subject().text(what))
}

/// A list being read.
#[derive(Default)]
struct List {
    found: Vec<Referrer>,
    bytes: u64,
}

impl List {
    /// Reads a page; gives the query of the next one, if there is one. `None` when this is no
    /// answer of the API.
    async fn read_page(
        &mut self,
        host: &Host,
        ask: &Ask<'_>,
    ) -> Result<Option<Option<String>>, FetchError> {
        let mut patience = Patience::new(&host.retry);
        let url = host.url(ask).map_err(|failure| failure.error)?;
        loop {
            let failure = match host.get(ask).await {
                Ok(response) if !is_json(response.headers()) => return Ok(None),
                Ok(response) => {
                    let next = next_query(response.headers(), &url);
                    match self.take(host, ask, response).await {
                        Ok(()) => return next.map(Some).map_err(|what| broken(ask, what)),
                        Err(failure) => failure,
                    }
                }
                Err(failure) if is_missing(&failure) => return Ok(None),
                Err(failure) => failure,
            };
            patience.wait(failure).await?;
        }
    }

    async fn take(
        &mut self,
        host: &Host,
        ask: &Ask<'_>,
        response: Response,
    ) -> Result<(), Failure> {
        let (room, subject) = (MAX_MANIFEST_BYTES.saturating_sub(self.bytes), ask.subject());
        let body = request::read(response, room, "list of referrers", &subject, &*host.observer);
        let body = body.await?;
        let found = referrer::list(&body)
            .map_err(|_| Failure::passing(broken(ask, "the list of referrers cannot be read")))?;
        self.bytes = self.bytes.saturating_add(u64::try_from(body.len()).unwrap_or(u64::MAX));
        self.found.extend(found);
        Ok(())
    }
}

/// Whether a refusal says that there is no such API rather than that it does not work now.
fn is_missing(failure: &Failure) -> bool {
    !matches!(failure.error, FetchError::Denied(_))
        && matches!(failure.status, Some(300..=399 | 400 | 404 | 405 | 406 | 501))
}

/// A web page with status 200 is no list.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.to_ascii_lowercase().contains("json")
}

/// The query of the next page, out of `Link: <...>; rel="next"` (RFC 8288). Only the query: the
/// next page is where this one was, or the list is not to be trusted.
fn next_query(headers: &HeaderMap, page: &Url) -> Result<Option<String>, &'static str> {
    let links = headers.get_all(LINK).into_iter().filter_map(|value| value.to_str().ok());
    let Some(target) = links.flat_map(targets_of_next).next() else { return Ok(None) };
    let next = page.join(target).map_err(|_| "the next page of referrers has no address")?;
    let place = |url: &Url| (url.origin(), url.path().to_lowercase().replace("%3a", ":"));
    if place(&next) != place(page) {
        return Err("the next page of referrers is elsewhere");
    }
    match next.query() {
        Some(query) if query.len() <= MAX_QUERY_BYTES => Ok(Some(query.to_owned())),
        _ => Err("the next page of referrers has no address"),
    }
}

/// The targets of links that lead to a next page.
fn targets_of_next(header: &str) -> impl Iterator<Item = &str> {
    header.split('<').skip(1).filter_map(|link| {
        let (target, parameters) = link.split_once('>')?;
        let is_next = parameters.split([';', ',']).any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or_default();
            name.trim().eq_ignore_ascii_case("rel") && value.trim().trim_matches('"') == "next"
        });
        is_next.then_some(target)
    })
}

/// The list that clients keep under a tag where there is no API. Theirs to forget or to race for.
async fn by_tag(
    registry: &dyn Registry,
    reference: &Reference,
    subject: &Digest,
) -> Result<Vec<Referrer>, FetchError> {
    let tag = referrer::list_tag(subject);
    let Some(raw) = tagged(registry, reference, tag).await? else { return Ok(Vec::new()) };
    // GitLab takes `sha256-...` for the digest: then it is the subject, and lists no referrers.
    if raw.digest == *subject || !matches!(Document::parse(&raw.bytes), Ok(Document::Index(_))) {
        return Ok(Vec::new());
    }
    referrer::list(&raw.bytes).map_err(|error| {
        let name = reference.name();
        FetchError::Unreachable(format!("the list of referrers cannot be read: {name}: {error}"))
    })
}

/// The attestations that cosign keeps under a tag of its own.
async fn cosigned(
    registry: &dyn Registry,
    reference: &Reference,
    subject: &Digest,
) -> Result<Vec<Referrer>, FetchError> {
    let Some(tag) = referrer::cosign_tag(subject) else { return Ok(Vec::new()) };
    let found = tagged(registry, reference, tag).await?;
    let referrer = |raw: super::RawManifest| {
        let types = referrer::attached(&raw.bytes).types;
        Referrer { digest: raw.digest, types }
    };
    Ok(found.map(referrer).into_iter().collect())
}

async fn tagged(
    registry: &dyn Registry,
    reference: &Reference,
    tag: String,
) -> Result<Option<super::RawManifest>, FetchError> {
    match registry.manifest(&reference.tagged(tag)).await {
        Ok(raw) => Ok(Some(raw)),
        Err(FetchError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(links: &[&str]) -> Result<Option<String>, &'static str> {
        let page: Url = "https://r.example.com/v2/ml/app/referrers/sha256:ab?n=1".parse().unwrap();
        let mut headers = HeaderMap::new();
        for link in links {
            headers.append(LINK, link.parse().unwrap());
        }
        next_query(&headers, &page)
    }

    #[test]
    fn the_next_page_is_where_this_one_is() {
        let good = |query: &str| Ok(Some(query.to_owned()));
        let path = "/v2/ml/app/referrers/sha256:ab";
        assert_eq!(next(&[]), Ok(None));
        assert_eq!(next(&[&format!("<{path}?last=x>; rel=\"next\"")]), good("last=x"));
        assert_eq!(next(&[&format!("<{path}?last=x>; title=y; rel=next")]), good("last=x"));
        assert_eq!(next(&["<?last=x>; rel=\"next\""]), good("last=x"));
        let escaped = "<https://r.example.com/v2/ml/app/referrers/sha256%3Aab?a=b>;rel=next";
        assert_eq!(next(&[escaped]), good("a=b"));
        assert_eq!(next(&["<?p=1>; rel=\"prev\", <?p=3>; rel=\"next\""]), good("p=3"));
        assert_eq!(next(&["<?p=1>; rel=\"prev\"", "<?p=3>; rel=\"next\""]), good("p=3"));
        assert_eq!(next(&["<?p=1>; rel=\"prev\"", "junk"]), Ok(None));
        for bad in [
            "<https://evil.example/v2/ml/app/referrers/sha256:ab?n=2>; rel=next",
            "<http://r.example.com/v2/ml/app/referrers/sha256:ab?n=2>; rel=next",
            "<//evil.example/v2/ml/app/referrers/sha256:ab?n=2>; rel=next",
            "</v2/other/referrers/sha256:ab?n=2>; rel=next",
            "</v2/ml/app/referrers/sha256:ab>; rel=next",
            "<https://[>; rel=next",
        ] {
            assert!(next(&[bad]).is_err(), "{bad}");
        }
        for length in [MAX_QUERY_BYTES - 1, MAX_QUERY_BYTES, MAX_QUERY_BYTES + 1] {
            let link = format!("<?{}>; rel=next", "x".repeat(length));
            assert_eq!(next(&[&link]).is_ok(), length <= MAX_QUERY_BYTES, "{length}");
        }
    }

    #[test]
    fn what_says_that_there_is_no_api() {
        let failure = |status, error| Failure { status, ..Failure::lasting(error) };
        let other = || FetchError::Unreachable(String::new());
        for status in [301, 303, 307, 400, 404, 405, 501] {
            assert!(is_missing(&failure(Some(status), other())), "{status}");
        }
        for status in [401, 403, 408, 429, 500, 502, 503] {
            assert!(!is_missing(&failure(Some(status), other())), "{status}");
        }
        assert!(!is_missing(&failure(None, other())));
        assert!(!is_missing(&failure(Some(400), FetchError::Denied(String::new()))));
    }
}
