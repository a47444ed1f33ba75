//! The beginning of a line, and the limits of its length.

use super::event_time::EventTime;
use ck_core::json::Object;

/// The maximum length of a line, in bytes with its line feed.
pub(super) const MAX_LENGTH: usize = 528;
/// The maximum length of a user name, in bytes of its escaped form: the limit of useradd(8). Longer names are cut.
pub(super) const USER: usize = 32;
/// The same for a PAM service.
pub(super) const SERVICE: usize = 16;
/// The same for a terminal.
pub(super) const TTY: usize = 16;
/// The same for a remote host. Any address fits.
pub(super) const HOST: usize = 56;
/// The same for a version, of the kernel or of the broker.
pub(super) const VERSION: usize = 64;

/// Begins a line: the time, the boot and the event.
pub(super) fn begin(at: EventTime, boot: &str, event: &'static str) -> Object {
    Object::with_capacity(MAX_LENGTH)
        .member("time", at.time)
        .seconds("up", at.since_boot)
        .member("boot", boot)
        .member("event", event)
}

/// The text of the line, with its line feed.
pub(super) fn end(line: Object) -> String {
    let mut text = line.finish();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use ck_protocol::Timestamp;
    use std::time::Duration;

    #[test]
    fn a_line_is_one_object() {
        let at = EventTime { time: Timestamp::from_micros(0), since_boot: Duration::from_millis(61_005) };
        let absent: Option<&str> = None;
        let line =
            begin(at, "0123abcd", "tested").member("uid", 7).present("tty", absent).member("late", true);
        let head = r#"{"time":"1970-01-01T00:00:00.000000Z","up":61.005,"boot":"0123abcd","event":"tested""#;
        assert_eq!(end(line), format!("{head},\"uid\":7,\"late\":true}}\n"));
    }
}
