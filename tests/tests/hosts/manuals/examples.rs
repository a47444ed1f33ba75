//! Examples in pages: each is typed on a host, or read by the program that it is for. Those of `broker.toml(5)` are read by
//! `ck-broker/tests/example.rs`, and those of `ckctl` by `ckctl/tests/examples.rs`.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use ck_tests::{Host, Machine, wait_until};
use serde_json::Value;

use super::pages::{all, page, unescaped};

const SOON: Duration = Duration::from_secs(10);

/// What is shown as it is typed in the examples of a page. There are `COUNT`.
fn examples<const COUNT: usize>(name: &str) -> [String; COUNT] {
    let text = unescaped(&page(name).part(".SH", "EXAMPLES").join("\n"));
    let shown = text.split(".EX\n").skip(1).filter_map(|rest| rest.split(".EE").next());
    let shown: Vec<String> = shown.map(|example| example.trim_end().to_owned()).collect();
    shown.try_into().unwrap_or_else(|shown| panic!("{name}: test each of {shown:#?}"))
}

fn type_it(host: &Host, example: &str) -> String {
    host.run_ok(&["sh", "-c", example])
}

#[test]
fn every_page_has_examples() {
    for page in all() {
        page.part(".SH", "EXAMPLES");
    }
}

#[test]
fn the_broker_is_started_and_told_to_read_its_file() {
    let [start, reload] = examples("ck-broker");
    let machine = Machine::installed();
    let host = &machine.host;
    type_it(host, &format!("{{ {start}\n}} >/tmp/log 2>&1"));
    wait_until(SOON, "the broker answers", || host.run(&["ckctl", "status"]).status.success());
    host.run_ok(&["mkdir", "-p", "/etc/ck"]);
    host.write_file("/etc/ck/broker.toml", "[admin]\ngroup = \"no-such-group\"\n", 0o644);
    wait_until(SOON, "it has read the file", || type_it(host, &reload).contains("no-such-group"));
}

#[test]
fn lines_for_pam_are_understood() {
    let [enable, lines @ ..] = examples::<4>("pam_ck");
    let machine = Machine::up();
    let host = &machine.host;
    host.run_ok(&["pam-auth-update", "--disable", "ck"]);
    type_it(host, &enable);
    assert!(host.read_file("/etc/pam.d/common-session").contains("pam_ck.so"));
    for line in lines {
        machine.install_application("ck-test", &format!("{line}\n"));
        let told = host.run_ok(&["pam-application", "ck-test", "alice", "open", "env", "close"]);
        let has_directory = told.contains("XDG_RUNTIME_DIR=/run/user/2001");
        assert_eq!(has_directory, !line.contains("runtime_dir=no"), "{line}: {told}");
        assert!(told.contains("XDG_SESSION_ID="), "{line}: {told}");
        machine.await_nothing_left();
    }
    assert!(!host.syslog().contains("pam_ck("), "{}", host.syslog());
}

#[test]
fn the_remover_prints_what_is_shown() {
    let [shown] = examples("ck-remove-directory");
    let (command, printed) = shown.split_once('\n').expect("a command, and what it prints");
    let machine = Machine::installed();
    let fill = "mkdir -p /run/user/1000; mount -t tmpfs -o uid=1000,gid=1000,mode=700 none /run/user/1000; \
                cd /run/user/1000; mkdir a; head -c 4096 /dev/zero >a/b; : >c; chown -R 1000:1000 .";
    type_it(&machine.host, fill);
    let told = type_it(&machine.host, command.strip_prefix("# ").expect("typed by root"));
    let of = |text: &str| -> BTreeMap<String, Value> {
        let mut object: BTreeMap<_, _> = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
        object.insert("ms".to_owned(), Value::Null);
        object
    };
    assert_eq!(of(&told), of(printed));
}

#[test]
fn hooks_do_what_is_said_of_them() {
    let machine = Machine::up();
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck/run-session.d"]);
    for (number, hook) in examples::<3>("ck-hooks").iter().enumerate() {
        machine.host.write_file(&format!("/etc/ck/run-session.d/5{number}.ck"), format!("{hook}\n"), 0o755);
    }
    machine.host.run_ok(&["ssh", "alice@127.0.0.1", "true"]);
    let log = || machine.broker().stderr();
    wait_until(SOON, "the last hook has run", || log().contains("alice has left"));
    for said in
        ["session_added: alice from 127.0.0.1, 1 here", "session_removed: alice from 127.0.0.1, 0 here"]
    {
        assert!(log().contains(said), "{said}: {}", log());
    }
    assert!(!log().contains("warning: "), "{}", log());
    assert_eq!(machine.host.run_ok(&["stat", "-c", "%U %a", "/srv/scratch/2001"]), "alice 700");
}

/// No host has Python, so it runs with this machine's files.
#[test]
fn a_client_in_python_lists_sessions() {
    let [client] = examples("ck-broker-ipc");
    let machine = Machine::up();
    // One of them has a parent.
    let _held = machine.host.spawn(&["ssh", "alice@127.0.0.1", "sudo -n su bob -c 'sleep 100'"]);
    machine.await_sessions(2);
    assert!(machine.sessions().iter().any(|session| session["parent"].is_string()));
    let root = machine.host.root();
    let client = client.replace("/run/ck-broker", &format!("{}/run/ck-broker", root.display()));
    let target = machine.host.first_process().to_string();
    let output = Command::new("nsenter")
        .args(["--target", &target, "--pid", "python3", "-c", &client])
        .output()
        .expect("nsenter, and python3: tests/setup installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut printed: Vec<&str> = printed.lines().collect();
    let list = machine.host.run_ok(&["ckctl", "list", "--json"]);
    let list: Vec<Value> = serde_json::from_str(&list).expect("JSON");
    let word = |value: &Value| value.as_str().expect("a text").to_owned();
    let mut expected: Vec<String> = list
        .iter()
        .map(|session| format!("{} {} '{}'", word(&session["id"]), session["uid"], word(&session["user"])))
        .collect();
    printed.sort_unstable();
    expected.sort_unstable();
    assert_eq!(printed, expected);
}
