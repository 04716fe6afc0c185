//! What a container finds inside, and what its limits do.

use futures_util::StreamExt;
use wharf::engine::container::{EnvValue, Mount, MountSource};
use wharf::engine::{Change, Engine, EngineError, Limits};
use wharf::model::quantity::Memory;
use wharf::model::reference::AbsolutePath;
use wharf::model::status::ContainerState;

use super::Real;
use crate::bench::{Bench, Process, eventually, plain, running};
use crate::lifecycle::reaches;
use crate::support::real::{docker, succeeds};

fn path(text: &str) -> AbsolutePath {
    text.parse().expect("an absolute path")
}

fn shell(script: &str) -> Vec<String> {
    ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
}

#[tokio::test]
async fn a_process_finds_what_the_spec_says() {
    let bench = Real::bench().await;
    let project = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(project.path().join("readme"), "hi").expect("written");
    let mount = |source, target, read_only| Mount { source, target: path(target), read_only };
    let mut spec = plain(&bench, "box", Process::Lasts);
    spec.working_dir = Some(path("/workspace"));
    spec.user = Some("1000:1001".to_owned());
    spec.env = vec![
        ("PLAIN".to_owned(), EnvValue::Plain("a b=c".to_owned())),
        ("TOKEN".to_owned(), EnvValue::File { path: "/unused".into(), value: Some("hunter2".into()) }),
    ];
    spec.mounts = vec![
        mount(MountSource::Host(project.path().to_owned()), "/workspace", true),
        mount(MountSource::Tmpfs(Some(Memory::from_bytes(1 << 20))), "/scratch", false),
    ];
    spec.security.read_only_root_filesystem = true;
    spec.shm_size = Some(Memory::from_bytes(2 << 20));
    let id = running(&bench, &spec).await;
    let inside = |script: &str| docker(&["exec", &id, "/bin/sh", "-c", script]);
    assert_eq!(
        inside("echo $PLAIN $TOKEN $(hostname) $(pwd) $(id -u):$(id -g)"),
        "a b=c hunter2 box /workspace 1000:1001"
    );
    assert_eq!(inside("cat readme"), "hi");
    assert_eq!(inside("cat /proc/self/status | grep -E 'NoNewPrivs|CapBnd' | tr -d '\\t' | sort"), CAPABILITIES);
    for refused in ["echo > /workspace/new", "echo > /data/new", "dd if=/dev/zero of=/scratch/new bs=1k count=1100"] {
        assert!(!succeeds(&["exec", &id, "/bin/sh", "-c", refused]), "{refused}");
    }
    inside("dd if=/dev/zero of=/scratch/new bs=1k count=900; dd if=/dev/zero of=/dev/shm/new bs=1k count=1900");
}

/// CHOWN (0), `DAC_OVERRIDE` (1), FOWNER (3), KILL (5), SETGID (6), SETUID (7) and `NET_BIND_SERVICE` (10).
const CAPABILITIES: &str = "CapBnd:00000000000004eb\nNoNewPrivs:1";

#[tokio::test]
async fn a_directory_that_is_missing_is_not_made() {
    let bench = Real::bench().await;
    let folder = tempfile::tempdir().expect("a temporary directory");
    let missing = folder.path().join("missing");
    let mut spec = plain(&bench, "box", Process::Lasts);
    spec.env = vec![("TOKEN".to_owned(), EnvValue::File { path: "/unused".into(), value: Some("hunter2".into()) })];
    spec.mounts =
        vec![Mount { source: MountSource::Host(missing.clone()), target: path("/workspace"), read_only: false }];
    let error = bench.engine().create(&spec).await.expect_err("there is no such directory");
    assert!(matches!(error, EngineError::Failed { .. }), "it can appear: {error:?}");
    assert!(!format!("{error:?}").contains("hunter2"));
    assert!(!missing.exists());
    std::fs::create_dir(&missing).expect("created");
    running(&bench, &spec).await;
}

#[tokio::test]
async fn a_request_that_makes_no_sense_is_terminal() {
    let bench = Real::bench().await;
    let mut spec = plain(&bench, "box", Process::Lasts);
    spec.limits.memory = Some(Memory::from_bytes(1 << 20));
    let error = bench.engine().create(&spec).await.expect_err("too little memory");
    assert!(error.is_terminal(), "{error:?}");
}

#[tokio::test]
async fn memory_beyond_the_limit_ends_the_container() {
    let bench = Real::bench().await;
    let mut events = bench.engine().events(bench.instance());
    events.next().await.expect("an item").expect("subscribed");
    let mut spec = plain(&bench, "greedy", Process::Lasts);
    spec.command = shell("x=xxxxxxxxxxxxxxxx; while :; do x=$x$x; done");
    spec.limits.memory = Some(Memory::from_bytes(16 << 20));
    let id = running(&bench, &spec).await;
    let seen = reaches(&bench, &id, ContainerState::Exited).await;
    assert_eq!((seen.oom_killed, seen.exit_code), (true, Some(137)));
    loop {
        let event = events.next().await.expect("an item").expect("an event");
        if event.change == Change::OutOfMemory {
            assert_eq!(event.id, id);
            break;
        }
    }
}

/// With cgroups v1 the kernel refuses a limit below what is in use; with v2 it reclaims or kills. Either way what is
/// told is what is in force.
#[tokio::test]
async fn a_limit_below_what_is_used_is_refused_or_in_force() {
    let bench = Real::bench().await;
    let mut spec = plain(&bench, "full", Process::Lasts);
    spec.command = shell("dd if=/dev/zero of=/dev/shm/x bs=1M count=40; echo full > /dev/shm/done; sleep 1000");
    let before = Limits { memory: Some(Memory::from_bytes(100 << 20)), ..Limits::default() };
    let below = Limits { memory: Some(Memory::from_bytes(16 << 20)), ..Limits::default() };
    spec.limits = before;
    let id = running(&bench, &spec).await;
    eventually("it is full", async || succeeds(&["exec", &id, "cat", "/dev/shm/done"]).then_some(())).await;
    let answer = bench.engine().update(&id, &below).await;
    let seen = bench.engine().inspect(&id).await.expect("inspected");
    match answer {
        Ok(()) => assert_eq!(seen.limits, below),
        Err(EngineError::Failed { .. }) => assert_eq!(seen.limits, before),
        other => panic!("{other:?}"),
    }
}
