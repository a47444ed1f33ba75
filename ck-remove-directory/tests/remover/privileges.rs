//! The child that works as the user: its rights, seen from outside while it works.

use crate::stage::{Outcome, Stage, USER, through};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::Child,
    time::{Duration, Instant},
};

/// A stage with so many files that the child still works while the test examines it.
fn busy_stage() -> Stage {
    let stage = Stage::on_tmpfs();
    stage.user_directory("wide");
    for number in 0..8_000 {
        fs::write(stage.inside(format!("wide/{number}")), "").unwrap();
    }
    stage
}

/// The children of `pid`, and their children.
pub(crate) fn descendants(pid: u32) -> Vec<i32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children = list.split_whitespace().map(|child| child.parse::<u32>().unwrap());
    children.flat_map(|child| [vec![child.try_into().unwrap()], descendants(child)].concat()).collect()
}

/// Waits until the command has a child: the one that works as root.
pub(crate) fn roots_child(remover: &Child) -> Pid {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(child) = descendants(remover.id()).first() {
            return Pid::from_raw(*child);
        }
        assert!(Instant::now() < until, "no child was seen");
    }
}

/// Waits for the child of `remover` that works as the user, and stops it.
pub(crate) fn stop_users_child(remover: &Child) -> Pid {
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until {
        let mut children = descendants(remover.id()).into_iter();
        if let Some(child) = children.find(|&pid| field(pid, "NoNewPrivs") == ["1"]) {
            kill(Pid::from_raw(child), Signal::SIGSTOP).expect("a child that still works");
            while field(child, "State").first().expect("a child that still works") != "T" {}
            return Pid::from_raw(child);
        }
    }
    panic!("no child was seen working as the user");
}

/// Waits until that child has `directory` open, and stops it.
pub(crate) fn stop_users_child_in(remover: &Child, directory: &Path) -> Pid {
    let child = stop_users_child(remover);
    stop_in(child, directory);
    child
}

/// Waits until the process `pid` has `directory` open, and stops it.
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

/// The words of a line of /proc/PID/status. Empty if the process is gone.
pub(crate) fn field(pid: i32, name: &str) -> Vec<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

fn assert_unprivileged(child: Pid) {
    let pid = child.as_raw();
    assert_eq!(field(pid, "Uid"), ["2001"; 4]);
    assert_eq!(field(pid, "Gid"), ["2001"; 4]);
    assert_eq!(field(pid, "Groups"), [""; 0]);
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(field(pid, set), ["0000000000000000"], "{set}");
    }
    assert_eq!(field(pid, "NoNewPrivs"), ["1"]);
}

#[test]
fn the_child_is_the_user_and_holds_nothing_else() {
    let stage = busy_stage();
    let remover = stage.command(&[]).spawn().unwrap();
    let child = stop_users_child(&remover);
    assert_unprivileged(child);
    let open: Vec<PathBuf> = fs::read_dir(format!("/proc/{child}/fd"))
        .unwrap()
        .map(|entry| fs::read_link(entry.unwrap().path()).unwrap())
        .collect();
    let (pipes, directories): (Vec<_>, Vec<_>) =
        open.into_iter().partition(|target| target.to_string_lossy().starts_with("pipe:"));
    assert_eq!(pipes.len(), 1, "the pipe for its answers, and not the caller's output");
    // The child may have been stopped before its Landlock ruleset is in force and closed.
    let ruleset = Path::new("anon_inode:[landlock-ruleset]");
    let ours = |target: &PathBuf| target.starts_with(stage.run()) || target == ruleset;
    assert!(directories.iter().all(ours), "{directories:?}");
    kill(child, Signal::SIGCONT).unwrap();
    Outcome::of(remover.wait_with_output().unwrap()).assert_silent_success();
    stage.assert_gone();
}

/// Secure bits under which a change of uid removes no capability, and ambient capabilities.
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
    let child = stop_users_child(&remover);
    assert_unprivileged(child);
    kill(child, Signal::SIGCONT).unwrap();
    Outcome::of(remover.wait_with_output().unwrap()).assert_silent_success();
    stage.assert_gone();
}

/// The child has the group of the directory, but never root's.
#[test]
fn the_child_does_not_keep_roots_group() {
    let stage = busy_stage();
    chown(stage.run(), Some(USER), Some(0)).unwrap();
    let remover = stage.command(&[]).spawn().unwrap();
    let child = stop_users_child(&remover);
    assert_eq!(field(child.as_raw(), "Gid"), ["65534"; 4]);
    kill(child, Signal::SIGCONT).unwrap();
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

/// The user may send signals to a process of their uid. This must not keep the directory from being removed.
#[test]
fn a_stopped_child_is_killed_and_root_continues() {
    let stage = busy_stage();
    let remover = stage.command(&[]).spawn().unwrap();
    let started = Instant::now();
    stop_users_child(&remover);
    Outcome::of(remover.wait_with_output().unwrap()).assert_silent_success();
    // The deadline would be a minute.
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    stage.assert_gone();
}

/// The child that works as root is stopped until its deadline has passed. When it continues, it ends and reports what
/// is left.
#[test]
fn the_deadline_is_the_end() {
    let stage = busy_stage();
    let remover = stage.command(&["--deadline=1"]).spawn().unwrap();
    let command = roots_child(&remover);
    stop_users_child(&remover);
    kill(command, Signal::SIGSTOP).unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    kill(command, Signal::SIGCONT).unwrap();
    let outcome = Outcome::of(remover.wait_with_output().unwrap());
    let line = format!("ck-remove-directory: {}: Connection timed out (ETIMEDOUT)\n", stage.run().display());
    // It depends on what the user's child removed before it was stopped.
    assert!(matches!(outcome.code, Some(1 | 4)), "{outcome:?}");
    assert_eq!(outcome.stderr, line);
    stage.remove(&[]).assert_silent_success();
    stage.assert_gone();
}

#[test]
fn a_killed_child_does_not_matter() {
    let stage = busy_stage();
    let remover = stage.command(&[]).spawn().unwrap();
    let child = stop_users_child(&remover);
    kill(child, Signal::SIGKILL).unwrap();
    Outcome::of(remover.wait_with_output().unwrap()).assert_silent_success();
    stage.assert_gone();
}

#[test]
fn the_child_ends_with_the_command() {
    let stage = busy_stage();
    let mut remover = stage.command(&[]).spawn().unwrap();
    let child = stop_users_child(&remover);
    remover.kill().unwrap();
    remover.wait().unwrap();
    let until = Instant::now() + Duration::from_secs(5);
    while !matches!(field(child.as_raw(), "State").first().map(String::as_str), None | Some("Z")) {
        assert!(Instant::now() < until, "the child is still there");
        std::thread::sleep(Duration::from_millis(5));
    }
}
