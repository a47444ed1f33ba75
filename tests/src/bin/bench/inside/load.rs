//! What it takes to load a module, each time in a fresh process.

use std::process::Command;

/// Nanoseconds for each module, in turn.
pub(super) fn run(count: u32, modules: &[&str]) -> Vec<Vec<u64>> {
    let mut times = vec![Vec::new(); modules.len()];
    for _ in 0..count {
        for (module, times) in modules.iter().zip(&mut times) {
            times.push(load(module));
        }
    }
    times
}

fn load(module: &str) -> u64 {
    let output =
        Command::new("/usr/local/bin/pam-login").args(["--dlopen", module]).output().expect("pam-login");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().unwrap_or_else(|_| panic!("{module}: {}", String::from_utf8_lossy(&output.stderr)))
}
