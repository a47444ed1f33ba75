//! Frames that nobody who means well would send.

/// Good requests, frozen by the golden test of the protocol.
pub(crate) const SESSION_SEEDS: [&[u8]; 3] = [
    include_bytes!("../../../fuzz/seeds/requests/SessionRequest-Open-49-010030313233"),
    include_bytes!("../../../fuzz/seeds/requests/SessionRequest-Close-5-010100ac02"),
    include_bytes!("../../../fuzz/seeds/requests/SessionRequest-Close-19-010101ffffff"),
];
pub(crate) const ADMIN_SEEDS: [&[u8]; 6] = [
    include_bytes!("../../../fuzz/seeds/requests/AdminRequest-List-2-0100"),
    include_bytes!("../../../fuzz/seeds/requests/AdminRequest-Show-3-010101"),
    include_bytes!("../../../fuzz/seeds/requests/AdminRequest-Status-2-0102"),
    include_bytes!("../../../fuzz/seeds/requests/AdminRequest-Teardowns-2-0103"),
    include_bytes!("../../../fuzz/seeds/requests/AdminRequest-RetryTeardowns-3-010400"),
    include_bytes!("../../../fuzz/seeds/requests/AdminRequest-RetryTeardowns-5-010401ac02"),
];

/// Bytes that mean something: ends of ranges, a newline, an escape, parts of paths, a length of 2^63.
const DICTIONARY: [&[u8]; 10] = [
    &[0],
    &[1],
    &[0x7f],
    &[0x80],
    &[0xff],
    b"\n",
    b"\x1b[2J",
    b"../",
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
];

/// Numbers that look random and are the same for the same seed (SplitMix64, by S. Vigna, in the public domain).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of `0..end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).expect("a usize")).expect("below a usize")
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count.div_ceil(8)).flat_map(|_| self.next().to_le_bytes()).take(count).collect()
    }

    fn pick<'c>(&mut self, choice: &[&'c [u8]]) -> &'c [u8] {
        choice[self.below(choice.len())]
    }
}

/// A frame: nothing, noise, too much, or one of `seeds` that was tampered with.
pub(crate) fn frame(random: &mut Random, seeds: &[&[u8]]) -> Vec<u8> {
    match random.below(1024) {
        0..8 => Vec::new(),
        8..10 => {
            let length = 4097 + random.below(1 << 16);
            [random.pick(seeds), &vec![b'x'; length][..]].concat()
        }
        10..128 => {
            let length = random.below(64);
            random.bytes(length)
        }
        // Noise in a frame of our version.
        128..256 => {
            let length = random.below(64);
            [&[1], &random.bytes(length)[..]].concat()
        }
        _ => {
            let mut frame = random.pick(seeds).to_vec();
            for _ in 0..=random.below(3) {
                tamper(random, &mut frame, seeds);
            }
            frame
        }
    }
}

fn tamper(random: &mut Random, frame: &mut Vec<u8>, seeds: &[&[u8]]) {
    let at = random.below(frame.len() + 1);
    match random.below(7) {
        0 => frame.truncate(at),
        1 => frame.extend(random.pick(&DICTIONARY)),
        2 => drop(frame.splice(at..at, random.pick(&DICTIONARY).iter().copied())),
        3 => {
            let donor = random.pick(seeds);
            let from = random.below(donor.len());
            frame.truncate(at);
            frame.extend(&donor[from..]);
        }
        // The version, or the variant.
        4 => {
            let place = random.below(2);
            if let Some(byte) = frame.get_mut(place) {
                *byte = random.bytes(1)[0];
            }
        }
        _ => {
            if let Some(byte) = frame.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
    }
}
