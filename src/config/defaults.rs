//! Every default of the configuration, with the reason for it. Those of the rules are in the
//! rules, those of the caps on one layer in [`crate::scan::Limits`].

use std::time::Duration;

/// Webhook listener: all addresses, because kubelets and API servers come from outside the pod.
/// 8443 needs no privilege.
pub(super) const WEBHOOK: &str = "0.0.0.0:8443";
/// Admin listener: where Prometheus operators look first.
pub(super) const ADMIN: &str = "0.0.0.0:9090";
/// Folder of a system service (Filesystem Hierarchy Standard, 5.8).
pub(super) const SYSTEM_DATA_DIR: &str = "/var/lib/plimsoll";
/// File of the SQLite store in the data folder.
pub(super) const SQLITE_FILE: &str = "plimsoll.db";

/// A 15 GB image over a 100 Mbit/s line takes 20 minutes; half as long again.
pub(super) const LAYER_TIMEOUT: Duration = Duration::from_mins(30);
/// Enough for the answer's way back when the API server is busy; its own timeouts are 1 to 30 s.
pub(super) const TIMEOUT_MARGIN: Duration = Duration::from_secs(1);
/// The API server's own default for `timeoutSeconds`.
pub(super) const ADMISSION_TIMEOUT: Duration = Duration::from_secs(10);
/// Reviews hold a few hundred kB each; a drained node's pods (110) arrive twice over.
pub(super) const MAX_INFLIGHT: usize = 256;
/// Pushes are seldom urgent: two at a time leave the scanner to admission.
pub(super) const EVENT_WORKERS: usize = 2;
/// With doubling waits from seconds on, eight tries outlast a registry's restart by far.
pub(super) const EVENT_ATTEMPTS: u32 = 8;
/// Workers renew their lease while they read; silence this long means that one died.
pub(super) const EVENT_LEASE: Duration = Duration::from_mins(5);

/// Layers read at once, by processor: most of the time is the registry's.
pub(super) const SCANS_PER_PROCESSOR: usize = 4;
/// Layers read at once on a small machine. One registry gets half of them.
pub(super) const FEWEST_SCANS: usize = 8;
