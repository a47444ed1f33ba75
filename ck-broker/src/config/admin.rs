//! The table `[admin]`: permissions on `admin.sock`.

use ck_core::policy::Listing;
use ck_protocol::printable;
use serde::{Deserialize, Deserializer, de};
use std::{fmt, fs};

/// The only file in which group names are looked up: the broker asks no name service.
const GROUPS: &str = "/etc/group";

/// The table `[admin]`.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// The sessions that every user may see: `"all"`, or `"own"`.
    pub list: Listing,
    /// The group of the administrators, who may see everything and do what root may: a name in `/etc/group`, or a
    /// number.
    pub group: Group,
}

/// A group, as it is written in the configuration.
#[derive(Debug, PartialEq, Eq)]
pub enum Group {
    /// By number, for groups that are not in the file.
    Id(u32),
    /// By name.
    Name(String),
}

impl Default for Group {
    fn default() -> Self {
        Self::Name("ck-admin".to_owned())
    }
}

/// Written by hand, because the derived code would first buffer a value of any type.
impl<'de> Deserialize<'de> for Group {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NameOrNumber)
    }
}

struct NameOrNumber;

impl de::Visitor<'_> for NameOrNumber {
    type Value = Group;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a group: its name, or its number")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Group, E> {
        Ok(Group::Name(name.to_owned()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Group, E> {
        let gid = u32::try_from(number);
        gid.map(Group::Id).map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))
    }
}

impl Group {
    /// What the administrator should know: a group that was configured does not exist.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let Self::Name(name) = self else { return None };
        let is_missing = *self != Self::default() && self.gid().is_none();
        is_missing.then(|| {
            let name = printable(name);
            format!("admin.group: there is no group {name} in {GROUPS}, so only root is an administrator: make it, then reload ck-broker, or correct the name")
        })
    }

    /// Its number. `None`: there is no such group, so no user is in it.
    #[must_use]
    pub fn gid(&self) -> Option<u32> {
        match self {
            Self::Id(gid) => Some(*gid),
            Self::Name(name) => find(&fs::read_to_string(GROUPS).ok()?, name),
        }
    }
}

/// The number of the group `name` in a text in the format of group(5): `name:password:gid:members`.
fn find(text: &str, name: &str) -> Option<u32> {
    let mut gids = text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name && !name.is_empty()).then(|| fields.nth(1)?.parse().ok())?
    });
    gids.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_by_its_whole_name() {
        let text = "root:x:0:\nck-admin2:x:7:\n\n:x:9:\nck-admin:x:990:alice,bob\nbad:x\nworse:x:many:\n";
        assert_eq!(find(text, "ck-admin"), Some(990));
        for none in ["ck", "alice", "", "bad", "worse", "x"] {
            assert_eq!(find(text, none), None, "{none}");
        }
    }

    #[test]
    fn a_group_is_a_name_or_a_number() {
        let read = |text| toml::from_str::<Admin>(text).map(|admin| admin.group);
        assert_eq!(read(""), Ok(Group::Name("ck-admin".to_owned())));
        assert_eq!(read("group = \"wheel\""), Ok(Group::Name("wheel".to_owned())));
        assert_eq!(read("group = 27"), Ok(Group::Id(27)));
        assert!(read("group = -1").is_err() && read("group = [\"a\"]").is_err());
    }
}
