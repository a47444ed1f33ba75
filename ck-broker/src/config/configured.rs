//! The current configuration: its source, its time, and reading it again.

use super::{Settings, Source};
use crate::{other_manager::OtherManager, process::Proc};
use ck_protocol::{Message, ShortName, Text, Timestamp};
use std::{rc::Rc, time::SystemTime};

/// Seats cannot change while the broker runs, because sessions are attached to them and hooks were told of them.
const SEATS_WAIT: &str =
    "the tables [seats] have changed, and count from the next start of ck-broker on (that ends no session)";

/// The part of the configuration that belongs to no component.
#[derive(Debug)]
pub(crate) struct Configured {
    source: Source,
    seats: Vec<(ShortName, Vec<ShortName>)>,
    /// The maximum number of open descriptors.
    pub(crate) descriptors: usize,
    /// What is wrong with the settings, although they can be used.
    pub(crate) problems: Vec<String>,
    /// The other manager of runtime directories, if they are left to it.
    pub(crate) manager: Option<OtherManager>,
    /// The time at which this process started.
    pub(crate) started_at: Timestamp,
    /// The time at which the settings were read.
    pub(crate) at: Timestamp,
    /// Why the last reload was not fully applied.
    pub(crate) problem: Option<Message>,
}

impl Configured {
    /// Where processes are looked up.
    pub(crate) fn proc(&self) -> Rc<Proc> {
        Rc::clone(&self.source.proc)
    }

    pub(crate) fn new(source: Source, settings: &Settings, descriptors: usize) -> Self {
        let now = SystemTime::now().into();
        let (seats, problems) = (settings.seats.clone(), Vec::new());
        let manager = settings.yields_to.clone();
        Self { source, seats, descriptors, problems, manager, started_at: now, at: now, problem: None }
    }

    /// Reads the settings again. After an error, the old settings stay, and [`Configured::problem`] says why.
    pub(crate) fn read_again(&mut self) -> Option<Settings> {
        match self.source.read() {
            Ok(settings) => {
                let problem = (settings.seats != self.seats).then_some(SEATS_WAIT);
                self.at = SystemTime::now().into();
                self.problem = problem.map(Text::clipped);
                log::info!("the configuration has been read again");
                problem.inspect(|problem| log::warn!("{problem}"));
                Some(settings)
            }
            Err(error) => {
                let problem = format!("the configuration stays as it was: {error}");
                log::error!("{problem}");
                self.problem = Some(Text::clipped(&problem));
                None
            }
        }
    }
}
