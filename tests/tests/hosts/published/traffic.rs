//! Random logins, logouts and kills: whenever nothing changes, libsystemd tells what ckctl tells.

use std::time::{SystemTime, UNIX_EPOCH};

use ck_tests::{Machine, Options, Running, Suite, wait_until};
use rustix::process::Signal;

use super::{SOON, consumer, files, foreground, with_vts};

const ROUNDS: u64 = 6;
/// The changes in a round.
const CHANGES: u64 = 12;
/// As many sessions as there may be at a time, so that logouts keep up.
const MOST: usize = 12;
const USERS: [&str; 5] = ["alice", "bob", "carol", "dave", "root"];
const TERMINALS: [&str; 5] = ["ssh", "pts/77", "tty1", "tty2", "tty3"];
const HOSTS: [&str; 4] = ["192.0.2.7", "fe80::1%eth0", "a $HOME \"quoted\" `host'", "müller.example"];

#[test]
fn libsystemd_tells_what_ckctl_tells_252() {
    libsystemd_tells_what_ckctl_tells(Suite::Bookworm);
}

#[test]
fn libsystemd_tells_what_ckctl_tells_257() {
    libsystemd_tells_what_ckctl_tells(Suite::Trixie);
}

/// `CK_SEED` repeats what another run did.
fn libsystemd_tells_what_ckctl_tells(suite: Suite) {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_nanos() % 1_000_000;
    let seed = std::env::var("CK_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::try_from(now()).expect("a small number"));
    println!("CK_SEED={seed}");
    let mut machine = Machine::installed_on(Options::default().suite(suite));
    with_vts(&machine);
    machine.start_broker(&[]);
    consumer::install(&machine);
    machine.install_application("login-on", "session required pam_ck.so\n");
    for (name, uid) in [("carol", "2003"), ("dave", "2004")] {
        machine.host.run_ok(&["useradd", "-m", "-u", uid, name]);
    }
    let mut traffic = Traffic { machine: &machine, dice: Dice::new(seed), logins: Vec::new(), number: 0 };
    for round in 0..ROUNDS {
        for _ in 0..CHANGES {
            traffic.change();
        }
        machine.await_sessions(traffic.logins.len());
        println!("round {round}: {} sessions", traffic.logins.len());
        consumer::await_agreement(&machine);
    }
    drop(traffic);
    USERS.iter().for_each(|user| drop(machine.host.run_ok(&["ckctl", "linger", "off", user])));
    machine.await_sessions(0);
    consumer::await_agreement(&machine);
    assert!(files(&machine, "sessions").is_empty() && files(&machine, "users").is_empty());
}

/// Those who come and go.
struct Traffic<'m> {
    machine: &'m Machine,
    dice: Dice,
    logins: Vec<Login>,
    number: u64,
}

/// A login that stands.
struct Login {
    program: Running,
    /// What the program waits for, if it closes its session itself.
    leaves_at: Option<String>,
}

impl Traffic<'_> {
    /// One random change.
    fn change(&mut self) {
        match self.dice.below(10) {
            0 => {
                let (user, verb) = (self.dice.one_of(&USERS[..4]), self.dice.one_of(&["on", "off"]));
                self.machine.host.run_ok(&["ckctl", "linger", verb, user]);
            }
            1 => foreground(self.machine, self.dice.one_of(&["tty1", "tty2", "tty3", "tty9"])),
            2..=4 if !self.logins.is_empty() => self.end_one(),
            _ if self.logins.len() == MOST => self.end_one(),
            5 => {
                let whom = self.dice.one_of(&["alice@127.0.0.1", "bob@127.0.0.1"]);
                self.log_in_by(&["ssh", whom, "echo open; sleep 1000"]);
            }
            6 => {
                let whom = self.dice.one_of(&USERS);
                self.log_in_by(&["su", whom, "-s", "/bin/sh", "-c", "echo open; sleep 1000"]);
            }
            _ => self.log_in(),
        }
    }

    /// A login on any terminal from anywhere.
    fn log_in(&mut self) {
        self.number += 1;
        let leaves_at = format!("/tmp/leave-{}", self.number);
        let user = self.dice.one_of(&USERS);
        let tty = format!("tty={}", self.dice.one_of(&TERMINALS));
        let host = format!("rhost={}", self.dice.one_of(&HOSTS));
        let mut words = vec!["pam-application", "login-on", user, &tty];
        // Somebody from another host has no seat, wherever the terminal is.
        if self.dice.below(2) == 0 {
            words.push(&host);
        }
        words.extend(["open", "await", &leaves_at, "close"]);
        let program = self.machine.host.spawn(&words);
        self.stands(Login { program, leaves_at: Some(leaves_at) });
    }

    fn log_in_by(&mut self, command: &[&str]) {
        let program = self.machine.host.spawn(command);
        self.stands(Login { program, leaves_at: None });
    }

    fn stands(&mut self, login: Login) {
        wait_until(SOON, "the login stands", || login.program.stdout().starts_with("open"));
        self.logins.push(login);
    }

    /// A login ends: by a logout, or by the death of the program.
    fn end_one(&mut self) {
        let one = self.dice.below(self.logins.len().try_into().expect("a count"));
        let Login { program, leaves_at } = self.logins.swap_remove(one.try_into().expect("an index"));
        match leaves_at {
            Some(file) if self.dice.below(2) == 0 => {
                self.machine.host.write_file(&file, "", 0o644);
                wait_until(SOON, "the logout", || program.is_over());
            }
            _ => program.signal(self.dice.one_of(&[Signal::KILL, Signal::TERM])),
        }
    }
}

/// Random enough for a test: xorshift.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn one_of<T: Copy>(&mut self, things: &[T]) -> T {
        let one = self.below(things.len().try_into().expect("a count"));
        things[usize::try_from(one).expect("an index")]
    }
}
