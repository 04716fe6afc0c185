use std::fs;

use super::*;

const ID: &str = "4f5e1234aaaabbbb";

const NET_DEV: &str = "Inter-|   Receive  |  Transmit\n face |bytes packets\n    lo: 99 1 0 0 0 0 0 0 99 1 0 0 0 0 0 0\n  \
                       eth0: 1000 5 0 0 0 0 0 0 300 3 0 0 0 0 0 0\n";

/// A machine of 8 GiB with files as a kernel would show them.
struct Machine {
    directory: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let machine = Self { directory: tempfile::tempdir().expect("a directory") };
        machine.write("proc/meminfo", "MemTotal:        8388608 kB\n");
        machine.write("proc/4242/net/dev", NET_DEV);
        machine
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.directory.path().join(path);
        fs::create_dir_all(path.parent().expect("below")).expect("made");
        fs::write(path, text).expect("written");
    }

    fn v1(place: &str) -> Self {
        let machine = Self::new();
        let write = |controller: &str, file: &str, text: &str| {
            machine.write(&format!("cgroup/{controller}/{place}/{file}"), text);
        };
        write("cpu,cpuacct", "cpuacct.usage", "1500000000\n");
        write("memory", "memory.usage_in_bytes", "5000000\n");
        write("memory", "memory.stat", "cache 7\ninactive_file 1\ntotal_cache 9\ntotal_inactive_file 2000000\n");
        write("memory", "memory.limit_in_bytes", "67108864\n");
        write("memory", "cgroup.procs", "4242\n4243\n");
        let io = "8:0 Read 4096\n8:0 Write 8192\n8:0 Total 12288\nTotal 12288\n";
        write("blkio", "blkio.throttle.io_service_bytes_recursive", io);
        write("pids", "pids.current", "3\n");
        machine
    }

    fn v2(place: &str) -> Self {
        let machine = Self::new();
        machine.write("cgroup/cgroup.controllers", "cpu io memory pids\n");
        for (file, text) in [
            ("cpu.stat", "usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\n"),
            ("memory.current", "5000000\n"),
            ("memory.stat", "anon 1\nfile 2\ninactive_anon 5\ninactive_file 2000000\n"),
            ("memory.max", "67108864\n"),
            ("cgroup.procs", "4242\n4243\n"),
            ("io.stat", "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n"),
            ("pids.current", "3\n"),
        ] {
            machine.write(&format!("cgroup/{place}/{file}"), text);
        }
        machine
    }

    fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    fn cgroups(&self) -> Cgroups {
        Cgroups::new(Roots { cgroup: self.path("cgroup"), proc: self.path("proc") })
    }

    fn read(&self) -> io::Result<Counters> {
        let cgroups = self.cgroups();
        let location = cgroups.locate(ID).expect("found");
        cgroups.read(&location, &mut Buffer::default()).map(|sample| sample.counters)
    }
}

fn expected() -> Counters {
    Counters {
        cpu_nanos: 1_500_000_000,
        memory_bytes: 3_000_000,
        memory_limit_bytes: Some(64 << 20),
        network_rx_bytes: 1_000,
        network_tx_bytes: 300,
        block_read_bytes: 4_096,
        block_write_bytes: 8_192,
        pids: 3,
    }
}

#[test]
fn every_version_and_driver_says_the_same() {
    let (plain, scope) = (format!("docker/{ID}"), format!("system.slice/docker-{ID}.scope"));
    let rootless = format!("user.slice/user-1000.slice/user@1000.service/user.slice/docker-{ID}.scope");
    for place in [&plain, &scope, &format!("team-a/{ID}")] {
        assert_eq!(Machine::v1(place).read().expect(place), expected(), "v1, {place}");
    }
    for place in [&plain, &scope, &rootless, &format!("team.slice/docker-{ID}.scope")] {
        assert_eq!(Machine::v2(place).read().expect(place), expected(), "v2, {place}");
    }
}

#[test]
fn a_limit_beyond_the_machine_is_none() {
    let place = format!("docker/{ID}");
    let v1 = Machine::v1(&place);
    v1.write(&format!("cgroup/memory/{place}/memory.limit_in_bytes"), "9223372036854771712\n");
    let v2 = Machine::v2(&place);
    v2.write(&format!("cgroup/{place}/memory.max"), "max\n");
    for machine in [v1, v2] {
        assert_eq!(machine.read().expect("readable").memory_limit_bytes, None);
    }
}

#[test]
fn controllers_that_are_not_enabled_count_nothing() {
    let place = format!("docker/{ID}");
    let (v1, v2) = (Machine::v1(&place), Machine::v2(&place));
    for tree in ["cgroup/blkio", "cgroup/pids"] {
        fs::remove_dir_all(v1.path(tree)).expect("removed");
    }
    for file in ["io.stat", "pids.current"] {
        fs::remove_file(v2.path(&format!("cgroup/{place}/{file}"))).expect("removed");
    }
    for machine in [v1, v2] {
        let expected = Counters { block_read_bytes: 0, block_write_bytes: 0, pids: 0, ..expected() };
        assert_eq!(machine.read().expect("readable"), expected);
    }
}

#[test]
fn processes_that_end_and_those_further_down_are_passed_over_and_found() {
    let place = format!("docker/{ID}");
    let machine = Machine::v2(&place);
    machine.write(&format!("cgroup/{place}/cgroup.procs"), "1\n2\n4242\n");
    assert_eq!(machine.read().expect("the third runs"), expected());
    machine.write(&format!("cgroup/{place}/cgroup.procs"), "");
    machine.write(&format!("cgroup/{place}/init.scope/cgroup.procs"), "4242\n");
    assert_eq!(machine.read().expect("its init system moved it"), expected());
}

#[test]
fn a_container_that_has_ended_is_not_there() {
    let place = format!("docker/{ID}");
    for machine in [Machine::v1(&place), Machine::v2(&place)] {
        let cgroups = machine.cgroups();
        let location = cgroups.locate(ID).expect("found");
        fs::remove_dir_all(machine.path("proc/4242")).expect("removed");
        let error = cgroups.read(&location, &mut Buffer::default()).expect_err("no process is left");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        fs::remove_dir_all(machine.path("cgroup")).expect("removed");
        let error = cgroups.read(&location, &mut Buffer::default()).expect_err("no cgroup is left");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert_eq!(cgroups.locate(ID), None);
    }
}

#[test]
fn each_run_has_a_cgroup_of_its_own() {
    let place = format!("docker/{ID}");
    let machine = Machine::v2(&place);
    let (cgroups, mut buffer) = (machine.cgroups(), Buffer::default());
    let location = cgroups.locate(ID).expect("found");
    let first = cgroups.read(&location, &mut buffer).expect("readable");
    // Kept, so that its inode is not given to the next one.
    fs::rename(machine.path(&format!("cgroup/{place}")), machine.path("former")).expect("moved");
    let again = Machine::v2(&place);
    fs::rename(again.path(&format!("cgroup/{place}")), machine.path(&format!("cgroup/{place}"))).expect("moved");
    let second = cgroups.read(&location, &mut buffer).expect("readable");
    assert_eq!(first.counters, second.counters);
    assert_ne!(first.cgroup, second.cgroup);
}

#[test]
fn a_file_of_another_form_is_an_error_that_names_it() {
    let place = format!("docker/{ID}");
    let machine = Machine::v2(&place);
    machine.write(&format!("cgroup/{place}/cpu.stat"), "throttled_usec 5\n");
    let error = machine.read().expect_err("no usage");
    assert!(error.to_string().contains("cpu.stat"), "{error}");
}
