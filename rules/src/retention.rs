//! What was kept long enough, by the tenant's settings.

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Utc};

use crate::settings::Retention;

/// When the pages and texts of a run that starts on `day` are dropped: the last Monday of their window, so that a week of them goes at once
/// and nothing is kept beyond it.
#[must_use]
pub fn text_expiry(day: NaiveDate, retention: &Retention) -> NaiveDate {
    monday(day + Days::new(retention.text_days.into()))
}

fn monday(day: NaiveDate) -> NaiveDate {
    day - Days::new(day.weekday().num_days_from_monday().into())
}

/// What is older goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cutoffs {
    /// Text of runs that started before, whatever it was to expire on: a window that was made shorter holds for what is there.
    pub text: DateTime<Utc>,
    /// Log rows.
    pub logs: DateTime<Utc>,
    /// People who were not found or verified since.
    pub people: DateTime<Utc>,
    /// Conversations in which nothing was said since.
    pub threads: DateTime<Utc>,
}

impl Cutoffs {
    /// What is too old at `now`.
    #[must_use]
    pub fn at(now: DateTime<Utc>, retention: &Retention) -> Self {
        let before = |days: u16| now - TimeDelta::days(days.into());
        Self {
            text: before(retention.text_days),
            logs: before(retention.log_days),
            people: before(retention.email_days),
            threads: before(retention.thread_days),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_on_the_last_monday_of_its_window() {
        let retention = Retention::default();
        for day in 1..=28 {
            let day = NaiveDate::from_ymd_opt(2026, 11, day).unwrap();
            let kept = (text_expiry(day, &retention) - day).num_days();
            assert!((84..=90).contains(&kept), "{day}: {kept}");
            assert_eq!(text_expiry(day, &retention).weekday(), chrono::Weekday::Mon);
        }
        let day = NaiveDate::from_ymd_opt(2026, 11, 27).unwrap();
        assert_eq!(text_expiry(day, &retention), NaiveDate::from_ymd_opt(2027, 2, 22).unwrap());
    }

    #[test]
    fn each_kind_has_its_own_window() {
        let now = "2026-11-27T00:00:00Z".parse().unwrap();
        let cutoffs = Cutoffs::at(now, &Retention { text_days: 180, log_days: 30, email_days: 31, thread_days: 7 });
        assert_eq!((now - cutoffs.text).num_days(), 180);
        assert_eq!((now - cutoffs.logs).num_days(), 30);
        assert_eq!((now - cutoffs.people).num_days(), 31);
        assert_eq!((now - cutoffs.threads).num_days(), 7);
    }
}
