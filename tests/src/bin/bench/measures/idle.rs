//! What everybody takes while nothing happens: memory, also for each session, and turns on the processor.

use std::thread::sleep;

use serde_json::json;

use crate::contenders::Contender;
use crate::extent::Extent;
use crate::inside::Vitals;
use crate::report::{Report, markdown};

/// Sessions that are held by libpam.
const HELD: u32 = 100;

pub(super) fn measure(extent: &Extent, contenders: &mut [Contender], report: &mut Report) {
    let with_daemons = || contenders.iter().filter(|contender| !contender.daemons.is_empty());
    let look = |contender: &Contender| -> Vec<Vitals> {
        contender.place.ask(&[&["vitals"], contender.daemons].concat())
    };
    // What comes once in a daemon's life has come, and is over.
    with_daemons().for_each(|contender| drop(contender.cycles(extent.batch)));
    sleep(extent.idle.min(std::time::Duration::from_secs(5)));
    let before: Vec<_> = with_daemons().map(look).collect();
    sleep(extent.idle);
    let after: Vec<_> = with_daemons().map(look).collect();
    let mut rows = vec![
        ["idle", "RSS, KiB", "PSS, KiB", "anonymous, KiB", "wake-ups", "RSS a session, KiB"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let mut kept = serde_json::Map::new();
    let measured = contenders.iter_mut().filter(|contender| !contender.daemons.is_empty());
    for ((contender, before), after) in measured.zip(&before).zip(&after) {
        // The floor does not notice leaders that are killed, and would keep their sessions.
        let watches = !contender.daemons.contains(&"floor-server");
        let held = if watches { held(contender) } else { Vec::new() };
        let woken = woken(before, after);
        let sum = |vitals: &[Vitals], value: fn(&Vitals) -> u64| vitals.iter().map(value).sum::<u64>();
        let (rss, pss) = (sum(after, |one| one.rss), sum(after, |one| one.pss));
        let each = (sum(&held, |one| one.rss) as f64 - rss as f64) / f64::from(HELD);
        rows.push(vec![
            contender.name.into(),
            rss.to_string(),
            pss.to_string(),
            sum(after, |one| one.anonymous).to_string(),
            woken.to_string(),
            if watches { format!("{each:.1}") } else { "-".to_owned() },
        ]);
        kept.insert(contender.name.into(), json!({"idle": after, "held": held, "wake_ups": woken}));
        if contender.name == "ck" {
            let what = format!("wake-ups of the broker in {} s idle", extent.idle.as_secs());
            report.target(&what, "0", woken.to_string(), woken == 0);
        }
    }
    report.table(markdown(&rows));
    report.value("idle", kept.into());
}

fn held(contender: &mut Contender) -> Vec<Vitals> {
    let count = HELD.to_string();
    contender.place.stay(&[&["logged-in"], &contender.service()[..], &[&count]].concat(), "held");
    let vitals = contender.place.ask(&[&["vitals"], contender.daemons].concat());
    contender.place.end_last();
    vitals
}

/// Turns of processes that were there before and after.
fn woken(before: &[Vitals], after: &[Vitals]) -> u64 {
    let same = |one: &Vitals| before.iter().find(|other| other.pid == one.pid).map(|other| other.switches);
    after.iter().filter_map(|one| Some(one.switches - same(one)?)).sum()
}
