//! Whether sshd asks PAM: what `sshd -T` says of `UsePAM`.

use super::{Here, program, report::Finding, services};
use std::time::Duration;

const CHECK: &str = "sshd";
/// sshd reads its configuration and its keys, which takes milliseconds.
const LIMIT: Duration = Duration::from_secs(10);

/// Asks sshd, which only root can do: it reads the private keys of the host.
pub(super) fn check(here: &Here<'_>) -> Finding {
    let Some(sshd) = program::find("sshd") else {
        let why = if services::has("sshd") {
            "its program was not found in /usr/sbin"
        } else {
            "not installed on this machine"
        };
        return Finding::skipped(CHECK, why);
    };
    if !here.is_root {
        return Finding::skipped(CHECK, "only root can ask `sshd -T` whether it uses PAM");
    }
    let correct = "correct sshd_config until `sshd -t` says nothing";
    let ended = match program::run(&sshd, &["-T".as_ref()], LIMIT) {
        Ok(ended) => ended,
        Err(error) => return Finding::warning(CHECK, format!("{}: {error}", sshd.display()), correct),
    };
    match ended.status {
        None => {
            Finding::warning(CHECK, format!("`sshd -T` still runs after {} s", LIMIT.as_secs()), "sshd -T")
        }
        Some(status) if !status.success() => {
            Finding::warning(CHECK, format!("`sshd -T` fails: {}", ended.complaint()), correct)
        }
        Some(_) => match uses_pam(&ended.stdout) {
            Some(true) => Finding::ok(CHECK, "uses PAM"),
            Some(false) => Finding::problem(
                CHECK,
                "does not use PAM, so its logins have no session",
                "set `UsePAM yes` in /etc/ssh/sshd_config, and reload sshd",
            ),
            // An sshd that was built without PAM does not name the option.
            None => {
                Finding::problem(CHECK, "was built without PAM", "install an sshd that was built with PAM")
            }
        },
    }
}

fn uses_pam(settings: &str) -> Option<bool> {
    let value = settings.lines().find_map(|line| line.strip_prefix("usepam "))?;
    Some(value.trim() == "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_is_found_among_the_settings() {
        assert_eq!(uses_pam("port 22\nusepam yes\nx11forwarding no\n"), Some(true));
        assert_eq!(uses_pam("usepam no\n"), Some(false));
        assert_eq!(uses_pam("port 22\n"), None);
    }
}
