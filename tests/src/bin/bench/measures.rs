//! What is measured. Each measure is a file; the hosts of all contenders are up for all of them.

mod burst;
mod calls;
mod held;
mod idle;
mod load;
mod logins;
mod meanwhile;
mod parts;
mod restart;
mod storm;
mod teardown;

use std::fs;
use std::time::Instant;

use serde_json::json;

use crate::contenders::{Contender, all};
use crate::extent::Extent;
use crate::priority;
use crate::report::Report;

/// A measure: what it is called on the command line, and what it does.
type Measure = (&'static str, fn(&Extent, &mut [Contender], &mut Report));

const MEASURES: [Measure; 11] = [
    // First: later, a daemon keeps what it needed in its busiest time.
    ("idle", idle::measure),
    ("logins", logins::measure),
    ("parts", parts::measure),
    ("load", load::measure),
    ("held", held::measure),
    ("burst", burst::measure),
    ("teardown", teardown::measure),
    ("meanwhile", meanwhile::measure),
    ("storm", storm::measure),
    ("restart", restart::measure),
    ("calls", calls::measure),
];

/// Does those that are named, or all.
pub(crate) fn run(extent: &Extent, names: &[&str]) {
    for name in names {
        let known = MEASURES.iter().any(|measure| measure.0 == *name);
        assert!(
            known,
            "unknown measure {name}: take some of {}",
            MEASURES.map(|measure| measure.0).join(" ")
        );
    }
    let mut report = Report::default();
    report.value("machine", machine());
    if priority::all().is_empty() {
        report.note(
            "nothing runs ahead of what else the machine does: the figures have that in them".to_owned(),
        );
    }
    println!("Hosts of all contenders are brought up.");
    let mut contenders = all(&mut report);
    for (name, measure) in MEASURES {
        if names.is_empty() || names.contains(&name) {
            println!("\n{name}");
            let start = Instant::now();
            measure(extent, &mut contenders, &mut report);
            println!("  ({:.0} s; load average {})", start.elapsed().as_secs_f64(), load_average());
        }
    }
    report.finish();
}

/// The one that it is about.
fn ours(contenders: &[Contender]) -> &Contender {
    named(contenders, "ck").expect("ck is always up")
}

fn named<'a>(contenders: &'a [Contender], name: &str) -> Option<&'a Contender> {
    contenders.iter().find(|contender| contender.name == name)
}

fn machine() -> serde_json::Value {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let model = read("/proc/cpuinfo");
    let model = model.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    json!({
        "kernel": read("/proc/sys/kernel/osrelease"),
        "processors": std::thread::available_parallelism().map_or(0, usize::from),
        "processor": model.trim_start_matches(['\t', ':', ' ']),
        "load_average_before": load_average(),
    })
}

fn load_average() -> String {
    fs::read_to_string("/proc/loadavg").unwrap_or_default().split(' ').next().unwrap_or_default().to_owned()
}
