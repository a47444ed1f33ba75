//! What the broker's children were started with, as /proc has it.

use std::time::Duration;

use crate::machine::Machine;
use crate::wait::wait_until;

const SOON: Duration = Duration::from_secs(10);
/// SIGPIPE, which every Rust program ignores once it runs.
const PIPE: u64 = 1 << 12;
/// The soft limit of open descriptors that [`by_bad_shell`] sets.
const LIMIT: u64 = 512;

/// For each child of the process: its name, state, blocked and ignored signals, descriptors, soft limit of open descriptors, and
/// working directory. A zombie has a `-` where it has nothing any more; one that is gone meanwhile is left out.
const SCRIPT: &str = r#"
for pid in $(pgrep -P "$1"); do
    status() { sed -n "s/^$1:[[:space:]]*//p" /proc/$pid/status; }
    line="$(cat /proc/$pid/comm) $(status State | cut -c1) $(status SigBlk) $(status SigIgn)"
    descriptors=$(ls /proc/$pid/fd | sort -n | paste -sd,)
    limit=$(sed -n 's/^Max open files *\([0-9]*\).*/\1/p' /proc/$pid/limits)
    directory=$(readlink /proc/$pid/cwd)
    [ ! -e /proc/$pid ] || echo "$line ${descriptors:--} ${limit:-0} ${directory:--}"
done
"#;

/// The children that the broker always has: those that write the history, and the files for libsystemd.
const LASTING: [&str; 2] = ["ck-history", "ck-publish"];

/// The signals 32 and 33, which glibc keeps to itself: posix_spawn(3) leaves them ignored.
const INTERNAL: u64 = 0b11 << 31;

/// One child of the broker.
#[derive(Debug, PartialEq, Eq)]
pub struct Child {
    /// Its name, as ps(1) shows it.
    pub name: String,
    /// `Z` for one that nobody has waited for.
    pub state: char,
    /// The signals that are blocked, as bits: `SigBlk` of proc_pid_status(5).
    pub blocked: u64,
    /// Those that are ignored.
    pub ignored: u64,
    /// Its descriptors, with commas.
    pub descriptors: String,
    /// Its soft limit of open descriptors.
    pub limit: u64,
    /// Its working directory.
    pub directory: String,
}

impl Child {
    /// One that waits, and was started as it should be by a broker that [`by_bad_shell`] has started.
    pub fn clean(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            state: 'S',
            blocked: 0,
            ignored: 0,
            descriptors: "0,1,2".to_owned(),
            limit: LIMIT,
            directory: "/".to_owned(),
        }
    }

    /// The same of a process of the broker's own program.
    pub fn clean_own(name: &str) -> Self {
        Self { ignored: PIPE, ..Self::clean(name) }
    }
}

/// The command that starts `command` from a shell such as nobody should start a daemon from: the broker, or what becomes the
/// broker.
pub fn by_bad_shell<'a>(command: &[&'a str]) -> Vec<&'a str> {
    const SHELL: &str = "trap '' HUP INT QUIT TERM USR1 CHLD; ulimit -Sn 512; cd /tmp; exec 7</etc/passwd 8>/tmp/ready; \
                         exec \"$@\" --ready-fd=8";
    [&["bash", "-c", SHELL, "bad-shell"], command].concat()
}

impl Machine {
    /// The child of that name, once there is one.
    pub fn child(&self, name: &str) -> Child {
        let mut found = None;
        wait_until(SOON, name, || {
            found = self.children().into_iter().find(|child| child.name == name);
            found.is_some()
        });
        found.expect("just found")
    }

    /// Waits until no child is left but those that the broker always has.
    pub fn await_no_child(&self) {
        wait_until(SOON, "every child is waited for", || {
            self.children().iter().all(|child| LASTING.contains(&&*child.name) && child.state != 'Z')
        });
    }

    /// The children that the broker has now.
    pub fn children(&self) -> Vec<Child> {
        let broker = self.broker().pid().to_string();
        let told = self.host.run_ok(&["bash", "-c", SCRIPT, "children", &broker]);
        told.lines().map(parse).collect()
    }
}

fn parse(line: &str) -> Child {
    let [name, state, blocked, ignored, descriptors, limit, directory] =
        line.split(' ').collect::<Vec<_>>()[..]
    else {
        panic!("no child: {line}");
    };
    let bits = |text: &str| {
        u64::from_str_radix(text, 16).unwrap_or_else(|_| panic!("no signals: {line}")) & !INTERNAL
    };
    Child {
        name: name.to_owned(),
        state: state.chars().next().expect("a state"),
        blocked: bits(blocked),
        ignored: bits(ignored),
        descriptors: descriptors.to_owned(),
        limit: limit.parse().expect("a limit"),
        directory: directory.to_owned(),
    }
}
