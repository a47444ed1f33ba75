//! Jobs of the real cron and atd: sessions of class background, where their files in /etc/pam.d have the module's line.

use std::time::Duration;

use ck_tests::{Machine, wait_until};

const SOON: Duration = Duration::from_secs(20);

#[test]
fn jobs_have_sessions_where_they_are_to_have_them() {
    let machine = Machine::up();
    // atd does not pass on what modules put into the environment, so it is the broker that is asked.
    let job = "echo ${XDG_SESSION_CLASS:-none} $(ls -d /run/user/2001 2>/dev/null || echo none) \
               $(ckctl list --json | grep -c background) >/tmp/of-$1\n";
    machine.host.write_file("/tmp/job", job, 0o644);
    machine.host.run_ok(&["sh", "-c", "echo '@reboot sh /tmp/job cron' | crontab -u alice -"]);
    machine.host.run_ok(&["atd"]);
    let with = "/run/user/2001 1";
    for (line, cron, at_tells) in [
        ("# none", "none none 0".to_owned(), "none none 0".to_owned()),
        ("session optional pam_ck.so", format!("background {with}"), format!("none {with}")),
    ] {
        let add = format!("echo '{line}' | tee -a /etc/pam.d/cron >>/etc/pam.d/atd");
        machine.host.run_ok(&["sh", "-c", &add]);
        // cron runs such jobs when it starts for the first time after a boot.
        let cron_starts =
            "rm -f /run/crond.reboot; pkill -x cron; while pgrep -x cron; do sleep 0.05; done; cron";
        let at = "echo 'sh /tmp/job at' | runuser -u alice -- at now";
        for (job, start, expected) in [("cron", cron_starts, cron), ("at", at, at_tells)] {
            machine.host.run_ok(&["sh", "-c", &format!("rm -f /tmp/of-{job}; {start}")]);
            let told = || machine.host.run(&["cat", &format!("/tmp/of-{job}")]).stdout;
            wait_until(SOON, "the job", || told().ends_with('\n'));
            assert_eq!(told().trim(), expected, "{job}");
            machine.await_nothing_left();
        }
    }
}
