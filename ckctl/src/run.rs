//! From the command line to what is printed.

use crate::{
    account::{self, AccountError},
    activity::{self, Listed},
    arguments::{Arguments, Examination, TeardownVerb, Verb},
    client::{Client, ClientError},
    doctor::{self, LoginError, TrialError, report},
    events::EventFormat,
    health,
    history::{self, HistoryError},
    json,
    linger::{self, LingerError},
    lock::{self, LockVerb},
    metrics,
    output::{Format, Output, OutputError},
    screen::Screen,
    show::{self, ShowError},
    status, sys, table,
    watch::{self, WatchError},
};
use ck_protocol::{AdminRequest, Pid, SessionId, Target, printable};
use std::{
    env,
    ffi::OsStr,
    fmt,
    io::{self, Write},
    process::ExitCode,
};

/// Why the command failed.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error("{0}")]
    CommandLine(String),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error(transparent)]
    Linger(#[from] LingerError),
    #[error(transparent)]
    Show(#[from] ShowError),
    #[error(transparent)]
    Account(#[from] AccountError),
    #[error(transparent)]
    Login(#[from] LoginError),
    #[error(transparent)]
    Trial(#[from] TrialError),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error("cannot write to standard output: {0}")]
    Print(io::Error),
    #[error("standard output is closed: redirect it to a file or to /dev/null")]
    Closed,
    #[error(transparent)]
    Watch(#[from] WatchError),
}

impl RunError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::CommandLine(_)
            | Self::Output(OutputError::Column(_))
            | Self::History(HistoryError::Output(OutputError::Column(_)))
            | Self::Linger(LingerError::Output(OutputError::Column(_))) => 2,
            Self::Client(error)
            | Self::Watch(WatchError::Client(error))
            | Self::Linger(LingerError::Client(error))
            | Self::Show(ShowError::Client(error)) => error.exit_code(),
            _ => 1,
        }
    }
}

/// Runs the command; returns its exit status.
#[must_use]
pub fn main() -> ExitCode {
    match run() {
        Ok(status) => status,
        Err(error) => {
            complain(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn run() -> Result<ExitCode, RunError> {
    if let Some((socket, login)) = doctor::Login::on_trial(env::args_os()) {
        return Ok(doctor::run_trial(&socket, &login).map(|()| ExitCode::SUCCESS)?);
    }
    let arguments = match Arguments::read(env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => return print_help(&error).map(|()| ExitCode::SUCCESS),
    };
    if let Some(Verb::Help { verb }) = arguments.verb {
        let words = ["ckctl".into()].into_iter().chain(verb).chain(["--help".into()]);
        Arguments::read(words).map(drop).or_else(|error| print_help(&error))?;
        return Ok(ExitCode::SUCCESS);
    }
    match arguments.verb.clone().unwrap_or(Verb::List { user: None }) {
        Verb::Doctor(examination) => examine(&arguments, examination),
        verb => text(&arguments, verb).and_then(|text| print(&text)).map(|()| ExitCode::SUCCESS),
    }
}

/// Checks the machine. The exit status is 1 if there is a problem.
fn examine(arguments: &Arguments, examination: Examination) -> Result<ExitCode, RunError> {
    let output = output(arguments);
    check(&output, &Verb::Doctor(examination.clone()))?;
    let Examination { login, service } = examination;
    let login = login.map(|user| doctor::Login { user, service });
    let findings = doctor::check(&arguments.socket, login.as_ref())?;
    print(&output.one(&findings, || report::text(&findings, output.screen))?)?;
    Ok(if report::is_well(&findings) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn output(arguments: &Arguments) -> Output<'_> {
    let format = if arguments.json { Format::Json } else { arguments.output.unwrap_or_default() };
    let screen = Screen::of_stdout(!arguments.no_legend);
    Output { format, selection: &arguments.selection, screen }
}

/// Prints the help or the version that was requested. Any other message of clap is an error, on one line.
fn print_help(error: &clap::Error) -> Result<(), RunError> {
    let text = error.render().to_string();
    if !error.use_stderr() {
        return print(&format!("{}\n", text.trim_end()));
    }
    let (mut parts, mut command) = (Vec::new(), "ckctl".to_owned());
    for part in text.split("\n\n").filter(|part| !part.trim().is_empty()) {
        if let Some(usage) = part.trim().strip_prefix("Usage: ckctl ") {
            let is_verb = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase());
            usage.split_whitespace().take_while(is_verb).for_each(|verb| command += &format!(" {verb}"));
        } else if !part.trim().starts_with("For more information") {
            let words: Vec<&str> = part.split_whitespace().collect();
            parts.push(printable(words.join(" ").trim_start_matches("error: ")).to_string());
        }
    }
    Err(RunError::CommandLine(format!("{}; see `{command} --help`", parts.join("; "))))
}

/// Asks the broker; returns what is to be printed at the end. `watch` prints by itself.
fn text(arguments: &Arguments, verb: Verb) -> Result<String, RunError> {
    let output = output(arguments);
    let (format, screen) = (output.format, output.screen);
    check(&output, &verb)?;
    let client = || Client::connect(&arguments.socket);
    Ok(match verb {
        Verb::History(query) => history::text(&query, &arguments.socket, &output)?,
        Verb::Linger(verb) => linger::text(&mut client()?, &verb, &output)?,
        Verb::List { user } => list(&mut client()?, user.as_deref(), &output)?,
        Verb::Show { what, user } => show::text(&mut client()?, what.as_deref(), user.as_deref(), &output)?,
        Verb::Users { user } => {
            let mut users = client()?.users()?;
            if let Some(user) = user {
                account::keep_items_of(&mut users, &user, |user| (user.uid.get(), user.name.as_bytes()))?;
            }
            output.list(&table::USERS, &users, json::User::from)?
        }
        Verb::Seats => output.list(&table::SEATS, &client()?.seats()?, json::Seat::from)?,
        Verb::Activate { id } => done(client()?.act(AdminRequest::Activate(id))?, &output)?,
        Verb::Terminate { user: Some(name), .. } => {
            let target = Target::User(account::uid(&name)?);
            done(client()?.act(AdminRequest::Terminate(target))?, &output)?
        }
        Verb::Terminate { user: None, ids } if ids.is_empty() => {
            let needed = "terminate needs session ids or --user USER: see `ckctl list`";
            return Err(RunError::CommandLine(needed.to_owned()));
        }
        Verb::Terminate { user: None, ids } => {
            let mut client = client()?;
            let request = |id| client.act(AdminRequest::Terminate(Target::Session(id)));
            let (counts, refused) = act_on_each(&ids, request)?;
            refused.map_or(Ok(()), Err)?;
            done(counts.iter().sum(), &output)?
        }
        Verb::Lock { ids } => request_locks(&mut client()?, &ids, LockVerb::Lock, &output)?,
        Verb::Unlock { ids } => request_locks(&mut client()?, &ids, LockVerb::Unlock, &output)?,
        Verb::Status { metrics } => status(client(), metrics, &output)?,
        Verb::Teardown(TeardownVerb::List) => {
            let teardowns = client()?.teardowns()?;
            output.list(&table::TEARDOWNS, &teardowns, json::Teardown::from)?
        }
        Verb::Teardown(TeardownVerb::Retry { id }) => {
            let retrying = client()?.retry_teardowns(id)?;
            output.one(&json::Retrying { retrying }, || format!("{retrying} tried again.\n"))?
        }
        Verb::Watch if sys::stdout_was_closed() => return Err(RunError::Closed),
        Verb::Watch => {
            let json = format == Format::Json;
            watch::watch(&mut client()?, EventFormat { json, legend: screen.legend })?;
            String::new()
        }
        // `run` has answered these.
        Verb::Doctor(_) | Verb::Help { .. } => String::new(),
    })
}

/// Refuses options that would have no effect.
fn check(output: &Output<'_>, verb: &Verb) -> Result<(), RunError> {
    let selects = !output.selection.columns.is_empty() || output.selection.sort.is_some();
    let problem = if !verb.is_list() && (selects || output.format == Format::Csv) {
        "-o csv, --columns and --sort are for lists: list, users, seats, history, linger list, teardown list"
    } else if selects && output.format == Format::Json {
        "--columns and --sort are for tables and CSV: use jq to select and sort JSON"
    } else {
        return Ok(());
    };
    Err(RunError::CommandLine(problem.to_owned()))
}

/// All sessions, or those of `user`.
fn list(client: &mut Client, user: Option<&OsStr>, output: &Output<'_>) -> Result<String, RunError> {
    let mut sessions = client.list()?;
    let leaders: Vec<Pid> = sessions.iter().map(|session| session.leader_pid).collect();
    if let Some(user) = user {
        account::keep_items_of(&mut sessions, user, |session| (session.uid.get(), session.user.as_bytes()))?;
    }
    // Completions ask for a column, often, and need no processes.
    let sessions = if output.format == Format::Json || output.selection.takes(&table::ACTIVITY) {
        activity::listed(sessions, leaders, client.broker_pid())
    } else {
        sessions.into_iter().map(Listed::alone).collect()
    };
    Ok(output.list(&table::SESSIONS, &sessions, json::Session::from)?)
}

fn status(
    client: Result<Client, ClientError>,
    metrics: bool,
    output: &Output<'_>,
) -> Result<String, RunError> {
    let asked = client.and_then(|mut client| health::ask(&mut client));
    let (facts, problems) = asked.inspect_err(|_| {
        if metrics {
            // A collector must see that the broker does not answer. The reason is on standard error.
            let _ = print(&metrics::down());
        }
    })?;
    if metrics {
        return Ok(metrics::metrics(&facts, problems.len()));
    }
    let json = json::Status { facts: &facts, problems: &problems };
    Ok(output.one(&json, || status::status(&facts, &problems, output.screen))?)
}

/// Sends a request for each session, by `request`. A refusal does not keep the others from being sent. Returns the answers and
/// the last refusal. The other refusals are reported.
fn act_on_each<T>(
    ids: &[SessionId],
    mut request: impl FnMut(SessionId) -> Result<T, ClientError>,
) -> Result<(Vec<T>, Option<ClientError>), ClientError> {
    let (mut answers, mut refused) = (Vec::new(), None);
    for &id in ids {
        match request(id) {
            Ok(answer) => answers.push(answer),
            Err(error @ ClientError::Refused { .. }) => {
                if let Some(before) = refused.replace(error) {
                    complain(&before);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok((answers, refused))
}

/// Requests that each session is locked or unlocked. People are told on standard error of sessions whose owner has no program
/// that heard of it, because such a session stays as it is.
fn request_locks(
    client: &mut Client,
    ids: &[SessionId],
    verb: LockVerb,
    output: &Output<'_>,
) -> Result<String, RunError> {
    let (answers, refused) = act_on_each(ids, |id| lock::request(client, verb, id))?;
    if output.format == Format::Table {
        answers.iter().filter_map(|answer| answer.unheard(verb)).for_each(|line| complain(&line));
    }
    let heard = || answers.iter().filter_map(|answer| answer.heard(verb)).collect();
    let text = output.one(&lock::Json::from(&*answers), heard)?;
    let Some(error) = refused else { return Ok(text) };
    if !answers.is_empty() {
        print(&text)?;
    }
    Err(error.into())
}

/// The result of a verb that ends sessions or brings one to the foreground. People see it in `ckctl list`, so only JSON has it.
fn done(sessions: u64, output: &Output<'_>) -> Result<String, OutputError> {
    output.one(&json::Done { sessions }, String::new)
}

fn complain(error: &dyn fmt::Display) {
    // Nobody reads standard error if this fails.
    let _ = writeln!(io::stderr(), "ckctl: {error}");
}

fn print(text: &str) -> Result<(), RunError> {
    if sys::stdout_was_closed() && !text.is_empty() {
        return Err(RunError::Closed);
    }
    match io::stdout().write_all(text.as_bytes()) {
        // `ckctl list | head` is not a failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed.map_err(RunError::Print),
    }
}
