//! What secrets look like, shared by `secret-file` and `secret-config`: token patterns, placeholders, fingerprints.
