//! Whether a broker answers, of which release it is, what it says of itself, and whether somebody starts it again.

use super::{Here, processes, report::Finding};
use crate::{
    client::{Client, ClientError},
    facts::Facts,
    health,
};
use std::path::Path;

/// The processes that start a program again when it has ended, by their names, which have 15 bytes at most. systemd does so for
/// its units alone.
const SUPERVISORS: [&str; 4] = ["supervise-daemo", "runsv", "s6-supervise", "dinit"];
/// The directories that tell which init system runs.
const SYSTEMD: &str = "/run/systemd/system";
const OPENRC: &str = "/run/openrc";

/// What the broker says. `None` if it does not answer.
pub(super) fn check(here: &Here<'_>) -> (Option<Facts>, Vec<Finding>) {
    let asked = Client::connect(here.socket).and_then(|mut client| health::ask(&mut client));
    let (facts, problems) = match asked {
        Ok(answers) => answers,
        Err(error) => return (None, vec![silent(&error)]),
    };
    let mut findings = vec![answers(&facts), supervisor(&facts)];
    let remedy = "`ckctl status` says the same until it is over; the broker's log says more";
    findings.extend(problems.into_iter().map(|problem| Finding::problem("status", problem, remedy)));
    (Some(facts), findings)
}

fn silent(error: &ClientError) -> Finding {
    let remedy = match error {
        ClientError::TimedOut => {
            "kill -CONT $(cat /run/ck-broker/state/lock); if it still does not answer, restart it".to_owned()
        }
        ClientError::Connect { .. } => format!("start it: {}", service("start")),
        _ => format!("restart it: {}", service("restart")),
    };
    Finding::problem("broker", format!("{error}; logins go on without a session"), remedy)
}

/// The command for the service of the broker.
pub(super) fn service(action: &str) -> String {
    if Path::new(SYSTEMD).is_dir() {
        format!("systemctl {action} ck-broker")
    } else if Path::new(OPENRC).is_dir() {
        format!("rc-service ck-broker {action}")
    } else {
        format!("service ck-broker {action}, or `ck-broker &` where there is no service manager")
    }
}

fn answers(facts: &Facts) -> Finding {
    let own = env!("CARGO_PKG_VERSION");
    match facts.text("version") {
        Some(version) if version == own => Finding::ok("broker", format!("answers, release {version}")),
        version => Finding::warning(
            "broker",
            format!("is of release {}, and ckctl of {own}", version.unwrap_or("unknown")),
            format!("install the same release of all parts, then: {}", service("restart")),
        ),
    }
}

/// Whether somebody starts the broker again when it ends.
fn supervisor(facts: &Facts) -> Finding {
    const CHECK: &str = "supervisor";
    let broker = facts.number("pid").and_then(|pid| u32::try_from(pid).ok());
    let Some((broker, (pid, parent))) = broker.and_then(|pid| Some((pid, processes::parent(pid)?))) else {
        return Finding::skipped(CHECK, "the process that has started the broker is not visible from here");
    };
    if parent == "systemd" && processes::is_of_unit(broker) || SUPERVISORS.contains(&parent.as_str()) {
        return Finding::ok(CHECK, format!("{parent} starts the broker again when it ends"));
    }
    // A process whose parent has ended is a child of process 1. What sysvinit starts again, by /etc/inittab, looks the same.
    if pid == 1 {
        return Finding::warning(
            CHECK,
            "nobody may start the broker again when it ends",
            "start it as a service: docs/INSTALL.md; with sysvinit, the head of /etc/init.d/ck-broker has a line for /etc/inittab",
        );
    }
    Finding::warning(
        CHECK,
        format!("the broker was started by {parent} ({pid}), which may not start it again when it ends"),
        "start it as a service: docs/INSTALL.md",
    )
}
