//! Which connection to `admin.sock` gets a place, and which idle one is closed for it. Pure.
//!
//! A user can have 65,536 uids, in user namespaces. So a uid without a place gets that of an idle connection. Uids without a
//! session have places of their own, and take none from users with one: see [`PeerClass`](crate::limits::PeerClass).

use ck_core::model::Limit;
use std::{cmp::Reverse, collections::HashMap, time::Instant};

/// A connection that has a place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holder {
    pub(crate) key: u64,
    pub(crate) uid: u32,
    pub(crate) is_subscriber: bool,
    /// When it connected, or asked last.
    pub(crate) since: Instant,
}

/// Where the place for one more connection comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vacancy {
    /// One is free.
    Free,
    /// The connection with this key is closed for it.
    Of(u64),
    /// No connection may be closed for it.
    None,
}

/// The place for one more connection of the uid among the `holders` of its class. Without a free one it takes that of an idle connection of
/// a uid that holds more than its own: of the uid with most, the connection that has been idle for longest, subscribers last.
pub(crate) fn place(
    limit: Limit,
    uid: u32,
    holders: &[Holder],
    is_idle: impl Fn(&Holder) -> bool,
) -> Vacancy {
    let mut held: HashMap<u32, usize> = HashMap::new();
    for holder in holders {
        *held.entry(holder.uid).or_default() += 1;
    }
    let of = |uid| held.get(&uid).copied().unwrap_or(0);
    if of(uid) >= limit.per_user {
        return Vacancy::None;
    }
    if holders.len() < limit.all {
        return Vacancy::Free;
    }
    let mut others: Vec<&Holder> = holders.iter().filter(|holder| of(holder.uid) > of(uid)).collect();
    others.sort_by_key(|holder| (Reverse(of(holder.uid)), holder.is_subscriber, holder.since));
    others.into_iter().find(|holder| is_idle(holder)).map_or(Vacancy::None, |holder| Vacancy::Of(holder.key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const LIMIT: Limit = Limit { all: 8, per_user: 4 };

    /// One of each uid, who came one after the other; the number is the key.
    fn holders(uids: &[u32]) -> Vec<Holder> {
        let start = Instant::now();
        let holder = |(key, &uid): (usize, &u32)| {
            let key = u64::try_from(key).unwrap();
            Holder { key, uid, is_subscriber: false, since: start + Duration::from_secs(key) }
        };
        uids.iter().enumerate().map(holder).collect()
    }

    fn place_of(uid: u32, holders: &[Holder]) -> Vacancy {
        place(LIMIT, uid, holders, |_| true)
    }

    #[test]
    fn there_is_room_until_it_is_full_and_one_uid_has_a_part() {
        assert_eq!(place_of(1, &[]), Vacancy::Free);
        assert_eq!(place_of(1, &holders(&[1, 1, 1, 2])), Vacancy::Free);
        assert_eq!(place_of(1, &holders(&[1, 1, 1, 1])), Vacancy::None);
    }

    #[test]
    fn who_has_none_gets_the_place_of_the_longest_idle_of_who_has_most() {
        assert_eq!(place_of(9, &holders(&[1, 2, 2, 3, 3, 3, 1, 2])), Vacancy::Of(1), "2 and 3 have as many");
        assert_eq!(place_of(9, &holders(&[1, 2, 3, 4, 5, 6, 7, 8])), Vacancy::Of(0));
    }

    #[test]
    fn who_has_as_many_as_anybody_else_pushes_nobody_out() {
        assert_eq!(place_of(1, &holders(&[1, 1, 2, 2, 3, 3, 4, 4])), Vacancy::None);
        assert_eq!(place_of(4, &holders(&[1, 1, 1, 2, 2, 3, 3, 4])), Vacancy::Of(0));
    }

    #[test]
    fn a_subscriber_goes_last_of_its_uid() {
        let mut holders = holders(&[1, 1, 1, 2, 2, 3, 3, 4]);
        holders[0].is_subscriber = true;
        assert_eq!(place_of(9, &holders), Vacancy::Of(1));
        holders.iter_mut().for_each(|holder| holder.is_subscriber = true);
        assert_eq!(place_of(9, &holders), Vacancy::Of(0));
    }

    #[test]
    fn who_is_busy_is_not_pushed_out() {
        let holders = holders(&[1, 1, 1, 2, 2, 3, 3, 4]);
        assert_eq!(place(LIMIT, 9, &holders, |holder| holder.uid != 1), Vacancy::Of(3), "the next ones then");
        assert_eq!(place(LIMIT, 9, &holders, |_| false), Vacancy::None);
    }
}
