//! consumer.c: a program that asks libsystemd, and what it is told.

use std::process::Command;
use std::time::Instant;

use ck_tests::wait::patience;
use ck_tests::{Machine, Running};
use serde_json::{Value, json};

use super::SOON;

const SOURCE: &str = concat!(env!("CK_ROOT"), "tests/tests/hosts/published/consumer.c");
const PROGRAM: &str = "/usr/local/bin/consumer";
/// What libsystemd and ckctl tell of a session in the same words. libsystemd 252 does not tell the user's name and the leader.
const SAME: [&str; 9] =
    ["uid", "user", "leader_pid", "service", "class", "type", "seat", "vt", "remote_host"];

/// Builds the program with the machine's own libsystemd, and puts it there.
pub(super) fn install(machine: &Machine) {
    let host = &machine.host;
    let find = "ldconfig -p | sed -n 's/.*libsystemd.so.0 .*=> //p' | head -n 1";
    let library = host.root().join(host.run_ok(&["sh", "-c", find]).trim_start_matches('/'));
    let built = std::env::temp_dir().join(format!("ck-consumer-{}", host.name()));
    let mut compiler = Command::new("gcc");
    compiler.args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&built).arg(SOURCE);
    // The libraries that libsystemd needs are the host's, and may be newer than those here.
    compiler.arg(library).arg("-Wl,--allow-shlib-undefined");
    assert!(compiler.status().expect("gcc").success());
    let bytes = std::fs::read(&built).expect("the program");
    std::fs::remove_file(&built).expect("removed");
    host.write_file(PROGRAM, bytes, 0o755);
}

/// Starts the program.
pub(super) fn start(machine: &Machine, words: &[&str]) -> Running {
    machine.host.spawn(&[&[PROGRAM], words].concat())
}

/// What libsystemd tells now.
pub(super) fn view(machine: &Machine) -> Value {
    serde_json::from_str(&machine.host.run_ok(&[PROGRAM, "view"])).expect("JSON")
}

/// The session with this id in a view; null if there is none.
pub(super) fn session<'v>(view: &'v Value, id: &str) -> &'v Value {
    array(&view["sessions"]).iter().find(|session| session["id"] == id).unwrap_or(&Value::Null)
}

/// The user with this uid in a view; null if they are not there.
pub(super) fn user(view: &Value, uid: u32) -> &Value {
    array(&view["users"]).iter().find(|user| user["uid"] == uid).unwrap_or(&Value::Null)
}

/// Waits until libsystemd tells what ckctl tells.
pub(super) fn await_agreement(machine: &Machine) {
    let start = Instant::now();
    loop {
        let view = view(machine);
        let (told, known) = (told(&view), known(machine, &view));
        if told == known {
            return;
        }
        assert!(start.elapsed() < patience(SOON), "libsystemd tells {told:#}\nckctl tells {known:#}");
    }
}

/// What libsystemd tells.
fn told(view: &Value) -> Value {
    let sessions = array(&view["sessions"]).iter().map(|session| {
        let mut told = json!({
            "id": session["id"], "state": session["state"],
            "remote": session["remote"] == 1, "active": session["active"] == 1,
        });
        SAME.iter().for_each(|member| told[member] = session[member].clone());
        told
    });
    let users = array(&view["users"]).iter().map(|user| {
        let list = |which: &str| by_number(array(&user[which]).to_vec(), "");
        json!({
            "uid": user["uid"], "state": user["state"],
            "sessions": list("sessions"), "online": list("online"), "active": list("active"),
        })
    });
    json!({ "sessions": by_number(sessions.collect(), "/id"), "users": by_number(users.collect(), "/uid") })
}

/// What ckctl tells, in the same form, without what libsystemd does not tell in this view.
fn known(machine: &Machine, view: &Value) -> Value {
    let is_told = |member: &str| array(&view["sessions"]).iter().all(|session| session.get(member).is_some());
    let sessions = machine.sessions();
    let known = sessions.iter().map(|session| {
        // libsystemd has no state for a session that is being opened.
        let state = if session["state"] == "opening" { "online".into() } else { session["state"].clone() };
        let mut known = json!({
            "id": session["id"], "state": state, "remote": session["remote"], "active": state == "active",
        });
        for member in SAME {
            known[member] = if is_told(member) { session[member].clone() } else { Value::Null };
        }
        known
    });
    let listed: Value =
        serde_json::from_str(&machine.host.run_ok(&["ckctl", "users", "--json"])).expect("JSON");
    let users = array(&listed).iter().map(|user| {
        let theirs = sessions.iter().filter(|session| session["uid"] == user["uid"]);
        let ids = |of: Vec<&Value>| by_number(of.iter().map(|session| session["id"].clone()).collect(), "");
        let all = ids(theirs.clone().collect());
        json!({
            "uid": user["uid"], "state": user["state"], "sessions": all, "online": all,
            "active": ids(theirs.filter(|session| session["state"] == "active").collect()),
        })
    });
    json!({ "sessions": by_number(known.collect(), "/id"), "users": by_number(users.collect(), "/uid") })
}

fn array(value: &Value) -> &[Value] {
    value.as_array().expect("an array")
}

/// Sorts by the number at `pointer`, be it a string or not.
fn by_number(mut values: Vec<Value>, pointer: &str) -> Vec<Value> {
    values.sort_by_key(|value| {
        let value = value.pointer(pointer).expect("a number");
        value.as_u64().or_else(|| value.as_str()?.parse().ok()).expect("a number")
    });
    values
}
