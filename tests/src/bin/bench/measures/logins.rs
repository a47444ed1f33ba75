//! First login, second session, close: all contenders, in turn.

use serde_json::{Map, Value, json};

use crate::contenders::Contender;
use crate::extent::Extent;
use crate::inside::Cycle;
use crate::measures::named;
use crate::report::{Report, markdown};
use crate::samples::Samples;

/// What each of them took.
pub(super) struct Times {
    pub(super) load: Samples,
    /// The module's load and the open together, and the open alone.
    pub(super) whole: Samples,
    pub(super) first: Samples,
    pub(super) second: Samples,
    pub(super) close: Samples,
    pub(super) close_last: Samples,
    pub(super) refused: u32,
}

impl Times {
    pub(super) fn of(cycles: &[Cycle]) -> Self {
        let of = |time: fn(&Cycle) -> u64| cycles.iter().map(time).collect();
        Self {
            load: of(|cycle| cycle.start),
            whole: of(|cycle| cycle.start + cycle.first),
            first: of(|cycle| cycle.first),
            second: of(|cycle| cycle.second),
            close: of(|cycle| cycle.close),
            close_last: of(|cycle| cycle.close_last),
            refused: cycles.iter().map(|cycle| cycle.refused).sum(),
        }
    }

    pub(super) fn json(&self) -> Value {
        json!({"pam_start": self.load.json(), "first_with_load": self.whole.json(), "first": self.first.json(),
               "second": self.second.json(), "close": self.close.json(), "close_last": self.close_last.json(), "refused": self.refused})
    }

    fn columns(&self) -> [&Samples; 6] {
        [&self.whole, &self.load, &self.first, &self.second, &self.close, &self.close_last]
    }
}

/// Cycles of all of them, `batch` of one after as many of another.
pub(super) fn in_turn(extent: &Extent, contenders: &[&Contender]) -> Vec<Times> {
    let mut cycles = vec![Vec::new(); contenders.len()];
    for _ in 0..extent.cycles / extent.batch {
        for (contender, cycles) in contenders.iter().zip(&mut cycles) {
            cycles.extend(contender.cycles(extent.batch));
        }
    }
    cycles.iter().map(|cycles| Times::of(cycles)).collect()
}

pub(super) fn measure(extent: &Extent, contenders: &mut [Contender], report: &mut Report) {
    let all: Vec<&Contender> = contenders.iter().collect();
    // What comes once in a daemon's life has come.
    all.iter().for_each(|contender| drop(contender.cycles(extent.batch)));
    let times = in_turn(extent, &all);
    let names = || contenders.iter().map(|contender| contender.name);
    let json: Map<String, Value> =
        names().zip(&times).map(|(name, times)| (name.into(), times.json())).collect();
    report.value("logins", json.into());
    for (name, times) in names().zip(&times).filter(|(_, times)| times.refused > 0) {
        report.note(format!(
            "{name} refused {} logins of {}, which were tried again",
            times.refused, extent.cycles
        ));
    }
    report.table(table(names().zip(&times)));
    let of = |name: &str| names().position(|other| other == name).map(|at| &times[at]);
    if let (Some(ck), Some(permit), Some(floor), Some(looked_up)) =
        (of("ck"), of("pam_permit"), of("floor"), of("floor, user looked up"))
    {
        judge(report, ck, [permit, floor, looked_up]);
        if named(contenders, "elogind").is_some() {
            let ratio = of("elogind").map_or(0.0, |elogind| elogind.whole.median() / ck.whole.median());
            let measured = format!("{ratio:.0} × faster");
            report.target("first login, beside elogind", "≥ 30 × faster", measured, ratio >= 30.0);
        }
    }
}

fn judge(report: &mut Report, ck: &Times, [permit, floor, looked_up]: [&Times; 3]) {
    let mut ratio = |measure: &str, target: f64, who: &str, ours: &Samples, theirs: &Samples| {
        let ratio = ours.median() / theirs.median();
        let measured = format!("{ratio:.2} × {who}");
        if target > 0.0 {
            report.target(measure, &format!("≤ {target} × {who}"), measured, ratio <= target);
        } else {
            report.figure(measure, measured);
        }
    };
    ratio("first login, module load included", 2.0, "pam_permit", &ck.whole, &permit.whole);
    ratio("… the floor's, module load included", 0.0, "pam_permit", &floor.whole, &permit.whole);
    ratio("first login, outside the module's load", 1.5, "floor", &ck.first, &floor.first);
    ratio("… beside a floor that looks the user up", 0.0, "that floor", &ck.first, &looked_up.first);
    ratio("second session, open", 1.3, "floor", &ck.second, &floor.second);
    ratio("… beside a floor that looks the user up", 0.0, "that floor", &ck.second, &looked_up.second);
    ratio("close, not the last", 1.3, "floor", &ck.close, &floor.close);
    ratio("close of the last session", 1.3, "floor", &ck.close_last, &floor.close_last);
}

fn table<'a>(rows: impl Iterator<Item = (&'a str, &'a Times)>) -> String {
    let head =
        ["µs, median (p99)", "first login", "… pam_start", "… open", "second, open", "close", "close, last"];
    let head = head.map(str::to_owned).to_vec();
    let rows = rows.map(|(name, times)| {
        [vec![name.to_owned()], times.columns().map(ToString::to_string).to_vec()].concat()
    });
    markdown(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}
