//! The keys of the facts that the broker and `ckctl` know, beside those of [`Status::KEYS`](crate::Status::KEYS).

/// The directory in which the broker makes runtime directories. Left out if it makes none.
pub const RUNTIME_ROOT: &str = "runtime_root";
/// The other program that manages the runtime directories. Left out if there is none.
pub const DIRECTORIES_MANAGER: &str = "directories_manager";
/// The number of users who linger.
pub const LINGERING: &str = "lingering";
/// The maximum number of users who linger.
pub const LINGERING_LIMIT: &str = "lingering_limit";
/// The maximum number of teardowns that wait or run.
pub const TEARDOWNS_LIMIT: &str = "teardowns_limit";
/// The largest number of sessions at one time, since the broker was started.
pub const SESSIONS_PEAK: &str = "sessions_peak";
/// The number of logins that were replied to, since the broker was started.
pub const LOGINS: &str = "logins";
/// The same, in the last minute.
pub const LOGINS_LAST_MINUTE: &str = "logins_last_minute";
/// The same, in the last hour.
pub const LOGINS_LAST_HOUR: &str = "logins_last_hour";
/// The same, in that minute of the last hour that had most.
pub const LOGINS_PEAK_MINUTE: &str = "logins_peak_minute";
/// How long logins took in the broker; with [`of_stage`], each of their stages.
pub const LOGIN_DURATION: &str = "login_duration";
/// How long the slowest login of the last hour took; with [`of_stage`], each of its stages.
pub const SLOWEST_LOGIN: &str = "slowest_login";
/// When that was.
pub const SLOWEST_LOGIN_AT: &str = "slowest_login_at";
/// Its session.
pub const SLOWEST_LOGIN_SESSION: &str = "slowest_login_session";
/// How long teardowns took that are finished.
pub const TEARDOWN_DURATION: &str = "teardown_duration";
/// How long the longest teardown took that was finished in the last hour.
pub const LONGEST_TEARDOWN: &str = "longest_teardown";
/// When it was finished.
pub const LONGEST_TEARDOWN_AT: &str = "longest_teardown_at";
/// Whose directory it was.
pub const LONGEST_TEARDOWN_UID: &str = "longest_teardown_uid";
/// What was refused at session.sock, by the reason: most often logins.
pub const REFUSED_LOGINS: &str = "refused_logins";
/// What was refused at admin.sock, by the reason.
pub const REFUSED_REQUESTS: &str = "refused_requests";

/// All of these.
pub const ALL: [&str; 20] = [
    RUNTIME_ROOT,
    DIRECTORIES_MANAGER,
    LINGERING,
    LINGERING_LIMIT,
    TEARDOWNS_LIMIT,
    SESSIONS_PEAK,
    LOGINS,
    LOGINS_LAST_MINUTE,
    LOGINS_LAST_HOUR,
    LOGINS_PEAK_MINUTE,
    LOGIN_DURATION,
    SLOWEST_LOGIN,
    SLOWEST_LOGIN_AT,
    SLOWEST_LOGIN_SESSION,
    TEARDOWN_DURATION,
    LONGEST_TEARDOWN,
    LONGEST_TEARDOWN_AT,
    LONGEST_TEARDOWN_UID,
    REFUSED_LOGINS,
    REFUSED_REQUESTS,
];

/// The stages of a login, in their order: how long the module took to send its request, finding out what its process is, making
/// the runtime directory, writing the record of the session, waiting for hooks.
pub const STAGES: [&str; 5] = ["request", "identify", "directory", "record", "hooks"];

/// The key for a stage of what `key` measures.
#[must_use]
pub fn of_stage(key: &str, stage: &str) -> String {
    format!("{key}_{stage}")
}

/// True if a fact with this key is one of these, or one for a stage.
#[must_use]
pub fn is_known(key: &str) -> bool {
    let is_of_stage = |of: &str| STAGES.iter().any(|stage| of_stage(of, stage) == key);
    ALL.contains(&key) || is_of_stage(LOGIN_DURATION) || is_of_stage(SLOWEST_LOGIN)
}
