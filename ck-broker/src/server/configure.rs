//! The settings: taken in at the start, and again when SIGHUP asks for it.
//!
//! A broker that has been told something senseless goes on as before, and says so to everybody who asks how it is.

use super::{Server, limits::Limits};
use crate::{
    config::{Settings, Source},
    supervisor,
};
use ck_protocol::{Message, ShortName, Text, Timestamp};
use std::time::SystemTime;

/// What cannot be changed while the broker runs: seats, as sessions sit on them and hooks have been told of them.
const SEATS_WAIT: &str =
    "the tables [seats] have changed, and count from the next start of ck-broker on (that ends no session)";

/// Where the settings are from, and since when.
#[derive(Debug)]
pub(super) struct Configured {
    source: Source,
    seats: Vec<(ShortName, Vec<ShortName>)>,
    /// When they were read.
    pub(super) at: Timestamp,
    /// Why not all is as the file says.
    pub(super) problem: Option<Message>,
}

impl Configured {
    pub(super) fn new(source: Source, seats: Vec<(ShortName, Vec<ShortName>)>) -> Self {
        Self { source, seats, at: SystemTime::now().into(), problem: None }
    }
}

impl Server {
    /// Has everything done as these settings say from now on, but for the seats.
    pub(super) fn configure(&mut self, settings: Settings) {
        log::set_max_level(settings.level);
        self.set_policy(settings.policy);
        self.limits = Limits::within(self.descriptors, settings.hooks.parallel);
        self.sessions.registry.limit(self.limits.sessions);
        self.directories.set_limit(self.limits.teardowns);
        let made_none = self.directories.root.makes_none();
        for component in self.components() {
            component.reconfigure(&settings);
        }
        if let Some(rival) = settings.yields_to {
            let root = self.directories.root.path().display();
            log::info!("{} manages {root}: sessions have no directories of ours", rival.name);
        }
        if made_none && !self.directories.root.makes_none() {
            self.linger_again();
        }
    }

    /// Reads the configuration again.
    pub(super) fn reload(&mut self) {
        supervisor::tell_reloading();
        match self.configured.source.read() {
            Ok(settings) => {
                let problem = (settings.seats != self.configured.seats).then_some(SEATS_WAIT);
                self.configure(settings);
                self.configured.at = SystemTime::now().into();
                self.configured.problem = problem.map(Text::clipped);
                log::info!("the configuration has been read again");
                problem.inspect(|problem| log::warn!("{problem}"));
            }
            Err(error) => {
                let problem = format!("the configuration stays as it was: {error}");
                log::error!("{problem}");
                self.configured.problem = Some(Text::clipped(&problem));
            }
        }
        supervisor::tell_reloaded();
    }
}
