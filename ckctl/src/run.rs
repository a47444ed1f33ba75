//! From the command line to what is printed.

use crate::{
    account::{self, AccountError},
    arguments::{Arguments, TeardownVerb, Verb},
    client::{Client, ClientError},
    facts::Facts,
    health,
    history::{self, HistoryError},
    json::{self, pretty},
    linger::{self, LingerError},
    metrics,
    news::Form,
    screen::Screen,
    table,
    watch::{self, WatchError},
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
    History(#[from] HistoryError),
    #[error(transparent)]
    Linger(#[from] LingerError),
    #[error(transparent)]
    Account(#[from] AccountError),
    #[error("cannot write the JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("cannot write to standard output: {0}")]
    Print(io::Error),
    #[error(transparent)]
    Watch(#[from] WatchError),
}

impl RunError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Client(error) | Self::Watch(WatchError::Client(error)) => error.exit_code(),
            Self::Linger(error) => error.exit_code(),
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

/// Asks the broker; returns what is to be printed, but for what is printed as it comes.
fn text(arguments: &Arguments) -> Result<String, RunError> {
    let json = arguments.json;
    let screen = Screen::of_stdout(!arguments.no_legend);
    let client = || Client::connect(&arguments.socket);
    Ok(match arguments.verb.clone().unwrap_or(Verb::List) {
        Verb::History(query) => {
            let stays = history::stays(&query, &arguments.socket)?;
            if json { history::json(&stays)? } else { history::table(&stays, screen) }
        }
        Verb::Linger(verb) => linger::text(&mut client()?, &verb, json, screen)?,
        Verb::List => {
            let sessions = client()?.list()?;
            if json {
                pretty(&sessions.iter().map(ck_core::json::session).collect::<Vec<_>>())?
            } else {
                table::sessions(&sessions, screen)
            }
        }
        Verb::Show { id } => {
            let session = client()?.show(id)?;
            if json { pretty(&ck_core::json::session(&session))? } else { table::session(&session) }
        }
        Verb::Users => {
            let users = client()?.users()?;
            if json {
                pretty(&users.iter().map(json::User::from).collect::<Vec<_>>())?
            } else {
                table::users(&users, screen)
            }
        }
        Verb::Seats => {
            let seats = client()?.seats()?;
            if json {
                pretty(&seats.iter().map(json::Seat::from).collect::<Vec<_>>())?
            } else {
                table::seats(&seats, screen)
            }
        }
        Verb::Activate { id } => done(client()?.act(AdminRequest::Activate(id))?, json)?,
        Verb::Terminate { user: Some(name), .. } => {
            let target = Target::User(account::uid(&name)?);
            done(client()?.act(AdminRequest::Terminate(target))?, json)?
        }
        Verb::Terminate { user: None, ids } => {
            let request = |id| AdminRequest::Terminate(Target::Session(id));
            done(act_on_each(&mut client()?, &ids, request)?, json)?
        }
        Verb::Lock { ids } => done(act_on_each(&mut client()?, &ids, AdminRequest::Lock)?, json)?,
        Verb::Unlock { ids } => done(act_on_each(&mut client()?, &ids, AdminRequest::Unlock)?, json)?,
        Verb::Status { metrics } => {
            let asked = client().and_then(|mut client| Ok((client.facts()?, client.problems()?)));
            let (facts, told) = asked.inspect_err(|_| {
                if metrics {
                    // Who collects them is to see that it is down; why is said on standard error.
                    let _ = print(&metrics::down());
                }
            })?;
            let facts = Facts::from(facts);
            let problems = health::problems(&facts, &told);
            if metrics {
                metrics::metrics(&facts, problems.len())
            } else if json {
                pretty(&json::Status { facts: &facts, problems: &problems })?
            } else {
                table::status(&facts, &problems, screen)
            }
        }
        Verb::Teardown(TeardownVerb::List) => {
            let teardowns = client()?.teardowns()?;
            if json {
                pretty(&teardowns.iter().map(json::Teardown::from).collect::<Vec<_>>())?
            } else {
                table::teardowns(&teardowns, screen)
            }
        }
        Verb::Teardown(TeardownVerb::Retry { id }) => {
            let retrying = client()?.retry_teardowns(id)?;
            if json { pretty(&json::Retrying { retrying })? } else { format!("{retrying} tried again.\n") }
        }
        Verb::Watch => {
            watch::watch(&mut client()?, Form { json, legend: !arguments.no_legend })?;
            String::new()
        }
    })
}

/// Has something done with each session. One that refuses keeps no other from it: it is named, and the
/// last of them is the error.
fn act_on_each(
    client: &mut Client,
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
