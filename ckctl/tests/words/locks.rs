//! `ckctl lock` and `unlock`: who has heard of it.

use crate::{error, printed};
use ck_protocol::*;
use serde_json::{Value, json};

use crate::fake_broker::{Broker, packet};

/// A broker with a session of alice's for each of these numbers, which is also the number of her programs that hear of it.
/// `None`: it speaks version 1, and does not say. Any other session does not exist.
fn broker(told: &'static [Option<u64>]) -> Broker {
    Broker::answering(|request| {
        let (AdminRequest::Lock(id) | AdminRequest::Unlock(id)) = request else { panic!("{request:?}") };
        let told = usize::try_from(id.get()).ok().and_then(|number| told.get(number - 1));
        Some(vec![packet(&match told {
            Some(Some(subscribers)) => {
                let (uid, user) = (Uid::try_from(2001).unwrap(), UserName::clipped("al\u{1b}ice"));
                Reply::Told(Box::new(Told { uid, user, subscribers: *subscribers }))
            }
            Some(None) => Reply::Done(1),
            None => Reply::refused(RefusalCode::NoSuchSession, &format!("no session has the id {id}")),
        })])
    })
}

#[test]
fn people_are_told_how_many_programs_have_heard() {
    let broker = broker(&[Some(1), Some(2)]);
    assert_eq!(
        printed(broker.ckctl().args(["lock", "1", "2"])),
        "session 1 of al\\u{1b}ice (2001): 1 of the user's programs was told to lock it\n\
         session 2 of al\\u{1b}ice (2001): 2 of the user's programs were told to lock it\n"
    );
    assert!(printed(broker.ckctl().args(["unlock", "1"])).ends_with("was told to unlock it\n"));
}

#[test]
fn that_nobody_has_heard_is_said_on_standard_error_and_is_no_failure() {
    let broker = broker(&[Some(0)]);
    for verb in ["lock", "unlock"] {
        let said = error(broker.ckctl().args([verb, "1"]), 0);
        assert_eq!(
            said,
            format!(
                "session 1 of al\\u{{1b}}ice (2001): no program of the user was told to {verb} it: start one that subscribes \
                 (ck-broker-ipc(7))"
            )
        );
    }
}

#[test]
fn programs_get_the_number_for_each_session() {
    let broker = broker(&[Some(0), Some(3), None]);
    let said = printed(broker.ckctl().args(["lock", "1", "2", "3", "--json"]));
    let request = |id: &str, told: u64| json!({ "id": id, "uid": 2001, "user": "al\u{1b}ice", "told": told });
    let unknown = json!({ "id": "3", "uid": null, "user": null, "told": null });
    let expected = json!({ "sessions": 3, "requests": [request("1", 0), request("2", 3), unknown] });
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap(), expected);
}

#[test]
fn a_broker_of_version_1_does_not_say_who_has_heard() {
    assert_eq!(printed(broker(&[None]).ckctl().args(["lock", "1"])), "");
}

#[test]
fn a_session_that_does_not_exist_hides_no_answer_of_another() {
    let broker = broker(&[Some(1)]);
    let output = broker.ckctl().args(["lock", "7", "1", "8"]).output().unwrap();
    let said = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said(output.stdout).starts_with("session 1 of "));
    assert_eq!(said(output.stderr), "ckctl: no session has the id 7\nckctl: no session has the id 8\n");
    assert_eq!(error(broker.ckctl().args(["lock", "7", "--json"]), 1), "no session has the id 7");
}
