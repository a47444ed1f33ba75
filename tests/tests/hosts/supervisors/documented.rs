//! The table of docs/INSTALL.md: its commands start the broker, and have it read its configuration.

use ck_tests::{Host, Kind, Machine, Suite, wait_until};

use super::service::SOON;
use super::{Service, Supervisor};
use crate::package::site::Site;

const DOCUMENT: &str = include_str!("../../../../docs/INSTALL.md");
/// The rows, each of which has a test here.
const ROWS: [&str; 5] = ["systemd", "OpenRC", "sysvinit", "runit", "none"];

/// The commands of a row: to start, and to reload.
fn commands(row: &str) -> [&'static str; 2] {
    let begin = format!("| {row} | ");
    let line = DOCUMENT.lines().find(|line| line.starts_with(&begin)).expect("a row");
    let mut cells = line.split('|').skip(2);
    [(); 2].map(|()| {
        let cell = cells.next().expect("a cell");
        cell.split('`').nth(1).unwrap_or_else(|| panic!("no command: {cell}"))
    })
}

/// Types both.
fn start_and_reload(host: &Host, row: &str) {
    let [start, reload] = commands(row);
    host.run_ok(&["sh", "-ec", start]);
    wait_until(SOON, start, || host.run(&["ckctl", "status"]).status.success());
    let bobs = || host.run_ok(&["su", "-l", "bob", "-c", "echo $XDG_RUNTIME_DIR"]);
    assert_eq!(bobs(), "/run/user/2002");
    host.run_ok(&["mkdir", "-p", "/etc/ck"]);
    host.write_file("/etc/ck/broker.toml", "[runtime_dir]\nkind = \"none\"\n", 0o644);
    host.run_ok(&["sh", "-ec", reload]);
    wait_until(SOON, reload, || bobs().is_empty());
}

#[test]
fn systemd() {
    let site = Site::installed(Kind::Systemd, Suite::Bookworm);
    let units = ["ck-broker.service", "ck-broker-session.socket", "ck-broker-admin.socket"];
    site.host.run_ok(&[&["systemctl", "disable", "--quiet", "--now"][..], &units].concat());
    start_and_reload(&site.host, "systemd");
    assert_eq!(
        site.host.run_ok(&[&["systemctl", "is-enabled"][..], &units].concat()),
        "enabled\nenabled\nenabled"
    );
}

#[test]
fn openrc() {
    start_and_reload(&Service::installed(Supervisor::OpenRc).machine.host, "OpenRC");
}

#[test]
fn sysvinit() {
    start_and_reload(&Service::installed(Supervisor::SysVInit).machine.host, "sysvinit");
}

#[test]
fn runit() {
    let service = Service::installed(Supervisor::Runit);
    let host = &service.machine.host;
    // Where this host's runsvdir looks.
    host.run_ok(&["sh", "-ec", "rm -rf /etc/service; ln -s /tmp/services /etc/service"]);
    start_and_reload(host, "runit");
}

#[test]
fn none() {
    start_and_reload(&Machine::installed().host, "none");
}

#[test]
fn every_row_is_typed() {
    let table = DOCUMENT.split_once("| | start, and at each boot |").expect("the table").1;
    let rows = table.lines().skip(2).take_while(|line| line.starts_with("| "));
    assert_eq!(rows.map(|row| row.split(' ').nth(1).expect("a name")).collect::<Vec<_>>(), ROWS);
}
