//! who, users, w, pinky, uptime and check_users: whoever names or counts those who are here.

use std::time::Duration;

use ck_tests::{Machine, Pty, Running, wait_until};
use serde_json::Value;

use super::{SOON, files, with_consumers};

/// As long as a login that has died may be seen.
const AT_MOST: Duration = Duration::from_millis(200);

#[test]
fn those_who_are_here_are_named_and_counted() {
    let mut machine = with_consumers();
    machine.start_broker(&[]);
    let host = &machine.host;
    for program in ["who", "users", "w -h", "pinky -f"] {
        assert_eq!(host.run_ok(&["sh", "-c", program]), "", "{program}");
    }
    let here = Here::come(&machine);
    assert_eq!(host.run_ok(&["users"]), "alice bob carol");
    for program in ["who", "w -h", "pinky -f"] {
        let told = host.run_ok(&["sh", "-c", program]);
        assert_eq!(told.lines().count(), 3, "{program}: {told}");
        for (session, from) in machine.sessions().iter().zip(["127.0.0.1", "127.0.0.1", ""]) {
            let user = session["user"].as_str().expect("a name");
            let line = told.lines().find(|line| line.starts_with(user)).unwrap_or_default();
            assert!(line.contains(from) && !(from.is_empty() && line.contains("127.")), "{program}: {told}");
            assert_eq!(terminal(line), session["tty"].as_str(), "{program}: {told}");
        }
    }
    assert_eq!(counted(&machine, true), ["3", "3"]);
    assert_eq!(counted(&machine, false), ["0", "0"]);

    here.die(&machine);
    wait_until(SOON, "no file is left", || {
        files(&machine, "sessions").is_empty() && files(&machine, "users").is_empty()
    });
    for program in ["who", "users", "w -h", "pinky -f"] {
        assert_eq!(host.run_ok(&["sh", "-c", program]), "", "{program}");
    }
    assert_eq!(counted(&machine, true), ["0", "0"]);
    machine.await_nothing_left();
}

/// The quickest of five counts, as the machine may have other work.
#[test]
fn a_login_that_has_died_is_seen_no_more() {
    const KILL: &str = "start=${EPOCHREALTIME/./}; kill -9 $1
        while [ -e /run/systemd/sessions/$2 ] || [ -e /run/systemd/users/2001 ]; do sleep 0.005; done
        echo $((${EPOCHREALTIME/./} - start))";
    let machine = super::machine();
    let host = &machine.host;
    let times = (0..5).map(|_| {
        let _login = host.spawn(&["ssh", "-tt", "alice@127.0.0.1", "sleep 1000"]);
        machine.await_sessions(1);
        let session = machine.session();
        let (leader, id) = (session["leader_pid"].to_string(), session["id"].as_str().expect("an id"));
        wait_until(SOON, "who names her", || host.run_ok(&["users"]) == "alice");
        let took = host.run_ok(&["bash", "-c", KILL, "kill", &leader, id]);
        assert_eq!(host.run_ok(&["who"]), "");
        Duration::from_micros(took.parse().expect("microseconds"))
    });
    let times: Vec<Duration> = times.collect();
    println!("{times:?}");
    assert!(times.iter().any(|took| *took <= AT_MOST), "{times:?}");
}

/// Two who have come by ssh, and one on a terminal of the host.
struct Here {
    _by_ssh: [Running; 2],
    _on_terminal: Pty,
}

impl Here {
    fn come(machine: &Machine) -> Self {
        let host = &machine.host;
        host.run_ok(&["useradd", "-m", "-s", "/bin/bash", "carol"]);
        let ssh = |to: &str, sessions: usize| {
            let login = host.spawn(&["ssh", "-tt", to, "sleep 1000"]);
            machine.await_sessions(sessions);
            login
        };
        let by_ssh = [ssh("alice@127.0.0.1", 1), ssh("bob@127.0.0.1", 2)];
        let mut on_terminal = host.on_terminal(&["login", "-f", "carol"]);
        on_terminal.expect("$ ", SOON);
        machine.await_sessions(3);
        // ssh logs in before it has a terminal.
        wait_until(SOON, "terminals", || {
            machine.sessions().iter().all(|session| session["tty"] != Value::Null)
        });
        Self { _by_ssh: by_ssh, _on_terminal: on_terminal }
    }

    /// The processes that have opened the sessions die.
    fn die(self, machine: &Machine) {
        for session in machine.sessions() {
            machine.host.run_ok(&["kill", "-9", &session["leader_pid"].to_string()]);
        }
    }
}

/// The terminal that a line names.
fn terminal(line: &str) -> Option<&str> {
    // who and pinky name the service before it, where they have to guess it. pinky has a star at one that takes no messages.
    let words = line.split_whitespace().map(|word| word.trim_start_matches('*'));
    words.into_iter().find(|word| word.starts_with("pts/"))
}

/// How many check_users and uptime count. They ask libsystemd only where systemd is process 1, and know that by a directory
/// (sd_booted(3)).
fn counted(machine: &Machine, with_systemd: bool) -> [String; 2] {
    let count = "/usr/lib/nagios/plugins/check_users -w 5 -c 9 | grep -o '[0-9]* users'; uptime | grep -o '[0-9]* user'";
    let script = if with_systemd {
        format!("mkdir /run/systemd/system && {{ {count}; }}; rmdir /run/systemd/system")
    } else {
        count.to_owned()
    };
    let told = machine.host.run_ok(&["sh", "-c", &script]);
    let mut numbers = told.lines().map(|line| line.trim_end_matches(['u', 's', 'e', 'r', ' ']).to_owned());
    [numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default()]
}
