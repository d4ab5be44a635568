//! An image's configuration as the registry has it.

use bytes::Bytes;
use futures_util::TryStreamExt as _;

use crate::model::image::MAX_CONFIG_BYTES;
use crate::model::{Descriptor, ImageConfig, Reference};
use crate::registry::{FetchError, Registry};

/// The bytes of a configuration, or why there are none.
pub(super) enum Config {
    /// As they are.
    Read(Bytes),
    /// Too large to be a configuration.
    TooLarge,
    /// The registry has other bytes than the manifest names: so many, or of another digest.
    Mismatched(String),
}

/// Reads a configuration; once more when the bytes were not those of the descriptor, as a layer
/// is read twice: a proxy may have mixed them up. Then it is the registry's word.
pub(super) async fn read(
    registry: &dyn Registry,
    reference: &Reference,
    config: &Descriptor,
) -> Result<Config, FetchError> {
    if config.size > MAX_CONFIG_BYTES {
        return Ok(Config::TooLarge);
    }
    let mut read = bytes_of(registry, reference, config).await;
    if matches!(read, Err(FetchError::Mismatch(_))) {
        read = bytes_of(registry, reference, config).await;
    }
    match read {
        Ok(bytes) => Ok(Config::Read(bytes)),
        Err(FetchError::Mismatch(detail)) => Ok(Config::Mismatched(detail)),
        Err(error) => Err(error),
    }
}

async fn bytes_of(
    registry: &dyn Registry,
    reference: &Reference,
    config: &Descriptor,
) -> Result<Bytes, FetchError> {
    // The stream ends with an error before it exceeds the descriptor's size.
    let stream = registry.blob(reference, config).await?;
    let json = stream
        .try_fold(Vec::new(), |mut json, chunk| async move {
            json.extend_from_slice(&chunk);
            Ok(json)
        })
        .await?;
    Ok(json.into())
}

impl Config {
    /// How much was read.
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Read(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Self::TooLarge | Self::Mismatched(_) => 0,
        }
    }

    /// Whether a runtime might find a file system in it.
    pub(super) fn may_have_rootfs(&self) -> bool {
        match self {
            Self::Read(bytes) => ImageConfig::has_rootfs(bytes),
            Self::TooLarge | Self::Mismatched(_) => true,
        }
    }

    /// Whether it is certain that nothing is run by it: containerd leaves layers of unknown types
    /// away and would run the rest.
    pub(super) fn runs_nothing(&self) -> bool {
        let Self::Read(bytes) = self else { return false };
        ImageConfig::parse(bytes).is_ok_and(|config| {
            [&config.env, &config.cmd, &config.entrypoint].into_iter().all(Vec::is_empty)
        })
    }

    /// What it says, or the defect of the image.
    pub(super) fn parsed(&self, descriptor: &Descriptor) -> Result<ImageConfig, String> {
        match self {
            Self::Read(bytes) => ImageConfig::parse(bytes)
                .map_err(|error| format!("malformed image configuration: {error}")),
            Self::TooLarge => Err(format!(
                "image configuration is larger than {MAX_CONFIG_BYTES} bytes: {}",
                descriptor.size
            )),
            Self::Mismatched(detail) => {
                Err(format!("image configuration is not what the manifest names: {detail}"))
            }
        }
    }
}
