//! The contents of everyday runtime directories, and trees that would exhaust descriptors, stack or time.

use crate::stage::{Outcome, Stage, chmod, name, through};
use std::{
    fs,
    os::unix::{fs::symlink, net::UnixListener},
    time::Instant,
};

/// The first failure of ConsoleKit2's remover: the contents are the user's and the parent is root's. It ended in
/// SIGTRAP.
#[test]
fn the_users_contents_go_and_then_the_directory() {
    let stage = Stage::new();
    stage.user_directory("systemd/units/deep");
    stage.user_file("systemd/units/deep/file");
    stage.user_directory("empty");
    let _socket = UnixListener::bind(stage.inside("bus")).unwrap();
    let outcome = stage.remove(&[]);
    outcome.assert_silent_success();
    assert_eq!(outcome.stdout, "");
    stage.assert_gone();
}

/// That failure was at `/var/run/user/1000`, and /var/run is a link everywhere.
#[test]
fn a_link_of_roots_on_the_way_is_followed() {
    let stage = Stage::new();
    stage.user_file("file");
    symlink("outside/../.", stage.beside("var-run")).unwrap();
    let path = stage.beside("var-run").join("run");
    let outcome = Outcome::of(
        crate::stage::remover()
            .arg("--uid=2001")
            .arg(format!("--dest={}/", path.display()))
            .output()
            .unwrap(),
    );
    outcome.assert_silent_success();
    stage.assert_gone();
}

#[test]
fn what_is_not_there_is_gone() {
    let stage = Stage::new();
    stage.remove(&[]).assert_silent_success();
    stage.remove(&[]).assert_silent_success();
    let outcome = stage.remove(&["--json"]);
    outcome.assert_silent_success();
    assert_eq!((&outcome.json()["gone"], &outcome.json()["removed"]), (&true.into(), &0.into()));
}

#[test]
fn the_users_locked_directories_are_opened() {
    let stage = Stage::new();
    for (directory, mode) in [("none", 0o000), ("read", 0o400), ("readexec", 0o500), ("exec", 0o100)] {
        stage.user_directory(&format!("{directory}/sub"));
        stage.user_file(format!("{directory}/sub/file"));
        chmod(&stage.inside(format!("{directory}/sub")), mode);
        chmod(&stage.inside(directory), mode);
    }
    chmod(&stage.run(), 0o000);
    let outcome = stage.remove(&["--json"]);
    outcome.assert_silent_success();
    assert_eq!(outcome.json()["passes"], 1, "without root's help: {outcome:?}");
    stage.assert_gone();
}

#[test]
fn roots_directories_inside_go_too() {
    let stage = Stage::new();
    stage.user_directory("a/b");
    for directory in ["roots", "a/b/roots"] {
        fs::create_dir_all(stage.inside(directory).join("sub")).unwrap();
        fs::write(stage.inside(directory).join("sub/file"), "x").unwrap();
    }
    let outcome = stage.remove(&["--json"]);
    outcome.assert_silent_success();
    assert_eq!(outcome.json()["removed"], 8);
    stage.assert_gone();
}

#[test]
fn links_are_removed_and_not_followed() {
    let stage = Stage::new();
    stage.user_directory("sub");
    for link in ["link", "sub/link"] {
        symlink(stage.outside(""), stage.inside(link)).unwrap();
    }
    fs::create_dir(stage.inside("roots")).unwrap();
    symlink(stage.outside(""), stage.inside("roots/link")).unwrap();
    symlink(stage.outside("canary"), stage.inside("roots/file")).unwrap();
    stage.remove(&[]).assert_silent_success();
    stage.assert_gone();
}

#[test]
fn three_thousand_levels_need_few_descriptors() {
    let stage = Stage::on_tmpfs();
    stage.user_chain("deep", 3000);
    let limited = ["sh", "-c", "ulimit -n 64; ulimit -s 256; exec \"$@\"", "sh"];
    let outcome = Outcome::of(through(&limited, &stage.command(&["--json"])).output().unwrap());
    outcome.assert_silent_success();
    assert_eq!((&outcome.json()["removed"], &outcome.json()["passes"]), (&3001.into(), &1.into()));
    stage.assert_gone();
}

/// Branches below the depth at which directories further up are closed and opened again.
#[test]
fn a_deep_tree_with_branches_goes_in_one_pass() {
    let stage = Stage::on_tmpfs();
    stage.user_chain("", 100);
    for level in (0..100).step_by(7) {
        let at = "d/".repeat(level);
        for branch in ["a", "e", "z"] {
            stage.user_chain(&format!("{at}{branch}"), 40);
        }
    }
    let outcome = stage.remove(&["--json"]);
    outcome.assert_silent_success();
    assert_eq!(outcome.json()["removed"], 100 + 15 * 3 * 41);
    assert_eq!(outcome.json()["passes"], 1, "{outcome:?}");
    stage.assert_gone();
}

#[test]
fn twenty_thousand_files_are_quick() {
    let stage = Stage::on_tmpfs();
    stage.user_directory("wide");
    for number in 0..20_000 {
        fs::write(stage.inside(format!("wide/{number}")), "").unwrap();
    }
    let started = Instant::now();
    let limited = ["sh", "-c", "ulimit -n 64; exec \"$@\"", "sh"];
    let outcome = Outcome::of(through(&limited, &stage.command(&["--json"])).output().unwrap());
    outcome.assert_silent_success();
    assert_eq!(outcome.json()["removed"], 20_001);
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    stage.assert_gone();
}

#[test]
fn any_name_that_a_file_system_takes_goes() {
    let stage = Stage::new();
    let long = "x".repeat(255);
    let names: [&[u8]; 6] = [b"new\nline", b"\x1b[31mred", b"\xff\xfe", b" ", b"-rf", long.as_bytes()];
    for bytes in names {
        stage.user_file(name(bytes));
    }
    stage.remove(&[]).assert_silent_success();
    stage.assert_gone();
}

#[test]
fn the_json_object_has_the_fields_of_the_contract() {
    let stage = Stage::new();
    stage.user_file("file");
    let object = stage.remove(&["--json"]).json();
    let mut keys: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    let expected = [
        "abandoned",
        "bytes",
        "confined",
        "dest",
        "gone",
        "leftovers",
        "leftovers_not_named",
        "mounts_detached",
        "ms",
        "passes",
        "removed",
        "uid",
    ];
    assert_eq!(keys, expected);
    assert_eq!(object["dest"], stage.run().to_str().unwrap());
    assert_eq!(
        (&object["uid"], &object["gone"], &object["removed"]),
        (&2001.into(), &true.into(), &1.into())
    );
    assert_eq!((&object["bytes"], &object["confined"]), (&serde_json::Value::Null, &true.into()));
    assert!(object["abandoned"].is_null());
}
