//! State that the broker inherits at its start, and that its children must not inherit.

use super::kernel;
use rustix::{
    io::Errno,
    process::{Resource, Rlimit, chdir, getrlimit, setrlimit},
};
use std::sync::OnceLock;

/// The inherited limit of open descriptors.
static STARTED_WITH: OnceLock<Rlimit> = OnceLock::new();

/// Why inherited state could not be reset.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InheritedError {
    /// Otherwise inherited descriptors would be open in every child.
    #[error("cannot set close-on-exec on inherited descriptors: {0}")]
    CloseOnExec(Errno),
    /// Otherwise the end of a child would not be reported if SIGCHLD is ignored.
    #[error("cannot reset the disposition of SIGCHLD: {0}")]
    ChildSignal(Errno),
    /// Otherwise the working directory would keep a file system busy.
    #[error("cannot change to /: {0}")]
    WorkingDirectory(Errno),
}

/// Resets inherited state. It must be called before this process opens anything.
///
/// # Errors
/// [`InheritedError`]
pub(crate) fn tidy() -> Result<(), InheritedError> {
    kernel::close_on_exec_from(3).map_err(InheritedError::CloseOnExec)?;
    kernel::reset_child_signal().map_err(InheritedError::ChildSignal)?;
    chdir("/").map_err(InheritedError::WorkingDirectory)
}

/// Raises the limit of open descriptors to its maximum, because each session takes one. Returns the limit.
pub(crate) fn raise_descriptor_limit() -> usize {
    let started_with = getrlimit(Resource::Nofile);
    let Rlimit { current, maximum } = started_with;
    let allowed = match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => {
            // The limit is raised once.
            let _ = STARTED_WITH.set(started_with);
            maximum
        }
        Err(errno) => {
            log::warn!("cannot raise the limit of open descriptors: {errno}");
            current
        }
    };
    // `None` means unlimited.
    allowed.map_or(usize::MAX, |allowed| usize::try_from(allowed).unwrap_or(usize::MAX))
}

/// While this value lives, the inherited limit of open descriptors is in force, so that a child inherits it. Programs
/// that use select(2), or close all numbers up to the limit, rely on a small limit.
///
/// Descriptors beyond the limit stay open (getrlimit(2)).
pub(super) struct DescriptorLimit {
    raised: Option<Rlimit>,
}

impl DescriptorLimit {
    pub(super) fn lower() -> Self {
        let lowered = STARTED_WITH.get().filter(|limit| limit.current != limit.maximum);
        let raised = lowered.and_then(|limit| {
            let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
            setrlimit(Resource::Nofile, *limit).is_ok().then_some(raised)
        });
        Self { raised }
    }
}

impl Drop for DescriptorLimit {
    fn drop(&mut self) {
        if let Some(raised) = self.raised {
            if let Err(errno) = setrlimit(Resource::Nofile, raised) {
                log::error!("cannot raise the limit of open descriptors again: {errno}");
            }
        }
    }
}
