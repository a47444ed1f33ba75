//! Nothing that a user can hold: the attacks of `tests/src/bin/attack`, on whole hosts. Meanwhile everybody else logs in as
//! if nothing was, the broker never waits, and when the attack is over nothing is left of it, without any help.

mod dear;
mod locks;

use ck_tests::Guarded;

pub(crate) const ATTACK: &str = env!("CARGO_BIN_EXE_attack");

/// What the broker can do, and where it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Tmpfs,
    Directory,
    /// Without CAP_SYS_ADMIN: plain directories, and no mount of its own.
    Unprivileged,
    /// `/` is shared, as systemd has it.
    SharedTmpfs,
    SharedDirectory,
}

impl Mode {
    fn toml(self) -> &'static str {
        match self {
            Self::Tmpfs | Self::SharedTmpfs => "[runtime_dir]\nkind = \"tmpfs\"\n",
            Self::Directory | Self::SharedDirectory => "[runtime_dir]\nkind = \"directory\"\n",
            Self::Unprivileged => "",
        }
    }

    /// A machine of that mode; who lingers is on a tmpfs, whose names can be held best.
    pub(crate) fn up(self) -> Guarded {
        let shared = if matches!(self, Self::SharedTmpfs | Self::SharedDirectory) {
            "mount --make-rshared / && "
        } else {
            ""
        };
        let drop = if self == Self::Unprivileged { "setpriv --bounding-set=-sys_admin " } else { "" };
        let start = format!(
            "{shared} mkdir -p /var/lib/ck && mount -t tmpfs -o mode=755 none /var/lib/ck && exec {drop}/usr/sbin/ck-broker"
        );
        Guarded::up_by(&["sh", "-c", &start], self.toml())
    }
}
