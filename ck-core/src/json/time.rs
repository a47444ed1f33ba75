//! Times, without a time zone database: always UTC.

use ck_protocol::Timestamp;

const MICROS: i64 = 1_000_000;
const DAY: i64 = 86_400;
/// 0000-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z in microseconds since 1970. RFC 3339 has years of four digits.
const FIRST: i64 = -62_167_219_200_000_000;
const LAST: i64 = 253_402_300_799_999_999;

/// The time in UTC, to the microsecond: `2026-11-23T15:51:11.018223Z`. A time before the year 0 or after the year 9999 is
/// written as the first or the last that RFC 3339 can express.
#[must_use]
pub fn rfc3339(time: Timestamp) -> String {
    let micros = time.as_micros().clamp(FIRST, LAST);
    let (seconds, fraction) = (micros.div_euclid(MICROS), micros.rem_euclid(MICROS));
    let (days, of_day) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month, day) = date(days);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z")
}

/// Year, month and day of the date that is `days` after 1970-01-01 in the Gregorian calendar. The days are counted in eras
/// of 400 years, which have 146,097 days, from a first of March. A leap day is then the last day of its year.
fn date(days: i64) -> (i64, i64, i64) {
    let from_march = days + 719_468;
    let (era, of_era) = (from_march.div_euclid(146_097), from_march.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // March is 0. Five months from March, or from August, have 153 days.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339_has_it() {
        for (seconds, written) in [
            (0, "1970-01-01T00:00:00"),
            (951_782_399, "2000-02-28T23:59:59"),
            (951_782_400, "2000-02-29T00:00:00"),
            (951_868_799, "2000-02-29T23:59:59"),
            (951_868_800, "2000-03-01T00:00:00"),
            (1_000_000_000, "2001-09-09T01:46:40"),
            (4_107_542_400, "2100-03-01T00:00:00"),
            (1_798_761_599, "2026-12-31T23:59:59"),
            (-1, "1969-12-31T23:59:59"),
        ] {
            assert_eq!(rfc3339(Timestamp::from_micros(seconds * MICROS + 7)), format!("{written}.000007Z"));
        }
        assert_eq!(rfc3339(Timestamp::from_micros(951_868_799_999_999)), "2000-02-29T23:59:59.999999Z");
        assert_eq!(rfc3339(Timestamp::from_micros(-1)), "1969-12-31T23:59:59.999999Z");
    }

    #[test]
    fn a_year_has_four_digits_whatever_the_clock_says() {
        assert_eq!(rfc3339(Timestamp::from_micros(i64::MAX)), "9999-12-31T23:59:59.999999Z");
        assert_eq!(rfc3339(Timestamp::from_micros(i64::MIN)), "0000-01-01T00:00:00.000000Z");
        assert_eq!(rfc3339(Timestamp::from_micros(FIRST)), "0000-01-01T00:00:00.000000Z");
    }
}
