//! From the command line to what is printed.

use crate::{
    arguments::{Arguments, TeardownVerb, Verb},
    client::{Client, ClientError},
    history::{self, HistoryError},
    json::{self, pretty},
    linger::{self, LingerError},
    table,
};
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
    #[error("cannot write the JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("cannot write to standard output: {0}")]
    Print(io::Error),
}

impl RunError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Client(error) => error.exit_code(),
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
            // Nobody reads standard error if this fails.
            let _ = writeln!(io::stderr(), "ckctl: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Asks the broker; returns what is to be printed.
fn text(arguments: &Arguments) -> Result<String, RunError> {
    let json = arguments.json;
    let legend = !arguments.no_legend;
    let client = || Client::connect(&arguments.socket);
    Ok(match arguments.verb.clone().unwrap_or(Verb::List) {
        Verb::History(query) => {
            let stays = history::stays(&query, &arguments.socket)?;
            if json { history::json(&stays)? } else { history::table(&stays, legend) }
        }
        Verb::Linger(verb) => linger::text(&client()?, &verb, json, legend)?,
        Verb::List => {
            let sessions = client()?.list()?;
            if json {
                pretty(&sessions.iter().map(json::Session::from).collect::<Vec<_>>())?
            } else {
                table::sessions(&sessions, legend)
            }
        }
        Verb::Show { id } => {
            let session = client()?.show(id)?;
            if json { pretty(&json::Session::from(&session))? } else { table::session(&session) }
        }
        Verb::Status => {
            let status = client()?.status()?;
            if json { pretty(&json::Status::from(&status))? } else { table::status(&status) }
        }
        Verb::Teardown(TeardownVerb::List) => {
            let teardowns = client()?.teardowns()?;
            if json {
                pretty(&teardowns.iter().map(json::Teardown::from).collect::<Vec<_>>())?
            } else {
                table::teardowns(&teardowns, legend)
            }
        }
        Verb::Teardown(TeardownVerb::Retry { id }) => {
            let retrying = client()?.retry_teardowns(id)?;
            if json { pretty(&json::Retrying { retrying })? } else { format!("{retrying} tried again.\n") }
        }
    })
}

fn print(text: &str) -> Result<(), RunError> {
    match io::stdout().write_all(text.as_bytes()) {
        // `ckctl list | head` is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed.map_err(RunError::Print),
    }
}
