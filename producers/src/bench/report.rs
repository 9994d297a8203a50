//! What every bench answers with.

use std::{collections::BTreeMap, fs, time::Duration};

use serde::Serialize;
use serde_json::Value;

/// A bench's answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Its name.
    pub bench: &'static str,
    /// Where it ran.
    pub machine: Machine,
    /// How it ran: sizes, and settings of the servers.
    pub settings: BTreeMap<String, Value>,
    /// What it measured.
    pub metrics: Vec<Metric>,
    #[serde(skip)]
    defaults: bool,
}

/// The machine of a bench.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// Processors that may be used.
    pub processors: usize,
    /// What the processor calls itself.
    pub processor: String,
    /// Memory in MiB; 0 when the system does not say.
    pub memory_mib: u64,
    /// Operating system and architecture.
    pub system: String,
    /// Whether the program was built without optimisation, which no measured time should be.
    pub debug_build: bool,
}

/// One measured value, and what it was measured against in the same run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metric {
    /// What was measured.
    pub name: String,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: &'static str,
    /// What it was measured against.
    pub beside: Option<String>,
    /// How much that was.
    pub beside_value: Option<f64>,
    /// The relation that the aim is about, as the aim says it.
    pub ratio: Option<f64>,
    /// What is wanted.
    pub aim: Option<String>,
    /// Whether the aim is met, with the product's default settings.
    pub met: Option<bool>,
}

/// What is wanted of a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Aim {
    /// At most so much.
    AtMost(f64),
    /// At least so much.
    AtLeast(f64),
}

impl Aim {
    fn is_met(self, number: f64) -> bool {
        match self {
            Self::AtMost(limit) => number <= limit,
            Self::AtLeast(limit) => number >= limit,
        }
    }

    fn text(self, of: &str) -> String {
        match self {
            Self::AtMost(limit) => format!("{of} at most {limit}"),
            Self::AtLeast(limit) => format!("{of} at least {limit}"),
        }
    }
}

impl Report {
    /// A report without metrics yet. `defaults` says whether all settings are the product's; where they are not, no aim is met.
    #[must_use]
    pub fn new(bench: &'static str, settings: BTreeMap<String, Value>, defaults: bool) -> Self {
        Self { bench, machine: Machine::this(), settings, metrics: Vec::new(), defaults }
    }

    /// The same report, of sizes that are the product's measure or are not; where they are not, no aim is met.
    #[must_use]
    pub fn of_sizes(mut self, defaults: bool) -> Self {
        self.defaults &= defaults;
        for metric in &mut self.metrics {
            metric.met = metric.met.map(|met| met && self.defaults);
        }
        self
    }

    /// Adds a value that stands alone.
    pub fn value(&mut self, name: impl Into<String>, value: f64, unit: &'static str, aim: Option<Aim>) {
        self.metrics.push(Metric {
            name: name.into(),
            value,
            unit,
            beside: None,
            beside_value: None,
            ratio: None,
            aim: aim.map(|aim| aim.text("the value is")),
            met: aim.map(|aim| self.defaults && aim.is_met(value)),
        });
    }

    /// Adds a time beside another one. The ratio is `value / beside`.
    pub fn times(
        &mut self,
        name: impl Into<String>,
        value: Duration,
        beside: impl Into<String>,
        other: Duration,
        aim: Option<Aim>,
    ) {
        let ratio = value.as_secs_f64() / other.as_secs_f64();
        self.compared(
            name,
            value.as_secs_f64(),
            "s",
            beside,
            other.as_secs_f64(),
            ("the ratio value / beside is", ratio),
            aim,
        );
    }

    /// Adds a time beside a longer one. The ratio is `beside / value`: how many times faster.
    pub fn times_faster(
        &mut self,
        name: impl Into<String>,
        value: Duration,
        beside: impl Into<String>,
        other: Duration,
        aim: Option<Aim>,
    ) {
        let ratio = other.as_secs_f64() / value.as_secs_f64();
        self.compared(
            name,
            value.as_secs_f64(),
            "s",
            beside,
            other.as_secs_f64(),
            ("the ratio beside / value is", ratio),
            aim,
        );
    }

    /// Adds a value beside another one, with their relation in words and in number.
    #[expect(clippy::too_many_arguments, reason = "a metric's fields, each by itself")]
    pub fn compared(
        &mut self,
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
        beside: impl Into<String>,
        beside_value: f64,
        (of, ratio): (&str, f64),
        aim: Option<Aim>,
    ) {
        self.metrics.push(Metric {
            name: name.into(),
            value,
            unit,
            beside: Some(beside.into()),
            beside_value: Some(beside_value),
            ratio: Some(ratio),
            aim: aim.map(|aim| aim.text(of)),
            met: aim.map(|aim| self.defaults && aim.is_met(ratio)),
        });
    }
}

impl Machine {
    /// This machine.
    #[must_use]
    pub fn this() -> Self {
        let line = |file: &str, start: &str| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let value = text.lines().find(|line| line.starts_with(start)).and_then(|line| line.split_once(':'));
            value.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let memory = line("/proc/meminfo", "MemTotal");
        let kibibytes = memory.split(' ').next().and_then(|number| number.parse::<u64>().ok());
        Self {
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            processor: line("/proc/cpuinfo", "model name"),
            memory_mib: kibibytes.unwrap_or_default() / 1024,
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            debug_build: cfg!(debug_assertions),
        }
    }
}

/// The smallest of `values` that at least `percent` of them do not exceed; zero of none.
#[must_use]
pub fn percentile(values: &[Duration], percent: usize) -> Duration {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(defaults: bool) -> Report {
        let mut report = Report::new("test", BTreeMap::new(), defaults);
        report.times("ingest", Duration::from_secs(4), "COPY", Duration::from_secs(2), Some(Aim::AtMost(2.5)));
        report.times_faster(
            "refresh",
            Duration::from_secs(1),
            "view",
            Duration::from_secs(9),
            Some(Aim::AtLeast(10.0)),
        );
        report
    }

    #[test]
    fn an_aim_is_about_the_ratio_it_names() {
        let report = report(true);
        let of = |index: usize| (report.metrics[index].ratio, report.metrics[index].met);
        assert_eq!((of(0), of(1)), ((Some(2.0), Some(true)), (Some(9.0), Some(false))));
        assert_eq!(report.metrics[1].aim.as_deref(), Some("the ratio beside / value is at least 10"));
    }

    #[test]
    fn other_settings_or_sizes_meet_no_aim() {
        assert_eq!(report(false).metrics[0].met, Some(false));
        assert_eq!(report(true).of_sizes(false).metrics[0].met, Some(false));
        assert_eq!(report(true).of_sizes(true).metrics[0].met, Some(true));
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<Duration> = (1..=20).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&values, 95), Duration::from_millis(19));
        assert_eq!(percentile(&values[..1], 95), values[0]);
        assert_eq!(percentile(&[], 95), Duration::ZERO);
    }
}
