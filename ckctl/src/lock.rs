//! `ckctl lock` and `ckctl unlock`: who has heard of the request.

use crate::client::{Client, ClientError};
use ck_protocol::{AdminRequest, SessionId, Told};
use serde::Serialize;
use std::borrow::Cow;

/// What the programs of a session's owner are requested to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockVerb {
    /// To lock the session.
    Lock,
    /// To unlock it.
    Unlock,
}

impl LockVerb {
    fn request(self, id: SessionId) -> AdminRequest {
        match self {
            Self::Lock => AdminRequest::Lock(id),
            Self::Unlock => AdminRequest::Unlock(id),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Lock => "lock",
            Self::Unlock => "unlock",
        }
    }
}

/// The answer for one session.
#[derive(Debug)]
pub struct Answer {
    id: SessionId,
    /// Who was told. `None`: the broker speaks version 1 of the protocol, and does not say.
    told: Option<Told>,
}

/// Requests that the session is locked or unlocked.
///
/// # Errors
/// [`ClientError`]
pub fn request(client: &mut Client, verb: LockVerb, id: SessionId) -> Result<Answer, ClientError> {
    Ok(Answer { id, told: client.request_lock(verb.request(id))? })
}

impl Answer {
    /// The line about the programs that were told, with its line feed, if there are any.
    #[must_use]
    pub fn heard(&self, verb: LockVerb) -> Option<String> {
        let Told { uid, user, subscribers } = self.told.as_ref().filter(|told| told.subscribers > 0)?;
        let were = if *subscribers == 1 { "was" } else { "were" };
        let (id, verb) = (self.id, verb.as_str());
        Some(format!(
            "session {id} of {user} ({uid}): {subscribers} of the user's programs {were} told to {verb} it\n"
        ))
    }

    /// The message that no program was told, if none was.
    #[must_use]
    pub fn unheard(&self, verb: LockVerb) -> Option<String> {
        let Told { uid, user, .. } = self.told.as_ref().filter(|told| told.subscribers == 0)?;
        let (id, verb) = (self.id, verb.as_str());
        Some(format!(
            "session {id} of {user} ({uid}): no program of the user was told to {verb} it: start one that subscribes \
             (ck-broker-ipc(7))"
        ))
    }
}

/// The JSON of all answers.
#[derive(Debug, Serialize)]
pub struct Json<'a> {
    /// The number of sessions.
    sessions: usize,
    requests: Vec<JsonRequest<'a>>,
}

/// The JSON of one answer.
#[derive(Debug, Serialize)]
struct JsonRequest<'a> {
    id: String,
    uid: Option<u32>,
    user: Option<Cow<'a, str>>,
    /// The number of the owner's programs that were told.
    told: Option<u64>,
}

impl<'a> From<&'a [Answer]> for Json<'a> {
    fn from(answers: &'a [Answer]) -> Self {
        Self { sessions: answers.len(), requests: answers.iter().map(JsonRequest::from).collect() }
    }
}

impl<'a> From<&'a Answer> for JsonRequest<'a> {
    fn from(Answer { id, told }: &'a Answer) -> Self {
        Self {
            id: id.to_string(),
            uid: told.as_ref().map(|told| told.uid.get()),
            user: told.as_ref().map(|told| told.user.to_text()),
            told: told.as_ref().map(|told| told.subscribers),
        }
    }
}
