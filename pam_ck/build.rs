//! The build script of the module and of the programs: links the unwinder of GCC into them, where there is a static one.
//!
//! The module needs it to catch its own panics, and most hosts (sshd, login, su) are written in C and have not loaded
//! `libgcc_s.so.1`: to open and relocate that library was a third of what a login paid for the module
//! (docs/PERFORMANCE.md). The programs have the standard library's backtraces only, which is a small part of it; without
//! the shared one they start sooner, and the broker keeps less memory. What is copied in is under the GCC Runtime Library
//! Exception. Elsewhere (musl, another compiler) nothing is done here, and the shared library is used as ever.
#![allow(clippy::print_stdout, reason = "what cargo is told")]

use std::{env, path::Path, process::Command};

const LIBRARY: &str = "libgcc_eh.a";

fn main() {
    println!("cargo::rerun-if-env-changed=RUSTC_LINKER");
    println!("cargo::rustc-check-cfg=cfg(static_unwinder)");
    let is_gnu = env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|environment| environment == "gnu");
    if let Some(directory) = is_gnu.then(directory).flatten() {
        println!("cargo::rustc-link-search=native={directory}");
        println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
        // For the examples, which do not link the library: they ask for it themselves.
        println!("cargo::rustc-cfg=static_unwinder");
    }
}

/// Where the compiler that links has the library.
fn directory() -> Option<String> {
    let compiler = env::var_os("RUSTC_LINKER").unwrap_or_else(|| "cc".into());
    let output = Command::new(compiler).arg(format!("-print-file-name={LIBRARY}")).output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    // Without such a file, its mere name is printed.
    let path = Path::new(path.trim());
    path.is_absolute().then(|| path.parent()?.to_str().map(str::to_owned)).flatten()
}
