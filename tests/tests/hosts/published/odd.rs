//! Names and hosts with anything in them.

use ck_tests::{Machine, Running, Suite, wait_until};
use serde_json::json;

use super::{SOON, consumer, plain};

/// What printf makes of it is the name of an account; and what libsystemd tells of it. It reads no file that is not UTF-8.
const NAMES: [(&str, &str); 6] = [
    (r"J\366rg", "J\u{fffd}rg"),
    (r"DOM\\bob", r"DOM\bob"),
    (r#"a"$HOME"b"#, r#"a"$HOME"b"#),
    ("`id` of 'sales'", "`id` of 'sales'"),
    ("=#;UID=0", "=#;UID=0"),
    ("müller", "müller"),
];
/// What PAM is told of the host, and what libsystemd tells of it. What could steer a terminal is not passed on.
const HOSTS: [(&str, &str); 6] = [
    ("a\nACTIVE=0\nb", "a?ACTIVE=0?b"),
    ("\u{1b}[31mred\t\u{7}", "?[31mred??"),
    (r#""$HOME" `id` $(id) \n \"#, r#""$HOME" `id` $(id) \n \"#),
    ("'; # it's", "'; # it's"),
    ("ümläut.example", "ümläut.example"),
    ("\u{202e}right to left", "?right to left"),
];

#[test]
fn whatever_is_in_a_name_or_a_host_252() {
    whatever_is_in_a_name_or_a_host(Suite::Bookworm);
}

#[test]
fn whatever_is_in_a_name_or_a_host_257() {
    whatever_is_in_a_name_or_a_host(Suite::Trixie);
}

fn whatever_is_in_a_name_or_a_host(suite: Suite) {
    let machine = plain(suite);
    consumer::install(&machine);
    machine.install_application("login-on", "session required pam_ck.so\n");
    let logins: Vec<Running> = (1..=NAMES.len()).map(|number| log_in(&machine, number)).collect();
    let view = consumer::view(&machine);
    let who = machine.host.run_ok(&["who"]);
    for (number, ((_, name), (_, remote_host))) in (1..).zip(NAMES.iter().zip(HOSTS)) {
        let session = consumer::session(&view, &number.to_string());
        for (member, expected) in [
            ("uid", json!(2100 + number)),
            ("state", json!("active")),
            ("active", json!(1)),
            ("remote_host", json!(remote_host)),
            ("remote_user", json!(remote_host)),
            ("tty", json!(format!("pts/7{number}"))),
        ] {
            assert_eq!(session[member], expected, "{session}");
        }
        if suite == Suite::Trixie {
            assert_eq!(session["user"], json!(name), "{session}");
            // who of Debian 12 reads another file.
            let from = format!("({remote_host}@{remote_host})");
            let is_this = |line: &&str| line.starts_with(name) && line.ends_with(&from);
            let line =
                who.lines().find(is_this).unwrap_or_else(|| panic!("{name:?} from {remote_host:?}: {who}"));
            assert!(line.contains(&format!(" pts/7{number} ")), "{line}");
        }
        assert_eq!(consumer::user(&view, 2100 + number)["sessions"], json!([number.to_string()]));
    }
    if suite == Suite::Trixie {
        assert_eq!(who.lines().count(), NAMES.len(), "{who}");
    }
    drop(logins);
    machine.await_nothing_left();
    let nothing = json!({ "woken": "", "sessions": [], "users": [], "seats": [] });
    wait_until(SOON, "nobody is there", || consumer::view(&machine) == nothing);
}

/// A login of the account with that number, which is made first.
fn log_in(machine: &Machine, number: usize) -> Running {
    let (name, host) = (NAMES[number - 1].0, HOSTS[number - 1].0);
    let script = format!(
        r#"name=$(printf "$1"); printf '%s:*:{}:100::/:/bin/sh\n' "$name" >>/etc/passwd
        exec pam-application login-on "$name" "rhost=$2" "ruser=$2" tty=pts/7{number} open await /tmp/never"#,
        2100 + number
    );
    let login = machine.host.spawn(&["sh", "-c", &script, "login", name, host]);
    machine.await_sessions(number);
    login
}
