//! The fewest engine calls, and none of them twice.

use crate::manifest::Manifest;
use crate::support::proxy::Proxy;
use crate::support::real::IMAGE;
use crate::world::{World, until};

const LIST: &str = "GET /containers/json";
const CREATE: &str = "POST /containers/create";
const START: &str = "POST /containers/{id}/start";
const UPDATE: &str = "POST /containers/{id}/update";
const INSPECT: &str = "GET /containers/{id}/json";

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_resync_is_one_call_and_writes_nothing() {
    let world = World::new();
    let proxy = Proxy::start();
    for name in ["a", "b"] {
        world.declare(name, &Manifest::named(name));
    }
    let _controller = world.start(&["--host", &proxy.host(), "--resync", "1s"]);
    for name in ["a", "b"] {
        world.until_ready(name, 1);
    }
    // The store writes a moment after the last change; a resync that was under way may have been one.
    proxy.take_calls();
    let mut calls = Vec::new();
    until("a resync has passed", || {
        calls.extend(proxy.take_calls());
        calls.iter().filter(|call| *call == LIST).count() >= 2
    });
    let files = world.files();
    calls.clear();
    until("three more have passed", || {
        calls.extend(proxy.take_calls());
        calls.len() >= 3
    });
    assert_eq!(calls, [LIST, LIST, LIST]);
    assert_eq!(world.files(), files, "an idle controller writes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn work_takes_the_calls_it_needs_and_no_more() {
    let world = World::new();
    let proxy = Proxy::start();
    let manifest = |name: &str| Manifest::named(name).with("network", "{mode: Isolated}");
    world.declare("first", &manifest("first"));
    let _controller = world.start(&["--host", &proxy.host(), "--resync", "1h"]);
    world.until_ready("first", 1);
    let image = format!("GET /images/{IMAGE}/json");
    let mut first = proxy.take_calls();
    first.retain(|call| !["GET /version", "GET /info", "GET /events", LIST].contains(&call.as_str()));
    assert_eq!(first, [&image, "GET /networks", "POST /networks/create", CREATE, START, INSPECT]);

    // The image and the network are known by now.
    world.declare("second", &manifest("second"));
    world.until_ready("second", 1);
    assert_eq!(proxy.take_calls(), [CREATE, START, INSPECT]);

    world.declare("second", &manifest("second").with("resources", "{memory: 64Mi}"));
    world.until_ready("second", 2);
    let calls = proxy.take_calls();
    assert_eq!(calls[0], UPDATE);
    assert!(calls.len() <= 2 && calls[1..].iter().all(|call| call == INSPECT), "{calls:?}");
}
