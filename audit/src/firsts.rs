//! Telling events from their repeats: what is stored twice is one event, where it stands first.

use std::collections::{HashMap, HashSet};

use futures::TryStreamExt;
use presdr_events::{EventId, Subject, TenantId, chain};
use presdr_projections::audit;

use crate::{error::AuditError, log::Message, verify::Stores};

/// Keeps first occurrences. The audit log knows where each event stands first; what it says is only believed where the log says so, too: of a
/// place in the stretch its row is compared, and of one before it the log is asked. So a row that was tampered with hides nothing.
pub(crate) struct Firsts<'a> {
    stores: Stores<'a>,
    tenant: &'a TenantId,
    /// The stretch that is looked at begins behind this.
    start: u64,
    /// First occurrences that have no row; their repeats are repeats all the same.
    without_row: HashSet<EventId>,
}

impl<'a> Firsts<'a> {
    pub(crate) fn new(stores: Stores<'a>, tenant: &'a TenantId, start: u64) -> Self {
        Self { stores, tenant, start, without_row: HashSet::new() }
    }

    /// Of the next messages in the log's order, those that are events, with their ids.
    pub(crate) async fn keep(&mut self, messages: Vec<Message>) -> Result<Vec<(EventId, Message)>, AuditError> {
        let messages: Vec<(EventId, Message)> = messages
            .into_iter()
            .map(|message| (chain::identify(&message.subject, &message.body, message.sequence), message))
            .collect();
        let ids: Vec<EventId> = messages.iter().map(|(id, _)| *id).collect();
        let mut tx = self.stores.database.enter(self.tenant).await?;
        let mut places: HashMap<EventId, i64> = audit::places(&mut tx, &ids).await?.into_iter().collect();
        tx.commit().await?;
        self.believe(&mut places).await?;
        let mut seen = HashSet::with_capacity(messages.len());
        let mut firsts: Vec<(EventId, Message)> = messages
            .into_iter()
            .filter(|(id, message)| {
                let before = places.get(id).is_some_and(|place| place.unsigned_abs() < message.sequence);
                seen.insert(*id) && !before && !self.without_row.contains(id)
            })
            .collect();
        self.without_rows(&mut firsts, &places).await?;
        Ok(firsts)
    }

    /// Leaves out of the places before the stretch those at which the log has no such event.
    async fn believe(&self, places: &mut HashMap<EventId, i64>) -> Result<(), AuditError> {
        let claimed = |place: &i64| u64::try_from(*place).ok().filter(|place| *place <= self.start);
        let asked: Vec<u64> = places.values().filter_map(claimed).filter(|place| *place > 0).collect();
        let mut there = HashSet::new();
        if !asked.is_empty() {
            let mut found = std::pin::pin!(self.stores.log.at(asked));
            while let Some(message) = found.try_next().await? {
                if Subject::owner(&message.subject) == *self.tenant {
                    let id = chain::identify(&message.subject, &message.body, message.sequence);
                    there.insert((id, message.sequence));
                }
            }
        }
        places.retain(|id, place| match u64::try_from(*place) {
            Ok(place) if place > self.start => true,
            Ok(place) => there.contains(&(*id, place)),
            Err(_) => false,
        });
        Ok(())
    }

    /// Events without a row: they may stand first before the stretch, where retention has taken the rows.
    async fn without_rows(
        &mut self,
        firsts: &mut Vec<(EventId, Message)>,
        places: &HashMap<EventId, i64>,
    ) -> Result<(), AuditError> {
        let mut alone: HashSet<EventId> =
            firsts.iter().map(|(id, _)| *id).filter(|id| !places.contains_key(id)).collect();
        if alone.is_empty() {
            return Ok(());
        }
        let mut earlier = std::pin::pin!(self.stores.log.of_tenant(self.tenant, 0, self.start).await?);
        let mut repeated = HashSet::new();
        while let Some(message) = earlier.try_next().await? {
            let id = chain::identify(&message.subject, &message.body, message.sequence);
            if alone.remove(&id) {
                repeated.insert(id);
            }
        }
        firsts.retain(|(id, _)| !repeated.contains(id));
        self.without_row.extend(alone);
        Ok(())
    }
}
