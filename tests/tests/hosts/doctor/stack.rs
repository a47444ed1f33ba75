//! The module's line in the stacks of PAM.

use ck_tests::{Machine, Options, Suite};

use super::{Report, broken, shell};

const MEND: &str = "rm -rf /etc/pam.d && cp -a /root/pam.d /etc/pam.d";
const COMMON: &str = "/etc/pam.d/common-session";

/// A host with a copy of its PAM files.
fn machine() -> Machine {
    let machine = Machine::up();
    shell(&machine, "cp -a /etc/pam.d /root/pam.d");
    machine
}

/// A script that changes our line.
fn line(to: &str) -> String {
    format!("sed -i 's/^session.*pam_ck.so.*/{to}/' {COMMON}")
}

#[test]
fn a_line_that_is_missing_or_wrong_is_found() {
    let machine = machine();
    let sshd = |line: &str| format!("sed -i '1i {line}' /etc/pam.d/sshd");
    let taken_out = format!("sed -i /pam_ck/d {COMMON}");
    for (breaks, result, words) in [
        (taken_out.clone(), "problem", "its session lines do not name pam_ck.so"),
        (
            line("auth optional pam_ck.so"),
            "problem",
            "names pam_ck.so for `auth`, but it only serves `session`",
        ),
        (
            format!("{taken_out}; {}", sshd("session optional pam_ck.so")),
            "warning",
            "pam_ck.so comes before pam_selinux.so (/etc/pam.d/sshd:",
        ),
        (
            line("session sufficient pam_permit.so\\nsession optional pam_ck.so"),
            "warning",
            "pam_permit.so (/etc/pam.d/common-session:",
        ),
        (
            line("session optional pam_turnstile.so\\nsession optional pam_ck.so"),
            "warning",
            "pam_ck.so comes after pam_turnstile.so",
        ),
        (line("session required pam_ck.so"), "warning", "nobody logs in if the module is missing"),
        (line("session required pam_ck.so strict"), "warning", "strict: nobody logs in while the broker"),
        (line("session optional pam_ck.so strict"), "warning", "strict has no effect"),
        (line("session sufficient pam_ck.so"), "warning", "keeps modules after it from being called"),
        (line("session optional pam_ck.so colour=blue"), "warning", "unknown option colour=blue is ignored"),
        (line("session optional pam_ck.so timeout=soon"), "warning", "option timeout=soon is ignored"),
        (
            line("session [success=ok default=maybe] pam_ck.so"),
            "problem",
            "its second word is no control value",
        ),
        (line("@include nowhere"), "problem", "includes nowhere, which is not there"),
        (line("@include common-session"), "problem", "they include each other"),
    ] {
        broken(&machine, &breaks, MEND, |report| report.assert("pam-sshd", result, words));
    }
    machine.host.run_ok(&["sh", "-c", &taken_out]);
    Report::of(&machine, &[]).assert("pam-su-l", "warning", "do not name");
}

/// libpam itself is asked whether what is found is true: the line that can be skipped is skipped.
#[test]
fn what_is_said_to_be_skipped_is_skipped() {
    let machine = machine();
    let has_session = || shell(&machine, "ssh alice@127.0.0.1 env").contains("XDG_SESSION_ID=");
    let ours = "session optional pam_ck.so";
    shell(&machine, "printf 'session sufficient pam_permit.so\\n' >/etc/pam.d/sub");
    for (lines, skips) in [
        ("session sufficient pam_permit.so", true),
        ("session [default=1] pam_permit.so", true),
        ("session [default=1] pam_permit.so\\nsession optional pam_deny.so", false),
        ("session include sub", true),
        ("session substack sub", false),
        ("session [default=1] pam_permit.so\\nsession substack sub", false),
    ] {
        shell(&machine, &line(&format!("{lines}\\n{ours}")));
        let report = Report::of(&machine, &[]);
        assert_eq!(has_session(), !skips, "{lines}");
        if skips {
            report.assert("pam-sshd", "warning", "can end the session lines before pam_ck.so");
        } else {
            report.assert("pam-sshd", "ok", "");
        }
        shell(&machine, &format!("cp /root/pam.d/common-session {COMMON}"));
    }
    machine.await_nothing_left();
}

/// What ckctl reads is what libpam reads: there is a session where ckctl finds the line, and nowhere else.
#[test]
fn lines_are_read_as_libpam_reads_them() {
    for suite in [Suite::Bookworm, Suite::Trixie] {
        let mut machine = Machine::installed_on(Options::default().suite(suite));
        machine.start_broker(&[]);
        shell(&machine, &format!("sed -i /pam_ck/d {COMMON}; cp /etc/pam.d/su /root/"));
        for text in [
            r"session optional pam_ck.so\n",
            r"session optional pam_ck.so",
            r"session \\\n optional pam_ck.so\n",
            r"session \\  \n optional pam_ck.so\n",
            r"session optional \\ # c\n pam_ck.so\n",
            r"# c \\\nsession optional pam_ck.so\n",
            r"session optional pam_ck.so \\",
            r"SESSION OPTIONAL pam_ck.so\n",
            r" -session optional pam_ck.so\n",
            r"session optional pam_ck.so [debug]\n",
            r"session optional pam_ck.so\0junk\n",
            r"session [ success = ok default = ignore ] pam_ck.so\n",
            r"session [success=ok pam_ck.so\n",
            r"session [default=bogus] pam_ck.so\n",
            r"session [nocode=ok] pam_ck.so\n",
            r"session [success=0] pam_permit.so\nsession optional pam_ck.so\n",
            r"session pam_ck.so\n",
            r"sessions optional pam_ck.so\n",
            r"session optional pam_ck\n",
            r"session optional ./pam_ck.so\n",
        ] {
            shell(&machine, &format!("cp /root/su /etc/pam.d/su; printf '{text}' >>/etc/pam.d/su"));
            let seen = machine.host.run(&["su", "-l", "bob", "-c", "env"]).stdout.contains("XDG_SESSION_ID=");
            let report = Report::of(&machine, &[]);
            let found = report.with("ok").any(|finding| finding["check"] == "pam-su-l");
            assert_eq!(found, seen, "{suite:?}: {text}: {}", report.output.stdout);
        }
        machine.await_nothing_left();
    }
}

#[test]
fn files_that_are_none_of_pam_do_no_harm() {
    let machine = machine();
    for (breaks, result, words) in [
        ("head -c 5000 /dev/urandom >/etc/pam.d/login", "problem", "is no rule of PAM"),
        ("printf '\\033[2Jsession\\n' >/etc/pam.d/login", "problem", "is no rule of PAM"),
        ("printf 'session include \\033[2J\\n' >/etc/pam.d/login", "problem", "which is not there"),
        ("rm /etc/pam.d/login; mkfifo /etc/pam.d/login", "problem", "it is not a file"),
        ("rm /etc/pam.d/login; ln -s login /etc/pam.d/login", "problem", "cannot be read"),
        ("rm /etc/pam.d/login; ln -s /dev/zero /etc/pam.d/login", "problem", "it is not a file"),
    ] {
        broken(&machine, breaks, MEND, |report| report.assert("pam-login", result, words));
    }
    shell(&machine, "printf 'session include \\033[2J\\n' >/etc/pam.d/login");
    let text = machine.host.run(&["ckctl", "doctor"]).stdout;
    assert!(text.contains("\\u{1b}[2J") && !text.contains('\u{1b}'), "{text}");
    shell(&machine, &format!("{MEND}; rm /etc/pam.d/login /bin/login"));
    Report::of(&machine, &[]).assert("pam-login", "skipped", "not installed");
    shell(&machine, "chmod 600 /etc/pam.d/sshd");
    let users = ["setpriv", "--reuid=2002", "--regid=2002", "--clear-groups", "ckctl", "doctor", "--json"];
    Report::by(&machine, &users, &[]).assert("pam-sshd", "skipped", "only root can read");
    shell(&machine, "rm -rf /etc/pam.d");
    Report::of(&machine, &[]).assert("pam", "skipped", "configured by /etc/pam.conf");
}
