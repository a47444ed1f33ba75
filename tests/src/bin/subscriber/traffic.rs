//! Sessions that come and go.

use std::time::{Duration, Instant};

use ck_protocol::{Reply, SessionRef, SessionRequest, Token};
use ck_tests::wire::{self, Wire};

/// Random enough for a test: xorshift.
pub(crate) struct Dice(u64);

/// A session that this process has opened.
pub(crate) struct Held(SessionRef);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    /// One that nobody else has.
    fn token(&mut self) -> Token {
        let pid = u64::from(std::process::id());
        let mut bits = [0; 16];
        bits[..8].copy_from_slice(&self.below(u64::MAX).to_le_bytes());
        bits[8..].copy_from_slice(&pid.to_le_bytes());
        Token::new(bits)
    }
}

impl Held {
    /// Opens one, without a directory.
    pub(crate) fn open(uid: u32, dice: &mut Dice) -> Self {
        let token = dice.token();
        let mut request = wire::open(uid, token);
        if let SessionRequest::Open(open) = &mut request {
            open.runtime_dir = false;
        }
        let Reply::Opened(opened) = ask(&request) else { panic!("not opened") };
        Self(if dice.below(2) == 0 { SessionRef::Id(opened.id) } else { SessionRef::Token(token) })
    }

    pub(crate) fn close(self) {
        assert_eq!(ask(&SessionRequest::Close(self.0)), Reply::Closed);
    }
}

fn ask(request: &SessionRequest) -> Reply {
    Wire::session().and_then(|wire| wire.ask(request)).expect("a broker that answers")
}

/// Opens and closes at random, and ends with some of them still open: the end of their leader.
pub(crate) fn act(seed: u64, steps: u32) {
    let mut dice = Dice::new(seed);
    let mut held = Vec::new();
    for _ in 0..steps {
        if held.is_empty() || dice.below(5) < 3 {
            let uid = 3001 + u32::try_from(dice.below(3)).expect("a small number");
            held.push(Held::open(uid, &mut dice));
        } else {
            let count = u64::try_from(held.len()).expect("a count");
            held.swap_remove(usize::try_from(dice.below(count)).expect("an index")).close();
        }
    }
}

/// Logins of the uid, one after the other.
pub(crate) fn logins(uid: u32, count: u32) {
    let mut dice = Dice::new(u64::from(std::process::id()));
    let mut samples: Vec<Duration> = (0..count)
        .map(|_| {
            let start = Instant::now();
            let held = Held::open(uid, &mut dice);
            let took = start.elapsed();
            held.close();
            took
        })
        .collect();
    samples.sort_unstable();
    println!("{}", samples[samples.len() / 2].as_micros());
}
