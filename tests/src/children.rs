//! What the broker's children were started with, as /proc has it.

use crate::machine::Machine;

/// For each child of the process: its name, state, blocked and ignored signals, descriptors, soft limit of open descriptors, and
/// working directory.
const SCRIPT: &str = r#"
for pid in $(pgrep -P "$1"); do
    status() { sed -n "s/^$1:[[:space:]]*//p" /proc/$pid/status; }
    echo "$(cat /proc/$pid/comm) $(status State | cut -c1) $(status SigBlk) $(status SigIgn)" \
        "$(ls /proc/$pid/fd | sort -n | paste -sd,)" \
        "$(sed -n 's/^Max open files *\([0-9]*\).*/\1/p' /proc/$pid/limits) $(readlink /proc/$pid/cwd)"
done
"#;

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

impl Machine {
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
