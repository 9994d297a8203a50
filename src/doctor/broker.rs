//! The broker: its version, the event log, who asks for work.

use std::collections::BTreeMap;

use presdr_events::TenantId;
use presdr_nats::{
    Broker, purge,
    topology::{self, DURABLES, Fill, NEARLY_FULL, User},
};
use presdr_servers::NATS_VERSION_MIN;

use super::Check;
use crate::{broker::BrokerServer, config::Config};

/// What the event log holds.
pub struct Log {
    /// Its last event's place.
    pub end: u64,
    /// How many events each tenant has in it.
    pub events: BTreeMap<TenantId, u64>,
}

/// Looks at the broker; tells what the event log holds.
pub async fn check(config: &Config, checks: &mut Vec<Check>) -> Option<Log> {
    let server = match BrokerServer::find(config) {
        Ok(Some(server)) => server,
        Ok(None) => {
            checks.push(Check::note("broker", "is not running", "`presdr up` starts it, or set PRESDR_NATS_URL"));
            return None;
        }
        Err(error) => {
            checks.push(Check::wrong("broker", format!("{error:#}"), "bring the file back, or start `presdr up` anew"));
            return None;
        }
    };
    let broker = match server.connect(User::Producer).await {
        Ok(broker) => broker,
        Err(error) => {
            checks.push(Check::wrong("broker", format!("{error:#}"), "start it, or look at PRESDR_NATS_URL"));
            return None;
        }
    };
    checks.push(version(&broker));
    let log = log(&broker, checks).await;
    broker.close().await;
    log
}

fn version(broker: &Broker) -> Check {
    let version = broker.client().server_info().version;
    let numbers =
        |text: &str| text.split(['.', '-']).take(3).map(|part| part.parse().unwrap_or(0)).collect::<Vec<u32>>();
    if numbers(&version) < numbers(NATS_VERSION_MIN) {
        let cure = format!("upgrade it to {NATS_VERSION_MIN} or newer: older ones may lose acknowledged messages");
        return Check::wrong("broker", format!("NATS {version}"), cure);
    }
    Check::ok("broker", format!("NATS {version} answers"))
}

async fn log(broker: &Broker, checks: &mut Vec<Check>) -> Option<Log> {
    let (what, apply) = ("event log", "`presdr topology apply` makes it so");
    let found = async { topology::events(broker).await?.get_info().await.map_err(anyhow::Error::from) }.await;
    let info = match found {
        Ok(info) => info,
        Err(error) => {
            checks.push(Check::wrong(what, format!("{error:#}"), apply));
            return None;
        }
    };
    let full = Fill { bytes: info.state.bytes, bytes_max: info.config.max_bytes }.share();
    let told = format!("{} events, {:.1} % of its size", info.state.messages, full * 100.0);
    checks.push(match full {
        _ if !info.config.deny_delete => Check::wrong(what, "events can be deleted from it", apply),
        full if full >= NEARLY_FULL => {
            Check::wrong(what, told, "give it more room: `presdr topology apply --events-gib-max N`")
        }
        _ => Check::ok(what, told),
    });
    for durable in DURABLES {
        checks.push(worker(broker, durable.name).await);
    }
    let events = purge::events_by_tenant(broker).await.unwrap_or_default();
    Some(Log { end: info.state.last_sequence, events })
}

async fn worker(broker: &Broker, name: &'static str) -> Check {
    let found = async {
        let info = topology::events(broker).await?.consumer_info(name).await?;
        anyhow::Ok(info)
    };
    match found.await {
        Err(error) => {
            Check::wrong("worker", format!("{name}: {error:#}"), "`presdr topology apply` makes its place in the log")
        }
        Ok(info) => {
            let waiting = info.num_pending + u64::try_from(info.num_ack_pending).unwrap_or(0);
            match info.num_waiting {
                0 => Check::note(
                    "worker",
                    format!("{name}: nobody asks for work, {waiting} events wait"),
                    format!("`presdr up`, or `presdr work --only {name}`"),
                ),
                _ => Check::ok("worker", format!("{name}: {waiting} events in hand or waiting")),
            }
        }
    }
}
