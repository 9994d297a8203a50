//! Removing a tenant's messages. Only [`User::Eraser`](crate::topology::User::Eraser) may.

use std::collections::BTreeMap;

use futures::StreamExt;
use presdr_events::{Subject, TenantId};

use crate::{
    Broker, BrokerError,
    topology::{self, PROGRESS},
};

/// How many events of each tenant the log holds.
///
/// # Errors
/// [`BrokerError`] when the broker does not tell.
pub async fn events_by_tenant(broker: &Broker) -> Result<BTreeMap<TenantId, u64>, BrokerError> {
    count(broker, Subject::ALL).await
}

/// How many events of the tenant the log holds.
///
/// # Errors
/// [`BrokerError`] when the broker does not tell.
pub async fn events_of(broker: &Broker, tenant: &TenantId) -> Result<u64, BrokerError> {
    Ok(count(broker, &Subject::filter_tenant(tenant)).await?.remove(tenant).unwrap_or(0))
}

async fn count(broker: &Broker, filter: &str) -> Result<BTreeMap<TenantId, u64>, BrokerError> {
    let failed = |error: String| BrokerError::Api { what: "counting events".to_owned(), error };
    let mut subjects =
        topology::events(broker).await?.info_with_subjects(filter).await.map_err(|error| failed(error.to_string()))?;
    let mut counts = BTreeMap::new();
    while let Some(found) = subjects.next().await {
        let (subject, events) = found.map_err(|error| failed(error.to_string()))?;
        if let Ok(subject) = Subject::parse(&subject) {
            *counts.entry(subject.tenant).or_default() += u64::try_from(events).unwrap_or(u64::MAX);
        }
    }
    Ok(counts)
}

/// Removes the tenant's events from the log, and what is left of its progress. Tells how many events there were.
///
/// # Errors
/// [`BrokerError`] when the broker refuses; doing it again is harmless.
pub async fn remove_tenant(broker: &Broker, tenant: &TenantId) -> Result<u64, BrokerError> {
    let removed = remove(broker, topology::EVENTS, Subject::filter_tenant(tenant)).await?;
    remove(broker, PROGRESS, format!("progress.{tenant}.>")).await?;
    Ok(removed)
}

async fn remove(broker: &Broker, stream: &'static str, filter: String) -> Result<u64, BrokerError> {
    let failed = |error: String| BrokerError::Api { what: format!("removing {filter} from {stream}"), error };
    let found = broker.jetstream().get_stream(stream).await.map_err(|_| BrokerError::NoStream(stream))?;
    let purged = found.purge().filter(filter.clone()).await.map_err(|error| failed(error.to_string()))?;
    Ok(purged.purged)
}
