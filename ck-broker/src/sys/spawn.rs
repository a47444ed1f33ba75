//! Starts programs. No other code in the broker does.

use super::{
    Child,
    filter::{Refused, refused_clone},
    inherited,
    own::own_program,
};
use nix::{
    errno::Errno,
    spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn},
    sys::signal::SigSet,
    unistd,
};
use rustix::process::Pid;
use std::{
    ffi::{CString, NulError, OsStr, OsString},
    fs::File,
    io,
    os::{
        fd::{AsRawFd, OwnedFd, RawFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
    sync::OnceLock,
};

/// A program to be started.
///
/// It starts with an empty environment, without blocked or ignored signals, and with the limit of open descriptors that
/// the broker inherited. Its standard streams are `/dev/null` unless they are set here. All other descriptors of the
/// broker are close-on-exec.
#[derive(Debug)]
pub(crate) struct Program {
    path: OsString,
    arguments: Vec<OsString>,
    environment: Vec<OsString>,
    stdin: Option<OwnedFd>,
    stdout: Option<OwnedFd>,
    stderr: Stderr,
    kept: Vec<RawFd>,
    leads_group: bool,
}

/// The standard error of a program.
#[derive(Debug)]
enum Stderr {
    Null,
    /// The standard error of the broker.
    Inherited,
    To(OwnedFd),
}

/// Why a program does not run.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// An argument or a variable contains a NUL byte.
    #[error("{0}")]
    Nul(#[from] NulError),
    /// The attributes of the new process could not be set up.
    #[error("cannot prepare its start: {0}")]
    Prepare(io::Error),
    /// The program could not be executed.
    #[error("{0}")]
    Execute(io::Error),
    /// A filter refuses to start any.
    #[error(transparent)]
    Refused(Refused),
    /// It was started, but could not be watched. It was killed.
    #[error("cannot watch it: {0}")]
    Watch(io::Error),
}

impl Program {
    /// The program at `path`, with that path as `argv[0]`.
    pub(crate) fn new(path: &Path) -> Self {
        Self::named(path.as_os_str(), path.as_os_str())
    }

    /// The program of the broker, under `name`, so that pidof(8) and similar programs do not take it for the broker.
    pub(crate) fn own(name: &str) -> Self {
        Self::named(&own_program(), name.as_ref())
    }

    fn named(path: &OsStr, name: &OsStr) -> Self {
        Self {
            path: path.to_owned(),
            arguments: vec![name.to_owned()],
            environment: Vec::new(),
            stdin: None,
            stdout: None,
            stderr: Stderr::Null,
            kept: Vec::new(),
            leads_group: false,
        }
    }

    /// Adds an argument.
    pub(crate) fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds an argument of the form `--option=VALUE`; `option` includes the `=`.
    pub(crate) fn option(self, option: &str, value: impl AsRef<OsStr>) -> Self {
        let mut argument = OsString::from(option);
        argument.push(value);
        self.arg(argument)
    }

    /// Adds an environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        let mut variable = OsString::from(name);
        variable.push("=");
        variable.push(value);
        self.environment.push(variable);
        self
    }

    /// Sets its standard input.
    pub(crate) fn stdin(mut self, descriptor: OwnedFd) -> Self {
        self.stdin = Some(descriptor);
        self
    }

    /// Sets its standard output.
    pub(crate) fn stdout(mut self, descriptor: OwnedFd) -> Self {
        self.stdout = Some(descriptor);
        self
    }

    /// Sets its standard error.
    pub(crate) fn stderr(mut self, descriptor: OwnedFd) -> Self {
        self.stderr = Stderr::To(descriptor);
        self
    }

    /// Makes its standard error that of the broker.
    pub(crate) fn inherit_stderr(mut self) -> Self {
        self.stderr = Stderr::Inherited;
        self
    }

    /// Passes these descriptors on, under their numbers. They must be open at [`Program::start`].
    pub(crate) fn keep<'f>(mut self, descriptors: impl IntoIterator<Item = &'f OwnedFd>) -> Self {
        self.kept.extend(descriptors.into_iter().map(AsRawFd::as_raw_fd));
        self
    }

    /// Makes it the leader of a process group of its own. A signal to the child then reaches the whole group.
    pub(crate) fn lead_group(mut self) -> Self {
        self.leads_group = true;
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// [`SpawnError`]; then the program does not run.
    pub(crate) fn start(self) -> Result<Child, SpawnError> {
        let path = CString::new(self.path.as_bytes())?;
        let arguments = c_strings(&self.arguments)?;
        let environment = c_strings(&self.environment)?;
        let prepare = |error: Errno| SpawnError::Prepare(error.into());
        let actions = self.file_actions()?;
        let attributes = self.attributes().map_err(prepare)?;
        let spawn = || posix_spawn(path.as_c_str(), &actions, &attributes, &arguments, &environment);
        let started = {
            let _limit = inherited::DescriptorLimit::lower();
            spawn()
        };
        // musl makes a pipe for it, which fails if more descriptors are open than the inherited limit. A child with a
        // high limit is better than none.
        let started = if started == Err(Errno::EMFILE) { spawn() } else { started };
        let pid = started.map_err(|error| match refused_clone().filter(|_| error == Errno::EPERM) {
            Some(refused) => SpawnError::Refused(refused),
            None => SpawnError::Execute(error.into()),
        })?;
        watch(pid, self.leads_group)
    }

    fn attributes(&self) -> nix::Result<PosixSpawnAttr> {
        let mut flags = PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK | PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF;
        let mut attributes = PosixSpawnAttr::init()?;
        attributes.set_sigmask(&SigSet::empty())?;
        attributes.set_sigdefault(&SigSet::all())?;
        if self.leads_group {
            flags |= PosixSpawnFlags::POSIX_SPAWN_SETPGROUP;
            attributes.set_pgroup(unistd::Pid::from_raw(0))?;
        }
        attributes.set_flags(flags)?;
        Ok(attributes)
    }

    fn file_actions(&self) -> Result<PosixSpawnFileActions, SpawnError> {
        let null = null()?;
        let or_null = |descriptor: &Option<OwnedFd>| descriptor.as_ref().map_or(null, AsRawFd::as_raw_fd);
        let stderr = match &self.stderr {
            Stderr::Null => Some(null),
            Stderr::Inherited => None,
            Stderr::To(descriptor) => Some(descriptor.as_raw_fd()),
        };
        let streams = [(or_null(&self.stdin), 0), (or_null(&self.stdout), 1)];
        let kept = self.kept.iter().map(|&number| (number, number));
        let mut actions = PosixSpawnFileActions::init().map_err(|error| SpawnError::Prepare(error.into()))?;
        // Where both numbers are equal, the descriptor stays open in the program (posix_spawn_file_actions_adddup2(3)).
        for (from, to) in streams.into_iter().chain(stderr.map(|number| (number, 2))).chain(kept) {
            actions.add_dup2(from, to).map_err(|error| SpawnError::Prepare(error.into()))?;
        }
        Ok(actions)
    }
}

fn c_strings(strings: &[OsString]) -> Result<Vec<CString>, NulError> {
    strings.iter().map(|string| CString::new(string.as_bytes())).collect()
}

/// The number of a descriptor of `/dev/null` that stays open.
fn null() -> Result<RawFd, SpawnError> {
    static NULL: OnceLock<File> = OnceLock::new();
    if let Some(null) = NULL.get() {
        return Ok(null.as_raw_fd());
    }
    let opened = File::options().read(true).write(true).open("/dev/null").map_err(SpawnError::Prepare)?;
    Ok(NULL.get_or_init(|| opened).as_raw_fd())
}

/// The child has not been reaped, so its pid has not been reused.
fn watch(pid: unistd::Pid, leads_group: bool) -> Result<Child, SpawnError> {
    let no_pid = || SpawnError::Watch(io::ErrorKind::InvalidData.into());
    let pid = Pid::from_raw(pid.as_raw()).ok_or_else(no_pid)?;
    Child::watch(pid, leads_group).map_err(|errno| SpawnError::Watch(errno.into()))
}
