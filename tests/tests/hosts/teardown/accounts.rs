//! Accounts that go while their user is logged in.

use ck_tests::{ALICES, wait_until};

use super::{SOON, in_both_kinds, kill_alices, outliving};

/// The account goes during the session; its number is another's as soon as the session is over, while processes
/// of the first user still work in what she left.
#[test]
fn a_user_deleted_and_her_number_used_again() {
    in_both_kinds(|guarded, _| {
        let host = &guarded.machine.host;
        let recreate = outliving(2, "hostile recreate r$i");
        let login = guarded.log_in(&format!("mkdir -p a/b; touch a/b/secret; mkfifo pipe\n{recreate}"));
        host.run_ok(&["userdel", "-f", "alice"]);
        assert!(!host.run(&["id", "2001"]).status.success() && !host.run(&["id", "alice"]).status.success());
        assert!(guarded.machine.has_alices(), "the session goes on");
        login.log_out();
        host.run_ok(&["groupadd", "-g", "2003", "carol"]);
        host.run_ok(&["useradd", "-m", "-u", "2001", "-g", "2003", "carol"]);
        let found = host.run_ok(&[
            "su",
            "carol",
            "-s",
            "/bin/bash",
            "-c",
            "ls -A $XDG_RUNTIME_DIR; stat -c '%n %a %U %G' $XDG_RUNTIME_DIR",
        ]);
        assert_eq!(found, format!("{ALICES} 700 carol carol"));
        wait_until(SOON, "hers goes too", || !guarded.machine.has_alices());
        kill_alices(guarded);
        guarded.assert_gone_and_unharmed();
    });
}

/// Nobody has the number any more when the directory is torn down.
#[test]
fn a_user_deleted_for_good() {
    in_both_kinds(|guarded, _| {
        let login = guarded.log_in("mkdir -p a/b; touch a/b/c; chmod 0 a");
        guarded.machine.host.run_ok(&["userdel", "-f", "alice"]);
        login.log_out();
        guarded.assert_gone_and_unharmed();
    });
}
