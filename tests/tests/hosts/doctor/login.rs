//! A login on trial: `ckctl doctor --login`.

use ck_tests::{Machine, Output};

use super::{Report, shell};

fn assert_refused(output: &Output, words: &str) {
    assert_eq!((output.status.code(), output.stdout.as_str()), (Some(1), ""), "{output:?}");
    assert!(output.stderr.lines().count() == 1 && output.stderr.contains(words), "{output:?}");
}

#[test]
fn a_good_login_gets_all_and_leaves_nothing() {
    let machine = Machine::up();
    for (arguments, name) in
        [(&["--login", "alice"][..], "sshd"), (&["--login", "2001", "--service", "su"], "su")]
    {
        let report = Report::of(&machine, arguments);
        report.assert_well();
        report.assert("login-open", "ok", &format!("the session lines of {name} let alice in"));
        report.assert("login-environment", "ok", "XDG_RUNTIME_DIR=/run/user/2001");
        report.assert("login-directory", "ok", "/run/user/2001 belongs to the user alone");
        report.assert("login-session", "ok", "the broker has it as session ");
        report.assert("login-close", "ok", "the session is closed");
    }
    Report::of(&machine, &["--login", "root"]).assert("login-directory", "ok", "root has none");
    machine.await_nothing_left();
    let history =
        machine.host.run_ok(&["ckctl", "history", "alice", "--no-legend", "--columns", "service,ended_by"]);
    assert_eq!(history.split_whitespace().collect::<Vec<_>>(), ["su", "logout", "sshd", "logout"]);
    // From within a session of alice, a login by su is part of it.
    let inside = "su alice -c 'sudo -n true' >/dev/null 2>&1 || true; \
                  printf 'alice ALL=(ALL) NOPASSWD: ALL\\n' >/etc/sudoers.d/a; \
                  su alice -c 'sudo ckctl doctor --json --login alice --service su'";
    let report = Report::by(&machine, &["sh", "-c", inside], &[]);
    report.assert("login-session", "ok", "part of session ");
    report.assert("login-close", "ok", "");
    machine.await_nothing_left();
}

#[test]
fn a_login_that_cannot_be_tried_is_refused_in_one_line() {
    let machine = Machine::up();
    let doctor = |arguments: &[&str]| machine.host.run(&[&["ckctl", "doctor"], arguments].concat());
    assert_refused(&doctor(&["--login", "nobody-here"]), "unknown user `nobody-here`");
    assert_refused(&doctor(&["--login", "4000000001"]), "has no name in the user database");
    for service in ["../sshd", "nothing", "", "."] {
        assert_refused(&doctor(&["--login", "alice", "--service", service]), "unknown service `");
    }
    let users =
        ["setpriv", "--reuid=2002", "--regid=2002", "--clear-groups", "ckctl", "doctor", "--login", "bob"];
    assert_refused(&machine.host.run(&users), "only root can do");
    assert!(machine.sessions().is_empty());
}

#[test]
fn a_login_that_does_not_get_what_it_should_is_found() {
    let mut machine = Machine::installed();
    let report = Report::of(&machine, &["--login", "alice"]);
    report.assert("login-environment", "problem", "XDG_SESSION_ID is not set");
    report.assert("login-session", "problem", "no broker answers");
    shell(
        &machine,
        "mkdir -p /etc/ck && printf '[runtime_dir]\\nkind = \"directory\"\\n' >/etc/ck/broker.toml",
    );
    machine.start_broker(&[]);
    shell(&machine, "mkdir -m 755 /run/user/2002");
    let report = Report::of(&machine, &["--login", "bob"]);
    report.assert("login-directory", "problem", "/run/user/2002 is not used");
    report.assert("login-session", "ok", "");
    shell(&machine, "rmdir /run/user/2002");
    shell(
        &machine,
        "cp /etc/pam.d/common-session /root/; sed -i 's/pam_ck.so/& runtime_dir=no/' /etc/pam.d/common-session",
    );
    Report::of(&machine, &["--login", "bob"]).assert(
        "login-directory",
        "warning",
        "the broker knows no reason",
    );
    shell(
        &machine,
        "cp /root/common-session /etc/pam.d/; echo 'session required pam_deny.so' >>/etc/pam.d/sshd",
    );
    Report::of(&machine, &["--login", "bob"]).assert("login-open", "problem", "pam_open_session fails: ");
    machine.await_nothing_left();
}

/// The time limit ends the login with its session, and what the module has printed is not lost on a terminal.
#[test]
fn a_module_that_hangs_is_found() {
    let machine = Machine::up();
    let hangs = "#!/bin/sh\nprintf '\\033[2Jhere' >&2\nexec sleep 1000\n";
    machine.host.write_file("/usr/local/bin/hangs", hangs, 0o755);
    shell(&machine, "echo 'session optional pam_exec.so stdout /usr/local/bin/hangs' >>/etc/pam.d/sshd");
    let report = Report::of(&machine, &["--login", "alice"]);
    report.assert("login", "problem", "pam_open_session did not return within 20 s: a module of sshd hangs");
    machine.await_nothing_left();
}
