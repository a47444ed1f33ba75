//! `DBUS_SESSION_BUS_ADDRESS`: set where a bus of the user's listens, and nothing that a user puts there holds up a login.

use std::time::{Duration, Instant};

use ck_tests::older_kernel::refusing;
use ck_tests::{Machine, Running, wait_until};
use rustix::process::Signal;

const SOON: Duration = Duration::from_secs(10);
/// Far more than a login takes, and far less than a hung file system makes one wait.
const PROMPT: Duration = Duration::from_secs(5);
const SERVER: &str = env!("CARGO_BIN_EXE_fuse-server");
const TELL: &str = "echo [$DBUS_SESSION_BUS_ADDRESS]";
const NAMED: &str = "[unix:path=/run/user/2001/bus]";
/// Listens at the path that is its argument.
const LISTEN: &str = "use Socket; socket(S, AF_UNIX, SOCK_STREAM, 0); bind(S, pack_sockaddr_un($ARGV[0])) or die $!; \
                      listen(S, 5) or die $!; sleep 60";

/// alice's first session, which has no bus.
fn first_login(machine: &Machine) -> Running {
    let first = machine.host.spawn(&["ssh", "alice@127.0.0.1", &format!("{TELL}; exec sleep 60")]);
    wait_until(SOON, "the login", || first.stdout().contains(']'));
    assert_eq!(first.stdout().trim(), "[]", "a directory that was just made has no bus");
    first
}

/// A socket at that place, which a process of `user` listens on.
fn listen(machine: &Machine, user: &str, place: &str) -> Running {
    let bus = machine.host.spawn(&["setpriv", "--reuid", user, "perl", "-e", LISTEN, place]);
    wait_until(SOON, "the socket", || machine.host.metadata(place).is_some());
    bus
}

/// What another login of alice's is told.
fn told(machine: &Machine) -> String {
    let start = Instant::now();
    let told = machine.host.run_ok(&["ssh", "alice@127.0.0.1", TELL]);
    assert!(start.elapsed() < PROMPT, "it took {:?}", start.elapsed());
    told
}

#[test]
fn a_later_login_is_told_of_the_bus() {
    let machine = Machine::up();
    let _first = first_login(&machine);
    let bus = listen(&machine, "alice", "/run/user/2001/bus");
    assert_eq!(told(&machine), NAMED);
    assert_eq!(machine.host.run_ok(&["su", "-l", "alice", "-c", TELL]), NAMED);
    let inner = format!("echo pw-alice | su alice -c '{TELL}' 2>/dev/null");
    assert_eq!(machine.host.run_ok(&["ssh", "alice@127.0.0.1", &inner]), NAMED);
    assert_eq!(machine.host.run_ok(&["su", "-l", "bob", "-c", TELL]), "[]");
    // What another module has set is that module's.
    let other = "DBUS_SESSION_BUS_ADDRESS DEFAULT=unix:path=/elsewhere\n";
    machine.host.write_file("/etc/security/bus.conf", other, 0o644);
    let line = "1i session required pam_env.so conffile=/etc/security/bus.conf";
    machine.host.run_ok(&["sed", "-i", line, "/etc/pam.d/su"]);
    assert_eq!(machine.host.run_ok(&["su", "-l", "alice", "-c", TELL]), "[unix:path=/elsewhere]");
    machine.host.run_ok(&["sed", "-i", "s/pam_ck.so/& runtime_dir=no/", "/etc/pam.d/common-session"]);
    assert_eq!(told(&machine), "[]");
    drop(bus);
}

/// Without it, the module would have to wait for whoever holds the directory.
#[test]
fn without_openat2_it_is_not_looked_for() {
    let machine = Machine::up();
    let _first = first_login(&machine);
    let _bus = listen(&machine, "alice", "/run/user/2001/bus");
    for errno in ["EPERM", "ENOSYS"] {
        let login = [&refusing(errno, &["openat2"])[..], &["su", "-l", "alice", "-c"]].concat();
        let tell = "echo $XDG_RUNTIME_DIR [$DBUS_SESSION_BUS_ADDRESS]";
        assert_eq!(machine.host.run_ok(&[&login[..], &[tell]].concat()), "/run/user/2001 []", "{errno}");
    }
}

#[test]
fn nothing_else_in_its_place_is_named_or_waited_for() {
    let machine = Machine::up();
    let _first = first_login(&machine);
    let other = listen(&machine, "alice", "/run/user/2001/other");
    for make in [
        "ln -s other bus; chown -h alice bus",
        "ln -s /nowhere bus",
        "touch bus; chown alice bus",
        "mkfifo bus; chown alice bus",
        "mkdir bus; chown alice bus",
        "ln other bus; chown bob bus",
        "chown alice other; touch bus; mount --bind other bus",
    ] {
        machine.host.run_ok(&["sh", "-c", &format!("cd /run/user/2001; rm -rf bus; {make}")]);
        assert_eq!(told(&machine), "[]", "{make}");
    }
    machine.host.run_ok(&["umount", "/run/user/2001/bus"]);
    drop(other);
    machine.host.write_file("/usr/local/bin/fuse-server", std::fs::read(SERVER).expect("it"), 0o755);
    let mount = "mount -i -t fuse -o fd=0,rootmode=140700,user_id=2001,group_id=2001,allow_other silent /run/user/2001/bus";
    let serve = format!("exec 0<>/dev/fuse; {mount} && exec setpriv --reuid alice fuse-server silent");
    let server = machine.host.spawn(&["bash", "-c", &serve]);
    let is_mounted = || machine.host.read_file("/proc/1/mounts").contains("/run/user/2001/bus fuse");
    wait_until(SOON, "the hung file system", is_mounted);
    assert_eq!(told(&machine), "[]");
    server.signal(Signal::KILL);
}
