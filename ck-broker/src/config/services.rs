//! The tables `[services.NAME]`: the sessions that a PAM service opens.

use ck_core::model::{self, NestedLogin};
use ck_protocol::{Class, UnknownName};
use serde::Deserialize;

/// The settings of one PAM service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Service {
    /// The class of its sessions, unless the options of the PAM module name one.
    class: Option<ClassName>,
    /// `"own"`: every login opens a session. `"inner"`: a login from within a session of the same user opens none.
    session: Option<Session>,
}

/// A class by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct ClassName(Class);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Session {
    Own,
    Inner,
}

impl TryFrom<String> for ClassName {
    type Error = UnknownName;

    fn try_from(name: String) -> Result<Self, UnknownName> {
        name.parse().map(Self)
    }
}

impl From<Service> for model::Service {
    fn from(service: Service) -> Self {
        let nested = |session| match session {
            Session::Own => NestedLogin::Own,
            Session::Inner => NestedLogin::Inner,
        };
        Self { class: service.class.map(|ClassName(class)| class), session: service.session.map(nested) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_and_sessions_have_names() {
        let read = |text| toml::from_str::<Service>(text).map(model::Service::from);
        let all = read("class = \"lock-screen\"\nsession = \"inner\"").unwrap();
        assert_eq!((all.class, all.session), (Some(Class::LockScreen), Some(NestedLogin::Inner)));
        assert_eq!(read("").unwrap(), model::Service::default());
        for bad in ["class = \"User\"", "session = \"none\"", "class = 1", "sesion = \"own\""] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
