//! 1,000 leaders that are killed at one blow.

use serde_json::json;

use crate::contenders::Contender;
use crate::extent::Extent;
use crate::inside::Storm;
use crate::measures::ours;
use crate::report::Report;
use crate::samples::Samples;

const LEADERS: u32 = 1_000;

pub(super) fn measure(extent: &Extent, contenders: &mut [Contender], report: &mut Report) {
    for (together, users) in [(LEADERS, "1 user"), (10, "100 users"), (1, "1,000 users")] {
        let words =
            ["storm", &LEADERS.to_string(), &together.to_string(), &extent.rounds.div_ceil(2).to_string()];
        let storm: Storm = ours(contenders).place.ask_ahead_alone(&words);
        judge(users, &storm, report);
        report.value(&format!("storm of {users}"), json!(storm));
    }
}

fn judge(users: &str, storm: &Storm, report: &mut Report) {
    let of = |samples: &Vec<u64>| samples.iter().copied().collect::<Samples>();
    let millis = |samples: &Vec<u64>| of(samples).median() / 1e3;
    let measured = format!(
        "{:.0} ms (the leaders are dead after {:.0}, teardowns done after {:.0})",
        millis(&storm.empty),
        millis(&storm.dead),
        millis(&storm.torn_down)
    );
    let what = format!("1,000 leaders of {users} killed: table empty, directories gone");
    report.target(&what, "≤ 250 ms", measured, millis(&storm.empty) <= 250.0);
    let (before, during) = (of(&storm.before), of(&storm.during));
    let ratio = during.p99() / before.p99();
    let measured = format!("{ratio:.2} × ({during} µs, idle {before})");
    report.target(
        &format!("… a login in the middle of it ({users}), p99"),
        "≤ 2 × idle",
        measured,
        ratio <= 2.0,
    );
}
