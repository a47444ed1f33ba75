//! The runtime directories, `/run/user/<uid>`: made at the first login, and taken out of their
//! place at the last logout.
//!
//! The root that they lie in belongs to root alone, so names in it can be trusted. What is
//! *below* such a name belongs to its user, who may mount a FUSE file system over it: nothing
//! here opens, reads or stats through it in a way that could ask that file system.

mod create;
mod retire;
mod root;

pub use create::{CreateError, Existing};
pub use retire::{Remains, RetireError};
pub use root::{RootError, RuntimeRoot};

use serde::Deserialize;

/// What a runtime directory is made of: the key `runtime_dir.kind`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backing {
    /// A tmpfs, or a plain directory where mounting is refused.
    #[default]
    Auto,
    /// A tmpfs, or none.
    Tmpfs,
    /// A plain directory.
    Directory,
}

/// How large a tmpfs may grow: the key `runtime_dir.size`, as the option `size=` of tmpfs(5)
/// takes it: a percentage of memory, or bytes with an optional `k`, `m` or `g`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Size(String);

/// A size that the kernel would refuse.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no size: write a percentage of memory from \"1%\" to \"100%\", or bytes as \"64m\"")]
pub struct BadSize(String);

impl Default for Size {
    /// A tenth of memory, as systemd-logind's `RuntimeDirectorySize=` has it.
    fn default() -> Self {
        Self("10%".to_owned())
    }
}

impl TryFrom<String> for Size {
    type Error = BadSize;

    fn try_from(text: String) -> Result<Self, BadSize> {
        let number = text.trim_end_matches(['%', 'k', 'm', 'g', 'K', 'M', 'G']);
        let suffix = text.len() - number.len();
        let amount = number.parse::<u64>().unwrap_or(0);
        // A size of 0 would mean "without limit" to the kernel.
        if suffix > 1
            || amount == 0
            || (text.ends_with('%') && amount > 100)
            || !number.starts_with(char::is_numeric)
        {
            return Err(BadSize(text));
        }
        Ok(Self(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sizes_that_limit_something_are_taken() {
        for good in ["10%", "1%", "100%", "64m", "1G", "65536"] {
            assert!(Size::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["", "0", "0%", "101%", "10%%", "m", "-1", "+1", "10 %", "1t", "10%,mode=0777", "1kk"] {
            assert!(Size::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
