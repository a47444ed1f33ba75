//! Who has a place at `admin.sock`, and who gives theirs up for whom: pure.
//!
//! A user can have 65,536 uids, in user namespaces. So whoever has no place yet is let in, and may push out who does
//! nothing; but those who have no session share a room of their own, and push nobody out who has one.

use ck_core::model::Limit;
use std::{cmp::Reverse, collections::HashMap, time::Instant};

/// Those who share places with each other, and with nobody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Circle {
    /// Uid 0.
    Root,
    /// Users who are here, and administrators.
    Users,
    /// All others.
    Strangers,
}

/// Who has a place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guest {
    pub(crate) key: u64,
    pub(crate) uid: u32,
    pub(crate) is_subscriber: bool,
    /// When it connected, or asked last.
    pub(crate) since: Instant,
}

/// The answer to who wants one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// There is one.
    Free,
    /// This guest gives its own up.
    Of(u64),
    /// There is none.
    None,
}

/// The place for one more of the uid among the `guests` of its circle. It gets that of somebody who `is_idle` and whose uid
/// has more places than its own: of the uid with most, what has done nothing for longest, subscribers last.
pub(crate) fn place(limit: Limit, uid: u32, guests: &[Guest], is_idle: impl Fn(&Guest) -> bool) -> Place {
    let mut held: HashMap<u32, usize> = HashMap::new();
    for guest in guests {
        *held.entry(guest.uid).or_default() += 1;
    }
    let of = |uid| held.get(&uid).copied().unwrap_or(0);
    if of(uid) >= limit.per_user {
        return Place::None;
    }
    if guests.len() < limit.all {
        return Place::Free;
    }
    let mut others: Vec<&Guest> = guests.iter().filter(|guest| of(guest.uid) > of(uid)).collect();
    others.sort_by_key(|guest| (Reverse(of(guest.uid)), guest.is_subscriber, guest.since));
    others.into_iter().find(|guest| is_idle(guest)).map_or(Place::None, |guest| Place::Of(guest.key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const LIMIT: Limit = Limit { all: 8, per_user: 4 };

    /// One of each uid, who came one after the other; the number is the key.
    fn guests(uids: &[u32]) -> Vec<Guest> {
        let start = Instant::now();
        let guest = |(key, &uid): (usize, &u32)| {
            let key = u64::try_from(key).unwrap();
            Guest { key, uid, is_subscriber: false, since: start + Duration::from_secs(key) }
        };
        uids.iter().enumerate().map(guest).collect()
    }

    fn place_of(uid: u32, guests: &[Guest]) -> Place {
        place(LIMIT, uid, guests, |_| true)
    }

    #[test]
    fn there_is_room_until_it_is_full_and_one_uid_has_a_part() {
        assert_eq!(place_of(1, &[]), Place::Free);
        assert_eq!(place_of(1, &guests(&[1, 1, 1, 2])), Place::Free);
        assert_eq!(place_of(1, &guests(&[1, 1, 1, 1])), Place::None);
    }

    #[test]
    fn who_has_none_gets_the_place_of_the_longest_idle_of_who_has_most() {
        assert_eq!(place_of(9, &guests(&[1, 2, 2, 3, 3, 3, 1, 2])), Place::Of(1), "2 and 3 have as many");
        assert_eq!(place_of(9, &guests(&[1, 2, 3, 4, 5, 6, 7, 8])), Place::Of(0));
    }

    #[test]
    fn who_has_as_many_as_anybody_else_pushes_nobody_out() {
        assert_eq!(place_of(1, &guests(&[1, 1, 2, 2, 3, 3, 4, 4])), Place::None);
        assert_eq!(place_of(4, &guests(&[1, 1, 1, 2, 2, 3, 3, 4])), Place::Of(0));
    }

    #[test]
    fn a_subscriber_goes_last_of_its_uid() {
        let mut guests = guests(&[1, 1, 1, 2, 2, 3, 3, 4]);
        guests[0].is_subscriber = true;
        assert_eq!(place_of(9, &guests), Place::Of(1));
        guests.iter_mut().for_each(|guest| guest.is_subscriber = true);
        assert_eq!(place_of(9, &guests), Place::Of(0));
    }

    #[test]
    fn who_is_busy_is_not_pushed_out() {
        let guests = guests(&[1, 1, 1, 2, 2, 3, 3, 4]);
        assert_eq!(place(LIMIT, 9, &guests, |guest| guest.uid != 1), Place::Of(3), "the next ones then");
        assert_eq!(place(LIMIT, 9, &guests, |_| false), Place::None);
    }
}
