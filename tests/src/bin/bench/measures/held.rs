//! The cost of a login with many sessions held: a host for each number of them, all up at once, in turn.

use serde_json::{Value, json};

use crate::contenders::Contender;
use crate::extent::Extent;
use crate::inside::Vitals;
use crate::measures::logins::in_turn;
use crate::plot::{Plot, Series};
use crate::report::{Report, markdown, write};
use crate::samples::thousands;

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
    let mut levels: Vec<Level> = Vec::new();
    for &wanted in extent.held {
        let contender = Contender::another_ck();
        let held = wanted.min(limit(&contender).saturating_sub(SPARE) / EACH * EACH);
        if held < wanted {
            report.note(format!(
                "{wanted} sessions cannot be held here: the limit of descriptors (RLIMIT_NOFILE) cannot be raised; \
                 {held} instead"
            ));
        }
        levels.push(Level::up(held, contender));
    }
    for level in &mut levels {
        level.contender.cycles(extent.batch);
        level.vitals = level.contender.place.ask(&["vitals", "ck-broker"]);
    }
    let all: Vec<&Contender> = levels.iter().map(|level| &level.contender).collect();
    let times = in_turn(extent, &all);
    let mut rows = vec![
        ["ck, sessions held", "first login, open", "second, open", "close", "close, last", "RSS, KiB"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let mut kept = Vec::new();
    for (level, times) in levels.iter().zip(&times) {
        let cells = [&times.first, &times.second, &times.close, &times.close_last].map(ToString::to_string);
        let (name, rss) = (thousands(level.held.into()), thousands(level.resident() as f64));
        rows.push([vec![name], cells.to_vec(), vec![rss]].concat());
        kept.push(json!({"held": level.held, "times": times.json(), "processes": level.vitals}));
    }
    report.table(markdown(&rows));
    report.value("held", Value::Array(kept));
    let (Some(none), Some(most)) = (times.first(), times.last()) else { return };
    let ratio = most.first.median() / none.first.median();
    let held = thousands(levels.last().map_or(0, |level| level.held).into());
    let measured = format!("{ratio:.2} × (with {held})");
    report.target("open with 50,000 sessions held", "≤ 1.15 × with none", measured, ratio <= 1.15);
    memory(report, &levels);
    let point = |at: usize, value: f64| (f64::from(levels[at].held), value);
    let series = |name: &str, value: fn(&super::logins::Times) -> f64| Series {
        name: name.into(),
        points: times.iter().enumerate().map(|(at, times)| point(at, value(times))).collect(),
        joined: true,
    };
    let plot = Plot {
        title: "Cost against number of sessions",
        across: "sessions held",
        up: "µs, median",
        logarithmic: true,
        series: vec![
            series("first login, open", |times| times.first.median()),
            series("second, open", |times| times.second.median()),
            series("close", |times| times.close.median()),
            series("close, last", |times| times.close_last.median()),
        ],
    };
    write("sessions.svg", &plot.svg());
}

impl Level {
    fn up(held: u32, mut contender: Contender) -> Self {
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
