//! Which virtual terminal is in the foreground.

use ck_protocol::{Session, State, Vt};
use std::fs;

/// The foreground virtual terminal; `None` on a machine without any. sysfs has it since
/// Linux 2.6.38.
#[must_use]
pub fn foreground() -> Option<Vt> {
    let active = fs::read_to_string("/sys/class/tty/tty0/active").ok()?;
    let number = active.trim().strip_prefix("tty")?.parse::<u8>().ok()?;
    Vt::try_from(number).ok()
}

/// The session as it stands while `foreground` is: one on a seat is active only there, one
/// without a seat always, as loginctl(1) shows it.
#[must_use]
pub fn seen(session: &Session, foreground: Option<Vt>) -> Session {
    let mut session = session.clone();
    if session.state == State::Online && (session.vt.is_none() || session.vt == foreground) {
        session.state = State::Active;
    }
    session
}
