//! Which sessions are local, for hooks and for ckctl: those that no other host is named for.

use std::time::Duration;

use ck_tests::{Machine, wait_until};

const SOON: Duration = Duration::from_secs(20);
const TOLD: &str = "/tmp/told";
/// Tells of each session what a hook and what ckctl say of it.
const HOOK: &str = "#!/bin/sh\n[ \"$1\" = session_added ] || exit 0\n\
                    remote=$(ckctl show \"$CK_SESSION_ID\" | sed -n 's/^Remote: *//p')\n\
                    echo \"$CK_SESSION_SERVICE $CK_SESSION_USER local $CK_SESSION_IS_LOCAL, remote $remote\" >>/tmp/told\n";

#[test]
fn only_a_login_that_names_another_host_is_remote_and_what_is_within_it() {
    let machine = Machine::up();
    let host = &machine.host;
    host.write_file("/etc/ck/run-session.d/50-local.ck", HOOK, 0o755);
    host.run_ok(&["sh", "-c", "echo 'session optional pam_ck.so' | tee -a /etc/pam.d/cron >>/etc/pam.d/atd"]);
    // A job ends before its hook has asked, unless it waits.
    let wait = "sleep 2";
    host.run_ok(&["sh", "-c", &format!("echo '@reboot {wait}' | crontab -u alice -")]);
    let login = || {
        let mut login = host.on_terminal(&["login", "-f", "alice"]);
        login.expect("$ ", SOON);
        login.send(&format!("{wait}; exit"));
        assert!(login.wait(SOON).is_some(), "login ends");
    };
    let by_ssh = format!("echo pw-bob | su -l bob -c '{wait}'");
    let by: [(&dyn Fn(), &[&str]); 4] = [
        (&login, &["login alice local true, remote no"]),
        (&|| drop(host.run_ok(&["cron"])), &["cron alice local true, remote no"]),
        (
            &|| {
                let at = format!("atd; echo '{wait}' | runuser -u alice -- at now");
                drop(host.run_ok(&["sh", "-c", &at]));
            },
            &["atd alice local true, remote no"],
        ),
        (
            &|| drop(host.run_ok(&["ssh", "alice@127.0.0.1", &by_ssh])),
            &["sshd alice local false, remote yes", "su-l bob local false, remote yes"],
        ),
    ];
    for (log_in, expected) in by {
        host.write_file(TOLD, "", 0o644);
        log_in();
        let told = || host.read_file(TOLD);
        wait_until(SOON, "the hook tells", || told().lines().count() >= expected.len());
        assert_eq!(told().lines().collect::<Vec<_>>(), expected);
        machine.await_nothing_left();
    }
}
