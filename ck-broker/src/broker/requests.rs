//! Requests: handed to [`Api`], and what follows carried out.

use super::Broker;
use crate::{
    api::{Answer, Api, Groups, session},
    component::Request,
    net::Net,
};
use ck_core::{metrics::Stage, registry::Input};
use ck_protocol::{EndCause, Reply, SessionRequest};
use std::time::Instant;

impl Broker {
    pub(super) fn answer(&mut self, key: u64, request: Request) {
        match request {
            Request::Module(request) => self.answer_module(key, request),
            Request::Admin(request) => {
                let (_, mut api) = self.api(key);
                let answer = api.answer(request);
                self.carry_out(key, answer);
            }
        }
    }

    fn answer_module(&mut self, key: u64, request: SessionRequest) {
        match request {
            SessionRequest::Open(open) => {
                let has_sessions = self.sessions.registry.sessions() > 0;
                self.begin_stage(Some(key), Stage::Identify);
                let (proc, process) = (&self.sessions.proc, self.net.process(key));
                let login = session::login(*open, proc, process, has_sessions);
                self.end_stage(Some(key));
                match login {
                    Ok(login) => self.apply(Input::Open(Box::new(login)), Some(key)),
                    Err(refusal) => {
                        self.net.send(key, &Reply::Refused(refusal));
                    }
                }
            }
            SessionRequest::Close(session) => {
                self.end(session, EndCause::Logout);
                self.net.send(key, &Reply::Closed);
            }
        }
    }

    fn carry_out(&mut self, key: u64, answer: Answer) {
        match answer {
            Answer::Reply(reply) => {
                self.net.send(key, &reply);
            }
            Answer::List(list) => {
                self.net.start_list(key, list);
                self.send_list(key);
            }
            Answer::Ask(input) => self.apply(input, Some(key)),
            Answer::Tell(inputs, reply) => {
                inputs.into_iter().for_each(|input| self.apply(input, None));
                self.net.send(key, &reply);
            }
            Answer::Subscribe => self.subscribe(key),
            Answer::AfterSwitch => self.net.await_switch(key),
        }
    }

    /// Sends as much of the list that the peer waits for as there is room for.
    pub(super) fn send_list(&mut self, key: u64) {
        let (net, api) = self.api(key);
        net.send_list(key, Instant::now(), |list| api.next_of(list));
    }

    /// What the peer of this connection may use, beside the connection itself.
    fn api(&mut self, key: u64) -> (&mut Net, Api<'_>) {
        let requester = self.net.requester(key);
        let groups = Groups {
            of_peer: self.net.peer(key).map_or(u32::MAX, |peer| peer.gid),
            of_admins: self.net.policy().group,
        };
        let api = Api {
            key,
            requester,
            groups,
            sessions: &mut self.sessions,
            directories: &mut self.directories,
            console: &mut self.console,
            hooks: &self.hooks,
            history: &self.history,
            sd_login: &self.sd_login,
            configured: &self.configured,
            logins: &self.logins,
            refused: self.net.refused(),
            subscribers: self.subscriptions.count(),
        };
        (&mut self.net, api)
    }
}
