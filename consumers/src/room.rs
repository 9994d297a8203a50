//! Room in the event log: an operator is told before the log is full, since a full log takes nothing more.

use presdr_events::{Actor, Event, Header, Step, TenantId, run};
use presdr_nats::topology::{self, NEARLY_FULL};
use presdr_store::steps::{self, Outcome, StepKey};

use crate::{Services, lead::WorkError};

const STEP: &str = "alert_log_nearly_full";
const MIB: i64 = 1 << 20;

/// Raises `alert.raised` for the platform when the log is nearly full: once for each size that the log is given.
///
/// # Errors
/// What the database or the broker says.
pub(crate) async fn check(services: &Services) -> Result<(), WorkError> {
    let fill = topology::fill(&services.broker).await?;
    if fill.share() < NEARLY_FULL {
        return Ok(());
    }
    let size = u32::try_from(fill.bytes_max / MIB).unwrap_or(u32::MAX).max(1);
    let key = StepKey { tenant: TenantId::platform(), run: None, company: None, step: STEP, attempt: size };
    let mut tx = services.database.enter(&key.tenant).await?;
    if steps::stored(&mut tx, &key).await?.is_some() {
        return Ok(());
    }
    let percent = (fill.share() * 100.0).round();
    let message = format!(
        "the event log holds {percent} % of what it may: give it more room with `presdr topology apply --events-gib-max N` \
         before it takes no more"
    );
    tracing::warn!(bytes = fill.bytes, bytes_max = fill.bytes_max, "{message}");
    let alert = run::Alert {
        step: Step::done("check", 0, size, Vec::new()),
        alert: "log_nearly_full".to_owned(),
        value: Some(percent),
        limit: Some(NEARLY_FULL * 100.0),
        message,
        degraded: None,
    };
    let outcome = Outcome::new(key.clone(), &header(services, &key), &Event::AlertRaised(alert))?;
    steps::record(&mut tx, std::slice::from_ref(&outcome)).await?;
    tx.commit().await?;
    services.outbox.publish(vec![outcome.outgoing().clone()]).await?;
    Ok(())
}

/// Nobody's event led here.
fn header(services: &Services, key: &StepKey) -> Header {
    let id = key.event_id();
    Header {
        id,
        source: "sweep",
        time: services.clock.now(),
        tenant: key.tenant.clone(),
        run: None,
        company: None,
        actor: Actor::service("sweep"),
        correlation: id,
        causation: None,
        traceparent: None,
    }
}
