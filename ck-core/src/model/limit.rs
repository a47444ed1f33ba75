//! Limits, and how users share them.

use ck_protocol::Uid;

/// The divisor for the share of one user: no user has more than a quarter of the limit.
const USER_PART: usize = 4;
/// The divisor for the share that is kept for root and for users who have nothing yet.
const NEWCOMERS_PART: usize = 8;
/// The divisor for the share that is kept for root alone.
const ROOT_PART: usize = 32;

/// A limit for all users together, and one for each user.
///
/// No user can take what others need. Users who together use up their shares leave the next share to users who have
/// nothing yet, and the last share to root.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// The maximum for all users together.
    pub all: usize,
    /// The maximum for one user.
    pub per_user: usize,
}

/// The reason why a limit admits no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The user has reached the maximum for one user.
    OfUser,
    /// The rest is reserved for root and for users who have nothing yet.
    ForOthers,
    /// The rest is reserved for root, or there is no rest.
    All,
}

impl Limit {
    /// No limit.
    pub const NONE: Self = Self { all: usize::MAX, per_user: usize::MAX };

    /// The limit `all`, with the usual share for one user.
    #[must_use]
    pub const fn of(all: usize) -> Self {
        Self { all, per_user: part(all, USER_PART) }
    }

    /// Checks whether the user may have one more. The user has `own` already, and all users together have `total`.
    ///
    /// # Errors
    /// The share that is used up.
    pub fn admits(self, uid: Uid, own: usize, total: usize) -> Result<(), Full> {
        let for_root = part(self.all, ROOT_PART);
        let for_newcomers = part(self.all, NEWCOMERS_PART) + for_root;
        let full = |kept| total >= self.all.saturating_sub(kept);
        match (uid, own) {
            (_, own) if own >= self.per_user => Err(Full::OfUser),
            (Uid::ROOT, _) if full(0) => Err(Full::All),
            (Uid::ROOT, _) => Ok(()),
            _ if full(for_root) => Err(Full::All),
            (_, 1..) if full(for_newcomers) => Err(Full::ForOthers),
            _ => Ok(()),
        }
    }
}

const fn part(all: usize, of: usize) -> usize {
    // Every share has at least one place, however small the limit is.
    if all < of { 1 } else { all / of }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(number: u32) -> Uid {
        Uid::try_from(number).unwrap()
    }

    /// The number that each uid gets when the uids take as many as they can, one uid after the other.
    fn taken(limit: Limit, uids: impl IntoIterator<Item = u32>) -> Vec<usize> {
        let mut total = 0;
        let take = |number| {
            let before = total;
            while limit.admits(uid(number), total - before, total).is_ok() {
                total += 1;
            }
            total - before
        };
        uids.into_iter().map(take).collect()
    }

    #[test]
    fn however_many_take_all_they_can_newcomers_and_root_have_places() {
        let limit = Limit::of(320);
        // The fourth finds all but an eighth and a thirty-second taken; then each newcomer has one.
        assert_eq!(taken(limit, [1, 2, 3, 4, 5, 6]), [80, 80, 80, 30, 1, 1]);
        let newcomers = taken(limit, 1..100);
        assert_eq!(newcomers.iter().sum::<usize>(), 310, "ten are root's");
        assert_eq!(newcomers[4..44], [1; 40]);
        assert_eq!(taken(limit, (1..100).chain([0])).last(), Some(&10));
        assert_eq!(taken(limit, [0]), [80], "root is bounded as well");
    }

    #[test]
    fn a_limit_of_few_is_shared_too() {
        assert_eq!(taken(Limit::of(4), [1, 2, 3, 4, 0]), [1, 1, 1, 0, 1]);
    }

    #[test]
    fn why_not_is_told() {
        let limit = Limit::of(320);
        assert_eq!(limit.admits(uid(1), 80, 80), Err(Full::OfUser));
        assert_eq!(limit.admits(uid(1), 79, 270), Err(Full::ForOthers));
        assert_eq!(limit.admits(uid(1), 0, 310), Err(Full::All));
        assert_eq!(limit.admits(Uid::ROOT, 0, 320), Err(Full::All));
        assert_eq!(Limit::NONE.admits(uid(1), 1 << 40, 1 << 40), Ok(()));
    }
}
