//! Single flight: a layer that many ask about is read once, and ends when nobody is left who
//! needs more of it. Whoever asks brings a test that says from partial facts whether their
//! answer is certain; it runs in the scanning thread, so a refusal stops the download at once.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::model::{Digest, Fact, LayerFacts, Undecided};

/// Stored bytes of a layer that are read even though an answer is certain: people mend an image
/// faster when they are told of all that is wrong in a small layer, and it costs milliseconds.
pub(super) const GRACE_BYTES: u64 = 1 << 20;

/// Says from the facts so far (those from the index on are new) whether more would change
/// nothing.
pub(super) type IsCertain = Arc<dyn Fn(&[Fact], usize) -> bool + Send + Sync>;

/// Stored bytes after which new facts are tested again, although they did not double.
const TEST_EVERY_BYTES: u64 = 1 << 20;

/// How a flight ends for one who waits.
#[derive(Debug, Clone)]
pub(super) enum Landing {
    /// The layer was read and verified.
    Whole(Arc<LayerFacts>),
    /// These partial facts made the answer certain.
    Certain(Vec<Fact>),
    /// It could not be read from where the one who started it asked.
    Failed(Undecided),
    /// There it is not what its digest or size promises.
    Mismatched(Arc<LayerFacts>),
}

struct Passenger {
    id: u64,
    test: IsCertain,
    is_certain: bool,
    landing: oneshot::Sender<Landing>,
}

#[derive(Default)]
struct State {
    passengers: Vec<Passenger>,
    facts: Vec<Fact>,
    /// How many of the facts were tested, and at how many stored bytes.
    tested: usize,
    tested_at: u64,
    next_id: u64,
    landed: bool,
}

/// One layer being read.
#[derive(Default)]
pub(super) struct Flight {
    state: Mutex<State>,
    /// Ends the reading.
    pub(super) cancel: CancellationToken,
    /// Stored bytes read so far.
    pub(super) bytes: AtomicU64,
}

/// The layers being read now.
pub(super) struct Flights {
    flights: Mutex<HashMap<Digest, Arc<Flight>>>,
    stop: CancellationToken,
}

/// One caller's place in a flight. Dropping it lets the reading go on (its result is kept);
/// [`Ticket::release`] says that nobody here needs it any more.
#[derive(Clone)]
pub(super) struct Ticket {
    /// The flight.
    pub(super) flight: Arc<Flight>,
    id: u64,
    /// Whether this caller started the reading.
    pub(super) led: bool,
}

/// Tells how a flight ended. Without an answer it was given up.
pub(super) type Arrival = oneshot::Receiver<Landing>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic under the lock leaves plain data that is still consistent.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Flights {
    /// Flights that all end when `stop` is cancelled.
    pub(super) fn new(stop: CancellationToken) -> Self {
        Self { flights: Mutex::default(), stop }
    }

    /// Joins the reading of a layer; `start` begins it when nobody reads it yet. `known` tells
    /// whether a flight has landed since the caller found nothing: without it, who looks just
    /// before a landing and joins just after it would read the layer once more.
    pub(super) fn join(
        &self,
        digest: &Digest,
        is_certain: &IsCertain,
        known: impl FnOnce() -> Option<Arc<LayerFacts>>,
        start: impl FnOnce(Arc<Flight>),
    ) -> (Ticket, Arrival) {
        let mut flights = lock(&self.flights);
        if let Some(flight) = flights.get(digest)
            && let Some(boarded) = flight.board(is_certain, false)
        {
            return boarded;
        }
        if let Some(facts) = known() {
            return Flight::over(facts);
        }
        let flight = Arc::new(Flight { cancel: self.stop.child_token(), ..Flight::default() });
        let boarded = flight.board(is_certain, true).unwrap_or_else(|| flight.given_up());
        flights.insert(digest.clone(), Arc::clone(&flight));
        drop(flights);
        start(flight);
        boarded
    }

    /// The reading is over: everybody still waiting is told. Without a landing it was given up,
    /// and whoever boarded in the last moment has to join anew.
    pub(super) fn land(&self, digest: &Digest, flight: &Arc<Flight>, landing: Option<&Landing>) {
        let mut flights = lock(&self.flights);
        if flights.get(digest).is_some_and(|current| Arc::ptr_eq(current, flight)) {
            flights.remove(digest);
        }
        drop(flights);
        let mut state = lock(&flight.state);
        state.landed = true;
        for passenger in state.passengers.drain(..) {
            if let Some(landing) = landing {
                // A caller that went away does not mind.
                let _ = passenger.landing.send(landing.clone());
            }
        }
    }
}

impl Flight {
    fn board(self: &Arc<Self>, is_certain: &IsCertain, led: bool) -> Option<(Ticket, Arrival)> {
        let mut state = lock(&self.state);
        if state.landed || self.cancel.is_cancelled() {
            return None;
        }
        let id = state.next_id;
        state.next_id += 1;
        let (sender, landing) = oneshot::channel();
        let test = Arc::clone(is_certain);
        let is_certain = !state.facts.is_empty() && test(&state.facts, 0);
        state.passengers.push(Passenger { id, test, is_certain, landing: sender });
        self.settle(&mut state);
        Some((Ticket { flight: Arc::clone(self), id, led }, landing))
    }

    /// A place in a flight that has landed.
    fn over(facts: Arc<LayerFacts>) -> (Ticket, Arrival) {
        let (sender, landing) = oneshot::channel();
        // The receiver is right here.
        let _ = sender.send(Landing::Whole(facts));
        let flight = Self::default();
        lock(&flight.state).landed = true;
        (Ticket { flight: Arc::new(flight), id: 0, led: false }, landing)
    }

    fn given_up(self: &Arc<Self>) -> (Ticket, Arrival) {
        let (_, landing) = oneshot::channel();
        (Ticket { flight: Arc::clone(self), id: 0, led: true }, landing)
    }

    /// Takes new facts from the scanning thread; `Break` when nobody needs more.
    pub(super) fn tell(&self, facts: &[Fact], known: usize) -> ControlFlow<()> {
        let mut state = lock(&self.state);
        let known = known.min(state.facts.len());
        state.facts.extend(facts.iter().skip(known).cloned());
        let has_doubled = state.facts.len() >= state.tested.saturating_mul(2).max(1);
        self.test(&mut state, has_doubled);
        self.settle(&mut state);
        if state.landed || self.cancel.is_cancelled() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// Takes count of stored bytes; ends the reading when all are certain and the grace is over.
    pub(super) fn took(&self, bytes: u64) {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) >= GRACE_BYTES {
            let mut state = lock(&self.state);
            self.test(&mut state, false);
            self.settle(&mut state);
            if state.landed {
                self.cancel.cancel();
            }
        }
    }

    /// Forgets the facts: the layer is read anew.
    pub(super) fn restart(&self) {
        let mut state = lock(&self.state);
        state.facts.clear();
        (state.tested, state.tested_at) = (0, 0);
    }

    /// Asks the passengers whether the new facts make them certain: when their number doubled,
    /// and once in a while. Asking after each of a flood of facts would cost the square of it.
    fn test(&self, state: &mut State, is_due: bool) {
        let bytes = self.bytes.load(Ordering::Relaxed);
        let is_due = is_due || bytes >= state.tested_at.saturating_add(TEST_EVERY_BYTES);
        if !is_due || state.tested >= state.facts.len() {
            return;
        }
        for passenger in state.passengers.iter_mut().filter(|passenger| !passenger.is_certain) {
            passenger.is_certain = (passenger.test)(&state.facts, state.tested);
        }
        (state.tested, state.tested_at) = (state.facts.len(), bytes);
    }

    /// Lets those go whose answer is certain, once the grace is over.
    fn settle(&self, state: &mut State) {
        if self.bytes.load(Ordering::Relaxed) < GRACE_BYTES {
            return;
        }
        for passenger in state.passengers.extract_if(.., |passenger| passenger.is_certain) {
            let _ = passenger.landing.send(Landing::Certain(state.facts.clone()));
        }
        state.landed |= state.passengers.is_empty();
    }
}

impl Ticket {
    /// Gives up: when nobody else waits, the reading ends.
    pub(super) fn release(&self) {
        let mut state = lock(&self.flight.state);
        state.passengers.retain(|passenger| passenger.id != self.id);
        if state.passengers.is_empty() && !state.landed {
            state.landed = true;
            self.flight.cancel.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RuleId;

    fn fact(kind: &str) -> Fact {
        Fact::new(RuleId::new("x"), kind, "p", 1)
    }

    fn certain_of(kind: &'static str) -> IsCertain {
        Arc::new(move |facts, _| facts.iter().any(|fact| fact.kind == kind))
    }

    struct Started(Mutex<Vec<Arc<Flight>>>);

    impl Started {
        #[expect(clippy::needless_pass_by_value, reason = "callers make it on the spot")]
        fn join(&self, flights: &Flights, is_certain: IsCertain) -> (Ticket, Arrival) {
            let start = |flight| lock(&self.0).push(flight);
            flights.join(&Digest::of(b"layer"), &is_certain, || None, start)
        }

        fn last(&self) -> Arc<Flight> {
            Arc::clone(lock(&self.0).last().unwrap())
        }

        fn count(&self) -> usize {
            lock(&self.0).len()
        }
    }

    fn setup() -> (Flights, Started) {
        (Flights::new(CancellationToken::new()), Started(Mutex::default()))
    }

    #[tokio::test]
    async fn many_ask_and_one_reads() {
        let (flights, started) = setup();
        let (leader, first) = started.join(&flights, certain_of("never"));
        let (follower, second) = started.join(&flights, certain_of("never"));
        assert_eq!((started.count(), leader.led, follower.led), (1, true, false));
        let facts = Arc::new(LayerFacts::empty(Digest::of(b"layer"), 1));
        flights.land(&Digest::of(b"layer"), &started.last(), Some(&Landing::Whole(facts)));
        assert!(matches!(first.await, Ok(Landing::Whole(_))));
        assert!(matches!(second.await, Ok(Landing::Whole(_))));
        started.join(&flights, certain_of("never"));
        assert_eq!(started.count(), 2);
    }

    #[tokio::test]
    async fn what_landed_in_between_is_not_read_again() {
        let (flights, started) = setup();
        let digest = Digest::of(b"layer");
        let facts = Arc::new(LayerFacts::empty(digest.clone(), 1));
        let start = |flight| lock(&started.0).push(flight);
        let (ticket, arrival) = flights.join(&digest, &certain_of("never"), || Some(facts), start);
        assert!(matches!(arrival.await, Ok(Landing::Whole(_))));
        assert_eq!((ticket.led, started.count()), (false, 0));
    }

    #[tokio::test]
    async fn certainty_ends_it_for_those_who_have_it() {
        let (flights, started) = setup();
        let (_, strict) = started.join(&flights, certain_of("weights"));
        let (lenient, _) = started.join(&flights, certain_of("never"));
        let flight = started.last();
        flight.took(GRACE_BYTES);
        let facts = [fact("small"), fact("weights")];
        assert!(flight.tell(&facts[..1], 0).is_continue());
        assert!(flight.tell(&facts, 1).is_continue());
        assert!(matches!(strict.await, Ok(Landing::Certain(facts)) if facts.len() == 2));
        // Whoever comes late learns from what is known already.
        let (_, late) = started.join(&flights, certain_of("small"));
        assert!(matches!(late.await, Ok(Landing::Certain(_))));
        assert!(!flight.cancel.is_cancelled());
        lenient.release();
        assert!(flight.cancel.is_cancelled());
        started.join(&flights, certain_of("never"));
        assert_eq!(started.count(), 2);
    }

    #[test]
    fn the_scan_stops_when_all_are_certain() {
        let (flights, started) = setup();
        let _wait = started.join(&flights, certain_of("weights"));
        started.last().took(GRACE_BYTES);
        assert!(started.last().tell(&[fact("weights")], 0).is_break());
    }

    #[tokio::test]
    async fn a_small_layer_is_read_to_its_end_all_the_same() {
        let (flights, started) = setup();
        let (_ticket, mut arrival) = started.join(&flights, certain_of("weights"));
        let flight = started.last();
        flight.took(GRACE_BYTES - 1);
        assert!(flight.tell(&[fact("weights")], 0).is_continue());
        assert!(arrival.try_recv().is_err());
        flight.took(1);
        assert!(flight.cancel.is_cancelled());
        assert!(matches!(arrival.await, Ok(Landing::Certain(_))));
    }

    #[test]
    fn a_caller_that_goes_away_stops_nothing() {
        let (flights, started) = setup();
        drop(started.join(&flights, certain_of("never")));
        let flight = started.last();
        assert!(flight.tell(&[fact("x")], 0).is_continue());
        assert!(!flight.cancel.is_cancelled());
    }
}
