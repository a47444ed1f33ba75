//! Errors, and help.

use crate::{broker, ckctl, error, latin_1, printed, three};
use std::{env, fs, process};

#[test]
fn a_number_that_is_none_is_told_what_is_expected() {
    for (words, expected) in [
        (&["activate", "abc"][..], "first column of `ckctl list`"),
        (&["activate", "-1"], "first column of `ckctl list`"),
        (&["terminate", "1", "x"], "first column of `ckctl list`"),
        (&["lock", "x"], "first column of `ckctl list`"),
        (&["unlock", "18446744073709551616"], "first column of `ckctl list`"),
        (&["teardown", "retry", "x"], "first column of `ckctl teardown list`"),
        (&["history", "-n", "ten"], "a whole number such as 10"),
        (&["history", "-n", "-1"], "a whole number such as 10"),
        (&["history", "--since", "soon"], "2026-11-01"),
    ] {
        let said = error(ckctl().args(words), 2);
        assert!(said.contains(expected) && !said.contains("digit"), "{words:?}: {said}");
    }
}

#[test]
fn a_wrong_command_line_is_one_line_that_says_where_help_is() {
    for (words, expected, help) in [
        (&["lst"][..], "'list'", "`ckctl --help`"),
        (&["lock"], "<ID>...", "`ckctl lock --help`"),
        (&["linger"], "on, off, list", "`ckctl linger --help`"),
        (&["linger", "on", "a", "b"], "'b'", "`ckctl linger on --help`"),
        (&["-o", "xml"], "table, json, csv", "--help`"),
        (&["list", "--json", "-o", "csv"], "cannot be used", "--help`"),
        (&["help", "nosuch"], "'nosuch'", "`ckctl --help`"),
        (&["doctor", "--service", "sshd"], "--login <USER>", "`ckctl doctor --help`"),
        (&["a\u{1b}b"], r"a\u{1b}b", "--help`"),
    ] {
        let said = error(ckctl().args(words), 2);
        assert!(said.contains(expected) && said.ends_with(help), "{words:?}: {said}");
    }
}

#[test]
fn terminate_without_a_session_says_what_it_needs() {
    let said = error(ckctl().arg("terminate"), 2);
    assert_eq!(said, "terminate needs session ids or --user USER: see `ckctl list`");
}

#[test]
fn options_that_would_have_no_effect_are_refused() {
    for (words, expected) in [
        (&["status", "-o", "csv"][..], "for lists: list, users"),
        (&["lock", "1", "--sort", "uid"], "for lists: list, users"),
        (&["show", "1", "--columns", "uid"], "for lists: list, users"),
        (&["list", "--json", "--sort", "uid"], "jq"),
    ] {
        let said = error(ckctl().args(words), 2);
        assert!(said.contains(expected), "{words:?}: {said}");
    }
    let broker = broker(three());
    let said = error(broker.ckctl().args(["list", "--sort", "age"]), 2);
    assert!(said.starts_with("unknown column `age`: use session, uid, user, "), "{said}");
}

#[test]
fn help_is_a_verb() {
    assert_eq!(printed(ckctl().arg("help")), printed(ckctl().arg("--help")));
    for words in [&["list"][..], &["linger", "on"], &["help"]] {
        assert_eq!(printed(ckctl().arg("help").args(words)), printed(ckctl().args(words).arg("--help")));
    }
    assert!(printed(ckctl().arg("-h")).ends_with("3 no broker answers.\n"));
    let help = printed(ckctl().args(["help", "list"]));
    for explained in ["REMOTE HOST\n", "  online\n", "Examples:\n  ckctl list alice\n"] {
        assert!(help.contains(explained), "{explained:?}: {help}");
    }
}

#[test]
fn an_unknown_user_is_an_error_unless_the_history_has_the_user() {
    let path = env::temp_dir().join(format!("ckctl-history-{}", process::id()));
    let line = r#"{"time":"2026-01-01T09:00:00.000000Z","up":3600.0,"boot":"00000001","event":"session_opened","id":"1","uid":4000002005,"user":"former","service":"login"}"#;
    fs::write(&path, format!("{line}\n")).unwrap();
    let history = |user: &str| {
        let mut command = ckctl();
        command.args(["history", user, "--file"]).arg(&path);
        command
    };
    for unknown in ["nosuch", "4000002006"] {
        let said = error(&mut history(unknown), 1);
        assert_eq!(said, format!("unknown user `{unknown}`: give the name or uid of a user"));
    }
    for former in ["former", "4000002005"] {
        assert!(printed(&mut history(former)).contains("former  login"), "{former}");
        // The history has the user, so there is nothing wrong with an empty list.
        let later = printed(history(former).args(["--since", "2999-01-01"]));
        assert_eq!(later, "No sessions.\n", "{former}");
    }
    assert_eq!(printed(&mut history("root")), "No sessions.\n");
    fs::remove_file(path).unwrap();
}

#[test]
fn a_name_need_not_be_utf_8() {
    let broker = broker(three());
    for words in [&["list"][..], &["users"], &["terminate", "--user"], &["show", "--user"]] {
        let said = error(broker.ckctl().args(words).arg(latin_1()), 1);
        assert_eq!(said, r"unknown user `J\xf6rg-of-nobody`: give the name or uid of a user", "{words:?}");
    }
    let said = error(broker.ckctl().arg("show").arg(latin_1()), 1);
    assert!(said.starts_with(r"`J\xf6rg-of-nobody` is neither a session id nor a user"), "{said}");
}
