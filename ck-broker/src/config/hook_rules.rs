//! How hooks are run.

use std::{path::PathBuf, time::Duration};

/// How hooks are run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookRules {
    /// The time limit of each hook.
    pub deadline: Duration,
    /// The maximum number of hooks that run at the same time.
    pub parallel: usize,
    /// True if a login waits for the hooks of its session.
    pub wait_added: bool,
    /// The directories of hooks for sessions.
    pub session_dirs: Vec<PathBuf>,
    /// The directories of hooks for seats.
    pub seat_dirs: Vec<PathBuf>,
}
