//! Sessions as unmodified programs see them, by libsystemd.

mod consumer;
mod crowd;
mod files;
mod hindered;
mod managers;
mod maxlogins;
mod monitor;
mod odd;
mod polkit;
mod programs;
mod seats;
mod terminals;
mod traffic;

use std::time::Duration;

use ck_tests::{Kind, Machine, Options, Suite};

const SOON: Duration = Duration::from_secs(20);

/// A Debian 13 machine, whose who(1) knows nothing but libsystemd.
fn machine() -> Machine {
    plain(Suite::Trixie)
}

fn plain(suite: Suite) -> Machine {
    let mut machine = Machine::installed_on(Options::default().suite(suite).kind(Kind::Plain));
    machine.start_broker(&[]);
    machine
}

/// A Debian 13 machine with more programs that ask libsystemd. No broker runs.
fn with_consumers() -> Machine {
    Machine::installed_on(Options::default().suite(Suite::Trixie).kind(Kind::Consumers))
}

/// The names and contents of the files of a directory in /run/systemd.
fn files(machine: &Machine, directory: &str) -> Vec<String> {
    let list = format!("cd /run/systemd/{directory} && ls -A | sort -n");
    machine.host.run_ok(&["sh", "-c", &list]).lines().map(str::to_owned).collect()
}

/// Gives a machine virtual terminals, before the broker starts.
fn with_vts(machine: &Machine) {
    // Like the file of sysfs, the host's domainname wakes who polls it.
    let script = "mount -t tmpfs tmpfs /sys/class && mkdir -p /sys/class/tty/tty0 && touch /sys/class/tty/tty0/active /dev/tty0 \
                  && mount --bind /proc/sys/kernel/domainname /sys/class/tty/tty0/active";
    machine.host.run_ok(&["sh", "-c", script]);
    foreground(machine, "tty1");
}

/// Puts a terminal into the foreground.
fn foreground(machine: &Machine, tty: &str) {
    machine.host.run_ok(&["sh", "-c", &format!("echo {tty} >/proc/sys/kernel/domainname")]);
}
