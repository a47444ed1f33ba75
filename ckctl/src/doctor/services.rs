//! Whether the module is in the stacks of the services that people log in by, and in the right place.

use super::{
    module,
    of_module::Options,
    pam_file::{Action, MAX_FILE},
    pam_stack::{Source, Stack, Step, Unread},
    report::Finding,
};
use std::{
    ffi::CString,
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

/// The name of the module's file.
pub(super) const MODULE: &str = "pam_ck.so";
/// Where libpam looks for the files of services, in this order: pam.d(5). The second is SUSE's, the last Clear Linux's.
const DIRECTORIES: [&str; 4] = ["/etc/pam.d", "/usr/etc/pam.d", "/usr/lib/pam.d", "/usr/share/pam.d"];
/// The one file that libpam reads where none of them exists.
const ONE_FILE: &str = "/etc/pam.conf";
/// The profile of pam-auth-update(8), and the program.
const PROFILE: &str = "/usr/share/pam-configs/ck";
const PROFILE_PROGRAM: &str = "/usr/sbin/pam-auth-update";

/// How bad it is that a service has no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Without {
    Problem,
    Warning,
}

/// The services that people log in by, and their programs. Whoever uses `su -l` has logged in before, so it is a warning.
const LOGINS: [(&str, &[&str], Without); 3] = [
    ("sshd", &["/usr/sbin/sshd", "/usr/bin/sshd"], Without::Problem),
    ("login", &["/bin/login", "/usr/bin/login"], Without::Problem),
    // The `su` of shadow has no such service.
    ("su-l", &[], Without::Warning),
];
/// Services that need no session: they run programs for a user who has one, or who has not logged in. INSTALL.md says which
/// of them the profile of the package serves.
const OTHERS: [&str; 9] =
    ["su", "sudo", "sudo-i", "cron", "crond", "atd", "runuser", "runuser-l", "systemd-user"];
/// Modules that must be called before ours. The first two decide what a session is for the kernel: its audit id, and the
/// SELinux context at the logout. The others are of session managers, whose variables ours leaves as they are.
const BEFORE: [&str; 4] = ["pam_loginuid.so", "pam_selinux.so", "pam_systemd.so", "pam_elogind.so"];
/// Modules that need what ours makes: pam_ck(8).
const AFTER: [&str; 1] = ["pam_turnstile.so"];

/// A service that people log in by, and its stack.
#[derive(Debug)]
pub(super) struct Login {
    service: &'static str,
    without: Without,
    pub(super) stack: Stack,
}

/// The services of this machine that people log in by.
pub(super) fn logins() -> Vec<Login> {
    let is_there = |(service, programs, _): &(&str, &[&str], Without)| {
        has(service) || programs.iter().any(|program| Path::new(program).exists())
    };
    let login = |(service, _, without)| Login { service, without, stack: Stack::of(service, &read) };
    LOGINS.into_iter().filter(is_there).map(login).collect()
}

/// Checks all of them.
pub(super) fn check(logins: &[Login]) -> Vec<Finding> {
    if !DIRECTORIES.iter().any(|directory| Path::new(directory).is_dir()) {
        let why = if Path::new(ONE_FILE).exists() {
            format!("PAM is configured by {ONE_FILE} here, which ckctl does not read")
        } else {
            "PAM is not configured on this machine".to_owned()
        };
        return vec![Finding::skipped("pam", why)];
    }
    let mut findings = Vec::new();
    for (service, _, _) in LOGINS {
        match logins.iter().find(|login| login.service == service) {
            Some(login) => findings.extend(login.check()),
            None => findings.push(Finding::skipped(&name_of(service), "not installed on this machine")),
        }
    }
    findings.push(others());
    findings
}

/// The name of the check of a service.
fn name_of(service: &str) -> String {
    format!("pam-{service}")
}

/// Whether the service has a file.
pub(super) fn has(service: &str) -> bool {
    DIRECTORIES.iter().any(|directory| Path::new(directory).join(service).exists())
}

impl Login {
    /// All findings, or that all is well.
    fn check(&self) -> Vec<Finding> {
        let check = name_of(self.service);
        if let Some(fault) = self.stack.faults.first() {
            return vec![match fault.is_forbidden() {
                true => Finding::skipped(&check, fault.to_string()),
                false => Finding::problem(
                    &check,
                    fault.to_string(),
                    "correct it with a root shell open: libpam refuses such a service or ignores that line",
                ),
            }];
        }
        let ours = ours(&self.stack);
        let Some((index, step)) =
            ours.clone().find(|(index, _)| self.stack.skipped_by(*index).is_none()).or(ours.clone().next())
        else {
            return vec![self.missing(&check)];
        };
        let mut findings: Vec<Finding> =
            [self.skipped(&check, index), self.order(&check, index), control(&check, step)]
                .into_iter()
                .flatten()
                .collect();
        findings.extend(options(&check, step));
        if findings.is_empty() {
            let times = match ours.count() {
                1 => "",
                _ => ", and again later, which does nothing",
            };
            findings.push(Finding::ok(
                &check,
                format!("{MODULE} is in its session lines ({}{times})", step.place),
            ));
        }
        findings
    }

    fn missing(&self, check: &str) -> Finding {
        let misplaced = self.stack.others.iter().find(|(_, _, module)| module.ends_with(MODULE));
        // A login that does not ask PAM, such as busybox's, has no file.
        let has_file = has(self.service);
        let message = match misplaced {
            Some((place, kind, _)) => {
                format!("{place} names {MODULE} for `{}`, but it only serves `session`", kind.name())
            }
            None if has_file => {
                format!("its session lines do not name {MODULE}, so its logins have no session")
            }
            None => format!("it has no file in /etc/pam.d, and the lines of `other` do not name {MODULE}"),
        };
        let by_hand = format!("add `session optional {MODULE}` at the end of /etc/pam.d/{}", self.service);
        let is_profile = Path::new(PROFILE).exists() && Path::new(PROFILE_PROGRAM).exists();
        let remedy = match is_profile {
            true => format!("pam-auth-update --enable ck; or {by_hand}"),
            false => by_hand,
        };
        match self.without {
            Without::Problem if has_file => Finding::problem(check, message, remedy),
            _ => Finding::warning(check, message, remedy),
        }
    }

    fn skipped(&self, check: &str, index: usize) -> Option<Finding> {
        let by = self.stack.skipped_by(index)?;
        Some(Finding::warning(
            check,
            format!(
                "{} ({}) can end the session lines before {MODULE}, or jump over it",
                by.module, by.place
            ),
            format!("put the line of {MODULE} before that line, or make that line `optional`"),
        ))
    }

    fn order(&self, check: &str, index: usize) -> Option<Finding> {
        let steps = &self.stack.steps;
        let is_one_of = |names: &[&str], step: &Step| {
            names.iter().any(|name| step.is_of(name)) && !step.options.iter().any(|option| option == "open")
        };
        let later = steps
            .iter()
            .skip(index + 1)
            .find(|step| is_one_of(&BEFORE, step) && module::is_there(&step.module));
        if let Some(later) = later {
            return Some(Finding::warning(
                check,
                format!(
                    "{MODULE} comes before {} ({}), which it needs to come after",
                    later.module, later.place
                ),
                format!("make the line of {MODULE} the last of the session lines"),
            ));
        }
        let earlier = steps.iter().take(index).find(|step| is_one_of(&AFTER, step))?;
        Some(Finding::warning(
            check,
            format!(
                "{MODULE} comes after {} ({}), which needs the runtime directory",
                earlier.module, earlier.place
            ),
            format!("put the line of {MODULE} before that line"),
        ))
    }
}

/// The calls of our module in a stack.
pub(super) fn ours(stack: &Stack) -> impl Iterator<Item = (usize, &Step)> + Clone {
    stack.steps.iter().enumerate().filter(|(_, step)| step.is_of(MODULE))
}

/// What the control value of our line does to logins.
fn control(check: &str, step: &Step) -> Option<Finding> {
    let actions = step.actions.as_ref()?;
    let is_strict = step.options.iter().any(|option| option == "strict");
    let refuses = |code| matches!(actions.after(code), Action::Bad | Action::Die);
    let at = &step.place;
    let (message, remedy) = if actions.all().any(|action| matches!(action, Action::Done | Action::Jump(_))) {
        (
            format!("the line of {MODULE} ({at}) keeps modules after it from being called"),
            format!("session optional {MODULE}"),
        )
    } else if is_strict && refuses("session_err") {
        (
            format!("strict: nobody logs in while the broker has a problem ({at})"),
            "keep a way in without it, such as root's login on the console; or take `strict` away".to_owned(),
        )
    } else if refuses("module_unknown") {
        (format!("nobody logs in if the module is missing ({at})"), format!("session optional {MODULE}"))
    } else if is_strict {
        (
            format!("strict has no effect: the line does not say `required` ({at})"),
            "take `strict` away, or say `required`, and keep a way in without it".to_owned(),
        )
    } else {
        return None;
    };
    Some(Finding::warning(check, message, remedy))
}

/// The options that the module ignores, in its own words.
fn options(check: &str, step: &Step) -> Vec<Finding> {
    let words: Vec<CString> =
        step.options.iter().filter_map(|option| CString::new(option.as_str()).ok()).collect();
    let mut options = Options::default();
    options.read(words.iter().map(CString::as_c_str));
    let ignored = options.ignored.iter();
    ignored
        .map(|error| {
            Finding::warning(
                check,
                format!("{}: {error}", step.place),
                "correct that line: man pam_ck has the options",
            )
        })
        .collect()
}

/// What the services do that need no session.
fn others() -> Finding {
    let stacks =
        OTHERS.into_iter().filter(|service| has(service)).map(|service| (service, Stack::of(service, &read)));
    let (with, without): (Vec<_>, Vec<_>) = stacks.partition(|(_, stack)| ours(stack).next().is_some());
    let list = |some: &[(&str, Stack)]| match some {
        [] => "none".to_owned(),
        some => some.iter().map(|(service, _)| *service).collect::<Vec<_>>().join(", "),
    };
    Finding::ok(
        "pam-others",
        format!("with a session: {}; without, as may be meant: {}", list(&with), list(&without)),
    )
}

/// Reads the file of a service by its name, or any file by its path.
pub(super) fn read(name: &str) -> Result<Source, Unread> {
    for directory in DIRECTORIES {
        // An absolute name replaces the directory.
        let path = Path::new(directory).join(name);
        match contents(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(Unread::Forbidden),
            Err(error) => return Err(Unread::Failed(error.to_string())),
            Ok(text) => return Ok(Source { path: path.display().to_string(), text }),
        }
    }
    Err(Unread::Missing)
}

fn contents(path: &Path) -> io::Result<Vec<u8>> {
    // To open a FIFO would wait for somebody who writes.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut text = Vec::new();
    File::open(path)?.take(u64::try_from(MAX_FILE).unwrap_or(u64::MAX)).read_to_end(&mut text)?;
    Ok(text)
}
