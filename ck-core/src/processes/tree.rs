//! The processes of sessions.

use super::{Device, Stat};
use ck_protocol::Pid;
use std::{
    collections::{BTreeMap, HashSet},
    iter,
};

/// Processes, and the leaders of all sessions among them.
///
/// The processes of a session are its leader and the descendants of that, up to the leaders of other sessions: a `su` within
/// an ssh login is the last one of that login, and the first one of its own session.
#[derive(Debug)]
pub struct Tree {
    /// The processes by pid, each once.
    all: Vec<Stat>,
    /// Where in `all` the processes are whose parent is known, by the parent.
    children: Vec<(Pid, usize)>,
    /// Where in `all` the processes on a terminal are that are in the foreground of it, by their group.
    groups: Vec<(Pid, usize)>,
    leaders: HashSet<Pid>,
}

impl Tree {
    /// The tree of `all` processes that are visible. `leaders` are those of all sessions.
    #[must_use]
    pub fn new(mut all: Vec<Stat>, leaders: impl IntoIterator<Item = Pid>) -> Self {
        all.sort_by_key(|stat| stat.pid);
        all.dedup_by_key(|stat| stat.pid);
        let by = |of: fn(&Stat) -> Option<Pid>| {
            let mut pairs: Vec<(Pid, usize)> =
                all.iter().enumerate().filter_map(|(at, stat)| Some((of(stat)?, at))).collect();
            pairs.sort_unstable();
            pairs
        };
        let children = by(|stat| stat.parent);
        let groups = by(|stat| stat.group.filter(|group| stat.foreground == Some(*group) && !stat.is_zombie));
        Self { children, groups, leaders: leaders.into_iter().collect(), all }
    }

    /// One process for each of the terminals of a session: those of the processes nearest to the leader that have one. There
    /// are several if several logins share a connection (`ControlMaster` of ssh_config(5)).
    #[must_use]
    pub fn terminals(&self, leader: Pid) -> Vec<&Stat> {
        let on_some = self.generations(leader).map(|generation| {
            let on = generation.into_iter().filter_map(|stat| Some((stat.terminal?, stat)));
            on.collect::<BTreeMap<Device, &Stat>>()
        });
        on_some.into_iter().find(|on| !on.is_empty()).unwrap_or_default().into_values().collect()
    }

    /// The process of a session nearest to the leader whose controlling terminal is `terminal`.
    #[must_use]
    pub fn on_terminal(&self, leader: Pid, terminal: Device) -> Option<&Stat> {
        self.generations(leader).flatten().find(|stat| stat.terminal == Some(terminal))
    }

    /// The process in the foreground of the terminal of `stat`: the leader of the process group there, or else the youngest
    /// of that group. The leader of a session, such as `login`, counts last: without job control, and after an `exec` in
    /// bash(1), the programs of the user are in its group.
    #[must_use]
    pub fn foreground(&self, stat: &Stat) -> Option<&Stat> {
        let group = stat.foreground?;
        let members = self.among(&self.groups, group).filter(|member| member.terminal == stat.terminal);
        let is_users = |member: &Stat| !self.leaders.contains(&member.pid);
        members.max_by_key(|member| (is_users(member), member.pid == group, member.started, member.pid))
    }

    /// What a session without a terminal runs: the process nearest to the leader that has another name than the leader, or
    /// else the nearest one. Of several the youngest counts. So that is the command of `ssh HOST COMMAND`, and not the part of
    /// sshd that has become the user.
    #[must_use]
    pub fn program(&self, leader: Pid) -> Option<&Stat> {
        let name = &self.get(leader)?.name;
        let mut nearest = None;
        for generation in self.generations(leader).skip(1) {
            // Those of another name come last, and among equals the youngest.
            let order = |stat: &&Stat| (stat.name != *name, stat.started, stat.pid);
            let running = generation.into_iter().filter(|stat| !stat.is_zombie);
            let Some(found) = running.max_by_key(order) else { continue };
            if found.name != *name {
                return Some(found);
            }
            nearest = nearest.or(Some(found));
        }
        nearest
    }

    /// A leader, then the children, then their children, and so on.
    fn generations(&self, leader: Pid) -> impl Iterator<Item = Vec<&Stat>> {
        let first = self.get(leader).filter(|stat| !stat.is_zombie).map(|stat| vec![stat]);
        iter::successors(first, move |generation| {
            let next: Vec<&Stat> = generation.iter().flat_map(|stat| self.below(leader, stat)).collect();
            (!next.is_empty()).then_some(next)
        })
    }

    /// The children of `stat` that belong to the session of `leader`. Every process has one parent, so a chain of parents
    /// that leads nowhere, as processes that come and go can make one, can only lead back to the leader.
    fn below(&self, leader: Pid, stat: &Stat) -> impl Iterator<Item = &Stat> {
        let is_end = stat.pid != leader && self.leaders.contains(&stat.pid);
        let children = self.among(&self.children, stat.pid).filter(move |child| child.pid != leader);
        children.take_while(move |_| !is_end)
    }

    /// The processes of `pairs` that are listed with `pid`.
    fn among<'t>(&'t self, pairs: &'t [(Pid, usize)], pid: Pid) -> impl Iterator<Item = &'t Stat> {
        let from = pairs.partition_point(|(of, _)| *of < pid);
        let found = pairs.iter().skip(from).take_while(move |(of, _)| *of == pid);
        found.filter_map(|(_, at)| self.all.get(*at))
    }

    fn get(&self, pid: Pid) -> Option<&Stat> {
        self.all.binary_search_by_key(&pid, |stat| stat.pid).ok().and_then(|at| self.all.get(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pid(number: i32) -> Pid {
        Pid::try_from(number).unwrap()
    }

    /// A process: pid, parent, name, and where it has a terminal, that one and the group in the foreground of it. It is the
    /// leader of its group, and started at the time that its pid is.
    fn process(number: i32, parent: i32, name: &str, terminal: Option<(u32, i32)>) -> Stat {
        Stat {
            pid: pid(number),
            name: name.into(),
            is_zombie: false,
            parent: Pid::try_from(parent).ok(),
            group: Some(pid(number)),
            terminal: terminal.map(|(minor, _)| Device { major: 136, minor }),
            foreground: terminal.and_then(|(_, group)| Pid::try_from(group).ok()),
            started: u64::from(number.unsigned_abs()),
        }
    }

    /// Two logins by ssh. The first has two terminals, and on one of these su is the leader of another session. The second has
    /// no terminal.
    fn host() -> Tree {
        let mut background = process(16, 13, "make", Some((1, 20)));
        background.group = Some(pid(15));
        let all = vec![
            process(1, 0, "init", None),
            process(10, 1, "sshd", None),
            process(11, 10, "sshd", None),
            process(12, 11, "bash", Some((0, 19))),
            process(13, 11, "bash", Some((1, 20))),
            background,
            process(18, 12, "su", Some((0, 19))),
            process(19, 18, "vim", Some((0, 19))),
            process(20, 13, "less", Some((1, 20))),
            process(30, 1, "sshd", None),
            process(31, 30, "sshd", None),
            process(32, 31, "sh", None),
            process(33, 32, "script", None),
        ];
        Tree::new(all, [10, 18, 30].map(pid))
    }

    fn pids<'s>(found: impl IntoIterator<Item = &'s Stat>) -> Vec<i32> {
        found.into_iter().map(|stat| stat.pid.get()).collect()
    }

    #[test]
    fn the_terminals_are_those_of_the_processes_nearest_to_the_leader() {
        let host = host();
        assert_eq!(pids(host.terminals(pid(10))), [12, 13]);
        assert_eq!(pids(host.terminals(pid(18))), [18]);
        assert_eq!(pids(host.terminals(pid(30))), [0; 0]);
        assert_eq!(pids(host.terminals(pid(77))), [0; 0], "it is not there");
        assert_eq!(pids(host.on_terminal(pid(10), Device { major: 136, minor: 1 })), [13]);
        assert_eq!(pids(host.on_terminal(pid(30), Device { major: 136, minor: 1 })), [0; 0]);
    }

    #[test]
    fn what_runs_in_the_foreground_is_the_leader_of_its_group_or_the_youngest() {
        let host = host();
        let shell = |number| host.get(pid(number)).unwrap();
        assert_eq!(pids(host.foreground(shell(12))), [19], "also of another session");
        assert_eq!(pids(host.foreground(shell(13))), [20]);
        assert_eq!(pids(host.foreground(shell(32))), [0; 0]);
        let member = |number| Stat { group: Some(pid(9)), ..process(number, 1, "cat", Some((0, 9))) };
        let tree = Tree::new(vec![member(14), member(15), process(16, 1, "x", Some((0, 9)))], []);
        assert_eq!(pids(tree.foreground(tree.get(pid(16)).unwrap())), [15]);
        let tree = Tree::new(vec![member(9), member(14)], [pid(9)]);
        assert_eq!(pids(tree.foreground(tree.get(pid(9)).unwrap())), [14], "not login");
    }

    #[test]
    fn without_a_terminal_the_nearest_program_of_another_name_counts() {
        let host = host();
        assert_eq!(pids(host.program(pid(30))), [32]);
        let sshd = |number, parent| process(number, parent, "sshd", None);
        let forward = Tree::new(vec![sshd(5, 1), sshd(6, 5), sshd(7, 6)], [pid(5)]);
        assert_eq!(pids(forward.program(pid(5))), [6]);
        assert_eq!(pids(Tree::new(vec![sshd(5, 1)], []).program(pid(5))), [0; 0]);
    }

    #[test]
    fn another_session_begins_where_its_leader_is() {
        let all = vec![
            process(5, 1, "sshd", None),
            process(6, 5, "su", Some((0, 7))),
            process(7, 6, "cat", Some((0, 7))),
            process(8, 6, "script", Some((1, 8))),
        ];
        let tree = Tree::new(all, [5, 6].map(pid));
        assert_eq!(pids(tree.terminals(pid(5))), [6]);
        assert_eq!(pids(tree.program(pid(5))), [6]);
        assert_eq!(pids(tree.on_terminal(pid(5), Device { major: 136, minor: 1 })), [0; 0]);
        assert_eq!(pids(tree.on_terminal(pid(6), Device { major: 136, minor: 1 })), [8]);
    }

    #[test]
    fn a_zombie_runs_nothing() {
        let mut all = vec![process(5, 1, "sshd", None), process(6, 5, "sleep", None)];
        all[1].is_zombie = true;
        assert!(Tree::new(all.clone(), []).program(pid(5)).is_none());
        all[0].is_zombie = true;
        assert!(Tree::new(all, []).terminals(pid(5)).is_empty());
    }

    proptest! {
        /// Processes of any parents, also in circles, as they may be read while others come and go.
        #[test]
        fn every_search_ends(parents in prop::collection::vec((1..20, 0..20, 0..3_u32), 0..40), leader in 1..20) {
            let all = parents.iter().map(|(number, parent, minor)| {
                process(*number, *parent, "x", (*minor > 0).then_some((*minor, *parent)))
            });
            let tree = Tree::new(all.collect(), [pid(3)]);
            for stat in tree.terminals(pid(leader)) {
                let _ = tree.foreground(stat);
            }
            let _ = tree.program(pid(leader));
            let reached: Vec<Pid> = tree.generations(pid(leader)).flatten().map(|stat| stat.pid).collect();
            prop_assert_eq!(reached.iter().collect::<HashSet<_>>().len(), reached.len());
        }
    }
}
