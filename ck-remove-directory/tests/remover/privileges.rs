//! The child that removes the contents: what it still may do, seen from outside while it works.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::stage::{Outcome, Stage, USER, through};

/// A stage with enough in it to keep a child busy while it is looked at.
fn busy_stage() -> Stage {
    let stage = Stage::on_tmpfs();
    stage.user_directory("wide");
    for number in 0..8_000 {
        fs::write(stage.inside(format!("wide/{number}")), "").unwrap();
    }
    stage
}

/// The children of `pid`, and theirs.
pub(crate) fn descendants(pid: u32) -> Vec<i32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children = list.split_whitespace().map(|child| child.parse::<u32>().unwrap());
    children.flat_map(|child| [vec![child.try_into().unwrap()], descendants(child)].concat()).collect()
}

/// Waits until the command has a child, which does the work that is root's.
pub(crate) fn roots_child(remover: &Child) -> Pid {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(child) = descendants(remover.id()).first() {
            return Pid::from_raw(*child);
        }
        assert!(Instant::now() < until, "no child was seen");
    }
}

/// Waits for the child of `remover` that works as the user, and stops it there.
pub(crate) fn stop_worker(remover: &Child) -> Pid {
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until {
        let mut workers = descendants(remover.id()).into_iter();
        if let Some(worker) = workers.find(|&pid| field(pid, "NoNewPrivs") == ["1"]) {
            kill(Pid::from_raw(worker), Signal::SIGSTOP).expect("a child that still works");
            while field(worker, "State").first().expect("a child that still works") != "T" {}
            return Pid::from_raw(worker);
        }
    }
    panic!("no child was seen working as the user");
}

/// Waits until that child works in `directory`, and stops it there.
pub(crate) fn stop_worker_in(remover: &Child, directory: &Path) -> Pid {
    let worker = stop_worker(remover);
    stop_in(worker, directory);
    worker
}

/// Waits until the process `pid` has `directory` open, and stops it there.
pub(crate) fn stop_in(pid: Pid, directory: &Path) {
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until {
        kill(pid, Signal::SIGSTOP).unwrap();
        while field(pid.as_raw(), "State").first().expect("a process that still works") != "T" {}
        let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        if open.flatten().any(|entry| fs::read_link(entry.path()).is_ok_and(|target| target == directory)) {
            return;
        }
        kill(pid, Signal::SIGCONT).unwrap();
        std::thread::yield_now();
    }
    panic!("it was not seen in {}", directory.display());
}

/// The words of a line of /proc/PID/status; none when the process is gone.
pub(crate) fn field(pid: i32, name: &str) -> Vec<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

fn assert_unprivileged(worker: Pid) {
    let pid = worker.as_raw();
    assert_eq!(field(pid, "Uid"), ["2001"; 4]);
    assert_eq!(field(pid, "Gid"), ["2001"; 4]);
    assert_eq!(field(pid, "Groups"), [""; 0]);
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(field(pid, set), ["0000000000000000"], "{set}");
    }
    assert_eq!(field(pid, "NoNewPrivs"), ["1"]);
}

#[test]
fn the_worker_is_the_user_and_holds_nothing_else() {
    let stage = busy_stage();
    let remover = stage.command(&[]).spawn().unwrap();
    let worker = stop_worker(&remover);
    assert_unprivileged(worker);
    let open: Vec<PathBuf> = fs::read_dir(format!("/proc/{worker}/fd"))
        .unwrap()
        .map(|entry| fs::read_link(entry.unwrap().path()).unwrap())
        .collect();
    let (pipes, directories): (Vec<_>, Vec<_>) =
        open.into_iter().partition(|target| target.to_string_lossy().starts_with("pipe:"));
    assert_eq!(pipes.len(), 1, "its answers, and not the caller's output");
    // It may have been stopped just before its ruleset is in force, and closed.
    let ruleset = Path::new("anon_inode:[landlock-ruleset]");
    let ours = |target: &PathBuf| target.starts_with(stage.run()) || target == ruleset;
    assert!(directories.iter().all(ours), "{directories:?}");
    kill(worker, Signal::SIGCONT).unwrap();
    Outcome::of(remover.wait_with_output().unwrap()).assert_silent_success();
    stage.assert_gone();
}

/// Secure bits under which a change of uid takes no capability away, and ambient ones to keep.
#[test]
fn capabilities_do_not_outlive_the_change_of_uid() {
    let stage = busy_stage();
    let keeping = [
        "setpriv",
        "--securebits=+no_setuid_fixup",
        "--inh-caps=+dac_override,+setuid",
        "--ambient-caps=+dac_override,+setuid",
        "--groups=0,4,27",
    ];
    let remover = through(&keeping, &stage.command(&[])).spawn().unwrap();
    let worker = stop_worker(&remover);
    assert_unprivileged(worker);
    kill(worker, Signal::SIGCONT).unwrap();
    Outcome::of(remover.wait_with_output().unwrap()).assert_silent_success();
    stage.assert_gone();
}

/// The group is the directory's own, but never root's.
#[test]
fn the_worker_does_not_keep_roots_group() {
    let stage = busy_stage();
    chown(stage.run(), Some(USER), Some(0)).unwrap();
    let remover = stage.command(&[]).spawn().unwrap();
    let worker = stop_worker(&remover);
    assert_eq!(field(worker.as_raw(), "Gid"), ["65534"; 4]);
    kill(worker, Signal::SIGCONT).unwrap();
    Outcome::of(remover.wait_with_output().unwrap()).assert_silent_success();
}

#[test]
fn where_root_cannot_be_given_up_nothing_is_touched() {
    for (lacking, step) in [("setuid", "become uid 2001"), ("setgid", "setgroups")] {
        let stage = Stage::new();
        stage.user_file("precious");
        let unable = ["setpriv", &format!("--bounding-set=-{lacking}")];
        let outcome = Outcome::of(through(&unable, &stage.command(&["--json"])).output().unwrap());
        assert_eq!((outcome.code, outcome.stderr.lines().count()), (Some(1), 1), "{outcome:?}");
        assert!(outcome.stderr.contains(step) && outcome.stderr.contains("(EPERM)"), "{outcome:?}");
        assert_eq!((&outcome.json()["gone"], &outcome.json()["removed"]), (&false.into(), &0.into()));
        assert!(stage.inside("precious").exists());
    }
}

/// The user may send signals to a process of their uid: that must not keep the directory.
#[test]
fn a_stopped_worker_is_killed_and_root_goes_on() {
    let stage = busy_stage();
    let remover = stage.command(&[]).spawn().unwrap();
    let started = Instant::now();
    stop_worker(&remover);
    Outcome::of(remover.wait_with_output().unwrap()).assert_silent_success();
    // The deadline is a minute.
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    stage.assert_gone();
}

/// A command that is itself held up comes to an end when it goes on, and says what it has not done.
#[test]
fn the_deadline_is_the_end() {
    let stage = busy_stage();
    let remover = stage.command(&["--deadline=1"]).spawn().unwrap();
    let command = roots_child(&remover);
    stop_worker(&remover);
    kill(command, Signal::SIGSTOP).unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    kill(command, Signal::SIGCONT).unwrap();
    let outcome = Outcome::of(remover.wait_with_output().unwrap());
    let line = format!("ck-remove-directory: {}: Connection timed out (ETIMEDOUT)\n", stage.run().display());
    // By what the child had removed before it was stopped.
    assert!(matches!(outcome.code, Some(1 | 4)), "{outcome:?}");
    assert_eq!(outcome.stderr, line);
    stage.remove(&[]).assert_silent_success();
    stage.assert_gone();
}

#[test]
fn a_killed_worker_does_not_matter() {
    let stage = busy_stage();
    let remover = stage.command(&[]).spawn().unwrap();
    let worker = stop_worker(&remover);
    kill(worker, Signal::SIGKILL).unwrap();
    Outcome::of(remover.wait_with_output().unwrap()).assert_silent_success();
    stage.assert_gone();
}

#[test]
fn the_worker_ends_with_the_command() {
    let stage = busy_stage();
    let mut remover = stage.command(&[]).spawn().unwrap();
    let worker = stop_worker(&remover);
    remover.kill().unwrap();
    remover.wait().unwrap();
    let until = Instant::now() + Duration::from_secs(5);
    while !matches!(field(worker.as_raw(), "State").first().map(String::as_str), None | Some("Z")) {
        assert!(Instant::now() < until, "the child is still there");
        std::thread::sleep(Duration::from_millis(5));
    }
}
