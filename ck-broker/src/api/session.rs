//! What modules ask on session.sock, where every peer is root.

use super::refused;
use crate::{broker::Broker, process};
use ck_core::{model::Login, registry::Input};
use ck_protocol::{Open, RefusalCode, Reply, SessionRequest};
use std::time::SystemTime;

impl Broker {
    pub(super) fn answer_module(&mut self, key: u64, request: SessionRequest) {
        match request {
            SessionRequest::Open(open) => self.open_session(key, *open),
            SessionRequest::Close(session) => {
                self.end(session);
                self.send(key, &Reply::Closed);
            }
        }
    }

    fn open_session(&mut self, key: u64, open: Open) {
        if let Err(message) = check(&open) {
            log::warn!("login refused: {message}: {}", open.user);
            self.send(key, &refused(RefusalCode::Invalid, message));
            return;
        }
        let Some(connection) = self.net.connections.get_mut(&key) else { return };
        let pid = connection.peer.pid;
        let process = connection.process();
        let Some((process, leader)) = process.ok().and_then(|fd| Some((fd, process::leader(fd, pid)?)))
        else {
            log::warn!("login of {} refused: its process {pid} is gone", open.user);
            self.send(
                key,
                &refused(
                    RefusalCode::Failed,
                    "cannot tell your process from others: see the log of ck-broker",
                ),
            );
            return;
        };
        // Without a session there is none that it could be part of.
        let somebody = self.sessions.registry.sessions() > 0;
        let ancestors = if somebody { process::ancestors(process, pid) } else { Vec::new() };
        let login = Login { open, leader, ancestors, now: SystemTime::now().into() };
        self.apply(Input::Open(Box::new(login)), Some(key));
    }
}

/// Whether the facts of a login can be used.
fn check(open: &Open) -> Result<(), &'static str> {
    let user = open.user.as_str();
    if user.is_empty() {
        return Err("the user's name is empty: PAM_USER must name a user");
    }
    if user.chars().any(char::is_control) {
        return Err("the user's name holds control characters: rename the user");
    }
    Ok(())
}
