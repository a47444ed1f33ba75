//! Hooks: programs of the administrator that run as root when sessions and seats are added, changed and removed, as in
//! `run-session.d` and `run-seat.d` of ConsoleKit. docs/HOOKS.md describes their environment and the rules for them.
//!
//! A [`HookEvent`] waits in a [`HookQueue`] until no earlier event of its session waits or runs, and a place is free.
//! Then its hooks run one after another. The broker never waits for a hook, and a hook can reach the broker only
//! through its sockets. The daemon that this project replaces ran hooks within the removal of a session, handled the
//! next removal meanwhile, and deadlocked.

mod environment;
mod output;
mod process;
mod programs;
mod trust;

pub use crate::poller::RunId;
use crate::{
    component::{Component, Outcome},
    config::{HookRules, Settings},
    limits::Limits,
    poller::{Poller, Token},
    sys::Expired,
};
use ck_core::{
    model::{HookEvent, OrderingKey},
    order::HookQueue,
};
use ck_protocol::{Event, Session, SessionId, ShortName, Uid, printable};
use process::{Process, StartError};
use programs::{Complaints, Programs, Verdict};
use std::{
    collections::{HashMap, VecDeque},
    path::{Path, PathBuf},
    time::Instant,
};

/// The maximum number of hooks that are started in one pass of the loop.
const MAX_STARTS_PER_ROUND: usize = 16;

/// An event whose hooks are being run, one after another.
#[derive(Debug)]
struct Batch {
    event: HookEvent,
    /// The hooks that have not been started yet.
    programs: VecDeque<PathBuf>,
}

/// A running hook.
#[derive(Debug)]
struct Run {
    batch: Batch,
    /// The beginning of its lines in the log.
    label: String,
    process: Process,
}

/// The running hooks, and the events that wait for theirs.
#[derive(Debug)]
pub struct Hooks {
    poller: Poller,
    rules: HookRules,
    session_programs: Programs,
    seat_programs: Programs,
    complaints: Complaints,
    queue: HookQueue,
    /// The events that have begun and of which no hook is running at the moment.
    between: VecDeque<Batch>,
    running: HashMap<RunId, Run>,
    /// The hooks that SIGKILL has not ended, because they hang in the kernel, and the users of their events.
    hanging: HashMap<RunId, (Uid, Process)>,
    next: RunId,
    failed: u64,
    /// The last active session of each seat. It may have ended when another one becomes active.
    foreground: HashMap<ShortName, Box<Session>>,
    /// The added sessions that all hooks have been told of. Logins may wait for that.
    told: Vec<SessionId>,
    /// True if logins may wait for hooks, under these rules or under earlier ones.
    notes_told: bool,
}

impl Hooks {
    /// The component, without events.
    #[must_use]
    pub(crate) fn new(poller: Poller, rules: HookRules) -> Self {
        Self {
            poller,
            session_programs: Programs::of(rules.session_dirs.clone()),
            seat_programs: Programs::of(rules.seat_dirs.clone()),
            complaints: Complaints::default(),
            queue: HookQueue::new(rules.parallel),
            between: VecDeque::new(),
            running: HashMap::new(),
            hanging: HashMap::new(),
            next: 0,
            failed: 0,
            foreground: HashMap::new(),
            told: Vec::new(),
            notes_told: rules.wait_added,
            rules,
        }
    }

    /// Sets the rules. Hooks that run already keep the rules that they were started with.
    fn set_rules(&mut self, rules: HookRules) {
        if rules.session_dirs != self.rules.session_dirs {
            self.session_programs = Programs::of(rules.session_dirs.clone());
        }
        if rules.seat_dirs != self.rules.seat_dirs {
            self.seat_programs = Programs::of(rules.seat_dirs.clone());
        }
        self.queue.set_parallel(rules.parallel);
        self.notes_told |= rules.wait_added;
        self.rules = rules;
    }

    /// Lists the directories, so that their names are in the kernel's cache.
    pub fn look(&mut self) {
        self.session_programs.list(&mut self.complaints);
        self.seat_programs.list(&mut self.complaints);
    }

    /// True if a login waits for the hooks of its session.
    #[must_use]
    pub fn wait_added(&self) -> bool {
        self.rules.wait_added
    }

    /// The maximum number of hooks that run at the same time.
    #[must_use]
    pub fn parallel(&self) -> usize {
        self.rules.parallel
    }

    /// Queues an event.
    pub fn push(&mut self, event: HookEvent) {
        let Err(lost) = self.queue.push(event) else { return };
        log::warn!("hooks: no hook is run for {lost}: {} events wait already", self.queue.waiting());
        self.failed += 1;
        self.note_told(&lost);
    }

    /// Sets the active session of a seat. Returns the one before.
    fn set_foreground(&mut self, seat: &ShortName, new: Option<&Session>) -> Option<Box<Session>> {
        match new {
            Some(new) => self.foreground.insert(seat.clone(), Box::new(new.clone())),
            None => self.foreground.remove(seat),
        }
    }

    /// Queues the hook event of a change. `session` finds an open session.
    pub fn push_change(&mut self, event: Event, session: impl Fn(SessionId) -> Option<Session>) {
        match event {
            Event::SessionChanged(session) => self.push(HookEvent::SessionActiveChanged(session)),
            Event::SeatChanged { seat, active, before } => {
                let session = |id| session(id).map(Box::new);
                let (new, old) = (active.and_then(session), before.and_then(session));
                let last = self.set_foreground(&seat, new.as_deref());
                let old = old.or(last.filter(|last| Some(last.id) == before));
                self.push(HookEvent::SeatActiveSessionChanged { seat, old, new });
            }
            _ => {}
        }
    }

    /// Starts the hooks that are due, up to the limits.
    fn start(&mut self, now: Instant) {
        for _ in 0..MAX_STARTS_PER_ROUND {
            let Some(batch) = self.between.pop_front().or_else(|| self.begin()) else { return };
            let started = self.start_next(batch, now);
            let Some((id, run)) = started.and_then(|id| Some((id, self.running.get(&id)?))) else { continue };
            self.poller.watch_once(&run.process, Token::Hook(id));
            if let Some(output) = run.process.output.source() {
                self.poller.watch_once(output, Token::HookOutput(id));
            }
        }
    }

    /// Begins the next event that is due, with the hooks that exist now.
    fn begin(&mut self) -> Option<Batch> {
        let (key, event) = self.queue.begin()?;
        let programs = match key {
            OrderingKey::Session(_) => &mut self.session_programs,
            OrderingKey::Seat(_) => &mut self.seat_programs,
        };
        Some(Batch { event, programs: programs.list(&mut self.complaints).into() })
    }

    /// Starts the next hook that can be run, or finishes the batch.
    fn start_next(&mut self, mut batch: Batch, now: Instant) -> Option<RunId> {
        while let Some(program) = batch.programs.pop_front() {
            let started = match programs::judge(&program) {
                Verdict::Run => Process::start(&program, &batch.event, self.rules.deadline, now),
                Verdict::Gone => Err(StartError::Gone),
                Verdict::Mask => {
                    self.complaints.set_problem(&program, None);
                    continue;
                }
                Verdict::Refuse(refusal) => {
                    self.complaints.set_problem(&program, Some(refusal));
                    continue;
                }
            };
            self.complaints.set_problem(&program, None);
            match started {
                Ok(process) => return Some(self.enter(batch, &program, process)),
                Err(error) => {
                    log::warn!("hook {} ({}): {error}", program.display(), batch.event);
                    self.failed += 1;
                }
            }
        }
        self.finish(&batch.event);
        None
    }

    fn enter(&mut self, batch: Batch, program: &Path, process: Process) -> RunId {
        let id = self.next;
        self.next += 1;
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        let label = format!("hook {} ({})", printable(&name), batch.event);
        self.running.insert(id, Run { batch, label, process });
        id
    }

    /// Ends an event: all its hooks have run.
    fn finish(&mut self, event: &HookEvent) {
        self.note_told(event);
        self.queue.finish(event);
    }

    /// Ends the wait of a login for this event.
    fn note_told(&mut self, event: &HookEvent) {
        if let (HookEvent::SessionAdded(session), true) = (event, self.notes_told) {
            self.told.push(session.id);
        }
    }

    /// Logs the output of a hook.
    fn take_output(&mut self, id: RunId) {
        let Some(run) = self.running.get_mut(&id) else { return };
        run.process.output.take(&run.label);
        if let Some(output) = run.process.output.source() {
            self.poller.watch_once(output, Token::HookOutput(id));
        }
    }

    /// Handles the end of a hook, if it has ended.
    fn reap(&mut self, id: RunId) {
        if let Some((uid, process)) = self.hanging.get_mut(&id) {
            if process.outcome().is_some() {
                self.queue.hangs_no_more(*uid);
                self.hanging.remove(&id);
            }
            return;
        }
        let Some(status) = self.running.get_mut(&id).and_then(|run| run.process.outcome()) else { return };
        let Some(Run { batch, label, process }) = self.running.remove(&id) else { return };
        let late = process.was_late();
        process.output.finish(&label);
        if late {
            log::warn!("{label}: took longer than {:?}, ended", self.rules.deadline);
        } else if !status.success() {
            log::warn!("{label}: {status}");
        } else {
            log::debug!("{label}: done");
        }
        self.failed += u64::from(late || !status.success());
        self.between.push_back(batch);
    }

    /// Handles the hooks that have exceeded their time limit: sends SIGTERM, then SIGKILL, then abandons them.
    fn expire_overdue(&mut self, now: Instant) {
        let overdue =
            self.running.iter().filter(|(_, run)| run.process.deadline().is_some_and(|due| due <= now));
        for id in overdue.map(|(&id, _)| id).collect::<Vec<_>>() {
            self.reap(id);
            let Some(run) = self.running.get_mut(&id) else { continue };
            match run.process.expire(now) {
                // It may have ended before. Its end is reported only after its process group was killed.
                Some(Expired::Terminated | Expired::Killed) => self.reap(id),
                Some(Expired::Hangs) => self.abandon(id),
                None => {}
            }
        }
    }

    fn abandon(&mut self, id: RunId) {
        let Some(Run { batch, label, process }) = self.running.remove(&id) else { return };
        log::error!("{label}: process {} hangs in the kernel, abandoned", process.pid());
        self.failed += 1;
        self.queue.hangs(batch.event.uid());
        self.hanging.insert(id, (batch.event.uid(), process));
        self.between.push_back(batch);
    }

    /// The number of running hooks.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running.len() + self.hanging.len()
    }

    /// The number of events that wait for their hooks.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.waiting() + self.between.len()
    }

    /// The number of hooks that failed or were not run, and of events without hooks because too many waited.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed + self.complaints.count
    }
}

impl Component for Hooks {
    fn ready(&mut self, token: Token, _: Instant) -> Vec<Outcome> {
        match token {
            Token::Hook(id) => self.reap(id),
            Token::HookOutput(id) => self.take_output(id),
            _ => {}
        }
        Vec::new()
    }

    fn next_deadline(&self, now: Instant) -> Option<Instant> {
        if !self.between.is_empty() || self.queue.is_due() {
            return Some(now);
        }
        self.running.values().filter_map(|run| run.process.deadline()).min()
    }

    fn expire(&mut self, now: Instant) -> Vec<Outcome> {
        self.expire_overdue(now);
        self.start(now);
        std::mem::take(&mut self.told).into_iter().map(Outcome::HooksDone).collect()
    }

    fn reconfigure(&mut self, settings: &Settings, _: &Limits) {
        self.set_rules(settings.hooks.clone());
    }
}

#[cfg(test)]
mod tests;
