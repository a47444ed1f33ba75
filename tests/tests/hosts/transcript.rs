//! What `ckctl` prints, for the documentation: `docs/CKCTL.md` is made of what these commands print here, and a
//! difference fails. `CK_WRITE=1 cargo test --package ck-tests --test hosts transcript::` writes it anew.

use std::path::Path;
use std::time::Duration;

use ck_tests::{Machine, wait_until};

const DOCUMENT: &str = concat!(env!("CK_ROOT"), "docs/CKCTL.md");
const SOON: Duration = Duration::from_secs(20);
const HEAD: &str = "# A day with ckctl\n\n\
    Made by a test from what the commands print on a host; times, process ids and the limit of sessions are replaced.\n\
    `man ckctl` has all verbs and options, `ckctl VERB --help` those of one.\n";

/// The document, as far as the day has come.
struct Day<'m> {
    machine: &'m Machine,
    document: String,
}

impl Day<'_> {
    /// Begins a part of the day.
    fn part(&mut self, title: &str, what: &str) {
        self.document += format!("\n## {title}\n\n{what}").trim_end();
        self.document.push('\n');
    }

    /// Types a command, and says something of it first.
    fn types(&mut self, what: &str, command: &str) {
        let words: Vec<&str> = command.split(' ').collect();
        let printed = self.machine.host.run_ok(&words);
        self.document += &view(what, command, &beginning(command, &printed));
    }
}

#[test]
fn the_document_shows_what_is_printed() {
    let mut machine = Machine::installed();
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck"]);
    machine.host.write_file("/etc/ck/broker.toml", "[seats.seat1]\nttys = [\"ttyS1\"]\n", 0o644);
    machine.start_broker(&[]);
    let host = &machine.host;
    let mut day = Day { machine: &machine, document: HEAD.to_owned() };
    let mut watch = host.spawn(&["ckctl", "watch"]);
    wait_until(SOON, "it watches", || watch.stdout().ends_with("changes follow\n"));

    day.part(
        "The morning",
        "Nobody is here yet. In another terminal, `ckctl watch` runs: its lines are at the end of this page.",
    );
    day.types("Is the broker well?", "ckctl status");
    day.types("Do logins get what they should?", "ckctl doctor");

    // A program of alice's that listens, as a screen locker does.
    let ssh = host.spawn(&["ssh", "-tt", "alice@127.0.0.1", "ckctl watch"]);
    wait_until(SOON, "hers watches", || ssh.stdout().ends_with("changes follow\r\n"));
    let su = host.spawn(&["su", "-l", "bob", "-c", "sleep 600"]);
    wait_until(SOON, "both are at work", || {
        let sessions = machine.sessions_in_use();
        let commands: Vec<_> = sessions.iter().map(|session| &session["command"]).collect();
        commands == ["ckctl watch", "sleep 600"]
    });
    day.part("People log in", "alice comes by ssh; root uses `su -l bob`.");
    day.types("Who is here, where, and what runs there? A narrow terminal shows fewer columns:", "ckctl");
    day.types("All that is known of a session; within one, `ckctl show` is enough:", "ckctl show 1");
    day.types("The users:", "ckctl users");
    day.types(
        "For a script, some columns of the sessions of a user, as CSV:",
        "ckctl list alice -o csv --columns session,service,state",
    );
    day.types("The seats, here one of the configuration:", "ckctl seats --no-legend");

    day.part("Things to do", "");
    day.types("alice has programs that are to go on when she has logged out:", "ckctl linger on alice");
    day.types("Who has such programs?", "ckctl linger list");
    day.types("alice has left her desk:", "ckctl lock 1");
    day.types("The session of bob was forgotten:", "ckctl terminate 2");
    machine.await_sessions(1);
    wait_until(SOON, "his directory is gone", || watch.stdout().contains(" torn down\n"));
    drop(ssh);
    machine.await_sessions(0);

    day.part("The evening", "alice has logged out.");
    day.types("Who was here, and why have they gone?", "ckctl history");
    day.types("Which directories are still to be removed?", "ckctl teardown list");
    day.types("The broker after the day:", "ckctl status");
    day.types(
        "The same for monitors, as [MONITORING.md](MONITORING.md) says; here its beginning:",
        "ckctl status --metrics",
    );
    watch.signal(rustix::process::Signal::INT);
    assert!(watch.wait(SOON).is_some(), "it ends");
    day.document += &view("The lines of the other terminal:", "ckctl watch", &watch.stdout());
    drop(su);

    let document = day.document;
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
    format!("\n{what}\n\n```\n{}\n```\n", format!("# {command}\n{}", shown.join("\n")).trim_end())
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
    // Since when a terminal is idle, behind when its user came.
    if let [login, between, behind] = parts[..] {
        return format!("{login}12:00:00{between}00:00:05{behind}");
    }
    if line.starts_with("Idle:") {
        return line.replace("12:00:00", "00:00:05");
    }
    // Any of the logins can be the slowest.
    let line = with_steady_durations(&line);
    for (before, steady) in [
        ("pid ", "60"),
        ("Leader PID:", "71"),
        ("Audit session:", "3"),
        ("Login UID:", "2001"),
        ("at most ", "65536"),
        ("_limit ", "65536"),
        ("12:00:00, session ", "2"),
    ] {
        if let Some((start, rest)) = line.split_once(before) {
            let number = rest.trim_start();
            let space = &rest[..rest.len() - number.len()];
            return format!(
                "{start}{before}{space}{steady}{}",
                // A kernel without an audit has no number.
                number.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-')
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
