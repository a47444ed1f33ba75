//! The two listening sockets.

use super::descriptors;
use crate::places::{
    mounts,
    state::{PRIVATE, SWEPT},
};
pub(crate) use crate::poller::Endpoint;
use rustix::{
    fs::{CWD, Mode, OFlags, RenameFlags, fcntl_getfl, fcntl_setfl, renameat, renameat_with},
    io::Errno,
    net::{
        AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, getsockname, listen,
        socket_with,
        sockopt::{socket_acceptconn, socket_type},
    },
    process::umask,
};
use std::{
    ffi::OsStr,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
};

/// How many connections may wait to be accepted. The kernel takes less where
/// `net.core.somaxconn` is less.
const BACKLOG: i32 = 4096;

/// Why a socket could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenerError {
    /// Its path is longer than `sun_path` of unix(7).
    #[error("{}: the path of a socket must be shorter than 108 bytes: choose a shorter --state-dir", .0.display())]
    Name(PathBuf),
    /// It could not be created.
    #[error("cannot create the socket {}: {source}", path.display())]
    Create {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: Errno,
    },
    /// The service manager's could not be taken over.
    #[error("cannot take over the socket {}: {source}", path.display())]
    Take {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: Errno,
    },
    /// The service manager's is of another kind.
    #[error(
        "{}: the service manager's socket must listen, and be of type SOCK_SEQPACKET: write ListenSequentialPacket= into its unit",
        .0.display()
    )]
    Kind(PathBuf),
    /// It could not be put in its place.
    #[error("cannot bind the socket {}: {source}", path.display())]
    Bind {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: Errno,
    },
    /// It could not be made to listen.
    #[error("cannot listen on {}: {source}", path.display())]
    Listen {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: Errno,
    },
}

/// A listening socket.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: OwnedFd,
    /// Whether the kernel refuses descriptors that peers push.
    pub(crate) refuses_descriptors: bool,
}

impl Endpoint {
    fn name(self) -> &'static str {
        match self {
            Self::Session => "session.sock",
            Self::Admin => "admin.sock",
        }
    }

    /// What bind(2) is to leave out of 0777.
    fn mask(self) -> Mode {
        match self {
            Self::Session => Mode::from_raw_mode(0o177),
            Self::Admin => Mode::from_raw_mode(0o111),
        }
    }
}

impl Listener {
    /// The socket of the endpoint in the state directory: the one among those that the service manager has `passed`, if it is there.
    pub(crate) fn take_or_open(
        endpoint: Endpoint,
        state_dir: &Path,
        passed: &mut Vec<OwnedFd>,
    ) -> Result<Self, ListenerError> {
        let path = state_dir.join(endpoint.name());
        match passed.iter().position(|socket| is_bound_to(socket, &path)) {
            Some(position) => Self::take(passed.swap_remove(position), path),
            None => Self::open(endpoint, state_dir),
        }
    }

    /// Takes over a socket that somebody else has opened and goes on holding: who connects while no broker runs waits
    /// in its queue.
    fn take(socket: OwnedFd, path: PathBuf) -> Result<Self, ListenerError> {
        let failed = |source| ListenerError::Take { path: path.clone(), source };
        if socket_type(&socket).map_err(failed)? != SocketType::SEQPACKET
            || !socket_acceptconn(&socket).map_err(failed)?
        {
            return Err(ListenerError::Kind(path));
        }
        let flags = fcntl_getfl(&socket).map_err(failed)?;
        fcntl_setfl(&socket, flags | OFlags::NONBLOCK).map_err(failed)?;
        descriptors::refuse(&socket).map_err(failed)?;
        // The queue is as long as the manager says, until somebody says otherwise.
        listen(&socket, BACKLOG).map_err(failed)?;
        // Who has connected before this was called could push descriptors, and may wait in the queue.
        Ok(Self { socket, refuses_descriptors: false })
    }

    /// Opens the socket of the endpoint in the state directory. The socket listens, with its permissions, before
    /// it appears under its name, and changes places with the one of an earlier broker in one step: nobody
    /// ever finds the name missing, or a socket that is not yet ours.
    ///
    /// The earlier one is not removed here, but left to be swept away in the private part: whoever removes a name frees what a
    /// user has mounted upon it in a mount namespace of theirs.
    fn open(endpoint: Endpoint, state_dir: &Path) -> Result<Self, ListenerError> {
        let path = state_dir.join(endpoint.name());
        let failed = |source| ListenerError::Bind { path: path.clone(), source };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
            .map_err(|source| ListenerError::Create { path: path.clone(), source })?;
        let hidden = bind_hidden(&socket, endpoint, state_dir)?;
        // Before there is any connection, as they get this from the listener.
        let refused = descriptors::refuse(&socket);
        let refuses_descriptors =
            refused.map_err(|source| ListenerError::Listen { path: path.clone(), source })?;
        listen(&socket, BACKLOG).map_err(|source| ListenerError::Listen { path: path.clone(), source })?;
        show(&hidden, &path).map_err(failed)?;
        Ok(Self { socket, refuses_descriptors })
    }

    /// The next connection; `None` when there is none.
    pub(crate) fn accept(&self) -> Result<Option<OwnedFd>, Errno> {
        loop {
            match accept_with(&self.socket, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok(connection) => return Ok(Some(connection)),
                Err(Errno::AGAIN) => return Ok(None),
                // It was gone before we came to it.
                Err(Errno::CONNABORTED | Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Whether that is where the socket is to be found, by whatever name of its directory.
fn is_bound_to(socket: &OwnedFd, path: &Path) -> bool {
    let Ok(address) = getsockname(socket).map(SocketAddrUnix::try_from) else { return false };
    let bytes = address.as_ref().ok().and_then(SocketAddrUnix::path_bytes);
    let Some(bound) = bytes.map(|bytes| Path::new(OsStr::from_bytes(bytes))) else { return false };
    let parents = [bound, path].map(|path| path.parent().and_then(|parent| parent.canonicalize().ok()));
    bound.file_name() == path.file_name() && parents[0].is_some() && parents[0] == parents[1]
}

/// Binds the socket in the private part of the state directory, to a name that will be swept away, and returns that. Brokers that
/// were killed may have left others there, even one with our pid.
fn bind_hidden(socket: &OwnedFd, endpoint: Endpoint, state_dir: &Path) -> Result<PathBuf, ListenerError> {
    let path = || state_dir.join(endpoint.name());
    let mut number = 0_u32;
    loop {
        let name = format!("{SWEPT}{}-{number}-{}", std::process::id(), endpoint.name());
        let hidden = state_dir.join(PRIVATE).join(name);
        let address = SocketAddrUnix::new(&hidden).map_err(|_| ListenerError::Name(path()))?;
        match bind_masked(socket, &address, endpoint.mask()) {
            Ok(()) => return Ok(hidden),
            Err(Errno::ADDRINUSE) => number += 1,
            Err(source) => return Err(ListenerError::Bind { path: path(), source }),
        }
    }
}

/// Has the socket appear at `path`; what was there goes where that was hidden.
fn show(hidden: &Path, path: &Path) -> Result<(), Errno> {
    // A service manager's of before, which places::state has mounted there.
    while mounts::detach(path).is_ok() {}
    match renameat_with(CWD, hidden, CWD, path, RenameFlags::NOREPLACE) {
        Err(Errno::EXIST) => match renameat_with(CWD, hidden, CWD, path, RenameFlags::EXCHANGE) {
            // A file system that cannot.
            Err(Errno::INVAL) => renameat(CWD, hidden, CWD, path),
            exchanged => exchanged,
        },
        shown => shown,
    }
}

fn bind_masked(socket: &OwnedFd, address: &SocketAddrUnix, mask: Mode) -> Result<(), Errno> {
    // There is one thread, so the mask is nobody else's meanwhile.
    let before = umask(mask);
    let bound = bind(socket, address);
    umask(before);
    bound
}
