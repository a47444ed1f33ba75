//! Large directories at a logout, beside `rm -rf`.

use serde_json::json;

use crate::contenders::Contender;
use crate::extent::Extent;
use crate::inside::Pair;
use crate::measures::ours;
use crate::report::Report;
use crate::samples::{Samples, thousands};

pub(super) fn measure(extent: &Extent, contenders: &mut [Contender], report: &mut Report) {
    for &(files, pairs) in extent.trees {
        let pairs: Vec<Pair> = ours(contenders).place.ask(&["tree", &files.to_string(), &pairs.to_string()]);
        judge(files, &pairs, report);
    }
}

fn judge(files: u32, pairs: &[Pair], report: &mut Report) {
    let of = |value: fn(&Pair) -> u64| pairs.iter().map(value).collect::<Samples>().median() / 1e6;
    // Of each pair for itself: what else the machine does is the same for both.
    let ratio = |ours: fn(&Pair) -> u64, theirs: fn(&Pair) -> u64| {
        let mut ratios: Vec<f64> = pairs.iter().map(|pair| ours(pair) as f64 / theirs(pair) as f64).collect();
        ratios.sort_by(f64::total_cmp);
        ratios[ratios.len() / 2]
    };
    let what = format!("teardown of {} files", thousands(files.into()));
    let time = ratio(|pair| pair.teardown, |pair| pair.rm);
    let measured = format!("{:.2} s, {time:.2} × rm -rf", of(|pair| pair.teardown));
    report.target(&format!("{what}, time"), "≤ 1.05 × rm -rf", measured, time <= 1.05);
    let cpu = ratio(|pair| pair.teardown_cpu, |pair| pair.rm_cpu);
    let measured = format!("{:.2} s, {cpu:.2} × rm -rf", of(|pair| pair.teardown_cpu));
    report.target(&format!("{what}, processor time"), "≤ 1.0 × rm -rf", measured, cpu <= 1.0);
    report.figure(&format!("{what}, the logout itself"), format!("{:.0} µs", of(|pair| pair.close) * 1e6));
    report.value(&what, json!(pairs));
}
