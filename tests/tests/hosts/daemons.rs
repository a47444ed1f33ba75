//! Daemons that open sessions: real ftp daemons, and systemd by `PAMName=`. Some have given up root before they close. Then
//! only the broker can end the session, and nobody is told of an error.

use std::time::Duration;

use ck_tests::{ALICES, Kind, Machine, Options, wait_until};

const SOON: Duration = Duration::from_secs(20);
/// How often alice comes.
const VISITS: usize = 20;
/// As the module says it, with `debug`.
const NOT_OURS: &str = "not closed, as this process is no longer root: the session ends with it";

/// A client: its argument is what it runs while it is logged in.
const CLIENT: &str = r#"
answer() {
    while IFS= read -r -t 20 line <&3; do
        case $line in "$1 "*) return ;; [45]??' '*) break ;; esac
    done
    echo "no $1, but: $line"
    exit 1
}
say() { printf '%s\r\n' "$2" >&3; answer "$1"; }
exec 3<>/dev/tcp/127.0.0.1/21
answer 220
say 331 'USER alice'
say 230 'PASS pw-alice'
eval "$1"
say 257 PWD
say 221 QUIT
"#;

const PROFTPD: &str = "Include /etc/proftpd/modules.conf
ServerType standalone
UseIPv6 off
DefaultServer on
Port 21
User proftpd
Group nogroup
AuthPAMConfig proftpd
";
/// Debian's own file, for IPv4. Without `session_support`, vsftpd opens no sessions.
const VSFTPD: &str = "mkdir -p /run/vsftpd/empty; exec vsftpd -obackground=NO -olisten=YES -olisten_ipv6=NO \
                      -osession_support=YES /etc/vsftpd.conf";

/// A machine on which an ftp daemon opens sessions with the module.
fn machine(kind: Kind) -> Machine {
    let mut machine = Machine::installed_on(Options::default().kind(kind));
    machine.start_broker(&[]);
    machine
}

/// Starts the daemon, and waits until it serves.
fn serve(machine: &Machine, command: &[&str]) -> ck_tests::Running {
    let daemon = machine.host.spawn(command);
    let connect = ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/21 && read -r line <&3"];
    wait_until(SOON, "the daemon serves", || {
        assert!(!daemon.is_over(), "it ended: {}", daemon.stderr());
        machine.host.run(&connect).status.success()
    });
    daemon
}

/// alice's visits, one after another; in the last, what there is of her session.
fn visit(machine: &Machine, service: &str) {
    machine.host.write_file("/tmp/client", CLIENT, 0o644);
    let look = format!("ckctl list --no-legend --columns user,service,state; stat -c '%U %a' {ALICES}");
    let script = format!(
        "for n in $(seq 2 {VISITS}); do bash /tmp/client : || exit; done; bash /tmp/client \"{look}\""
    );
    let told = machine.host.run_ok(&["bash", "-c", &script]);
    let words: Vec<&str> = told.split_whitespace().collect();
    assert_eq!(words, ["alice", service, "active", "alice", "700"]);
    machine.await_nothing_left();
}

/// How many sessions have ended by `why`, and that nobody has complained: the module in the system's log, or the broker.
fn assert_ended(machine: &Machine, why: &str, count: usize) {
    let log = machine.broker().stderr();
    let ended = log.lines().filter(|line| line.ends_with(&format!(" (2001) ended: {why}"))).count();
    assert_eq!(ended, count, "{log}");
    assert!(!log.contains("error: ") && !log.contains("warning: "), "{log}");
    assert_eq!(module_lines(machine), Vec::<String>::new());
    assert!(machine.host.run_ok(&["ckctl", "status"]).contains("all is well"));
}

/// The lines of the module.
fn module_lines(machine: &Machine) -> Vec<String> {
    machine.host.syslog().lines().filter(|line| line.contains("pam_ck(")).map(str::to_owned).collect()
}

#[test]
fn proftpd_has_given_up_root_before_it_closes() {
    let machine = machine(Kind::Proftpd);
    // Debian's service has the modules of common-session-noninteractive, and ours is none of those.
    machine.host.run_ok(&["sh", "-c", "echo session optional pam_ck.so >>/etc/pam.d/proftpd"]);
    let serve = |more: &str| {
        machine.host.write_file("/etc/proftpd/proftpd.conf", format!("{PROFTPD}{more}\n"), 0o644);
        serve(&machine, &["proftpd", "--nodaemon"])
    };
    let mut daemon = serve("");
    visit(&machine, "proftpd");
    assert_ended(&machine, "its leader died", VISITS);
    // It has tried to close, and would be told so.
    machine.host.run_ok(&["sed", "-i", "s/pam_ck.so$/pam_ck.so debug/", "/etc/pam.d/proftpd"]);
    machine.host.run_ok(&["bash", "/tmp/client", ":"]);
    wait_until(SOON, "a word about it", || module_lines(&machine).len() == 2);
    assert!(module_lines(&machine)[1].contains(NOT_OURS), "{:?}", module_lines(&machine));
    machine.await_nothing_left();

    // It can be told to stay root.
    machine.host.run_ok(&["pkill", "-x", "proftpd"]);
    assert!(daemon.wait(SOON).is_some(), "it does not end");
    let _daemon = serve("RootRevoke off");
    machine.host.run_ok(&["bash", "/tmp/client", ":"]);
    machine.await_nothing_left();
    wait_until(SOON, "two more lines", || module_lines(&machine).len() == 4);
    assert!(module_lines(&machine)[3].ends_with("session closed"), "{:?}", module_lines(&machine));
}

#[test]
fn vsftpd_closes_as_root() {
    let machine = machine(Kind::Vsftpd);
    let _daemon = serve(&machine, &["sh", "-c", VSFTPD]);
    visit(&machine, "vsftpd");
    assert_ended(&machine, "logout", VISITS);
}

/// systemd.exec(5): the process that waits for the end of the service, to close, has become its user.
#[test]
fn systemd_closes_a_session_of_pam_name_as_its_user() {
    let mut machine = Machine::installed_on(Options::default().kind(Kind::Systemd));
    machine.host.run_ok(&["systemctl", "mask", "--quiet", "--now", "systemd-logind.service"]);
    machine.start_broker(&[]);
    let run = |script: &str| {
        let unit =
            ["systemd-run", "--quiet", "--wait", "--collect", "--pipe", "-pUser=alice", "-pPAMName=ck-test"];
        machine.host.run_ok(&[&unit[..], &["sh", "-c", script]].concat())
    };
    machine.host.write_file(
        "/etc/pam.d/ck-test",
        "account required pam_permit.so\nsession required pam_ck.so\n",
        0o644,
    );
    for _ in 1..VISITS {
        run("true");
    }
    let told = run(
        "echo $XDG_SESSION_ID $XDG_RUNTIME_DIR; touch $XDG_RUNTIME_DIR/file; ckctl list --no-legend --columns service,state",
    );
    let words: Vec<&str> = told.split_whitespace().collect();
    assert_eq!(words, [&VISITS.to_string(), ALICES, "ck-test", "active"]);
    machine.await_nothing_left();
    assert_ended(&machine, "its leader died", VISITS);
    machine.host.write_file(
        "/etc/pam.d/ck-test",
        "account required pam_permit.so\nsession required pam_ck.so debug\n",
        0o644,
    );
    run("true");
    wait_until(SOON, "a word about it", || module_lines(&machine).len() == 2);
    assert!(module_lines(&machine)[1].contains(NOT_OURS), "{:?}", module_lines(&machine));
    machine.await_nothing_left();
}
