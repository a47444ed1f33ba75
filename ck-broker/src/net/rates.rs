//! How often each uid asks on `admin.sock`.

use std::{
    cmp::Reverse,
    collections::HashMap,
    time::{Duration, Instant},
};

/// Connections and requests on `admin.sock` together, of one uid, in a second; root is not counted.
const RATE: u32 = 100;
/// How many may come at once after a pause.
const BURST: u32 = 200;
/// How many uids are counted: those that have asked more often than [`RATE`] lately. A user can have thousands, in user
/// namespaces; then those are forgotten first that have asked least.
const COUNTED_UIDS: usize = 1024;

/// How much each uid has asked lately: a bucket each, that fills by [`RATE`] a second.
#[derive(Debug, Default)]
pub(crate) struct Rates(HashMap<u32, Bucket>);

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// What is still in it.
    left: u32,
    /// When that was so.
    at: Instant,
}

impl Rates {
    /// Counts one connection or request of `uid`. False: that is too many.
    pub(crate) fn take(&mut self, uid: u32, now: Instant) -> bool {
        if uid == 0 {
            return true;
        }
        let bucket = self.0.get(&uid).map_or(Bucket { left: BURST, at: now }, |bucket| bucket.filled(now));
        let Some(left) = bucket.left.checked_sub(1) else { return false };
        if self.0.len() >= COUNTED_UIDS && !self.0.contains_key(&uid) {
            self.make_room(now);
        }
        self.0.insert(uid, Bucket { left, at: bucket.at });
        true
    }

    /// Forgets those whose bucket is full again, or else the fullest: of several, the one that has asked for longest no more.
    fn make_room(&mut self, now: Instant) {
        self.0.retain(|_, bucket| bucket.filled(now).left < BURST);
        if self.0.len() < COUNTED_UIDS {
            return;
        }
        let fullest = self.0.iter().max_by_key(|(_, bucket)| (bucket.filled(now).left, Reverse(bucket.at)));
        if let Some(uid) = fullest.map(|(&uid, _)| uid) {
            self.0.remove(&uid);
        }
    }
}

impl Bucket {
    /// As it is `now`. Only whole units are added, and the time for the rest is kept.
    fn filled(self, now: Instant) -> Self {
        let unit = Duration::from_secs(1) / RATE;
        let units = now.saturating_duration_since(self.at).as_nanos() / unit.as_nanos();
        match u32::try_from(units) {
            Ok(units) if self.left + units.min(BURST) < BURST => {
                Self { left: self.left + units, at: self.at + unit * units }
            }
            _ => Self { left: BURST, at: now },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_may_ask_so_often_and_no_oftener() {
        let (mut rates, start) = (Rates::default(), Instant::now());
        let many = |rates: &mut Rates, uid, now| (0..10_000).filter(|_| rates.take(uid, now)).count();
        assert_eq!(many(&mut rates, 2001, start), 200);
        assert_eq!(many(&mut rates, 2002, start), 200);
        assert_eq!(many(&mut rates, 2001, start + Duration::from_millis(500)), 50);
        assert_eq!(many(&mut rates, 2001, start + Duration::from_secs(60)), 200);
        assert_eq!(many(&mut rates, 0, start), 10_000);
        // What is less than a unit is not lost.
        let slowly = (1..=1000).filter(|n| rates.take(2002, start + Duration::from_millis(9) * *n)).count();
        assert!(slowly >= 899, "{slowly}");
    }

    #[test]
    fn the_count_is_bounded_and_forgets_who_is_quiet() {
        let (mut rates, now) = (Rates::default(), Instant::now());
        let many = |rates: &mut Rates, uid| (0..10_000).filter(|_| rates.take(uid, now)).count();
        assert_eq!(many(&mut rates, 1), 200);
        // However many uids somebody has, everybody may ask, and who has asked too much still may not.
        assert!((2..5000).all(|uid| rates.take(uid, now)));
        assert_eq!((many(&mut rates, 1), rates.0.len()), (0, COUNTED_UIDS));
        assert!(rates.take(200_000, now + Duration::from_secs(3)));
        assert_eq!(rates.0.len(), 1);
    }
}
