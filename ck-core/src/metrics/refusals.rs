//! What was refused.

use ck_protocol::{Count, RefusalCode, Text};

/// How often the broker refused something, by the reason, since it was started: in the order of [`RefusalCode::WORDS`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Refusals([u64; RefusalCode::WORDS.len()]);

impl Refusals {
    /// Counts one refusal.
    pub fn add(&mut self, code: RefusalCode) {
        let position = RefusalCode::WORDS.iter().position(|(other, _)| *other == code);
        if let Some(count) = position.and_then(|position| self.0.get_mut(position)) {
            *count += 1;
        }
    }

    /// The number for each reason, also where it is zero.
    #[must_use]
    pub fn counts(&self) -> Vec<Count> {
        let counts = RefusalCode::WORDS.iter().zip(self.0);
        counts.map(|((_, word), count)| Count { what: Text::clipped(word), count }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_number() {
        let mut refusals = Refusals::default();
        refusals.add(RefusalCode::Busy);
        refusals.add(RefusalCode::Busy);
        let counts = refusals.counts();
        assert_eq!(counts.len(), RefusalCode::WORDS.len());
        assert_eq!(counts.iter().map(|count| count.count).sum::<u64>(), 2);
        assert_eq!((counts[5].what.as_str(), counts[5].count), ("busy", 2));
    }
}
