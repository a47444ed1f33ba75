//! The whole file system, to be compared with itself later.

use std::collections::BTreeSet;

use super::site::{Directories, Site};

/// What changes by itself when packages come and go and people log in, whatever the package does.
const NOT_COMPARED: [(&str, &str); 13] = [
    ("/var/lib/dpkg/*-old", "dpkg keeps its database as it was before the last change"),
    ("/var/lib/dpkg/lock*", "dpkg locks it"),
    ("/etc/init.d/.depend.*", "insserv writes down what depends on what, for all scripts anew"),
    ("/var/log/dpkg.log", "dpkg writes what it does"),
    ("/var/log/apt*", "apt writes what it does"),
    ("/var/log/alternatives.log", "update-alternatives writes what it does"),
    ("/var/lib/apt/lists/auxfiles", "apt makes it when it runs"),
    ("/etc/init.d/.depend.*", "insserv lists scripts, and those that may start in any order in any order"),
    ("/home/*/.bash_history", "what the tests type"),
    ("/var/cache/apt*", "apt's cache of what dpkg knows"),
    ("/var/cache/debconf*", "debconf's databases: pam-auth-update asks a question"),
    ("/var/log/[wbl]*tm*p", "who has logged in: the tests have"),
    ("/var/log/lastlog", "the same"),
];

/// A line each: type, mode, owner, path, target of a link; and for each file its checksum.
pub(crate) fn of(site: &Site) -> BTreeSet<String> {
    let prune: Vec<String> = NOT_COMPARED.iter().map(|(path, _)| format!("-path '{path}'")).collect();
    let prune = format!("\\( {} -o -path /shared -o -path /opt \\) -prune -o", prune.join(" -o "));
    // /run is of another file system. What is in there besides, services that are no business of ours change; so do
    // directories that are logind's, which stay for a while.
    let users = match site.directories {
        Directories::Ours => "-path '/run/user*'",
        Directories::Logind => "-path '/run/user/.*'",
    };
    let script = format!(
        "find / -xdev {prune} -printf '%y %m %u:%g %p %l\\n'; \
         find / -xdev {prune} -type f -print0 | xargs -0 sha256sum; \
         find /run \\( -name '*ck-*' -o -name '*pam_ck*' -o {users} \\) -printf '%y %m %u:%g %p %l\\n'; \
         find /tmp /dev/shm -printf '%y %m %u:%g %p %l\\n'"
    );
    site.host.run_ok(&["sh", "-c", &script]).lines().map(str::to_owned).collect()
}

/// Panics with what is not in both.
pub(crate) fn assert_same(before: &BTreeSet<String>, after: &BTreeSet<String>) {
    let gone: Vec<_> = before.difference(after).collect();
    let new: Vec<_> = after.difference(before).collect();
    assert!(gone.is_empty() && new.is_empty(), "only before: {gone:#?}\nonly after: {new:#?}");
    assert!(before.len() > 5000, "a listing of {} lines", before.len());
}
