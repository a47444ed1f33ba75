//! Logins when something is wrong: with the broker, with the name service, with the module itself, or with who asks.
//! They go on, they are late by no more than the module's deadline, and nobody else notices.

mod hostile_environment;
mod hostile_items;
mod identity;
mod leaders;
mod name_service;
mod panics;
mod peers;
mod unseen;
mod waiting;
mod workers;

use std::time::Duration;

use ck_protocol::{PROTOCOL, Reply, SessionRequest, limits};
use ck_tests::{Machine, Output, wait_until};

/// Far more than anything takes that waits for nobody, also on a busy machine.
const SOON: Duration = Duration::from_secs(10);
/// What `make faulty` builds.
const TARGET: &str = concat!(env!("CK_ROOT"), "target");
const CONNECT: &str = "use Socket; socket(S, AF_UNIX, SOCK_SEQPACKET, 0) or die $!; \
                       connect(S, pack_sockaddr_un('/run/ck-broker/session.sock')) or die $!;";
const BOB: [&str; 4] = ["setpriv", "--reuid=2002", "--regid=2002", "--clear-groups"];

fn built(name: &str) -> Vec<u8> {
    let path = format!("{TARGET}/{name}");
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}: run `make faulty`"))
}

/// Puts pam-application on the host; its PAM service `ck-test` is the module with `options`.
fn install_application(machine: &Machine, options: &str) {
    machine.install_application("ck-test", &format!("session required pam_ck.so {options}\n"));
}

/// What pam-application does for alice, to the end of `words`.
fn apply(machine: &Machine, words: &[&str]) -> String {
    machine.host.run_ok(&[&["pam-application", "ck-test", "alice"], words].concat())
}

/// The lines of the module in the system's log.
fn module_lines(machine: &Machine) -> Vec<String> {
    machine.host.syslog().lines().filter(|line| line.contains("pam_ck(")).map(str::to_owned).collect()
}

/// The same, once there are `count` of them.
fn await_lines(machine: &Machine, count: usize) -> Vec<String> {
    wait_until(SOON, "the lines in the log", || module_lines(machine).len() >= count);
    let lines = module_lines(machine);
    assert_eq!(lines.len(), count, "{lines:#?}");
    lines
}

/// What the broker answers to `request` on `session.sock`, asked by a process that `by` starts.
fn asked(machine: &Machine, by: &[&str], request: &SessionRequest) -> Output {
    let mut room = [0; limits::REQUEST];
    let packet: String = PROTOCOL
        .newest()
        .encode(request, &mut room)
        .expect("a request that fits")
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let script = format!(
        "{CONNECT} $SIG{{PIPE}} = 'IGNORE'; syswrite(S, pack('H*', '{packet}')); \
        sysread(S, $b, 9999) or sysread(S, $b, 9999); print unpack('H*', $b)"
    );
    machine.host.run(&[by, &["perl", "-e", &script]].concat())
}

/// The same by root, and the answer read.
fn ask(machine: &Machine, request: &SessionRequest) -> Reply {
    let output = asked(machine, &[], request);
    let hex = output.stdout.trim();
    let digits = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex"));
    let packet: Vec<u8> = digits.collect();
    PROTOCOL.decode(&packet, limits::REPLY).unwrap_or_else(|error| panic!("{error}: {output:?}")).1
}
