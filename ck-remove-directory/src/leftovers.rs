//! What could not be removed, and why.

use crate::{cause::Cause, text::escape_shortened};
use rustix::io::Errno;
use serde::Serialize;

/// The number of leftovers that are named. Further ones are only counted.
const MAX_NAMED: usize = 100;

/// A file or directory that could not be removed.
#[derive(Debug, Serialize)]
pub(crate) struct Leftover {
    /// Escaped and shortened: see [`escape_shortened`].
    pub(crate) path: String,
    pub(crate) errno: String,
    pub(crate) message: String,
}

/// The leftovers of one pass: the first ones by name, all of them as a number.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    named: Vec<Leftover>,
    max_named: usize,
    total: u64,
}

impl Leftovers {
    /// An empty list that names as many leftovers as a report may hold.
    pub(crate) fn with_names() -> Self {
        Self { max_named: MAX_NAMED, ..Self::default() }
    }

    /// An empty list that only counts.
    pub(crate) fn count_only() -> Self {
        Self::default()
    }

    /// Adds a leftover. `path` is called only if the list still takes names.
    pub(crate) fn add(&mut self, errno: Errno, path: impl FnOnce() -> Vec<u8>) {
        let cause = Cause(errno);
        self.add_with_message(cause, cause.message().to_owned(), path);
    }

    /// Adds a leftover with a message other than that of the errno.
    pub(crate) fn add_with_message(&mut self, cause: Cause, message: String, path: impl FnOnce() -> Vec<u8>) {
        self.total += 1;
        if self.named.len() < self.max_named {
            self.named.push(Leftover { path: escape_shortened(&path()), errno: cause.name(), message });
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The leftovers that are named.
    pub(crate) fn named(&self) -> &[Leftover] {
        &self.named
    }

    /// The number of leftovers that are not named.
    pub(crate) fn unnamed(&self) -> u64 {
        let named = u64::try_from(self.named.len()).unwrap_or(u64::MAX);
        self.total.saturating_sub(named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_beyond_the_limit_are_counted() {
        let mut leftovers = Leftovers::with_names();
        for _ in 0..MAX_NAMED + 7 {
            leftovers.add(Errno::PERM, || b"/x".to_vec());
        }
        assert_eq!((leftovers.named().len(), leftovers.unnamed()), (MAX_NAMED, 7));
        assert_eq!(leftovers.named()[0].errno, "EPERM");
    }

    #[test]
    fn counting_never_asks_for_a_path() {
        let mut leftovers = Leftovers::count_only();
        leftovers.add(Errno::PERM, || unreachable!("not asked"));
        assert!(!leftovers.is_empty());
    }
}
