//! Who may ask what: every cell of the table in docs/PERMISSIONS.md, asked by a real `ckctl`.

use std::time::Duration;

use ck_tests::{Machine, Output, Running, wait_until};
use serde_json::Value;

/// Root, a member of the group, the owner, somebody else.
const PEERS: [&str; 4] = ["root", "carol", "alice", "bob"];
const SOON: Duration = Duration::from_secs(10);

/// A machine on which carol is an administrator, and whose broker is configured by `toml`.
fn machine(toml: &str) -> Machine {
    let mut machine = Machine::installed();
    machine.host.run_ok(&["groupadd", "--gid", "990", "ck-admin"]);
    machine.host.run_ok(&["useradd", "--uid", "2003", "--groups", "ck-admin", "carol"]);
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck"]);
    machine.host.write_file("/etc/ck/broker.toml", toml, 0o644);
    machine.start_broker(&[]);
    machine
}

/// Runs `ckctl` as one of the four; no session is opened for that.
fn ckctl(machine: &Machine, peer: &str, arguments: &[&str]) -> Output {
    machine.host.run(&[&["runuser", "-u", peer, "--", "ckctl"], arguments].concat())
}

/// A session that stands until it is ended.
fn session(machine: &Machine, user: &str) -> (Running, String) {
    let before = machine.sessions().len();
    let held = machine.host.spawn(&["su", user, "-c", "sleep 1000"]);
    machine.await_sessions(before + 1);
    let id = machine.sessions()[before]["id"].as_str().expect("an id").to_owned();
    (held, id)
}

/// Whose sessions, users or teardowns each of the four sees.
fn seen(machine: &Machine, list: &[&str], whose: &str) -> [Vec<String>; 4] {
    PEERS.map(|peer| {
        let output = ckctl(machine, peer, &[list, &["--json"]].concat());
        assert!(output.status.success(), "{peer}: {}", output.stderr);
        let listed: Vec<Value> = serde_json::from_str(&output.stdout).expect("an array");
        listed.iter().map(|item| item[whose].to_string().trim_matches('"').to_owned()).collect()
    })
}

#[test]
fn looking_is_open_to_all() {
    let machine = machine("");
    let (_alice, id) = session(&machine, "alice");
    let (_bob, _) = session(&machine, "bob");
    for list in [&["list"], &["users"]] {
        for seen in seen(&machine, list, "user") {
            assert_eq!(seen, ["alice", "bob"], "{list:?}");
        }
    }
    for peer in PEERS {
        for verb in [&["show", &id][..], &["status"], &["teardown", "list"]] {
            let output = ckctl(&machine, peer, verb);
            assert!(output.status.success(), "{peer} {verb:?}: {}", output.stderr);
        }
    }
}

#[test]
fn looking_at_others_can_be_closed() {
    let machine = machine("[admin]\nlist = \"own\"\n");
    let (_alice, id) = session(&machine, "alice");
    let (_bob, _) = session(&machine, "bob");
    for list in [&["list"], &["users"]] {
        let both = ["alice", "bob"].as_slice();
        let expected = [both, both, &["alice"], &["bob"]];
        assert_eq!(seen(&machine, list, "user"), expected.map(|users| users.to_vec()), "{list:?}");
    }
    // What one may not see is as what there is not, also for those who want to do something with it.
    let nothing = ckctl(&machine, "bob", &["show", "999"]).stderr.replace("999", &id);
    for verb in ["show", "terminate", "lock", "unlock"] {
        let output = ckctl(&machine, "bob", &[verb, &id]);
        assert_eq!((output.status.code(), &output.stderr), (Some(1), &nothing), "{verb}");
    }
    let told = |name| ckctl(&machine, "bob", &["terminate", "--user", name]).stderr;
    assert_eq!(told("alice"), told("carol").replace("2003", "2001"));
    for peer in ["root", "carol", "alice"] {
        assert!(ckctl(&machine, peer, &["show", &id]).status.success(), "{peer}");
    }
    assert!(ckctl(&machine, "bob", &["status"]).status.success());
}

#[test]
fn teardowns_of_others_are_closed_with_their_sessions() {
    let machine = machine("[admin]\nlist = \"own\"\n[runtime_dir]\nkind = \"directory\"\n");
    let script = "touch $XDG_RUNTIME_DIR/kept";
    let remover = "/usr/libexec/ck/ck-remove-directory";
    machine.host.run_ok(&["mv", remover, &format!("{remover}.real")]);
    machine.host.write_file(remover, "#!/bin/sh\nexec sleep 1000\n", 0o755);
    machine.host.run_ok(&["su", "alice", "-c", script]);
    let own: &[&str] = &["2001"];
    wait_until(SOON, "the teardown", || seen(&machine, &["teardown", "list"], "uid")[0] == own);
    assert_eq!(seen(&machine, &["teardown", "list"], "uid"), [own, own, own, &[]].map(<[_]>::to_vec));
}

/// Asks the four to do it, each on a session of alice's of its own; only bob is refused, and then nothing happens.
fn only_others_are_refused(
    machine: &Machine,
    ask: impl Fn(&str, &str) -> Output,
    done: impl Fn(&str) -> bool,
) {
    for peer in PEERS {
        let (_held, id) = session(machine, "alice");
        let output = ask(peer, &id);
        if peer == "bob" {
            assert_eq!(output.status.code(), Some(1), "{}", output.stderr);
            assert!(output.stderr.contains("only the owner"), "{}", output.stderr);
            assert!(!done(&id));
        } else {
            assert!(output.status.success(), "{peer}: {}", output.stderr);
            wait_until(SOON, "it is done", || done(&id));
        }
    }
}

#[test]
fn ending_a_session_needs_its_owner_an_administrator_or_root() {
    let machine = machine("");
    let gone = |id: &str| machine.sessions().iter().all(|session| session["id"] != id);
    only_others_are_refused(&machine, |peer, id| ckctl(&machine, peer, &["terminate", id]), gone);
    let by_user = |peer: &str, _: &str| ckctl(&machine, peer, &["terminate", "--user", "alice"]);
    only_others_are_refused(&machine, by_user, gone);
}

#[test]
fn locking_a_session_needs_its_owner_an_administrator_or_root() {
    let machine = machine("");
    for (verb, word) in [("lock", "locked"), ("unlock", "unlocked")] {
        let told = |id: &str| {
            machine.broker().stderr().contains(&format!("session {id} of alice (2001) is to be {word}\n"))
        };
        only_others_are_refused(&machine, |peer, id| ckctl(&machine, peer, &[verb, id]), told);
    }
}

#[test]
fn trying_teardowns_again_needs_an_administrator_or_root() {
    let machine = machine("");
    let codes = PEERS.map(|peer| ckctl(&machine, peer, &["teardown", "retry"]).status.code());
    assert_eq!(codes, [Some(0), Some(0), Some(1), Some(1)]);
}

#[test]
fn the_group_is_the_configured_one_and_a_missing_one_has_no_members() {
    let mut machine = machine("");
    for (toml, carol) in [
        ("[admin]\ngroup = \"ck-admin\"", true),
        ("[admin]\ngroup = 990", true),
        ("[admin]\ngroup = 991", false),
        ("[admin]\ngroup = \"no-such-group\"", false),
    ] {
        drop(machine.broker.take());
        machine.host.write_file("/etc/ck/broker.toml", toml, 0o644);
        machine.start_broker(&[]);
        let allowed = |peer: &[&str]| {
            machine.host.run(&[peer, &["ckctl", "teardown", "retry"]].concat()).status.success()
        };
        assert_eq!(allowed(&["runuser", "-u", "carol", "--"]), carol, "{toml}");
        // Also who has it as the group of the process, or among very many.
        if carol {
            assert!(allowed(&["setpriv", "--reuid=2002", "--regid=990", "--clear-groups"]));
            let many = (1000..1200).map(|gid| gid.to_string()).chain(["990".into()]).collect::<Vec<_>>();
            let groups = format!("--groups={}", many.join(","));
            assert!(allowed(&["setpriv", "--reuid=2002", "--regid=2002", &groups]));
        }
    }
}
