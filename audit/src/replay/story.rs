//! The story of one lead: what happened, in order, why it went on as it did, what it took and what it cost.

use chrono::{DateTime, Utc};
use presdr_events::{Event, vendor::CallStatus};
use rust_decimal::Decimal;
use serde::Serialize;

use super::{Replayed, because, tell};

/// One event of the story.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Chapter {
    /// Its place in the log.
    pub sequence: u64,
    /// When it happened.
    pub time: DateTime<Utc>,
    /// Milliseconds since the story began.
    pub after_ms: i64,
    /// The event's type.
    pub event: String,
    /// Which try at the step it is.
    pub attempt: u32,
    /// Who caused it.
    pub actor: String,
    /// What happened, in words.
    pub what: String,
    /// `ok`, `degraded`, `failed` or `skipped`; `unreadable` for an event that cannot be read here.
    pub status: String,
    /// How long the step took, in milliseconds.
    pub duration_ms: u64,
    /// What was missing.
    pub degraded: Vec<String>,
    /// Where it went next.
    pub next: Option<String>,
    /// The rule by which it did, or by which a vendor was asked.
    pub because: Option<String>,
    /// What it cost in US dollars, where a vendor was asked.
    pub cost_usd: Option<Decimal>,
}

impl Chapter {
    /// What an event adds to a story that began at `began`.
    #[must_use]
    pub fn of(replayed: &Replayed, began: DateTime<Utc>) -> Self {
        let sequence = replayed.message.sequence;
        let envelope = match &replayed.read {
            Ok(envelope) => envelope,
            Err(error) => return Self::unreadable(replayed, error, began),
        };
        let (event, step) = (&envelope.event, envelope.event.step());
        let way = because(event);
        Self {
            sequence,
            time: envelope.time,
            after_ms: (envelope.time - began).num_milliseconds(),
            event: event.event_type().name.to_owned(),
            attempt: step.attempt,
            actor: envelope.actor.as_str().to_owned(),
            what: tell(event),
            status: step.status.as_str().to_owned(),
            duration_ms: step.duration_ms,
            degraded: step.degraded_reasons.iter().map(ToString::to_string).collect(),
            next: way.and_then(|(next, _)| next.map(str::to_owned)),
            because: way.map(|(_, because)| because.to_owned()),
            cost_usd: match event {
                Event::VendorCalled(call) => Some(call.cost_usd),
                _ => None,
            },
        }
    }

    fn unreadable(replayed: &Replayed, error: &str, began: DateTime<Utc>) -> Self {
        let message = &replayed.message;
        Self {
            sequence: message.sequence,
            time: message.stored_at,
            after_ms: (message.stored_at - began).num_milliseconds(),
            event: message.subject.clone(),
            attempt: 0,
            actor: String::new(),
            what: error.to_owned(),
            status: "unreadable".to_owned(),
            duration_ms: 0,
            degraded: vec![],
            next: None,
            because: None,
            cost_usd: None,
        }
    }
}

/// A lead's story.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Story {
    /// What happened, in the order of the log.
    pub chapters: Vec<Chapter>,
    /// How it ended, once it did: `scored`, `dropped`, `parked` or `timed_out`.
    pub outcome: Option<&'static str>,
    /// From the first event to the last, in milliseconds.
    pub took_ms: i64,
    /// Questions that were put to a vendor.
    pub vendor_calls: u32,
    /// Questions answered from what was bought before.
    pub cache_hits: u32,
    /// Questions that were not put, at a cap or while the vendor was away.
    pub refused: u32,
    /// What vendors cost, in US dollars.
    pub cost_usd: Decimal,
}

impl Story {
    /// The story that the events tell.
    #[must_use]
    pub fn of(events: &[Replayed]) -> Self {
        let mut story = Self::default();
        for replayed in events {
            let began = story.chapters.first().map(|first| first.time);
            let time = replayed.read.as_ref().map_or(replayed.message.stored_at, |envelope| envelope.time);
            let chapter = Chapter::of(replayed, began.unwrap_or(time));
            story.took_ms = story.took_ms.max(chapter.after_ms);
            if let Ok(envelope) = &replayed.read {
                story.count(&envelope.event);
            }
            story.chapters.push(chapter);
        }
        story
    }

    fn count(&mut self, event: &Event) {
        match event {
            Event::LeadScored(_) => self.outcome = Some("scored"),
            Event::LeadDropped(_) => self.outcome = Some("dropped"),
            Event::LeadParked(_) => self.outcome = Some("parked"),
            Event::LeadTimedOut(_) => self.outcome = Some("timed_out"),
            Event::LeadAdmitted(_) => self.outcome = None, // another attempt
            Event::VendorCalled(call) => {
                self.cost_usd += call.cost_usd;
                *match call.status {
                    CallStatus::Cached => &mut self.cache_hits,
                    CallStatus::RefusedCap | CallStatus::BreakerOpen => &mut self.refused,
                    _ => &mut self.vendor_calls,
                } += 1;
            }
            _ => {}
        }
    }
}
