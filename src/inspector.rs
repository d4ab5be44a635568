//! The story: a subject becomes a verdict.
