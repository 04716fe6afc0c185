//! What a piece of work may cost.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use peak_alloc::PeakAlloc;
use rustix::time::{ClockId, clock_gettime};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Processor time for one manifest of the largest size, in the program as it is released.
const TIME: Duration = Duration::from_millis(100);

/// Memory for one manifest of the largest size.
const MEMORY: usize = 64 << 20;

/// Does the work, and fails when it takes more processor time or memory than a manifest may. `crate::SLOWNESS` tells how
/// much slower this build is than a release.
pub fn within_limits<T>(work: impl FnOnce() -> T) -> T {
    // The heap is the whole program's: two measurements at a time would count each other's.
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (held, begin) = (HEAP.current_usage(), now());
    HEAP.reset_peak_usage();
    let made = work();
    let (took, memory) = (now().saturating_sub(begin), HEAP.peak_usage().saturating_sub(held));
    drop(alone);
    assert!(took <= TIME * crate::SLOWNESS, "it took {took:?} of processor time");
    assert!(memory <= MEMORY, "it took {} MiB of memory", memory >> 20);
    made
}

/// This thread's processor time, which other programs on the machine do not lengthen.
fn now() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}
