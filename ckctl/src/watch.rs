//! Shows events as they happen, until a signal ends it or nobody reads any more.

use crate::{
    client::{Client, ClientError, REPLY_TIMEOUT},
    events::{EventFormat, EventLines},
};
use ck_protocol::Reply;
use nix::sys::{
    signal::{SigSet, Signal},
    signalfd::{SfdFlags, SignalFd},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, write},
};
use std::{io, time::SystemTime};

/// How much is written at once. So much fits into a pipe that poll(2) calls writable: `PIPE_BUF` of pipe(7).
const AT_ONCE: usize = 4096;

/// Why no more events are shown.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The broker refused, or closed the connection.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The JSON of an event could not be made.
    #[error("cannot write the JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A line could not be written.
    #[error("cannot write to standard output: {0}")]
    Print(Errno),
    /// signalfd(2) failed.
    #[error("cannot receive signals: {0}")]
    Signals(nix::errno::Errno),
    /// poll(2) failed.
    #[error("cannot wait for the broker: {0}")]
    Poll(Errno),
}

/// The result of a wait.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// The broker has sent something.
    Ready,
    /// The broker has sent nothing within the time limit.
    TimedOut,
    /// A signal came, or nobody reads the output.
    End,
}

/// Shows the snapshot, then every event, each line at once. Returns at SIGINT or SIGTERM, or when nobody reads the output any
/// more.
///
/// # Errors
/// [`WatchError`]
pub fn watch(client: &mut Client, format: EventFormat) -> Result<(), WatchError> {
    let signals = signals().map_err(WatchError::Signals)?;
    client.subscribe()?;
    let mut lines = EventLines::new(format);
    // Only the snapshot has a time limit. Events can be hours apart.
    let mut limit = Timespec::try_from(REPLY_TIMEOUT).ok();
    loop {
        match await_reply(client, &signals, limit.as_ref()).map_err(WatchError::Poll)? {
            Wait::End => return Ok(()),
            Wait::TimedOut => return Err(ClientError::TimedOut.into()),
            Wait::Ready => {}
        }
        let reply = client.next_told()?;
        if matches!(reply, Reply::Synced(_)) {
            limit = None;
        }
        let line = lines.line(&reply, SystemTime::now().into())?.ok_or(ClientError::Unexpected)?;
        if !show(line.as_bytes(), &signals)? {
            return Ok(());
        }
    }
}

/// From here on, SIGINT and SIGTERM can be waited for, and do not end the process.
fn signals() -> nix::Result<SignalFd> {
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGINT);
    mask.add(Signal::SIGTERM);
    mask.thread_block()?;
    SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
}

/// Waits for the broker. It also ends if the other end of a pipe is closed, although nothing is written.
fn await_reply(client: &Client, signals: &SignalFd, limit: Option<&Timespec>) -> Result<Wait, Errno> {
    let stdout = io::stdout();
    let mut sources = [
        PollFd::new(signals, PollFlags::IN),
        PollFd::new(&stdout, PollFlags::empty()),
        PollFd::new(client, PollFlags::IN),
    ];
    while let Err(errno) = poll(&mut sources, limit) {
        if errno != Errno::INTR {
            return Err(errno);
        }
    }
    let [signal, stdout, reply] = sources.map(|source| !source.revents().is_empty());
    Ok(match (signal || stdout, reply) {
        (true, _) => Wait::End,
        (false, true) => Wait::Ready,
        (false, false) => Wait::TimedOut,
    })
}

/// Writes all of `line`. `false`: a signal came first, or nobody reads any more.
fn show(mut line: &[u8], signals: &SignalFd) -> Result<bool, WatchError> {
    let stdout = io::stdout();
    while !line.is_empty() {
        // A signal also ends the wait for a reader that has stopped reading.
        let mut sources = [PollFd::new(signals, PollFlags::IN), PollFd::new(&stdout, PollFlags::OUT)];
        match poll(&mut sources, None) {
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(WatchError::Poll(errno)),
            Ok(_) if !sources[0].revents().is_empty() => return Ok(false),
            Ok(_) => {}
        }
        match write(&stdout, line.get(..AT_ONCE).unwrap_or(line)) {
            Ok(written) => line = line.get(written..).unwrap_or_default(),
            Err(Errno::PIPE) => return Ok(false),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(errno) => return Err(WatchError::Print(errno)),
        }
    }
    Ok(true)
}
