//! `ckctl linger`: which users keep a runtime directory without a session.

use crate::{
    account::{self, Account, AccountError},
    client::{Client, ClientError},
    json,
    output::{Format, Output, OutputError},
    table,
};
use ck_protocol::{Gid, Linger, Uid, UserName};
use clap::Subcommand;
use serde::Serialize;
use std::{borrow::Cow, ffi::OsString, os::unix::ffi::OsStrExt};

/// What to do about lingering.
#[derive(Clone, Debug, Subcommand)]
pub enum LingerVerb {
    /// Keep the runtime directory of a user without a session, also after a boot
    On {
        /// A name or a uid, for root and administrators; yourself if none is given
        user: Option<OsString>,
    },
    /// Remove the runtime directory of a user with the last session
    Off {
        /// A name or a uid, for root and administrators; yourself if none is given
        user: Option<OsString>,
    },
    /// List the users who linger
    List {
        /// Only this user: a name or a uid
        user: Option<OsString>,
    },
}

/// Why lingering was not turned on or off, or the list is not shown.
#[derive(Debug, thiserror::Error)]
pub enum LingerError {
    /// The broker refused, or there is no usable reply.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The user was not found, or cannot linger.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The reply could not be written in the requested form.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// The JSON of `on` and `off`.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    uid: u32,
    user: Cow<'a, str>,
    linger: bool,
    sessions: u64,
}

/// Sends the request; returns what is printed.
///
/// # Errors
/// [`LingerError`]
pub fn text(client: &mut Client, verb: &LingerVerb, output: &Output<'_>) -> Result<String, LingerError> {
    match verb {
        LingerVerb::On { user } => {
            let account = account::find_or_self(user.as_deref())?;
            let sessions = client.linger(on(&account)?)?;
            answer(&account, true, sessions, output)
        }
        LingerVerb::Off { user } => {
            let account = account::find_or_self(user.as_deref())?;
            let uid = Uid::try_from(account.uid).map_err(|_| invalid(&account))?;
            let sessions = client.linger(Linger::Off(uid))?;
            answer(&account, false, sessions, output)
        }
        LingerVerb::List { user } => {
            let mut users = client.lingerers()?;
            if let Some(user) = user {
                account::keep_items_of(&mut users, user, |user| (user.uid.get(), user.name.as_bytes()))?;
            }
            if users.is_empty() && output.format == Format::Table && output.screen.legend {
                return Ok("Nobody lingers.\n".to_owned());
            }
            Ok(output.list(&table::LINGERING, &users, json::User::from)?)
        }
    }
}

/// The request for `account`, with everything that the broker must know about the user.
fn on(account: &Account) -> Result<Linger, AccountError> {
    let uid = Uid::try_from(account.uid).map_err(|_| invalid(account))?;
    let gid = account.gid.ok_or_else(|| AccountError::Unknown(account::shown(&account.name)))?;
    let gid = Gid::try_from(gid).map_err(|_| invalid(account))?;
    let user = UserName::new(account.name.as_bytes()).map_err(|_| invalid(account))?;
    Ok(Linger::On { uid, gid, user })
}

fn invalid(account: &Account) -> AccountError {
    AccountError::Invalid(account::shown(&account.name))
}

fn answer(
    account: &Account,
    linger: bool,
    sessions: u64,
    output: &Output<'_>,
) -> Result<String, LingerError> {
    let Account { uid, name, .. } = account;
    let text = || {
        let name = account::shown(name);
        if linger {
            format!("{name} ({uid}) lingers: the runtime directory stays without a session.\n")
        } else {
            format!("{name} ({uid}) does not linger.\n")
        }
    };
    Ok(output.one(&Answer { uid: *uid, user: name.to_string_lossy(), linger, sessions }, text)?)
}
