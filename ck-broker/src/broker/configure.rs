//! The settings: applied at the start, and again when SIGHUP asks for it.

use super::Broker;
use crate::{config::Settings, limits::Limits, supervisor};

impl Broker {
    /// Works by these settings from now on, but for the seats.
    pub(super) fn configure(&mut self, settings: &Settings) {
        log::set_max_level(settings.level);
        settings.problems.iter().for_each(|problem| log::warn!("{problem}"));
        self.configured.problems.clone_from(&settings.problems);
        self.configured.manager.clone_from(&settings.yields_to);
        let limits = Limits::within(self.configured.descriptors, settings.hooks.parallel);
        let (policy, made_none) = (self.net.policy(), self.directories.root.makes_none());
        for component in self.components() {
            component.reconfigure(settings, &limits);
        }
        if policy != self.net.policy() {
            if let Err(error) = self.subscriptions.policy_changed() {
                log::error!("{error}");
            }
        }
        if let Some(manager) = &settings.yields_to {
            let root = self.directories.root.path().display();
            log::info!("{} manages {root}: sessions have no directories of ours", manager.name);
        }
        if made_none && !self.directories.root.makes_none() {
            self.linger_again();
        }
    }

    /// Reads the configuration again.
    pub(super) fn reload(&mut self) {
        supervisor::tell_reloading();
        if let Some(settings) = self.configured.read_again() {
            self.configure(&settings);
        }
        supervisor::tell_reloaded();
    }
}
