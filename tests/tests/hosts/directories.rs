//! What runtime directories are made of, and those that others made.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use ck_tests::{ALICES, Machine, wait_until};

const REMOVER: &str = "/usr/libexec/ck/ck-remove-directory";
const SOON: Duration = Duration::from_secs(10);
const FILL: &str = "cd $XDG_RUNTIME_DIR; mkdir -p a/b; chmod 0 a; touch $'new\\nline'; ln -s /etc/passwd link; mkfifo pipe; \
                    stat -f -c %T .; stat -c '%a %U' .";

fn configured(toml: &str) -> Machine {
    let mut machine = Machine::installed();
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck"]);
    machine.host.write_file("/etc/ck/broker.toml", toml, 0o644);
    machine.start_broker(&[]);
    machine
}

#[test]
fn by_default_it_is_a_tmpfs_with_a_limit() {
    let machine = Machine::up();
    let script = "grep \" $XDG_RUNTIME_DIR \" /proc/mounts";
    let mount = machine.host.run_ok(&["ssh", "alice@127.0.0.1", script]);
    for option in
        ["tmpfs /run/user/2001 tmpfs ", "nosuid", "nodev", "size=", "mode=700", "uid=2001", "gid=2001"]
    {
        assert!(mount.contains(option), "{option}: {mount}");
    }
    assert_eq!(machine.host.run_ok(&["ssh", "alice@127.0.0.1", FILL]), "tmpfs\n700 alice");
    machine.await_nothing_left();
}

/// It goes at once, without a worker (there is none to be had here); who is still in there has it for themselves.
#[test]
fn an_empty_one_is_let_go_whoever_is_still_inside() {
    let machine = Machine::up();
    // Nothing is torn down: a worker would fail.
    machine.host.run_ok(&["mv", REMOVER, "/usr/libexec/ck/real"]);
    let only_sweeps = "#!/bin/sh\ncase $* in *--sweep=*) exec /usr/libexec/ck/real \"$@\" ;; esac; exit 1\n";
    machine.host.write_file(REMOVER, only_sweeps, 0o755);
    let stays = "cd $XDG_RUNTIME_DIR; setsid sh -c 'until [ -e /tmp/go ]; do sleep 0.02; done; \
                 for i in $(seq 2000); do : >f$i; done; ls | wc -l >/tmp/filled; sleep 60' >/dev/null 2>&1 &";
    machine.host.run_ok(&["su", "alice", "-c", stays]);
    machine.await_nothing_left();
    machine.host.write_file("/tmp/go", "", 0o644);
    let filled = || machine.host.metadata("/tmp/filled").is_some_and(|found| found.size() > 0);
    wait_until(SOON, "it is filled", filled);
    assert_eq!(machine.host.read_file("/tmp/filled").trim(), "2000");
    machine.await_nothing_left();
    assert_eq!(
        machine.host.run_ok(&["su", "alice", "-c", "ls -A $XDG_RUNTIME_DIR; pkill -u alice sleep"]),
        ""
    );
    machine.await_nothing_left();
    let log = machine.broker().stderr();
    assert!(!log.contains("error") && log.contains("runtime directory of user 2001 torn down"), "{log}");
}

#[test]
fn the_size_is_as_configured() {
    let machine = configured("[runtime_dir]\nsize = \"2m\"\n");
    let script = "head -c 3M /dev/zero >$XDG_RUNTIME_DIR/big; stat -c %s $XDG_RUNTIME_DIR/big";
    assert_eq!(machine.host.run_ok(&["ssh", "alice@127.0.0.1", script]), "2097152");
    machine.await_nothing_left();
}

#[test]
fn a_plain_directory_where_that_is_configured() {
    let machine = configured("[runtime_dir]\nkind = \"directory\"\n");
    assert!(machine.host.run_ok(&["ssh", "alice@127.0.0.1", FILL]).ends_with("700 alice"));
    machine.await_nothing_left();
    assert!(!machine.host.run_ok(&["cat", "/etc/passwd"]).is_empty(), "a link was followed");
}

#[test]
fn a_plain_directory_where_mounting_is_refused() {
    let mut machine = Machine::installed();
    machine.start_broker_by(&["setpriv", "--bounding-set=-sys_admin", "/usr/sbin/ck-broker"], &[]);
    let script = "grep -c \" $XDG_RUNTIME_DIR \" /proc/mounts; stat -c '%a %U' $XDG_RUNTIME_DIR; \
                  mkdir $XDG_RUNTIME_DIR/a; touch $XDG_RUNTIME_DIR/a/b";
    let told = machine.host.run(&["ssh", "alice@127.0.0.1", script]);
    assert_eq!(told.stdout, "0\n700 alice\n", "{}{}", told.stderr, machine.broker().stderr());
    machine.await_nothing_left();
}

#[test]
fn what_lay_in_a_plain_directory_when_the_broker_died_is_torn_down_by_the_next() {
    let mut machine = Machine::installed();
    machine.host.run_ok(&["install", "-d", "-m", "700", "/run/user/.ck-retired"]);
    machine.host.run_ok(&["install", "-d", "-m", "700", "-o", "alice", "/run/user/.ck-retired/2001-7"]);
    machine.host.write_file("/run/user/.ck-retired/2001-7/file", "", 0o644);
    machine.start_broker(&[]);
    machine.await_nothing_left();
}

#[test]
fn a_directory_that_somebody_else_made_is_used_and_stays() {
    let machine = Machine::up();
    machine.host.run_ok(&["install", "-d", "-m", "700", "-o", "alice", "-g", "alice", ALICES]);
    let script = "echo $XDG_RUNTIME_DIR; touch $XDG_RUNTIME_DIR/mine";
    assert_eq!(machine.host.run_ok(&["ssh", "alice@127.0.0.1", script]), ALICES);
    machine.await_sessions(0);
    std::thread::sleep(Duration::from_millis(300));
    assert!(machine.host.metadata("/run/user/2001/mine").is_some());
}

#[test]
fn what_is_not_the_users_own_is_never_told_as_the_runtime_directory() {
    let machine = Machine::up();
    machine.host.run_ok(&["mkdir", "/home/alice/elsewhere"]);
    machine.host.run_ok(&["chown", "alice", "/home/alice/elsewhere"]);
    let obstacles = [
        "install -d -m 700 -o bob /run/user/2001",
        "install -d -m 755 -o alice /run/user/2001",
        "chmod 700 /home/alice/elsewhere && ln -s /home/alice/elsewhere /run/user/2001",
        "touch /run/user/2001",
        "mkfifo /run/user/2001",
        "mknod -m 700 /run/user/2001 c 1 3 && chown alice /run/user/2001",
        "install -d -m 1700 -o alice /run/user/2001",
        "install -d -m 2700 -o alice /run/user/2001",
        "install -d -m 500 -o alice /run/user/2001",
        "ln -s /nowhere /run/user/2001",
        "ln -s 2001 /run/user/2001",
    ];
    for obstacle in obstacles {
        machine.host.run_ok(&["sh", "-c", obstacle]);
        let before = machine.host.metadata(ALICES).expect("an obstacle").ino();
        let script = "echo [$XDG_RUNTIME_DIR]; ckctl show $XDG_SESSION_ID | grep ^Runtime";
        let told = machine.host.run_ok(&["ssh", "alice@127.0.0.1", script]);
        assert_eq!(told, "[]\nRuntime directory:  -", "{obstacle}");
        machine.await_sessions(0);
        assert_eq!(machine.host.metadata(ALICES).expect("it stays").ino(), before, "{obstacle}");
        machine.host.run_ok(&["rm", "-rf", ALICES]);
    }
    wait_until(SOON, "the next login is well", || {
        machine.host.run_ok(&["ssh", "alice@127.0.0.1", "echo $XDG_RUNTIME_DIR"]) == ALICES
    });
}

/// The call of the report that this project was born from: the contents belong to the user, the
/// directory's parent to root, and the old program aborted.
#[test]
fn the_remover_called_by_hand() {
    let machine = Machine::installed();
    let remover = "/usr/libexec/ck/ck-remove-directory";
    let make = "install -d -m 700 -o alice -g root /var/run/user/2001; cd /run/user/2001; mkdir a; touch a/b c; chown -R alice .";
    machine.host.run_ok(&["mkdir", "-p", "/run/user"]);
    machine.host.run_ok(&["sh", "-c", make]);
    let output = machine.host.run(&[remover, "--uid=2001", "--dest=/var/run/user/2001"]);
    assert_eq!((output.status.code(), output.stderr.as_str()), (Some(0), ""));
    assert!(!machine.has_alices());
    assert_eq!(machine.host.run(&[remover, "--uid", "2001", "--dest", ALICES]).status.code(), Some(0));

    machine.host.run_ok(&["sh", "-c", make]);
    machine.host.run_ok(&["chattr", "+i", "/run/user/2001/a/b"]);
    let output = machine.host.run(&[remover, "--uid=2001", "--dest=/run/user/2001"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        output.stderr.contains("/run/user/2001/a/b: ") && output.stderr.contains("EPERM"),
        "{}",
        output.stderr
    );
    let left = machine.host.run_ok(&["find", ALICES]);
    assert_eq!(left, "/run/user/2001\n/run/user/2001/a\n/run/user/2001/a/b", "everything else is gone");
    machine.host.run_ok(&["chattr", "-i", "/run/user/2001/a/b"]);
}
