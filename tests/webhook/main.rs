//! Webhooks, brought to real servers on loopback.

mod file;
mod log;
mod receiver;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wharf::events::Hub;
use wharf::model::event::{Event, EventKind, EventReason, EventRecord, Occurrence};
use wharf::model::webhook::WebhookStatistics;
use wharf::webhook::{Address, Chosen, Deliveries, Outgoing, Policy, Webhook, signature};

use crate::receiver::{Answer, Receiver, eventually};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// Pauses that tests can wait for. Everything else as it is.
fn quick() -> Policy {
    let (first_pause, longest_pause) = (Duration::from_millis(2), Duration::from_millis(20));
    Policy { first_pause, longest_pause, grace: Duration::from_secs(2), ..Policy::default() }
}

fn webhook(name: &str, url: &str) -> Webhook {
    let address = Address::parse(url, false).expect("an address");
    Webhook { name: name.to_owned(), address, secret: None, kinds: Vec::new(), workspaces: None }
}

fn event(sequence: u64, workspace: Option<&str>, reason: EventReason) -> Event {
    let record = EventRecord::of(Occurrence::normal(reason, "it happened"), jiff::Timestamp::UNIX_EPOCH.into());
    let name = workspace.map(|name| name.parse().expect("a name"));
    Event::of(Some(sequence), name.as_ref(), record)
}

fn created(sequence: u64) -> Event {
    event(sequence, Some("api"), EventReason::Created)
}

/// Webhooks at work.
struct Courier {
    hub: Hub,
    deliveries: Deliveries,
    shutdown: CancellationToken,
    work: JoinHandle<()>,
}

impl Courier {
    fn start(webhooks: Vec<Webhook>, policy: Policy) -> Self {
        Self::with_labels(webhooks, policy, |_| None)
    }

    fn with_labels(
        webhooks: Vec<Webhook>,
        policy: Policy,
        labels: impl Fn(&str) -> Option<BTreeMap<String, String>> + Send + 'static,
    ) -> Self {
        let outgoing = Outgoing::new(webhooks, policy).expect("a client");
        let (hub, shutdown, deliveries) = (Hub::new(), CancellationToken::new(), outgoing.deliveries());
        let work = tokio::spawn(outgoing.deliver(hub.subscribe(), labels, shutdown.clone()));
        Self { hub, deliveries, shutdown, work }
    }

    fn tell(&self, sequences: impl IntoIterator<Item = u64>) {
        sequences.into_iter().for_each(|sequence| self.hub.tell(created(sequence)));
    }

    /// Of the only webhook.
    fn statistics(&self) -> WebhookStatistics {
        self.deliveries.statistics().remove(0)
    }

    /// When so many events are delivered or dead, and none waits.
    async fn settled(&self, events: u64) -> WebhookStatistics {
        let ended = |told: &WebhookStatistics| told.delivered + told.dead_letters == events && told.pending == 0;
        eventually("all events are delivered or dead", || ended(&self.statistics())).await;
        self.statistics()
    }

    async fn end(self) {
        self.shutdown.cancel();
        self.work.await.expect("it ends in order");
    }
}

#[tokio::test]
async fn a_message_is_the_event_signed_with_its_time() {
    let receiver = Receiver::answering(|_| Answer::ok()).await;
    let signed = Webhook { secret: Some(SECRET.to_vec().into()), ..webhook("signed", &receiver.url("/events?k=1")) };
    let courier = Courier::start(vec![signed], quick());
    courier.tell([7]);
    eventually("it arrives", || receiver.count() == 1).await;
    let got = receiver.got().remove(0);
    assert_eq!(serde_json::from_slice::<Event>(&got.body).expect("an event"), created(7));
    assert_eq!((got.method.as_str(), got.target.as_str()), ("POST", "/events?k=1"));
    assert_eq!(got.header("content-type"), "application/json");
    assert_eq!(got.header("wharf-event"), "container_update");
    assert_eq!(got.header("wharf-delivery").len(), 26);
    let timestamp: i64 = got.header("wharf-timestamp").parse().expect("seconds");
    assert!((jiff::Timestamp::now().as_second() - timestamp).abs() < 60);
    assert_eq!(got.header("wharf-signature-256"), signature(SECRET, timestamp, &got.body));
    assert_ne!(got.header("wharf-signature-256"), signature(SECRET, timestamp + 1, &got.body));
    courier.settled(1).await;
    courier.end().await;
}

#[tokio::test]
async fn failures_are_tried_again_as_the_same_delivery_and_in_order() {
    // The second event fails four times, each time in another way.
    let receiver = Receiver::answering(|nth| match nth {
        2 => Answer::status(500),
        3 => Answer::status(429),
        4 => Answer::hang_up(),
        5 => Answer::status(408),
        _ => Answer::ok(),
    })
    .await;
    let courier = Courier::start(vec![webhook("hook", &receiver.url("/"))], quick());
    courier.tell(1..=4);
    let statistics = courier.settled(4).await;
    assert_eq!(receiver.sequences(), [1, 2, 2, 2, 2, 2, 3, 4]);
    let ids: Vec<String> = receiver.got().iter().map(|got| got.header("wharf-delivery")).collect();
    assert!(ids[1..6].iter().all(|id| *id == ids[1]) && ids[0] != ids[1] && ids[6] != ids[1], "{ids:?}");
    assert!(!receiver.got()[0].has("wharf-signature-256"), "there is no secret");
    let told = (statistics.delivered, statistics.dead_letters, statistics.failed_attempts);
    assert_eq!(told, (4, 0, 4));
    courier.end().await;
}

#[tokio::test]
async fn what_is_refused_is_dead_and_the_next_one_goes_on() {
    let receiver = Receiver::answering(|nth| match nth {
        1 => Answer::status(410),
        2 => Answer::status(302).with("location", "/elsewhere"),
        _ => Answer::ok(),
    })
    .await;
    let courier = Courier::start(vec![webhook("hook", &receiver.url("/"))], quick());
    courier.tell(1..=3);
    let statistics = courier.settled(3).await;
    assert_eq!((statistics.delivered, statistics.dead_letters), (1, 2));
    assert_eq!(receiver.sequences(), [1, 2, 3]);
    assert!(receiver.got().iter().all(|got| got.target == "/"), "no redirect is followed");
    courier.end().await;
}

#[tokio::test]
async fn after_ten_attempts_an_event_is_dead() {
    let receiver = Receiver::answering(|nth| if nth <= 10 { Answer::status(503) } else { Answer::ok() }).await;
    let courier = Courier::start(vec![webhook("hook", &receiver.url("/"))], quick());
    courier.tell([1, 2]);
    let statistics = courier.settled(2).await;
    let told = (statistics.delivered, statistics.dead_letters, statistics.failed_attempts);
    assert_eq!(told, (1, 1, 10));
    assert_eq!(receiver.sequences(), [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2]);
    courier.end().await;
}

#[tokio::test]
async fn a_receiver_gets_the_time_it_asks_for() {
    let receiver = Receiver::answering(|nth| match nth {
        1 => Answer::status(503).with("retry-after", "1"),
        _ => Answer::ok(),
    })
    .await;
    let courier = Courier::start(vec![webhook("hook", &receiver.url("/"))], quick());
    courier.tell([1]);
    courier.settled(1).await;
    let times: Vec<Instant> = receiver.got().iter().map(|got| got.at).collect();
    assert!(times[1] - times[0] >= Duration::from_secs(1), "{:?}", times[1] - times[0]);
    courier.end().await;
}

#[tokio::test]
async fn a_slow_receiver_delays_neither_the_hub_nor_others() {
    let gate = Arc::new(AtomicBool::new(false));
    let opens = Arc::clone(&gate);
    let slow = Receiver::answering(move |_| Answer::once(Arc::clone(&opens))).await;
    let fast = Receiver::answering(|_| Answer::ok()).await;
    let hooks = vec![webhook("slow", &slow.url("/")), webhook("fast", &fast.url("/"))];
    let courier = Courier::start(hooks, quick());
    let begun = Instant::now();
    courier.tell(1..=200);
    assert!(begun.elapsed() < Duration::from_secs(1), "telling waited: {:?}", begun.elapsed());
    eventually("the fast one has all", || fast.count() == 200).await;
    assert_eq!(slow.count(), 1, "one at a time");
    let waiting = courier.statistics();
    assert_eq!((waiting.delivered, waiting.pending), (0, 200));
    gate.store(true, Ordering::SeqCst);
    eventually("the slow one has all, too", || courier.statistics().delivered == 200).await;
    assert_eq!(slow.sequences(), (1..=200).collect::<Vec<_>>());
    courier.end().await;
}

#[tokio::test]
async fn an_answer_that_never_comes_is_a_failure() {
    let never = Arc::new(AtomicBool::new(false));
    let receiver = Receiver::answering(move |nth| match nth {
        1 => Answer::once(Arc::clone(&never)),
        _ => Answer::ok(),
    })
    .await;
    let policy = Policy { timeout: Duration::from_millis(200), ..quick() };
    let courier = Courier::start(vec![webhook("hook", &receiver.url("/"))], policy);
    courier.tell([1]);
    let statistics = courier.settled(1).await;
    assert_eq!((statistics.delivered, statistics.failed_attempts), (1, 1));
    courier.end().await;
}

#[tokio::test]
async fn a_receiver_that_was_away_gets_what_it_missed_in_order() {
    let mut receiver = Receiver::answering(|_| Answer::ok()).await;
    // A hundred attempts, because how long the machine takes to restart it is not ours to say.
    let policy = Policy { attempts: 100, ..quick() };
    let courier = Courier::start(vec![webhook("hook", &receiver.url("/"))], policy);
    courier.tell(1..=3);
    eventually("it has the first", || receiver.count() == 3).await;
    receiver.stop().await;
    courier.tell(4..=20);
    eventually("it is missed", || courier.statistics().failed_attempts > 2).await;
    receiver.restart().await;
    let statistics = courier.settled(20).await;
    assert_eq!((statistics.delivered, statistics.dead_letters), (20, 0));
    assert_eq!(receiver.sequences(), (1..=20).collect::<Vec<_>>());
    courier.end().await;
}

#[tokio::test]
async fn a_burst_costs_the_oldest_events_and_no_more_memory_than_is_allowed() {
    let gate = Arc::new(AtomicBool::new(false));
    let opens = Arc::clone(&gate);
    let receiver = Receiver::answering(move |_| Answer::once(Arc::clone(&opens))).await;
    let courier = Courier::start(vec![webhook("hook", &receiver.url("/"))], quick());
    courier.tell([1]);
    eventually("the first is on its way", || receiver.count() == 1).await;
    for sequence in 2..=10_000 {
        courier.tell([sequence]);
        if sequence % 100 == 0 {
            tokio::task::yield_now().await;
        }
        assert!(courier.statistics().pending <= 1001);
    }
    eventually("all are offered", || courier.statistics().dead_letters == 8999).await;
    let full = courier.statistics();
    assert_eq!((full.pending, full.missed), (1001, 0), "what waits, and what is on its way");
    gate.store(true, Ordering::SeqCst);
    let statistics = courier.settled(10_000).await;
    assert_eq!((statistics.delivered, statistics.dead_letters), (1001, 8999));
    let expected: Vec<u64> = std::iter::once(1).chain(9001..=10_000).collect();
    assert_eq!(receiver.sequences(), expected, "the newest thousand");
    courier.end().await;
}

#[tokio::test]
async fn what_comes_faster_than_it_can_be_looked_at_is_counted() {
    let receiver = Receiver::answering(|_| Answer::ok()).await;
    let courier = Courier::start(vec![webhook("hook", &receiver.url("/"))], quick());
    // Nothing else runs on this thread meanwhile.
    courier.tell(1..=10_000);
    let held = u64::try_from(wharf::events::CAPACITY).expect("a number");
    let statistics = courier.settled(held).await;
    assert_eq!(statistics.missed, 10_000 - held);
    assert_eq!(receiver.sequences().last(), Some(&10_000));
    courier.end().await;
}

#[tokio::test]
async fn what_does_not_speak_tls_gets_nothing_over_https() {
    let receiver = Receiver::answering(|_| Answer::ok()).await;
    let policy = Policy { attempts: 2, ..quick() };
    let url = receiver.url("/").replace("http:", "https:");
    let courier = Courier::start(vec![webhook("hook", &url)], policy);
    courier.tell([1]);
    let statistics = courier.settled(1).await;
    assert_eq!((statistics.dead_letters, statistics.failed_attempts, receiver.count()), (1, 2, 0));
    courier.end().await;
}

#[tokio::test]
async fn the_log_says_what_was_given_up_and_no_secret() {
    let log = log::Log::default();
    let _guard = log.capture();
    let receiver = Receiver::answering(|nth| if nth <= 2 { Answer::status(500) } else { Answer::status(410) }).await;
    let url = receiver.url("/s3cret?token=s3cret").replace("http://", "http://s3cret:s3cret@");
    let signed = Webhook { secret: Some(b"s3cret-s3cret-s3cret".to_vec().into()), ..webhook("chat", &url) };
    let courier = Courier::start(vec![signed], quick());
    courier.tell([7]);
    courier.settled(1).await;
    assert!(receiver.got()[0].header("authorization").starts_with("Basic "), "the password is used");
    courier.end().await;
    let lines = log.lines();
    let has = |parts: &[&str]| lines.iter().any(|line| parts.iter().all(|part| line.contains(part)));
    let address = receiver.url("");
    assert!(
        has(&["WARN", "could not be brought", "webhook=chat", &format!("address={address} "), "answers 500"]),
        "{lines:?}"
    );
    assert!(
        has(&["WARN", "given up", "kind=\"container_update\"", "workspace=\"api\"", "sequence=7", "answers 410"]),
        "{lines:?}"
    );
    let telling: Vec<&String> = lines.iter().filter(|line| line.contains("s3cret")).collect();
    assert!(telling.is_empty(), "{telling:?}");
}

#[tokio::test]
async fn only_what_was_asked_for_arrives() {
    let receiver = Receiver::answering(|_| Answer::ok()).await;
    let url = |name: &str| receiver.url(&format!("/{name}"));
    let about = |selector: Option<&str>, names: &[&str]| {
        let selector = selector.map(|text| text.parse().expect("a selector"));
        Some(Chosen { selector, names: names.iter().map(|name| name.parse().expect("a name")).collect() })
    };
    let hooks = vec![
        webhook("all", &url("all")),
        Webhook { kinds: vec![EventKind::MetricsUpdate, EventKind::Error], ..webhook("kinds", &url("kinds")) },
        Webhook { workspaces: about(None, &["api"]), ..webhook("named", &url("named")) },
        Webhook { workspaces: about(Some("team=web"), &[]), ..webhook("selected", &url("selected")) },
        Webhook { workspaces: about(Some("team=web"), &["db"]), ..webhook("either", &url("either")) },
    ];
    // `web` has its labels until it is deleted.
    let deleted = Arc::new(AtomicBool::new(false));
    let is_gone = Arc::clone(&deleted);
    let labels = move |name: &str| match name {
        "web" if !is_gone.load(Ordering::SeqCst) => Some(BTreeMap::from([("team".to_owned(), "web".to_owned())])),
        "api" | "db" => Some(BTreeMap::new()),
        _ => None,
    };
    let courier = Courier::with_labels(hooks, quick(), labels);
    courier.hub.tell(event(1, Some("api"), EventReason::Created));
    courier.hub.tell(event(2, Some("db"), EventReason::Failed));
    courier.hub.tell(event(3, Some("web"), EventReason::Measured));
    courier.hub.tell(event(4, Some("web"), EventReason::PhaseChanged));
    courier.hub.tell(event(5, None, EventReason::SyncCompleted));
    let all = |count| courier.deliveries.statistics()[0].delivered == count;
    eventually("the first are there", || all(4)).await;
    deleted.store(true, Ordering::SeqCst);
    courier.hub.tell(event(6, Some("web"), EventReason::Removed));
    eventually("the last is there", || all(5)).await;
    eventually("nothing waits", || courier.deliveries.statistics().iter().all(|one| one.pending == 0)).await;
    let arrived = |name: &str| receiver.sequences_at(&format!("/{name}"));
    assert_eq!(arrived("all"), [1, 2, 4, 5, 6]);
    assert_eq!(arrived("kinds"), [2, 3]);
    assert_eq!(arrived("named"), [1]);
    assert_eq!(arrived("selected"), [4, 6]);
    assert_eq!(arrived("either"), [2, 4, 6]);
    courier.end().await;
}

#[tokio::test]
async fn what_was_told_before_the_end_is_brought_and_the_end_is_not_waited_for_long() {
    let fine = Receiver::answering(|_| Answer::ok()).await;
    let never = Arc::new(AtomicBool::new(false));
    let stuck = Receiver::answering(move |_| Answer::once(Arc::clone(&never))).await;
    let away = Receiver::answering(|_| Answer::status(503).with("retry-after", "600")).await;
    let hooks = [("fine", &fine), ("stuck", &stuck), ("away", &away)].map(|(name, to)| webhook(name, &to.url("/")));
    let policy = Policy { grace: Duration::from_millis(500), ..quick() };
    let courier = Courier::start(hooks.into(), policy);
    let deliveries = courier.deliveries.clone();
    courier.tell(1..=50);
    let begun = Instant::now();
    courier.end().await;
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    let told: Vec<(u64, u64, u64)> =
        deliveries.statistics().iter().map(|one| (one.delivered, one.dead_letters, one.pending)).collect();
    assert_eq!(told, [(50, 0, 0), (0, 50, 0), (0, 50, 0)]);
    assert_eq!(away.count(), 50, "each is tried once more");
}
