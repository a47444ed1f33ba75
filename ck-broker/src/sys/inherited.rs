//! What the broker was started with, and what its children must not inherit.

use super::kernel;
use rustix::{
    io::Errno,
    process::{Resource, Rlimit, chdir, getrlimit, setrlimit},
};
use std::sync::OnceLock;

/// The limit of open descriptors that the broker was started with.
static STARTED_WITH: OnceLock<Rlimit> = OnceLock::new();

/// Why what was inherited could not be put right.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InheritedError {
    /// Descriptors that were open at the start would be open in every child.
    #[error("cannot have inherited descriptors closed in children: {0}")]
    CloseOnExec(Errno),
    /// A child that ends would not be told (SIGCHLD is ignored).
    #[error("cannot reset the disposition of SIGCHLD: {0}")]
    ChildSignal(Errno),
    /// The working directory would keep a file system busy.
    #[error("cannot change to /: {0}")]
    WorkingDirectory(Errno),
}

/// Puts right what the broker has inherited. For the very start, before this process opens anything.
///
/// # Errors
/// [`InheritedError`]
pub(crate) fn tidy() -> Result<(), InheritedError> {
    kernel::close_on_exec_from(3).map_err(InheritedError::CloseOnExec)?;
    kernel::reset_child_signal().map_err(InheritedError::ChildSignal)?;
    chdir("/").map_err(InheritedError::WorkingDirectory)
}

/// Raises the limit of open descriptors as far as it goes: each session takes one. Returns the limit.
pub(crate) fn raise_descriptor_limit() -> usize {
    let started_with = getrlimit(Resource::Nofile);
    let Rlimit { current, maximum } = started_with;
    let allowed = match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => {
            // It is raised once.
            let _ = STARTED_WITH.set(started_with);
            maximum
        }
        Err(errno) => {
            log::warn!("cannot raise the limit of open descriptors: {errno}");
            current
        }
    };
    // None is no limit.
    allowed.map_or(usize::MAX, |allowed| usize::try_from(allowed).unwrap_or(usize::MAX))
}

/// While this lives, the limit of open descriptors is the one that the broker was started with: a child that is started
/// meanwhile has it. Programs that use select(2), or close all numbers up to the limit, rely on a small one.
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
