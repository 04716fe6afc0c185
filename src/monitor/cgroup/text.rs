//! The forms of the kernel's small files.

/// A file that holds one number.
pub fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// The number after a word at the beginning of a line, as in `cpu.stat`, `memory.stat` and `/proc/meminfo`.
pub fn field(text: &str, word: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(word)?.strip_prefix([' ', '\t']))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// Bytes read and written, from `blkio.throttle.io_service_bytes` of cgroup v1: `8:0 Read 4096`. Devices that lie on each other
/// each count, as in `docker stats`.
pub fn throttled(text: &str) -> (u64, u64) {
    let total = |operation: &str| {
        let amounts = text.lines().filter_map(|line| {
            let mut words = line.split_whitespace().skip(1);
            (words.next()? == operation).then(|| words.next()?.parse::<u64>().ok())?
        });
        amounts.fold(0, u64::saturating_add)
    };
    (total("Read"), total("Write"))
}

/// Bytes read and written, from `io.stat` of cgroup v2: `8:0 rbytes=4096 wbytes=0 rios=1 …`.
pub fn io_stat(text: &str) -> (u64, u64) {
    let total = |key: &str| {
        let amounts =
            text.split_whitespace().filter_map(|word| word.strip_prefix(key)?.strip_prefix('=')?.parse::<u64>().ok());
        amounts.fold(0, u64::saturating_add)
    };
    (total("rbytes"), total("wbytes"))
}

/// Bytes received and sent on all interfaces but loopback, from `/proc/<pid>/net/dev`.
pub fn interfaces(text: &str) -> (u64, u64) {
    let of_line = |line: &str| {
        let (name, numbers) = line.split_once(':')?;
        let mut numbers = numbers.split_whitespace();
        let received: u64 = numbers.next()?.parse().ok()?;
        let sent: u64 = numbers.nth(7)?.parse().ok()?;
        (name.trim() != "lo").then_some((received, sent))
    };
    let sum = |(received, sent): (u64, u64), (more_received, more_sent): (u64, u64)| {
        (received.saturating_add(more_received), sent.saturating_add(more_sent))
    };
    text.lines().filter_map(of_line).fold((0, 0), sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_whole_words() {
        let stat = "inactive_file 5\ntotal_inactive_file 7\nMemTotal:       24 kB\n";
        assert_eq!(field(stat, "inactive_file"), Some(5));
        assert_eq!(field(stat, "total_inactive_file"), Some(7));
        assert_eq!(field(stat, "MemTotal:"), Some(24));
        assert_eq!(field(stat, "total"), None);
        assert_eq!((number("12\n"), number("max\n"), number("")), (Some(12), None, None));
    }

    #[test]
    fn block_devices_are_added_up() {
        let v1 = "8:0 Read 100\n8:0 Write 20\n8:0 Sync 1\n8:0 Total 121\n8:16 Read 3\n8:16 Write 4\nTotal 128\n";
        assert_eq!(throttled(v1), (103, 24));
        let v2 = "8:0 rbytes=100 wbytes=20 rios=1 wios=2 dbytes=9 dios=0\n8:16 rbytes=3 wbytes=4\n7:0 \n";
        assert_eq!(io_stat(v2), (103, 24));
        assert_eq!((throttled("Total 0\n"), io_stat("")), ((0, 0), (0, 0)));
    }

    #[test]
    fn interfaces_are_added_up_but_for_loopback() {
        let dev = "Inter-|   Receive                                                |  Transmit\n \
                   face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n    \
                   lo:     999       1    0    0    0     0          0         0      999       1    0    0    0     0       0          0\n  \
                   eth0:1000 7 0 0 0 0 0 0 200 3 0 0 0 0 0 0\n  eth1: 5 7 0 0 0 0 0 0 6 3 0 0 0 0 0 0\n";
        assert_eq!(interfaces(dev), (1005, 206));
        assert_eq!(interfaces("eth0: 1\n"), (0, 0));
    }
}
