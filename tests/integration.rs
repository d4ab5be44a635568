//! All integration tests in one binary: it links once.

// `cfg(test)` lets clippy know the helpers in these modules for test code.
#[cfg(test)]
mod cli;
#[cfg(test)]
mod store_contract;
#[cfg(test)]
mod tls_reload;
