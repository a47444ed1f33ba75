//! Who keeps a runtime directory without a session. Names are looked up here: the broker asks no name service.

use crate::{
    client::{Client, ClientError},
    json::{self, pretty},
    screen::Screen,
    table::{self, or_none},
};
use ck_protocol::{Gid, Linger, Text, Uid, User, UserName};
use clap::Subcommand;
use nix::unistd;
use serde::Serialize;

/// What to do about lingering.
#[derive(Clone, Debug, Subcommand)]
pub enum LingerVerb {
    /// Let a user keep the runtime directory without a session, from the system's start on
    On {
        /// A name or a uid, for root and administrators; without one, yourself
        user: Option<String>,
    },
    /// Let a user keep it no longer
    Off {
        /// A name or a uid, for root and administrators; without one, yourself
        user: Option<String>,
    },
    /// List the users who linger
    List {
        /// Only this one
        user: Option<String>,
    },
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum LingerError {
    /// The broker said no, or nothing.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Nobody is called that.
    #[error("no user is called {0}")]
    Unknown(Text<64>),
    /// The name service does not answer.
    #[error("cannot look {name} up: {errno}")]
    Lookup {
        /// Who was looked for.
        name: Text<64>,
        /// Why.
        errno: nix::errno::Errno,
    },
    /// What it says cannot be true.
    #[error("the user database has a number or a name for {0} that cannot be used")]
    Unusable(Text<64>),
    /// The answer could not be written.
    #[error("cannot write the JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl LingerError {
    /// As [`ClientError::exit_code`].
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Client(error) => error.exit_code(),
            _ => 1,
        }
    }
}

/// A user of this system.
#[derive(Debug, Serialize)]
struct Account {
    uid: u32,
    #[serde(skip)]
    gid: Option<u32>,
    user: String,
}

/// The answer to `on` and `off`.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    account: &'a Account,
    linger: bool,
    sessions: u64,
}

/// Asks the broker; returns what is to be printed.
///
/// # Errors
/// [`LingerError`]
pub fn text(
    client: &mut Client,
    verb: &LingerVerb,
    json: bool,
    screen: Screen,
) -> Result<String, LingerError> {
    match verb {
        LingerVerb::On { user } => {
            let account = account(user.as_deref())?;
            let unusable = || LingerError::Unusable(Text::clipped(&account.user));
            let uid = Uid::try_from(account.uid).map_err(|_| unusable())?;
            let gid = account.gid.ok_or_else(|| LingerError::Unknown(Text::clipped(&account.user)))?;
            let gid = Gid::try_from(gid).map_err(|_| unusable())?;
            let user = UserName::new(&account.user).map_err(|_| unusable())?;
            let sessions = client.linger(Linger::On { uid, gid, user })?;
            answer(&account, true, sessions, json)
        }
        LingerVerb::Off { user } => {
            let account = account(user.as_deref())?;
            let uid = Uid::try_from(account.uid)
                .map_err(|_| LingerError::Unusable(Text::clipped(&account.user)))?;
            let sessions = client.linger(Linger::Off(uid))?;
            answer(&account, false, sessions, json)
        }
        LingerVerb::List { user } => {
            let mut users = client.lingerers()?;
            if let Some(user) = user {
                let uid = account(Some(user))?.uid;
                users.retain(|user| user.uid.get() == uid);
            }
            list(&users, json, screen)
        }
    }
}

/// The user called `name`, or of that uid, whom the user database need not know; or who asks.
fn account(name: Option<&str>) -> Result<Account, LingerError> {
    let number = name.map_or(Some(unistd::getuid().as_raw()), |name| name.parse::<u32>().ok());
    let shown = name.map_or_else(|| number.unwrap_or_default().to_string(), str::to_owned);
    let failed = |errno| LingerError::Lookup { name: Text::clipped(&shown), errno };
    let mut found = name.map(unistd::User::from_name).transpose().map_err(failed)?.flatten();
    if let (None, Some(uid)) = (&found, number) {
        found = unistd::User::from_uid(uid.into()).map_err(failed)?;
    }
    match (found, number) {
        (Some(user), _) => {
            Ok(Account { uid: user.uid.as_raw(), gid: Some(user.gid.as_raw()), user: user.name })
        }
        (None, Some(uid)) => Ok(Account { uid, gid: None, user: shown }),
        (None, None) => Err(LingerError::Unknown(Text::clipped(&shown))),
    }
}

fn answer(account: &Account, linger: bool, sessions: u64, json: bool) -> Result<String, LingerError> {
    if json {
        return Ok(pretty(&Answer { account, linger, sessions })?);
    }
    let (name, uid) = (ck_protocol::printable(&account.user), account.uid);
    Ok(if linger {
        format!("{name} ({uid}) lingers: the runtime directory stays without a session.\n")
    } else {
        format!("{name} ({uid}) does not linger.\n")
    })
}

fn list(users: &[User], json: bool, screen: Screen) -> Result<String, LingerError> {
    if json {
        return Ok(pretty(&users.iter().map(json::User::from).collect::<Vec<_>>())?);
    }
    if users.is_empty() && screen.legend {
        return Ok("Nobody lingers.\n".to_owned());
    }
    Ok(table::list(users, "user", "UID\tUSER\tSESSIONS\tSTATE\tRUNTIME DIRECTORY", screen, |user| {
        let dir = or_none(user.runtime_dir.as_ref());
        table::row(&[&user.uid, &user.name, &user.sessions, &user.state, &dir])
    }))
}
