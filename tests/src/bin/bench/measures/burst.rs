//! 64 logins at once, beside the floor.

use serde_json::json;

use crate::contenders::Contender;
use crate::extent::Extent;
use crate::inside::Burst;
use crate::measures::{named, ours};
use crate::report::Report;
use crate::samples::{Samples, thousands};

const AT_ONCE: u32 = 64;
const ENOUGH: f64 = 8_000.0;

pub(super) fn measure(extent: &Extent, contenders: &mut [Contender], report: &mut Report) {
    let floor = named(contenders, "floor").expect("the floor is always up");
    let (mut theirs, mut ours_) = (Burst::default(), Burst::default());
    for _ in 0..extent.rounds {
        for (contender, server, all) in [(floor, "floor", &mut theirs), (ours(contenders), "ck", &mut ours_)]
        {
            let burst: Burst = contender.place.ask_ahead(&["burst", server, &AT_ONCE.to_string(), "3"]);
            all.first.extend(burst.first);
            all.second.extend(burst.second);
        }
    }
    for (what, ours, theirs) in [
        ("64 first logins at once", ours_.first, theirs.first),
        ("64 logins at once of one who is here", ours_.second, theirs.second),
    ] {
        let (ours, theirs): (Samples, Samples) = (ours.into_iter().collect(), theirs.into_iter().collect());
        let rate = |samples: &Samples| f64::from(AT_ONCE) / samples.median() * 1e6;
        let ratio = rate(&ours) / rate(&theirs);
        let measured = format!(
            "{} opens a second, {ratio:.2} × the floor's {}",
            thousands(rate(&ours)),
            thousands(rate(&theirs))
        );
        let reached = rate(&ours) >= ENOUGH || ratio >= 0.7;
        report.target(what, "≥ 8,000 a second, or ≥ 0.7 × floor", measured, reached);
        report.value(what, json!({"ck": ours.json(), "floor": theirs.json()}));
    }
}
