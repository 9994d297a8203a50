//! Nightly runs: one per tenant and date, however many schedulers there are; the latest missed date is caught up once.

use std::time::Duration;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime, TimeDelta, Utc};
use presdr_events::TenantId;
use presdr_rules::icp::{IcpDocument, Schedule};
use presdr_store::{StoreError, runs, tenants};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::{CommandError, Desk, runs::start_nightly};

/// Singapore keeps UTC+8 all year (no daylight saving since 1982).
const SINGAPORE_SECONDS: i32 = 8 * 3600;
/// The night begins at one o'clock.
const NIGHT_BEGINS: NaiveTime = NaiveTime::MIN.overflowing_add_signed(TimeDelta::hours(1)).0;
/// Tenants are spread over this window, each always at the same offset, so that vendors' rate limits are not met all at once.
const WINDOW: TimeDelta = TimeDelta::hours(2);
/// How often the schedule is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(20);

/// The date in Singapore.
#[must_use]
pub fn local_date(now: DateTime<Utc>) -> NaiveDate {
    (now + TimeDelta::seconds(i64::from(SINGAPORE_SECONDS))).date_naive()
}

/// Starts what is due, again and again, until `stopping` is cancelled.
pub async fn run(desk: &Desk, stopping: CancellationToken) {
    let mut beat = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            _ = beat.tick() => {}
            () = stopping.cancelled() => return,
        }
        if let Err(error) = look(desk).await {
            tracing::warn!(%error, "could not look at the schedule; trying again");
        }
    }
}

/// Starts every nightly run that is due and was not started. One tenant's fault does not keep the others waiting.
///
/// # Errors
/// What the database says when tenants cannot be listed.
pub async fn look(desk: &Desk) -> Result<u32, CommandError> {
    let mut started = 0;
    for tenant in tenants::active(&desk.database).await? {
        match look_at(desk, &tenant.id).await {
            Ok(true) => started += 1,
            Ok(false) => {}
            Err(error) => tracing::warn!(tenant.id = %tenant.id, %error, "could not start a nightly run"),
        }
    }
    Ok(started)
}

async fn look_at(desk: &Desk, tenant: &TenantId) -> Result<bool, CommandError> {
    let Some(date) = due(desk, tenant).await? else { return Ok(false) };
    let started = start_nightly(desk, tenant, date).await?;
    if let Some(started) = started {
        tracing::info!(tenant.id = %tenant, run.id = %started.run, %date, "started the nightly run");
    }
    Ok(started.is_some())
}

/// The latest date whose time has come since the tenant has an ICP, unless it is claimed.
async fn due(desk: &Desk, tenant: &TenantId) -> Result<Option<NaiveDate>, CommandError> {
    let mut tx = desk.database.enter(tenant).await?;
    let Some((_, _, document)) = runs::newest_icp(&mut tx).await? else { return Ok(None) };
    let since: DateTime<Utc> = sqlx::query_scalar("select min(created_at) from icp_rule_versions where tenant_id = $1")
        .bind(tenant.as_str())
        .fetch_one(&mut *tx)
        .await?;
    let Ok(icp) = serde_json::from_value::<IcpDocument>(document) else { return Ok(None) };
    let Some(date) = latest_due(icp.schedule, tenant, since, desk.now()) else { return Ok(None) };
    let claimed: bool = sqlx::query_scalar(
        "select exists (select 1 from run_claims where tenant_id = $1 and kind = 'nightly' and local_date >= $2)",
    )
    .bind(tenant.as_str())
    .bind(date)
    .fetch_one(&mut *tx)
    .await
    .map_err(StoreError::from)?;
    Ok(Some(date).filter(|_| !claimed))
}

/// The latest date whose nightly time lies between `since` and `now`.
#[must_use]
pub fn latest_due(
    schedule: Option<Schedule>,
    tenant: &TenantId,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Option<NaiveDate> {
    let singapore = FixedOffset::east_opt(SINGAPORE_SECONDS)?;
    let today = now.with_timezone(&singapore).date_naive();
    let at = |date: NaiveDate| {
        Some(date.and_time(NIGHT_BEGINS).and_local_timezone(singapore).single()? + offset(schedule, tenant)?)
    };
    [Some(today), today.pred_opt()]
        .into_iter()
        .flatten()
        .find(|date| at(*date).is_some_and(|time| time <= now))
        .filter(|date| at(*date).is_some_and(|time| time > since))
}

/// When the tenant's next nightly run starts, if it has a schedule.
#[must_use]
pub fn next(schedule: Option<Schedule>, tenant: &TenantId, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let singapore = FixedOffset::east_opt(SINGAPORE_SECONDS)?;
    let today = now.with_timezone(&singapore).date_naive();
    let at = |date: NaiveDate| {
        Some(date.and_time(NIGHT_BEGINS).and_local_timezone(singapore).single()? + offset(schedule, tenant)?)
    };
    [Some(today), today.succ_opt()]
        .into_iter()
        .flatten()
        .filter_map(at)
        .find(|time| *time > now)
        .map(|time| time.with_timezone(&Utc))
}

/// From the beginning of the night: what the tenant asked for, or its stable place in the window. `None` when it wants no nightly runs.
fn offset(schedule: Option<Schedule>, tenant: &TenantId) -> Option<TimeDelta> {
    match schedule {
        Some(Schedule::Off) => None,
        Some(Schedule::NightlyAt { hour, minute }) => {
            Some(TimeDelta::minutes(i64::from(hour) * 60 + i64::from(minute)) - TimeDelta::hours(1))
        }
        Some(Schedule::Nightly) | None => {
            let hash = Sha256::digest(tenant.as_str().as_bytes());
            let minutes = i64::from(u16::from_be_bytes([hash[0], hash[1]])) % WINDOW.num_minutes();
            Some(TimeDelta::minutes(minutes))
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    fn acme() -> TenantId {
        TenantId::new("acme").unwrap()
    }

    fn utc(day: u32, hour: u32, minute: u32) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, day, hour, minute, 0).unwrap()
    }

    fn at_two() -> Option<Schedule> {
        Some(Schedule::NightlyAt { hour: 2, minute: 30 })
    }

    #[test]
    fn a_night_is_due_once_its_time_in_singapore_has_come() {
        // 02:30 on the 23rd in Singapore is 18:30 on the 22nd UTC.
        let due = |now| latest_due(at_two(), &acme(), utc(1, 0, 0), now);
        assert_eq!(due(utc(22, 18, 29)), NaiveDate::from_ymd_opt(2026, 11, 22));
        assert_eq!(due(utc(22, 18, 30)), NaiveDate::from_ymd_opt(2026, 11, 23));
    }

    #[test]
    fn only_the_latest_missed_date_is_caught_up() {
        assert_eq!(latest_due(at_two(), &acme(), utc(1, 0, 0), utc(25, 12, 0)), NaiveDate::from_ymd_opt(2026, 11, 25));
    }

    #[test]
    fn a_profile_set_in_the_day_waits_for_the_night() {
        assert_eq!(latest_due(at_two(), &acme(), utc(22, 20, 0), utc(22, 21, 0)), None);
        assert_eq!(
            latest_due(at_two(), &acme(), utc(22, 20, 0), utc(23, 18, 30)),
            NaiveDate::from_ymd_opt(2026, 11, 24)
        );
    }

    #[test]
    fn a_tenant_that_wants_none_has_none_due_and_others_keep_their_place_in_the_window() {
        assert_eq!(latest_due(Some(Schedule::Off), &acme(), utc(1, 0, 0), utc(22, 12, 0)), None);
        let place = offset(None, &acme()).unwrap();
        assert_eq!(offset(Some(Schedule::Nightly), &acme()), Some(place));
        assert!(place >= TimeDelta::zero() && place < WINDOW);
    }

    #[test]
    fn the_next_night_is_after_now() {
        assert_eq!(next(at_two(), &acme(), utc(22, 18, 29)), Some(utc(22, 18, 30)));
        assert_eq!(next(at_two(), &acme(), utc(22, 18, 30)), Some(utc(23, 18, 30)));
    }
}
