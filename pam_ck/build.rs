//! The build script of the module and of the programs. It links the unwinder of GCC into them if there is a static one.
//!
//! The module needs the unwinder to catch its own panics. Most hosts (sshd, login, su) are written in C and have not
//! loaded `libgcc_s.so.1`. To open and relocate that library was a third of the time that a login spent in the module
//! (docs/PERFORMANCE.md). The programs need only a small part of it, for the backtraces of the standard library.
//! Without the shared library they start sooner, and the broker uses less memory. The code that is linked in is under
//! the GCC Runtime Library Exception. With another C library or compiler (musl), this script does nothing, and the
//! shared library is used.
#![allow(clippy::print_stdout, reason = "cargo reads the output of build scripts")]

use std::{env, path::Path, process::Command};

const LIBRARY: &str = "libgcc_eh.a";

fn main() {
    println!("cargo::rerun-if-env-changed=RUSTC_LINKER");
    println!("cargo::rustc-check-cfg=cfg(static_unwinder)");
    let is_gnu = env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|environment| environment == "gnu");
    if let Some(directory) = is_gnu.then(directory).flatten() {
        println!("cargo::rustc-link-search=native={directory}");
        println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
        // The examples do not link the library. They link the unwinder by an attribute with this cfg.
        println!("cargo::rustc-cfg=static_unwinder");
    }
}

/// The directory in which the compiler that links has the library.
fn directory() -> Option<String> {
    let compiler = env::var_os("RUSTC_LINKER").unwrap_or_else(|| "cc".into());
    let output = Command::new(compiler).arg(format!("-print-file-name={LIBRARY}")).output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    // If there is no such file, the compiler prints its name without a directory.
    let path = Path::new(path.trim());
    path.is_absolute().then(|| path.parent()?.to_str().map(str::to_owned)).flatten()
}
