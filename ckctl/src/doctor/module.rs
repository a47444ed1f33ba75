//! The file of the module: whether it is where libpam looks, whether it can be loaded there, and of which release it is.

use super::{of_module::release, report::Finding, services, services::Login};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

const CHECK: &str = "module";
/// A module of libpam itself, which tells in which directory it looks. libpam does not tell.
const LIBPAMS_OWN: &str = "pam_permit.so";
/// Where distributions have modules. `*` is a directory, such as x86_64-linux-gnu.
const DIRECTORIES: [&str; 6] = [
    "/usr/lib/*/security",
    "/lib/*/security",
    "/usr/lib64/security",
    "/lib64/security",
    "/usr/lib/security",
    "/lib/security",
];
/// Where a module lies that was installed, but not for libpam.
const ELSEWHERE: [&str; 3] =
    ["/usr/local/lib/*/security", "/usr/local/lib/security", "/usr/local/lib64/security"];
/// The largest module that is read, in bytes. Ours has 400 KB; one that was built for debugging has 40 MB.
const MAX_MODULE: u64 = 64 << 20;
/// The head of an ELF file up to the machine that it is for: elf(5).
const ELF_HEAD: usize = 20;
/// The permission bits that let users other than root write.
const WRITABLE: u32 = 0o022;
const REINSTALL: &str =
    "install the package again; from source: make install, which says where the module lies";

/// Whether libpam finds the module that a line names.
pub(super) fn is_there(name: &str) -> bool {
    place(name).is_some()
}

/// Checks every file that the lines of `logins` name, or that they should name.
pub(super) fn check(logins: &[Login]) -> Vec<Finding> {
    let mut names: BTreeSet<&str> = logins
        .iter()
        .flat_map(|login| services::ours(&login.stack))
        .map(|(_, step)| step.module.as_str())
        .collect();
    if names.is_empty() {
        names.insert(services::MODULE);
    }
    names.into_iter().map(check_one).collect()
}

fn check_one(name: &str) -> Finding {
    let Some(path) = place(name) else { return missing(name) };
    let shown = path.display();
    match unsafe_part(&path) {
        Err(error) => return Finding::problem(CHECK, format!("{shown}: {error}"), REINSTALL),
        Ok(Some(part)) => {
            let part = part.display();
            return Finding::problem(
                CHECK,
                format!("{part}: users other than root can change it"),
                format!("chown root {part} && chmod go-w {part}; find out what has been changed"),
            );
        }
        Ok(None) => {}
    }
    let bytes = match contents(&path) {
        Ok(bytes) => bytes,
        Err(error) => return Finding::problem(CHECK, format!("{shown}: {error}"), REINSTALL),
    };
    if !is_for_this_machine(&bytes) {
        return Finding::problem(CHECK, format!("{shown} is no module for this machine"), REINSTALL);
    }
    let own = env!("CARGO_PKG_VERSION");
    match release(&bytes) {
        Some(version) if version == own => Finding::ok(CHECK, format!("{shown}, release {version}")),
        Some(version) => Finding::warning(
            CHECK,
            format!("{shown} is of release {version}, and ckctl of {own}"),
            "install the same release of all parts",
        ),
        None => Finding::warning(
            CHECK,
            format!("{shown} does not say of which release it is: it is older than ckctl"),
            "install the same release of all parts",
        ),
    }
}

fn missing(name: &str) -> Finding {
    let found = directories(&ELSEWHERE)
        .into_iter()
        .chain(directories(&DIRECTORIES))
        .map(|directory| directory.join(name));
    match found.into_iter().find(|path| path.is_file()) {
        Some(path) if !name.starts_with('/') => Finding::problem(
            CHECK,
            format!("libpam does not look for {name} where it is: {}", path.display()),
            format!("name it by its path: session optional {}", path.display()),
        ),
        _ => {
            Finding::problem(CHECK, format!("libpam does not find {name}: logins have no session"), REINSTALL)
        }
    }
}

/// The file that libpam loads for a name in a line.
fn place(name: &str) -> Option<PathBuf> {
    // An absolute name replaces the directory.
    let searched = searched();
    searched.into_iter().map(|directory| directory.join(name)).find(|path| path.is_file())
}

/// The directories in which libpam may look: several where there are libraries for several machines.
fn searched() -> Vec<PathBuf> {
    let mut directories = directories(&DIRECTORIES);
    let is_libpams = |directory: &PathBuf| directory.join(LIBPAMS_OWN).is_file();
    directories.retain(is_libpams);
    directories
}

/// The directories that there are.
fn directories(patterns: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for pattern in patterns {
        match pattern.split_once("/*/") {
            None => found.push(PathBuf::from(pattern)),
            Some((above, below)) => {
                let names = fs::read_dir(above).into_iter().flatten().flatten();
                found.extend(names.map(|entry| entry.path().join(below)));
            }
        }
    }
    found.retain(|directory| directory.is_dir());
    found
}

/// The file or its directory, if users other than root can change it.
fn unsafe_part(path: &Path) -> io::Result<Option<&Path>> {
    for part in [Some(path), path.parent()].into_iter().flatten() {
        let found = fs::metadata(part)?;
        if found.uid() != 0 || found.mode() & WRITABLE != 0 {
            return Ok(Some(part));
        }
    }
    Ok(None)
}

fn contents(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_MODULE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether it is an ELF file for the processor that runs this program.
fn is_for_this_machine(module: &[u8]) -> bool {
    let mut own = [0; ELF_HEAD];
    let read = File::open("/proc/self/exe").and_then(|mut file| file.read_exact(&mut own));
    let kind = |head: &[u8]| [head.get(..6).map(<[u8]>::to_vec), head.get(18..ELF_HEAD).map(<[u8]>::to_vec)];
    match read {
        Ok(()) => module.len() >= ELF_HEAD && kind(module) == kind(&own),
        // Without /proc, that it is an ELF file has to do.
        Err(_) => module.starts_with(b"\x7fELF"),
    }
}
