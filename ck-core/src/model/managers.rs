//! Other programs that manage runtime directories.

/// The daemons that make and remove `/run/user/UID`, by their names in proc_pid_comm(5).
pub const DIRECTORY_MANAGERS: [&str; 3] = ["systemd-logind", "elogind", "elogind-daemon"];
