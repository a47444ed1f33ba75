//! The cost of a login with many sessions held: a host for each number of them, all up at once, in turn.

use serde_json::{Value, json};

use crate::contenders::Contender;
use crate::extent::Extent;
use crate::inside::Vitals;
use crate::measures::logins::{Times, in_turn};
use crate::plot::{Plot, Series};
use crate::report::{Report, markdown, write};
use crate::samples::{Samples, thousands};

/// Sessions of one leader, each of which is a user.
const EACH: u32 = 10;
/// Descriptors that are left for everything else where they limit the sessions.
const SPARE: u32 = 200;

/// A broker with sessions.
struct Level {
    held: u32,
    contender: Contender,
    vitals: Vec<Vitals>,
}

pub(super) fn measure(extent: &Extent, _: &mut [Contender], report: &mut Report) {
    let mut levels: Vec<Level> = extent.held.iter().map(|&wanted| Level::up(wanted, report)).collect();
    for level in &mut levels {
        level.contender.cycles(extent.batch);
        level.vitals = level.contender.place.ask(&["vitals", "ck-broker"]);
    }
    let contenders: Vec<&Contender> = levels.iter().map(|level| &level.contender).collect();
    let times = in_turn(extent, &contenders);
    let all: Vec<(&Level, &Times)> = levels.iter().zip(&times).collect();
    report.table(table(&all));
    let json = |(level, times): &(&Level, &Times)| json!({"held": level.held, "times": times.json(), "processes": level.vitals});
    report.value("held", all.iter().map(json).collect());
    judge(report, &all);
    memory(report, &levels);
    plot(&all);
}

fn table(all: &[(&Level, &Times)]) -> String {
    let head = ["ck, sessions held", "first login, open", "second, open", "close", "close, last", "RSS, KiB"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for (level, times) in all {
        let cells = [&times.first, &times.second, &times.close, &times.close_last].map(ToString::to_string);
        let (name, rss) = (thousands(level.held.into()), thousands(level.resident() as f64));
        rows.push([vec![name], cells.to_vec(), vec![rss]].concat());
    }
    markdown(&rows)
}

fn judge(report: &mut Report, all: &[(&Level, &Times)]) {
    let (Some((_, none)), Some((most, times))) = (all.first(), all.last()) else { return };
    let held = thousands(most.held.into());
    for (what, ours, theirs) in
        [("first", &times.first, &none.first), ("second", &times.second, &none.second)]
    {
        let ratio = ours.median() / theirs.median();
        let what = format!("{what} open with 50,000 sessions held");
        let measured = format!("{ratio:.2} × (with {held})");
        report.target(&what, "≤ 1.15 × with none", measured, ratio <= 1.15);
    }
}

fn plot(all: &[(&Level, &Times)]) {
    let series = |name: &str, value: fn(&Times) -> &Samples| Series {
        name: name.into(),
        points: all.iter().map(|(level, times)| (f64::from(level.held), value(times).median())).collect(),
        joined: true,
    };
    let plot = Plot {
        title: "Cost against number of sessions (the left end is none)",
        across: "sessions held",
        up: "µs, median",
        logarithmic: true,
        series: vec![
            series("first login, open", |times| &times.first),
            series("second, open", |times| &times.second),
            series("close", |times| &times.close),
            series("close, last", |times| &times.close_last),
        ],
    };
    write("sessions.svg", &plot.svg());
}

impl Level {
    /// As many as are wanted, or as there may be.
    fn up(wanted: u32, report: &mut Report) -> Self {
        let mut contender = Contender::another_ck();
        let held = wanted.min(limit(&contender).saturating_sub(SPARE) / EACH * EACH);
        if held < wanted {
            report.note(format!(
                "{wanted} sessions cannot be held here, {held} instead: the broker takes two thirds of its descriptors, \
                 whose limit (RLIMIT_NOFILE) cannot be raised on this machine"
            ));
        }
        if held > 0 {
            let leaders = (held / EACH).to_string();
            contender.place.stay(&["hold", &leaders, &EACH.to_string(), "1"], "held");
        }
        Self { held, contender, vitals: Vec::new() }
    }

    /// Of the broker itself; the writer of its history is a process of its own.
    fn resident(&self) -> u64 {
        self.vitals.iter().map(|vitals| vitals.rss).max().unwrap_or(0)
    }
}

/// Sessions that the broker takes.
fn limit(contender: &Contender) -> u32 {
    let status: Value =
        serde_json::from_str(&contender.place.host.run_ok(&["ckctl", "status", "--json"])).expect("JSON");
    status["sessions_limit"].as_u64().and_then(|limit| u32::try_from(limit).ok()).expect("a limit")
}

fn memory(report: &mut Report, levels: &[Level]) {
    for (held, most) in [(0, 2_500), (10_000, 8_000)] {
        if let Some(level) = levels.iter().find(|level| level.held == held) {
            let rss = level.resident() * 1024;
            let target = format!("≤ {} MB", f64::from(most) / 1e3);
            let measure = format!("RSS of the broker with {} sessions", thousands(held.into()));
            let measured = format!("{:.2} MB", rss as f64 / 1e6);
            report.target(&measure, &target, measured, rss <= u64::try_from(most).unwrap_or(0) * 1000);
        }
    }
}
