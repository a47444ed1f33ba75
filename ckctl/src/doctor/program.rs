//! The only place of ckctl that starts programs. Each has a time limit, an environment of its own, and no input.

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{MemfdFlags, memfd_create},
    io::Errno,
    process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open},
};
use std::{
    fs::File,
    io,
    os::unix::{fs::FileExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// The directories of programs for root, in the order in which they are searched. `PATH` is not used: root would run what
/// somebody has put there.
const DIRECTORIES: [&str; 4] = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin"];
/// The `PATH` of what is started.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// How much of an output is read, in bytes.
const MAX_OUTPUT: usize = 256 * 1024;
/// How long a program that was killed may take to end. It takes longer only if it hangs in the kernel.
const KILLED_WITHIN: Duration = Duration::from_secs(2);

/// Why a program did not run.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProgramError {
    #[error("cannot make a file for its output: {0}")]
    Output(Errno),
    #[error("cannot start it: {0}")]
    Start(io::Error),
    #[error("cannot wait for it: {0}")]
    Wait(io::Error),
}

/// What a program has printed, and how it ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// `None`: it did not end in time, and was killed.
    pub(super) status: Option<ExitStatus>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Ended {
    /// The first line on standard error that says something.
    pub(super) fn complaint(&self) -> &str {
        self.stderr.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it says nothing")
    }
}

/// Where the program is.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    DIRECTORIES.iter().map(|directory| Path::new(directory).join(name)).find(|path| path.is_file())
}

/// Runs a program, for `limit` at most.
///
/// # Errors
/// [`ProgramError`]
pub(super) fn run(
    program: &Path,
    arguments: &[&std::ffi::OsStr],
    limit: Duration,
) -> Result<Ended, ProgramError> {
    let (stdout, stderr) = (captured()?, captured()?);
    let writer = |file: &File| file.try_clone().map(Stdio::from).map_err(ProgramError::Start);
    // A group of its own, so that what it starts ends with it.
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .env("LC_ALL", "C.UTF-8")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(writer(&stdout)?)
        .stderr(writer(&stderr)?)
        .process_group(0)
        .spawn()
        .map_err(ProgramError::Start)?;
    let status = ended(&mut child, limit).map_err(ProgramError::Wait)?;
    Ok(Ended { status, stdout: text(&stdout), stderr: text(&stderr) })
}

/// Waits for the end of `child`, and kills its group after `limit`.
fn ended(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    if !ends_within(child, limit)? {
        // It may just have ended.
        let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
        if ends_within(child, KILLED_WITHIN)? {
            child.wait()?;
        }
        return Ok(None);
    }
    child.wait().map(Some)
}

fn ends_within(child: &Child, limit: Duration) -> Result<bool, Errno> {
    let process = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let until = Instant::now() + limit;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(|_| Errno::INVAL)?;
        match poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&left)) {
            Err(Errno::INTR) => {}
            ready => return ready.map(|ready| ready > 0),
        }
    }
}

/// A file for an output. A pipe could fill, and would stay open while any process has it.
fn captured() -> Result<File, ProgramError> {
    memfd_create("output", MemfdFlags::CLOEXEC).map(File::from).map_err(ProgramError::Output)
}

fn text(file: &File) -> String {
    let mut bytes = vec![0; MAX_OUTPUT];
    let mut length = 0;
    while let Some(room) = bytes.get_mut(length..).filter(|room| !room.is_empty()) {
        match file.read_at(room, u64::try_from(length).unwrap_or(u64::MAX)) {
            Ok(0) | Err(_) => break,
            Ok(count) => length += count,
        }
    }
    bytes.truncate(length);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, limit: Duration) -> Ended {
        run(Path::new("/bin/sh"), &["-c".as_ref(), script.as_ref()], limit).unwrap()
    }

    #[test]
    fn a_program_is_read_and_its_environment_is_empty() {
        let ended = sh("echo out; echo; echo err >&2; env | grep -c CARGO; exit 3", Duration::from_secs(20));
        assert_eq!(ended.status.unwrap().code(), Some(3));
        assert_eq!((ended.stdout.as_str(), ended.complaint()), ("out\n\n0\n", "err"));
    }

    #[test]
    fn a_program_that_does_not_end_is_killed_with_what_it_has_started() {
        let ended = sh("echo $$; sleep 1000 & sleep 1000", Duration::from_millis(300));
        assert!(ended.status.is_none());
        let group = Pid::from_raw(ended.stdout.trim().parse().unwrap()).unwrap();
        let gone = || rustix::process::test_kill_process_group(group).is_err();
        let start = Instant::now();
        while !gone() && start.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(gone());
    }
}
