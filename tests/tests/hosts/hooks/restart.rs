//! Another broker: what it tells hooks again, what not, and what becomes of those that run.

use ck_tests::wait_until;
use rustix::process::Signal;

use super::{ETC, SOON, await_hooks, hook, machine, note, told};

#[test]
fn a_session_that_is_kept_is_not_added_again_and_one_that_ended_meanwhile_is_removed() {
    let mut machine = machine("");
    let script = format!("echo >>/tmp/begun; sleep 0.5; {}", note("$1 $CK_SESSION_ID"));
    hook(&machine, &format!("{ETC}/x.ck"), &script);
    let kept = machine.host.spawn(&["su", "alice", "-c", "sleep 100"]);
    machine.await_sessions(1);
    let ended = machine.host.spawn(&["su", "alice", "-c", "sleep 100"]);
    machine.await_sessions(2);
    let begun = || machine.host.run_ok(&["sh", "-c", "cat /tmp/begun 2>/dev/null | wc -l"]);
    wait_until(SOON, "both hooks have begun", || begun().trim() == "2");
    // Whatever runs then, runs on.
    machine.broker.take().expect("a broker").signal(Signal::KILL);
    ended.signal(Signal::KILL);
    wait_until(SOON, "what ran runs on", || told(&machine).len() == 2);
    machine.start_broker(&[]);
    await_hooks(&machine, SOON);
    assert_eq!(told(&machine)[2..], ["session_removed 2"]);
    kept.signal(Signal::KILL);
    machine.await_sessions(0);
    await_hooks(&machine, SOON);
    assert_eq!(told(&machine)[3..], ["session_removed 1"]);
}
