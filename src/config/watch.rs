//! Notices that the configuration changed: the file itself, or a secret or CA file it names.
//! Compares content by polling, because mounted `ConfigMap`s change by swapping symbolic links,
//! which change notifications miss. Keeping the last good configuration is the caller's part.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::files::Sources;
use super::{Config, ConfigError};

/// Compares the configuration on disk with the one that was taken over last.
#[derive(Debug)]
pub struct Watcher {
    path: PathBuf,
    taken: Sources,
    pending: Option<Sources>,
}

impl Watcher {
    /// Watches the file that `config` was loaded from.
    pub fn new(path: &Path, config: &Config) -> Self {
        Self { path: path.to_owned(), taken: config.sources.clone(), pending: None }
    }

    /// Looks once. Tells of a change when it has been seen twice in a row: a file that is being
    /// written would otherwise be taken for its first half. Tells of a bad one once.
    pub fn poll_once(&mut self) -> Option<Result<Config, ConfigError>> {
        let loaded = Config::load(&self.path);
        let sources = match &loaded {
            Ok(config) => &config.sources,
            Err(error) => &error.sources,
        };
        if *sources == self.taken {
            self.pending = None;
            return None;
        }
        if self.pending.as_ref() != Some(sources) {
            self.pending = Some(sources.clone());
            return None;
        }
        self.taken = sources.clone();
        self.pending = None;
        Some(loaded)
    }
}

/// Looks every `interval` and hands over every change, for ever. End it by dropping it.
pub async fn watch(
    path: &Path,
    interval: Duration,
    config: &Config,
    on_change: impl Fn(Result<Config, ConfigError>),
) {
    let mut watcher = Watcher::new(path, config);
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // Reading may hang on a network volume; that must not hold up a worker thread.
        let look = tokio::task::spawn_blocking(move || (watcher.poll_once(), watcher));
        let Ok((change, looked)) = look.await else {
            tracing::error!("the configuration is no longer watched: its reader broke off");
            return;
        };
        watcher = looked;
        if let Some(change) = change {
            on_change(change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Mode;

    struct OnDisk {
        folder: tempfile::TempDir,
        watcher: Watcher,
    }

    impl OnDisk {
        fn new(text: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("token"), "one").unwrap();
            let path = folder.path().join("plimsoll.yaml");
            std::fs::write(&path, text).unwrap();
            let watcher = Watcher::new(&path, &Config::load(&path).unwrap());
            Self { folder, watcher }
        }

        fn write(&self, name: &str, text: &str) {
            std::fs::write(self.folder.path().join(name), text).unwrap();
        }

        fn settled(&mut self) -> Option<Result<Config, ConfigError>> {
            assert!(self.watcher.poll_once().is_none());
            self.watcher.poll_once()
        }
    }

    const RECEIVER: &str = "receivers: [{name: main, kind: distribution, \
        registry: r.example.com, auth: {bearer-file: token}}]";

    #[test]
    fn tells_of_changes_once_they_stand_still() {
        let mut disk = OnDisk::new("policy: {mode: enforce}");
        assert!(disk.settled().is_none());
        disk.write("plimsoll.yaml", "policy: {mode: warn}");
        assert_eq!(disk.settled().unwrap().unwrap().policy.mode, Mode::Warn);
        assert!(disk.settled().is_none());
    }

    #[test]
    fn a_half_written_file_is_not_taken() {
        let mut disk = OnDisk::new("policy: {mode: enforce}");
        disk.write("plimsoll.yaml", "policy: {mode: w");
        assert!(disk.watcher.poll_once().is_none());
        disk.write("plimsoll.yaml", "policy: {mode: warn}");
        assert_eq!(disk.settled().unwrap().unwrap().policy.mode, Mode::Warn);
    }

    #[test]
    fn a_bad_file_is_told_once_and_its_repair_too() {
        let mut disk = OnDisk::new("policy: {mode: enforce}");
        disk.write("plimsoll.yaml", "policy: {mode: perhaps}");
        assert!(disk.settled().unwrap().is_err());
        assert!(disk.settled().is_none());
        disk.write("plimsoll.yaml", "policy: {mode: enforce}");
        assert!(disk.settled().unwrap().is_ok());
    }

    #[test]
    fn a_rotated_secret_is_a_change() {
        let mut disk = OnDisk::new(RECEIVER);
        disk.write("token", "two");
        let config = disk.settled().unwrap().unwrap();
        let auth = super::super::ReceiverAuth::Bearer(super::super::Secret::new("two"));
        assert_eq!(config.receivers[0].auth, auth);
        std::fs::remove_file(disk.folder.path().join("token")).unwrap();
        assert!(disk.settled().unwrap().is_err());
        disk.write("token", "three");
        assert!(disk.settled().unwrap().is_ok());
    }

    #[test]
    fn a_vanished_file_is_a_bad_one() {
        let mut disk = OnDisk::new("{}");
        std::fs::remove_file(disk.folder.path().join("plimsoll.yaml")).unwrap();
        assert!(disk.settled().unwrap().is_err());
        disk.write("plimsoll.yaml", "");
        assert!(disk.settled().unwrap().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn watches_until_dropped() {
        let disk = OnDisk::new("policy: {mode: enforce}");
        let path = disk.folder.path().join("plimsoll.yaml");
        let config = Config::load(&path).unwrap();
        disk.write("plimsoll.yaml", "policy: {mode: warn}");
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let on_change = |change: Result<Config, ConfigError>| {
            sender.send(change.unwrap().policy.mode).unwrap();
        };
        tokio::select! {
            () = watch(&path, Duration::from_secs(5), &config, on_change) => unreachable!(),
            mode = receiver.recv() => assert_eq!(mode, Some(Mode::Warn)),
        }
    }
}
