//! What it takes to load a module, and how large things are.

use std::fs;

use serde_json::json;

use crate::contenders::{Contender, built};
use crate::extent::Extent;
use crate::measures::ours;
use crate::report::Report;
use crate::samples::{Samples, thousands};

/// Where they are on the hosts.
const MODULES: [(&str, &str); 4] = [
    ("pam_permit.so", "/lib/x86_64-linux-gnu/security/pam_permit.so"),
    ("pam_limits.so", "/lib/x86_64-linux-gnu/security/pam_limits.so"),
    ("pam_floor.so", "/usr/lib/security/pam_floor.so"),
    ("pam_ck.so", "/lib/x86_64-linux-gnu/security/pam_ck.so"),
];

pub(super) fn measure(extent: &Extent, contenders: &mut [Contender], report: &mut Report) {
    let count = extent.cycles.to_string();
    let host = &ours(contenders).place.host;
    let there: Vec<_> = MODULES.iter().filter(|module| host.metadata(module.1).is_some()).collect();
    let words: Vec<&str> = ["load", &count].into_iter().chain(there.iter().map(|module| module.1)).collect();
    let times: Vec<Vec<u64>> = ours(contenders).place.ask_ahead(&words);
    let mut kept = serde_json::Map::new();
    for (module, times) in there.iter().zip(times) {
        let samples: Samples = times.into_iter().collect();
        report.figure(&format!("dlopen of {}", module.0), format!("{samples} µs"));
        kept.insert(module.0.into(), samples.json());
    }
    report.value("dlopen", kept.into());
    sizes(report);
}

fn sizes(report: &mut Report) {
    let mut kept = serde_json::Map::new();
    for (name, file, most) in [
        ("pam_ck.so", "release/libpam_ck.so", 330),
        ("ck-broker", "program/ck-broker", 900),
        ("ck-remove-directory", "program/ck-remove-directory", 0),
        ("ckctl", "program/ckctl", 0),
        ("pam_floor.so", "release/examples/libpam_floor.so", 0),
    ] {
        let size = fs::metadata(built(file)).expect("a program that was built").len();
        let measured = format!("{} KB", thousands(size as f64 / 1e3));
        if most > 0 {
            report.target(&format!("size of {name}"), &format!("≤ {most} KB"), measured, size <= most * 1000);
        } else {
            report.figure(&format!("size of {name}"), measured);
        }
        kept.insert(name.into(), json!(size));
    }
    report.value("bytes", kept.into());
}
