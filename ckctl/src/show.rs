//! `ckctl show`: one session, or all sessions of a user.

use crate::{
    account::{self, AccountError},
    activity::{self, Listed},
    client::{Client, ClientError},
    json,
    output::{Format, Output, OutputError},
    table,
};
use ck_protocol::{Pid, Session, SessionId};
use nix::unistd::getuid;
use std::{
    env,
    ffi::{OsStr, OsString},
};

/// The variable that the PAM module sets in a session.
const VARIABLE: &str = "XDG_SESSION_ID";

/// Why no session is shown.
#[derive(Debug, thiserror::Error)]
pub enum ShowError {
    /// The broker refused, or there is no usable reply.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The user was not found.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The argument is neither a session nor a user.
    #[error("`{0}` is neither a session id nor a user: see `ckctl list`")]
    Unknown(String),
    /// The variable is not set.
    #[error(
        "this is not inside a session ({VARIABLE} is not set): give a session id or a user, see `ckctl list`"
    )]
    NotInside,
    /// The variable has a value that is not a session id.
    #[error("{VARIABLE} is `{0}`, which is not a session id: give a session id or a user, see `ckctl list`")]
    InvalidVariable(String),
    /// The variable names a session of another user.
    #[error(
        "{VARIABLE} is {id}, which is a session of {user}: give a session id or a user, see `ckctl list`"
    )]
    ForeignSession {
        /// The session.
        id: SessionId,
        /// Its user, printable.
        user: String,
    },
    /// The session could not be written in the requested form.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// Asks the broker; returns what is printed. `what` is a session id or a user, `user` is a user. Without both, the session in
/// which this program runs is shown.
///
/// # Errors
/// [`ShowError`]
pub fn text(
    client: &mut Client,
    what: Option<&OsStr>,
    user: Option<&OsStr>,
    output: &Output<'_>,
) -> Result<String, ShowError> {
    let session = match (what, user) {
        (_, Some(user)) => return of_user(client, user, output),
        (None, None) => own(client)?,
        (Some(what), None) => match what.to_str().and_then(|text| text.parse().ok()) {
            Some(id) => client.show(id)?,
            None => {
                return of_user(client, what, output).map_err(|error| match error {
                    ShowError::Account(AccountError::Unknown(name)) => ShowError::Unknown(name),
                    error => error,
                });
            }
        },
    };
    // Where the processes of other sessions begin; without the list, they count as processes of this one.
    let all = client.list().unwrap_or_default();
    let leaders = all.iter().chain([&session]).map(|session| session.leader_pid).collect::<Vec<_>>();
    let listed = activity::listed(vec![session], leaders, client.broker_pid());
    let one = |listed: &Listed| output.one(&json::Session::from(listed), || table::session(listed));
    Ok(listed.iter().map(one).collect::<Result<_, _>>()?)
}

/// All sessions of `user`.
fn of_user(client: &mut Client, user: &OsStr, output: &Output<'_>) -> Result<String, ShowError> {
    let mut sessions = client.list()?;
    let leaders: Vec<Pid> = sessions.iter().map(|session| session.leader_pid).collect();
    account::keep_items_of(&mut sessions, user, |session| (session.uid.get(), session.user.as_bytes()))?;
    let sessions = activity::listed(sessions, leaders, client.broker_pid());
    if output.format == Format::Json || sessions.is_empty() {
        return Ok(output.list(&table::SESSIONS, &sessions, json::Session::from)?);
    }
    Ok(sessions.iter().map(table::session).collect::<Vec<_>>().join("\n"))
}

/// The session in which this program runs. The variable can be left over from another session or be set by anybody, so the
/// session must be open and belong to the user.
fn own(client: &mut Client) -> Result<Session, ShowError> {
    let value: OsString =
        env::var_os(VARIABLE).filter(|value| !value.is_empty()).ok_or(ShowError::NotInside)?;
    let id = value.to_str().and_then(|text| text.parse().ok());
    let session = client.show(id.ok_or_else(|| ShowError::InvalidVariable(account::shown(&value)))?)?;
    if session.uid.get() == getuid().as_raw() {
        Ok(session)
    } else {
        Err(ShowError::ForeignSession { id: session.id, user: session.user.to_string() })
    }
}
