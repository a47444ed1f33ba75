//! What the loop makes, removes and renames in a day's work lies where no user can hold it: an allow-list of calls and paths.

use ck_tests::{Host, Machine, Running, wait_until};
use rustix::process::Signal;

use super::{Mode, SOON, in_each_mode};

const TRACE: &str = "/tmp/trace";
/// All calls that take the lock of a directory to write; opening counts where it may make a file.
const CALLS: &str = "trace=mkdir,mkdirat,mknod,mknodat,rmdir,unlink,unlinkat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,\
                     open,openat,openat2,creat,bind";
/// Directories of the broker's own, which no user can read, nor rename anything to.
const OURS: [&str; 5] = [
    "/run/ck-broker/state",
    "/run/ck-broker/state/sessions",
    "/run/ck-broker/state/users",
    "/run/user/.ck-retired",
    "/var/lib/ck/linger",
];
/// Below it, only what is root's too: what holds a user's directory, but not that directory.
const RETIRED: &str = "/run/user/.ck-retired";
/// Where users have directories: a name is made there or moved away, but never removed, and none is made inside.
const ROOT: &str = "/run/user";
const MAKE_OR_MOVE: [&str; 5] = ["mkdir", "mkdirat", "rename", "renameat", "renameat2"];
/// Where a file is made by a thread of its own, or was made before.
const HISTORY: &str = "/var/log/ck";

/// One call: its name, and the paths that it names, each whole.
struct Call {
    name: String,
    paths: Vec<String>,
    line: String,
}

impl Call {
    /// Of a line of strace's, with `--decode-fds=path`; `None` for what makes or removes no name.
    fn parse(line: &str) -> Option<Self> {
        let (name, arguments) = line.split_once('(')?;
        if name.starts_with("open") && !arguments.contains("O_CREAT") {
            return None;
        }
        Some(Self { name: name.to_owned(), paths: paths(arguments), line: line.to_owned() })
    }

    /// Whether the loop may do that.
    fn is_allowed(&self) -> bool {
        !self.paths.is_empty() && self.paths.iter().all(|path| self.is_allowed_at(path))
    }

    fn is_allowed_at(&self, path: &str) -> bool {
        let (directory, _) = path.rsplit_once('/').unwrap_or(("", path));
        let is_wrapper = directory.rsplit_once('/').is_some_and(|(parent, _)| parent == RETIRED);
        match directory {
            ROOT => MAKE_OR_MOVE.contains(&&*self.name),
            HISTORY => self.name == "openat",
            _ => is_wrapper || OURS.contains(&directory),
        }
    }
}

/// Each name that a call takes, with the directory before it: `3</run/user>, "2001"` is `/run/user/2001`.
fn paths(arguments: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let mut directory = String::new();
    let mut rest = arguments;
    while let Some(at) = rest.find(['<', '"']) {
        let end = if rest.as_bytes()[at] == b'<' { '>' } else { '"' };
        let (inside, after) = rest[at + 1..].split_once(end).unwrap_or((&rest[at + 1..], ""));
        match (end, inside.starts_with('/')) {
            ('>', _) => inside.clone_into(&mut directory),
            (_, true) => paths.push(inside.to_owned()),
            _ => paths.push(format!("{directory}/{inside}")),
        }
        rest = after;
    }
    paths
}

fn trace(machine: &Machine) -> Running {
    let pid = machine.broker().pid().to_string();
    let strace = ["strace", "--quiet=all", "--decode-fds=path", "-o", TRACE, "-e", CALLS, "-p", &pid];
    let strace = machine.host.spawn(&strace);
    let status = format!("/proc/{pid}/status");
    wait_until(SOON, "strace is attached", || !machine.host.read_file(&status).contains("TracerPid:\t0\n"));
    strace
}

/// First logins and second ones, logouts that leave something and such that do not, lingering, reloads.
fn a_days_work(machine: &Machine) {
    let host = &machine.host;
    let run = |command: &[&str]| drop(host.run_ok(command));
    run(&["su", "alice", "-c", "mkdir $XDG_RUNTIME_DIR/d"]);
    let first = host.spawn(&["su", "bob", "-c", "echo >$XDG_RUNTIME_DIR/file; exec sleep 1000"]);
    machine.await_sessions(1);
    run(&["su", "bob", "-c", "true"]);
    run(&["ssh", "bob@127.0.0.1", "true"]);
    run(&["ckctl", "linger", "on", "alice"]);
    run(&["su", "alice", "-c", "true"]);
    run(&["ckctl", "linger", "off", "alice"]);
    machine.broker().signal(Signal::HUP);
    for _ in 0..70 {
        run(&["su", "root", "-c", "true"]);
    }
    first.signal(Signal::KILL);
    drop(first);
    run(&["pkill", "-KILL", "-u", "bob"]);
    machine.await_nothing_left();
}

/// The descriptor of the broker's own view of `/run/user`, if it has one: it is mounted nowhere, so that strace shows the path `/`.
fn own_view(machine: &Machine) -> Option<String> {
    let pid = machine.broker().pid();
    let find = format!(
        "for fd in /proc/{pid}/fd/*; do [ $fd -ef {ROOT} ] && [ $(readlink $fd) = / ] && basename $fd; done; true"
    );
    Some(machine.host.run_ok(&["sh", "-c", &find])).filter(|found| !found.is_empty())
}

fn assert_allowed(host: &Host, own_view: Option<String>) {
    let mut trace = host.read_file(TRACE);
    for before in ["(", ", "] {
        if let Some(view) = &own_view {
            trace = trace.replace(&format!("{before}{view}</>"), &format!("{before}{view}<{ROOT}>"));
        }
    }
    let calls: Vec<Call> = trace.lines().filter_map(Call::parse).collect();
    assert!(calls.len() > 20, "it makes and removes names all day, but here are: {trace}");
    let others: Vec<&str> = calls.iter().filter(|call| !call.is_allowed()).map(|call| &*call.line).collect();
    assert!(others.is_empty(), "where a user may hold it:\n{}", others.join("\n"));
}

fn a_day(mode: Mode) {
    let guarded = mode.up();
    let own_view = own_view(&guarded.machine);
    let strace = trace(&guarded.machine);
    a_days_work(&guarded.machine);
    drop(strace);
    assert_allowed(&guarded.machine.host, own_view);
}

in_each_mode! {
    a_day_with_tmpfs: a_day Tmpfs,
    a_day_with_plain_directories: a_day Directory,
}
