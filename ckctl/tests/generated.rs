//! Manual pages and completions are made from the command line itself, and lie in `packaging/` for packages to take.
//! `CK_WRITE=1 cargo test --package ckctl --test generated` writes them anew; without that, a difference fails.

#![allow(clippy::unwrap_used, reason = "tests may panic, also outside functions marked #[test]")]

use ckctl::{arguments, arguments::Arguments, manual};
use clap::{CommandFactory, builder::Resettable};
use clap_complete::Shell;
use std::{collections::BTreeMap, env, fs, path::Path};

const PACKAGING: &str = concat!(env!("CK_ROOT"), "packaging");

/// When these pages last said something else. Without a date, the version would be taken for one.
const DATE: &str = "2026-11-28";
/// What to read besides: for ckctl(1), and for the pages of its verbs.
const SEE_ALSO: &str = ".BR broker.toml (5),\n.BR ck\\-broker\\-ipc (7),\n.BR ck\\-hooks (7),\n\
    .BR ck\\-broker (8),\n.BR pam_ck (8)";
const VERBS_SEE_ALSO: &str = ".BR ckctl (1),\n.BR ck\\-broker (8)";

type Files = BTreeMap<String, String>;

/// Asserts that `folder` holds these files and no others, or makes it so.
fn generated(folder: &str, files: &Files) {
    let folder = Path::new(PACKAGING).join(folder);
    if env::var_os("CK_WRITE").is_some() {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        for (name, content) in files {
            fs::write(folder.join(name), content).unwrap();
        }
    }
    let name = |entry: &fs::DirEntry| entry.file_name().into_string().unwrap();
    let entries = fs::read_dir(&folder).unwrap().map(Result::unwrap);
    let there: Files = entries.map(|e| (name(&e), fs::read_to_string(e.path()).unwrap())).collect();
    assert!(there.keys().eq(files.keys()), "{}: other files: see the head of this test", folder.display());
    for (name, content) in files {
        assert!(there[name] == *content, "{name} is out of date: see the head of this test");
    }
}

#[test]
fn manual_pages_are_of_this_command_line() {
    let mut command = Arguments::command();
    command.build();
    let mut files = Files::new();
    page(&command, "ckctl", &mut files);
    generated("man/ckctl", &files);
}

/// The page of a command, and those of the verbs below it.
fn page(command: &clap::Command, name: &str, files: &mut Files) {
    let mut text = Vec::new();
    // The sections of `manual` say more.
    let plain = command.clone().after_help(Resettable::Reset);
    let man = clap_mangen::Man::new(plain).title(name.to_uppercase()).section("1").date(DATE);
    man.source(concat!("ck ", env!("CARGO_PKG_VERSION"))).manual("Login sessions").render(&mut text).unwrap();
    // mandoc(1) warns of an empty line between two breaks, which clap_mangen writes before possible values.
    let mut text = String::from_utf8(text).unwrap().trim_end().replace(".br\n\n.br\n", ".br\n");
    assert!(!text.contains("EXTRA"), "{text}");
    let sections = manual::sections(&name.replace('-', " "));
    assert_eq!(sections.last().map(|section| section.heading), Some("EXAMPLES"), "{name}");
    for manual::Section { heading, entries } in sections {
        text += &format!(
            "\n.SH {}",
            if heading.contains(' ') { format!("\"{heading}\"") } else { heading.to_owned() }
        );
        for (word, meaning) in entries {
            text += &format!("\n.TP\n\\fB{}\\fR\n{}", roff(word), roff(meaning));
        }
    }
    let see_also = if name == command.get_name() { SEE_ALSO } else { VERBS_SEE_ALSO };
    files.insert(format!("{name}.1"), format!("{text}\n.SH \"SEE ALSO\"\n{see_also}\n"));
    for verb in command.get_subcommands() {
        page(verb, &format!("{name}-{}", verb.get_name()), files);
    }
}

/// A line of text as roff has it.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
    if text.starts_with('.') { format!("\\&{text}") } else { text }
}

#[test]
fn completions_are_of_this_command_line() {
    let mut files = Files::new();
    for (shell, name) in [(Shell::Bash, "ckctl"), (Shell::Zsh, "_ckctl"), (Shell::Fish, "ckctl.fish")] {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut arguments::command(), "ckctl", &mut text);
        files.insert(name.to_owned(), with_names(shell, &String::from_utf8(text).unwrap()));
    }
    generated("completions", &files);
}

/// The script of clap_complete, which knows no ids and no names of users, with functions that ask the broker for them.
fn with_names(shell: Shell, script: &str) -> String {
    match shell {
        Shell::Bash => {
            let (functions, end) = script.split_once("\nif [[ \"${BASH_VERSINFO[0]}\" -eq 4").unwrap();
            let end = end.replace("complete -F _ckctl ", "complete -F _ckctl_with_names ");
            let names = include_str!("../completions/names.bash");
            format!("{functions}\n{names}if [[ \"${{BASH_VERSINFO[0]}}\" -eq 4{end}")
        }
        Shell::Zsh => {
            let mut lines: Vec<String> = script.lines().map(named).collect();
            let end = lines.iter().position(|line| line.starts_with("if [ \"$funcstack")).unwrap();
            lines.insert(end, include_str!("../completions/names.zsh").trim_end().to_owned() + "\n");
            lines.join("\n") + "\n"
        }
        _ => format!("{script}{}", include_str!("../completions/names.fish")),
    }
}

/// A line of the script for zsh, where what is completed follows the text that explains an argument.
fn named(line: &str) -> String {
    let completes = [
        (":id -- The session id", "_ckctl_sessions"),
        ("*::ids -- The session ids", "_ckctl_sessions"),
        ("::what -- ", "_ckctl_sessions_and_users"),
        ("::user -- ", "_ckctl_user_names"),
        ("::id -- The teardown id", "_ckctl_teardowns"),
        (":USER:", "_ckctl_user_names"),
    ];
    match completes.iter().find(|(argument, _)| line.contains(argument)) {
        Some((_, function)) => line.replace(":_default'", &format!(":{function}'")),
        None => line.to_owned(),
    }
}

/// A new verb that takes an id or a user is found here.
#[test]
fn every_id_and_user_is_completed() {
    let zsh = fs::read_to_string(Path::new(PACKAGING).join("completions/_ckctl")).unwrap();
    let plain: Vec<_> = zsh.lines().filter(|line| line.contains(":_default'")).collect();
    let other = ["--columns=", "--sort=", "--since=", "--limit=", "-n+", "--service=", "*::verb -- "];
    assert!(plain.iter().all(|line| other.iter().any(|argument| line.contains(argument))), "{plain:#?}");
}
