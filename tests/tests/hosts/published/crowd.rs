//! Forty logins of one user at once: whoever reads meanwhile never finds half a file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;

use ck_tests::{Machine, wait_until};

use super::{SOON, consumer, files, machine};

const LOGINS: usize = 40;
/// Logs in by su, `$1` at once, and once more each when all are in; every fifth su dies without a logout.
const CROWD: &str = r#"
stay() {
    if [ $((login % 5)) = 0 ]; then
        su alice -c "sleep 1000" &
        eval "$1"; kill -9 $!
    else
        su alice -c "$1"
    fi
}
for login in $(seq "$1"); do
    { stay "until [ -e /tmp/all-are-in ]; do sleep 0.02; done"; stay "sleep 0.$login"; } &
done
wait
"#;
/// What each file has.
const OF_SESSION: [&str; 9] =
    ["UID", "USER", "ACTIVE", "STATE", "REMOTE", "CLASS", "SERVICE", "LEADER", "REALTIME"];
const OF_USER: [&str; 7] =
    ["NAME", "STATE", "SESSIONS", "ONLINE_SESSIONS", "ACTIVE_SESSIONS", "SEATS", "ACTIVE_SEATS"];

#[test]
fn whoever_reads_finds_whole_files() {
    let machine = machine();
    consumer::install(&machine);
    let (over, most) = (AtomicBool::new(false), AtomicUsize::new(0));
    let root = machine.host.root().join("run/systemd");
    let mut asks = consumer::start(&machine, &["read", "/tmp/over"]);
    let seen = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = Seen::default();
            while !over.load(Relaxed) {
                seen.look(&root);
                most.store(seen.most, Relaxed);
            }
            seen
        });
        // Whatever happens here, the reader ends.
        let crowd = std::panic::catch_unwind(|| come_and_go(&machine, &most));
        over.store(true, Relaxed);
        let seen = reader.join().expect("the reader");
        crowd.expect("the crowd");
        seen
    });
    machine.host.write_file("/tmp/over", "", 0o644);
    let status = asks.wait(SOON).expect("it ends");
    println!("{} sessions and {} users read; libsystemd: {}", seen.sessions, seen.users, asks.stderr());
    assert!(status.success(), "{}", asks.stderr());
    assert!(seen.ids.len() >= LOGINS, "{seen:?}");

    machine.await_sessions(0);
    wait_until(SOON, "nothing is left", || {
        files(&machine, "sessions").is_empty() && files(&machine, "users").is_empty()
    });
}

fn come_and_go(machine: &Machine, most: &AtomicUsize) {
    let crowd = machine.host.spawn(&["bash", "-c", CROWD, "crowd", &LOGINS.to_string()]);
    machine.await_sessions(LOGINS);
    wait_until(SOON, "the reader has seen all of them", || most.load(Relaxed) == LOGINS);
    machine.host.write_file("/tmp/all-are-in", "", 0o644);
    wait_until(4 * SOON, "all have come and gone", || crowd.is_over());
    // Those whose su was killed.
    machine.host.run(&["pkill", "-KILL", "-u", "alice"]);
}

/// What a reader has found.
#[derive(Debug, Default)]
struct Seen {
    sessions: usize,
    users: usize,
    ids: BTreeSet<String>,
    /// The most sessions that the user's file has named at a time.
    most: usize,
}

impl Seen {
    /// Reads each file that is listed.
    fn look(&mut self, root: &Path) {
        for (name, file) in listed(&root.join("sessions"), &OF_SESSION) {
            assert_eq!((file["UID"].as_str(), file["USER"].as_str()), ("2001", "alice"), "{file:?}");
            self.sessions += 1;
            self.ids.insert(name);
        }
        for (name, file) in listed(&root.join("users"), &OF_USER) {
            let list =
                |key: &str| -> BTreeSet<&str> { file[key].split(' ').filter(|id| !id.is_empty()).collect() };
            assert_eq!(name, "2001");
            assert!(list("ACTIVE_SESSIONS").is_subset(&list("SESSIONS")), "{file:?}");
            assert_eq!(file["STATE"] == "active", !list("ACTIVE_SESSIONS").is_empty(), "{file:?}");
            self.users += 1;
            self.most = self.most.max(list("SESSIONS").len());
        }
    }
}

/// The files of a directory, each of which has these `keys`. One that is removed meanwhile is left out.
fn listed(directory: &Path, keys: &[&str]) -> Vec<(String, BTreeMap<String, String>)> {
    let entries = fs::read_dir(directory).expect("a directory");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
    let visible = names.filter(|name| !name.starts_with('.'));
    let read = |name: String| match fs::read_to_string(directory.join(&name)) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        read => Some((name, lines(&read.expect("a file that can be read"), keys))),
    };
    visible.filter_map(read).collect()
}

fn lines(text: &str, keys: &[&str]) -> BTreeMap<String, String> {
    assert!(text.ends_with('\n'), "not all of a file: {text:?}");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let file: BTreeMap<String, String> = lines
        .map(|line| line.split_once('=').unwrap_or_else(|| panic!("no value: {text:?}")))
        .map(|(key, value)| (key.to_owned(), value.trim_matches('"').to_owned()))
        .collect();
    assert!(keys.iter().all(|key| file.contains_key(*key)), "not all of a file: {text:?}");
    file
}
