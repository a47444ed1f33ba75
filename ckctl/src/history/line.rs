//! What one line of the file says.

use ck_protocol::Timestamp;
use serde::{Deserialize, Deserializer, de};

/// A line. What it has besides is not looked at.
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    /// By the clock on the wall.
    #[serde(deserialize_with = "moment")]
    pub(super) time: Timestamp,
    /// In seconds since the start of the system.
    pub(super) up: f64,
    /// Which run of the system that is.
    pub(super) boot: String,
    #[serde(flatten)]
    pub(super) event: Event,
}

/// What happened.
#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event {
    SystemStarted,
    BrokerStarted,
    BrokerStopped,
    SessionOpened(About),
    SessionEnded {
        #[serde(flatten)]
        about: About,
        #[serde(deserialize_with = "moment")]
        opened_at: Timestamp,
        /// In seconds; only of a broker that saw it begin, too.
        duration: Option<f64>,
        /// Nobody saw it end.
        #[serde(default)]
        late: bool,
    },
    /// Of a later release.
    #[serde(other)]
    Unknown,
}

/// Which session it is, and whose.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct About {
    pub(super) id: String,
    pub(super) uid: u32,
    pub(super) user: String,
    pub(super) service: String,
    pub(super) tty: Option<String>,
    pub(super) remote_host: Option<String>,
}

fn moment<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(from)?;
    let moment: jiff::Timestamp = text.parse().map_err(de::Error::custom)?;
    Ok(Timestamp::from_micros(moment.as_microsecond()))
}
