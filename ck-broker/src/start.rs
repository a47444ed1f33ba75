//! From the command line to a serving broker.

use crate::{
    arguments::{self, ArgumentError, Command, MakePlaces, Options},
    broker::{self, Broker, BrokerError, Startup},
    compat::sd_login,
    config::{self, Backing, ConfigurationError, SettingsError, Source},
    console,
    directories::{
        self, Claims,
        runtime_dir::{RootError, RuntimeRoot},
        teardown::{NoRemover, Remover, TeardownQueue},
    },
    history,
    log_sink::{self, Destination},
    places::{self, Holder, LockError, PlacesError, Wanted},
    privileges,
    process::Proc,
    running::{self, RunningError},
    sessions::store::{Boot, LingerDir, StateDir, Store},
    state_files::StoreError,
    supervisor,
    sys::{
        self,
        filter::{self, Refused},
        inherited::{self, InheritedError},
    },
};
use log::LevelFilter;
use std::{
    env,
    ffi::CString,
    fmt::Display,
    fs,
    io::{self, Write},
    os::fd::OwnedFd,
    path::Path,
    process::ExitCode,
    rc::Rc,
};

/// The exit status of `--pid` if no broker runs.
const NOT_RUNNING: u8 = 3;
/// The same if the last one was killed.
const DIED: u8 = 4;

/// Why the broker does not run.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Arguments(#[from] ArgumentError),
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("cannot take over the sockets of the service manager (LISTEN_FDS): {0}")]
    Passed(io::Error),
    #[error(transparent)]
    Inherited(#[from] InheritedError),
    #[error("cannot send messages to the system's log: {0}")]
    Log(io::Error),
    #[error("started as uid {0}: only root can make runtime directories; run it as root")]
    NotRoot(u32),
    #[error(
        "runs in a mount namespace of its own, where nobody would see the directories it makes: take every option that makes one (such as PrivateTmp= or ProtectSystem=) from its service"
    )]
    HiddenMounts,
    #[error(transparent)]
    Filter(#[from] Refused),
    #[error("cannot find out what program this is: {0}")]
    Own(io::Error),
    #[error(transparent)]
    NoRemover(#[from] NoRemover),
    #[error(transparent)]
    Places(#[from] PlacesError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Running(#[from] RunningError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Root(#[from] RootError),
    #[error(transparent)]
    Broker(#[from] BrokerError),
    #[error("cannot read what is to be written into the history: {0}")]
    History(io::Error),
    #[error("cannot read which sessions are to be published: {0}")]
    Publish(io::Error),
    #[error("cannot write to the descriptor of --ready-fd: {0}")]
    Ready(io::Error),
}

impl StartError {
    /// 2 for what was typed or configured wrongly, 1 for the rest.
    fn exit_code(&self) -> u8 {
        match self {
            Self::Arguments(_) | Self::Configuration(_) | Self::Settings(SettingsError::Configuration(_)) => {
                2
            }
            _ => 1,
        }
    }
}

/// Runs the command; returns its exit status.
#[must_use]
pub fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            // Nobody reads standard error if this fails.
            let _ = writeln!(io::stderr(), "ck-broker: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn run() -> Result<ExitCode, StartError> {
    match arguments::parse(lexopt::Parser::from_env())? {
        Command::Help => print(arguments::HELP),
        Command::Version => print(concat!("ck-broker ", env!("CARGO_PKG_VERSION"), "\n")),
        Command::CheckConfig(options) => {
            config::configuration(options.config.as_deref())?;
        }
        Command::Pid(state_dir) => return print_pid(&state_dir),
        Command::Stop(state_dir) => running::stop(&state_dir)?,
        Command::Run(options) => {
            // Before this process opens anything of its own.
            let passed = sys::passed_descriptors().map_err(StartError::Passed)?;
            serve(&options, passed).inspect_err(|error| say_last(&options, error))?;
        }
        Command::InRoot(task, root) => {
            show_name();
            return Ok(told(task.perform(&root)));
        }
        Command::SwitchVt(vt) => {
            show_name();
            return Ok(told(console::activate(vt)));
        }
        Command::MakePlaces(wanted) => {
            show_name();
            return make_places(&wanted);
        }
        Command::WriteHistory(place, syslog) => {
            show_name();
            log_sink::install(target(syslog), LevelFilter::Warn).map_err(StartError::Log)?;
            history::writer::run(place).map_err(StartError::History)?;
        }
        Command::Publish(lock, syslog) => {
            show_name();
            log_sink::install(target(syslog), LevelFilter::Warn).map_err(StartError::Log)?;
            sd_login::publisher::run(&lock).map_err(StartError::Publish)?;
        }
        Command::CloseDescriptors => {
            show_name();
            // Whatever it reads, or cannot: it ends.
            drop(io::copy(&mut io::stdin(), &mut io::sink()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the pid of the broker on `state_dir`, or says by the exit status that there is none.
fn print_pid(state_dir: &Path) -> Result<ExitCode, StartError> {
    Ok(match running::find(state_dir)? {
        Holder::Runs(pid) => {
            print(&format!("{}\n", pid.as_raw_nonzero()));
            ExitCode::SUCCESS
        }
        Holder::None => ExitCode::from(NOT_RUNNING),
        Holder::Died => ExitCode::from(DIED),
    })
}

/// Has ps(1) show this process by the name that it was started with. Executed as `/proc/self/exe`, it is called `exe`
/// (proc_pid_comm(5)).
fn show_name() {
    if let Some(name) = env::args_os().next().and_then(|name| CString::new(name.into_encoded_bytes()).ok()) {
        // It is for people only.
        let _ = rustix::thread::set_name(&name);
    }
}

/// What the process does that makes the places: what it has to say is for the broker that started it.
fn make_places(wanted: &MakePlaces) -> Result<ExitCode, StartError> {
    log_sink::install(target(wanted.syslog), LevelFilter::Info).map_err(StartError::Log)?;
    let made = places::make(
        &Wanted {
            state_dir: &wanted.state_dir,
            runtime_root: wanted.runtime_root.as_deref(),
            linger_dir: &wanted.linger_dir,
            sockets_are_passed: wanted.sockets_are_passed,
        },
        wanted.broker,
    );
    let said = made.as_ref().map_or_else(|error| error.to_string(), |problems| problems.join("\n"));
    print(&said);
    Ok(if made.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The exit status of a process that has done one thing for the broker: why it failed is printed, for the broker to read.
fn told(done: Result<(), impl Display>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn print(text: &str) {
    // A reader that has gone needs no message.
    let _ = io::stdout().write_all(text.as_bytes());
}

fn source(options: &Options) -> Source {
    Source {
        proc: Rc::new(Proc::open()),
        config: options.config.clone(),
        runtime_root: options.runtime_root.clone(),
        beside_logind: options.beside_logind,
    }
}

fn target(syslog: bool) -> Destination {
    if syslog { Destination::Syslog } else { Destination::Stderr }
}

/// Standard error, where it is said as well, may lead nowhere.
fn say_last(options: &Options, error: &StartError) {
    if options.syslog && log_sink::install(Destination::Syslog, LevelFilter::Error).is_ok() {
        log::error!("{error}");
    }
}

fn serve(options: &Options, passed: Vec<OwnedFd>) -> Result<(), StartError> {
    inherited::tidy()?;
    let signals = broker::receive_signals()?;
    let source = source(options);
    let settings = source.read()?;
    let proc = Rc::clone(&source.proc);
    log_sink::install(target(options.syslog), settings.level).map_err(StartError::Log)?;
    let uid = rustix::process::geteuid().as_raw();
    if uid != 0 {
        return Err(StartError::NotRoot(uid));
    }
    refuse_hidden_mounts()?;
    filter::check_needed()?;
    let own = env::current_exe().map_err(StartError::Own)?;
    let remover = Remover::beside(&own)?;
    // Modes are to be as written here, however the shell that started us has it.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let makes_directories = settings.mount_options.backing != Backing::None;
    let mut places = places::ensure(&Wanted {
        state_dir: &options.state_dir,
        runtime_root: makes_directories.then_some(options.runtime_root.as_path()),
        linger_dir: &options.linger_dir,
        sockets_are_passed: !passed.is_empty(),
    })?;
    places.extend(filter::problem());
    places.iter().for_each(|problem| log::warn!("{problem}"));
    let state = StateDir::lock(&options.state_dir)?;
    let boot = Boot::current(&proc);
    let store = Store::open(&state, boot.as_ref())?;
    let (root, unfinished) = RuntimeRoot::open(&options.runtime_root, settings.mount_options)?;
    let descriptors = inherited::raise_descriptor_limit();
    let teardowns = TeardownQueue::new(remover, root.retired_path(), [state.private()]);
    let linger = LingerDir::open(&options.linger_dir);
    let directories =
        directories::Resources { root, teardowns, claims: Claims::open(state.users())?, places };
    let startup = Startup { directories, unfinished, linger, descriptors, boot, passed, source, signals };
    let seats = settings.seats.clone();
    let mut broker = Broker::open(state.path(), store, startup, settings)?;
    let has_vts = broker.open_seats(seats);
    if let Err(error) = privileges::drop_excess(has_vts, &proc) {
        log::warn!("goes on with more privileges than it needs: {error}");
    }
    supervisor::tell_ready(options.ready_fd).map_err(StartError::Ready)?;
    broker.serve()?;
    state.release();
    Ok(())
}

/// Refuses to run where mounts would not be seen by the users: in another mount namespace than
/// the first process.
fn refuse_hidden_mounts() -> Result<(), StartError> {
    let own = fs::read_link("/proc/self/ns/mnt");
    match (own, fs::read_link("/proc/1/ns/mnt")) {
        (Ok(own), Ok(first)) if own != first => Err(StartError::HiddenMounts),
        (Ok(_), Ok(_)) => Ok(()),
        _ => {
            log::warn!(
                "cannot compare mount namespaces with process 1: directories may be hidden from users"
            );
            Ok(())
        }
    }
}
