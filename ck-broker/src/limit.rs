//! How much there may be of something, and how that is shared.

use ck_protocol::Uid;

/// One user has no more than this part of all.
const USER_PART: usize = 4;
/// This last part of all is only for root and for users who have none yet.
const NEWCOMERS_PART: usize = 8;
/// This very last part is root's alone.
const ROOT_PART: usize = 32;

/// A limit in all, and one for each user, so that no user takes what others need. Users who together take all that is
/// theirs leave the last places to those who have none yet, and the very last to root.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// In all.
    pub all: usize,
    /// Of one user.
    pub per_user: usize,
}

/// Why there can be no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The user has as many as one may have.
    OfUser,
    /// What is left is for root and for users who have none.
    ForOthers,
    /// What is left is root's, or nothing is.
    All,
}

impl Limit {
    /// No limit.
    pub const NONE: Self = Self { all: usize::MAX, per_user: usize::MAX };

    /// So many in all, of which one user has a part.
    #[must_use]
    pub const fn of(all: usize) -> Self {
        Self { all, per_user: part(all, USER_PART) }
    }

    /// Whether the user may have one more, who has `own` already, where there are `total`.
    ///
    /// # Errors
    /// Why not.
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
    // However few there are, each part has one.
    if all < of { 1 } else { all / of }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(number: u32) -> Uid {
        Uid::try_from(number).unwrap()
    }

    /// How many each of the uids gets, who take one after the other as many as they can.
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
