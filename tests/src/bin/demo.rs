//! Shows what the product does, on a throw-away host with a real sshd and a real login.
//!
//! Every step is checked as well as shown: a demo that shows something wrong fails.

use std::io::{IsTerminal, stdout};
use std::time::Duration;

use ck_tests::{ALICES, Machine, Options, Suite, wait_until};

const SOON: Duration = Duration::from_secs(10);
/// How many sessions end at once.
const LEADERS: usize = 50;
/// What a person would look at in a fresh session.
const LOOK: &str = "env | grep ^XDG_ | sort; ls -ld $XDG_RUNTIME_DIR; ckctl list";

fn main() {
    let (suite, release) = match std::env::args().nth(1).as_deref() {
        None | Some("bookworm") => (Suite::Bookworm, "Debian 12"),
        Some("trixie") => (Suite::Trixie, "Debian 13"),
        Some(other) => panic!("unknown suite {other}: take bookworm or trixie"),
    };
    let mut machine = Machine::installed_on(Options::default().suite(suite));
    machine.start_broker(&[]);
    let colour = stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let demo = Demo { machine, colour };
    demo.step(&format!("A fresh {release} host, with sshd, login, pam_ck.so and ck-broker. Nobody is here."));
    demo.command("ckctl list");
    demo.ssh();
    demo.login();
    demo.remover();
    demo.storm();
    demo.step("That is all: nobody is here, and nothing is left.");
    demo.command("ckctl status");
    demo.machine.await_nothing_left();
}

struct Demo {
    machine: Machine,
    colour: bool,
}

impl Demo {
    fn ssh(&self) {
        self.step("1. alice logs in by ssh with her key, and looks around.");
        let shown = self.command(&format!("ssh alice@127.0.0.1 '{LOOK}'"));
        assert!(shown.contains("XDG_RUNTIME_DIR=/run/user/2001") && shown.contains("drwx------"));
        self.after_logout();
    }

    fn login(&self) {
        self.step("2. alice logs in on a terminal.");
        let mut login = self.machine.host.on_terminal(&["login", "-f", "alice"]);
        login.expect("$ ", SOON);
        // What is not shown on a terminal has no escape sequences in it, as if it had been typed there.
        let plain = if self.colour { "" } else { "export NO_COLOR=1; " };
        let quiet = "bind 'set enable-bracketed-paste off'; unalias -a; PS1=; stty -echo; echo re''ady";
        login.send(&format!("{plain}{quiet}"));
        login.expect("ready", SOON);
        self.say(&format!("$ login -f alice\nalice$ {LOOK}"));
        login.send(&format!("{LOOK}; echo do''ne"));
        let shown = login.expect("done", SOON).replace('\r', "");
        self.output(shown.trim_end_matches("done"));
        assert!(shown.contains("XDG_RUNTIME_DIR=/run/user/2001") && shown.contains("pts/0"));
        login.send("exit");
        assert!(login.wait(SOON).is_some(), "login ends");
        self.after_logout();
    }

    /// The directory is gone; says how soon.
    fn after_logout(&self) {
        let taken = wait_until(SOON, "the directory is gone", || !self.machine.has_alices());
        self.step(&format!("   She has logged out; {} ms later:", taken.as_millis()));
        self.command("ls -ld /run/user/2001");
    }

    fn remover(&self) {
        self.step(
            "3. The first failure this project was born from: ck-remove-directory, called by hand,\n   \
                   aborted with EACCES, because it wanted to remove the directory itself as its user.",
        );
        self.command(&format!("install -d -o alice -m 700 {ALICES} {ALICES}/dconf"));
        let shown = self.command(
            "/usr/libexec/ck/ck-remove-directory --uid=2001 --dest=/var/run/user/2001; echo exit status $?",
        );
        assert_eq!(shown.trim(), "exit status 0");
        self.command("ls -ld /run/user/2001");
        assert!(!self.machine.has_alices());
    }

    fn storm(&self) {
        self.step(&format!(
            "4. The second failure: sessions that ended together sent the daemon into an endless loop,\n   \
                            and nobody could log in any more. {LEADERS} logins, killed at one blow:"
        ));
        let start =
            format!("for i in $(seq {LEADERS}); do su alice -s /bin/sh -c 'exec sleep 1000' & done; wait");
        let leaders = self.machine.host.spawn(&["sh", "-c", &start]);
        self.machine.await_sessions(LEADERS);
        let before = self.cpu();
        self.command("ckctl | tail -n 1; pkill -9 -x su");
        self.machine.await_sessions(0);
        let ended = self.cpu();
        std::thread::sleep(Duration::from_secs(2));
        let later = self.cpu();
        drop(leaders);
        self.command("ckctl");
        self.say(&format!(
            "processor time of ck-broker: {:.1} ms for all {LEADERS} ends; {:.1} ms in the 2 s after",
            milliseconds(ended - before),
            milliseconds(later - ended),
        ));
        assert!(later - ended < 1_000_000, "the broker is not idle");
        self.step("   And alice can log in:");
        assert_eq!(self.command("ssh alice@127.0.0.1 'echo $XDG_RUNTIME_DIR'").trim(), ALICES);
    }

    /// The processor time of the broker, in nanoseconds (proc_pid_schedstat(5)).
    fn cpu(&self) -> u64 {
        let stat = self.machine.host.read_file(&format!("/proc/{}/schedstat", self.machine.broker().pid()));
        stat.split(' ').next().and_then(|field| field.parse().ok()).expect("a number of nanoseconds")
    }

    /// Runs a command line, shown as typed by root, and shows what it prints.
    fn command(&self, line: &str) -> String {
        self.say(&format!("# {line}"));
        let output = self.machine.host.run(&["sh", "-c", line]);
        let shown = output.stdout + &output.stderr;
        self.output(&shown);
        shown
    }

    fn step(&self, text: &str) {
        println!("\n{}", self.coloured("1;36", text));
    }

    fn say(&self, text: &str) {
        println!("{}", self.coloured("1", text));
    }

    fn output(&self, text: &str) {
        assert!(self.colour || !text.contains('\x1b'), "an escape sequence without a terminal: {text:?}");
        for line in text.trim_matches('\n').lines() {
            println!("  {line}");
        }
    }

    fn coloured(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn milliseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e6
}
