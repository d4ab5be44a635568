//! The cases that every store must pass.

use std::collections::BTreeSet;
use std::time::Duration;

use plimsoll::model::{Digest, LayerFacts};
use plimsoll::store::caps::{LETTER_BODY_BYTES, LIST_ROWS, REASON_BYTES};
use plimsoll::store::{DeadLetter, Enqueued, NewJob, QueueState, StoreError};

use super::{Any, at, facts, job, verdict};

const LEASE: Duration = Duration::from_mins(1);

async fn enqueue(store: &Any, numbers: &[u32], seconds: i64) -> Vec<Enqueued> {
    let jobs: Vec<_> = numbers.iter().map(|number| job(*number)).collect();
    store.enqueue(&jobs, at(seconds)).await.unwrap()
}

pub(super) async fn keeps_facts_by_profile_and_digest(store: Any) {
    let (one, two) = (facts(1), facts(2));
    assert_eq!(store.layer_facts("1-a", &one.digest).await.unwrap(), None);
    for _ in 0..2 {
        store.save_layer_facts("1-a", &one).await.unwrap();
    }
    assert_eq!(store.layer_facts("1-a", &one.digest).await.unwrap(), Some(one.clone()));
    assert_eq!(store.layer_facts("1-b", &one.digest).await.unwrap(), None);
    assert_eq!(store.layer_facts("1-a", &two.digest).await.unwrap(), None);
}

pub(super) async fn facts_of_another_record_version_are_absent(store: Any) {
    let new = facts(1);
    let old = LayerFacts { version: LayerFacts::VERSION + 1, ..new.clone() };
    store.save_layer_facts("1-a", &old).await.unwrap();
    assert_eq!(store.layer_facts("1-a", &new.digest).await.unwrap(), None);
    store.save_layer_facts("1-a", &new).await.unwrap();
    assert_eq!(store.layer_facts("1-a", &new.digest).await.unwrap(), Some(new));
}

pub(super) async fn keeps_images(store: Any) {
    let digest = Digest::of(b"index");
    assert_eq!(store.image(&digest).await.unwrap(), None);
    for json in [&b"{}"[..], br#"{"b": 1}"#] {
        store.save_image(&digest, json).await.unwrap();
        assert_eq!(store.image(&digest).await.unwrap().as_deref(), Some(json));
    }
}

pub(super) async fn a_tag_names_what_was_seen_last(store: Any) {
    let (name, [one, two]) = ("registry.example.com/ml/app", [b"1", b"2"].map(|b| Digest::of(b)));
    assert_eq!(store.tag(name, "latest").await.unwrap(), None);
    store.bind_tag(name, "latest", &one, at(1)).await.unwrap();
    store.bind_tag(name, "latest", &two, at(2)).await.unwrap();
    store.bind_tag(name, "other", &one, at(3)).await.unwrap();
    assert_eq!(store.tag(name, "latest").await.unwrap(), Some((two.clone(), at(2))));
    // An event that was late.
    store.bind_tag(name, "latest", &one, at(0)).await.unwrap();
    assert_eq!(store.tag(name, "latest").await.unwrap(), Some((two, at(2))));
    assert_eq!(store.tag("registry.example.com/ml", "latest").await.unwrap(), None);
}

pub(super) async fn logs_verdicts_newest_first(store: Any) {
    for number in 0..3 {
        store.log_verdict("event", &verdict(number), at(number.into())).await.unwrap();
    }
    assert_eq!(store.verdicts(2).await.unwrap(), [verdict(2), verdict(1)]);
    assert_eq!(store.verdicts(0).await.unwrap(), []);
    assert_eq!(store.verdicts(u32::MAX).await.unwrap().len(), 3);
}

pub(super) async fn lists_are_capped(store: Any) {
    for number in 0..=LIST_ROWS {
        store.log_verdict("event", &verdict(number), at(0)).await.unwrap();
        store.save_dead_letter(&letter("", "")).await.unwrap();
    }
    for (limit, expected) in [(999, 999), (LIST_ROWS, 1000), (LIST_ROWS + 1, 1000)] {
        assert_eq!(store.verdicts(limit).await.unwrap().len(), expected);
        assert_eq!(store.dead_letters(limit).await.unwrap().len(), expected);
    }
}

/// The caps are three of each.
pub(super) async fn what_is_too_much_goes_oldest_first(store: Any) {
    for number in 1..=4 {
        let digest = facts(number).digest;
        store.save_layer_facts("1-a", &facts(number)).await.unwrap();
        store.save_image(&digest, b"{}").await.unwrap();
        store.bind_tag("r.example/a", &number.to_string(), &digest, at(0)).await.unwrap();
        store.log_verdict("check", &verdict(number), at(0)).await.unwrap();
        store.save_dead_letter(&letter(&number.to_string(), "")).await.unwrap();
        let first = facts(1).digest;
        let kept = number <= 3;
        assert_eq!(store.layer_facts("1-a", &first).await.unwrap().is_some(), kept, "{number}");
        assert_eq!(store.image(&first).await.unwrap().is_some(), kept, "{number}");
        assert_eq!(store.tag("r.example/a", "1").await.unwrap().is_some(), kept, "{number}");
        let log = store.verdicts(9).await.unwrap();
        assert_eq!(log.contains(&verdict(1)), kept, "{number}");
        let letters = store.dead_letters(9).await.unwrap();
        assert_eq!(letters.iter().any(|letter| letter.reason == "1"), kept, "{number}");
    }
    assert!(store.layer_facts("1-a", &facts(2).digest).await.unwrap().is_some());
    assert_eq!(store.queue_state().await.unwrap().dead, 3);
}

/// The cap is three jobs.
pub(super) async fn a_full_queue_refuses_all_or_none(store: Any) {
    enqueue(&store, &[1, 2], 0).await;
    let refused = store.enqueue(&[job(3), job(4)], at(1)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(store.queue_state().await.unwrap().depth, 2);
    assert_eq!(enqueue(&store, &[2, 3], 1).await, [Enqueued::Duplicate, Enqueued::New]);
    assert_eq!(enqueue(&store, &[1, 2, 3], 2).await, [Enqueued::Duplicate; 3]);
    let error = store.enqueue(&[job(4)], at(1)).await.unwrap_err();
    insta::allow_duplicates! {
        insta::assert_snapshot!(error, @"store unavailable: the queue is full, jobs: 3");
    }
}

pub(super) async fn the_same_image_is_one_job(store: Any) {
    use Enqueued::{Duplicate, New};
    assert_eq!(store.enqueue(&[], at(0)).await.unwrap(), []);
    assert_eq!(enqueue(&store, &[1, 2, 1], 0).await, [New, New, Duplicate]);
    let elsewhere = NewJob { repository: "ml/other".into(), ..job(1) };
    let retagged = NewJob { tag: Some("stable".into()), receiver: "b".into(), ..job(1) };
    let untagged = NewJob { tag: None, ..job(2) };
    let jobs = [elsewhere.clone(), retagged, untagged];
    assert_eq!(store.enqueue(&jobs, at(1)).await.unwrap(), [New, Duplicate, Duplicate]);
    let mut claimed = Vec::new();
    while let Some(job) = store.claim(LEASE, at(2)).await.unwrap() {
        // Running ones are duplicates too.
        let again = store.enqueue(std::slice::from_ref(&job.job), at(2)).await.unwrap();
        assert_eq!(again, [Duplicate]);
        claimed.push(job.job);
    }
    assert_eq!(claimed, [NewJob { tag: Some("stable".into()), ..job(1) }, job(2), elsewhere]);
}

pub(super) async fn an_ended_job_can_be_started_anew(store: Any) {
    for seconds in [0, 10] {
        assert_eq!(enqueue(&store, &[1, 2], seconds).await, [Enqueued::New; 2]);
        let done = store.claim(LEASE, at(seconds)).await.unwrap().unwrap();
        store.complete(done.id).await.unwrap();
        let dead = store.claim(LEASE, at(seconds)).await.unwrap().unwrap();
        store.bury(dead.id, "gone", at(seconds)).await.unwrap();
        for claimed in [done, dead] {
            assert_eq!((claimed.attempt, claimed.enqueued_at), (1, at(seconds)));
        }
        assert_eq!(store.claim(LEASE, at(1000)).await.unwrap(), None);
    }
}

pub(super) async fn claims_what_has_been_due_for_longest(store: Any) {
    enqueue(&store, &[3], 2).await;
    enqueue(&store, &[1, 2], 1).await;
    assert_eq!(store.claim(LEASE, at(0)).await.unwrap(), None);
    for expected in [1, 2, 3] {
        let claimed = store.claim(LEASE, at(2)).await.unwrap().unwrap();
        assert_eq!(claimed.job, job(expected));
    }
    assert_eq!(store.claim(LEASE, at(2)).await.unwrap(), None);
}

pub(super) async fn a_lease_that_ran_out_is_claimed_again(store: Any) {
    enqueue(&store, &[1], 0).await;
    let first = store.claim(LEASE, at(0)).await.unwrap().unwrap();
    assert_eq!(store.next_due().await.unwrap(), Some(at(60)));
    assert_eq!(store.claim(LEASE, at(59)).await.unwrap(), None);
    let second = store.claim(LEASE, at(60)).await.unwrap().unwrap();
    assert_eq!((second.id, second.attempt), (first.id, 2));
    assert_eq!(second.enqueued_at, at(0));
}

pub(super) async fn a_renewed_lease_holds_longer(store: Any) {
    enqueue(&store, &[1], 0).await;
    let claimed = store.claim(LEASE, at(0)).await.unwrap().unwrap();
    store.renew(claimed.id, LEASE, at(50)).await.unwrap();
    assert_eq!(store.claim(LEASE, at(109)).await.unwrap(), None);
    assert!(store.claim(LEASE, at(110)).await.unwrap().is_some());
    store.renew(claimed.id, Duration::MAX, at(110)).await.unwrap();
    assert_eq!(store.claim(LEASE, at(1_000_000)).await.unwrap(), None);
}

pub(super) async fn a_retried_job_waits_until_it_is_due(store: Any) {
    enqueue(&store, &[1], 0).await;
    let claimed = store.claim(LEASE, at(0)).await.unwrap().unwrap();
    store.retry(claimed.id, "registry unreachable", at(30)).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), Some(at(30)));
    assert_eq!(store.claim(LEASE, at(29)).await.unwrap(), None);
    let again = store.claim(LEASE, at(30)).await.unwrap().unwrap();
    assert_eq!((again.id, again.attempt), (claimed.id, 2));
}

pub(super) async fn a_buried_job_is_a_dead_letter(store: Any) {
    enqueue(&store, &[1], 0).await;
    let claimed = store.claim(LEASE, at(0)).await.unwrap().unwrap();
    store.bury(claimed.id, "not found", at(5)).await.unwrap();
    let letters = store.dead_letters(9).await.unwrap();
    let [letter] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!((&*letter.receiver, &*letter.reason, letter.at), ("main", "not found", at(5)));
    let body: serde_json::Value = serde_json::from_str(&letter.body).unwrap();
    assert_eq!(
        body,
        serde_json::json!({
            "registry": "registry.example.com", "repository": "ml/app",
            "digest": job(1).digest, "tag": "v1", "attempts": 1,
        })
    );
    assert_eq!(store.next_due().await.unwrap(), None);
}

pub(super) async fn jobs_that_are_not_claimed_cannot_be_ended(store: Any) {
    enqueue(&store, &[1], 0).await;
    let claimed = store.claim(LEASE, at(0)).await.unwrap().unwrap();
    store.retry(claimed.id, "", at(10)).await.unwrap();
    for id in [claimed.id, 4711] {
        store.renew(id, LEASE, at(1)).await.unwrap();
        store.retry(id, "", at(1)).await.unwrap();
        store.complete(id).await.unwrap();
        store.bury(id, "", at(1)).await.unwrap();
    }
    assert_eq!(store.next_due().await.unwrap(), Some(at(10)));
    assert_eq!(store.dead_letters(9).await.unwrap(), []);
}

pub(super) async fn released_jobs_are_claimed_at_once(store: Any) {
    enqueue(&store, &[1, 2], 0).await;
    let running = store.claim(LEASE, at(0)).await.unwrap().unwrap();
    let waiting = store.claim(LEASE, at(0)).await.unwrap().unwrap();
    store.retry(waiting.id, "", at(500)).await.unwrap();
    store.release_leases().await.unwrap();
    let again = store.claim(LEASE, at(1)).await.unwrap().unwrap();
    assert_eq!((again.id, again.attempt), (running.id, 2));
    // What waits for its time goes on waiting.
    assert_eq!(store.claim(LEASE, at(2)).await.unwrap(), None);
}

pub(super) async fn tells_the_state_of_the_queue(store: Any) {
    assert_eq!(store.queue_state().await.unwrap(), QueueState::default());
    assert_eq!(store.next_due().await.unwrap(), None);
    enqueue(&store, &[1], 0).await;
    enqueue(&store, &[2], 5).await;
    let claimed = store.claim(LEASE, at(5)).await.unwrap().unwrap();
    let running = QueueState { depth: 2, oldest: Some(at(0)), dead: 0 };
    assert_eq!(store.queue_state().await.unwrap(), running);
    store.bury(claimed.id, "", at(6)).await.unwrap();
    let after = QueueState { depth: 1, oldest: Some(at(5)), dead: 1 };
    assert_eq!(store.queue_state().await.unwrap(), after);
}

fn letter(reason: &str, body: &str) -> DeadLetter {
    DeadLetter { receiver: "main".into(), reason: reason.into(), body: body.into(), at: at(0) }
}

pub(super) async fn cuts_long_dead_letters(store: Any) {
    for length in [LETTER_BODY_BYTES - 1, LETTER_BODY_BYTES, LETTER_BODY_BYTES + 1] {
        let long = letter(&"r".repeat(length), &"b".repeat(length));
        store.save_dead_letter(&long).await.unwrap();
        let kept = store.dead_letters(1).await.unwrap().remove(0);
        assert_eq!(kept.body.len(), length.min(LETTER_BODY_BYTES));
        assert_eq!(kept.reason.len(), REASON_BYTES);
    }
    assert_eq!(store.dead_letters(9).await.unwrap().len(), 3);
}

pub(super) async fn every_job_is_claimed_by_one_worker(store: Any) {
    let numbers: Vec<u32> = (0..200).collect();
    enqueue(&store, &numbers, 0).await;
    let workers: Vec<_> = (0..16)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut claimed = Vec::new();
                while let Some(job) = store.claim(LEASE, at(1)).await.unwrap() {
                    tokio::task::yield_now().await;
                    store.complete(job.id).await.unwrap();
                    claimed.push(job.id);
                }
                claimed
            })
        })
        .collect();
    let mut claimed = Vec::new();
    for worker in workers {
        claimed.extend(worker.await.unwrap());
    }
    assert_eq!(claimed.len(), numbers.len());
    assert_eq!(claimed.iter().collect::<BTreeSet<_>>().len(), numbers.len());
    assert_eq!(store.queue_state().await.unwrap(), QueueState::default());
}

pub(super) async fn answers_pings(store: Any) {
    store.ping().await.unwrap();
}
