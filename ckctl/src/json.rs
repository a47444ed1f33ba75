//! The JSON forms: docs/JSON.md. The names of members are a contract. An absent value is `null`. [`ck_core::json`] has the forms
//! of a session and of a time.

use crate::{activity::Listed, facts::Facts};
use ck_core::json::{Members, Value, escape, rfc3339};
use ck_protocol::{self as protocol, Buckets, FactValue, Micros};
use serde::{Serialize, Serializer, ser::SerializeMap};
use std::{borrow::Cow, time::Duration};

/// The JSON of `value`, with one member on each line.
///
/// # Errors
/// Those of [`serde_json`].
pub fn pretty(value: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string_pretty(value).map(|json| escaped(&json))
}

/// The JSON of `value`, on one line.
///
/// # Errors
/// Those of [`serde_json`].
pub fn line(value: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string(value).map(|json| escaped(&json))
}

/// The JSON with every character escaped that could steer a terminal, and a line feed.
fn escaped(json: &str) -> String {
    let mut text = String::new();
    for c in json.chars() {
        // JSON allows DEL, C1 controls and characters that reorder text in a string, and somebody may look at this on a
        // terminal. Between strings there is only ASCII, and the line feed.
        if c == '\n' {
            text.push(c);
        } else {
            escape(&mut text, c);
        }
    }
    text.push('\n');
    text
}

/// The state of the broker: the facts of the first release, the problems, and all other facts.
#[derive(Debug)]
pub struct Status<'s> {
    /// The facts about the broker.
    pub facts: &'s Facts,
    /// The problems.
    pub problems: &'s [String],
}

/// The member of [`Status`] that is not a fact.
const PROBLEMS: &str = "problems";

impl Serialize for Status<'_> {
    fn serialize<S: Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
        let mut fields = into.serialize_map(None)?;
        for key in protocol::Status::KEYS {
            fields.serialize_entry(key, &self.facts.get(key).map(FactJson))?;
        }
        fields.serialize_entry(PROBLEMS, self.problems)?;
        for fact in self.facts.later().filter(|fact| fact.key.as_str() != PROBLEMS) {
            fields.serialize_entry(fact.key.as_str(), &FactJson(&fact.value))?;
        }
        fields.end()
    }
}

/// The value of a fact. A duration is a number of seconds.
struct FactJson<'f>(&'f FactValue);

impl Serialize for FactJson<'_> {
    fn serialize<S: Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            FactValue::Number(number) => number.serialize(into),
            FactValue::Time(time) => Value::from(*time).serialize(into),
            FactValue::Text(text) => Value::from(text).serialize(into),
            FactValue::Duration(micros) => seconds(*micros).serialize(into),
            FactValue::Histogram(buckets) => Histogram::from(buckets).serialize(into),
            FactValue::Counts(counts) => {
                into.collect_map(counts.iter().map(|count| (count.what.as_str(), count.count)))
            }
        }
    }
}

fn seconds(micros: Micros) -> f64 {
    Duration::from(micros).as_secs_f64()
}

/// A histogram of durations. As in OpenMetrics, each bucket counts all durations up to its bound.
#[derive(Debug, Serialize)]
struct Histogram {
    buckets: Vec<Bucket>,
    count: u64,
    sum: f64,
}

#[derive(Debug, Serialize)]
struct Bucket {
    /// The bound in seconds.
    le: f64,
    count: u64,
}

impl From<&Buckets> for Histogram {
    fn from(buckets: &Buckets) -> Self {
        let up_to = buckets.up_to().map(|(bound, count)| Bucket { le: bound.as_secs_f64(), count });
        Self { buckets: up_to.collect(), count: buckets.count(), sum: seconds(buckets.sum) }
    }
}

/// A session, and what its user does.
#[derive(Debug, Serialize)]
pub struct Session<'s> {
    #[serde(flatten)]
    members: Members<'s>,
    idle_seconds: Option<u64>,
    command: Option<&'s str>,
}

impl<'s> From<&'s Listed> for Session<'s> {
    fn from(listed: &'s Listed) -> Self {
        Self {
            members: ck_core::json::session(&listed.session),
            idle_seconds: listed.idle.map(|idle| idle.as_secs()),
            command: listed.command.as_deref(),
        }
    }
}

/// A teardown.
#[derive(Debug, Serialize)]
pub struct Teardown<'t> {
    id: String,
    uid: u32,
    path: &'t str,
    state: &'static str,
    failures: u32,
    next_try: Option<String>,
    reason: Option<&'t str>,
    bytes: Option<u64>,
    since: String,
}

impl<'t> From<&'t protocol::TeardownDetail> for Teardown<'t> {
    fn from(detail: &'t protocol::TeardownDetail) -> Self {
        let protocol::TeardownDetail { teardown, bytes, since } = detail;
        Self {
            id: teardown.id.to_string(),
            uid: teardown.uid.get(),
            path: teardown.path.as_str(),
            state: teardown.state.as_str(),
            failures: teardown.failures,
            next_try: teardown.next_try.map(rfc3339),
            reason: teardown.reason.as_ref().map(protocol::Text::as_str),
            bytes: *bytes,
            since: rfc3339(*since),
        }
    }
}

/// A user.
#[derive(Debug, Serialize)]
pub struct User<'u> {
    uid: u32,
    user: Cow<'u, str>,
    sessions: u64,
    linger: bool,
    state: &'static str,
    runtime_dir: Option<&'u str>,
}

impl<'u> From<&'u protocol::User> for User<'u> {
    fn from(user: &'u protocol::User) -> Self {
        Self {
            uid: user.uid.get(),
            user: user.name.to_text(),
            sessions: user.sessions,
            linger: user.linger,
            state: user.state.as_str(),
            runtime_dir: user.runtime_dir.as_ref().map(protocol::Text::as_str),
        }
    }
}

/// A seat.
#[derive(Debug, Serialize)]
pub struct Seat<'s> {
    id: &'s str,
    active: Option<String>,
    sessions: u64,
    has_vts: bool,
}

impl<'s> From<&'s protocol::Seat> for Seat<'s> {
    fn from(seat: &'s protocol::Seat) -> Self {
        Self {
            id: seat.id.as_str(),
            active: seat.active.map(|id| id.to_string()),
            sessions: seat.sessions,
            has_vts: seat.has_vts,
        }
    }
}

/// The result of `terminate` and `activate`.
#[derive(Debug, Serialize)]
pub struct Done {
    /// The number of sessions that were acted on.
    pub sessions: u64,
}

/// The result of `teardown retry`.
#[derive(Debug, Serialize)]
pub struct Retrying {
    /// The number of teardowns that are tried again.
    pub retrying: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use ck_protocol::is_printable;

    #[test]
    fn no_string_can_steer_a_terminal_and_all_can_be_read_back() {
        let hostile = "a\n\u{1b}[31m\u{7f}\u{9b}2J\u{202e}\u{2028}Zoë\\\"";
        let text = pretty(&[hostile]).unwrap();
        assert!(text.chars().all(|c| c == '\n' || is_printable(c)), "{text:?}");
        assert_eq!(text, "[\n  \"a\\n\\u001b[31m\\u007f\\u009b2J\\u202e\\u2028Zoë\\\\\\\"\"\n]\n");
        assert_eq!(serde_json::from_str::<Vec<String>>(&text).unwrap(), [hostile]);
        let line = line(&[hostile]).unwrap();
        assert_eq!(line, format!("[{}]\n", text.lines().nth(1).unwrap().trim()));
    }
}
