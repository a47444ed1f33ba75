//! The shared object: how it is built, what it exports, and what it needs.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// Builds the module in the profile of the tests, and returns its path. Cargo does not build it for the tests,
/// because nothing can link to a cdylib.
pub(crate) fn module() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| build(&[], &target()))
}

/// Builds the module that panics on demand, in a target directory of its own. An installation must never find it.
pub(crate) fn faulty_module() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| build(&["--features", "fault"], &target().join("fault")))
}

fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().to_owned()
}

fn build(features: &[&str], target: &Path) -> PathBuf {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--lib", "--message-format=json", "--manifest-path"]);
    cargo.arg(concat!(env!("CK_ROOT"), "pam_ck/Cargo.toml")).arg("--target-dir").arg(target);
    cargo.args(features).args((!cfg!(debug_assertions)).then_some("--release"));
    let built = cargo.output().unwrap();
    let messages = String::from_utf8(built.stdout).unwrap();
    assert!(built.status.success(), "{messages}{}", String::from_utf8_lossy(&built.stderr));
    let path = messages.split('"').find(|word| word.ends_with("/libpam_ck.so"));
    path.expect("cargo names the module").into()
}

/// The symbols that `module` exports.
fn exported(module: &Path) -> Vec<String> {
    let nm = Command::new("nm")
        .args(["--dynamic", "--defined-only", "--format=just-symbols"])
        .arg(module)
        .output();
    String::from_utf8(nm.unwrap().stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn only_the_two_session_functions_are_exported() {
    assert_eq!(exported(module()), ["pam_sm_close_session", "pam_sm_open_session"]);
}

/// `ckctl doctor` and what(1) read it there.
#[test]
fn it_says_of_which_release_it_is() {
    let mark = concat!("@(#)pam_ck ", env!("CARGO_PKG_VERSION"), "\n").as_bytes();
    let bytes = std::fs::read(module()).unwrap();
    assert_eq!(bytes.windows(mark.len()).filter(|window| *window == mark).count(), 1);
}

#[test]
fn it_needs_only_libraries_that_a_host_has_already() {
    let readelf = Command::new("readelf").args(["--dynamic", "--wide"]).arg(module()).output().unwrap();
    let dynamic = String::from_utf8(readelf.stdout).unwrap();
    let needed: Vec<_> = dynamic.lines().filter(|line| line.contains("(NEEDED)")).collect();
    let known = ["libpam.so.0", "libgcc_s.so.1", "libc.so.6", "ld-linux"];
    assert!(needed.iter().all(|line| known.iter().any(|name| line.contains(name))), "{needed:?}");
    assert!(needed.iter().any(|line| line.contains("libpam.so.0")), "{needed:?}");
}
