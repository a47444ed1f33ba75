//! The two listening sockets.

use super::descriptors;
use rustix::{
    fs::{Mode, rename},
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, listen, socket_with},
    process::umask,
};
use std::{
    fs,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

/// How many connections may wait to be accepted. The kernel takes less where
/// `net.core.somaxconn` is less.
const BACKLOG: i32 = 4096;

/// Which of the two sockets it is, and so what may be asked there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// `session.sock`: PAM modules; root only.
    Session,
    /// `admin.sock`: everybody.
    Admin,
}

/// Why a socket could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
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
pub(super) struct Listener {
    socket: OwnedFd,
    path: PathBuf,
    /// Whether the kernel refuses descriptors that peers push.
    pub(super) refuses_descriptors: bool,
}

impl Door {
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
    /// Opens the door in the state directory. The socket listens, with its permissions, before
    /// it appears under its name, and replaces the one of an earlier broker in one step: nobody
    /// ever finds the name missing, or a socket that is not yet ours.
    pub(super) fn open(door: Door, state_dir: &Path) -> Result<Self, DoorError> {
        let path = state_dir.join(door.name());
        let hidden = state_dir.join(format!(".{}", door.name()));
        let address = SocketAddrUnix::new(&hidden).map_err(|_| DoorError::Name(path.clone()))?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
            .map_err(|source| DoorError::Create { path: path.clone(), source })?;
        let bound = bind_masked(&socket, &address, &hidden, door.mask());
        bound.map_err(|source| DoorError::Bind { path: path.clone(), source })?;
        // Before there is any connection, as they get this from the listener.
        let refused = descriptors::refuse(&socket);
        let refuses_descriptors =
            refused.map_err(|source| DoorError::Listen { path: path.clone(), source })?;
        listen(&socket, BACKLOG).map_err(|source| DoorError::Listen { path: path.clone(), source })?;
        rename(&hidden, &path).map_err(|source| DoorError::Bind { path: path.clone(), source })?;
        Ok(Self { socket, path, refuses_descriptors })
    }

    /// The next connection; `None` when there is none.
    pub(super) fn accept(&self) -> Result<Option<OwnedFd>, Errno> {
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

    /// Takes the name away, so that modules see at once that no broker runs.
    pub(super) fn close(&self) {
        if let Err(error) = fs::remove_file(&self.path) {
            log::warn!("cannot remove {}: {error}", self.path.display());
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn bind_masked(socket: &OwnedFd, address: &SocketAddrUnix, path: &Path, mask: Mode) -> Result<(), Errno> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Errno::from_io_error(&error).unwrap_or(Errno::IO));
        }
        _ => {}
    }
    // There is one thread, so the mask is nobody else's meanwhile.
    let before = umask(mask);
    let bound = bind(socket, address);
    umask(before);
    bound
}
