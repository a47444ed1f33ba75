//! One line of the history file: docs/HISTORY.md.

use ck_protocol::Timestamp;
use serde::{Deserialize, Deserializer, de};

/// A line. Other members are ignored.
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    /// The time by the clock.
    #[serde(deserialize_with = "moment")]
    pub(super) time: Timestamp,
    /// The time in seconds since the boot.
    pub(super) up: f64,
    /// The boot: the first digits of its id.
    pub(super) boot: String,
    #[serde(flatten)]
    pub(super) event: Event,
}

/// The event that a line records.
#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event {
    SystemStarted,
    BrokerStarted,
    BrokerStopped,
    SessionOpened(SessionInfo),
    SessionEnded {
        #[serde(flatten)]
        info: SessionInfo,
        #[serde(deserialize_with = "moment")]
        opened_at: Timestamp,
        /// The duration in seconds. Only a broker that also saw the login writes it.
        duration: Option<f64>,
        /// Why it ended. A broker of an earlier release does not write it.
        ended_by: Option<String>,
        /// The uid of the user who terminated it.
        terminated_by: Option<u32>,
        /// No broker saw the end.
        #[serde(default)]
        late: bool,
    },
    /// An event of a later release.
    #[serde(other)]
    Unknown,
}

/// The session that an event is about.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct SessionInfo {
    pub(super) id: String,
    pub(super) uid: u32,
    pub(super) user: String,
    pub(super) service: String,
    pub(super) tty: Option<String>,
    pub(super) remote_host: Option<String>,
    /// The audit session.
    pub(super) audit_id: Option<u32>,
    /// The user who logged in at first.
    pub(super) login_uid: Option<u32>,
}

fn moment<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(from)?;
    let moment: jiff::Timestamp = text.parse().map_err(de::Error::custom)?;
    Ok(Timestamp::from_micros(moment.as_microsecond()))
}
