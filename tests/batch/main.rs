//! Batches: when an item has come about, as a table, and how many are carried out, on a controller made for it, in virtual time.

mod desk;
mod goal;
mod told;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use wharf::batch::Batches;
use wharf::model::Name;
use wharf::model::batch::{Batch, BatchState, ItemState, Verb};
use wharf::store::Store;
use wharf::store::simulated::Simulated;

use desk::{Controller, Manner, Moment};

/// Long enough for whatever these batches do; it costs nothing.
const LONG: Duration = Duration::from_secs(3600);

/// More writes than there ever are.
const ALL: usize = 1000;

/// A process: batches, and the controller that they ask.
struct Process {
    batches: Batches,
    desk: Controller,
    shutdown: CancellationToken,
}

impl Process {
    fn start(medium: &Simulated, desk: Controller) -> Self {
        let store = Store::open_on(Arc::new(medium.clone())).expect("opened").store;
        let shutdown = CancellationToken::new();
        let own = Arc::new(desk.clone()) as Arc<dyn wharf::batch::Desk>;
        let batches = Batches::take_up(store, own, shutdown.clone()).expect("read");
        Self { batches, desk, shutdown }
    }

    /// The first one, with a controller that has these workspaces.
    fn new(names: &str) -> (Simulated, Self) {
        let medium = Simulated::new("/state/db");
        let desk = Controller::with(names);
        let process = Self::start(&medium, desk);
        (medium, process)
    }

    /// Ends at once; of what was not flushed, so many writes survive. Another one goes on.
    async fn crash(self, medium: &Simulated, survive: usize) -> Self {
        self.shutdown.cancel();
        self.batches.rest().await;
        medium.crash(survive);
        Self::start(medium, self.desk.after_a_crash())
    }

    fn begin(&self, verb: Verb, names: &str, parallelism: u32, max_failures: Option<u32>) -> String {
        self.batches.begin(verb, parse(names), parallelism, max_failures).expect("stored").id
    }

    async fn end(&self, id: &str) -> Batch {
        let ended = async {
            loop {
                match self.batches.get(id) {
                    Some(batch) if batch.ended_at.is_some() => return batch,
                    Some(_) => sleep(Duration::from_millis(50)).await,
                    None => panic!("batch {id} is not known any more"),
                }
            }
        };
        tokio::time::timeout(LONG, ended).await.expect("it ends")
    }
}

fn parse(names: &str) -> Vec<Name> {
    names.split_whitespace().map(|name| name.parse().expect("a name")).collect()
}

/// `a Succeeded, b Failed: why`.
fn items(batch: &Batch) -> String {
    let item = |item: &wharf::model::batch::BatchItem| {
        let why = item.error.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        format!("{} {:?}{why}", item.workspace, item.state)
    };
    batch.items.iter().map(item).collect::<Vec<_>>().join(", ")
}

fn all_succeeded(batch: &Batch) -> bool {
    batch.state == BatchState::Succeeded && batch.items.iter().all(|item| item.state == ItemState::Succeeded)
}

#[tokio::test(start_paused = true)]
async fn no_more_are_worked_on_at_once_than_asked_for() {
    let names = "a b c d e f g h i j";
    for (parallelism, most) in [(1, 1), (3, 3), (64, 10)] {
        let (_, process) = Process::new(names);
        let id = process.begin(Verb::Restart, names, parallelism, None);
        let batch = process.end(&id).await;
        assert!(all_succeeded(&batch), "{}", items(&batch));
        assert_eq!(process.desk.most_at_once(), most, "of {parallelism}");
    }
}

#[tokio::test(start_paused = true)]
async fn items_have_their_turn_in_the_order_of_the_request() {
    let (_, process) = Process::new("a b c d");
    let id = process.begin(Verb::Restart, "c a d b", 1, None);
    assert_eq!(items(&process.end(&id).await), "c Succeeded, a Succeeded, d Succeeded, b Succeeded");
    assert_eq!(process.desk.asked(), ["c", "a", "d", "b"]);
}

#[tokio::test(start_paused = true)]
async fn more_failures_than_allowed_end_it_early() {
    let (_, process) = Process::new("a b c d e");
    process.desk.behaves("b", Manner::Refuses("it is suspended"));
    process.desk.behaves("c", Manner::Fails("no such image"));
    let id = process.begin(Verb::Start, "a b c d e", 1, Some(1));
    let batch = process.end(&id).await;
    let expected = "a Succeeded, b Failed: it is suspended, c Failed: Network: no such image, \
        d Skipped: too many others failed, e Skipped: too many others failed";
    assert_eq!((items(&batch).as_str(), batch.state), (expected, BatchState::Failed));
    let id = process.begin(Verb::Start, "a b c d e", 2, None);
    let batch = process.end(&id).await;
    assert_eq!(batch.items.iter().filter(|item| item.state == ItemState::Succeeded).count(), 3, "{}", items(&batch));
    assert_eq!(batch.state, BatchState::Failed);
}

#[tokio::test(start_paused = true)]
async fn what_never_comes_about_fails_in_the_end() {
    let (_, process) = Process::new("a b");
    process.desk.behaves("a", Manner::Never);
    let id = process.begin(Verb::Restart, "a b", 1, None);
    let batch = process.end(&id).await;
    let expected = "a Failed: not reached within 10 minutes; `wharf describe a` says what it waits for, b Succeeded";
    assert_eq!(items(&batch), expected);
}

#[tokio::test(start_paused = true)]
async fn a_canceled_batch_finishes_what_it_has_begun() {
    let (medium, process) = Process::new("a b c d");
    let id = process.begin(Verb::Restart, "a b c d", 2, None);
    sleep(Duration::from_millis(500)).await;
    let canceled = process.batches.cancel(&id).expect("stored").expect("known");
    assert!(canceled.canceled && canceled.ended_at.is_none());
    // Whoever is interrupted does not forget it.
    let process = process.crash(&medium, 0).await;
    let batch = process.end(&id).await;
    let skipped = "Skipped: the batch was canceled";
    assert_eq!(items(&batch), format!("a Succeeded, b Succeeded, c {skipped}, d {skipped}"));
    assert_eq!(batch.state, BatchState::Canceled);
    assert_eq!(process.batches.cancel(&id).expect("known"), Some(batch), "it has ended");
    assert_eq!(process.batches.cancel("nobody").expect("asked"), None);
}

#[tokio::test(start_paused = true)]
async fn nothing_begins_before_it_is_known_what_there_is() {
    let (_, process) = Process::new("a b");
    process.desk.set_ready(false);
    let id = process.begin(Verb::Delete, "a b", 2, None);
    let other = process.begin(Verb::Restart, "a", 2, None);
    sleep(LONG).await;
    assert_eq!(process.desk.asked(), Vec::<String>::new());
    process.batches.cancel(&other).expect("stored");
    assert_eq!(items(&process.end(&other).await), "a Skipped: the batch was canceled", "it need not be ready for that");
    process.desk.set_ready(true);
    assert!(all_succeeded(&process.end(&id).await));
    assert_eq!(process.desk.runs(), Vec::<(String, u64)>::new(), "both are gone");
}

/// What a batch of six comes to, whose process ends at some point: each is restarted once.
async fn restarted_once(survive: usize, crash: impl AsyncFnOnce(&Process), case: &str) {
    let names = "a b c d e f";
    let (medium, process) = Process::new(names);
    let id = process.begin(Verb::Restart, names, 2, None);
    crash(&process).await;
    let process = process.crash(&medium, survive).await;
    let batch = process.end(&id).await;
    assert!(all_succeeded(&batch), "{case}: {}", items(&batch));
    let expected: Vec<(String, u64)> = parse(names).iter().map(|name| (name.to_string(), 1)).collect();
    assert_eq!(process.desk.runs(), expected, "{case}");
    // What has ended is not gone on with.
    let process = process.crash(&medium, ALL).await;
    sleep(LONG).await;
    assert_eq!(process.desk.runs(), expected, "{case}, and another start");
    assert_eq!(process.batches.get(&id), Some(batch), "{case}");
}

#[tokio::test(start_paused = true)]
async fn a_batch_goes_on_after_a_crash_at_any_time_and_does_nothing_twice() {
    for millis in (0..4000).step_by(50) {
        for survive in [0, 1, ALL] {
            let crash = async |_: &Process| sleep(Duration::from_millis(millis)).await;
            restarted_once(survive, crash, &format!("after {millis} ms, {survive} writes survive")).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_goes_on_after_a_crash_at_any_request_and_does_nothing_twice() {
    for number in 0..6 {
        for moment in [Moment::BeforeItIsRecorded, Moment::BeforeTheAnswer] {
            for survive in [0, ALL] {
                let crash = async |process: &Process| process.desk.hang_at(number, moment).await;
                restarted_once(survive, crash, &format!("request {number}, {moment:?}, {survive} writes survive"))
                    .await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_deletion_goes_on_after_a_crash() {
    for millis in (0..3000).step_by(50) {
        let (medium, process) = Process::new("a b c d");
        let id = process.begin(Verb::Delete, "a b c", 1, None);
        sleep(Duration::from_millis(millis)).await;
        let process = process.crash(&medium, 0).await;
        let batch = process.end(&id).await;
        assert!(all_succeeded(&batch), "after {millis} ms: {}", items(&batch));
        assert_eq!(process.desk.runs(), [("d".to_owned(), 0)], "after {millis} ms: nobody is deleted only on paper");
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_store_holds_it_up_and_no_more() {
    let (medium, process) = Process::new("a b c");
    let id = process.begin(Verb::Restart, "a b c", 1, None);
    sleep(Duration::from_millis(500)).await;
    medium.set_full(true);
    sleep(LONG).await;
    assert_eq!(process.desk.asked(), ["a"], "what is not known to have begun does not begin");
    medium.set_full(false);
    let batch = process.end(&id).await;
    assert!(all_succeeded(&batch), "{}", items(&batch));
    let process = process.crash(&medium, ALL).await;
    assert_eq!(process.batches.get(&id), Some(batch), "all of it is remembered");
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_kept_for_a_day() {
    const HOUR: Duration = Duration::from_secs(3600);
    let (medium, process) = Process::new("a");
    let first = process.begin(Verb::Restart, "a", 1, None);
    process.end(&first).await;
    sleep(23 * HOUR).await;
    let second = process.begin(Verb::Restart, "a", 1, None);
    let ids = |process: &Process| process.batches.all().into_iter().map(|batch| batch.id).collect::<Vec<_>>();
    assert_eq!(ids(&process).len(), 2);
    process.end(&second).await;
    sleep(2 * HOUR).await;
    let process = process.crash(&medium, ALL).await;
    assert_eq!(ids(&process), std::slice::from_ref(&second), "the first is a day old");
    sleep(24 * HOUR).await;
    let third = process.begin(Verb::Restart, "a", 1, None);
    assert_eq!(ids(&process), [third]);
    let process = process.crash(&medium, ALL).await;
    assert_eq!(ids(&process).len(), 1, "and so it stays");
}
