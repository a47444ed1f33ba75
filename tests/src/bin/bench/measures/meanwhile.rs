//! What another user's login notices of a large directory that goes.

use serde_json::json;

use crate::contenders::Contender;
use crate::extent::Extent;
use crate::inside::Moment;
use crate::measures::named;
use crate::plot::{Plot, Series};
use crate::report::{Report, markdown, write};
use crate::samples::{Samples, thousands};

/// Those who are asked, and one more: an `rm -rf` that is none of the broker's business, which shows how much of it is
/// the machine's.
const CONTROL: &str = "ck, rm -rf elsewhere";
const ASKED: [(&str, &str, &str); 4] = [
    ("ck", "ck", "logout"),
    (CONTROL, "ck", "rm"),
    ("elogind", "elogind", "logout"),
    ("systemd-logind", "systemd-logind", "logout"),
];

/// Logins of bob, by libpam, before and during.
struct Seen {
    name: &'static str,
    rounds: Vec<Vec<Moment>>,
}

pub(super) fn measure(extent: &Extent, contenders: &mut [Contender], report: &mut Report) {
    let there = || ASKED.iter().filter_map(|(name, who, how)| Some((*name, named(contenders, who)?, *how)));
    let mut all: Vec<Seen> = there().map(|(name, ..)| Seen { name, rounds: Vec::new() }).collect();
    let files = extent.files.to_string();
    for _ in 0..extent.meanwhile {
        for ((_, contender, how), seen) in there().zip(&mut all) {
            let words = [&["meanwhile"], &contender.service()[..], &[&files, how]].concat();
            seen.rounds.push(contender.place.ask_ahead(&words));
        }
    }
    let head = ["another user's login, µs", "idle", "during the teardown", "longest", "refused"];
    let rows = all.iter().map(Seen::row);
    report
        .table(markdown(&std::iter::once(head.map(str::to_owned).to_vec()).chain(rows).collect::<Vec<_>>()));
    all.iter().for_each(|seen| seen.judge(report));
    report.value("meanwhile", all.iter().map(|seen| (seen.name.to_owned(), seen.json())).collect());
    plot(&all);
}

impl Seen {
    fn moments(&self) -> impl Iterator<Item = &Moment> {
        self.rounds.iter().flatten()
    }

    fn times(&self, busy: bool) -> Samples {
        self.moments().filter(|moment| moment.busy == busy).filter_map(|moment| moment.took).collect()
    }

    fn refused(&self) -> usize {
        self.moments().filter(|moment| moment.took.is_none()).count()
    }

    fn row(&self) -> Vec<String> {
        let (idle, busy) = (self.times(false), self.times(true));
        let longest = thousands(busy.longest());
        vec![self.name.to_owned(), idle.to_string(), busy.to_string(), longest, self.refused().to_string()]
    }

    fn json(&self) -> serde_json::Value {
        let (idle, busy) = (self.times(false).json(), self.times(true).json());
        json!({"idle": idle, "busy": busy, "refused": self.refused()})
    }

    fn judge(&self, report: &mut Report) {
        let ratio = self.times(true).p99() / self.times(false).p99();
        let measured = format!("{ratio:.2} ×");
        if self.name == "ck" {
            let what = "another user's login during a teardown, p99";
            report.target(what, "≤ 1.5 × idle", measured, ratio <= 1.5);
        } else {
            report.figure(&format!("… {}", self.name), measured);
        }
    }
}

/// One round of each.
fn plot(all: &[Seen]) {
    let points = |seen: &Seen| {
        let moments = seen.rounds.first().into_iter().flatten();
        moments.filter_map(|moment| Some((moment.at as f64 / 1e6, moment.took? as f64 / 1e3))).collect()
    };
    let series =
        all.iter().map(|seen| Series { name: seen.name.into(), points: points(seen), joined: false });
    let plot = Plot {
        title: "Another user's login while a large directory is torn down (from 0 on)",
        across: "ms since the logout that leaves the files",
        up: "µs, open",
        logarithmic: false,
        series: series.collect(),
    };
    write("teardown.svg", &plot.svg());
}
