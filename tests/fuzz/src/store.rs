//! A state directory as a broker finds it at its start: the files are what the bytes say. Each begins with
//! its length, in two bytes: `next-id` first, then the claim of a user, then records of sessions.
#![no_main]

use ck_broker::{
    directories::Claims,
    sessions::store::{RecoveredState, StateDir, Store},
};
use ck_core::{
    model::SessionRecord,
    registry::{Effect, Input, Registry},
};
use ck_fuzz::within;
use ck_protocol::{Codec, EndCause, SessionId, SessionRef, State, Uid};
use libfuzzer_sys::fuzz_target;
use std::{collections::BTreeMap, fs, path::PathBuf, sync::LazyLock};

/// How much memory opening may take: a message or a session for each record, and the largest of all files.
const MEMORY: usize = 64 << 10;
/// How many records there are at most.
const RECORDS: usize = 4;

static STATE: LazyLock<StateDir> = LazyLock::new(|| {
    let path = std::env::temp_dir().join(format!("ck-fuzz-store-{}", std::process::id()));
    for directory in ["sessions", "users"] {
        fs::create_dir_all(path.join("state").join(directory)).expect("make a state directory");
    }
    StateDir::lock(&path).expect("a state directory; targets run as root")
});

fuzz_target!(|data: &[u8]| {
    let files = write_files(data);
    let (mut store, left) =
        within(MEMORY, || Store::open(&STATE, None)).expect("no file keeps a broker from its start");
    assert_eq!(left.sessions.len() + left.unreadable.len(), files, "{left:?}");
    let claims =
        within(MEMORY, || Claims::open(STATE.users())).expect("no claim keeps a broker from its start");
    let is_made = claims.kind(alice()).is_some();
    for record in &left.unreadable {
        store.set_aside(record).expect("a name can be changed");
    }
    assert_same_again(&mut store, &left);
    assert_ends(left, is_made);
    clear();
});

fn alice() -> Uid {
    Uid::try_from(2001).expect("a uid")
}

/// Writes the files; returns how many records there are.
fn write_files(data: &[u8]) -> usize {
    let mut files = pieces(data);
    fs::write(STATE.private().join("next-id"), files.next().unwrap_or_default()).expect("write next-id");
    fs::write(STATE.users().join("2001"), files.next().unwrap_or_default()).expect("write a claim");
    let named = |(number, record): (usize, &'_ [u8])| match id(record) {
        Some(id) => (id.to_string(), record.to_vec()),
        None => (number.to_string(), record.to_vec()),
    };
    let records: BTreeMap<_, _> = files.take(RECORDS).enumerate().map(named).collect();
    for (name, record) in &records {
        fs::write(STATE.sessions().join(name), record).expect("write a record");
    }
    records.len()
}

/// Whose record it is, and so what its file has to be called: by either format. What the first had is the
/// beginning of what the second has, which ends with a byte for "no inode".
fn id(record: &[u8]) -> Option<SessionId> {
    let value = match record {
        [2, _, value @ ..] => value.to_vec(),
        [_, value @ ..] => [value, &[0]].concat(),
        [] => return None,
    };
    Some(Codec::<SessionRecord>::plain().decode(&value).ok()?.session.id)
}

fn pieces(mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = data.split_first_chunk()?;
        let (piece, rest) = rest.split_at(rest.len().min(u16::from_le_bytes(*length).into()));
        data = rest;
        Some(piece)
    })
}

/// Ids that come next are above all there are, and what was read can be written and read again.
fn assert_same_again(store: &mut Store, left: &RecoveredState) {
    let next = left.next_id.unwrap_or(SessionId::FIRST);
    for entry in &left.sessions {
        assert!(entry.session.id < next, "{} is there, and comes next: {next}", entry.session.id);
        store.record(entry).expect("what was read can be written");
    }
    let again = Store::open(&STATE, None).expect("a second start").1;
    assert!(again.unreadable.is_empty(), "{again:?}");
    assert_eq!(sorted(&again.sessions), sorted(&left.sessions));
}

fn sorted(sessions: &[SessionRecord]) -> Vec<SessionRecord> {
    let mut sessions = sessions.to_vec();
    sessions.sort_by_key(|entry| entry.session.id);
    sessions
}

/// Every session that was taken over ends once, and then nobody is left.
fn assert_ends(left: RecoveredState, is_made: bool) {
    let sessions = left
        .sessions
        .iter()
        .map(|SessionRecord { session, .. }| (session.id, session.state == State::Opening));
    let sessions: Vec<_> = sessions.collect();
    let next = left.next_id.unwrap_or(SessionId::FIRST);
    let mut registry = Registry::restore(left.sessions, |uid| is_made && uid == alice(), next);
    for (id, opening) in sessions {
        let effects = registry.apply(Input::End(SessionRef::Id(id), EndCause::Logout));
        // A session whose directory was still being made has no record yet, by what its own says.
        assert!(opening || effects.contains(&Effect::Forget(id)), "{effects:?}");
        assert!(registry.apply(Input::End(SessionRef::Id(id), EndCause::Logout)).is_empty());
    }
    assert_eq!((registry.sessions(), registry.users()), (0, 0));
}

/// Removes what was written, and what was set aside.
fn clear() {
    for dir in [STATE.sessions(), STATE.users()] {
        for entry in fs::read_dir(&dir).expect("list") {
            let path: PathBuf = entry.expect("an entry").path();
            fs::remove_file(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }
}
