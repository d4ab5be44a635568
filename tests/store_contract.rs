//! What every store must do, run against each of them. Times are made up and passed in; nothing
//! here waits. What only a durable store can do (survive a restart, hold damaged rows) is below.

mod agreement;
mod cases;
mod sqlite;

use jiff::{SignedDuration, Timestamp};
use plimsoll::model::verdict::Stats;
use plimsoll::model::{Decision, Digest, EntryKind, Fact, LayerFacts, RuleId, Verdict};
use plimsoll::store::sqlite::SqliteStore;
use plimsoll::store::{Caps, NewJob, Store};

/// A moment, in seconds after some beginning.
fn at(seconds: i64) -> Timestamp {
    "2026-08-01T12:00:00.123456Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

fn job(number: u32) -> NewJob {
    NewJob {
        receiver: "main".into(),
        registry: "registry.example.com".into(),
        repository: "ml/app".into(),
        digest: Digest::of(&number.to_be_bytes()),
        tag: Some(format!("v{number}")),
    }
}

fn facts(number: u32) -> LayerFacts {
    let mut facts = LayerFacts::empty(Digest::of(&number.to_be_bytes()), 4096);
    facts.unpacked_bytes = 10_000;
    facts.listing.push("app/ä.bin", EntryKind::File, u64::MAX);
    facts
        .facts
        .push(Fact::new(RuleId::new("model-weights"), "gguf", "app/ä.bin", 7).with("a", "b"));
    facts
}

fn verdict(number: u32) -> Verdict {
    Verdict {
        image: format!("registry.example.com/ml/app:v{number}"),
        digest: Some(Digest::of(&number.to_be_bytes())),
        decision: Decision::Deny,
        findings: Vec::new(),
        undecided: Vec::new(),
        exceptions: Vec::new(),
        images: Vec::new(),
        policy: "0123456789ab".into(),
        complete: false,
        stats: Stats::default(),
    }
}

/// Few enough to reach.
fn small() -> Caps {
    Caps { layers: 3, images: 3, tags: 3, verdicts: 3, dead_letters: 3, jobs: 3 }
}

/// A SQLite store in a folder that goes when this does.
async fn open(caps: Caps) -> (tempfile::TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open_with(folder.path().join("plimsoll.db"), caps).await.unwrap();
    (folder, store)
}

/// Makes one test per store of each case.
macro_rules! on_every_store {
    ($($case:ident($caps:expr);)+) => {
        mod memory {
            use super::*;
            $(
                #[tokio::test]
                async fn $case() {
                    let store = plimsoll::store::memory::MemoryStore::with_caps($caps);
                    super::cases::$case(std::sync::Arc::new(store)).await;
                }
            )+
        }

        mod on_sqlite {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let (_folder, store) = open($caps).await;
                    super::cases::$case(std::sync::Arc::new(store)).await;
                }
            )+
        }
    };
}

on_every_store! {
    keeps_facts_by_profile_and_digest(Caps::default());
    facts_of_another_record_version_are_absent(Caps::default());
    keeps_images(Caps::default());
    a_tag_names_what_was_seen_last(Caps::default());
    logs_verdicts_newest_first(Caps::default());
    lists_are_capped(Caps::default());
    what_is_too_much_goes_oldest_first(small());
    a_full_queue_refuses_all_or_none(small());
    the_same_image_is_one_job(Caps::default());
    an_ended_job_can_be_started_anew(Caps::default());
    claims_what_has_been_due_for_longest(Caps::default());
    a_lease_that_ran_out_is_claimed_again(Caps::default());
    a_renewed_lease_holds_longer(Caps::default());
    a_retried_job_waits_until_it_is_due(Caps::default());
    a_buried_job_is_a_dead_letter(Caps::default());
    jobs_that_are_not_claimed_cannot_be_ended(Caps::default());
    released_jobs_are_claimed_at_once(Caps::default());
    tells_the_state_of_the_queue(Caps::default());
    cuts_long_dead_letters(Caps::default());
    every_job_is_claimed_by_one_worker(Caps::default());
    answers_pings(Caps::default());
}

/// Cases take any store.
type Any = std::sync::Arc<dyn Store>;
