//! Medians and percentiles.

use std::fmt;

use serde_json::{Value, json};

/// What was measured, in nanoseconds, sorted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<u64>);

impl FromIterator<u64> for Samples {
    fn from_iter<I: IntoIterator<Item = u64>>(samples: I) -> Self {
        let mut sorted: Vec<u64> = samples.into_iter().collect();
        sorted.sort_unstable();
        Self(sorted)
    }
}

impl Samples {
    /// In microseconds; 0 of nothing.
    fn at(&self, hundredth: usize) -> f64 {
        let last = self.0.len().saturating_sub(1);
        self.0.get((self.0.len() * hundredth / 100).min(last)).map_or(0.0, |&nanos| nanos as f64 / 1e3)
    }

    pub(crate) fn median(&self) -> f64 {
        self.at(50)
    }

    pub(crate) fn p99(&self) -> f64 {
        self.at(99)
    }

    pub(crate) fn longest(&self) -> f64 {
        self.at(100)
    }

    pub(crate) fn json(&self) -> Value {
        json!({"median_us": self.median(), "p99_us": self.p99(), "p10_us": self.at(10), "p90_us": self.at(90),
               "max_us": self.longest(), "samples": self.0.len()})
    }
}

/// `MEDIAN (P99)`, in microseconds.
impl fmt::Display for Samples {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return out.pad("-");
        }
        out.pad(&format!("{} ({})", thousands(self.median()), thousands(self.p99())))
    }
}

/// A number with a comma every three digits, without decimals.
pub(crate) fn thousands(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let mut text = if number <= -0.5 { "-".to_owned() } else { String::new() };
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
