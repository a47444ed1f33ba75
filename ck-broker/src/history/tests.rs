//! Tests of the module.

use super::*;
use crate::any_text::any_text;
use ck_protocol::{Class, Pid, SessionType, State, Timestamp, Uid, UserName};
use proptest::prelude::*;
use serde_json::Value;

/// With everything as long as it can be, and `text` for all that anybody chooses.
fn session(text: &str) -> Session {
    Session {
        id: SessionId::new(u64::MAX),
        parent: None,
        uid: Uid::try_from(u32::MAX - 1).unwrap(),
        user: UserName::clipped(text),
        leader_pid: Pid::try_from(i32::MAX).unwrap(),
        service: Text::clipped(text),
        class: Class::Background,
        session_type: SessionType::Tty,
        tty: Some(Text::clipped(text)),
        remote: true,
        remote_host: Some(Text::clipped(text)),
        remote_user: None,
        display: None,
        seat: None,
        vt: None,
        state: State::Online,
        opened_at: Timestamp::from_micros(i64::MAX),
        runtime_dir: None,
        audit_id: std::num::NonZeroU32::new(u32::MAX - 1),
        login_uid: Uid::try_from(u32::MAX - 1).ok(),
    }
}

/// The lines of a session, each with the longest numbers.
fn lines(session: &Session) -> Vec<String> {
    let most = Duration::from_secs(u32::MAX.into());
    let at = EventTime { time: session.opened_at, since_boot: most };
    let head = |event| line::begin(at, "01234567", event);
    let ended = |cause| line_of_ended(head("session_ended"), session, Some(most), cause);
    let causes = [EndCause::Unseen, EndCause::Terminated { by: u32::MAX }, EndCause::HooksNotAwaited];
    let ended = causes.into_iter().map(ended);
    ended.chain([line_of_opened(head("session_opened"), session)]).map(line::end).collect()
}

#[test]
fn no_line_is_longer_than_it_may_be() {
    let long = ["x", "\u{1}", "\"", "\\", "é", "\u{202e}", "日", "\u{1f600}", "a\u{1}é"];
    for text in long.map(|text| text.repeat(255)) {
        for line in lines(&session(&text)) {
            assert!(line.len() <= line::MAX_LENGTH, "{} bytes: {line}", line.len());
            assert!(line.ends_with("}\n") && line.matches('\n').count() == 1, "{line}");
        }
    }
}

proptest! {
    #[test]
    fn every_line_reads_back_whatever_its_texts_are(text in any_text()) {
        let session = session(&text);
        for line in lines(&session) {
            prop_assert!(line.len() <= line::MAX_LENGTH, "{} bytes: {line}", line.len());
            prop_assert!(line.ends_with("}\n") && line.matches('\n').count() == 1, "{line}");
            prop_assert!(line.trim_end().chars().all(ck_protocol::is_printable), "{line:?}");
            let read: Value = serde_json::from_str(&line).unwrap();
            for (name, most, whole) in [
                ("user", line::USER, &*session.user.to_text()),
                ("service", line::SERVICE, session.service.as_str()),
                ("tty", line::TTY, session.tty.as_ref().unwrap().as_str()),
                ("remote_host", line::HOST, session.remote_host.as_ref().unwrap().as_str()),
            ] {
                let kept = read[name].as_str().unwrap();
                let is_cut = kept.strip_suffix('…').is_some_and(|kept| whole.starts_with(kept));
                prop_assert!(kept == whole || is_cut && whole.len() * 6 > most, "{kept:?} of {whole:?}");
            }
        }
    }
}
