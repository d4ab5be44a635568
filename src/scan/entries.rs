//! The tar archive of a layer as entries.
