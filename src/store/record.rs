//! How a record becomes bytes in a database and back: zstd-compressed JSON, capped both ways.
//! Pure; the callers put large ones on the blocking pool.

use std::io::Read as _;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;
use super::caps::RECORD_BYTES;

/// Compression level: zstd's default, some 300 MB/s; listings shrink to about a third.
const LEVEL: i32 = 3;

/// Compressed JSON of `value`.
pub(super) fn pack<T: Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    let json = serde_json::to_vec(value).map_err(|error| StoreError::Damaged(error.to_string()))?;
    pack_bytes(&json)
}

/// Compressed form of a document that is JSON already.
pub(super) fn pack_bytes(json: &[u8]) -> Result<Vec<u8>, StoreError> {
    pack_up_to(json, RECORD_BYTES)
}

fn pack_up_to(json: &[u8], limit: usize) -> Result<Vec<u8>, StoreError> {
    if json.len() > limit {
        return Err(StoreError::TooLarge { bytes: json.len(), limit });
    }
    zstd::bulk::compress(json, LEVEL).map_err(|error| StoreError::Unavailable(error.to_string()))
}

/// What [`pack`] was given.
pub(super) fn unpack<T: DeserializeOwned>(packed: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(&unpack_bytes(packed)?)
        .map_err(|error| StoreError::Damaged(error.to_string()))
}

/// What [`pack_bytes`] was given.
pub(super) fn unpack_bytes(packed: &[u8]) -> Result<Vec<u8>, StoreError> {
    unpack_up_to(packed, RECORD_BYTES)
}

/// A damaged row must not unpack to all of memory.
fn unpack_up_to(packed: &[u8], limit: usize) -> Result<Vec<u8>, StoreError> {
    let damaged = |error: std::io::Error| StoreError::Damaged(error.to_string());
    let mut json = Vec::new();
    zstd::Decoder::new(packed)
        .map_err(damaged)?
        .take(u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1))
        .read_to_end(&mut json)
        .map_err(damaged)?;
    if json.len() > limit {
        return Err(StoreError::Damaged(format!("record unpacks to more than {limit} bytes")));
    }
    Ok(json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trips(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            prop_assert_eq!(unpack_bytes(&pack_bytes(&bytes).unwrap()).unwrap(), bytes);
        }

        #[test]
        fn damage_is_an_error_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 1..300)) {
            prop_assert!(unpack::<Vec<String>>(&bytes).is_err());
        }
    }

    #[test]
    fn caps_what_goes_in_and_what_comes_out() {
        for (length, fits) in [(99, true), (100, true), (101, false)] {
            let json = vec![b' '; length];
            assert_eq!(pack_up_to(&json, 100).is_ok(), fits, "{length}");
            let packed = pack_up_to(&json, 1000).unwrap();
            assert_eq!(unpack_up_to(&packed, 100).is_ok(), fits, "{length}");
        }
    }
}
