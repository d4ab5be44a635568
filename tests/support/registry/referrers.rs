//! The referrers API, for registries that are to have it.

use std::collections::HashMap;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use plimsoll::model::manifest::OCI_INDEX;
use serde_json::{Value, json};

use super::SeenRequest;

/// Lists of referrers by path, each in pages. A registry without any has no such API.
#[derive(Default)]
pub(super) struct Referrers(HashMap<String, Vec<Vec<Value>>>);

impl Referrers {
    pub(super) fn put(&mut self, path: String, pages: Vec<Vec<Value>>) {
        self.0.insert(path, pages);
    }

    /// The answer to a request, if it is one for this API and the registry has that.
    pub(super) fn answer(&self, seen: &SeenRequest) -> Option<Response> {
        if self.0.is_empty() || !seen.path.contains("/referrers/") {
            return None;
        }
        let page: usize = match seen.query.strip_prefix("page=") {
            Some(number) => number.parse().unwrap(),
            None => 0,
        };
        let pages = self.0.get(&seen.path);
        let manifests = pages.and_then(|pages| pages.get(page)).cloned().unwrap_or_default();
        let body = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests});
        let mut response = ([(header::CONTENT_TYPE, OCI_INDEX)], body.to_string()).into_response();
        if pages.is_some_and(|pages| page + 1 < pages.len()) {
            let link = format!("<{}?page={}>; rel=\"next\"", seen.path, page + 1);
            response.headers_mut().insert(header::LINK, link.parse().unwrap());
        }
        Some(response)
    }
}
