//! How hooks are run.

use std::{path::PathBuf, time::Duration};

/// How hooks are run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookRules {
    /// How long each may take.
    pub deadline: Duration,
    /// How many run at once.
    pub parallel: usize,
    /// Whether a login waits for the hooks of its session.
    pub wait_added: bool,
    /// Where those for sessions are.
    pub session_dirs: Vec<PathBuf>,
    /// Where those for seats are.
    pub seat_dirs: Vec<PathBuf>,
}
