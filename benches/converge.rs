//! How long new workspaces take on the real engine, beside the least that the engine itself takes for them.
//!
//! The ceiling is bare create and start calls for the same containers, at the best of several concurrencies, in the same
//! run: absolute times say more about the machine. `WHARF_BENCH_N` workspaces, `WHARF_BENCH_ROUNDS` rounds.

#![allow(clippy::cast_precision_loss, reason = "figures are shown with three digits")]

mod support;

use std::collections::BTreeMap;
use std::time::{Instant, SystemTime};

use futures_util::stream::{self, StreamExt};
use tokio::runtime::Runtime;
use wharf::engine::docker::Docker;
use wharf::engine::{ContainerSpec, Engine};

use support::figures::{figure, median};
use support::{Source, process, real, setting};

/// Short calls under way at once.
const CEILING: [usize; 5] = [1, 2, 4, 8, 16];
const WHARF: [usize; 4] = [2, 4, 8, 16];

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Bare(usize),
    Wharf(usize),
}

fn main() {
    real::ensure_image();
    let count = support::workspaces();
    let runtime = Runtime::new().expect("a runtime");
    let mut ways: Vec<Way> = CEILING.map(Way::Bare).into_iter().chain(WHARF.map(Way::Wharf)).collect();
    let mut seconds: BTreeMap<Way, Vec<f64>> = BTreeMap::new();
    let (mut own, mut networks) = (Vec::new(), Vec::new());
    for _ in 0..setting("WHARF_BENCH_ROUNDS", 3) {
        for way in &ways {
            let taken = match way {
                Way::Bare(concurrency) => {
                    let (taken, network) = runtime.block_on(bare(count, *concurrency));
                    networks.push(network);
                    taken
                }
                Way::Wharf(concurrency) => {
                    let (taken, processor) = wharf(count, *concurrency);
                    own.push(processor * 1_000.0 / count as f64);
                    taken
                }
            };
            seconds.entry(*way).or_default().push(taken);
        }
        // What comes later in a round meets another machine than what comes first.
        ways.reverse();
    }
    tell(count, &seconds);
    figure("converge: making the network, which the bare calls do not count", median(&networks), "s", None);
    figure("converge: Wharf's own processor time a workspace", median(&own), "ms", None);
}

fn tell(count: usize, seconds: &BTreeMap<Way, Vec<f64>>) {
    let of = |way: Way| median(&seconds[&way]);
    for concurrency in CEILING {
        let name = format!("converge {count}: bare create+start, {concurrency} at once");
        figure(&name, of(Way::Bare(concurrency)), "s", None);
    }
    let ceiling = CEILING.map(|concurrency| of(Way::Bare(concurrency))).into_iter().fold(f64::INFINITY, f64::min);
    for concurrency in WHARF {
        let name = format!("converge {count}: wharf run --concurrency {concurrency}");
        figure(&name, of(Way::Wharf(concurrency)), "s", None);
    }
    for concurrency in WHARF {
        let name = format!("converge {count}: wharf run --concurrency {concurrency} over the best bare");
        figure(&name, of(Way::Wharf(concurrency)) / ceiling, "×", Some(1.05));
    }
}

/// From starting the program to the last status that says Ready, in seconds, and its processor time.
fn wharf(count: usize, concurrency: usize) -> (f64, f64) {
    let source = Source::with_workspaces(count);
    let begun = SystemTime::now();
    let wharf = source.run(&["--concurrency", &concurrency.to_string()]);
    let ready = source.until_ready(count);
    let processor = process::processor_time(wharf.id()).as_secs_f64();
    (ready.duration_since(begun).expect("later").as_secs_f64(), processor)
}

/// Creates and starts what Wharf would, in seconds, and what their network took before.
async fn bare(count: usize, concurrency: usize) -> (f64, f64) {
    let source = Source::new();
    let engine = Docker::connect(None).expect("an engine's address");
    let subjects = support::subjects(count, source.instance(), real::IMAGE);
    let network = subjects.first().and_then(|it| it.network.clone()).expect("Isolated has one");
    let begun = Instant::now();
    engine.ensure_network(&network).await.expect("a network");
    let network = begun.elapsed().as_secs_f64();
    let specs: Vec<ContainerSpec> = subjects.into_iter().map(|it| it.container).collect();
    let begun = Instant::now();
    let make = async |spec: ContainerSpec| {
        let id = engine.create(&spec).await.expect("created");
        engine.start(&id).await.expect("started");
    };
    stream::iter(specs).map(make).buffer_unordered(concurrency).collect::<()>().await;
    (begun.elapsed().as_secs_f64(), network)
}
