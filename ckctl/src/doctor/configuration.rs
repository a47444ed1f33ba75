//! Whether the broker can read its configuration: `ck-broker --check-config`.

use super::{Here, program, report::Finding};
use std::time::Duration;

const CHECK: &str = "configuration";
/// It reads one file.
const LIMIT: Duration = Duration::from_secs(10);

/// Asks the broker's program, which only root can run.
pub(super) fn check(here: &Here<'_>) -> Finding {
    let Some(broker) = program::find("ck-broker") else {
        return Finding::problem(CHECK, "ck-broker is not installed", "install the package, or make install");
    };
    if !here.is_root {
        return Finding::skipped(CHECK, "only root can ask `ck-broker --check-config`");
    }
    let remedy = "correct that line: man broker.toml; then reload the broker";
    match program::run(&broker, &["--check-config".as_ref()], LIMIT) {
        Err(error) => {
            Finding::problem(CHECK, format!("{}: {error}", broker.display()), "ck-broker --check-config")
        }
        Ok(ended) => match ended.status {
            Some(status) if status.success() => {
                Finding::ok(CHECK, "ck-broker --check-config finds nothing wrong")
            }
            Some(_) => Finding::problem(CHECK, ended.complaint().trim_start_matches("ck-broker: "), remedy),
            None => {
                Finding::problem(CHECK, "ck-broker --check-config does not end", "ck-broker --check-config")
            }
        },
    }
}
