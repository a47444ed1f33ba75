//! Large directories at a logout, beside `rm -rf`, and what another user's login notices of one.

use serde_json::json;

use crate::contenders::Contender;
use crate::extent::Extent;
use crate::inside::{Moment, Pair};
use crate::measures::ours;
use crate::plot::{Plot, Series};
use crate::report::{Report, markdown, write};
use crate::samples::{Samples, thousands};

pub(super) fn measure(extent: &Extent, contenders: &mut [Contender], report: &mut Report) {
    for &(files, pairs) in extent.trees {
        let pairs: Vec<Pair> = ours(contenders).place.ask(&["tree", &files.to_string(), &pairs.to_string()]);
        judge(files, &pairs, report);
    }
    meanwhile(extent, contenders, report);
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

/// Logins of bob, by libpam, while alice's directory goes.
fn meanwhile(extent: &Extent, contenders: &[Contender], report: &mut Report) {
    let asked = |contender: &&Contender| ["ck", "elogind", "systemd-logind"].contains(&contender.name);
    let mut rows = vec![
        ["another user's login, µs", "idle", "during the teardown", "longest", "refused"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let mut series = Vec::new();
    let mut kept = serde_json::Map::new();
    let who: Vec<_> =
        contenders.iter().filter(asked).map(|contender| (contender, "logout", contender.name)).collect();
    let control = (ours(contenders), "rm", "ck, beside an rm -rf that is not its own");
    let mut moments: Vec<Vec<Moment>> = vec![Vec::new(); who.len() + 1];
    for round in 0..extent.meanwhile {
        for ((contender, how, name), all) in who.iter().chain([&control]).zip(&mut moments) {
            let files = extent.files.to_string();
            let seen: Vec<Moment> = contender
                .place
                .ask_ahead(&[&["meanwhile"], &contender.service()[..], &[&files, how]].concat());
            if round == 0 {
                let points = seen
                    .iter()
                    .filter_map(|moment| Some((moment.at as f64 / 1e6, moment.took? as f64 / 1e3)));
                series.push(Series { name: (*name).to_owned(), points: points.collect(), joined: false });
            }
            all.extend(seen);
        }
    }
    for ((_, _, name), moments) in who.iter().chain([&control]).zip(&moments) {
        let of = |busy: bool| {
            moments
                .iter()
                .filter(|moment| moment.busy == busy)
                .filter_map(|moment| moment.took)
                .collect::<Samples>()
        };
        let (idle, busy) = (of(false), of(true));
        let longest = moments.iter().filter(|moment| moment.busy).filter_map(|moment| moment.took).max();
        let refused = moments.iter().filter(|moment| moment.took.is_none()).count();
        rows.push(vec![
            (*name).into(),
            idle.to_string(),
            busy.to_string(),
            thousands(longest.unwrap_or(0) as f64 / 1e3),
            refused.to_string(),
        ]);
        kept.insert((*name).into(), json!({"idle": idle.json(), "busy": busy.json(), "refused": refused}));
        let ratio = busy.p99() / idle.p99();
        let measured = format!("{ratio:.2} ×");
        match *name {
            "ck" => report.target(
                "another user's login during a teardown, p99",
                "≤ 1.5 × idle",
                measured,
                ratio <= 1.5,
            ),
            name => report.figure(&format!("… {name}"), measured),
        }
    }
    report.table(markdown(&rows));
    report.value("meanwhile", kept.into());
    series.iter_mut().for_each(|series| {
        series.name = series.name.split(',').next().unwrap_or("").to_owned()
            + if series.name.contains("rm") { " beside rm" } else { "" }
    });
    let plot = Plot {
        title: "Another user's login while a large directory is torn down (from 0 on)",
        across: "ms since the logout that leaves the files",
        up: "µs, open",
        logarithmic: false,
        series,
    };
    write("teardown.svg", &plot.svg());
}
