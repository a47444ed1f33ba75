//! `ck-remove-directory`: removes a user's runtime directory and never aborts, whatever is in it.
//!
//! What is in the directory is removed by a child that has become the user for good; what only root
//! can remove, and the directory itself, go afterwards. Everything is done relative to open
//! descriptors that never follow a link and never cross a mount, so nothing outside the directory is
//! touched whatever the user plants, swaps or mounts in it while we work.
//!
//! The map, in the order in which a run goes through it:
//!
//! - `arguments`: the command line.
//! - `supervise`: the command's own process, which a user cannot hold up: a child does all that follows.
//! - `destination`: opens PATH and refuses what must not be removed; `parents` checks the way to it.
//! - `passes`: which pass comes when, and when to stop.
//! - `worker`: a child: started, watched, killed at its deadline or when it is silent, left behind if that does not
//!   end it; `answer` is what it says.
//! - `privileges`: how a child becomes the user, `confine` what it then cannot reach.
//! - `nested`: mounts in the directory, listed by the kernel and detached first.
//! - `walk`: one sweep over the tree; `entry` removes one name, `trail` is the way back up,
//!   `batch` reads names, `mounts` finds and detaches mounts, `seize` takes directories from their owner.
//! - `report`: what is left, in words and in JSON.
//! - `mount_points`: `--sweep`, the command's other task.
//! - `cause`, `status`: an errno in words; what a descriptor is, asked without blocking.
//! - `sys`: the only unsafe code.

#![deny(unsafe_code)]

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use answer::Reply;
use arguments::{Command, Request, SweepRequest};
use destination::{Destination, Refusal};
use report::Report;
use rustix::process::setpriority_process;
use supervise::supervise;

mod answer;
mod arguments;
mod batch;
mod cause;
mod confine;
mod destination;
mod entry;
mod mount_points;
mod mounts;
mod nested;
mod parents;
mod passes;
mod privileges;
mod report;
mod seize;
mod status;
mod supervise;
#[allow(unsafe_code, reason = "fork and close_range have no safe wrapper")]
mod sys;
mod trail;
mod walk;
mod worker;

/// The command's name, which starts every line that it writes to standard error.
const PROGRAM: &str = "ck-remove-directory";

/// Exit status for bad arguments and for what is refused.
const REFUSED: u8 = 2;

/// Runs the command with `args` (the program's own name already taken off) and says how to exit:
/// 0 the directory is gone or was not there, 1 something is left, 2 bad arguments or refused, 3 a child hangs in the
/// kernel and is left behind, 4 something is left and another run will come further.
///
/// Reports leftovers and refusals on standard error, one line each, and with `--json` one object on
/// standard output. Output that cannot be written is lost: a closed pipe does not change what is removed.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let started = Instant::now();
    match arguments::parse(args) {
        Ok(Command::Remove(request)) => ExitCode::from(remove(&request, started)),
        Ok(Command::Sweep(request)) => ExitCode::from(sweep(&request, started)),
        Ok(Command::Help) => say(arguments::HELP),
        Ok(Command::Version) => say(concat!("ck-remove-directory ", env!("CARGO_PKG_VERSION"))),
        Err(error) => ExitCode::from(refuse(&error)),
    }
}

/// Removes a directory, in a child; what that cannot tell any more is told here.
fn remove(request: &Request, started: Instant) -> u8 {
    stand_back(request.nice);
    let deadline = started + request.deadline;
    let report = Report::new(request);
    let ended = supervise(deadline, request.dest_fd, |reply| remove_here(request, started, reply));
    report.conclude(ended, deadline).unwrap_or_else(|report| report.publish(request.json, started.elapsed()))
}

fn remove_here(request: &Request, started: Instant, reply: &Reply<'_>) -> u8 {
    let mut report = Report::new(request);
    match Destination::open(request) {
        Ok(destination) => {
            passes::remove(destination, request.uid, started + request.deadline, &mut report, reply);
        }
        Err(Refusal::Missing) => report.set_gone(),
        Err(Refusal::Hangs { child, .. }) => report.left_behind = Some(child),
        Err(refusal) => return refuse(&refusal),
    }
    report.publish(request.json, started.elapsed())
}

/// Takes away what nobody needs any more in a directory, in a child.
fn sweep(request: &SweepRequest, started: Instant) -> u8 {
    stand_back(request.nice);
    let deadline = started + request.deadline;
    let ended = supervise(deadline, None, |reply| {
        mount_points::sweep(request, deadline, reply).unwrap_or_else(|error| refuse(&error))
    });
    Report::of_sweep(request)
        .conclude(ended, deadline)
        .unwrap_or_else(|report| report.publish(false, started.elapsed()))
}

/// Stands back behind others. The kernel may refuse that to nobody (setpriority(2)); and it is for the sake of others
/// only.
fn stand_back(nice: Option<i32>) {
    if let Some(nice) = nice {
        let _ = setpriority_process(None, nice);
    }
}

/// Prints `text` on standard output.
fn say(text: &str) -> ExitCode {
    match writeln!(io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Prints why nothing was done, on one line.
fn refuse(error: &dyn std::error::Error) -> u8 {
    report::complain(&cause::in_one_line(error));
    REFUSED
}
