//! PAM items that nobody is called: they cost nobody the login, and what is shown of them steers no terminal.

use ck_protocol::is_printable;
use ck_tests::{Machine, wait_until};
use serde_json::Value;

use super::{SOON, await_lines, install_application, module_lines};

/// As bash spells them, with what of it must be shown.
const HOSTILE: [(&str, &str); 7] = [
    (r"$'a\nb'", r"a\u{a}b"),
    (r"$'\e[2J\e]0;owned\a'", r"\u{1b}[2J\u{1b}]0;owned\u{7}"),
    (r"$'c1\xc2\x9b31m\x7f'", r"c1\u{9b}31m\u{7f}"),
    (r"$'rtl\xe2\x80\xae\xe2\x80\xa8x'", r"rtl\u{202e}\u{2028}x"),
    (r"$'\xff\xfe\xc3('", "\u{fffd}\u{fffd}\u{fffd}("),
    ("../../../etc/passwd", "../../../etc/passwd"),
    ("'<script>%s%n \"quoted\" \\ '", r#"<script>%s%n "quoted" \\ "#),
];

fn assert_printable(what: &str, text: &str) {
    let steers = text.chars().find(|&c| c != '\n' && !is_printable(c));
    assert_eq!(steers, None, "in {what}: {text:?}");
}

/// All that a person may look at: of the sessions, and of what the broker did.
fn assert_all_printable(machine: &Machine) {
    let shown = ["list", "show 1", "history"].map(|words| words.split(' ').collect::<Vec<_>>());
    for arguments in shown.iter().flat_map(|words| [words.clone(), [&words[..], &["--json"]].concat()]) {
        let output = machine.host.run(&[&["ckctl"][..], &arguments].concat());
        assert_printable(&format!("ckctl {arguments:?}"), &output.stdout);
        assert_printable(&format!("ckctl {arguments:?}"), &output.stderr);
    }
    assert_printable("the broker's log", &machine.broker().stderr());
}

#[test]
fn items_from_elsewhere_are_shown_escaped_and_cost_no_login() {
    let machine = Machine::up();
    install_application(&machine, "");
    let mut held = Vec::new();
    for (number, (spelt, _)) in HOSTILE.iter().enumerate() {
        let script = format!(
            "exec pam-application ck-test alice tty={spelt} rhost={spelt} ruser={spelt} xdisplay={spelt} \
             open env spawn 'echo >/tmp/in{number}' await /tmp/out"
        );
        held.push(machine.host.spawn(&["bash", "-c", &script]));
    }
    let logins = || held.iter().map(ck_tests::Running::stdout);
    wait_until(SOON, "all are in", || logins().all(|told| told.contains("XDG_RUNTIME_DIR=/run/user/2001")));
    assert!(logins().all(|told| told.starts_with("open 0 ")));
    assert_eq!(machine.sessions().len(), HOSTILE.len());
    assert_all_printable(&machine);
    let shown: Vec<String> = machine
        .sessions()
        .iter()
        .map(|session| machine.host.run_ok(&["ckctl", "show", session["id"].as_str().expect("an id")]))
        .collect();
    let table = machine.host.run_ok(&["ckctl"]);
    assert_eq!(table.lines().count(), HOSTILE.len() + 3, "a line each, a head, and the count:\n{table}");
    for (_, escaped) in HOSTILE {
        assert!(table.contains(escaped), "{escaped} is not in\n{table}");
        let facts = |name: &str| shown.iter().any(|text| text.contains(name) && text.contains(escaped));
        assert!(facts("Remote host") && facts("Remote user") && facts("Display"), "{escaped}: {shown:#?}");
    }
    drop(held);
    machine.await_nothing_left();
    assert_printable("the broker's log", &machine.broker().stderr());
    assert_eq!(module_lines(&machine), [""; 0]);
}

/// Empty ones are none, and long ones are cut.
#[test]
fn items_that_are_empty_or_long_cost_no_login() {
    let machine = Machine::up();
    install_application(&machine, "");
    let words = "open spawn 'ckctl list --json >/tmp/listed; echo >/tmp/done' await /tmp/done";
    let empty = format!("pam-application ck-test alice tty= rhost= ruser= xdisplay= {words}");
    machine.host.run_ok(&["bash", "-c", &empty]);
    let listed = |host: &ck_tests::Host| -> Value {
        serde_json::from_str(&host.read_file("/tmp/listed")).expect("JSON")
    };
    let session = listed(&machine.host).get(0).cloned().expect("a session");
    for item in ["tty", "remote_host", "remote_user", "display"] {
        assert_eq!(session[item], Value::Null, "{item}");
    }
    machine.host.run_ok(&["rm", "/tmp/done"]);
    // Not the remote host: libpam itself refuses one that its audit record cannot hold.
    let long = format!(
        "long=$(printf %065536d 0); pam-application ck-test alice tty=$long ruser=$long xdisplay=$long {words}"
    );
    machine.host.run_ok(&["bash", "-c", &long]);
    let session = listed(&machine.host).get(0).cloned().expect("a session");
    let length = |item: &str| session[item].as_str().expect("a text").len();
    assert_eq!((length("tty"), length("remote_user"), length("display")), (63, 255, 63));
    machine.await_nothing_left();
}

/// telnetd and its like hand on what the other side calls itself.
#[test]
fn a_remote_host_that_login_is_told_of() {
    let machine = Machine::up();
    let mut login = machine.host.on_terminal(&["login", "-h", "ev\u{1b}[31mil\u{9b}2J", "-f", "alice"]);
    login.expect("$ ", SOON);
    assert!(machine.host.run_ok(&["ckctl"]).contains(r"ev\u{1b}[31mil\u{9b}2J"));
    assert_all_printable(&machine);
    login.send("exit");
    assert!(login.wait(SOON).expect("login ends").success());
    machine.await_nothing_left();
}

#[test]
fn users_that_nobody_is_called_have_no_session_and_their_logins_go_on() {
    let machine = Machine::up();
    install_application(&machine, "");
    // An account of such a name, and one of nobody: -1 is what setresuid(2) takes for "leave it".
    machine.host.run_ok(&[
        "sh",
        "-c",
        r"cat >>/etc/passwd <<'END'
wide:x:4294967295:100::/:/bin/sh
END
printf 'mal\033ory:x:2005:100::/:/bin/sh\n' >>/etc/passwd",
    ]);
    let users = [
        (r"$'mal\eory'", "control characters"),
        (r"$'al\nice'", "control characters"),
        ("../../alice", "there is no user ../../alice"),
        (r"$'al\xffice'", "there is no user"),
        ("nobody-here", "there is no user nobody-here"),
        ("$(printf %065536d 0)", "too long"),
        ("wide", "cannot be used"),
    ];
    for (number, (user, reason)) in (1..).zip(users) {
        let told =
            machine.host.run_ok(&["bash", "-c", &format!("pam-application ck-test {user} open env close")]);
        assert!(told.starts_with("open 0 ") && told.contains("close 0 "), "{user}: {told}");
        let lines = await_lines(&machine, number);
        assert!(lines[number - 1].contains(reason), "{user}: {lines:#?}");
    }
    assert!(machine.sessions().is_empty());
    machine.await_nothing_left();
}

/// Uids are unsigned, and all but the last are somebody's.
#[test]
fn users_with_large_uids_are_like_any_other() {
    let machine = Machine::up();
    install_application(&machine, "");
    for uid in ["2147483647", "2147483648", "4294967294"] {
        let user = format!("u{uid}");
        let account = format!("echo {user}:x:{uid}:100::/:/bin/sh >>/etc/passwd");
        machine.host.run_ok(&["sh", "-c", &account]);
        let told = machine.host.run_ok(&["pam-application", "ck-test", &user, "open", "env"]);
        assert!(told.contains(&format!("XDG_RUNTIME_DIR=/run/user/{uid}")), "{told}");
        machine.await_nothing_left();
    }
}
