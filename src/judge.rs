//! The only place that decides: images, facts and policy in, verdict out. Pure.
