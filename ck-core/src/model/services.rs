//! The class of a session, and whether a nested login opens one, by PAM service.

use ck_protocol::{Class, ShortName};
use std::collections::HashMap;

/// What a nested login opens: a login from within a session of the same user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NestedLogin {
    /// It opens a session of its own.
    Own,
    /// It is part of the session that it comes from. The environment of that session stays valid.
    Inner,
}

/// The settings of one PAM service. Absent settings have their defaults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// The class of its sessions, unless the options of the PAM module name one.
    pub class: Option<Class>,
    /// What its nested logins open.
    pub session: Option<NestedLogin>,
}

/// The configured PAM services.
#[derive(Clone, Debug, Default)]
pub struct Services(HashMap<String, Service>);

/// Services whose nested logins are [`NestedLogin::Inner`] by default: they change the user within a session.
const INNER: [&str; 8] = ["su", "su-l", "sudo", "sudo-i", "runuser", "runuser-l", "doas", "polkit-1"];
/// Services whose class is [`Class::Background`] by default: they run work for users who need not be logged in.
const BACKGROUND: [&str; 3] = ["cron", "crond", "atd"];

impl Services {
    /// The settings of services, by service name.
    #[must_use]
    pub fn new(configured: HashMap<String, Service>) -> Self {
        Self(configured)
    }

    /// The class of a session that `service` opens.
    pub(super) fn class(&self, service: &ShortName) -> Class {
        let default = if BACKGROUND.contains(&service.as_str()) { Class::Background } else { Class::User };
        self.of(service).class.unwrap_or(default)
    }

    /// What a nested login through `service` opens.
    pub(crate) fn nested_login(&self, service: &ShortName) -> NestedLogin {
        let default = if INNER.contains(&service.as_str()) { NestedLogin::Inner } else { NestedLogin::Own };
        self.of(service).session.unwrap_or(default)
    }

    fn of(&self, service: &ShortName) -> Service {
        self.0.get(service.as_str()).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ck_protocol::Text;

    #[test]
    fn each_service_has_its_default_and_the_configuration_wins() {
        let own = Service { class: Some(Class::Greeter), session: Some(NestedLogin::Own) };
        let inner = Service { class: None, session: Some(NestedLogin::Inner) };
        let services = Services::new([("su".to_owned(), own), ("cron".to_owned(), inner)].into());
        for (name, class, nested) in [
            ("sshd", Class::User, NestedLogin::Own),
            ("login", Class::User, NestedLogin::Own),
            ("", Class::User, NestedLogin::Own),
            ("su-l", Class::User, NestedLogin::Inner),
            ("sudo", Class::User, NestedLogin::Inner),
            ("atd", Class::Background, NestedLogin::Own),
            ("su", Class::Greeter, NestedLogin::Own),
            ("cron", Class::Background, NestedLogin::Inner),
        ] {
            let name = Text::clipped(name);
            assert_eq!((services.class(&name), services.nested_login(&name)), (class, nested), "{name}");
        }
    }
}
