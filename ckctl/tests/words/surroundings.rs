//! What surrounds the program: standard output, the time zone, a broker that does not answer.

use crate::{broker, error, fake_broker::Broker, printed, three};
use ck_protocol::AdminRequest;
use std::{
    env, fs,
    process::{self, Command},
    thread,
    time::Duration,
};

/// `ckctl` with `words`, started by a shell that does `redirection` first.
fn redirected(broker: &Broker, redirection: &str, words: &[&str]) -> Command {
    let ckctl = broker.ckctl();
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec \"$0\" \"$@\" {redirection}")]);
    shell.arg(ckctl.get_program()).args(ckctl.get_args()).args(words);
    shell
}

#[test]
fn a_closed_standard_output_is_an_error() {
    let broker = broker(three());
    for words in [&["list"][..], &["list", "--json"], &["help"], &["--version"], &["watch"]] {
        let said = error(&mut redirected(&broker, ">&-", words), 1);
        assert_eq!(said, "standard output is closed: redirect it to a file or to /dev/null", "{words:?}");
    }
    // Python and daemon(3) open it for reading and writing.
    for redirection in [">/dev/null", "1<>/dev/null"] {
        assert_eq!(printed(&mut redirected(&broker, redirection, &["list"])), "");
    }
    // There is nothing to be lost.
    assert_eq!(printed(&mut redirected(&broker, ">&-", &["terminate", "10"])), "");
}

#[test]
fn a_full_disk_is_an_error() {
    let said = error(&mut redirected(&broker(three()), ">/dev/full", &["list"]), 1);
    assert!(said.starts_with("cannot write to standard output: No space left on device"), "{said}");
}

#[test]
fn a_broker_that_does_not_answer_is_named() {
    let broker = Broker::answering(|request| match request {
        AdminRequest::List | AdminRequest::Subscribe => {
            thread::sleep(Duration::from_secs(8));
            None
        }
        other => panic!("{other:?}"),
    });
    let said = error(broker.ckctl().arg("list"), 3);
    assert_eq!(said, "ck-broker does not answer within 5 s: see `systemctl status ck-broker` and its log");
}

/// A time zone of one rule, as tzfile(5) has it.
fn zone(rule: &str) -> Vec<u8> {
    let mut file = Vec::new();
    for _ in 0..2 {
        file.extend(b"TZif2");
        file.extend([0; 15]);
        // The numbers of flags, leap seconds, transitions, types and characters.
        for count in [0_u32, 0, 0, 0, 1, 4] {
            file.extend(count.to_be_bytes());
        }
        file.extend((-18_000_i32).to_be_bytes());
        file.extend([0, 0]);
        file.extend(b"EST\0");
    }
    file.extend(format!("\n{rule}\n").bytes());
    file
}

#[test]
fn times_are_in_the_zone_that_tz_names() {
    let database = env::temp_dir().join(format!("ckctl-zones-{}", process::id()));
    fs::create_dir_all(database.join("America")).unwrap();
    fs::write(database.join("America/New_York"), zone("EST5EDT,M3.2.0,M11.1.0")).unwrap();
    let broker = broker(three());
    let at = |zone: &str| {
        let mut command = broker.ckctl();
        command.args(["list", "--no-legend", "--columns", "since"]).env("TZ", zone).env("TZDIR", &database);
        command
    };
    assert!(printed(&mut at("America/New_York")).ends_with("1969-12-31 19:00:00\n"));
    assert!(printed(&mut at("EST5EDT,M3.2.0,M11.1.0")).ends_with("1969-12-31 19:00:00\n"));
    let output = at("Nowhere/City").output().unwrap();
    assert!(output.status.success() && output.stdout.ends_with(b"1970-01-01 00:00:00\n"), "{output:?}");
    let said = "ckctl: unknown time zone `Nowhere/City`: times are in UTC: correct TZ, or install the zone database (tzdata)\n";
    assert_eq!(String::from_utf8(output.stderr).unwrap(), said);
    fs::remove_dir_all(database).unwrap();
}
