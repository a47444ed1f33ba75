//! Lists: filters, forms, columns and their order; `show`.

use crate::{broker, error, printed, session, three};
use ck_protocol::{Pid, Session};
use nix::{
    pty::{Winsize, openpty},
    unistd::ttyname,
};
use serde_json::Value;
use std::{
    fs::File,
    io::Read,
    iter,
    os::{fd::OwnedFd, unix::fs::fchown},
    process::{Child, Command, Stdio},
};

fn json(command: &mut Command) -> Value {
    serde_json::from_str(&printed(command)).unwrap()
}

#[test]
fn lists_can_be_restricted_to_a_user() {
    let broker = broker(three());
    for verb in ["list", "users"] {
        for user in ["alice", "4000002001"] {
            let listed = json(broker.ckctl().args([verb, user, "--json"]));
            assert_eq!(listed.as_array().unwrap().len(), 1, "{verb} {user}");
            assert_eq!(listed[0]["user"], "alice");
        }
    }
    assert_eq!(printed(broker.ckctl().args(["list", "daemon"])), "No sessions.\n");
    assert_eq!(
        error(broker.ckctl().args(["list", "nosuch"]), 1),
        "unknown user `nosuch`: give the name or uid of a user"
    );
}

#[test]
fn show_takes_a_session_or_a_user() {
    let broker = broker(three());
    assert_eq!(json(broker.ckctl().args(["show", "10", "--json"]))["user"], "alice");
    for words in [&["show", "alice"][..], &["show", "--user", "alice"], &["show", "--user", "4000002001"]] {
        assert!(printed(broker.ckctl().args(words)).starts_with("Session:            10\n"), "{words:?}");
        assert_eq!(json(broker.ckctl().args(words).arg("--json"))[0]["id"], "10", "{words:?}");
    }
    assert_eq!(
        error(broker.ckctl().args(["show", "nosuch"]), 1),
        "`nosuch` is neither a session id nor a user: see `ckctl list`"
    );
}

#[test]
fn show_without_an_argument_shows_the_own_session() {
    let broker = broker(three());
    let own = |value: &str| {
        let mut command = broker.ckctl();
        command.arg("show").env("XDG_SESSION_ID", value);
        command
    };
    // These tests run as root.
    assert!(printed(&mut own("11")).contains("\nUser:               root\n"));
    assert!(error(broker.ckctl().arg("show"), 1).starts_with("this is not inside a session"));
    assert!(error(&mut own("x"), 1).starts_with("XDG_SESSION_ID is `x`, which is not a session id"));
    assert!(error(&mut own("10"), 1).starts_with("XDG_SESSION_ID is 10, which is a session of alice"));
    assert_eq!(error(&mut own("77"), 1), "no session");
}

#[test]
fn lists_have_three_forms() {
    let broker = broker(three());
    let csv = printed(broker.ckctl().args(["-o", "csv", "--columns", "session,user,since"]));
    let rows = "10,alice,1970-01-01T01:06:40.002001Z\n9,\"bob,\\u{1b}\",1970-01-01T01:06:40.002002Z\n\
                11,root,1970-01-01T00:00:00.000000Z\n";
    assert_eq!(csv, format!("session,user,since\n{rows}"));
    let rest = ["list", "--output=csv", "--columns=SESSION,user,since", "--no-legend"];
    assert_eq!(printed(broker.ckctl().args(rest)), rows);
    assert_eq!(printed(broker.ckctl().args(["-o", "json"])), printed(broker.ckctl().arg("--json")));
    assert_eq!(printed(broker.ckctl().args(["-o", "table", "--no-pager"])), printed(&mut broker.ckctl()));
}

#[test]
fn rows_can_be_sorted_and_columns_chosen() {
    let broker = broker(three());
    let listed =
        |sort: &str| printed(broker.ckctl().args(["--columns", "session", "--no-legend", "--sort", sort]));
    assert_eq!(
        [listed("session"), listed("since"), listed("user")],
        ["9\n10\n11\n", "11\n10\n9\n", "10\n9\n11\n"]
    );
    assert_eq!(
        printed(broker.ckctl().args(["--columns=remote-host,uid", "--no-legend", "list", "root"])),
        "127.0.0.1  0\n"
    );
}

/// What the command prints on a terminal of so many columns.
fn on_terminal(columns: u16, command: &mut Command) -> String {
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let pty = openpty(Some(&size), None).unwrap();
    let status = command.stdout(Stdio::from(pty.slave)).env("TERM", "dumb").status().unwrap();
    assert!(status.success());
    // The command keeps its copy of the other end.
    command.stdout(Stdio::null());
    let mut text = Vec::new();
    // EIO is the end of what was written: pty(7).
    let _ = File::from(pty.master).read_to_end(&mut text);
    String::from_utf8(text).unwrap().replace("\r\n", "\n")
}

#[test]
fn a_narrow_terminal_keeps_the_remote_host() {
    let broker = broker(three());
    for (columns, left_out) in [
        (60, "SEAT, UID, SERVICE, STATE, SINCE, IDLE, WHAT, TTY"),
        (80, "SEAT, UID, SERVICE, STATE, SINCE"),
        (120, "SEAT, UID"),
    ] {
        let shown = on_terminal(columns, &mut broker.ckctl());
        assert!(shown.contains("  2001:db8:85a3:8d3:1319:8a2e:370:7348"), "{shown}");
        let mut table = shown.lines().take_while(|line| !line.is_empty());
        assert!(table.all(|line| line.chars().count() <= usize::from(columns)), "{shown}");
        assert!(shown.contains(&format!("\nThe terminal is too narrow for: {left_out}.\n")), "{shown}");
    }
    // Without a terminal, everything is there.
    assert!(printed(&mut broker.ckctl()).contains("SERVICE"));
}

const ALICE: u32 = 4_000_002_001;

/// The leader of a session, and below it a shell on a terminal of its own that waits for a line.
struct Login {
    leader: Child,
    terminal: OwnedFd,
    name: String,
}

impl Login {
    fn new() -> Self {
        let pty = openpty(None, None).unwrap();
        // sshd gives a terminal to its user.
        fchown(&pty.slave, Some(ALICE), None).unwrap();
        let name = ttyname(&pty.slave).unwrap().strip_prefix("/dev/").unwrap().display().to_string();
        let shell = "setsid --ctty sh -c 'read line; : \u{1b} a\u{9}long\n: command that does not fit on any terminal'; :";
        let leader = Command::new("setsid")
            .args(["sh", "-c", shell])
            .stdin(Stdio::from(pty.slave))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { leader, terminal: pty.master, name }
    }

    fn session(&self, id: u64) -> Session {
        let pid = i32::try_from(self.leader.id()).unwrap();
        Session { leader_pid: Pid::try_from(pid).unwrap(), ..session(id, ALICE, "alice") }
    }
}

impl Drop for Login {
    fn drop(&mut self) {
        // The shell reads it, and ends.
        let _ = rustix::io::write(&self.terminal, b"\n");
        let _ = self.leader.wait();
    }
}

#[test]
fn lists_say_where_a_user_is_and_what_runs() {
    let (login, alone) = (Login::new(), session(2, 0, "root"));
    let broker =
        broker(vec![login.session(1), Session { leader_pid: Pid::try_from(i32::MAX).unwrap(), ..alone }]);
    let listed = || json(broker.ckctl().args(["list", "--json"]));
    let waits = |listed: &Value| {
        listed[0]["command"].as_str().is_some_and(|command| command.starts_with("sh -c read"))
    };
    let found = iter::repeat_with(listed).find(waits).unwrap();
    assert_eq!(found[0]["tty"], login.name);
    assert!(found[0]["idle_seconds"].as_u64().unwrap() < 600, "{found}");
    let command = "sh -c read line; : \u{1b} a\tlong\n: command that does not fit on any terminal";
    assert_eq!(found[0]["command"], command);
    for member in ["tty", "idle_seconds", "command"] {
        assert!(found[1].as_object().unwrap().contains_key(member) && found[1][member].is_null(), "{found}");
    }
    assert_eq!(json(broker.ckctl().args(["show", "1", "--json"]))["tty"], login.name);
    let shown = printed(broker.ckctl().args(["show", "1"]));
    assert!(shown.contains(&format!("\nTTY:                {}\n", login.name)), "{shown}");
    let escaped = r"sh -c read line; : \u{1b} a\u{9}long\u{a}: command that does not fit on any terminal";
    assert!(shown.ends_with(&format!("\nCommand:            {escaped}\n")), "{shown}");
    let csv = printed(broker.ckctl().args(["-o", "csv", "--columns=tty,what", "--sort=idle", "--no-legend"]));
    assert_eq!(csv, format!(",\n{},{escaped}\n", login.name));
}

#[test]
fn what_runs_is_cut_to_the_width_of_the_terminal() {
    let login = Login::new();
    let broker = broker(vec![login.session(1)]);
    let shown = |columns| on_terminal(columns, &mut broker.ckctl());
    assert!(iter::repeat_with(|| shown(200)).any(|table| table.contains("  sh -c read line; : ")));
    for (columns, head) in [
        (60, "SESSION  USER   TTY"),
        (80, "SESSION  USER   TTY"),
        (120, "SESSION  UID         USER   SERVICE  TTY"),
    ] {
        let table = shown(columns);
        assert!(table.starts_with(head), "{table}");
        let row = table.lines().nth(1).unwrap();
        assert!(row.contains(&login.name) && row.contains("  127.0.0.1  "), "{table}");
        let what = row.split_once("  sh -c ").unwrap().1;
        assert!(row.chars().count() == usize::from(columns) && what.ends_with('…'), "{table}");
    }
}
