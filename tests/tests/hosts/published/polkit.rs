//! polkit: who sits at the machine may do what others may not.

use ck_tests::{Machine, Running, wait_until};

use super::{SOON, foreground, with_consumers, with_vts};

/// Only who is in an active session of a seat may do it.
const ACTION: &str = r#"<?xml version="1.0"?>
<!DOCTYPE policyconfig PUBLIC "-//freedesktop//DTD polkit Policy Configuration 1.0//EN" "http://www.freedesktop.org/software/polkit/policyconfig-1.dtd">
<policyconfig>
  <action id="ck.test">
    <description>Test</description>
    <message>Test</message>
    <defaults><allow_any>no</allow_any><allow_inactive>no</allow_inactive><allow_active>yes</allow_active></defaults>
    <annotate key="org.freedesktop.policykit.exec.path">/usr/bin/id</annotate>
  </action>
</policyconfig>
"#;
/// Runs `id` as root from a shell of the user's in the cgroup. pkexec asks for the process that has started it.
const ASK: &str = r#"
mkdir -p "/sys/fs/cgroup/$1" && echo $$ >"/sys/fs/cgroup/$1/cgroup.procs" || exit 9
exec setpriv --reuid="$2" --regid="$2" --clear-groups sh -c 'pkexec /usr/bin/id -u; exit $?'
"#;

/// Sessions have no cgroups yet: so the test makes that of the session, in the shape in which libsystemd looks for it, and puts
/// the process there.
#[test]
fn who_is_active_at_a_seat_may() {
    let mut machine = with_consumers();
    with_vts(&machine);
    machine.start_broker(&[]);
    let _polkit = polkit(&machine);
    machine.install_application("login-on", "session required pam_ck.so\n");
    let words = ["pam-application", "login-on", "alice", "tty=tty1", "open", "await", "/tmp/never"];
    let at_seat = machine.host.spawn(&words);
    machine.await_sessions(1);
    let _remote = machine.host.spawn(&["ssh", "bob@127.0.0.1", "sleep 1000"]);
    machine.await_sessions(2);

    await_answer(&machine, 2001, "session-1.scope", true);
    foreground(&machine, "tty5");
    await_answer(&machine, 2001, "session-1.scope", false);
    foreground(&machine, "tty1");
    await_answer(&machine, 2001, "session-1.scope", true);
    // Active, and not at the machine.
    await_answer(&machine, 2002, "session-2.scope", false);
    // There is no such session.
    await_answer(&machine, 2001, "session-3.scope", false);

    drop(at_seat);
    machine.await_sessions(1);
    await_answer(&machine, 2001, "session-1.scope", false);
}

/// Starts the system bus and polkitd, without a service manager.
fn polkit(machine: &Machine) -> [Running; 2] {
    let host = &machine.host;
    host.write_file("/usr/share/polkit-1/actions/ck.test.policy", ACTION, 0o644);
    host.run_ok(&["sh", "-c", "mkdir -p /run/dbus && dbus-uuidgen --ensure"]);
    let is_there = |name: &str| {
        let ask = ["dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus", "/"];
        let call = ["org.freedesktop.DBus.GetNameOwner", &format!("string:{name}")];
        host.run(&[&ask[..], &call].concat()).status.success()
    };
    let bus = host.spawn(&["dbus-daemon", "--system", "--nofork", "--nopidfile"]);
    wait_until(SOON, "the bus", || is_there("org.freedesktop.DBus"));
    let polkitd = host.spawn(&["/usr/lib/polkit-1/polkitd", "--no-debug"]);
    wait_until(SOON, "polkitd", || is_there("org.freedesktop.PolicyKit1"));
    [bus, polkitd]
}

/// Waits until the user, in that cgroup, may or may not.
fn await_answer(machine: &Machine, uid: u32, scope: &str, may: bool) {
    let (uid, cgroup) = (uid.to_string(), format!("user.slice/user-{uid}.slice/{scope}"));
    wait_until(SOON, &format!("{scope}: {may}"), || {
        let output = machine.host.run(&["sh", "-c", ASK, "ask", &cgroup, &uid]);
        if !output.status.success() {
            assert!(output.stderr.contains("Not authorized"), "{output:?}");
        }
        (output.status.code() == Some(0) && output.stdout == "0\n") == may
    });
}
