//! OpenMetrics text (<https://prometheus.io/docs/specs/om/open_metrics_spec/>).

use ck_protocol::Buckets;
use std::{
    collections::HashSet,
    fmt::{self, Display, Write as _},
    time::Duration,
};

/// A name of a label and its value. The values are words, which need no escapes.
pub type Label<'l> = (&'l str, &'l str);

/// Metrics that are being written.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
    /// The names of the metrics and of their samples.
    names: HashSet<String>,
}

impl Exposition {
    /// A gauge with one sample. Without a value it has none.
    pub fn gauge(&mut self, name: &str, help: &str, value: Option<impl Display>) {
        self.gauges(name, help, value.map(|value| (("", ""), value)));
    }

    /// A gauge with a sample for each value of a label.
    pub fn gauges<'l, V: Display>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (Label<'l>, V)>,
    ) {
        self.head(name, "gauge", help);
        for (label, value) in values {
            self.sample(name, "", &[label], value);
        }
    }

    /// A counter with a sample for each combination of labels.
    pub fn counters<'l, const LABELS: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = ([Label<'l>; LABELS], u64)>,
    ) {
        self.head(name, "counter", help);
        for (labels, value) in values {
            self.sample(name, "_total", &labels, value);
        }
    }

    /// A histogram of seconds for each value of a label.
    pub fn histograms<'h>(
        &mut self,
        name: &str,
        help: &str,
        histograms: impl IntoIterator<Item = (Label<'h>, &'h Buckets)>,
    ) {
        self.head(name, "histogram", help);
        for (label, histogram) in histograms {
            for (bound, count) in histogram.up_to() {
                let bound = Seconds(bound).to_string();
                self.sample(name, "_bucket", &[label, ("le", &bound)], count);
            }
            self.sample(name, "_bucket", &[label, ("le", "+Inf")], histogram.count());
            self.sample(name, "_count", &[label], histogram.count());
            self.sample(name, "_sum", &[label], Seconds(histogram.sum.into()));
        }
    }

    /// True if a metric or a sample has this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// The text, with the mark of its end.
    #[must_use]
    pub fn finish(self) -> String {
        self.text + "# EOF\n"
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        self.names.insert(name.to_owned());
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "# TYPE {name} {kind}\n# HELP {name} {help}");
    }

    /// One sample. A label without a name is left out.
    fn sample(&mut self, name: &str, suffix: &str, labels: &[Label<'_>], value: impl Display) {
        let labels = labels.iter().filter(|(name, _)| !name.is_empty());
        let labels: Vec<_> = labels.map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let name = format!("{name}{suffix}");
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{name}{labels} {value}");
        self.names.insert(name);
    }
}

/// A duration in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Seconds(pub Duration);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_secs_f64().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ck_protocol::DurationBucket;

    #[test]
    fn a_histogram_counts_all_durations_up_to_each_bound() {
        let bucket = |micros, count| DurationBucket { up_to: Duration::from_micros(micros).into(), count };
        let buckets = vec![bucket(250, 2), bucket(1_500_000, 3)];
        let histogram = Buckets { buckets, above: 1, sum: Duration::from_micros(9_000_001).into() };
        let mut exposition = Exposition::default();
        exposition.histograms("x_seconds", "Help.", [(("stage", "all"), &histogram)]);
        assert!(exposition.has("x_seconds"));
        assert_eq!(
            exposition.finish(),
            "# TYPE x_seconds histogram\n# HELP x_seconds Help.\n\
             x_seconds_bucket{stage=\"all\",le=\"0.00025\"} 2\n\
             x_seconds_bucket{stage=\"all\",le=\"1.5\"} 5\n\
             x_seconds_bucket{stage=\"all\",le=\"+Inf\"} 6\n\
             x_seconds_count{stage=\"all\"} 6\nx_seconds_sum{stage=\"all\"} 9.000001\n# EOF\n"
        );
    }
}
