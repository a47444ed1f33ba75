//! What the configuration means on this machine: read at the start, and again at each reload.

use super::{
    Backing, Configuration, ConfigurationError, HistoryPlace, HookRules, Hooks, MountOptions, RuntimeDir,
};
use crate::rival::{self, Rival};
use ck_core::{model::Services, policy::Policy};
use ck_protocol::ShortName;
use log::LevelFilter;
use std::{
    num::NonZeroU64,
    path::{Path, PathBuf},
    time::Duration,
};

/// Where the configuration is, unless `--config` says otherwise.
const CONFIGURATION: &str = "/etc/ck/broker.toml";
/// How much of a tmpfs's size makes for one inode: the size of a page, as systemd-logind has it.
const BYTES_PER_INODE: u64 = 4096;

/// Where settings come from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The configuration file, if one was named.
    pub config: Option<PathBuf>,
    /// The root of the runtime directories.
    pub runtime_root: PathBuf,
    /// Whether directories are left to logind where that manages the root.
    pub beside_logind: bool,
}

/// Everything that the configuration decides.
#[derive(Clone, Debug)]
pub struct Settings {
    /// From which severity on messages are logged.
    pub level: LevelFilter,
    /// How runtime directories are made.
    pub mount_options: MountOptions,
    /// To whom they are left, if to anybody.
    pub yields_to: Option<Rival>,
    /// How long the directory of a user who has left stays.
    pub stop_delay: Duration,
    /// Where the history is.
    pub history: Option<HistoryPlace>,
    /// How hooks are run.
    pub hooks: HookRules,
    /// Who may do and see what on `admin.sock`.
    pub policy: Policy,
    /// What logins become.
    pub services: Services,
    /// The seats beside the virtual terminals, each with its terminals.
    pub seats: Vec<(ShortName, Vec<ShortName>)>,
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be used.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// Somebody else makes and removes directories there.
    #[error(
        "{} (process {}) manages {}: stop it and keep it from starting, or set kind = \"none\" in [runtime_dir] (or start with --beside-logind) to have sessions without directories",
        rival.name, rival.pid, root.display()
    )]
    Managed {
        /// The root of the runtime directories.
        root: PathBuf,
        /// Who does.
        rival: Rival,
    },
}

impl Source {
    /// Reads the file, and sees what it comes to here.
    ///
    /// # Errors
    /// [`SettingsError`]
    pub fn read(&self) -> Result<Settings, SettingsError> {
        let configuration = self.configuration()?;
        let makes = configuration.runtime_dir.kind != Backing::None;
        let rival = makes.then(|| rival::of(&self.runtime_root)).flatten();
        match rival {
            Some(rival) if !self.beside_logind => {
                Err(SettingsError::Managed { root: self.runtime_root.clone(), rival })
            }
            rival => Ok(Settings::of(configuration, rival)),
        }
    }

    /// Reads the file only.
    ///
    /// # Errors
    /// [`ConfigurationError`]
    pub fn configuration(&self) -> Result<Configuration, ConfigurationError> {
        let named = self.config.as_deref();
        Configuration::read(named.unwrap_or(Path::new(CONFIGURATION)), named.is_some())
    }
}

impl Settings {
    fn of(configuration: Configuration, yields_to: Option<Rival>) -> Self {
        let Configuration { runtime_dir, history, log, hooks, admin, seats, services } = configuration;
        let policy = Policy { listing: admin.list, group: admin.group.gid() };
        let services = services.into_iter().map(|(name, service)| (name, service.into()));
        Self {
            level: log.level.into(),
            mount_options: mount_options(&runtime_dir, yields_to.is_some()),
            yields_to,
            stop_delay: runtime_dir.stop_delay.0,
            history: history.place(policy.into()),
            hooks: rules(hooks),
            policy,
            services: Services::new(services.collect()),
            seats: seats.0,
        }
    }
}

/// How runtime directories are made on this machine.
fn mount_options(configured: &RuntimeDir, yields: bool) -> MountOptions {
    let sysinfo = rustix::system::sysinfo();
    let size = configured.size.bytes(sysinfo.totalram.saturating_mul(sysinfo.mem_unit.into()));
    let inodes = configured.inodes.map_or(size / BYTES_PER_INODE, NonZeroU64::get);
    let backing = if yields { Backing::None } else { configured.kind };
    MountOptions { backing, size, inodes, noexec: configured.noexec }
}

fn rules(configured: Hooks) -> HookRules {
    HookRules {
        deadline: configured.deadline.0,
        parallel: configured.parallel.0,
        wait_added: configured.wait_added,
        session_dirs: configured.session_dirs.0,
        seat_dirs: configured.seat_dirs.0,
    }
}
