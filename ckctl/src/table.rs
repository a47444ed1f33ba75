//! Tables for people, as loginctl(1) lays them out.

use crate::{facts::Facts, screen::Screen, time};
use ck_protocol::{Seat, Session, TeardownDetail, User};
use std::{
    fmt::{Display, Write as _},
    io::{self, Write},
};
use tabwriter::{Alignment, TabWriter};

/// What is shown where there is nothing to show.
pub(crate) const NONE: &str = "-";

/// A line a session, then their count.
#[must_use]
pub fn sessions(sessions: &[Session], screen: Screen) -> String {
    let heading = "SESSION\tUID\tUSER\tSERVICE\tTTY\tSEAT\tSTATE\tSINCE\tREMOTE HOST";
    list(sessions, "session", heading, screen, |session| {
        // Text displays itself with everything escaped that could steer a terminal.
        row(&[
            &session.id,
            &session.uid,
            &session.user,
            &session.service,
            &or_none(session.tty.as_ref()),
            &or_none(session.seat.as_ref()),
            &session.state,
            &time::for_people(session.opened_at),
            &or_none(session.remote_host.as_ref()),
        ])
    })
}

/// A line a user, then their count.
#[must_use]
pub fn users(users: &[User], screen: Screen) -> String {
    let heading = "UID\tUSER\tSESSIONS\tLINGER\tSTATE\tRUNTIME DIRECTORY";
    list(users, "user", heading, screen, |user| {
        let linger = yes_or_no(user.linger);
        row(&[
            &user.uid,
            &user.name,
            &user.sessions,
            &linger,
            &user.state,
            &or_none(user.runtime_dir.as_ref()),
        ])
    })
}

/// A line a seat, then their count.
#[must_use]
pub fn seats(seats: &[Seat], screen: Screen) -> String {
    list(seats, "seat", "SEAT\tACTIVE SESSION\tSESSIONS\tVIRTUAL TERMINALS", screen, |seat| {
        row(&[&seat.id, &or_none(seat.active.as_ref()), &seat.sessions, &yes_or_no(seat.has_vts)])
    })
}

/// A line a teardown, then their count.
#[must_use]
pub fn teardowns(teardowns: &[TeardownDetail], screen: Screen) -> String {
    let heading = "TEARDOWN\tUID\tSTATE\tSINCE\tBYTES\tFAILURES\tNEXT TRY\tDIRECTORY\tREASON";
    list(teardowns, "teardown", heading, screen, |TeardownDetail { teardown, bytes, since }| {
        row(&[
            &teardown.id,
            &teardown.uid,
            &teardown.state,
            &time::for_people(*since),
            &or_none(bytes.as_ref()),
            &teardown.failures,
            &or_none(teardown.next_try.map(time::for_people).as_ref()),
            &teardown.path,
            &or_none(teardown.reason.as_ref()),
        ])
    })
}

/// A line a fact, its name in front.
#[must_use]
pub fn session(session: &Session) -> String {
    let facts: [(&str, &dyn Display); 18] = [
        ("Session", &session.id),
        ("Parent", &or_none(session.parent.as_ref())),
        ("User", &session.user),
        ("UID", &session.uid),
        ("Leader PID", &session.leader_pid),
        ("Service", &session.service),
        ("Class", &session.class),
        ("Type", &session.kind),
        ("TTY", &or_none(session.tty.as_ref())),
        ("Remote", &yes_or_no(session.remote)),
        ("Remote host", &or_none(session.remote_host.as_ref())),
        ("Remote user", &or_none(session.remote_user.as_ref())),
        ("Display", &or_none(session.display.as_ref())),
        ("Seat", &or_none(session.seat.as_ref())),
        ("VT", &or_none(session.vt.map(ck_protocol::Vt::get).as_ref())),
        ("State", &session.state),
        ("Since", &time::for_people(session.opened_at)),
        ("Runtime directory", &or_none(session.runtime_dir.as_ref())),
    ];
    named(&facts)
}

/// A line a fact; first whether all is well, and what to do where it is not.
#[must_use]
pub fn status(facts: &Facts, problems: &[String], screen: Screen) -> String {
    let state = if problems.is_empty() {
        screen.good("all is well")
    } else {
        problems.iter().map(|problem| screen.bad(problem)).collect::<Vec<_>>().join("\n\t")
    };
    let of = |key: &str| facts.shown(key);
    let waiting = |what: &str| {
        format!("{} running, {} waiting", of(&format!("{what}_running")), of(&format!("{what}_waiting")))
    };
    let rows: [(&str, &dyn Display); 9] = [
        ("State", &state),
        ("Broker", &format!("ck-broker {}, pid {}", of("version"), of("pid"))),
        ("Running since", &of("started_at")),
        ("Configured", &of("configured_at")),
        ("Sessions", &format!("{} of at most {}", of("sessions"), of("sessions_limit"))),
        ("Users", &of("users")),
        ("Teardowns", &format!("{}, {} failed", waiting("teardowns"), of("teardowns_failed"))),
        ("Hooks", &waiting("hooks")),
        ("Subscribers", &of("subscribers")),
    ];
    named(&rows)
}

/// A row for each of `items`, aligned. If there is a legend, the heading above them and their count below. `what` names
/// one of them.
pub(crate) fn list<T>(
    items: &[T],
    what: &str,
    heading: &str,
    screen: Screen,
    row: impl Fn(&T) -> String,
) -> String {
    let rows: String = items.iter().map(row).collect();
    match (screen.legend, items.len()) {
        (true, 0) => format!("No {what}s.\n"),
        (true, count) => {
            let table = screen.fit(&aligned(&format!("{heading}\n{rows}")));
            format!("{table}\n{count} {what}{} listed.\n", if count == 1 { "" } else { "s" })
        }
        (false, 0) => String::new(),
        (false, _) => screen.fit(&aligned(&rows)),
    }
}

/// A row of [`list`].
pub(crate) fn row(cells: &[&dyn Display]) -> String {
    let cells: Vec<String> = cells.iter().map(ToString::to_string).collect();
    cells.join("\t") + "\n"
}

pub(crate) fn or_none<T: Display>(value: Option<&T>) -> String {
    value.map_or_else(|| NONE.to_owned(), ToString::to_string)
}

fn yes_or_no(truth: bool) -> &'static str {
    if truth { "yes" } else { "no" }
}

fn named(facts: &[(&str, &dyn Display)]) -> String {
    let mut rows = String::new();
    for (name, value) in facts {
        let _ = writeln!(rows, "{name}:\t{value}");
    }
    aligned(&rows)
}

/// Aligns tab-separated cells by the width that they take on a terminal.
fn aligned(rows: &str) -> String {
    let mut writer = TabWriter::new(Vec::new()).padding(2).alignment(Alignment::Left);
    let written = writer.write_all(rows.as_bytes()).and_then(|()| writer.flush());
    let aligned = written.and_then(|()| {
        writer.into_inner().map_err(|error| io::Error::other(error.to_string())).map(String::from_utf8)
    });
    // Writing to memory does not fail; unaligned would still be readable.
    aligned.ok().and_then(Result::ok).unwrap_or_else(|| rows.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_by_their_width_on_a_terminal() {
        assert_eq!(aligned("a\tb\n日本\tc\n"), "a     b\n日本  c\n");
    }

    #[test]
    fn an_empty_list_says_so() {
        assert_eq!(sessions(&[], Screen { legend: true, ..Screen::default() }), "No sessions.\n");
        assert_eq!(sessions(&[], Screen::default()), "");
    }
}
