//! The system calls of one login and logout, of the broker and of the module, by name.

use std::collections::BTreeMap;
use std::time::Duration;

use ck_tests::{Running, wait_until};
use rustix::process::Signal;
use serde_json::json;

use crate::contenders::Contender;
use crate::extent::Extent;
use crate::inside::Vitals;
use crate::report::{Report, write};

const SOON: Duration = Duration::from_secs(20);

pub(super) fn measure(_: &Extent, contenders: &mut [Contender], report: &mut Report) {
    let mut kept = serde_json::Map::new();
    // What libpam itself does is in every trace; pam_permit does nothing.
    let mut libpam = None;
    for contender in contenders.iter() {
        let (traces, module) = traced(contender);
        let daemons: BTreeMap<String, u32> = count(traces.iter().flat_map(|trace| trace.lines()));
        let total: u32 = daemons.values().sum();
        let (open, close) =
            (count(part(&module, "started", "closing")), count(part(&module, "closing", "exit_group")));
        let sums: [u32; 2] = [&open, &close].map(|counts| counts.values().sum());
        let [base_open, base_close] = *libpam.get_or_insert(sums);
        report.figure(
            &format!("system calls of a login and a logout, {}", contender.name),
            format!(
                "{total} of its processes; {} and {} of its module (beside libpam's {base_open} and {base_close})",
                sums[0].saturating_sub(base_open),
                sums[1].saturating_sub(base_close)
            ),
        );
        let file = contender.name.replace([' ', ','], "-");
        write(&format!("calls-{file}-daemons.txt"), &traces.join("\n"));
        write(&format!("calls-{file}-module.txt"), &module);
        kept.insert(
            contender.name.into(),
            json!({"daemons": daemons, "daemons_total": total, "module_open": open, "module_close": close}),
        );
    }
    report.value("system_calls", kept.into());
}

/// Traces of the daemons, and of the application with the module in it, of one login and logout.
fn traced(contender: &Contender) -> (Vec<String>, String) {
    let host = &contender.place.host;
    let daemons: Vec<Vitals> = contender.place.ask(&[&["vitals"], contender.daemons].concat());
    let tracers: Vec<(String, Running)> = daemons
        .iter()
        .map(|one| {
            let (pid, file) = (one.pid.to_string(), format!("/tmp/trace.{}", one.pid));
            let strace = host.spawn(&["strace", "-r", "-T", "-o", &file, "-p", &pid]);
            wait_until(SOON, "strace is attached", || strace.stderr().contains("attached"));
            (file, strace)
        })
        .collect();
    let [confdir, service] = contender.service();
    let login = ["strace", "-r", "-T", "-o", "/tmp/trace.module", "pam-login", confdir, service, "alice"];
    let script = format!("echo | {} >/tmp/trace.output", login.join(" "));
    host.run_ok(&["sh", "-c", &script]);
    // What follows the answer is done.
    std::thread::sleep(Duration::from_millis(300));
    let read = |(file, mut strace): (String, Running)| {
        strace.signal(Signal::INT);
        assert!(strace.wait(SOON).is_some(), "strace ends");
        host.read_file(&file)
    };
    (tracers.into_iter().map(read).collect(), host.read_file("/tmp/trace.module"))
}

/// How often each call is in the lines.
fn count<'a>(lines: impl Iterator<Item = &'a str>) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for line in lines {
        let call = line.trim_start().split_once(' ').map_or("", |(_, call)| call.trim_start());
        if let Some((name, _)) = call.split_once('(') {
            *counts.entry(name.trim_start_matches("<... ").to_owned()).or_insert(0) += 1;
        }
    }
    counts
}

/// The lines between two marks, without what the application itself says and hears there.
fn part<'a>(trace: &'a str, from: &'a str, to: &'a str) -> impl Iterator<Item = &'a str> {
    let after = trace.lines().skip_while(move |line| !line.contains(from)).skip(1);
    let own = |line: &&str| !line.contains("write(1, ") && !line.contains("read(0, ");
    after.take_while(move |line| !line.contains(to)).filter(own)
}
