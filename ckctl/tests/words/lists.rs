//! Lists: filters, forms, columns and their order; `show`.

use crate::{broker, error, printed, three};
use nix::pty::{Winsize, openpty};
use serde_json::Value;
use std::{
    fs::File,
    io::Read,
    process::{Command, Stdio},
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

/// What the command prints on a terminal of 80 columns.
fn on_terminal(command: &mut Command) -> String {
    let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
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
    let shown = on_terminal(&mut broker.ckctl());
    assert!(shown.contains("2001:db8:85a3:8d3:1319:8a2e:370:7348\n"), "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    assert!(shown.contains("\nThe terminal is too narrow for: SEAT, UID, SERVICE"), "{shown}");
    // Without a terminal, everything is there.
    assert!(printed(&mut broker.ckctl()).contains("SERVICE"));
}
