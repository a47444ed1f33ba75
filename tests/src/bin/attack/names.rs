//! Calls that take a directory's lock before they ask who may.

use std::thread::sleep;
use std::time::Duration;

use rustix::fs::{CWD, Mode, mkdirat, renameat};

use crate::ready;

/// Between two tries that were refused at once. Who waits for a lock waits there.
const PAUSE: Duration = Duration::from_millis(1);

/// Who waits for the lock to write makes all wait who come later to read.
pub(crate) fn mkdirs(directory: &str) {
    let name = format!("{directory}/attack");
    ready();
    loop {
        let _ = mkdirat(CWD, &name, Mode::RWXU);
        sleep(PAUSE);
    }
}

/// rename(2) takes the lock of the one directory, then waits for the other's.
pub(crate) fn renames(from: &str, to: &str) {
    let (from, to) = (format!("{from}/attack"), format!("{to}/attack"));
    ready();
    loop {
        let _ = renameat(CWD, &from, CWD, &to);
        sleep(PAUSE);
    }
}
