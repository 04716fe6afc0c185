use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use serde::Serialize;
use serde_json::Value;

use super::*;
use crate::model::period::Period;
use crate::model::spec::{Capabilities, Protocol, Security};

/// As text, with keys in order: bollard's maps have none.
fn text(body: &impl Serialize) -> String {
    let mut value = serde_json::to_value(body).expect("serialises");
    value.sort_all_objects();
    serde_json::to_string_pretty(&value).expect("serialises")
}

/// Compares as values first, so that a difference in layout alone shows as such.
fn assert_text(body: &impl Serialize, expected: &str) {
    let mut wanted: Value = serde_json::from_str(expected).expect("the expected text is JSON");
    wanted.sort_all_objects();
    assert_eq!(text(body), serde_json::to_string_pretty(&wanted).expect("serialises"));
}

fn labels(of: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("wharf.instance".to_owned(), of.to_owned())])
}

fn minimal() -> ContainerSpec {
    ContainerSpec {
        name: "wharf-api".to_owned(),
        labels: labels("here"),
        image: "debian:12".parse().expect("an image"),
        command: Vec::new(),
        args: Vec::new(),
        working_dir: None,
        user: None,
        hostname: "api".to_owned(),
        env: Vec::new(),
        mounts: Vec::new(),
        ports: Vec::new(),
        limits: Limits::default(),
        shm_size: None,
        network: None,
        security: Security::default(),
        health_check: None,
    }
}

#[test]
fn a_minimal_spec() {
    assert_text(
        &create(&minimal()).expect("complete"),
        r#"{
            "Env": [],
            "ExposedPorts": {},
            "HostConfig": {
                "CapAdd": ["CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"],
                "CapDrop": ["ALL"],
                "Mounts": [],
                "NetworkMode": "none",
                "PortBindings": {},
                "ReadonlyRootfs": false,
                "RestartPolicy": {"Name": "no"},
                "SecurityOpt": ["no-new-privileges"]
            },
            "Hostname": "api",
            "Image": "debian:12",
            "Labels": {"wharf.instance": "here"}
        }"#,
    );
}

#[test]
fn processes_and_environment() {
    let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut spec = minimal();
    spec.command = words(&["/bin/sh", "-c"]);
    spec.args = words(&["sleep infinity"]);
    spec.working_dir = Some("/workspace".parse().expect("absolute"));
    spec.user = Some("1000:1000".to_owned());
    spec.env = vec![
        ("B".to_owned(), EnvValue::Plain("x=y".to_owned())),
        ("A".to_owned(), EnvValue::File { path: "/secrets/a".into(), value: Some("hunter2".into()) }),
    ];
    let body = create(&spec).expect("complete");
    assert_eq!(body.entrypoint, Some(words(&["/bin/sh", "-c"])));
    assert_eq!(body.cmd, Some(words(&["sleep infinity"])));
    assert_eq!((body.working_dir.as_deref(), body.user.as_deref()), (Some("/workspace"), Some("1000:1000")));
    assert_eq!(body.env, Some(words(&["B=x=y", "A=hunter2"])), "in the manifest's order");
}

#[test]
fn a_secret_that_was_not_read_is_an_error() {
    let mut spec = minimal();
    spec.env = vec![("TOKEN".to_owned(), EnvValue::File { path: "/secrets/token".into(), value: None })];
    let message = create(&spec).expect_err("incomplete");
    assert_eq!(message, "the value of the variable `TOKEN` has not been read from /secrets/token");
}

#[test]
fn mounts_are_never_binds() {
    let mount =
        |source, target: &str, read_only| Mount { source, target: target.parse().expect("absolute"), read_only };
    let mut spec = minimal();
    spec.mounts = vec![
        mount(MountSource::Host("/srv/api".into()), "/workspace", false),
        mount(MountSource::Host("/srv/data".into()), "/data", true),
        mount(MountSource::Volume { name: "wharf-api-cache".to_owned(), labels: labels("here") }, "/cache", false),
        mount(MountSource::Tmpfs(Some(Memory::from_bytes(64 << 20))), "/tmp", false),
        mount(MountSource::Tmpfs(None), "/run", false),
    ];
    let host = create(&spec).expect("complete").host_config.expect("always there");
    assert_eq!(host.binds, None);
    assert_text(
        &host.mounts,
        r#"[
            {"ReadOnly": false, "Source": "/srv/api", "Target": "/workspace", "Type": "bind"},
            {"ReadOnly": true, "Source": "/srv/data", "Target": "/data", "Type": "bind"},
            {"ReadOnly": false, "Source": "wharf-api-cache", "Target": "/cache", "Type": "volume",
                "VolumeOptions": {"Labels": {"wharf.instance": "here"}}},
            {"ReadOnly": false, "Target": "/tmp", "TmpfsOptions": {"SizeBytes": 67108864}, "Type": "tmpfs"},
            {"ReadOnly": false, "Target": "/run", "Type": "tmpfs"}
        ]"#,
    );
}

#[test]
fn ports_and_network() {
    let port = |container, host, host_ip: IpAddr, protocol| Port { container, host, host_ip, protocol };
    let v4: IpAddr = [127, 0, 0, 1].into();
    let mut spec = minimal();
    spec.ports = vec![
        port(8080, Some(18080), v4, Protocol::Tcp),
        port(8080, Some(18080), Ipv6Addr::LOCALHOST.into(), Protocol::Tcp),
        port(53, None, v4, Protocol::Udp),
    ];
    spec.network = Some(Attachment { network: "wharf-payments".to_owned(), aliases: vec!["api".to_owned()] });
    let body = create(&spec).expect("complete");
    assert_text(&body.networking_config, r#"{"EndpointsConfig": {"wharf-payments": {"Aliases": ["api"]}}}"#);
    let host = body.host_config.expect("always there");
    assert_eq!(host.network_mode.as_deref(), Some("wharf-payments"));
    assert_text(
        &host.port_bindings,
        r#"{
            "53/udp": [{"HostIp": "127.0.0.1", "HostPort": ""}],
            "8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18080"}, {"HostIp": "::1", "HostPort": "18080"}]
        }"#,
    );
}

#[test]
fn limits_and_security() {
    let mut spec = minimal();
    spec.limits = Limits {
        cpu: Some(Cpu::from_nanos(1_500_000_000)),
        memory: Some(Memory::from_bytes(512 << 20)),
        pids: Some(256),
    };
    spec.shm_size = Some(Memory::from_bytes(1 << 20));
    spec.security = Security {
        read_only_root_filesystem: true,
        capabilities: Capabilities { drop: Vec::new(), add: vec!["NET_ADMIN".parse().expect("known")] },
        no_new_privileges: false,
        seccomp_profile: SeccompProfile::Unconfined,
        runtime: Some("runsc".to_owned()),
    };
    assert_text(
        &create(&spec).expect("complete").host_config,
        r#"{
            "CapAdd": ["NET_ADMIN"],
            "CapDrop": [],
            "Memory": 536870912,
            "MemorySwap": 536870912,
            "Mounts": [],
            "NanoCpus": 1500000000,
            "NetworkMode": "none",
            "PidsLimit": 256,
            "PortBindings": {},
            "ReadonlyRootfs": true,
            "RestartPolicy": {"Name": "no"},
            "Runtime": "runsc",
            "SecurityOpt": ["seccomp=unconfined"],
            "ShmSize": 1048576
        }"#,
    );
}

#[test]
fn a_health_check_is_run_without_a_shell() {
    let check = HealthCheck {
        command: vec!["/bin/check".to_owned(), "-q".to_owned()],
        interval: Period::from_secs(10),
        timeout: Period::from_secs(2),
        retries: 3,
        start_period: Period::from_secs(0),
    };
    assert_text(
        &health_check(&check),
        r#"{"Interval": 10000000000, "Retries": 3, "StartPeriod": 0, "Test": ["CMD", "/bin/check", "-q"], "Timeout": 2000000000}"#,
    );
}

#[test]
fn an_update_has_what_is_given() {
    let all = Limits { cpu: Some(Cpu::from_nanos(7)), memory: Some(Memory::from_bytes(8)), pids: Some(9) };
    let given = r#"{"Memory": 8, "MemorySwap": 8, "NanoCpus": 7, "PidsLimit": 9, "RestartPolicy": {"Name": "no"}}"#;
    assert_text(&update(&all), given);
    // What is not given stays as it is, except for the processes, whose limit is lifted.
    assert_text(&update(&Limits::default()), r#"{"PidsLimit": -1, "RestartPolicy": {"Name": "no"}}"#);
}

#[test]
fn networks() {
    let mut spec = NetworkSpec {
        name: "wharf-isolated".to_owned(),
        members_reach_each_other: false,
        internal: true,
        labels: labels("here"),
    };
    assert_text(
        &network(&spec),
        r#"{
            "Driver": "bridge",
            "Internal": true,
            "Labels": {"wharf.instance": "here"},
            "Name": "wharf-isolated",
            "Options": {"com.docker.network.bridge.enable_icc": "false"}
        }"#,
    );
    spec.members_reach_each_other = true;
    assert_eq!(network(&spec).options, None);
}

#[test]
fn grace_is_rounded_up() {
    let seconds = |millis| grace_seconds(Duration::from_millis(millis));
    assert_eq!((seconds(0), seconds(1), seconds(1000), seconds(1001)), (0, 1, 1, 2));
    assert_eq!(grace_seconds(Duration::MAX), i32::MAX);
}
