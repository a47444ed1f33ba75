//! The removal of a destination: its contents, the tmpfs mounted there, and what lies beneath.

use crate::{
    answer::AnswerSender,
    destination::{Destination, Kind, Refusal},
    leftovers::Leftovers,
    mounts,
    passes::{Outcome, Passes, give_back},
    path::Location,
    report::Report,
    text::escape,
};
use rustix::{
    fs::{AtFlags, Uid, unlinkat},
    io::Errno,
};
use std::{os::fd::AsFd, time::Instant};

/// Removes `destination`, and records the result in `report`. Returns by `deadline`, or shortly after it.
///
/// Several tmpfs may be stacked on one mount point. Each is emptied and detached in turn. The directory beneath is
/// removed like any other.
pub(crate) fn remove(
    mut destination: Destination,
    uid: Uid,
    deadline: Instant,
    report: &mut Report,
    sender: &AnswerSender<'_>,
) {
    loop {
        let used = destination.used_bytes();
        let outcome = Passes { destination: &destination, uid, deadline, report, sender }.run();
        report.add_bytes(used, destination.used_bytes());
        let Destination { directory, attributes, kind } = destination;
        let location = match kind {
            Kind::Mounted(location) => location,
            Kind::Plain(_) | Kind::Given => {
                if matches!(outcome, Some(Outcome::Done)) {
                    report.set_gone();
                }
                return;
            }
        };
        if outcome.is_none() {
            return;
        }
        // Whatever is left in a tmpfs goes with it. The tmpfs is therefore detached in any case.
        match mounts::detach(directory.as_fd()) {
            Ok(()) => report.detached += 1,
            // Another remover at the same directory has detached it.
            Err(Errno::INVAL) if !may_be_mounted(&location) => {}
            Err(errno) => {
                give_back(directory.as_fd(), &attributes, uid, report);
                return report.add_directory(errno);
            }
        }
        report.leftovers = Leftovers::with_names();
        let errno = match unlinkat(&location.parent, &location.name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => return report.set_gone(),
            Err(errno) => errno,
        };
        // Another tmpfs, or a directory that is not empty, lies beneath. If it is the user's, it is removed in the
        // same way.
        destination = match Destination::open_at(location, uid, escape(&report.path)) {
            Ok(beneath) if Instant::now() < deadline => beneath,
            Ok(_) => return report.set_timed_out(),
            Err(Refusal::Missing) => return report.set_gone(),
            Err(Refusal::Hangs { child, .. }) => return report.abandoned = Some(child),
            Err(_) => return report.add_directory(errno),
        };
    }
}

/// True if something is mounted at `location`, or if that is unknown. False if the name is gone.
fn may_be_mounted(location: &Location) -> bool {
    let found = mounts::is_mount_point(location.parent.as_fd(), &location.name);
    found.unwrap_or_else(|errno| errno != Errno::NOENT)
}
