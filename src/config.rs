//! Configuration: what was written becomes what is meant, all problems at once.
