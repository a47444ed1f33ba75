//! From the command line to a serving broker.

use crate::{
    arguments::{self, ArgumentError, Command, Options},
    configuration::{self, Configuration, ConfigurationError, RuntimeDir},
    history::{self, History},
    hooks::{Hooks, Rules},
    jobs::{NoRemover, Queue, Remover},
    log_sink, privileges,
    registry::Services,
    rival::{self, Rival},
    runtime_dir::{Backing, Recipe, RootError, RuntimeRoot},
    server::{Admins, Parts, Server, ServerError, Switcher},
    store::{self, LingerDir, PlaceError, StateDir, Store, StoreError},
};
use log::LevelFilter;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{
    env, fs,
    io::{self, Write},
    num::NonZeroU64,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Where the configuration is, unless `--config` says otherwise.
const CONFIGURATION: &str = "/etc/ck/broker.toml";
/// How much of a tmpfs's size makes for one inode: the size of a page, as systemd-logind has it.
const BYTES_PER_INODE: u64 = 4096;

/// Why the broker does not run.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Arguments(#[from] ArgumentError),
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    #[error("started as uid {0}: only root can make runtime directories; run it as root")]
    NotRoot(u32),
    #[error(
        "runs in a mount namespace of its own, where nobody would see the directories it makes: take every option that makes one (such as PrivateTmp= or ProtectSystem=) from its service"
    )]
    HiddenMounts,
    #[error(
        "{} (process {}) manages {}: stop it and keep it from starting, or set kind = \"none\" in [runtime_dir] to have sessions without directories",
        rival.name, rival.pid, root.display()
    )]
    Managed { root: PathBuf, rival: Rival },
    #[error("cannot find out what program this is: {0}")]
    Own(io::Error),
    #[error(transparent)]
    NoRemover(#[from] NoRemover),
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Root(#[from] RootError),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error("cannot read what is to be written into the history: {0}")]
    History(io::Error),
    #[error("cannot write to descriptor {fd} of --ready-fd: {source}")]
    Ready { fd: i32, source: io::Error },
}

impl StartError {
    /// 2 for what was typed or configured wrongly, 1 for the rest.
    fn exit_code(&self) -> u8 {
        match self {
            Self::Arguments(_) | Self::Configuration(_) => 2,
            _ => 1,
        }
    }
}

/// Runs the command; returns its exit status.
#[must_use]
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody reads standard error if this fails.
            let _ = writeln!(io::stderr(), "ck-broker: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn run() -> Result<(), StartError> {
    match arguments::parse(lexopt::Parser::from_env())? {
        Command::Help => print(arguments::HELP),
        Command::Version => print(concat!("ck-broker ", env!("CARGO_PKG_VERSION"), "\n")),
        Command::CheckConfig(options) => {
            configuration(&options)?;
        }
        Command::Run(options) => serve(&options)?,
        Command::WriteHistory(place) => {
            log_sink::install(LevelFilter::Warn);
            history::writer::run(place).map_err(StartError::History)?;
        }
        // Whatever it reads, or cannot: it ends.
        Command::CloseDescriptors => drop(io::copy(&mut io::stdin(), &mut io::sink())),
    }
    Ok(())
}

fn print(text: &str) {
    // A reader that has gone needs no message.
    let _ = io::stdout().write_all(text.as_bytes());
}

fn configuration(options: &Options) -> Result<Configuration, ConfigurationError> {
    let path = options.config.as_deref();
    Configuration::read(path.unwrap_or(Path::new(CONFIGURATION)), path.is_some())
}

fn serve(options: &Options) -> Result<(), StartError> {
    let configuration = configuration(options)?;
    log_sink::install(configuration.log.level.into());
    let uid = rustix::process::geteuid().as_raw();
    if uid != 0 {
        return Err(StartError::NotRoot(uid));
    }
    refuse_hidden_mounts()?;
    if configuration.runtime_dir.kind != Backing::None {
        refuse_managed(&options.runtime_root)?;
    }
    let own = env::current_exe().map_err(StartError::Own)?;
    let remover = Remover::beside(&own)?;
    // Modes are to be as written here, however the shell that started us has it.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    // Everything that can be refused is, before anything is made.
    store::inspect(&options.runtime_root).map_err(RootError::Unusable)?;
    let state = StateDir::lock(&options.state_dir)?;
    let store = Store::open(&state)?;
    let runtime = configuration.runtime_dir;
    let (root, retired) = RuntimeRoot::prepare(&options.runtime_root, recipe(&runtime))?;
    let descriptors = raise_descriptor_limit();
    let jobs = Queue::new(remover);
    let history = History::new(configuration.history.place());
    let hooks = Hooks::new(rules(configuration.hooks));
    let linger = LingerDir::new(&options.linger_dir);
    let parts = Parts { root, jobs, history, hooks, linger, stop_delay: runtime.stop_delay.0, descriptors };
    let mut server = Server::open(state.path(), store, parts)?;
    server.permit(Admins { listing: configuration.admin.list, group: configuration.admin.group.gid() });
    let services = configuration.services.into_iter().map(|(name, service)| (name, service.into()));
    server.services(Services::new(services.collect()));
    let has_vts = server.seats(configuration.seats.0, Switcher::beside(&own));
    server.resume(retired);
    if let Err(error) = privileges::drop_excess(has_vts) {
        log::warn!("goes on with more privileges than it needs: {error}");
    }
    tell_ready(options.ready_fd)?;
    server.serve()?;
    Ok(())
}

/// How runtime directories are made on this machine, by the configuration.
fn recipe(configured: &RuntimeDir) -> Recipe {
    let sysinfo = rustix::system::sysinfo();
    let size = configured.size.bytes(sysinfo.totalram.saturating_mul(sysinfo.mem_unit.into()));
    let inodes = configured.inodes.map_or(size / BYTES_PER_INODE, NonZeroU64::get);
    Recipe { backing: configured.kind, size, inodes, noexec: configured.noexec }
}

/// How hooks are run, by the configuration.
fn rules(configured: configuration::Hooks) -> Rules {
    Rules {
        deadline: configured.deadline.0,
        parallel: configured.parallel.0,
        wait_added: configured.wait_added,
        session_dirs: configured.session_dirs.0,
        seat_dirs: configured.seat_dirs.0,
    }
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

/// Refuses to make directories where somebody else makes and removes them.
fn refuse_managed(root: &Path) -> Result<(), StartError> {
    match rival::of(root) {
        Some(rival) => Err(StartError::Managed { root: root.to_owned(), rival }),
        None => Ok(()),
    }
}

/// A session takes a descriptor: allow as many as this process may have at all, and say how many.
fn raise_descriptor_limit() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let allowed = match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(errno) => {
            log::warn!("cannot raise the limit of open descriptors: {errno}");
            current
        }
    };
    // None is no limit.
    allowed.map_or(usize::MAX, |allowed| usize::try_from(allowed).unwrap_or(usize::MAX))
}

/// Tells the supervisor that logins are served.
fn tell_ready(fd: Option<i32>) -> Result<(), StartError> {
    if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Ready]) {
        log::warn!("cannot notify the service manager: {error}");
    }
    let Some(fd) = fd else { return Ok(()) };
    let failed = |source| StartError::Ready { fd, source };
    let mut pipe = fs::OpenOptions::new().write(true).open(format!("/proc/self/fd/{fd}")).map_err(failed)?;
    pipe.write_all(b"\n").map_err(failed)?;
    // The inherited one too, so that no worker keeps it open.
    nix::unistd::close(fd).map_err(|errno| failed(errno.into()))
}
