//! Where the time goes: the same login with something left out, in turn with the whole.

use serde_json::json;

use crate::contenders::{Contender, Place};
use crate::extent::Extent;
use crate::measures::logins::in_turn;
use crate::report::{Report, markdown};

/// What is left out, and the configuration that does it.
const VARIANTS: [(&str, &str); 5] = [
    ("nothing", ""),
    ("the log's lines", "[log]\nlevel = \"error\"\n"),
    ("the history", "[history]\nfile = \"none\"\n"),
    ("the mount: a plain directory", "[runtime_dir]\nkind = \"directory\"\n"),
    ("the directory", "[runtime_dir]\nkind = \"none\"\n"),
];

pub(super) fn measure(extent: &Extent, _: &mut [Contender], report: &mut Report) {
    let up = |(_, toml): &(&str, &str)| {
        // Without a directory there is none to look for.
        Contender::ck_on(Place::ck_configured(toml), !toml.contains("kind = \"none\""))
    };
    let all: Vec<Contender> = VARIANTS.iter().map(up).collect();
    all.iter().for_each(|contender| drop(contender.cycles(extent.batch)));
    let times = in_turn(extent, &all.iter().collect::<Vec<_>>());
    let head = ["ck without …", "first login, open", "second, open", "close", "close, last"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let mut kept = serde_json::Map::new();
    for ((name, _), times) in VARIANTS.iter().zip(&times) {
        let cells = [&times.first, &times.second, &times.close, &times.close_last].map(ToString::to_string);
        rows.push([vec![(*name).to_owned()], cells.to_vec()].concat());
        kept.insert((*name).to_owned(), times.json());
    }
    report.table(markdown(&rows));
    report.value("parts", json!(kept));
}
