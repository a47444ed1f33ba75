//! Programs that ask libsystemd, and that wait for it to tell of changes.

use std::time::Duration;

use ck_tests::{Running, Suite, wait_until};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{SOON, consumer, plain};

#[test]
fn each_change_wakes_those_who_wait_252() {
    each_change_wakes_those_who_wait(Suite::Bookworm);
}

#[test]
fn each_change_wakes_those_who_wait_257() {
    each_change_wakes_those_who_wait(Suite::Trixie);
}

fn each_change_wakes_those_who_wait(suite: Suite) {
    let machine = plain(suite);
    consumer::install(&machine);
    let host = &machine.host;
    let program = consumer::start(&machine, &["watch"]);
    let mut watch = Watch { program, seen: 0 };
    wait_until(SOON, "it waits", || watch.views().len() == 1);
    assert_eq!(watch.views()[0], json!({ "woken": "", "sessions": [], "users": [], "seats": [] }));
    watch.seen = 1;
    let alices = |expected: Value| move |view: &Value| consumer::user(view, 2001)["sessions"] == expected;

    let first = host.spawn(&["ssh", "alice@127.0.0.1", "sleep 1000"]);
    watch.is_woken_by("session", |view| consumer::session(view, "1")["uid"] == 2001);
    watch.is_woken_by("uid", alices(json!(["1"])));
    watch.rests();

    let second = host.spawn(&["su", "alice", "-c", "sleep 1000"]);
    watch.is_woken_by("session", |view| consumer::session(view, "2")["state"] == "active");
    watch.is_woken_by("uid", alices(json!(["1", "2"])));
    watch.rests();
    let view = consumer::view(&machine);
    let (remote, local) = (consumer::session(&view, "1"), consumer::session(&view, "2"));
    for (member, by_ssh, by_su) in [
        ("remote", json!(1), json!(0)),
        ("remote_host", json!("127.0.0.1"), Value::Null),
        ("service", json!("sshd"), json!("su")),
        ("class", json!("user"), json!("user")),
        ("seat", Value::Null, Value::Null),
    ] {
        assert_eq!((&remote[member], &local[member]), (&by_ssh, &by_su), "{member}");
    }
    // 252 has no function for it.
    let leader = (suite == Suite::Trixie).then(|| machine.sessions()[1]["leader_pid"].clone());
    assert_eq!(local.get("leader_pid"), leader.as_ref());

    drop(first);
    watch.is_woken_by("session", |view| consumer::session(view, "1").is_null());
    watch.is_woken_by("uid", alices(json!(["2"])));
    host.run_ok(&["ckctl", "linger", "on", "alice"]);
    second.signal(Signal::KILL);
    watch.is_woken_by("session", |view| consumer::session(view, "2").is_null());
    watch.is_woken_by("uid", |view| consumer::user(view, 2001)["state"] == "lingering");
    watch.rests();
    host.run_ok(&["ckctl", "linger", "off", "alice"]);
    watch.is_woken_by("uid", |view| consumer::user(view, 2001).is_null());
    assert!(!watch.program.is_over() && watch.program.stderr().is_empty(), "{}", watch.program.stderr());
}

/// A program that waits for changes.
struct Watch {
    program: Running,
    /// The number of views that count no more.
    seen: usize,
}

impl Watch {
    /// What it was told, each time that it woke.
    fn views(&self) -> Vec<Value> {
        let told = self.program.stdout();
        // The last line may not be complete.
        let lines = told.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        lines.map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Waits until a change of this kind has woken it, and it was told what `holds`.
    fn is_woken_by(&mut self, kind: &str, holds: impl Fn(&Value) -> bool) {
        wait_until(SOON, &format!("it is woken by a {kind}"), || {
            self.views()[self.seen..].iter().any(|view| view["woken"] == kind && holds(view))
        });
    }

    /// It sleeps as nothing changes.
    fn rests(&mut self) {
        std::thread::sleep(Duration::from_millis(500));
        self.seen = self.views().len();
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(self.views().len(), self.seen, "it is woken by nothing");
    }
}
