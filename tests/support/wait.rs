//! Waiting for something to become true, by asking until it is; never for some time to pass.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::registry::FakeRegistry;

/// Longer than anything takes on the slowest machine: a test that gets here has failed.
const PATIENCE: Duration = Duration::from_secs(45);

/// Asks until there is an answer.
pub async fn wait_for<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "waited in vain for: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until a registry was asked for a path that contains `part`.
pub async fn is_asked_for(registry: &FakeRegistry, part: &str) {
    wait_for(part, async || (!registry.requests_to(part).is_empty()).then_some(())).await;
}
