//! From the command line to what is printed.

use crate::{
    account::{self, AccountError},
    arguments::{Arguments, TeardownVerb, Verb},
    client::{Client, ClientError},
    json::{self, pretty},
    table,
};
use ck_protocol::{AdminRequest, SessionId, Target};
use clap::Parser;
use std::{
    io::{self, Write},
    process::ExitCode,
};

/// Why nothing was shown.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Account(#[from] AccountError),
    #[error("cannot write the JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("cannot write to standard output: {0}")]
    Print(io::Error),
}

impl RunError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Client(error) => error.exit_code(),
            _ => 1,
        }
    }
}

/// Runs the command; returns its exit status.
#[must_use]
pub fn main() -> ExitCode {
    // A wrong command line ends here with status 2.
    let arguments = Arguments::parse();
    match text(&arguments).and_then(|text| print(&text)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// Asks the broker; returns what is to be printed.
fn text(arguments: &Arguments) -> Result<String, RunError> {
    let client = Client::connect(&arguments.socket)?;
    let json = arguments.json;
    Ok(match arguments.verb.clone().unwrap_or(Verb::List) {
        Verb::List => {
            let sessions = client.list()?;
            if json {
                pretty(&sessions.iter().map(json::Session::from).collect::<Vec<_>>())?
            } else {
                table::sessions(&sessions, !arguments.no_legend)
            }
        }
        Verb::Show { id } => {
            let session = client.show(id)?;
            if json { pretty(&json::Session::from(&session))? } else { table::session(&session) }
        }
        Verb::Users => {
            let users = client.users()?;
            if json {
                pretty(&users.iter().map(json::User::from).collect::<Vec<_>>())?
            } else {
                table::users(&users, !arguments.no_legend)
            }
        }
        Verb::Seats => {
            let seats = client.seats()?;
            if json {
                pretty(&seats.iter().map(json::Seat::from).collect::<Vec<_>>())?
            } else {
                table::seats(&seats, !arguments.no_legend)
            }
        }
        Verb::Activate { id } => done(client.act(AdminRequest::Activate(id))?, json)?,
        Verb::Terminate { user: Some(name), .. } => {
            let target = Target::User(account::uid(&name)?);
            done(client.act(AdminRequest::Terminate(target))?, json)?
        }
        Verb::Terminate { user: None, ids } => {
            let request = |id| AdminRequest::Terminate(Target::Session(id));
            done(act_on_each(&client, &ids, request)?, json)?
        }
        Verb::Lock { ids } => done(act_on_each(&client, &ids, AdminRequest::Lock)?, json)?,
        Verb::Unlock { ids } => done(act_on_each(&client, &ids, AdminRequest::Unlock)?, json)?,
        Verb::Status => {
            let status = client.status()?;
            if json { pretty(&json::Status::from(&status))? } else { table::status(&status) }
        }
        Verb::Teardown(TeardownVerb::List) => {
            let teardowns = client.teardowns()?;
            if json {
                pretty(&teardowns.iter().map(json::Teardown::from).collect::<Vec<_>>())?
            } else {
                table::teardowns(&teardowns, !arguments.no_legend)
            }
        }
        Verb::Teardown(TeardownVerb::Retry { id }) => {
            let retrying = client.retry_teardowns(id)?;
            if json { pretty(&json::Retrying { retrying })? } else { format!("{retrying} tried again.\n") }
        }
    })
}

/// Has something done with each session. One that refuses keeps no other from it: it is named, and the
/// last of them is the error.
fn act_on_each(
    client: &Client,
    ids: &[SessionId],
    request: impl Fn(SessionId) -> AdminRequest,
) -> Result<u64, RunError> {
    let (mut done, mut failed) = (0, None);
    for &id in ids {
        match client.act(request(id)) {
            Ok(count) => done += count,
            Err(error @ ClientError::Refused { .. }) => {
                if let Some(before) = failed.replace(error) {
                    complain(&before);
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    failed.map_or(Ok(done), |error| Err(error.into()))
}

/// What was done is seen in `ckctl list`, so people are told nothing.
fn done(sessions: u64, json: bool) -> serde_json::Result<String> {
    if json { pretty(&json::Done { sessions }) } else { Ok(String::new()) }
}

fn complain(error: &dyn std::error::Error) {
    // Nobody reads standard error if this fails.
    let _ = writeln!(io::stderr(), "ckctl: {error}");
}

fn print(text: &str) -> Result<(), RunError> {
    match io::stdout().write_all(text.as_bytes()) {
        // `ckctl list | head` is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed.map_err(RunError::Print),
    }
}
