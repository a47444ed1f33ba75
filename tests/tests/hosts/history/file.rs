//! What others do with the file, and what it may grow to.

use super::{BEFORE, FILE, await_events, lines_of, states, stays, visit};
use ck_tests::{Machine, wait_until};

/// `rotate` is done between two logins; returns how many lines the file then has, and the one before.
fn rotated(rotate: &str) -> (Machine, usize, usize) {
    let machine = Machine::up();
    visit(&machine);
    await_events(&machine, "session_ended", 1);
    machine.host.run_ok(&["sh", "-c", rotate]);
    visit(&machine);
    await_events(&machine, "session_ended", 1);
    let (now, before) = (lines_of(&machine, FILE).len(), lines_of(&machine, BEFORE).len());
    assert_eq!(states(&machine), ["ended", "ended"]);
    (machine, now, before)
}

#[test]
fn logrotate_may_move_the_file_away_or_copy_and_truncate_it() {
    let file = FILE;
    for rotate in [
        format!("mv {file} {file}.1"),
        format!("mv {file} {file}.1; install -m 644 /dev/null {file}"),
        format!("cp {file} {file}.1; truncate -s 0 {file}"),
    ] {
        let (machine, now, before) = rotated(&rotate);
        assert_eq!((now, before), (2, 4), "{rotate}");
        assert!(!machine.broker().stderr().contains("history"), "{}", machine.broker().stderr());
    }
}

#[test]
fn a_line_that_was_cut_costs_itself_only() {
    let machine = Machine::up();
    visit(&machine);
    await_events(&machine, "session_ended", 1);
    machine.host.run_ok(&["sh", "-c", &format!("printf '{{\"time\":\"2026-' >>{FILE}")]);
    assert_eq!(states(&machine), ["ended"]);
    visit(&machine);
    await_events(&machine, "session_ended", 2);
    assert_eq!(states(&machine), ["ended", "ended"]);
    let text = machine.host.read_file(FILE);
    assert_eq!(text.lines().filter(|line| *line == "{\"time\":\"2026-").count(), 1, "{text}");
}

#[test]
fn it_grows_no_larger_than_it_may_and_keeps_who_may_read_it() {
    let mut machine = Machine::installed();
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck"]);
    machine.host.write_file("/etc/ck/broker.toml", "[history]\nsize = \"64k\"\n", 0o644);
    let program = std::fs::read(env!("CARGO_BIN_EXE_churn")).expect("a program of ours");
    machine.host.write_file("/usr/local/bin/churn", program, 0o755);
    machine.start_broker(&[]);
    wait_until(super::SOON, "the file", || machine.host.metadata(FILE).is_some());
    machine.host.run_ok(&["chmod", "640", FILE]);
    machine.host.run_ok(&["chgrp", "adm", FILE]);
    machine.host.run_ok(&["churn", "400", "8"]);
    machine.await_sessions(0);
    wait_until(super::SOON, "nobody is left in it", || {
        let ids = |event: &str| -> Vec<String> {
            let lines = [lines_of(&machine, BEFORE), lines_of(&machine, FILE)].concat();
            let of_event = lines.iter().filter(|line| line["event"] == event);
            of_event.map(|line| line["id"].to_string()).collect()
        };
        let ended = ids("session_ended");
        ids("session_opened").iter().all(|id| ended.contains(id))
    });
    for file in [FILE, BEFORE] {
        let found = machine.host.metadata(file).expect("a file");
        assert!(found.len() <= 64 << 10, "{file}: {} bytes", found.len());
        let shown = machine.host.run_ok(&["stat", "-c", "%a %U %G", file]);
        assert_eq!(shown, "640 root adm", "{file}");
    }
    assert!(machine.host.metadata(BEFORE).is_some_and(|before| before.len() > 63 << 10));
    let shown = machine.host.run_ok(&["ckctl", "history", "--json"]);
    let opened: usize = shown.lines().count();
    assert!(opened > 200, "{opened} sessions are shown of the last 400");
    assert!(!machine.broker().stderr().contains("history"), "{}", machine.broker().stderr());
}

#[test]
fn ten_thousand_lines_are_read() {
    let machine = Machine::up();
    let write = r#"my $at = sprintf('2026-01-01T%02d:%02d:%02d.000000Z', $_ / 3600, $_ / 60 % 60, $_ % 60);
        my $who = qq("id":"$_","uid":2001,"user":"alice","service":"sshd","remote_host":"192.0.2.7");
        my $head = qq({"time":"$at","up":$_.5,"boot":"00000001","event");
        print qq($head:"session_opened",$who}\n$head:"session_ended",$who,"opened_at":"$at","duration":0.25}\n);"#;
    let script = format!("for (1..5000) {{ {write} }}");
    machine.host.write_file("/tmp/write", script, 0o644);
    machine.host.run_ok(&["sh", "-c", &format!("perl /tmp/write >{FILE}.new && mv {FILE}.new {FILE}")]);
    visit(&machine);
    await_events(&machine, "session_ended", 5001);
    let told = stays(&machine, &[]);
    assert_eq!(told.len(), 5001);
    assert_eq!((&told[1]["id"], &told[5000]["id"]), (&"5000".into(), &"1".into()));
    assert_eq!(told[1]["duration"], 0.25);
    // `head` goes as soon as it has what it wants.
    assert!(machine.host.run_ok(&["sh", "-c", "ckctl history 2>&1 | head -n 1"]).starts_with("USER "));
}

/// Nobody can log in while a disk is full, unless nobody asks it anything.
#[test]
fn a_disk_that_takes_nothing_costs_a_message_and_no_login() {
    for (hinder, mend, word) in [
        ("dd if=/dev/zero of=/var/log/full bs=4k 2>/dev/null; true", "rm /var/log/full", "No space left"),
        ("mount -t tmpfs -o ro none /var/log", "umount /var/log", "Read-only"),
        ("rm -r /var/log/ck; touch /var/log/ck", "rm /var/log/ck", "/var/log/ck must be a directory"),
        (
            "rm -r /var/log/ck; install -d -m 777 /var/log/ck",
            "chmod 755 /var/log/ck",
            "nobody else can write",
        ),
        ("mount -t tmpfs none /var", "umount /var", "/var/log/ck: No such file"),
        (
            "rm -r /var/log/ck/*; mkdir /var/log/ck/history.jsonl",
            "rmdir /var/log/ck/history.jsonl",
            "Is a directory",
        ),
        (
            "rm -r /var/log/ck/*; mkfifo /var/log/ck/history.jsonl",
            "rm /var/log/ck/history.jsonl",
            "not a regular file",
        ),
    ] {
        let mut machine = Machine::installed();
        machine.host.run_ok(&["sh", "-c", "mkdir -p /var/log; mount -t tmpfs -o size=64k none /var/log"]);
        machine.start_broker(&[]);
        visit(&machine);
        await_events(&machine, "session_ended", 1);
        machine.host.run_ok(&["sh", "-c", hinder]);
        // On a full disk, what is left of the last page of the file takes a few lines.
        for _ in 0..20 {
            assert_eq!(
                machine.host.run_ok(&["su", "alice", "-c", "echo $XDG_RUNTIME_DIR"]),
                ck_tests::ALICES
            );
        }
        let complaints = || {
            let log = machine.broker().stderr();
            log.lines()
                .filter(|line| line.contains("until that is corrected"))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        wait_until(super::SOON, hinder, || !complaints().is_empty());
        assert!(complaints().len() == 1 && complaints()[0].contains(word), "{hinder}: {:?}", complaints());
        let status = || machine.host.run_ok(&["ckctl", "status"]);
        let told = status();
        let told_so = told.contains(word) && told.contains("logins are not recorded until that is corrected");
        assert!(told_so && !told.contains("all is well"), "{hinder}: {told}");
        machine.host.run_ok(&["sh", "-c", mend]);
        visit(&machine);
        wait_until(super::SOON, mend, || machine.broker().stderr().contains("lines are missing"));
        // What was cut off when the disk was full stays as a line of its own.
        wait_until(super::SOON, "the last line", || {
            machine.host.run(&["tail", "-n", "1", FILE]).stdout.contains("\"session_ended\"")
        });
        assert_eq!(states(&machine)[0], "ended", "{hinder}");
        assert!(status().contains("all is well"), "{mend}: {}", status());
        machine.await_nothing_left();
    }
}
