//! Templates and metadata for package managers that are not at hand: what can be seen without them.

use std::fs;
use std::path::Path;
use std::process::Command;

use ck_tests::{Host, Options};
use serde_json::Value;

const ROOT: &str = env!("CK_ROOT");
/// `make rpm` stages here.
const RPM_STAGE: &str = "target/rpm-stage/";

/// What a package of the workspace says in its Cargo.toml.
fn manifest() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"])
        .arg(format!("{ROOT}/ck-broker/Cargo.toml"))
        .output()
        .expect("run cargo");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    packages.iter().find(|package| package["name"] == "ck-broker").expect("ck-broker").clone()
}

/// The files of a directory, as paths below it with a slash before.
fn files_below(top: &Path, directory: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).expect("a directory").flatten() {
        if entry.path().is_dir() {
            files_below(top, &entry.path(), found);
        } else {
            let path = entry.path();
            found.push(format!("/{}", path.strip_prefix(top).expect("a prefix").display()));
        }
    }
}

/// What `make rpm` installs before it packs that.
fn staged() -> Vec<String> {
    let stage = std::env::temp_dir().join(format!("ck-rpm-stage-{}", std::process::id()));
    let destination = format!("DESTDIR={}", stage.display());
    let made = Command::new("make")
        .args(["--no-print-directory", "-C", ROOT, "install-files", &destination, "INIT=systemd"])
        .env_remove("MAKEFLAGS")
        .env_remove("MAKELEVEL")
        .output()
        .expect("make");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut found = Vec::new();
    files_below(&stage, &stage, &mut found);
    fs::remove_dir_all(&stage).expect("remove what was installed");
    // Where modules are is the distribution's.
    let place = |path: String| match path.strip_suffix("/security/pam_ck.so") {
        Some(_) => "/usr/lib64/security/pam_ck.so".to_owned(),
        None => path,
    };
    found.into_iter().map(place).filter(|path| !path.contains("/pam-configs/")).collect()
}

/// Whether a pattern with at most one `*`, for the last part or its beginning, names `path`.
fn names(pattern: &str, path: &str) -> bool {
    match pattern.split_once('*') {
        Some((before, after)) => path
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(|rest| !rest.contains('/')),
        None => pattern == path,
    }
}

#[test]
fn the_rpm_has_what_is_installed_and_nothing_that_is_not() {
    let manifest = manifest();
    let assets = manifest["metadata"]["generate-rpm"]["assets"].as_array().expect("assets").clone();
    let sources: Vec<&str> = assets.iter().map(|asset| asset["source"].as_str().expect("a source")).collect();
    let patterns: Vec<String> =
        sources.iter().filter_map(|source| Some(format!("/{}", source.strip_prefix(RPM_STAGE)?))).collect();
    let staged = staged();
    for path in &staged {
        assert!(patterns.iter().any(|pattern| names(pattern, path)), "the rpm lacks {path}");
    }
    for pattern in &patterns {
        assert!(staged.iter().any(|path| names(pattern, path)), "nothing is installed as {pattern}");
    }
    for source in sources.iter().filter(|source| !source.starts_with(RPM_STAGE)) {
        let folder = Path::new(ROOT).join(source).parent().expect("a folder").to_owned();
        let mut files = fs::read_dir(folder).expect("the folder").flatten().map(|entry| entry.path());
        let is_source = |path: std::path::PathBuf| {
            names(source, path.strip_prefix(ROOT).expect("a prefix").to_str().expect("UTF-8"))
        };
        assert!(files.any(is_source), "{source}");
    }
}

#[test]
fn templates_are_of_this_version_and_name_what_is_there() {
    let manifest = manifest();
    let version = manifest["version"].as_str().expect("a version");
    let read = |path: &str| {
        fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let (apkbuild, ebuild) =
        (read("packaging/alpine/APKBUILD"), read(&format!("packaging/gentoo/ck-broker-{version}.ebuild")));
    assert!(apkbuild.lines().any(|line| line == format!("pkgver={version}")));
    let makefile = read("Makefile");
    let programs = "-p ck-broker -p ck-remove-directory -p ckctl";
    assert!(makefile.contains(&format!("--profile program {}\n", programs.replace("-p", "--package"))));
    for template in [&apkbuild, &ebuild] {
        assert!(template.contains("-p pam_ck") && template.contains(&format!("{programs}\n")));
        assert!(template.contains("make install-files "));
        let words = template.split_whitespace();
        for file in words.filter(|word| word.ends_with(".md") || word.ends_with("/pam.d-line")) {
            // Others are where a package puts it.
            assert!(file.starts_with('"') || Path::new(ROOT).join(file).exists(), "{file}");
        }
    }
}

#[test]
fn shells_read_the_templates() {
    for (shell, template) in [
        ("dash", "alpine/APKBUILD"),
        ("bash", concat!("gentoo/ck-broker-", env!("CARGO_PKG_VERSION"), ".ebuild")),
    ] {
        let status = Command::new(shell).args(["-n", &format!("{ROOT}/packaging/{template}")]).status();
        assert!(status.expect("run a shell").success(), "{template}");
    }
}

#[test]
fn shells_read_the_scripts_of_the_rpm() {
    let manifest = manifest();
    let metadata = &manifest["metadata"]["generate-rpm"];
    for script in ["post_install_script", "pre_uninstall_script", "post_uninstall_script"] {
        let script = metadata[script].as_str().expect("a script");
        let status = Command::new("sh").args(["-n", "-c", script]).status();
        assert!(status.expect("run sh").success(), "{script}");
    }
}

/// What the broker has written for libsystemd goes with the last package of it, and nothing else.
#[test]
fn the_rpm_takes_away_what_was_published() {
    let host = Host::up(Options::default());
    let manifest = manifest();
    let script = manifest["metadata"]["generate-rpm"]["post_uninstall_script"].as_str().expect("a script");
    let plant = "mkdir -p /run/systemd/sessions /run/systemd/users /run/systemd/seats && cd /run/systemd && \
                 echo UID=0 >sessions/theirs && touch sessions/.ck-8 seats/.made-by-ck-broker && mkfifo sessions/pipe && \
                 echo '# This file belongs to ck-broker.' | tee sessions/7 users/2001 seats/seat0";
    host.run_ok(&["sh", "-c", plant]);
    let left = || host.run_ok(&["sh", "-c", "cd /run/systemd && find sessions users seats | sort | xargs"]);
    let all = left();
    host.run_ok(&["sh", "-c", script, "sh", "1"]);
    assert_eq!(left(), all, "an upgrade takes nothing away");
    // The pipe, as logind has them, holds nobody up.
    host.run_ok(&["sh", "-c", script, "sh", "0"]);
    let left = host.run_ok(&["sh", "-c", "cd /run/systemd && find . | sort | xargs"]);
    assert_eq!(left, ". ./sessions ./sessions/pipe ./sessions/theirs");
}
