//! Rows 26 and 27: an engine that says what this version does not understand.

use wharf::model::status::{ConditionType, Phase};

use crate::manifest::Manifest;
use crate::support::proxy::Fault;
use crate::trial::{Trial, seconds};
use crate::world::until;

const NAMES: [&str; 3] = ["odd", "a", "b"];

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_is_not_known_is_one_workspaces_matter() {
    let Some(trial) = Trial::new(&[]) else { return };
    trial.declare(&NAMES);
    let controller = trial.start();
    trial.converges(&NAMES);
    // Its state is one that no other container has.
    trial.world.declare("odd", &Manifest::named("odd").with("state", "Stopped"));
    trial.world.until_phase("odd", Phase::Inactive);
    let id = trial.world.id("odd");
    trial.proxy.inject_always("GET /containers/json", Fault::Replace(r#""State":"exited""#, r#""State":"warped""#));
    trial
        .proxy
        .inject_always("GET /containers/{id}/json", Fault::Replace(r#""Status":"exited""#, r#""Status":"warped""#));
    trial.world.until_phase("odd", Phase::Unknown);
    let condition = trial.world.condition("odd", ConditionType::Reconciled).expect("a condition");
    assert!(condition.message.contains("does not know"), "{}", condition.message);

    // The rest goes on.
    let done = trial.proxy.mutations().len();
    trial.world.declare("a", &Manifest::named("a").with("resources", "{memory: 64Mi}"));
    trial.world.until_ready("a", 2);
    trial.world.remove("b.yaml");
    until("b is gone", || trial.world.status("b").is_none());
    let touched = trial.proxy.mutations()[done..].iter().any(|call| call.contains(&id));
    assert!(!touched, "what is not understood is not acted on");
    let injected = trial.proxy.injected();
    trial.proxy.heal();
    trial.world.declare("odd", &Manifest::named("odd"));
    trial.world.until_ready("odd", 3);
    let took = trial.converges(&NAMES[..2]);
    trial.is_quiet();
    let outcome = format!("that container Unknown, others go on; converged in {}", seconds(took));
    trial.ends_well(controller, 26, "a state that no client knows", injected, &outcome);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_refused_is_told_once() {
    let Some(trial) = Trial::new(&[]) else { return };
    trial.declare(&NAMES);
    let controller = trial.start();
    trial.converges(&NAMES);
    let done = trial.proxy.mutations().len();
    let words = "client version 1.99 is too new. Maximum supported API version is 1.41";
    let refusal = Fault::Answer { status: "400 Bad Request", body: format!(r#"{{"message": "{words}"}}"#) };
    for call in ["GET /containers", "GET /events", "POST /"] {
        trial.proxy.inject_always(call, refusal.clone());
    }
    for name in NAMES {
        trial.world.until_phase(name, Phase::Unknown);
        let ready = trial.world.condition(name, ConditionType::Ready).expect("a condition");
        assert_eq!(ready.reason.to_string(), "EngineUnreachable");
        assert!(ready.message.contains(words), "{}", ready.message);
    }
    // Asked again and again, told once.
    let before = trial.proxy.injected();
    until("it is asked again", || trial.proxy.injected() >= before + 3);
    let told = controller.log().lines().filter(|line| line.contains(words) && line.contains("ERROR")).count();
    assert_eq!(told, 1, "{}", controller.log());
    assert_eq!(trial.proxy.mutations().len(), done, "nothing is asked of it");
    let injected = trial.proxy.injected();
    trial.proxy.heal();
    let took = trial.converges(&NAMES);
    trial.is_quiet();
    let outcome = format!("one message; converged in {}", seconds(took));
    trial.ends_well(controller, 27, "API version refused", injected, &outcome);
}
