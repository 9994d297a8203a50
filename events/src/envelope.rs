//! Who, when and why around every fact: CloudEvents 1.0, JSON format, structured mode.
//!
//! Source: <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>. Extension attributes are lower-case
//! letters only, and ids travel as strings, since a CloudEvents integer has 32 bits.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use crate::{Actor, CompanyId, Event, EventId, EventType, IdError, RunId, Subject, TenantId, upcast::upcast};

/// No event is larger than this (64 KiB); bulk work is one event with counts and a content hash.
pub const EVENT_BYTES_MAX: usize = 64 * 1024;
/// Most events fit into this.
const USUAL_BYTES: usize = 1024;

/// Everything about an event but the fact itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// What the event means, as an id; also its `Nats-Msg-Id`.
    pub id: EventId,
    /// The service that says it, by permanent name.
    pub source: &'static str,
    /// When it happened.
    pub time: DateTime<Utc>,
    /// Whose it is.
    pub tenant: TenantId,
    /// The run it belongs to.
    pub run: Option<RunId>,
    /// The company it is about.
    pub company: Option<CompanyId>,
    /// Who caused it.
    pub actor: Actor,
    /// What it belongs to as a whole: the first event of the chain.
    pub correlation: EventId,
    /// The event that led to it.
    pub causation: Option<EventId>,
    /// W3C trace context, where the work was traced.
    pub traceparent: Option<String>,
}

/// What links an event to the one that led to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// The event that led to it.
    pub id: EventId,
    /// The first of the chain.
    pub correlation: EventId,
    /// Who caused it.
    pub actor: Actor,
    /// W3C trace context.
    pub traceparent: Option<String>,
}

impl Cause {
    /// The step whose event begins a run.
    const RUN_START: &str = "start";

    /// What an event leads to is caused by it.
    #[must_use]
    pub fn of(envelope: &Envelope) -> Self {
        Self {
            id: envelope.id,
            correlation: envelope.correlation,
            actor: envelope.actor.clone(),
            traceparent: envelope.traceparent.clone(),
        }
    }

    /// What `service` does although nobody's event led to it belongs to the run's first event; outside of runs, to the tenant's.
    #[must_use]
    pub fn start_of(tenant: &TenantId, run: Option<RunId>, service: &'static str) -> Self {
        let start = EventId::of(tenant, run, None, Self::RUN_START, 1);
        Self { id: start, correlation: start, actor: Actor::service(service), traceparent: None }
    }
}

/// A fact with its header, read back from its stored bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// What the event means, as an id.
    pub id: EventId,
    /// The service that said it.
    pub source: String,
    /// When it happened.
    pub time: DateTime<Utc>,
    /// Whose it is.
    pub tenant: TenantId,
    /// The run it belongs to.
    pub run: Option<RunId>,
    /// The company it is about.
    pub company: Option<CompanyId>,
    /// Who caused it.
    pub actor: Actor,
    /// The first event of the chain.
    pub correlation: EventId,
    /// The event that led to it.
    pub causation: Option<EventId>,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// The fact.
    pub event: Event,
}

/// Why an event could not be written.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The fact has no JSON form.
    #[error("event {name} has no JSON form")]
    Json {
        /// The type.
        name: &'static str,
        /// What serde said.
        #[source]
        source: serde_json::Error,
    },
    /// Larger than [`EVENT_BYTES_MAX`].
    #[error(
        "event {name} has {bytes} bytes, more than {EVENT_BYTES_MAX}: bulk data belongs in a table, the event holds its hash"
    )]
    TooLarge {
        /// The type.
        name: &'static str,
        /// Its size.
        bytes: usize,
    },
}

/// Why stored bytes could not be read as an event. Never holds any of the event's data.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DecodeError {
    /// Not a CloudEvents 1.0 envelope of ours.
    #[error("not a presdr event envelope: {error}")]
    Envelope {
        /// Where the reading stopped.
        error: String,
    },
    /// A type that this version does not know.
    #[error("event type {name:?} is unknown here: upgrade the reader")]
    UnknownType {
        /// The type.
        name: String,
    },
    /// A shape newer than this reader.
    #[error("event {name} has schema version {version}, newer than {known}: upgrade the reader")]
    Newer {
        /// The type.
        name: String,
        /// Its version.
        version: u32,
        /// The newest known here.
        known: u32,
    },
    /// Data that does not have the type's shape.
    #[error("event {name} does not have its type's shape: {error}")]
    Data {
        /// The type.
        name: String,
        /// Where the reading stopped.
        error: String,
    },
    /// The subject says another tenant or type than the envelope.
    #[error("event on subject {subject:?} says tenant {tenant} and type {name:?}")]
    Subject {
        /// The subject.
        subject: String,
        /// The envelope's tenant.
        tenant: TenantId,
        /// The envelope's type.
        name: String,
    },
    /// An id out of its range.
    #[error(transparent)]
    Id(#[from] IdError),
}

/// The JSON form.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(title = "presdr event envelope")]
pub(crate) struct Wire<'a, Data = Value> {
    #[serde(borrow)]
    #[schemars(extend("const" = "1.0"))]
    specversion: Cow<'a, str>,
    /// Made from what the event means: telling it twice is one event.
    id: EventId,
    /// The service that says it, by permanent name.
    #[schemars(regex(pattern = "^/presdr/[a-z._-]+$"))]
    source: String,
    #[serde(rename = "type", borrow)]
    name: Cow<'a, str>,
    /// RFC 3339, UTC.
    time: DateTime<Utc>,
    #[serde(borrow)]
    #[schemars(extend("const" = "application/json"))]
    datacontenttype: Cow<'a, str>,
    /// Whose it is; equal to the second token of the subject.
    tenantid: Cow<'a, TenantId>,
    /// The run it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", regex(pattern = "^[1-9][0-9]{0,15}$"))]
    runid: Option<String>,
    /// The company it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", regex(pattern = "^[1-9][0-9]{0,15}$"))]
    companyid: Option<String>,
    /// Who caused it: an opaque id.
    actor: Cow<'a, Actor>,
    /// The first event of the chain.
    correlationid: EventId,
    /// The event that led to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "EventId")]
    causationid: Option<EventId>,
    /// W3C trace context, where the work was traced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    traceparent: Option<Cow<'a, str>>,
    schemaversion: u32,
    data: Data,
}

impl Header {
    /// The exact bytes of the event: stored, published and hashed as they are.
    ///
    /// # Errors
    /// [`EncodeError`] when the fact has no JSON form or is too large.
    pub fn encode(&self, event: &Event) -> Result<Vec<u8>, EncodeError> {
        let EventType { name, version } = event.event_type();
        let json = |source| EncodeError::Json { name, source };
        let wire = Wire {
            specversion: "1.0".into(),
            id: self.id,
            source: format!("/presdr/{}", self.source),
            name: name.into(),
            time: self.time,
            datacontenttype: "application/json".into(),
            tenantid: Cow::Borrowed(&self.tenant),
            runid: self.run.map(|id| id.to_string()),
            companyid: self.company.map(|id| id.to_string()),
            actor: Cow::Borrowed(&self.actor),
            correlationid: self.correlation,
            causationid: self.causation,
            traceparent: self.traceparent.as_deref().map(Cow::Borrowed),
            schemaversion: version,
            data: event.data(),
        };
        let mut bytes = Vec::with_capacity(USUAL_BYTES);
        serde_json::to_writer(&mut bytes, &wire).map_err(json)?;
        match bytes.len() > EVENT_BYTES_MAX {
            true => Err(EncodeError::TooLarge { name, bytes: bytes.len() }),
            false => Ok(bytes),
        }
    }

    /// Where the event is published.
    #[must_use]
    pub fn subject(&self, event: &Event) -> Subject {
        Subject::of(&self.tenant, event.event_type().name)
    }
}

impl Envelope {
    /// Reads an event that came on `subject`, of any version ever written.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not an event this reader knows, or the subject contradicts them.
    pub fn decode(subject: &str, bytes: &[u8]) -> Result<Self, DecodeError> {
        let wire: Wire<'_, Box<RawValue>> = serde_json::from_slice(bytes).map_err(|error| DecodeError::Envelope {
            error: format!("{:?} error at line {} column {}", error.classify(), error.line(), error.column()),
        })?;
        wire.check(subject)?;
        let data = upcast(&wire.name, wire.schemaversion, wire.data)?;
        Ok(Self {
            id: wire.id,
            source: wire.source,
            time: wire.time,
            tenant: wire.tenantid.into_owned(),
            run: wire.runid.map(|id| id.parse()).transpose()?,
            company: wire.companyid.map(|id| id.parse()).transpose()?,
            actor: wire.actor.into_owned(),
            correlation: wire.correlationid,
            causation: wire.causationid,
            traceparent: wire.traceparent.map(Cow::into_owned),
            event: Event::read(&wire.name, &data)?,
        })
    }

    /// The time as it is written in tables and logs: RFC 3339, milliseconds, UTC.
    #[must_use]
    pub fn time_text(&self) -> String {
        self.time.to_rfc3339_opts(SecondsFormat::Millis, true)
    }
}

impl<Data> Wire<'_, Data> {
    fn check(&self, subject: &str) -> Result<(), DecodeError> {
        if self.specversion != "1.0" {
            return Err(DecodeError::Envelope { error: "specversion is not 1.0".to_owned() });
        }
        match Subject::is_of(subject, &self.tenantid, &self.name) {
            true => Ok(()),
            false => Err(DecodeError::Subject {
                subject: subject.to_owned(),
                tenant: self.tenantid.clone().into_owned(),
                name: self.name.clone().into_owned(),
            }),
        }
    }
}
