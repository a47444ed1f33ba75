//! How often something was refused at each endpoint.

use crate::poller::Endpoint;
use ck_core::metrics::Refusals;
use ck_protocol::RefusalCode;

/// What was refused since the broker was started.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Refused {
    /// At session.sock: most often logins.
    pub(crate) logins: Refusals,
    /// At admin.sock.
    pub(crate) requests: Refusals,
}

impl Refused {
    /// Counts one refusal.
    pub(super) fn add(&mut self, endpoint: Endpoint, code: RefusalCode) {
        match endpoint {
            Endpoint::Session => self.logins.add(code),
            Endpoint::Admin => self.requests.add(code),
        }
    }
}
