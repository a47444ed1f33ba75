//! A throw-away host, from the outside.

use std::fs::{File, Metadata};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use crate::process::{Output, Running, captured, contents};
use crate::wait::{patience, readable};

/// The script that does the work.
const SCRIPT: &str = concat!(env!("CK_ROOT"), "tests/host/host");
/// How long a command may take unless it says otherwise. What is quick takes milliseconds, also under load.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);
/// The script itself gives up after 30 s.
const UP_LIMIT: Duration = Duration::from_secs(40);
const DOWN_LIMIT: Duration = Duration::from_secs(20);
/// As much of the log as helps to understand a failure.
const LOG_LINES_SHOWN: usize = 40;

/// What runs as a host's process 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// No init system: tini, syslogd, sshd.
    #[default]
    Plain,
    OpenRc,
    Systemd,
    SysVInit,
    /// Plain, with the system bus and elogind: what `make bench` compares with.
    Elogind,
    /// Plain, with the shells that complete command lines.
    Shells,
    /// Plain, with vsftpd.
    Vsftpd,
    /// Plain, with proftpd.
    Proftpd,
    /// Plain, with Prometheus and its node_exporter.
    Prometheus,
    /// Plain, with programs that see sessions by libsystemd.
    Consumers,
    /// Plain, with wtmpdb: of Debian 13.
    Wtmpdb,
}

/// The Debian release of a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Suite {
    #[default]
    Bookworm,
    Trixie,
}

/// What a host is to be like; the default is a plain bookworm host with nothing bound.
#[derive(Clone, Debug, Default)]
pub struct Options {
    kind: Kind,
    suite: Suite,
    binds: Vec<String>,
}

impl Options {
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    pub fn suite(mut self, suite: Suite) -> Self {
        self.suite = suite;
        self
    }

    /// Shows this machine's `source`, a file or a directory, read-only as `destination` in the host. Both absolute.
    pub fn bind(mut self, source: impl AsRef<Path>, destination: &str) -> Self {
        self.binds.push(format!("{}:{destination}", source.as_ref().display()));
        self
    }

    fn arguments(&self, name: &str) -> Vec<String> {
        let mut arguments = vec!["up".to_owned(), "--foreground".to_owned()];
        for bind in &self.binds {
            arguments.extend(["--bind".to_owned(), bind.clone()]);
        }
        arguments.push(name.to_owned());
        let kind = match self.kind {
            Kind::Plain => "plain",
            Kind::OpenRc => "openrc",
            Kind::Systemd => "systemd",
            Kind::SysVInit => "sysvinit",
            Kind::Elogind => "elogind",
            Kind::Shells => "shells",
            Kind::Vsftpd => "vsftpd",
            Kind::Proftpd => "proftpd",
            Kind::Prometheus => "prometheus",
            Kind::Consumers => "consumers",
            Kind::Wtmpdb => "wtmpdb",
        };
        let suite = match self.suite {
            Suite::Bookworm => "bookworm",
            Suite::Trixie => "trixie",
        };
        arguments.extend([kind.to_owned(), suite.to_owned()]);
        arguments
    }
}

/// A host that is up. It has sshd on its own 127.0.0.1:2222, and the accounts alice (2001, password `pw-alice`) and bob
/// (2002, `pw-bob`), which root in the host can log in to with `ssh alice@127.0.0.1`.
///
/// It is taken down when this value is dropped, and also when this process ends without that: the script that keeps the
/// host reads our end of a pipe. (A parent-death signal would not do. It is sent when the *thread* that forked ends.)
#[derive(Debug)]
pub struct Host {
    name: String,
    kind: Kind,
    first_process: i32,
    state: PathBuf,
    keeper: Child,
    keeper_errors: File,
}

impl Host {
    /// Starts a host and returns when sshd listens in it, after some 0.15 s.
    ///
    /// # Panics
    /// With the script's one line when that cannot be: not root, no tree.
    pub fn up(options: Options) -> Self {
        static COUNTER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("t{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let (keeper_errors, child_errors) = captured();
        // A group of its own: ^C on the terminal ends us, and the host is taken down in order.
        let mut keeper = Command::new(SCRIPT)
            .args(options.arguments(&name))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(child_errors)
            .process_group(0)
            .spawn()
            .expect("start tests/host/host");
        let Some((first_process, state)) = await_ready(&mut keeper) else {
            end(&mut keeper);
            panic!("no test host: {}", contents(&keeper_errors).trim());
        };
        Self { name, kind: options.kind, first_process, state, keeper, keeper_errors }
    }

    /// Its host name, unique on this machine.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The pid of its process 1, as this machine sees it.
    pub fn first_process(&self) -> i32 {
        self.first_process
    }

    /// The directory of this machine that holds its state. `shared` in it is `/shared` in the host.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Its root directory, to be looked at from here. Mind that absolute symbolic links in it (`/var/run` is one) lead
    /// out of the host; the methods below follow them inside.
    pub fn root(&self) -> PathBuf {
        format!("/proc/{}/root", self.first_process).into()
    }

    /// Runs a command in the host, as root and without a terminal, and waits for it, at most 30 s.
    pub fn run(&self, command: &[&str]) -> Output {
        self.run_within(COMMAND_LIMIT, command)
    }

    /// Runs a command in the host and panics, with the log, when it has not ended after `limit`.
    pub fn run_within(&self, limit: Duration, command: &[&str]) -> Output {
        let mut running = self.spawn(command);
        let status = running.wait(limit);
        let (stdout, stderr) = (running.stdout(), running.stderr());
        match status {
            Some(status) => Output { status, stdout, stderr },
            None => self.fail(&format!("{command:?} still runs after {limit:?}\n{stdout}{stderr}")),
        }
    }

    /// Runs a command that is to succeed, and returns its standard output without white space around it.
    pub fn run_ok(&self, command: &[&str]) -> String {
        let output = self.run(command);
        if !output.status.success() {
            self.fail(&format!("{command:?}: {}\n{}{}", output.status, output.stdout, output.stderr));
        }
        output.stdout.trim().to_owned()
    }

    /// Starts a command in the host; it is killed when the returned value is dropped.
    pub fn spawn(&self, command: &[&str]) -> Running {
        Running::start(self.enter(command))
    }

    /// The command that runs `command` in the host.
    pub(crate) fn enter(&self, command: &[&str]) -> Command {
        let mut enter = Command::new(SCRIPT);
        enter.args(["enter", &self.name]).args(command);
        enter
    }

    /// Makes or replaces a file of the host.
    pub fn write_file(&self, path: &str, contents: impl AsRef<[u8]>, mode: u32) {
        let create = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
        let mut file = self.open(path, create, mode).unwrap_or_else(|error| panic!("{path}: {error}"));
        file.write_all(contents.as_ref()).unwrap_or_else(|error| panic!("{path}: {error}"));
        // The umask does not apply to what a test asked for, nor does what was there before.
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))
            .expect("set the mode of a file");
    }

    /// All of a file of the host; what is not UTF-8 in it is replaced.
    pub fn read_file(&self, path: &str) -> String {
        let mut bytes = Vec::new();
        self.open(path, OFlags::RDONLY, 0)
            .and_then(|mut file| file.read_to_end(&mut bytes))
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Owner, mode and so on of what is at `path` in the host, a symbolic link itself; `None` if nothing is.
    pub fn metadata(&self, path: &str) -> Option<Metadata> {
        match self.open(path, OFlags::PATH | OFlags::NOFOLLOW, 0) {
            Ok(file) => Some(file.metadata().unwrap_or_else(|error| panic!("{path}: {error}"))),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => panic!("{path}: {error}"),
        }
    }

    /// Opens a path of the host; links are followed as in the host, not as here. The root is opened anew each time,
    /// because a descriptor of it would keep the host's mounts after its end.
    fn open(&self, path: &str, flags: OFlags, mode: u32) -> std::io::Result<File> {
        let root =
            openat(CWD, self.root(), OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let mode = if flags.contains(OFlags::CREATE) { Mode::from_raw_mode(mode) } else { Mode::empty() };
        Ok(openat2(root, path, flags | OFlags::CLOEXEC, mode, ResolveFlags::IN_ROOT)?.into())
    }

    /// All that programs in the host have logged. busybox's syslogd shows control characters as `^A`, and so does not
    /// tell whether a program has escaped them.
    pub fn syslog(&self) -> String {
        match self.kind {
            Kind::Systemd => self.run(&["journalctl", "--no-pager", "--quiet"]).stdout,
            _ => self.read_file("/run/messages"),
        }
    }

    /// Panics with `message` and the end of the log.
    pub fn fail(&self, message: &str) -> ! {
        let log = self.syslog();
        let lines: Vec<&str> = log.lines().collect();
        let shown = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
        panic!("{message}\n--- end of the log of {}:\n{}", self.name, shown.join("\n"));
    }

    /// Takes the host down: what a drop does too, but here a failure is a panic.
    pub fn down(mut self) {
        self.take_down().unwrap_or_else(|message| panic!("{message}"));
    }

    fn take_down(&mut self) -> Result<(), String> {
        if end(&mut self.keeper) {
            return Ok(());
        }
        Err(format!("{} was not taken down: {}", self.name, contents(&self.keeper_errors).trim()))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Err(message) = self.take_down() {
            eprintln!("{message}");
        }
    }
}

/// The pid of process 1 and the state directory, which the keeper tells once the host is ready.
fn await_ready(keeper: &mut Child) -> Option<(i32, PathBuf)> {
    let stdout = keeper.stdout.take().expect("a pipe");
    let mut line = String::new();
    if readable(&stdout, patience(UP_LIMIT)) {
        BufReader::new(stdout).read_line(&mut line).expect("read from the keeper");
    }
    let (pid, state) = line.trim().strip_prefix("ready ")?.split_once(' ')?;
    Some((pid.parse().ok()?, state.into()))
}

/// Ends the keeper, and with it the host; whether that went well. May be called again.
fn end(keeper: &mut Child) -> bool {
    drop(keeper.stdin.take());
    if let Ok(Some(status)) = keeper.try_wait() {
        return status.success();
    }
    let pidfd = pidfd_open(Pid::from_child(keeper), PidfdFlags::empty()).expect("pidfd_open");
    if !readable(&pidfd, patience(DOWN_LIMIT)) {
        let _ = kill_process_group(Pid::from_child(keeper), Signal::KILL);
    }
    keeper.wait().expect("wait for a child").success()
}
