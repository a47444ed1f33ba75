//! What `ckctl` prints, for the documentation: `docs/CKCTL.md` is made of what these commands print here, and a
//! difference fails. `CK_WRITE=1 cargo test --package ck-tests --test hosts transcript::` writes it anew.

use std::path::Path;
use std::time::Duration;

use ck_tests::{Machine, wait_until};

const DOCUMENT: &str = concat!(env!("CK_ROOT"), "docs/CKCTL.md");
const SOON: Duration = Duration::from_secs(20);
const HEAD: &str = "# What ckctl shows\n\n\
    Made by a test from what the commands print on a host with two logins; times, process ids and the limit of sessions\n\
    are replaced. `man ckctl` has all verbs and options, `ckctl VERB --help` those of one.\n";
/// The views, and when to look: each command, and what is said of it.
const VIEWS: [(&str, &str); 11] = [
    ("ckctl", "Who is here:"),
    ("ckctl show 2", "All that is known of a session:"),
    (
        "ckctl list alice -o csv --columns session,service,state",
        "Some columns of the sessions of a user, as CSV:",
    ),
    ("ckctl users", "The users:"),
    ("ckctl seats --no-legend", "The seats, here one of the configuration:"),
    ("ckctl linger list", "Who keeps a runtime directory without a session:"),
    ("ckctl status", "How the broker is:"),
    ("ckctl status --metrics", "The same for monitors, as MONITORING.md says; here its beginning:"),
    ("ckctl doctor", "Whether logins get what they should:"),
    ("ckctl teardown list", "What is still to be torn down:"),
    ("ckctl history", "Who was here:"),
];

#[test]
fn the_document_shows_what_is_printed() {
    let mut machine = Machine::installed();
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck"]);
    machine.host.write_file("/etc/ck/broker.toml", "[seats.seat1]\nttys = [\"ttyS1\"]\n", 0o644);
    machine.start_broker(&[]);
    machine.host.run_ok(&["su", "bob", "-c", "true"]);
    machine.await_nothing_left();
    let mut watch = machine.host.spawn(&["ckctl", "watch"]);
    wait_until(SOON, "it watches", || watch.stdout().ends_with("changes follow\n"));
    let ssh = machine.host.spawn(&["ssh", "alice@127.0.0.1", "sleep 60"]);
    machine.await_sessions(1);
    let su = machine.host.spawn(&["su", "-l", "bob", "-c", "sleep 60"]);
    machine.await_sessions(2);
    machine.host.run_ok(&["ckctl", "linger", "on", "alice"]);
    wait_until(SOON, "both have been shown", || watch.stdout().matches(" opened for ").count() == 2);
    let mut document = HEAD.to_owned();
    for (command, what) in VIEWS {
        let words: Vec<&str> = command.split(' ').collect();
        document += &view(what, command, &beginning(command, &machine.host.run_ok(&words)));
    }
    machine.host.run_ok(&["ckctl", "terminate", "3"]);
    wait_until(SOON, "the end has been shown", || watch.stdout().contains(" torn down\n"));
    watch.signal(rustix::process::Signal::INT);
    assert!(watch.wait(SOON).is_some(), "it ends");
    document += &view("Who comes and goes, as it happens:", "ckctl watch", &watch.stdout());
    drop((ssh, su));
    if std::env::var_os("CK_WRITE").is_some() {
        std::fs::write(DOCUMENT, &document).expect("write the document");
    }
    let written = std::fs::read_to_string(Path::new(DOCUMENT)).expect("the document");
    assert!(
        written == document,
        "docs/CKCTL.md is out of date: see the head of this test; now it is:\n{document}"
    );
}

/// What is shown of what a command prints: of the metrics not the hundred lines of histograms.
fn beginning(command: &str, printed: &str) -> String {
    match printed.split_once("# TYPE ck_logins ") {
        Some((beginning, _)) if command.ends_with("--metrics") => format!("{beginning}..."),
        _ => printed.to_owned(),
    }
}

fn view(what: &str, command: &str, printed: &str) -> String {
    // A machine with virtual terminals has one seat more.
    let lines = printed.lines().filter(|line| !line.contains("seat0"));
    let shown: Vec<String> = lines.map(|line| steady(line).trim_end().to_owned()).collect();
    format!("\n{what}\n\n```\n# {command}\n{}\n```\n", shown.join("\n").trim_end())
}

/// The line with all that is different each time replaced.
fn steady(line: &str) -> String {
    // The directory of modules.
    let line = dated(line).replace(&format!("/{}-linux-gnu/", std::env::consts::ARCH), "/x86_64-linux-gnu/");
    if line.starts_with('#') {
        return line;
    }
    if let Some((start, cause)) = line.split_once(" ended after 12:00:00") {
        return format!("{start} ended after 00:00:00{cause}");
    }
    // How long somebody was here, behind from when to when.
    let parts: Vec<&str> = line.split("12:00:00").collect();
    if let [login, between, before, behind] = parts[..] {
        return format!("{login}12:00:00{between}12:00:00{before}00:00:00{behind}");
    }
    // Any of the logins can be the slowest.
    let line = with_steady_durations(&line);
    for (before, steady) in [
        ("pid ", "60"),
        ("Leader PID:", "71"),
        ("at most ", "65536"),
        ("_limit ", "65536"),
        ("12:00:00, session ", "3"),
    ] {
        if let Some((start, rest)) = line.split_once(before) {
            let number = rest.trim_start();
            let space = &rest[..rest.len() - number.len()];
            return format!(
                "{start}{before}{space}{steady}{}",
                number.trim_start_matches(|c: char| c.is_ascii_digit())
            );
        }
    }
    if let Some((start, rest)) = line.split_once("[").filter(|_| line.contains(" opened for ")) {
        return format!("{start}[71]{}", rest.split_once(']').map_or("", |(_, rest)| rest));
    }
    match line.split_once("_seconds ") {
        Some((start, _)) => format!("{start}_seconds 1795435200"),
        None => line,
    }
}

/// The line with every duration in milliseconds replaced by one.
fn with_steady_durations(line: &str) -> String {
    let mut words: Vec<&str> = line.split(' ').collect();
    for at in 1..words.len() {
        if words[at].starts_with("ms") && words[at - 1].parse::<f64>().is_ok() {
            words[at - 1] = "0.4";
        }
    }
    words.join(" ")
}

/// The line with every date and time of day replaced by one.
fn dated(line: &str) -> String {
    let bytes = line.as_bytes();
    let mut text = String::new();
    let mut at = 0;
    while at < bytes.len() {
        let shape = |length: usize| {
            let part = bytes.get(at..at + length).unwrap_or_default();
            part.iter()
                .map(|byte| if byte.is_ascii_digit() { '9' } else { char::from(*byte) })
                .collect::<String>()
        };
        let (length, steady) = match () {
            () if shape(10) == "9999-99-99" => (10, "2026-11-23"),
            () if shape(8) == "99:99:99" => (8, "12:00:00"),
            () if shape(5) == "99:99" => (5, "12:00"),
            () => {
                let c = line[at..].chars().next().expect("a character");
                text.push(c);
                at += c.len_utf8();
                continue;
            }
        };
        text += steady;
        at += length;
    }
    text
}
