//! Times of the past, as people write them.

use crate::time;
use ck_protocol::Timestamp;
use jiff::{Span, ZonedDateTime, civil};
use std::str::FromStr;

/// A time in the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since(pub Timestamp);

/// The text is not a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "use a date as 2026-11-01, a date and time as \"2026-11-01 08:30\", a time of today as 08:30, today, yesterday, or an age as 2h or 3d"
)]
pub struct InvalidTime;

impl FromStr for Since {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        at(text.trim(), &jiff::Timestamp::now().to_zoned_datetime(time::zone()))
    }
}

fn at(text: &str, now: &ZonedDateTime) -> Result<Since, InvalidTime> {
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Ok(Since(Timestamp::from_micros(moment.as_microsecond())));
    }
    let zone = now.time_zone().clone();
    let moment = if let Some(day) = day(text, now) {
        day.to_zoned_datetime(zone)
    } else if let Ok(moment) = text.parse::<civil::DateTime>() {
        moment.to_zoned_datetime(zone)
    } else if let Some(time) = text.parse::<civil::Time>().ok().filter(|_| text.contains(':')) {
        now.date().to_datetime(time).to_zoned_datetime(zone)
    } else {
        let ago: Span = text.parse().map_err(|_| InvalidTime)?;
        now.checked_sub(ago.abs())
    };
    moment
        .map(|moment| Since(Timestamp::from_micros(moment.timestamp().as_microsecond())))
        .map_err(|_| InvalidTime)
}

fn day(text: &str, now: &ZonedDateTime) -> Option<civil::Date> {
    match text {
        "today" => Some(now.date()),
        "yesterday" => now.date().yesterday().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let now: ZonedDateTime = "2026-11-23T15:51:11+01:00[+01:00]".parse().unwrap();
        for (text, moment) in [
            ("2026-11-01", "2026-10-31T23:00:00Z"),
            ("2026-11-01 08:30", "2026-11-01T07:30:00Z"),
            ("2026-11-01T08:30:15", "2026-11-01T07:30:15Z"),
            ("2026-07-01 08:30", "2026-07-01T07:30:00Z"),
            ("2026-11-01T08:30:15Z", "2026-11-01T08:30:15Z"),
            ("2026-11-01T08:30:15-05:00", "2026-11-01T13:30:15Z"),
            ("08:30", "2026-11-23T07:30:00Z"),
            ("today", "2026-11-22T23:00:00Z"),
            ("yesterday", "2026-11-21T23:00:00Z"),
            ("2h", "2026-11-23T12:51:11Z"),
            ("90min", "2026-11-23T13:21:11Z"),
            ("3d", "2026-11-20T14:51:11Z"),
            ("2 days ago", "2026-11-21T14:51:11Z"),
            ("1w", "2026-11-16T14:51:11Z"),
        ] {
            let expected: jiff::Timestamp = moment.parse().unwrap();
            let expected = Since(Timestamp::from_micros(expected.as_microsecond()));
            assert_eq!(at(text, &now), Ok(expected), "{text}");
        }
        for bad in ["", "soon", "2026-13-01", "2026-11-31", "25:00", "2x", "-", "99999999y", "1", "12"] {
            assert_eq!(at(bad, &now), Err(InvalidTime), "{bad}");
        }
    }
}
