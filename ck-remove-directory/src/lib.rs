//! `ck-remove-directory`: removes a user's runtime directory. It never aborts, whatever the directory contains.
//!
//! A child that has become the user for good removes the contents. What only root can remove, and the directory
//! itself, are removed afterwards. Every call is relative to an open descriptor, never follows a link and never
//! crosses a mount. Nothing outside the directory is therefore touched, whatever the user puts, swaps or mounts there
//! meanwhile.
//!
//! The modules, from top to bottom. A module uses only modules that follow it in this list (`tests/tests/hosts/house.rs` finds
//! circles).
//!
//! - A run: `removal` removes a destination layer by layer. `passes` decides which pass comes next and when to stop.
//!   `user_pass` is the pass of the child that has become the user. `sweep` is `--sweep`, the other task of the
//!   command.
//! - Before a pass: `destination` opens PATH and refuses what must not be removed. `path` checks the way to it.
//!   `file_system` asks for its type. `nested_mounts` detaches the mounts in it.
//! - A pass: `walk` goes through the tree. `directory_stack` holds the directories from the top to the current one.
//!   `unlink` removes one name. `seize` takes a directory from its owner. `batch` reads names.
//! - Output and input: `report`, `leftovers`, `arguments`, `exit_status`, `print`.
//! - Processes: `supervise` is the command's own process, which no user can hold up. `child` starts a child, watches
//!   it, kills it at its deadline or if it is silent, and leaves it behind if that does not end it. `answer` is what
//!   a child sends. `privileges` makes a child the user, and `confine` limits what it can reach.
//! - Single calls: `mounts`; `open`; `attributes`, which never block; `resolve`, the flags of look-ups; `cause`, an
//!   errno in words; `text`, escaped names. `sys` has the only unsafe code.

#![deny(unsafe_code)]

mod answer;
mod arguments;
mod attributes;
mod batch;
mod cause;
mod child;
mod confine;
mod destination;
mod directory_stack;
mod exit_status;
mod file_system;
mod leftovers;
mod mounts;
mod nested_mounts;
mod open;
mod passes;
mod path;
mod print;
mod privileges;
mod removal;
mod report;
mod resolve;
mod seize;
mod supervise;
mod sweep;
#[allow(unsafe_code, reason = "fork and close_range have no safe wrapper")]
mod sys;
mod text;
mod unlink;
mod user_pass;
mod walk;

use answer::AnswerSender;
use arguments::{Command, RemoveRequest, SweepRequest};
use destination::{Destination, Refusal};
use exit_status::REFUSED;
use report::Report;
use rustix::process::setpriority_process;
use std::{ffi::OsString, process::ExitCode, time::Instant};
use supervise::supervise;

/// Runs the command with `args`, which do not include the name of the program. Returns the exit status: 0 the
/// directory is gone or was not there; 1 something is left; 2 bad arguments, or refused; 3 a child hangs in the
/// kernel and is left behind; 4 something is left, and another run will get further.
///
/// Prints leftovers and refusals on standard error, one line each, and with `--json` one object on standard output.
/// Output that cannot be written is lost: a closed pipe does not change what is removed.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let started = Instant::now();
    match arguments::parse(args) {
        Ok(Command::Remove(request)) => ExitCode::from(supervise_removal(&request, started)),
        Ok(Command::Sweep(request)) => ExitCode::from(supervise_sweep(&request, started)),
        Ok(Command::Help) => print_text(arguments::HELP),
        Ok(Command::Version) => print_text(concat!("ck-remove-directory ", env!("CARGO_PKG_VERSION"))),
        Err(error) => ExitCode::from(refuse(&error)),
    }
}

/// Removes a directory in a child. If the child cannot report the result, this process does.
fn supervise_removal(request: &RemoveRequest, started: Instant) -> u8 {
    set_niceness(request.nice);
    let deadline = started + request.deadline;
    let report = Report::of_removal(request);
    let answer = supervise(deadline, request.dest_fd, |sender| remove(request, started, sender));
    report.conclude(answer, deadline).unwrap_or_else(|report| report.publish(request.json, started.elapsed()))
}

/// Runs in the child.
fn remove(request: &RemoveRequest, started: Instant, sender: &AnswerSender<'_>) -> u8 {
    let mut report = Report::of_removal(request);
    match Destination::open(request) {
        Ok(destination) => {
            removal::remove(destination, request.uid, started + request.deadline, &mut report, sender);
        }
        Err(Refusal::Missing) => report.set_gone(),
        Err(Refusal::Hangs { child, .. }) => report.abandoned = Some(child),
        Err(refusal) => return refuse(&refusal),
    }
    report.publish(request.json, started.elapsed())
}

/// Removes mount points in a child. If the child cannot report the result, this process does.
fn supervise_sweep(request: &SweepRequest, started: Instant) -> u8 {
    set_niceness(request.nice);
    let deadline = started + request.deadline;
    let answer = supervise(deadline, None, |sender| {
        sweep::sweep(request, deadline, sender).unwrap_or_else(|error| refuse(&error))
    });
    Report::of_sweep(request)
        .conclude(answer, deadline)
        .unwrap_or_else(|report| report.publish(false, started.elapsed()))
}

/// Sets the niceness of this process. An error is ignored: every process may raise its own niceness (setpriority(2)),
/// and the niceness only serves other processes.
fn set_niceness(nice: Option<i32>) {
    if let Some(nice) = nice {
        let _ = setpriority_process(None, nice);
    }
}

/// Prints `text` on standard output.
fn print_text(text: &str) -> ExitCode {
    match print::print_line(text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Prints why nothing was done, on one line.
fn refuse(error: &dyn std::error::Error) -> u8 {
    print::complain(&cause::in_one_line(error));
    REFUSED
}
