//! The table `[compat]`: what is kept up to date for software that does not know us.

use serde::Deserialize;

/// The table `[compat]`.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Compat {
    /// `"auto"` or `"off"`.
    pub sd_login: SdLogin,
    /// Whether seats are published too.
    pub seats: bool,
}

/// Whether sessions are published in `/run/systemd` for libsystemd.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SdLogin {
    /// Yes, unless systemd-logind or elogind does it.
    #[default]
    Auto,
    /// No.
    Off,
}
