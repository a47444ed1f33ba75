//! Waiting for something that happens elsewhere.

use std::os::fd::AsFd;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// How often [`wait_until`] looks. Small, because tests measure with it.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// How long to wait where a test says `limit`. `CK_PATIENCE` is how many times as slow as others the machine is: one
/// whose processor is emulated sets it.
pub fn patience(limit: Duration) -> Duration {
    let factor = std::env::var("CK_PATIENCE").ok().and_then(|factor| factor.parse().ok());
    limit * factor.unwrap_or(1)
}

/// Returns as soon as `holds` does, with the time that took; panics with `what` when it does not within `limit`.
pub fn wait_until(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let (start, limit) = (Instant::now(), patience(limit));
    while !holds() {
        assert!(start.elapsed() < limit, "waited {limit:?} in vain: {what}");
        sleep(LOOK_EVERY);
    }
    start.elapsed()
}

/// Whether `descriptor` has something to read, or its other side is gone, within `limit`.
pub(crate) fn readable(descriptor: impl AsFd, limit: Duration) -> bool {
    let limit = Timespec::try_from(limit).expect("a limit that poll takes");
    let mut descriptors = [PollFd::new(&descriptor, PollFlags::IN)];
    loop {
        match poll(&mut descriptors, Some(&limit)) {
            Ok(ready) => return ready > 0,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => panic!("poll: {error}"),
        }
    }
}
