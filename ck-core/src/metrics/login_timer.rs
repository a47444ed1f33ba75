//! The stages of one login.

use ck_protocol::fact_keys;
use std::time::{Duration, Instant};

/// A stage of a login in the broker. Their order is the order in which they happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// From the connection of the module until its request is here.
    Request,
    /// Finding out what the process of the module is.
    Identify,
    /// Making the runtime directory, at the first login of a user.
    Directory,
    /// Writing the record of the session.
    Record,
    /// Waiting until others see the session, where files are written for them and nothing else is waited for.
    Files,
    /// Waiting for the hooks of the session, where the settings say so.
    Hooks,
}

/// All stages, in the order of [`fact_keys::STAGES`].
pub const STAGES: [Stage; fact_keys::STAGES.len()] =
    [Stage::Request, Stage::Identify, Stage::Directory, Stage::Record, Stage::Files, Stage::Hooks];

/// How long each stage took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stages {
    request: Duration,
    identify: Duration,
    directory: Duration,
    record: Duration,
    files: Duration,
    hooks: Duration,
}

impl Stages {
    /// How long the stage took. Zero if the login had no such stage.
    #[must_use]
    pub fn of(&self, stage: Stage) -> Duration {
        match stage {
            Stage::Request => self.request,
            Stage::Identify => self.identify,
            Stage::Directory => self.directory,
            Stage::Record => self.record,
            Stage::Files => self.files,
            Stage::Hooks => self.hooks,
        }
    }

    fn add(&mut self, stage: Stage, duration: Duration) {
        let time = match stage {
            Stage::Request => &mut self.request,
            Stage::Identify => &mut self.identify,
            Stage::Directory => &mut self.directory,
            Stage::Record => &mut self.record,
            Stage::Files => &mut self.files,
            Stage::Hooks => &mut self.hooks,
        };
        *time = time.saturating_add(duration);
    }
}

/// Measures one login, from the connection of its module to the reply.
#[derive(Debug)]
pub struct LoginTimer {
    began: Instant,
    /// The stage that lasts, and since when.
    current: Option<(Stage, Instant)>,
    stages: Stages,
}

impl LoginTimer {
    /// The module has connected. The stage [`Stage::Request`] begins.
    #[must_use]
    pub fn start(now: Instant) -> Self {
        Self { began: now, current: Some((Stage::Request, now)), stages: Stages::default() }
    }

    /// A stage begins. The one that lasts ends.
    pub fn begin(&mut self, stage: Stage, now: Instant) {
        self.end(now);
        self.current = Some((stage, now));
    }

    /// The stage that lasts ends.
    pub fn end(&mut self, now: Instant) {
        if let Some((stage, since)) = self.current.take() {
            self.stages.add(stage, now.saturating_duration_since(since));
        }
    }

    /// The login is replied to: how long it took, and each of its stages. What belongs to no stage is in the whole only.
    #[must_use]
    pub fn finish(mut self, now: Instant) -> (Duration, Stages) {
        self.end(now);
        (now.saturating_duration_since(self.began), self.stages)
    }
}
