//! Replays the fuzz targets' seeds: what the fuzzer once found stays found. `make fuzz` goes on
//! from them.

use std::path::{Path, PathBuf};

#[path = "fuzz/targets.rs"]
mod targets;

type Target = fn(&[u8]);

/// Every target, by the name of its folder of seeds.
const TARGETS: &[(&str, Target)] = &[
    ("layer", targets::layer),
    ("tar", targets::tar),
    ("manifest", targets::manifest),
    ("config", targets::config),
    ("reference", targets::reference),
    ("history", targets::history),
];

fn seeds(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut seeds: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    seeds.sort();
    seeds
}

#[test]
fn seeds_break_nothing() {
    for (name, target) in TARGETS {
        let seeds = seeds(name);
        assert!(seeds.len() >= 5, "{name} has {} seeds", seeds.len());
        for seed in seeds {
            target(&std::fs::read(&seed).unwrap());
        }
    }
}

#[test]
fn every_target_is_fuzzed() {
    let manifest = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/Cargo.toml"),
    )
    .unwrap();
    for (name, _) in TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}
