//! Sessions as unmodified programs see them, by libsystemd.

mod files;
mod hindered;
mod managers;
mod programs;
mod seats;
mod terminals;

use std::time::Duration;

use ck_tests::{Kind, Machine, Options, Suite};

const SOON: Duration = Duration::from_secs(20);

/// A Debian 13 machine, whose who(1) knows nothing but libsystemd.
fn machine() -> Machine {
    let mut machine = Machine::installed_on(Options::default().suite(Suite::Trixie).kind(Kind::Plain));
    machine.start_broker(&[]);
    machine
}

/// The names and contents of the files of a directory in /run/systemd.
fn files(machine: &Machine, directory: &str) -> Vec<String> {
    let list = format!("cd /run/systemd/{directory} && ls -A | sort -n");
    machine.host.run_ok(&["sh", "-c", &list]).lines().map(str::to_owned).collect()
}
