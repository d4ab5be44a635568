//! An OCI layout folder as a registry.
