//! Compressed layers as plain bytes, by magic.
