//! What a login becomes, by the PAM service that it came through.

use ck_protocol::{Class, ShortName};
use std::collections::HashMap;

/// Whether a login from within a session of the same user is a session of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Belonging {
    /// It is.
    Own,
    /// It is part of that session: the environment that is there already is right.
    Inner,
}

/// What logins through a service become; what is not said has its default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// The class, where the module's options name none.
    pub class: Option<Class>,
    /// Whether it is a session of its own.
    pub session: Option<Belonging>,
}

/// What services there are, as configured.
#[derive(Clone, Debug, Default)]
pub struct Services(HashMap<String, Service>);

/// Programs by which somebody who is here becomes somebody else, or the same again.
const WITHIN: [&str; 8] = ["su", "su-l", "sudo", "sudo-i", "runuser", "runuser-l", "doas", "polkit-1"];
/// Programs that work for users who need not be here.
const WITHOUT_A_PERSON: [&str; 3] = ["cron", "crond", "atd"];

impl Services {
    /// The services, each by its name.
    #[must_use]
    pub fn new(configured: HashMap<String, Service>) -> Self {
        Self(configured)
    }

    /// The class of a login through `service`.
    pub(super) fn class(&self, service: &ShortName) -> Class {
        let default =
            if WITHOUT_A_PERSON.contains(&service.as_str()) { Class::Background } else { Class::User };
        self.of(service).class.unwrap_or(default)
    }

    /// Whether a login through `service` is part of the session that it comes from, if that is the same user's.
    pub(super) fn belonging(&self, service: &ShortName) -> Belonging {
        let default = if WITHIN.contains(&service.as_str()) { Belonging::Inner } else { Belonging::Own };
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
        let own = Service { class: Some(Class::Greeter), session: Some(Belonging::Own) };
        let inner = Service { class: None, session: Some(Belonging::Inner) };
        let services = Services::new([("su".to_owned(), own), ("cron".to_owned(), inner)].into());
        for (name, class, belonging) in [
            ("sshd", Class::User, Belonging::Own),
            ("login", Class::User, Belonging::Own),
            ("", Class::User, Belonging::Own),
            ("su-l", Class::User, Belonging::Inner),
            ("sudo", Class::User, Belonging::Inner),
            ("atd", Class::Background, Belonging::Own),
            ("su", Class::Greeter, Belonging::Own),
            ("cron", Class::Background, Belonging::Inner),
        ] {
            let name = Text::clipped(name);
            assert_eq!((services.class(&name), services.belonging(&name)), (class, belonging), "{name}");
        }
    }
}
