//! Logouts.

use crate::{
    SESSION_ERR,
    application::SUCCESS,
    bed::Bed,
    broker::{Answer, opened, refused},
};
use ck_protocol::{Reply, SessionRef, SessionRequest};
use std::time::{Duration, Instant};

const CLOSED: Answer = Answer::Reply(Reply::Closed);

#[test]
fn a_logout_closes_by_its_token_and_frees_the_handle() {
    let bed = Bed::new();
    let broker = bed.broker([opened(1), CLOSED, opened(2)]);
    let mut login = bed.login(b"root", "");
    assert_eq!(login.open(), SUCCESS);
    // If the login is part of another session, the id is that of the other session.
    let token = broker.open_request().token;
    assert_eq!(login.close(), SUCCESS);
    assert_eq!(broker.request(), SessionRequest::Close(SessionRef::Token(token)));
    assert_eq!(login.close(), SUCCESS, "there is nothing left to close");
    assert_eq!(login.open(), SUCCESS);
    assert_eq!(login.env("XDG_SESSION_ID").unwrap(), "2");
    broker.open_request();
    assert!(broker.had_no_more() && bed.raw_log().is_empty());
}

#[test]
fn a_session_that_was_never_confirmed_is_closed_by_its_token() {
    let bed = Bed::new();
    let broker = bed.broker([Answer::Silence, CLOSED]);
    let mut login = bed.login(b"root", "timeout=50");
    assert_eq!(login.open(), SUCCESS);
    let token = broker.open_request().token;
    assert_eq!(login.close(), SUCCESS);
    assert_eq!(broker.request(), SessionRequest::Close(SessionRef::Token(token)));
}

/// There is one line for a login. A second line, about the end of a session that was never opened, would be wrong.
#[test]
fn a_logout_does_not_log_again_that_the_broker_is_stopped() {
    let bed = Bed::new();
    let _broker = bed.broker([Answer::Silence, Answer::Silence]);
    let mut login = bed.login(b"root", "timeout=50");
    assert_eq!((login.open(), login.close()), (SUCCESS, SUCCESS));
    let log = bed.log();
    assert!(log.len() == 1 && log[0].ends_with("; logging in without a session"), "{log:?}");
}

#[test]
fn a_logout_does_not_wait_for_a_stopped_broker() {
    let bed = Bed::new();
    let broker = bed.broker([opened(1), Answer::Silence]);
    let mut login = bed.login(b"root", "timeout=5000");
    assert_eq!(login.open(), SUCCESS);
    let start = Instant::now();
    assert_eq!(login.close(), SUCCESS);
    let took = start.elapsed();
    assert!((Duration::from_millis(190)..Duration::from_secs(1)).contains(&took), "took {took:?}");
    let log = bed.log();
    assert!(log.len() == 1 && log[0].contains("it gave no answer within 200 ms"), "{log:?}");
    assert!(log[0].ends_with("; the session ends with this process"), "{log:?}");
    drop(broker);
}

#[test]
fn a_timeout_below_that_of_a_logout_holds_for_both() {
    let bed = Bed::new();
    let _broker = bed.broker([opened(1), Answer::Silence]);
    let mut login = bed.login(b"root", "timeout=150 strict");
    assert_eq!((login.open(), login.close()), (SUCCESS, SESSION_ERR));
    assert!(bed.log()[0].contains("it gave no answer within 150 ms"));
}

#[test]
fn a_logout_that_is_refused_is_logged() {
    let bed = Bed::new();
    let _broker = bed.broker([opened(1), refused("no")]);
    let mut login = bed.login(b"root", "");
    assert_eq!((login.open(), login.close()), (SUCCESS, SUCCESS));
    assert_eq!(bed.log(), ["the session broker refused: no; the session ends with this process"]);
}
