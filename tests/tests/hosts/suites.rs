//! What says, before anything is built, on which hosts programs run that are built here.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};
use std::{env, fs};

const BUILD: &str = concat!(env!("CK_ROOT"), "tests/host/build");

/// What `build --check` answers on a machine with this version of glibc.
fn checked(glibc: &str, suite: &[&str]) -> Result<String, String> {
    let bin = env::temp_dir().join(format!("ck-getconf-{glibc}-{}-{}", suite.len(), std::process::id()));
    fs::create_dir_all(&bin).expect("make a directory");
    let getconf = bin.join("getconf");
    fs::write(&getconf, format!("#!/bin/sh\n[ $1 = GNU_LIBC_VERSION ] && echo glibc {glibc}\n"))
        .expect("write it");
    fs::set_permissions(&getconf, fs::Permissions::from_mode(0o755)).expect("make it a program");
    let path = format!("{}:{}", bin.display(), env::var("PATH").expect("a PATH"));
    let output = Command::new(BUILD).arg("--check").args(suite).env("PATH", path).output().expect("run it");
    fs::remove_dir_all(&bin).expect("remove it");
    told(&output)
}

fn told(output: &Output) -> Result<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

#[test]
fn the_suite_has_the_c_library_that_programs_of_this_machine_need() {
    for (glibc, suite, expected) in [
        ("2.31", &[][..], "bookworm"),
        ("2.36", &[], "bookworm"),
        ("2.39", &[], "trixie"),
        ("2.41", &[], "trixie"),
        ("2.36", &["bookworm"], "bookworm"),
        ("2.36", &["trixie"], "trixie"),
    ] {
        assert_eq!(checked(glibc, suite).as_deref(), Ok(expected), "{glibc}");
    }
    for (glibc, suite, named) in [("2.41", &["bookworm"][..], "bookworm"), ("2.42", &[], "trixie")] {
        let refused = checked(glibc, suite).unwrap_err();
        assert!(
            refused.lines().count() == 1 && refused.contains(&format!("with Debian {named}")),
            "{refused}"
        );
    }
}

#[test]
fn who_is_not_root_hears_so_in_one_line() {
    let output = Command::new(BUILD).arg("--check").uid(65534).gid(65534).output().expect("run it");
    let refused = told(&output).unwrap_err();
    assert!(refused.lines().count() == 1 && refused.contains("needs root"), "{refused}");
}

/// It says that on one machine only if each of these commands asks before it builds.
#[test]
fn what_needs_hosts_asks_before_it_builds() {
    for (target, before) in
        [("demo", "tests/setup"), ("check", "tests/setup"), ("check-hosts", "tests/setup")]
    {
        let root = env!("CK_ROOT");
        let output = Command::new("make")
            .args(["--no-print-directory", "-n", "-C", root, target])
            .env_remove("MAKEFLAGS")
            .env_remove("MAKELEVEL")
            .output()
            .expect("make");
        let plan = told(&output).expect("a plan");
        let first = plan.lines().next().expect("a line");
        assert!(first.starts_with("tests/host/build --check"), "{target}: {first}");
        assert!(plan.contains(before), "{plan}");
    }
}
