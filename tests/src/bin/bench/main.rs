//! `make bench`: how fast it is, against the floor and against the peers, measured in one run.
//!
//! - `bench [--quick] [MEASURE...]`: brings up a throw-away host for each contender, measures, prints a table, and leaves
//!   `results.json` and plots in `target/bench/`. `--quick` takes few samples, to try it. The measures are in `measures`.
//! - `bench inside WORD...`: what this program does in a host: see `inside`.
//!
//! | module | what |
//! | --- | --- |
//! | `contenders` | who is compared, and a host for each |
//! | `measures` | what is measured, from outside |
//! | `inside` | the part of a measure that runs in a host |
//! | `extent` | how many of everything |
//! | `priority` | what runs ahead of everything else meanwhile |
//! | `samples` | medians and percentiles |
//! | `report`, `plot` | table, JSON, SVG |

mod contenders;
mod extent;
mod inside;
mod measures;
mod plot;
mod priority;
mod report;
mod samples;

use extent::Extent;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["inside", ref words @ ..] => inside::run(words),
        ["--quick", ref names @ ..] => measures::run(&Extent::QUICK, names),
        ref names => measures::run(&Extent::FULL, names),
    }
}
