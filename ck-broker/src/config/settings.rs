//! The settings that follow from the configuration on this machine. They are made at the start and at each reload.

use super::{
    Backing, Compat, Configuration, ConfigurationError, HistoryPlace, HookRules, Hooks, MountOptions,
    RuntimeDir, SdLogin,
};
use crate::{
    other_manager::{self, OtherManager},
    process::Proc,
};
use ck_core::{
    model::Services,
    policy::{Listing, Policy},
};
use ck_protocol::ShortName;
use log::LevelFilter;
use std::{
    num::NonZeroU64,
    path::{Path, PathBuf},
    rc::Rc,
    time::Duration,
};

/// The default of `--config`.
const DEFAULT_PATH: &str = "/etc/ck/broker.toml";
/// The size of a tmpfs for each of its inodes, in bytes: a page, as in systemd-logind.
const BYTES_PER_INODE: u64 = 4096;

/// The source of the settings.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where other managers are looked for.
    pub proc: Rc<Proc>,
    /// The configuration file, if one was named.
    pub config: Option<PathBuf>,
    /// The runtime root.
    pub runtime_root: PathBuf,
    /// True if directories are left to logind where logind manages the root.
    pub beside_logind: bool,
}

/// What is published in `/run/systemd` for libsystemd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publishing {
    /// Sessions and users.
    On {
        /// And seats.
        seats: bool,
    },
    /// Nothing.
    Off,
    /// Nothing, as another manager of sessions runs.
    Yields,
}

/// Everything that the configuration decides.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The severity from which on messages are logged.
    pub level: LevelFilter,
    /// How runtime directories are made.
    pub mount_options: MountOptions,
    /// The other manager that owns the runtime root, if one runs.
    pub yields_to: Option<OtherManager>,
    /// How long a directory is kept after its user has left.
    pub stop_delay: Duration,
    /// What is published in `/run/systemd`.
    pub publishing: Publishing,
    /// The place of the history.
    pub history: Option<HistoryPlace>,
    /// How hooks are run.
    pub hooks: HookRules,
    /// The permissions on `admin.sock`.
    pub policy: Policy,
    /// What is wrong with the configuration, although it can be used.
    pub problems: Vec<String>,
    /// The settings of PAM services.
    pub services: Services,
    /// The seats other than `seat0`, each with its terminals.
    pub seats: Vec<(ShortName, Vec<ShortName>)>,
}

/// Why the settings could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be used.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// Another manager makes and removes directories there.
    #[error(
        "{} (process {}) manages {}: stop it and keep it from starting, or set kind = \"none\" in [runtime_dir] (or start with --beside-logind) to have sessions without directories",
        manager.name, manager.pid, root.display()
    )]
    Managed {
        /// The runtime root.
        root: PathBuf,
        /// The manager.
        manager: OtherManager,
    },
}

impl Source {
    /// Reads the configuration file, and makes the settings for this machine.
    ///
    /// # Errors
    /// [`SettingsError`]
    pub fn read(&self) -> Result<Settings, SettingsError> {
        let configuration = configuration(self.config.as_deref())?;
        let makes = configuration.runtime_dir.kind != Backing::None;
        let manager = makes.then(|| other_manager::of(&self.proc, &self.runtime_root)).flatten();
        match manager {
            Some(manager) if !self.beside_logind => {
                Err(SettingsError::Managed { root: self.runtime_root.clone(), manager })
            }
            manager => {
                let publishing = self.publishing(&configuration.compat, configuration.admin.list);
                Ok(Settings::of(configuration, manager, publishing))
            }
        }
    }

    /// Another manager that runs publishes its sessions, wherever it makes directories.
    fn publishing(&self, compat: &Compat, listing: Listing) -> Publishing {
        match compat.sd_login {
            SdLogin::Off => Publishing::Off,
            // Everybody can read the files.
            SdLogin::Auto if listing == Listing::Own => Publishing::Off,
            SdLogin::Auto if other_manager::running(&self.proc).is_some() => Publishing::Yields,
            SdLogin::Auto => Publishing::On { seats: compat.seats },
        }
    }
}

/// Reads the file only: the one that was named, or else the default one, which may be missing.
///
/// # Errors
/// [`ConfigurationError`]
pub fn configuration(named: Option<&Path>) -> Result<Configuration, ConfigurationError> {
    Configuration::read(named.unwrap_or(Path::new(DEFAULT_PATH)), named.is_some())
}

impl Settings {
    fn of(configuration: Configuration, yields_to: Option<OtherManager>, publishing: Publishing) -> Self {
        let Configuration { runtime_dir, history, log, hooks, admin, compat: _, seats, services } =
            configuration;
        let problems = admin.group.problem().into_iter().collect();
        let policy = Policy { listing: admin.list, group: admin.group.gid() };
        let services = services.into_iter().map(|(name, service)| (name, service.into()));
        Self {
            level: log.level.into(),
            mount_options: mount_options(&runtime_dir, yields_to.is_some()),
            yields_to,
            stop_delay: runtime_dir.stop_delay.0,
            publishing,
            history: history.place(policy.into()),
            hooks: rules(hooks),
            policy,
            problems,
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
