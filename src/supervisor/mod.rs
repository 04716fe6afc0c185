//! What the service manager is told: that the controller is ready, what it does, that it lives, that it ends.
//!
//! The protocol of [sd_notify(3)](https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html): one datagram a message to
//! the socket that `NOTIFY_SOCKET` names. Nobody answers, and where no service manager listens nothing is sent. A message that cannot
//! be sent at once is lost: a service manager that hangs holds up nothing here.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// The longest text of a status; `systemctl status` shows one line.
const LONGEST_STATUS: usize = 512;

/// The service manager, where there is one. A handle: clones are the same.
#[derive(Clone, Debug)]
pub struct Supervisor {
    socket: Option<Arc<UnixDatagram>>,
    watchdog: Option<Duration>,
}

impl Supervisor {
    /// The service manager that started this process, by `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`. A socket that cannot be
    /// reached is told to the log and counts as none.
    pub fn from_env() -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        let watchdog = watchdog_of(variable("WATCHDOG_USEC"), variable("WATCHDOG_PID"), std::process::id());
        let Some(address) = std::env::var_os("NOTIFY_SOCKET").filter(|address| !address.is_empty()) else {
            return Self::none();
        };
        Self::at(&address, watchdog).unwrap_or_else(|error| {
            tracing::warn!(%error, "NOTIFY_SOCKET is set and cannot be used; the service manager is told nothing");
            Self::none()
        })
    }

    /// The service manager that listens at `address`: a path, or behind `@` a name in the kernel's own table. It expects a sign of life
    /// every `watchdog`, where one is given.
    ///
    /// # Errors
    /// When nothing listens there.
    pub fn at(address: &OsStr, watchdog: Option<Duration>) -> io::Result<Self> {
        let address = match address.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(address)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket: Some(Arc::new(socket)), watchdog: watchdog.filter(|period| !period.is_zero()) })
    }

    /// No service manager.
    pub const fn none() -> Self {
        Self { socket: None, watchdog: None }
    }

    /// The controller does its work: units that are ordered after it may start.
    pub fn ready(&self) {
        self.send("READY=1");
    }

    /// What it does, in one line, for `systemctl status`.
    pub fn status(&self, text: &str) {
        // A line feed would begin another message.
        let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_STATUS).collect();
        self.send(&format!("STATUS={line}"));
    }

    /// It is about to end.
    pub fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// Tells twice in each watchdog period that the controller lives, as long as `is_alive` says so; without a sign, the service manager
    /// ends and restarts it. Returns with `shutdown`; at once where no sign is expected.
    ///
    /// Runs beside what it watches: where the whole runtime is stuck, no sign is given either.
    pub async fn watchdog(&self, is_alive: impl Fn() -> bool, shutdown: CancellationToken) {
        let Some(period) = self.watchdog else { return };
        let mut ticks = tokio::time::interval(period / 2);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut was_alive = true;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let alive = is_alive();
            if alive {
                self.send("WATCHDOG=1");
            } else if was_alive {
                tracing::error!("the controller has come to a standstill: the service manager gets no sign of life");
            }
            was_alive = alive;
        }
    }

    fn send(&self, message: &str) {
        let Some(socket) = &self.socket else { return };
        if let Err(error) = socket.send(message.as_bytes()) {
            tracing::debug!(%error, message, "the service manager cannot be told");
        }
    }
}

/// How often a sign of life is expected. A period that is meant for another process, such as our parent, is none of ours.
fn watchdog_of(micros: Option<String>, pid: Option<String>, own: u32) -> Option<Duration> {
    if pid.is_some_and(|pid| pid.parse() != Ok(own)) {
        return None;
    }
    let micros = micros?.parse().ok().filter(|micros| *micros > 0)?;
    Some(Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    use super::*;

    /// A service manager's end of the socket, at a path or in the kernel's table.
    fn listen(address: &OsStr) -> UnixDatagram {
        let bound = match address.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(address),
        };
        let socket = UnixDatagram::bind_addr(&bound.expect("an address")).expect("a free address");
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        socket
    }

    fn heard(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 2048];
        let length = socket.recv(&mut buffer).expect("a message within ten seconds");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    #[test]
    fn messages_arrive_at_both_kinds_of_addresses() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("notify").into_os_string();
        let name = format!("@wharf-supervisor-{}", std::process::id()).into();
        for address in [path, name] {
            let manager = listen(&address);
            let supervisor = Supervisor::at(&address, None).expect("a listener");
            supervisor.ready();
            supervisor.status("3 workspaces\nREADY=0");
            supervisor.stopping();
            let told = [heard(&manager), heard(&manager), heard(&manager)];
            assert_eq!(told, ["READY=1", "STATUS=3 workspaces READY=0", "STOPPING=1"]);
        }
    }

    #[test]
    fn a_service_manager_that_does_not_read_holds_up_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("notify").into_os_string();
        let manager = listen(&path);
        let supervisor = Supervisor::at(&path, None).expect("a listener");
        let begun = Instant::now();
        // Far more than the kernel queues for a socket.
        (0..10_000).for_each(|_| supervisor.ready());
        assert!(begun.elapsed() < Duration::from_secs(10));
        assert_eq!(heard(&manager), "READY=1");
        drop(manager);
        supervisor.stopping();
        assert!(Supervisor::at(OsStr::new("/nonexistent/notify"), None).is_err());
    }

    #[tokio::test]
    async fn the_watchdog_is_fed_only_while_the_controller_lives() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("notify").into_os_string();
        let manager = listen(&path);
        let supervisor = Supervisor::at(&path, Some(Duration::from_millis(40))).expect("a listener");
        let (alive, shutdown) = (Arc::new(AtomicBool::new(true)), CancellationToken::new());
        let (asked, until) = (Arc::clone(&alive), shutdown.clone());
        let looked = Arc::new(tokio::sync::Semaphore::new(0));
        let looks = Arc::clone(&looked);
        let is_alive = move || {
            looks.add_permits(1);
            asked.load(Ordering::SeqCst)
        };
        let fed = tokio::spawn(async move { supervisor.watchdog(is_alive, until).await });
        let manager = tokio::task::spawn_blocking(move || {
            assert_eq!([heard(&manager), heard(&manager)], ["WATCHDOG=1", "WATCHDOG=1"]);
            manager
        });
        let manager = manager.await.expect("two signs of life");
        alive.store(false, Ordering::SeqCst);
        // The look that may have been under way, and two more of which nothing is told.
        let seen = looked.available_permits();
        let _further = looked.acquire_many(u32::try_from(seen).expect("few") + 3).await.expect("it goes on looking");
        manager.set_nonblocking(true).expect("a socket");
        while manager.recv(&mut [0; 64]).is_ok() {}
        let quiet = looked.available_permits();
        let _more = looked.acquire_many(u32::try_from(quiet).expect("few") + 2).await.expect("it goes on looking");
        assert_eq!(manager.recv(&mut [0; 64]).map_err(|error| error.kind()), Err(io::ErrorKind::WouldBlock));
        shutdown.cancel();
        fed.await.expect("it ends with the controller");
    }

    #[tokio::test]
    async fn without_a_service_manager_nothing_is_sent_or_waited_for() {
        let supervisor = Supervisor::none();
        supervisor.ready();
        supervisor.watchdog(|| unreachable!("nobody expects a sign"), CancellationToken::new()).await;
        assert!(supervisor.socket.is_none());
    }

    #[test]
    fn a_watchdog_of_another_process_is_not_ours() {
        let period = |micros: &str, pid: Option<&str>| watchdog_of(Some(micros.into()), pid.map(Into::into), 7);
        assert_eq!(period("30000000", None), Some(Duration::from_secs(30)));
        assert_eq!(period("30000000", Some("7")), Some(Duration::from_secs(30)));
        for (micros, pid) in [("30000000", Some("8")), ("0", None), ("soon", None), ("30000000", Some(""))] {
            assert_eq!(period(micros, pid), None, "{micros} {pid:?}");
        }
        assert_eq!(watchdog_of(None, None, 7), None);
    }
}
