//! Logins of several users in several ways, one after another: how long each took, and what it got.

use std::time::Duration;

use crate::host::Host;
use crate::process::Running;

/// Logs in as bob and root, by su, ssh and login on a terminal, as often as its argument says; a line for each: way,
/// microseconds, and between colons session, runtime directory, and whether that can be used.
const SCRIPT: &str = r#"
tell='s=-; [ -z "$XDG_RUNTIME_DIR" ] || { : >$XDG_RUNTIME_DIR/used && s=usable; }; echo told:$XDG_SESSION_ID:$XDG_RUNTIME_DIR:$s:'
on_terminal() { printf '%s\nexit\n' "$2" | script --quiet --command "login -f $1" /dev/null; }
measured() {
    local start=${EPOCHREALTIME/./} told way=$1-$2
    case $1 in
    su) told=$(su "$2" -c "$tell") ;;
    ssh) told=$(ssh "$2@127.0.0.1" "$tell") ;;
    login) told=$(on_terminal "$2" "$tell") ;;
    esac </dev/null 2>&1
    echo "$way $((${EPOCHREALTIME/./} - start)) $(grep -o 'told:[0-9]*:[^:]*:[^:]*:' <<<"$told")"
}
for ((round = 0; round < $1; round++)); do
    for _ in 1 2 3; do measured su bob; measured su root; done
    measured su bob
    measured ssh bob
    measured ssh root
    measured login bob
done
"#;
/// How many logins a round has.
const IN_ROUND: usize = 10;
/// As many rounds as make 50 logins.
pub const FIFTY: usize = 50 / IN_ROUND;
/// Far longer than a round takes.
const LIMIT: Duration = Duration::from_secs(20);

/// One login that was let in.
#[derive(Debug)]
pub struct Login {
    /// By what program, and who, such as `ssh-bob`.
    pub way: String,
    /// From the start of that program to its end.
    pub took: Duration,
    /// `XDG_SESSION_ID`, or nothing.
    pub session: String,
    /// `XDG_RUNTIME_DIR`, or nothing.
    pub directory: String,
    /// Whether a file could be made there.
    pub usable: bool,
}

impl Login {
    /// A line of the script's. Who is not let in at all is told nothing, which is a failure whatever is tested.
    fn parse(line: &str) -> Self {
        let parsed = || {
            let (way, rest) = line.split_once(' ')?;
            let (took, told) = rest.split_once(' ')?;
            let [session, directory, usable] =
                told.strip_prefix("told:")?.split(':').collect::<Vec<_>>()[..3]
            else {
                return None;
            };
            Some(Self {
                way: way.to_owned(),
                took: Duration::from_micros(took.parse().ok()?),
                session: session.to_owned(),
                directory: directory.to_owned(),
                usable: usable == "usable",
            })
        };
        parsed().unwrap_or_else(|| panic!("not let in: {line}"))
    }

    /// Whether it has all that a login should have: root has no runtime directory.
    pub fn is_whole(&self) -> bool {
        let as_root = self.way.ends_with("-root");
        !self.session.is_empty()
            && if as_root {
                self.directory.is_empty()
            } else {
                self.directory == "/run/user/2002" && self.usable
            }
    }
}

/// Logs in `rounds` times ten times. All must be let in, within 20 s for each round.
pub fn logins(host: &Host, rounds: usize) -> Vec<Login> {
    let mut running = start(host, rounds);
    let limit = LIMIT * u32::try_from(rounds).expect("a few rounds");
    let ended = running.wait(limit);
    let lines = running.stdout();
    if ended.is_none() {
        host.fail(&format!("somebody is not let in after {limit:?}; before:\n{lines}"));
    }
    assert_eq!(lines.lines().count(), rounds * IN_ROUND, "{lines}{}", running.stderr());
    lines.lines().map(Login::parse).collect()
}

fn start(host: &Host, rounds: usize) -> Running {
    host.spawn(&["bash", "-c", SCRIPT, "logins", &rounds.to_string()])
}

/// No login takes longer than twice the longest `idle` one by the same way, and `slack`.
pub fn assert_no_slower(logins: &[Login], idle: &[Login], slack: Duration) {
    let usual = |login: &Login| {
        let same_way = idle.iter().filter(|other| other.way == login.way);
        same_way.map(|other| other.took).max().expect("the same ways")
    };
    let slow: Vec<&Login> = logins.iter().filter(|login| login.took > usual(login) * 2 + slack).collect();
    assert!(slow.is_empty(), "{} of {} took long, the first {:?}", slow.len(), logins.len(), slow[0]);
}

/// Each has all that a login should have; `log` is what was told meanwhile.
pub fn assert_whole(logins: &[Login], log: impl FnOnce() -> String) {
    let lacking: Vec<&Login> = logins.iter().filter(|login| !login.is_whole()).collect();
    assert!(
        lacking.is_empty(),
        "{} of {} lack something, the first {:?}\n{}",
        lacking.len(),
        logins.len(),
        lacking[0],
        log()
    );
}
