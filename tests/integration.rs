//! All integration tests in one binary: it links once.

#![expect(unreachable_pub, reason = "nothing is outside; `pub` marks what tests may use")]

// `cfg(test)` lets clippy know the helpers in these modules for test code.
#[cfg(test)]
mod support;

#[cfg(test)]
mod admission;

#[cfg(test)]
mod around;

#[cfg(test)]
mod cli;

#[cfg(test)]
mod credential_helper;

#[cfg(test)]
mod early_denial;

#[cfg(test)]
mod events;

#[cfg(test)]
mod fuzz_seeds;

#[cfg(test)]
mod hostile;

#[cfg(test)]
mod hygiene;

#[cfg(test)]
mod kill;

#[cfg(test)]
mod local_images;

#[cfg(test)]
mod real_registry;

#[cfg(test)]
mod registry_faults;

#[cfg(test)]
mod resolving;

#[cfg(test)]
mod squashing;

#[cfg(test)]
mod store_contract;

#[cfg(test)]
mod tidy;

#[cfg(test)]
mod tls_reload;

#[cfg(test)]
mod whole_reading;
