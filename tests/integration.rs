//! All integration tests, in one binary.

// So that clippy knows helpers here for test code.
#[cfg(test)]
mod store_contract;
#[cfg(test)]
mod tls_reload;
