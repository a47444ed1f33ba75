//! What `ckctl list` finds in `/proc` about sessions: terminals, how long they are idle, what runs.

mod commands;
mod hidden;
mod terminals;

use std::time::Duration;

use ck_tests::{Machine, Pty, wait_until};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(20);

/// A login of alice's by ssh with a terminal, in which `command` runs.
fn ssh(machine: &Machine, options: &[&str], command: &str) -> Pty {
    machine.host.on_terminal(&[&["ssh", "-tt"], options, &["alice@127.0.0.1", command]].concat())
}

/// The sessions, once one of them runs what starts with `command`.
fn running(machine: &Machine, command: &str) -> Vec<Value> {
    let mut sessions = Vec::new();
    wait_until(SOON, &format!("{command} runs"), || {
        sessions = machine.sessions_in_use();
        sessions.iter().any(|session| runs(session, command))
    });
    sessions
}

/// The session that runs `command`.
fn session(machine: &Machine, command: &str) -> Value {
    running(machine, command).into_iter().find(|session| runs(session, command)).expect("just found")
}

fn runs(session: &Value, command: &str) -> bool {
    session["command"].as_str().is_some_and(|words| words.starts_with(command))
}

/// The terminal of the process that `command` describes, as ps(1) has it.
fn tty_by_ps(machine: &Machine, command: &str) -> String {
    machine.host.run_ok(&["sh", "-c", &format!("ps -o tty= -p $(pgrep -xf '{command}')")])
}
