//! A teardown that fails half-way leaves what it could not remove as it was: the user's own, and closed to others.

use ck_tests::{Guarded, wait_until};

use super::{Mode, SOON, in_each_mode, teardowns};

fn fails(mode: Mode) {
    let guarded: Guarded = mode.up();
    let machine = &guarded.machine;
    let login = guarded.log_in("mkdir -m 750 -p a/b; touch a/b/stays a/goes");
    machine.host.run_ok(&["chattr", "+i", "/run/user/2001/a/b/stays"]);
    login.log_out();
    wait_until(SOON, "a try has failed", || {
        teardowns(machine).iter().any(|teardown| teardown["failures"] != 0)
    });
    // Between two tries: the next one is due in a second.
    let path = teardowns(machine)[0]["path"].as_str().expect("a path").to_owned();
    let list = format!("cd {path} && find . -printf '%p %U %m\\n' | sort");
    let mut left = String::new();
    wait_until(SOON, "it is given back", || {
        left = machine.host.run_ok(&["sh", "-c", &list]);
        left == ". 2001 700\n./a 2001 755\n./a/b 2001 750\n./a/b/stays 2001 644"
    });
    machine.host.run_ok(&["chattr", "-i", &format!("{path}/a/b/stays")]);
    machine.host.run_ok(&["ckctl", "teardown", "retry"]);
    guarded.assert_gone_and_unharmed();
}

in_each_mode! {
    what_is_left_of_a_plain_directory: fails Directory,
    what_is_left_where_nothing_can_be_mounted: fails Unprivileged,
}
