//! Names of users: those of accounts, whatever was typed, and bytes, whatever they are.

use std::time::Duration;

use ck_tests::{Machine, wait_until};

const SOON: Duration = Duration::from_secs(20);
/// Where a hook writes the names it is told.
const TOLD: &str = "/tmp/told";

fn machine() -> Machine {
    let mut machine = Machine::installed();
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck/run-session.d"]);
    let hook = format!("#!/bin/sh\nprintf '%s\\n' \"$CK_SESSION_USER\" >>{TOLD}\n");
    machine.host.write_file("/etc/ck/run-session.d/x.ck", hook, 0o755);
    machine.start_broker(&[]);
    machine
}

/// A directory service finds accounts by names that are spelt in other ways. A name service module (nss(5)) of the test's does
/// as winbind and sssd do.
#[test]
fn the_name_is_the_accounts_and_not_what_was_typed() {
    let machine = machine();
    let source = r#"
        #include <nss.h>
        #include <pwd.h>
        #include <errno.h>
        #include <string.h>
        enum nss_status _nss_other_getpwnam_r(const char *name, struct passwd *to, char *buffer, size_t size, int *error)
        {
            static const char fields[] = "alice\0x\0/home/alice\0/bin/sh";
            if (strcmp(name, "ALICE") && strcmp(name, "DOM\\Alice") && strcmp(name, "alice@example.com"))
                return NSS_STATUS_NOTFOUND;
            if (size < sizeof fields) { *error = ERANGE; return NSS_STATUS_TRYAGAIN; }
            memcpy(buffer, fields, sizeof fields);
            to->pw_name = buffer; to->pw_passwd = buffer + 6; to->pw_gecos = buffer + 7;
            to->pw_dir = buffer + 8; to->pw_shell = buffer + 20;
            to->pw_uid = 2001; to->pw_gid = 2001;
            return NSS_STATUS_SUCCESS;
        }
    "#;
    let folder = std::env::temp_dir().join(format!("ck-nss-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("other.c"), source).expect("a source");
    let library = folder.join("libnss_other.so.2");
    let mut compiler = std::process::Command::new("gcc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(folder.join("other.c"));
    assert!(compiler.status().expect("gcc").success());
    let bytes = std::fs::read(&library).expect("the module");
    std::fs::remove_dir_all(&folder).expect("removed");
    let place = machine.host.run_ok(&[
        "sh",
        "-c",
        "dirname \"$(ldconfig -p | sed -n 's/.*libc.so.6.*=> //p' | head -n 1)\"",
    ]);
    machine.host.write_file(&format!("{}/libnss_other.so.2", place.trim()), bytes, 0o755);
    machine.host.run_ok(&["sed", "-i", "s/^passwd:.*/passwd: files other/", "/etc/nsswitch.conf"]);

    // su and sshd pass the account's name on, where they look it up first. Other hosts pass what was typed.
    machine.install_application("ck-test", "session required pam_ck.so\n");
    for typed in ["ALICE", r"DOM\Alice", "alice@example.com"] {
        let found = machine.host.run_ok(&["getent", "passwd", typed]);
        assert!(found.starts_with("alice:"), "{found}");
        let session = ["pam-application", "ck-test", typed, "open", "env", "close"];
        let told = machine.host.run_ok(&session);
        assert!(told.contains("XDG_RUNTIME_DIR=/run/user/2001"), "{told}");
        machine.await_sessions(0);
    }
    let history = machine.host.run_ok(&["ckctl", "history", "alice", "--json"]);
    assert_eq!(history.matches("\"user\":\"alice\"").count(), 3, "{history}");
    let told = || machine.host.run_ok(&["cat", TOLD]);
    wait_until(SOON, "hooks have been told", || told().lines().count() == 6);
    assert!(told().lines().all(|name| name == "alice"), "{}", told());
}

#[test]
fn a_name_is_bytes() {
    let machine = machine();
    for (name, uid, shown) in [(r"J\366rg", 2101, r"J\xf6rg"), (r"DOM\\bob", 2102, r"DOM\bob")] {
        let script = format!(
            "name=$(printf '{name}'); printf '%s:*:{uid}:100::/:/bin/sh\\n' \"$name\" >>/etc/passwd
            su \"$name\" -c 'echo $XDG_RUNTIME_DIR; ckctl --no-legend users --columns user'
            ckctl history \"$name\" --json | grep -c '\"uid\": *{uid}\\|\"uid\":{uid}'
            ckctl linger on \"$name\" >/dev/null && ckctl linger list \"$name\" --no-legend --columns user
            ckctl linger off \"$name\" >/dev/null; su \"$(tail -n 1 {TOLD})\" -c 'id -u'"
        );
        let told = machine.host.run_ok(&["sh", "-c", &script]);
        assert_eq!(told, format!("/run/user/{uid}\n{shown}\n1\n{shown}\n{uid}"), "{name}");
    }
}

/// An account is deleted, and another one is given its uid.
#[test]
fn another_account_with_the_same_uid_finds_no_files_of_the_one_before() {
    let mut machine = Machine::installed();
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck"]);
    machine.host.write_file("/etc/ck/broker.toml", "[runtime_dir]\nstop_delay = \"60s\"\n", 0o644);
    machine.start_broker(&[]);
    let come = |name: &str, script: &str| machine.host.run_ok(&["su", name, "-s", "/bin/sh", "-c", script]);
    let rename = |from: &str, to: &str| {
        let files = ["/etc/passwd", "/etc/shadow"];
        machine.host.run_ok(&[&["sed", "-i", &format!("s/^{from}:/{to}:/")], &files[..]].concat());
    };
    let ls = "ls $XDG_RUNTIME_DIR";
    come("alice", "touch $XDG_RUNTIME_DIR/alices");
    assert_eq!(come("alice", ls), "alices", "she comes back in time");
    rename("alice", "carol");
    assert_eq!(come("carol", &format!("{ls}; touch $XDG_RUNTIME_DIR/carols")), "");
    let log = machine.broker().stderr();
    assert!(log.contains("uid 2001 is carol, and was alice: it gets a fresh runtime directory"), "{log}");

    // Lingering is the account's as well.
    machine.host.run_ok(&["ckctl", "linger", "on", "carol"]);
    assert_eq!(come("carol", ls), "carols");
    rename("carol", "dave");
    assert_eq!(come("dave", ls), "");
    assert_eq!(machine.host.run_ok(&["ckctl", "linger", "list"]), "Nobody lingers.");
    let held = machine.host.spawn(&["su", "dave", "-c", "sleep 100"]);
    machine.await_sessions(1);
    assert_eq!(machine.host.run_ok(&["ckctl", "users", "--no-legend", "--columns", "user"]), "dave");
    drop(held);
}

/// The loop of docs/MOVING.md that takes over who lingers with logind, whose files are named as strings of C.
#[test]
fn who_lingers_with_logind_is_taken_over_whatever_the_name() {
    let machine = machine();
    let document = std::fs::read_to_string(concat!(env!("CK_ROOT"), "docs/MOVING.md")).expect("it");
    let (_, from) = document.split_once("    for file in /var/lib/systemd/linger/*").expect("the loop");
    let (steps, _) = from.split_once("    done\n").expect("its end");
    let names = [
        (r"DOM\\alice", r"DOM\alice"),
        ("alice of sales", "alice of sales"),
        (r"J\366rg", r"J\xf6rg"),
        ("a%20b", "a%20b"),
    ];
    machine.host.run_ok(&["mkdir", "-p", "/var/lib/systemd/linger"]);
    for (number, (file, _)) in names.iter().enumerate() {
        let uid = 2101 + number;
        let account = format!(
            "printf '%s:*:{uid}:100::/:/bin/sh\\n' \"$(printf '{}')\" >>/etc/passwd",
            file.replace('%', "%%")
        );
        machine.host.run_ok(&["sh", "-c", &account]);
        machine.host.run_ok(&["touch", &format!("/var/lib/systemd/linger/{file}")]);
    }
    machine.host.run_ok(&["sh", "-c", &format!("for file in /var/lib/systemd/linger/*{steps}done")]);
    let told = machine.host.run_ok(&["ckctl", "linger", "list", "--no-legend", "--columns", "user"]);
    assert_eq!(told.lines().collect::<Vec<_>>(), names.map(|(_, shown)| shown));
}
