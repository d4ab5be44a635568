//! Children of an index that are no manifests. BuildKit keeps its cache as an index of layers and
//! of a list of them. What a child is called proves nothing: Docker and CRI-O fetch it as a
//! manifest all the same. So it is passed over only if it is nothing they could run.

use serde_json::Value;

use super::documents::{head, is_packed};
use crate::model::{Descriptor, Reference, lookalike};
use crate::registry::{FetchError, Registry};

/// Members of a document one of which is needed to run it.
const RUNNABLE: [&str; 3] = ["config", "manifests", "fsLayers"];

/// Whether bytes are a layer, or a document that no reader takes for a manifest or index.
pub(super) fn is_part(bytes: &[u8]) -> bool {
    if is_packed(bytes) {
        return true;
    }
    let Ok(Value::Object(object)) = serde_json::from_slice(bytes) else { return false };
    let is_runnable = |key: &String| RUNNABLE.iter().any(|known| lookalike::folds_to(key, known));
    !object.keys().any(is_runnable)
}

/// The same of what is too large to be read as a manifest.
pub(super) async fn is_large_part(
    registry: &dyn Registry,
    reference: &Reference,
    child: &Descriptor,
) -> Result<bool, FetchError> {
    match head(registry, reference, child).await {
        Ok(head) => Ok(is_packed(&head)),
        Err(FetchError::Mismatch(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_run_is_no_part() {
        let table: [(&[u8], bool); 10] = [
            (b"\x1f\x8b\x08", true),
            (br#"{"layers":[{"blob":"sha256:a","parent":-1}],"records":[]}"#, true),
            (b"{}", true),
            (br#"{"schemaVersion":2,"config":{},"layers":[]}"#, false),
            (br#"{"Config":{}}"#, false),
            (br#"{"schemaVersion":2,"manifests":[]}"#, false),
            (br#"{"fslayers":[]}"#, false),
            (br#"{"config":{},"config":{}"#, false),
            (b"[]", false),
            (b"", false),
        ];
        for (bytes, expected) in table {
            assert_eq!(is_part(bytes), expected, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
