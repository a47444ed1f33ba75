//! Showing changes as they happen, until somebody has seen enough.

use crate::{
    client::{Client, ClientError, PATIENCE},
    news::{Form, News},
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

/// How much is written at once. That much fits into a pipe that says it has room: `PIPE_BUF` of pipe(7).
const AT_ONCE: usize = 4096;

/// Why nothing more is shown.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The broker said no, or has gone.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A line could not be made.
    #[error("cannot write the JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A line could not be written.
    #[error("cannot write to standard output: {0}")]
    Print(Errno),
    /// Signals could not be received.
    #[error("cannot receive signals: {0}")]
    Signals(nix::errno::Errno),
    /// Nothing could be waited for.
    #[error("cannot wait for the broker: {0}")]
    Wait(Errno),
}

/// What was waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Came {
    /// It is there.
    Ready,
    /// Nothing, in the time that there was.
    Nothing,
    /// A signal, or nobody reads what is shown.
    End,
}

/// Shows what there is, then every change, each line at once. Returns when a signal says so, or when nobody
/// reads any more.
///
/// # Errors
/// [`WatchError`]
pub fn watch(client: &mut Client, form: Form) -> Result<(), WatchError> {
    let signals = signals().map_err(WatchError::Signals)?;
    client.subscribe()?;
    let mut news = News::new(form);
    // Until all that there is has been told, the broker is to answer in time.
    let mut limit = Timespec::try_from(PATIENCE).ok();
    loop {
        match await_told(client, &signals, limit.as_ref()).map_err(WatchError::Wait)? {
            Came::End => return Ok(()),
            Came::Nothing => return Err(ClientError::Receive(Errno::TIMEDOUT).into()),
            Came::Ready => {}
        }
        let told = client.next_told()?;
        if matches!(told, Reply::Synced(_)) {
            limit = None;
        }
        let line = news.line(&told, SystemTime::now().into())?.ok_or(ClientError::Unexpected)?;
        if !show(line.as_bytes(), &signals)? {
            return Ok(());
        }
    }
}

/// Takes SIGINT and SIGTERM from here on as something that can be waited for.
fn signals() -> nix::Result<SignalFd> {
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGINT);
    mask.add(Signal::SIGTERM);
    mask.thread_block()?;
    SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
}

/// Waits until there is something from the broker. A pipe whose other end is closed is noticed also while
/// nothing changes.
fn await_told(client: &Client, signals: &SignalFd, limit: Option<&Timespec>) -> Result<Came, Errno> {
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
    let [signal, stdout, told] = sources.map(|source| !source.revents().is_empty());
    Ok(match (signal || stdout, told) {
        (true, _) => Came::End,
        (false, true) => Came::Ready,
        (false, false) => Came::Nothing,
    })
}

/// Writes all of it; false: a signal came first, or nobody reads any more.
fn show(mut line: &[u8], signals: &SignalFd) -> Result<bool, WatchError> {
    let stdout = io::stdout();
    while !line.is_empty() {
        // A reader that has stopped reading is not to keep us from being interrupted.
        let mut sources = [PollFd::new(signals, PollFlags::IN), PollFd::new(&stdout, PollFlags::OUT)];
        match poll(&mut sources, None) {
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(WatchError::Wait(errno)),
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
