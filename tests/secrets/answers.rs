//! An engine that quotes what it was asked, and one that talks nonsense.

use serde_json::json;

use super::manifest::Manifest;
use super::search::{Output, assert_none, canary, contains, files};
use super::support::proxy::{Fault, Proxy};
use super::world::World;

/// Refusals of a request, with its environment in their words, by the name of the workspace that gets them.
fn refusals(variables: &[String]) -> Vec<(&'static str, Fault)> {
    let quoted = variables.join(", ");
    let said = |message: String| json!({ "message": message }).to_string();
    let answer = |status, body| Fault::Answer { status, body };
    vec![
        ("bad", answer("400 Bad Request", said(format!("invalid environment: {quoted}")))),
        ("forbidden", answer("403 Forbidden", said(format!("authorization denied by plugin p: {quoted}")))),
        ("missing", answer("404 Not Found", said(format!("No such image: x; {quoted}")))),
        ("conflict", answer("409 Conflict", said(format!("conflict: {quoted}")))),
        ("failed", answer("500 Internal Server Error", said(format!("cannot {}", json!({ "Env": variables }))))),
        ("plain", answer("500 Internal Server Error", format!("no JSON: {quoted}"))),
        (
            "twice",
            answer("500 Internal Server Error", said(json!(json!({ "Env": variables }).to_string()).to_string())),
        ),
        ("garbage", answer("201 Created", format!("{{\"Env\": {}", json!(variables)))),
        ("other", answer("201 Created", json!({ "Id": 7, "Warnings": variables }).to_string())),
    ]
}

/// The values: one in a file, one in the manifest, and one that looks different in JSON.
fn values() -> [String; 3] {
    [canary("answer file"), canary("answer value"), format!("{}\"\\{}", canary("first"), canary("second"))]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_words_of_an_engine_are_shown_without_the_environment() {
    let world = World::new();
    let [file, value, escaped] = values();
    world.write("secret", &format!("{file}\n"));
    let proxy = Proxy::start();
    let variables = [format!("FILE={file}"), format!("VALUE={value}"), format!("ESCAPED={escaped}")];
    let env = format!(
        "[{{name: FILE, valueFrom: {{file: secret}}}}, {{name: VALUE, value: {value}}}, \
         {{name: ESCAPED, value: '{escaped}'}}]"
    );
    let mut outputs = Vec::new();
    for (name, fault) in refusals(&variables) {
        proxy.inject("POST /containers/create", fault);
        let manifest = Manifest::named(name).with("env", &env).with("recovery", "{backoff: {initial: 10s}}");
        world.declare(name, &manifest);
        let more = ["--once", "--once-timeout", "2s", "--host", &proxy.host(), "--log", "trace"];
        let outcome = world.wharf("run", &more);
        let told = format!("create container `{}`: ", world.object(name));
        // A conflict is not told: it is looked into who has the name.
        assert!(name == "conflict" || outcome.stderr.contains(&told), "{name}: {}", outcome.stderr);
        assert!(proxy.take_calls().iter().any(|call| call == "POST /containers/create"), "{name}");
        outputs.push(Output::new(format!("the log of {name}"), outcome.stderr));
        for command in ["get", "events", "describe"] {
            let outcome = world.wharf(command, &[name]);
            outputs.push(Output::new(format!("wharf {command} {name}"), outcome.stdout + &outcome.stderr));
        }
        world.remove(&format!("{name}.yaml"));
    }
    assert!(
        outputs.iter().any(|output| contains(&output.bytes, "invalid environment: …, …, …")),
        "the words are shown"
    );
    outputs.extend(files(&world.source()).into_iter().filter(|file| file.origin.ends_with(".status.yaml")));
    assert_none(&outputs, &[file, value, canary("first"), canary("second")]);
}
