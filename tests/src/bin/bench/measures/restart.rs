//! Starts of a broker that has records.

use serde_json::json;

use crate::contenders::{Contender, Place};
use crate::extent::Extent;
use crate::inside::Start;
use crate::report::Report;
use crate::samples::{Samples, thousands};

pub(super) fn measure(extent: &Extent, _: &mut [Contender], report: &mut Report) {
    let place = Place::ck_stopped();
    let rounds = extent.rounds.div_ceil(2).to_string();
    let start: Start = place.ask_ahead(&["restart", &extent.records.to_string(), &rounds]);
    assert_eq!(start.sessions, u64::from(extent.records), "all sessions are kept");
    let of = |samples: &Vec<u64>| samples.iter().copied().collect::<Samples>();
    let (empty, full) = (of(&start.empty), of(&start.full));
    let measured = format!("{:.0} ms; without a record {:.1} ms", full.median() / 1e3, empty.median() / 1e3);
    let what = format!("broker start with {} records, all leaders alive", thousands(extent.records.into()));
    report.target(&what, "≤ 150 ms", measured, full.median() <= 150_000.0);
    let megabytes = |kib: u64| kib as f64 * 1024.0 / 1e6;
    let measured = format!(
        "{:.2} MB after such a start, {:.2} MB where they were opened",
        megabytes(start.resident_after_start),
        megabytes(start.resident_of_opener)
    );
    report.figure("RSS of the broker with as many sessions, a leader each", measured);
    report.value("restart", json!({"empty": empty.json(), "full": full.json(), "sessions": start.sessions}));
}
