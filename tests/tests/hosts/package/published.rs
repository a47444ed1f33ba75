//! The files for libsystemd while the package comes, is replaced and goes.

use ck_tests::{Kind, Running, Suite, wait_until};

use super::site::{Directories, SOON, Site};

/// Names of our files: `sessions/7`. logind has pipes beside its own.
const OURS: &str = "cd /run/systemd && find sessions users seats -type f \\( -name '.ck-*' -o \
                    -exec grep -qx '# This file belongs to ck-broker.' {} \\; \\) -print 2>/dev/null; true";
/// Names of those that others have written, of which one may be logind's.
const OTHERS: &str = "cd /run/systemd 2>/dev/null && grep -Lsx '# This file belongs to ck-broker.' \
                      sessions/theirs users/2777 users/2001; true";
const DIRECTORIES: [&str; 3] = ["sessions", "users", "seats"];

fn names(site: &Site, script: &str) -> Vec<String> {
    let mut names: Vec<String> = site.host.run_ok(&["sh", "-c", script]).lines().map(str::to_owned).collect();
    names.sort();
    names
}

/// Waits until there is one for each session and each user of the table, and no other. Where logind runs, there is none.
pub(super) fn are_right(site: &Site) {
    let table = "ckctl list --no-legend | while read -r id uid rest; do echo sessions/$id; echo users/$uid; done | sort -u";
    let wanted = || if site.directories == Directories::Ours { names(site, table) } else { Vec::new() };
    wait_until(SOON, "the files are those of the table", || names(site, OURS) == wanted());
    assert_eq!(wanted().is_empty(), site.directories == Directories::Logind, "alice is logged in");
}

/// Looks all the time whether alice's file is there. Where logind runs, it is not ours.
pub(super) fn watch(site: &Site) -> Running {
    site.host.run_ok(&["rm", "-f", "/tmp/watched"]);
    let look = "$| = 1; print qq(begun\n); my $gone = 0; \
                until (-e '/tmp/watched') { $gone++ unless -e '/run/systemd/users/2001'; select undef, undef, undef, 5e-5 } \
                unlink '/tmp/watched'; print qq(gone: $gone\n)";
    let watch = site.host.spawn(&["perl", "-e", look]);
    wait_until(SOON, "it is looked for", || watch.stdout().starts_with("begun"));
    watch
}

/// Ends [`watch`].
pub(super) fn was_there_all_the_time(site: &Site, mut watch: Running) {
    site.host.write_file("/tmp/watched", "", 0o644);
    assert!(watch.wait(SOON).is_some(), "the watch ends");
    assert_eq!(watch.stdout(), "begun\ngone: 0\n", "{}", watch.stderr());
}

/// Makes files of other programs beside ours, and what a writer of ours leaves that is killed. Returns what is not ours.
pub(super) fn plant(site: &Site) -> Others {
    let script = "cd /run/systemd && mkdir -p sessions users seats && echo UID=0 >sessions/theirs && \
                  touch sessions/.ck-8 users/.ck-8 && echo NAME=x >users/2777";
    site.host.run_ok(&["sh", "-c", script]);
    if site.directories == Directories::Ours {
        site.host.write_file("/run/systemd/seats/.made-by-ck-broker", "", 0o644);
    }
    let others = Others::of(site);
    assert!(others.files.len() >= 2, "{others:?}");
    let has_ours =
        names(site, OURS).iter().any(|name| name.starts_with("sessions/") && !name.contains(".ck-"));
    assert_eq!(has_ours, site.directories == Directories::Ours);
    others
}

/// What is not ours.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Others {
    files: Vec<String>,
    directories: [Option<u64>; 3],
}

impl Others {
    fn of(site: &Site) -> Self {
        let inode = |name| {
            let found = site.host.metadata(&format!("/run/systemd/{name}"))?;
            Some(std::os::unix::fs::MetadataExt::ino(&found))
        };
        Self { files: names(site, OTHERS), directories: DIRECTORIES.map(inode) }
    }
}

/// They are as they were; but `seats`, which the broker has made, has gone, as programs would take it for logind.
pub(super) fn only_others_are_left(site: &Site, before: &Others) {
    assert_eq!(names(site, OURS), Vec::<String>::new());
    let mut after = Others::of(site);
    if site.directories == Directories::Ours {
        assert_eq!(after.directories[2], None, "seats");
        after.directories[2] = before.directories[2];
    }
    assert_eq!(after, *before);
    site.host.run_ok(&["rm", "/run/systemd/sessions/theirs", "/run/systemd/users/2777"]);
    site.host.run_ok(&["sh", "-c", "rmdir /run/systemd/sessions /run/systemd/users 2>/dev/null; true"]);
}

/// Programs watch them.
#[test]
fn empty_directories_of_logind_stay() {
    let site = Site::with_logind();
    site.install();
    let is_empty = "[ -d /run/systemd/sessions ] && [ -z \"$(ls /run/systemd/sessions /run/systemd/users | grep -v :)\" ]";
    wait_until(SOON, "nobody is logged in", || site.host.run(&["sh", "-c", is_empty]).status.success());
    let before = Others::of(&site);
    site.apt(&["remove", "ck-broker"]);
    assert_eq!(Others::of(&site), before);
}

/// Where systemd is process 1, programs also count them: MOVING.md.
#[test]
fn programs_that_ask_who_is_here_count_on_a_systemd_machine() {
    let site = Site::installed(Kind::Systemd, Suite::Trixie);
    let host = &site.host;
    let counted = |what: &str| {
        ["uptime", "w"].iter().all(|program| {
            let told = host.run_ok(&[program]);
            told.lines().next().is_some_and(|heading| heading.contains(what))
        })
    };
    assert!(counted(" 0 users"));
    let login = host.spawn(&["ssh", "-tt", "alice@127.0.0.1", "sleep 1000"]);
    wait_until(SOON, "she is counted", || counted(" 1 user,"));
    for program in ["who", "users", "pinky", "w"] {
        let told = host.run_ok(&[program]);
        assert!(told.contains("alice"), "{program}: {told}");
    }
    drop(login);
    wait_until(SOON, "she is gone", || counted(" 0 users") && host.run_ok(&["who"]).is_empty());
}
