//! What may lie in a runtime directory.

use ck_tests::{ALICES, Guarded, wait_until};

const REMOVER: &str = "/usr/libexec/ck/ck-remove-directory";

use super::{SOON, alices_processes, in_both_kinds, kill_alices};

/// Every byte that a name can have, one name each; some sequences that terminals, shells and commands obey; the
/// longest name; names of devices.
const NAMES: &str = r#"
for byte in $(seq 1 255); do
    [ $byte = 47 ] || printf x >"$(printf "n\\x$(printf %x $byte)n")"
done
touch $'new\nline' $'\e[31mred\e]0;title\a' $'\xff\xfe\x80' $'\xc3' ' ' '*' -- -rf --help '...' '.hidden' '\'
touch "$(printf '%255s' | tr ' ' n)" null zero console sda ttyS0 'mem:' 'C:'
mkdir $'dir\n\e[2J\xff' && touch $'dir\n\e[2J\xff'/$'deeper\r\xfe'
ln -s /canary link; ln -s . self; ln -s /proc/self/fd/0 magic; ln f1 hard 2>/dev/null; ln null hard
perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0); bind(S, pack_sockaddr_un("socket")) or die; listen(S, 1)'
mkfifo read-by-somebody written-by-somebody nobodys $'fifo\n\e'
"#;

/// Two processes that wait for somebody to open the other end of a fifo, and say so when it happens.
const WATCHERS: &str = r#"
setsid bash -c ': <read-by-somebody; touch /tmp/opened' </dev/null >/dev/null 2>&1 &
setsid bash -c ': >written-by-somebody; touch /tmp/opened' </dev/null >/dev/null 2>&1 &
for pid in $(jobs -p); do
    until grep -q ' in wait_for_partner\|fifo_open\|wait_for_partner' /proc/$pid/wchan /proc/$pid/stack 2>/dev/null ||
        [ "$(ps -o stat= -p $pid)" = Ss ]; do sleep 0.02; done
done
"#;

#[test]
fn names_and_kinds_of_entries() {
    in_both_kinds(|guarded, _| {
        guarded.session(&format!("{NAMES}{WATCHERS}"));
        guarded.machine.await_nothing_left();
        assert_eq!(alices_processes(guarded), 2, "somebody opened a fifo");
        assert!(guarded.machine.host.metadata("/tmp/opened").is_none(), "somebody opened a fifo");
        kill_alices(guarded);
        guarded.assert_gone_and_unharmed();
    });
}

/// What cannot be removed is named in the log: on one line, and without what a terminal obeys.
#[test]
fn names_in_the_log_are_escaped() {
    // Of a tmpfs nothing stays that could be named.
    let guarded = Guarded::up_kind("directory");
    let login =
        guarded.log_in(r#"mkdir $'d\n\e]0;x\a'; touch $'d\n\e]0;x\a'/$'bad\e[2J\r\xff\xe2\x80\xae\xc2\x9b'"#);
    guarded.machine.host.run_ok(&["sh", "-c", &format!("find {ALICES} -type f -exec chattr +i {{}} +")]);
    login.log_out();
    let log = || guarded.machine.broker().stderr();
    wait_until(SOON, "what stays is named", || log().contains("EPERM"));
    let log = log();
    let obeyed = |character: char| {
        (character.is_control() && character != '\n') || ['\u{fffd}', '\u{202e}'].contains(&character)
    };
    assert!(!log.contains(obeyed), "{log:?}");
    let named = r"/d\n\u{1b}]0;x\u{7}/bad\u{1b}[2J\r\xff\u{202e}\u{9b}: ";
    assert!(log.lines().any(|line| line.contains(named)), "{log:?}");
    let free = "find /run/user/.ck-retired -type f -exec chattr -i {} +";
    guarded.machine.host.run_ok(&["sh", "-c", free]);
    guarded.assert_gone_and_unharmed();
}

/// The user can remove an empty directory of root's, and nothing in one.
#[test]
fn what_belongs_to_root() {
    in_both_kinds(|guarded, _| {
        let deep = "$(printf 'd/%.0s' $(seq 60))";
        let login = guarded.log_in(&format!("mkdir -p {deep} mine; touch {deep}/file; chmod 500 mine"));
        let plant = format!(
            "cd {ALICES} && mkdir empty full full/a full/a/b {deep}/roots mine/roots && touch file full/a/b/c \
             {deep}/roots/file mine/roots/file mine/file && chmod 700 full && chmod 0 full/a && \
             install -o alice -d full/hers && install -o alice /dev/null full/hers/file"
        );
        guarded.machine.host.run_ok(&["bash", "-c", &plant]);
        login.log_out();
        guarded.assert_gone_and_unharmed();
    });
}

const MODES: &str = r#"
for mode in 0 0100 0200 0400 0500 0600 1700 2700 1500; do
    mkdir -p m$mode/sub/sub; touch m$mode/file m$mode/sub/file m$mode/sub/sub/file
    chmod $mode m$mode/file m$mode/sub/sub m$mode/sub m$mode 2>/dev/null || { chmod $mode m$mode/sub/sub; chmod $mode m$mode; }
done
chmod 0 .
"#;

#[test]
fn modes_and_owners() {
    in_both_kinds(|guarded, _| {
        let login = guarded.log_in(&format!("mkdir shared; touch shared/hers; {MODES}"));
        let plant = format!(
            "cd {ALICES} && install -d -o bob bobs && install -o bob -m 600 /dev/null bobs/file && \
             install -o bob -m 0 /dev/null bobs-file && chown bob shared && chmod 1777 shared && \
             install -o bob /dev/null shared/bobs && install -d -o bob -m 0 shared/closed && \
             install -o bob /dev/null shared/closed/file && install -d -m 1777 sticky && \
             install -o alice /dev/null sticky/hers && install -o bob /dev/null sticky/his"
        );
        guarded.machine.host.run_ok(&["sh", "-c", &plant]);
        login.log_out();
        guarded.assert_gone_and_unharmed();
    });
}

/// Where root may not do what permissions forbid, the user's own pass has to correct them.
#[test]
fn modes_without_roots_help() {
    const BOUNDED: &str =
        "#!/bin/sh\nexec /usr/bin/setpriv --bounding-set=-dac_override,-dac_read_search $0.real \"$@\"\n";
    let guarded = Guarded::up_kind("directory");
    guarded.machine.host.run_ok(&["mv", REMOVER, &format!("{REMOVER}.real")]);
    guarded.machine.host.write_file(REMOVER, BOUNDED, 0o755);
    guarded.session(MODES);
    guarded.assert_gone_and_unharmed();
}
