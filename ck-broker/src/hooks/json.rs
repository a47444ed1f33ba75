//! A session as `ckctl show --json` has it, in one line.

use ck_protocol::{Session, Text, Timestamp, Vt, is_printable};
use std::fmt::Write as _;

const DAY: i64 = 86_400;

/// The session. What is absent is `null`.
pub(super) fn of(session: &Session) -> String {
    let fields = [
        ("id", text(&session.id.to_string())),
        ("parent", session.parent.map_or_else(null, |id| text(&id.to_string()))),
        ("uid", session.uid.to_string()),
        ("user", text(session.user.as_str())),
        ("leader_pid", session.leader_pid.to_string()),
        ("service", text(session.service.as_str())),
        ("class", text(session.class.as_str())),
        ("type", text(session.kind.as_str())),
        ("tty", or_null(session.tty.as_ref())),
        ("remote", session.remote.to_string()),
        ("remote_host", or_null(session.remote_host.as_ref())),
        ("remote_user", or_null(session.remote_user.as_ref())),
        ("display", or_null(session.display.as_ref())),
        ("seat", or_null(session.seat.as_ref())),
        ("vt", session.vt.map(Vt::get).map_or_else(null, |vt| vt.to_string())),
        ("state", text(session.state.as_str())),
        ("opened_at", text(&rfc3339(session.opened_at))),
        ("runtime_dir", or_null(session.runtime_dir.as_ref())),
    ];
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", fields.join(","))
}

fn null() -> String {
    "null".to_owned()
}

fn or_null<const MAX: usize>(value: Option<&Text<MAX>>) -> String {
    value.map_or_else(null, |value| text(value.as_str()))
}

/// A string of JSON, in which nothing can steer a terminal.
fn text(value: &str) -> String {
    let mut quoted = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if is_printable(c) => quoted.push(c),
            // Writing to a String cannot fail.
            c => drop(write!(quoted, "\\u{:04x}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

/// The moment in UTC. The broker does not read what the local time zone is.
fn rfc3339(moment: Timestamp) -> String {
    let micros = moment.as_micros();
    let (seconds, fraction) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let (days, of_day) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month, day) = date(days);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:06}+00:00")
}

/// Year, month and day of the day that is so many after 1970-01-01 in the Gregorian calendar, counted in eras
/// of 400 years from a first of March, so that a leap day ends its year.
fn date(days: i64) -> (i64, i64, i64) {
    let from_march = days + 719_468;
    let (era, of_era) = (from_march.div_euclid(146_097), from_march.rem_euclid(146_097));
    let of_era_year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * of_era_year + of_era_year / 4 - of_era_year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (of_era_year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::{super::environment::tests::session, *};

    #[test]
    fn a_session_is_one_line_with_every_field() {
        let mut session = session();
        session.remote_host = Some(Text::clipped("a\"\\\n\u{202e}b"));
        let expected = r#"{"id":"7","parent":null,"uid":2002,"user":"bob","leader_pid":11,"service":"login","class":"user","type":"tty","tty":"tty2","remote":false,"remote_host":"a\"\\\u000a\u202eb","remote_user":null,"display":null,"seat":"seat0","vt":2,"state":"active","opened_at":"1970-01-01T00:00:00.000000+00:00","runtime_dir":"/run/user/2002"}"#;
        assert_eq!(of(&session), expected);
    }

    #[test]
    fn days_are_counted_as_the_calendar_does() {
        for (micros, shown) in [
            (1_000_000_000_000_001, "2001-09-09T01:46:40.000001+00:00"),
            (951_782_399_000_000, "2000-02-28T23:59:59.000000+00:00"),
            (951_868_799_999_999, "2000-02-29T23:59:59.999999+00:00"),
            (4_107_542_400_000_000, "2100-03-01T00:00:00.000000+00:00"),
            (-1, "1969-12-31T23:59:59.999999+00:00"),
        ] {
            assert_eq!(rfc3339(Timestamp::from_micros(micros)), shown);
        }
    }
}
