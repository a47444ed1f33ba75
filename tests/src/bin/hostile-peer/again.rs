//! One login that is asked for on many connections at once.

use ck_protocol::{PROTOCOL, RefusalCode, Reply, SessionRef, SessionRequest, Token, limits};
use ck_tests::wire;

use crate::socket::Connection;

const CONNECTIONS: usize = 16;

/// Asks `count` times. Each connection is answered, the last one with the session.
pub(crate) fn ask(count: usize) {
    let connections: Vec<Connection> = (0..CONNECTIONS).map(|_| Connection::to("session")).collect();
    for number in 0..count {
        let mut token = [0; 16];
        token[..8].copy_from_slice(&u64::try_from(number).expect("a small number").to_le_bytes());
        let request = wire::open(2001, Token::new(token));
        let mut buffer = [0; limits::REQUEST];
        let frame = PROTOCOL.newest().encode(&request, &mut buffer).expect("a request that fits").to_vec();
        connections.iter().for_each(|connection| connection.send(&frame));
        let answers: Vec<Option<Reply>> = connections.iter().map(Connection::reply).collect();
        let mut opened = None;
        for answer in answers {
            match answer {
                Some(Reply::Opened(session)) => {
                    assert!(opened.is_none_or(|id| id == session.id), "one login has two sessions");
                    opened = Some(session.id);
                }
                Some(Reply::Refused(refusal)) if refusal.code == RefusalCode::Failed => {}
                answer => panic!("a login is answered with {answer:?}"),
            }
        }
        let id = opened.expect("the last one that asked gets the session");
        assert_eq!(connections[0].ask(&SessionRequest::Close(SessionRef::Id(id))), Some(Reply::Closed));
    }
}
