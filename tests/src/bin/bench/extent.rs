//! How many of everything.

use std::time::Duration;

/// How much is measured.
pub(crate) struct Extent {
    /// Logins of each contender.
    pub(crate) cycles: u32,
    /// How many of them follow each other before the next contender has its turn.
    pub(crate) batch: u32,
    /// Sessions held; the last is more than the limit of descriptors gives on most machines, and is cut to that.
    pub(crate) held: &'static [u32],
    /// Bursts of logins, and storms.
    pub(crate) rounds: u32,
    /// Files in a directory that is torn down, and how many pairs with `rm -rf` are measured.
    pub(crate) trees: &'static [(u32, u32)],
    /// Teardowns during which another user logs in.
    pub(crate) meanwhile: u32,
    /// Files in each of those.
    pub(crate) files: u32,
    /// Records that a broker starts with.
    pub(crate) records: u32,
    /// How long nothing happens.
    pub(crate) idle: Duration,
}

impl Extent {
    pub(crate) const FULL: Self = Self {
        cycles: 300,
        batch: 5,
        held: &[0, 100, 1_000, 10_000, 50_000],
        rounds: 20,
        trees: &[(200_000, 5), (1_000_000, 3)],
        meanwhile: 3,
        files: 200_000,
        records: 10_000,
        idle: Duration::from_secs(60),
    };

    pub(crate) const QUICK: Self = Self {
        cycles: 20,
        batch: 5,
        held: &[0, 100, 1_000],
        rounds: 3,
        trees: &[(20_000, 2)],
        meanwhile: 1,
        files: 50_000,
        records: 1_000,
        idle: Duration::from_secs(3),
    };
}
