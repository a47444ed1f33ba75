//! Everything but the stacks: the file of the module, sshd, the broker, its directories, other managers.

use std::time::Duration;

use ck_tests::{Machine, wait_until};
use rustix::process::Signal;

use super::{Report, broken, shell};

const SOON: Duration = Duration::from_secs(10);
/// Sets `$dir` and `$so`.
const FIND: &str = "dir=$(echo /usr/lib/*/security); so=$dir/pam_ck.so;";

#[test]
fn a_module_that_is_missing_or_unfit_is_found() {
    let machine = Machine::up();
    shell(&machine, &format!("{FIND} cp -a $so /root/"));
    let mends = format!("{FIND} rm -rf /usr/local/lib/security; cp -a /root/pam_ck.so $dir/");
    let release = env!("CARGO_PKG_VERSION");
    let other = format!("sed -b -i 's/@(#)pam_ck {release}/@(#)pam_ck 9.9.9/' $so");
    for (breaks, result, words) in [
        ("rm $so", "problem", "libpam does not find pam_ck.so"),
        (
            "mkdir -p /usr/local/lib/security; mv $so /usr/local/lib/security/",
            "problem",
            "where it is: /usr/local",
        ),
        ("chmod 777 $so", "problem", "users other than root can change it"),
        ("chown bob $so", "problem", "users other than root can change it"),
        ("echo text >$so", "problem", "is no module for this machine"),
        (&other, "warning", "is of release 9.9.9"),
        ("sed -b -i 's/@(#)pam_ck/@(#)pam_cc/' $so", "warning", "does not say of which release"),
    ] {
        broken(&machine, &format!("{FIND} {breaks}"), &mends, |report| {
            report.assert("module", result, words)
        });
    }
}

#[test]
fn an_sshd_that_does_not_use_pam_is_found() {
    let machine = Machine::up();
    shell(&machine, "cp -a /etc/ssh /root/ssh");
    let mends = "rm -rf /etc/ssh && cp -a /root/ssh /etc/ssh";
    let config = "/etc/ssh/sshd_config";
    for (breaks, result, words) in [
        (format!("sed -i '1i UsePAM no' {config}"), "problem", "does not use PAM"),
        (format!("echo 'Nonsense yes' >>{config}"), "warning", "`sshd -T` fails: "),
    ] {
        broken(&machine, &breaks, mends, |report| report.assert("sshd", result, words));
    }
    shell(&machine, "rm /usr/sbin/sshd");
    Report::of(&machine, &[]).assert("sshd", "skipped", "its program was not found");
    shell(&machine, "rm /etc/pam.d/sshd");
    let report = Report::of(&machine, &[]);
    report.assert("sshd", "skipped", "not installed");
    report.assert("pam-sshd", "skipped", "not installed");
    report.assert_well();
}

#[test]
fn a_broker_that_is_not_well_is_found() {
    let mut machine = Machine::installed();
    let report = Report::of(&machine, &[]);
    report.assert("broker", "problem", "No such file or directory");
    report.assert("places", "skipped", "when it starts");
    machine.start_broker(&[]);
    machine.broker().signal(Signal::STOP);
    Report::of(&machine, &[]).assert("broker", "problem", "does not answer within 5 s");
    machine.broker().signal(Signal::CONT);
    Report::of(&machine, &[]).assert_well();

    machine.host.run_ok(&["mkdir", "-p", "/etc/ck"]);
    machine.host.write_file("/etc/ck/broker.toml", "[runtime_dir]\nkindd = 1\n", 0o644);
    Report::of(&machine, &[]).assert("configuration", "problem", "/etc/ck/broker.toml:2: runtime_dir.kindd");
    machine.broker().signal(Signal::HUP);
    let said = "the configuration stays as it was";
    wait_until(SOON, said, || machine.host.run_ok(&["ckctl", "status"]).contains(said));
    Report::of(&machine, &[]).assert("status", "problem", said);
    shell(&machine, "rm /etc/ck/broker.toml");
    machine.broker().signal(Signal::KILL);
    wait_until(SOON, "it has ended", || !machine.host.run(&["ckctl", "status"]).status.success());
    Report::of(&machine, &[]).assert("broker", "problem", "Connection refused");
    shell(&machine, "rm /usr/sbin/ck-broker");
    Report::of(&machine, &[]).assert("configuration", "problem", "not installed");
}

#[test]
fn places_that_are_not_as_the_broker_made_them_are_found() {
    let machine = Machine::up();
    for (breaks, mends, check, result, words) in [
        (
            "chmod 755 /run/user",
            "chmod 711 /run/user",
            "runtime-root",
            "problem",
            "/run/user has the mode 0755",
        ),
        (
            "mount --make-private /run/user",
            "mount --make-shared /run/user",
            "runtime-root",
            "warning",
            "is not a shared mount",
        ),
        (
            "chmod 755 /run/ck-broker",
            "chmod 711 /run/ck-broker",
            "state-directory",
            "problem",
            "/run/ck-broker has the mode 0755",
        ),
        (
            "chmod 666 /run/ck-broker/session.sock",
            "chmod 600 /run/ck-broker/session.sock",
            "sockets",
            "problem",
            "has the mode 0666",
        ),
    ] {
        broken(&machine, breaks, mends, |report| report.assert(check, result, words));
    }
    let mut machine = Machine::installed();
    let no_mounts = ["capsh", "--drop=cap_sys_admin", "--", "-c", "exec /usr/sbin/ck-broker"];
    machine.start_broker_by(&no_mounts, &[]);
    let report = Report::of(&machine, &[]);
    report.assert("runtime-root", "problem", "/run/user is no file system of its own");
    report.assert("state-directory", "problem", "/run/ck-broker is no file system of its own");
    report.assert("status", "problem", "not protected");
}

#[test]
fn another_manager_is_found() {
    let mut machine = Machine::installed();
    shell(&machine, "cp /bin/sleep /tmp/elogind");
    let modules = "for m in elogind rundir; do cp $dir/pam_permit.so $dir/pam_$m.so; done";
    shell(&machine, &format!("{FIND} {modules}; cp -a /etc/pam.d /root/pam.d"));
    let add = |module: &str| {
        format!("sed -i 's/^session.*pam_ck/session optional {module}\\n&/' /etc/pam.d/common-session")
    };
    let mend = "rm -rf /etc/pam.d && cp -a /root/pam.d /etc/pam.d";
    machine.start_broker(&[]);
    broken(&machine, &add("pam_rundir.so"), mend, |report| {
        report.assert("manager", "problem", "pam_rundir.so is beside pam_ck.so");
    });
    broken(&machine, &add("pam_elogind.so"), mend, |report| {
        report.assert("manager", "warning", "elogind or elogind-daemon does not run");
    });
    // A user can call a process anything.
    let users = ["setpriv", "--reuid=2002", "--regid=2002", "--clear-groups", "/tmp/elogind", "1000"];
    let users = machine.host.spawn(&users);
    wait_until(SOON, "it runs", || machine.host.run(&["pgrep", "-x", "elogind"]).status.success());
    Report::of(&machine, &[]).assert_well();
    drop(users);
    let elogind = machine.host.spawn(&["/tmp/elogind", "1000"]);
    elogind.pid();
    let report = Report::of(&machine, &[]);
    report.assert("manager", "problem", "elogind runs beside the broker: both manage /run/user");
    // The remedy that is named helps.
    machine.broker().signal(Signal::TERM);
    wait_until(SOON, "it has ended", || machine.broker().is_over());
    machine.start_broker(&["--beside-logind"]);
    let report = Report::of(&machine, &[]);
    report.assert("manager", "ok", "manages /run/user; the broker has the sessions");
    report.assert("runtime-root", "skipped", "elogind");
    report.assert_well();
    drop(elogind);
    wait_until(SOON, "elogind is gone", || !machine.host.run(&["pgrep", "-x", "elogind"]).status.success());
    Report::of(&machine, &[]).assert("manager", "warning", "nobody makes runtime directories");
    // Nor is it a fault if directories are not wanted.
    shell(&machine, "mkdir -p /etc/ck && printf '[runtime_dir]\\nkind = \"none\"\\n' >/etc/ck/broker.toml");
    machine.broker().signal(Signal::HUP);
    let words = "makes no runtime directories, by its configuration";
    wait_until(SOON, words, || machine.host.run_ok(&["ckctl", "doctor"]).contains(words));
    Report::of(&machine, &[]).assert_well();
}
