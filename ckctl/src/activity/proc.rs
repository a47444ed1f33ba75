//! The process file system, proc(5), as the caller sees it.

use ck_core::processes::Stat;
use ck_protocol::Pid;
use rustix::process::getpid;
use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::ffi::OsStrExt,
};

/// Far more than a line of proc_pid_stat(5) has, which one read(2) returns whole.
const STAT_SIZE: usize = 2048;
/// As much of a command line as anybody wants to see in a list, in bytes.
const COMMAND_SIZE: usize = 1024;
/// The highest pid that there can be: `PID_MAX_LIMIT` of linux/threads.h.
const MOST: usize = 1 << 22;

/// True if the pids of the broker mean the same processes here. `broker` is its own pid, as the kernel says it here: it has
/// one in its own pid namespace and those above.
pub(super) fn has_pids_of(broker: Pid) -> bool {
    // /proc can be that of another namespace.
    let is_own = fs::read_link("/proc/self")
        .is_ok_and(|link| link.as_os_str().as_bytes() == getpid().to_string().as_bytes());
    // With a pid in a namespace below, it has two: proc_pid_status(5). Where /proc hides the broker, nothing speaks against it.
    let status = fs::read(format!("/proc/{broker}/status")).unwrap_or_default();
    let mut lines = status.split(|byte| *byte == b'\n');
    let numbers = lines.find_map(|line| line.strip_prefix(b"NSpid:"));
    let is_below = numbers.is_some_and(|numbers| numbers.trim_ascii().contains(&b'\t'));
    is_own && !is_below
}

/// All processes that are visible.
pub(super) fn all() -> Vec<Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let mut line = [0; STAT_SIZE];
    pids.take(MOST).filter_map(|pid| stat(pid, &mut line)).collect()
}

/// What proc_pid_stat(5) says of a process. `None` if it is gone or hidden.
fn stat(pid: i32, line: &mut [u8]) -> Option<Stat> {
    let length = File::open(format!("/proc/{pid}/stat")).ok()?.read(line).ok()?;
    Stat::parse(line.get(..length)?)
}

/// The command line of a process, with blanks between its words. If it has none or has emptied it, its name in brackets, as ps(1)
/// shows it. `None` if the process is gone or hidden.
pub(super) fn command(process: &Stat) -> Option<String> {
    let words = words(process.pid).ok()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let words: Vec<u8> = words.into_iter().map(|byte| if byte == 0 { b' ' } else { byte }).collect();
    Some(match words.trim_ascii() {
        [] => format!("[{}]", text(&process.name)),
        words => text(words),
    })
}

fn words(pid: Pid) -> io::Result<Vec<u8>> {
    let file = File::open(format!("/proc/{pid}/cmdline"))?;
    let (mut words, most) = (Vec::new(), u64::try_from(COMMAND_SIZE).unwrap_or(u64::MAX));
    file.take(most).read_to_end(&mut words)?;
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{self, Command};

    fn own_pid() -> Pid {
        Pid::try_from(i32::try_from(process::id()).unwrap()).unwrap()
    }

    #[test]
    fn this_process_is_found_with_its_children() {
        let mut child = Command::new("sleep").args(["60", "0"]).spawn().unwrap();
        let number = i32::try_from(child.id()).unwrap();
        let sleeps = || all().into_iter().find(|stat| stat.pid.get() == number && stat.name == b"sleep");
        let found = std::iter::repeat_with(sleeps).flatten().next().unwrap();
        assert_eq!(found.parent, Some(own_pid()));
        assert_eq!(command(&found).unwrap(), "sleep 60 0");
        child.kill().unwrap();
        // It has no memory any more, and its parent has not noticed yet.
        assert!(std::iter::repeat_with(|| command(&found)).any(|words| words.as_deref() == Some("[sleep]")));
        child.wait().unwrap();
        assert_eq!(command(&found), None, "it is gone");
    }

    #[test]
    fn the_pids_of_a_broker_in_this_namespace_count() {
        assert!(has_pids_of(own_pid()));
    }
}
