//! How runtime directories are made.

use serde::Deserialize;

/// What a runtime directory is made of: the key `runtime_dir.kind`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backing {
    /// A tmpfs, or a plain directory where mounting is refused.
    #[default]
    Auto,
    /// A tmpfs, or no directory if mounting fails.
    Tmpfs,
    /// A plain directory.
    Directory,
    /// No directories are made. Another manager may make them.
    None,
}

/// The maximum size of a tmpfs: the key `runtime_dir.size`. It has the format of the option `size=` of tmpfs(5): a
/// percentage of memory, or bytes with an optional `k`, `m` or `g`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Size {
    /// A percentage of memory.
    Percent(u64),
    /// A number of bytes.
    Bytes(u64),
}

/// A size that the kernel would refuse.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is an invalid size: write a percentage of memory from \"1%\" to \"100%\", or bytes as \"64m\""
)]
pub struct BadSize(String);

impl Default for Size {
    /// A tenth of memory, the default of `RuntimeDirectorySize=` in logind.conf(5).
    fn default() -> Self {
        Self::Percent(10)
    }
}

impl TryFrom<String> for Size {
    type Error = BadSize;

    fn try_from(text: String) -> Result<Self, BadSize> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let Ok(number) = number.parse::<u64>() else { return Err(BadSize(text)) };
        let shift = match unit {
            "%" if (1..=100).contains(&number) => return Ok(Self::Percent(number)),
            "" => 0,
            "k" | "K" => 10,
            "m" | "M" => 20,
            "g" | "G" => 30,
            _ => return Err(BadSize(text)),
        };
        // A size of 0 would mean "without limit" to the kernel.
        match number.checked_mul(1 << shift) {
            Some(bytes) if bytes > 0 => Ok(Self::Bytes(bytes)),
            _ => Err(BadSize(text)),
        }
    }
}

impl Size {
    /// The size in bytes on a machine with `memory` bytes.
    #[must_use]
    pub fn bytes(self, memory: u64) -> u64 {
        match self {
            Self::Percent(percent) => memory / 100 * percent,
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// How runtime directories are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MountOptions {
    /// What they are made of.
    pub backing: Backing,
    /// The maximum size of a tmpfs, in bytes.
    pub size: u64,
    /// The maximum number of its inodes.
    pub inodes: u64,
    /// True if programs in it cannot be executed.
    pub noexec: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sizes_that_limit_something_are_taken() {
        for (good, bytes) in
            [("10%", 100), ("100%", 1000), ("64m", 64 << 20), ("1G", 1 << 30), ("65536", 65536)]
        {
            assert_eq!(Size::try_from(good.to_owned()).unwrap().bytes(1000), bytes, "{good}");
        }
        for bad in [
            "",
            "0",
            "0%",
            "101%",
            "10%%",
            "m",
            "-1",
            "+1",
            "10 %",
            "1t",
            "10%,mode=0777",
            "1kk",
            "99999999999g",
        ] {
            assert!(Size::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
