//! Circuit breakers per tenant and vendor, and rates per vendor key: what the whole fleet keeps to.
//!
//! [`Breaker`] and [`slots`] decide; the functions below them read and write the rows.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use sqlx::{PgConnection, Row, postgres::PgRow};

use crate::{StoreError, TenantTx};

/// A vendor's key, as a hash: tells one key from another, and nothing else.
pub type KeyId = [u8; 8];

/// Why a breaker is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Too many failures in a row.
    Failures,
    /// Credits or quota are gone.
    Quota,
    /// The key is refused.
    Key,
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Self::Failures => "failures",
            Self::Quota => "quota",
            Self::Key => "key",
        }
    }
}

/// A breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaker {
    /// Requests pass.
    Closed {
        /// Failures in a row.
        failures: u32,
        /// When the first of them was.
        since: Option<DateTime<Utc>>,
    },
    /// No request passes.
    Open {
        /// Why.
        reason: Reason,
        /// From then on one may try (failures), or all may (quota). None: not by itself.
        until: Option<DateTime<Utc>>,
        /// The key it was opened with.
        key: Option<KeyId>,
    },
    /// One tries.
    HalfOpen {
        /// By then it is done; after that another may.
        until: DateTime<Utc>,
    },
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed { failures: 0, since: None }
    }
}

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct BreakerPolicy {
    /// This many failures in a row open it.
    pub failures_max: u32,
    /// Within this time of the first.
    pub window: Duration,
    /// Then nothing is asked for so long.
    pub cool_off: Duration,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self { failures_max: 3, window: Duration::from_secs(60), cool_off: Duration::from_secs(60) }
    }
}

/// What a breaker says to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Go on.
    Pass,
    /// Go on, alone: what it comes to decides for all.
    Probe,
    /// Not now.
    Refused(Reason),
}

impl Breaker {
    /// What it says to a request with `key` at `now`.
    #[must_use]
    pub fn gate(&self, now: DateTime<Utc>, key: &KeyId) -> Gate {
        let over = |until: Option<DateTime<Utc>>| until.is_some_and(|until| until <= now);
        match *self {
            Self::Closed { .. } => Gate::Pass,
            Self::HalfOpen { until } if until <= now => Gate::Probe,
            Self::HalfOpen { .. } => Gate::Refused(Reason::Failures),
            Self::Open { reason: Reason::Failures, until, .. } => match over(until) {
                true => Gate::Probe,
                false => Gate::Refused(Reason::Failures),
            },
            Self::Open { reason, until, key: with } => match over(until) || with.is_some_and(|with| with != *key) {
                true => Gate::Pass,
                false => Gate::Refused(reason),
            },
        }
    }

    /// After a failure that may pass: a rate limit, a fault, no connection.
    #[must_use]
    pub fn after_failure(self, now: DateTime<Utc>, policy: &BreakerPolicy) -> Self {
        let open = Self::Open { reason: Reason::Failures, until: Some(now + delta(policy.cool_off)), key: None };
        match self {
            Self::HalfOpen { .. } => open,
            Self::Open { reason: Reason::Failures, until, .. } if until.is_some_and(|until| until <= now) => open,
            Self::Open { .. } => self,
            Self::Closed { failures, since } => {
                let since = since.filter(|since| now - *since <= delta(policy.window));
                let failures = if since.is_some() { failures + 1 } else { 1 };
                match failures >= policy.failures_max {
                    true => open,
                    false => Self::Closed { failures, since: since.or(Some(now)) },
                }
            }
        }
    }

    /// Whether it stands open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }
}

/// How many requests a vendor's key may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// In any minute, over the whole fleet.
    pub per_minute: u32,
}

impl Rate {
    /// So many at once; the others are spaced so that no minute holds more than allowed.
    fn burst(self) -> u32 {
        (self.per_minute / 10).max(1)
    }

    fn interval(self) -> TimeDelta {
        let spaced = self.per_minute.saturating_sub(self.burst()).max(1);
        TimeDelta::microseconds(60_000_000 / i64::from(spaced))
    }
}

/// When each of `wanted` requests may leave, none later than `wait_max` from now, and the key's new arrival time (GCRA, ITU-T I.371).
#[must_use]
pub fn slots(
    arrival: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
    rate: Rate,
    wanted: usize,
    wait_max: Duration,
) -> (Vec<DateTime<Utc>>, DateTime<Utc>) {
    let (interval, ahead) = (rate.interval(), rate.interval() * i32::try_from(rate.burst() - 1).unwrap_or(i32::MAX));
    let mut arrival = arrival.map_or(now, |arrival| arrival.max(now));
    let mut slots = Vec::with_capacity(wanted);
    while slots.len() < wanted {
        let slot = (arrival - ahead).max(now);
        if slot > now + delta(wait_max) {
            break;
        }
        slots.push(slot);
        arrival += interval;
    }
    (slots, arrival)
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

/// The tenant's breakers by vendor; one that is missing is closed.
///
/// # Errors
/// What the database says.
pub async fn all(tx: &mut TenantTx) -> Result<HashMap<String, Breaker>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query("select * from vendor_breakers where tenant_id = $1")
        .bind(tenant.as_str())
        .fetch_all(&mut **tx)
        .await?;
    Ok(rows.iter().map(|row| (row.get("vendor"), from_row(row))).collect())
}

/// Notes a failure that may pass. Tells the breaker before and after.
///
/// # Errors
/// What the database says.
pub async fn failed(
    tx: &mut TenantTx,
    vendor: &'static str,
    now: DateTime<Utc>,
    policy: &BreakerPolicy,
) -> Result<(Breaker, Breaker), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query(
        "insert into vendor_breakers (tenant_id, vendor, state) values ($1, $2, 'closed') on conflict do nothing",
    )
    .bind(tenant.as_str())
    .bind(vendor)
    .execute(&mut **tx)
    .await?;
    let row = sqlx::query("select * from vendor_breakers where tenant_id = $1 and vendor = $2 for update")
        .bind(tenant.as_str())
        .bind(vendor)
        .fetch_one(&mut **tx)
        .await?;
    let before = from_row(&row);
    let after = before.after_failure(now, policy);
    if after != before {
        write(tx, vendor, &after).await?;
    }
    Ok((before, after))
}

/// Notes an answer: failures in a row are over, and who tried for all has shown that it works again.
///
/// # Errors
/// What the database says.
pub async fn succeeded(tx: &mut TenantTx, vendor: &str) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query(
        "update vendor_breakers set state = 'closed', reason = null, failures = 0, since = null, until = null
         where tenant_id = $1 and vendor = $2 and (state = 'half_open' or (state = 'closed' and failures > 0))",
    )
    .bind(tenant.as_str())
    .bind(vendor)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Writes a tenant's breaker.
///
/// # Errors
/// What the database says.
pub async fn write(tx: &mut TenantTx, vendor: &'static str, breaker: &Breaker) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    let (state, reason, failures, since, until, key) = match *breaker {
        Breaker::Closed { failures, since } => ("closed", None, failures, since, None, None),
        Breaker::Open { reason, until, key } => ("open", Some(reason.as_str()), 0, None, until, key),
        Breaker::HalfOpen { until } => ("half_open", Some(Reason::Failures.as_str()), 0, None, Some(until), None),
    };
    sqlx::query(
        "insert into vendor_breakers (tenant_id, vendor, state, reason, failures, since, until, key_id) values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (tenant_id, vendor) do update set state = excluded.state, reason = excluded.reason, failures = excluded.failures,
             since = excluded.since, until = excluded.until, key_id = excluded.key_id",
    )
    .bind(tenant.as_str())
    .bind(vendor)
    .bind(state)
    .bind(reason)
    .bind(i32::try_from(failures).unwrap_or(i32::MAX))
    .bind(since)
    .bind(until)
    .bind(key.map(|key| key.to_vec()))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn from_row(row: &PgRow) -> Breaker {
    let (state, reason): (String, Option<String>) = (row.get("state"), row.get("reason"));
    let until: Option<DateTime<Utc>> = row.get("until");
    let key: Option<Vec<u8>> = row.get("key_id");
    match (state.as_str(), reason.as_deref()) {
        ("open", reason) => Breaker::Open {
            reason: match reason {
                Some("quota") => Reason::Quota,
                Some("key") => Reason::Key,
                _ => Reason::Failures,
            },
            until,
            key: key.and_then(|key| key.try_into().ok()),
        },
        ("half_open", _) => Breaker::HalfOpen { until: until.unwrap_or_default() },
        _ => Breaker::Closed { failures: row.get::<i32, _>("failures").unsigned_abs(), since: row.get("since") },
    }
}

/// Takes up to `wanted` of the key's next places, none later than `wait_max` from now. The key's row stays locked until the caller's
/// transaction ends.
///
/// # Errors
/// What the database says.
pub async fn take_slots(
    connection: &mut PgConnection,
    (vendor, key): (&'static str, &KeyId),
    now: DateTime<Utc>,
    rate: Rate,
    wanted: usize,
    wait_max: Duration,
) -> Result<Vec<DateTime<Utc>>, StoreError> {
    sqlx::query("insert into vendor_rates (vendor, key_id, arrival_at) values ($1, $2, $3) on conflict do nothing")
        .bind(vendor)
        .bind(key.as_slice())
        .bind(now)
        .execute(&mut *connection)
        .await?;
    let arrival =
        sqlx::query_scalar("select arrival_at from vendor_rates where vendor = $1 and key_id = $2 for update")
            .bind(vendor)
            .bind(key.as_slice())
            .fetch_one(&mut *connection)
            .await?;
    let (slots, arrival) = slots(Some(arrival), now, rate, wanted, wait_max);
    sqlx::query("update vendor_rates set arrival_at = $3 where vendor = $1 and key_id = $2")
        .bind(vendor)
        .bind(key.as_slice())
        .bind(arrival)
        .execute(&mut *connection)
        .await?;
    Ok(slots)
}

/// Claims the day's one alert of this kind about a vendor or a cap; `false` when somebody has.
///
/// # Errors
/// What the database says.
pub async fn claim_alert(tx: &mut TenantTx, about: &str, kind: &str, day: NaiveDate) -> Result<bool, StoreError> {
    let tenant = tx.tenant().clone();
    let done = sqlx::query(
        "insert into vendor_alert_claims (tenant_id, about, kind, day) values ($1, $2, $3, $4) on conflict do nothing",
    )
    .bind(tenant.as_str())
    .bind(about)
    .bind(kind)
    .bind(day)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        Utc.timestamp_opt(1_795_000_000 + seconds, 0).unwrap()
    }

    const KEY: KeyId = [1; 8];
    const OTHER: KeyId = [2; 8];

    fn after(failures_at: &[i64]) -> Breaker {
        failures_at
            .iter()
            .fold(Breaker::default(), |breaker, seconds| breaker.after_failure(at(*seconds), &BreakerPolicy::default()))
    }

    #[test]
    fn three_failures_within_a_minute_open_it_and_a_minute_later_one_may_try() {
        assert_eq!(after(&[0, 10]).gate(at(11), &KEY), Gate::Pass);
        let open = after(&[0, 10, 20]);
        assert_eq!(open.gate(at(21), &KEY), Gate::Refused(Reason::Failures));
        assert_eq!(open.gate(at(79), &KEY), Gate::Refused(Reason::Failures));
        assert_eq!(open.gate(at(80), &KEY), Gate::Probe);
    }

    #[test]
    fn failures_that_are_far_apart_do_not_open_it() {
        assert!(!after(&[0, 50, 100]).is_open(), "the first was forgotten");
        assert!(!after(&[0, 100, 200, 300]).is_open());
    }

    #[test]
    fn while_one_tries_nobody_else_does_unless_it_died() {
        let trying = Breaker::HalfOpen { until: at(100) };
        assert_eq!(trying.gate(at(99), &KEY), Gate::Refused(Reason::Failures));
        assert_eq!(trying.gate(at(100), &KEY), Gate::Probe);
        let failed = trying.after_failure(at(50), &BreakerPolicy::default());
        assert_eq!(failed.gate(at(60), &KEY), Gate::Refused(Reason::Failures));
    }

    #[test]
    fn a_refused_key_stands_until_there_is_another_and_a_quota_until_its_day_is_over() {
        let key = Breaker::Open { reason: Reason::Key, until: None, key: Some(KEY) };
        assert_eq!(key.gate(at(1_000_000), &KEY), Gate::Refused(Reason::Key));
        assert_eq!(key.gate(at(1), &OTHER), Gate::Pass);
        let quota = Breaker::Open { reason: Reason::Quota, until: Some(at(500)), key: Some(KEY) };
        assert_eq!(quota.gate(at(499), &KEY), Gate::Refused(Reason::Quota));
        assert_eq!(quota.gate(at(500), &KEY), Gate::Pass);
        assert_eq!(quota.after_failure(at(1), &BreakerPolicy::default()), quota, "a failure does not shorten it");
    }

    #[test]
    fn no_minute_holds_more_requests_than_allowed() {
        for per_minute in [1, 2, 20, 100, 1000] {
            let rate = Rate { per_minute };
            let (slots, _) = slots(None, at(0), rate, per_minute as usize * 3, Duration::from_secs(1000));
            for (place, slot) in slots.iter().enumerate() {
                let within = slots[place..].iter().take_while(|other| **other < *slot + TimeDelta::minutes(1)).count();
                assert!(within <= per_minute as usize, "{within} at {per_minute} per minute");
            }
        }
    }

    #[test]
    fn who_would_wait_too_long_gets_no_place_and_takes_none() {
        let rate = Rate { per_minute: 60 };
        let (first, arrival) = slots(None, at(0), rate, 100, Duration::from_secs(10));
        assert!(first.len() < 100);
        let (none, unchanged) = slots(Some(arrival), at(0), rate, 5, Duration::from_secs(1));
        assert_eq!((none, unchanged), (vec![], arrival));
    }
}
