//! Writing a run's shortlist to the tenant's Odoo: looked at, planned, written down as intent, sent, and settled with what Odoo held after.
//!
//! Doing it again, after a crash between any two steps, makes nothing twice: a row that was about to be made goes by its external id until its
//! number is known, and by its number ever after.

mod apply;
mod intents;
mod look;
mod matched;
mod report;
mod sort;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use presdr_events::{CompanyId, IndexKey, RunId, TenantId};
use presdr_rules::settings::{OdooSettings, Section};
use presdr_store::{
    Database,
    keys::Keyring,
    odoo::{
        connections::{Connection, Place},
        records::{self, Key, Model, Origin, Record, State},
    },
    settings,
};

use crate::{
    client::{Fault, Odoo},
    desk::OdooError,
    fields::{self, Fields},
    gather::{Gathered, gather},
    rows::{self, Lead, Row},
};

pub use report::{Company, Report};

/// Tells the time.
pub type Now<'a> = &'a (dyn Fn() -> DateTime<Utc> + Send + Sync);

/// Tells whether a sync is to go on.
pub type GoesOn<'a> = &'a (dyn Fn() -> bool + Send + Sync);

/// A tenant's Odoo with what is needed to write there.
pub struct Writer<'a> {
    /// Our own database.
    pub database: &'a Database,
    /// The keys.
    pub keyring: &'a Keyring,
    /// Whose.
    pub tenant: &'a TenantId,
    /// Where it is written.
    pub odoo: &'a Odoo,
    /// Which database that is.
    pub place: Place,
    /// By which of the tenant's connections: once there is another, nothing more is written by this one.
    pub version: u32,
    /// The clock.
    pub now: Now<'a>,
    /// Asked before each call that writes rows.
    pub goes_on: GoesOn<'a>,
}

/// What is to be written, and for whom.
#[derive(Debug, Clone)]
pub struct Job {
    /// The run whose shortlist it is.
    pub run: RunId,
    /// Which sync of it.
    pub attempt: u32,
    /// For whom, by opaque id.
    pub actor: String,
    /// When it was tried first, if that failed.
    pub tried_since: Option<DateTime<Utc>>,
}

/// What was done with a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Done {
    pub outcome: &'static str,
    pub wrote: Vec<&'static str>,
    pub kept: Vec<&'static str>,
    pub problem: Option<String>,
}

impl Done {
    fn new(outcome: &'static str) -> Self {
        Self { outcome, ..Self::default() }
    }
}

/// A sync under way.
pub(crate) struct Running<'a> {
    pub writer: &'a Writer<'a>,
    pub job: &'a Job,
    pub index: IndexKey,
    pub fields: Fields,
    pub settings: OdooSettings,
    /// What is known of each record, as it changes.
    pub known: HashMap<Key, Record>,
    /// Companies under which something new is to be made: that they are still the partners that we made is looked at first.
    pub grows: BTreeSet<CompanyId>,
    /// Companies that were made by this very call: nobody can be below them yet.
    pub fresh: BTreeSet<CompanyId>,
    /// Records whose number is another's by now.
    pub lost: BTreeSet<Key>,
    pub done: BTreeMap<Key, Done>,
    /// Whether nothing is written: only what would be is told.
    pub looks_only: bool,
}

impl<'a> Writer<'a> {
    /// Of a connection, without anything that stops it.
    #[must_use]
    pub fn new(
        database: &'a Database,
        keyring: &'a Keyring,
        tenant: &'a TenantId,
        (connection, odoo): (&Connection, &'a Odoo),
        now: Now<'a>,
    ) -> Self {
        let (place, version) = (connection.place(), connection.version);
        Self { database, keyring, tenant, odoo, place, version, now, goes_on: &|| true }
    }
}

impl Writer<'_> {
    /// Writes the run's shortlist.
    ///
    /// # Errors
    /// [`OdooError`]: what was done until then stands, and the same call goes on from there.
    pub async fn sync(&self, job: &Job) -> Result<Report, OdooError> {
        self.go(job, false).await
    }

    /// Tells what [`Self::sync`] would do, and does nothing: no record is written, here or there.
    ///
    /// # Errors
    /// As [`Self::sync`].
    pub async fn preview(&self, job: &Job) -> Result<Report, OdooError> {
        self.go(job, true).await
    }

    async fn go(&self, job: &Job, looks_only: bool) -> Result<Report, OdooError> {
        let mut tx = self.database.enter(self.tenant).await?;
        let gathered = gather(&mut tx, self.keyring, job.run).await?;
        let companies: Vec<CompanyId> = gathered.leads.iter().map(|lead| lead.company).collect();
        let known = records::of_companies(&mut tx, self.place, &companies).await?;
        let settings: OdooSettings = settings::section(&mut tx, OdooSettings::NAME).await?;
        let index = self.keyring.tenant(&mut tx, self.tenant).await?.index;
        tx.commit().await?;
        let fields = if looks_only { fields::look(self.odoo).await? } else { fields::ensure(self.odoo).await? };
        let known: HashMap<Key, Record> = known.into_iter().map(|record| (record.key, record)).collect();
        let grows =
            gathered.leads.iter().filter(|lead| grows(lead, &known, &settings)).map(|lead| lead.company).collect();
        let (done, fresh, lost) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        let mut running =
            Running { writer: self, job, index, fields, settings, known, grows, fresh, lost, done, looks_only };
        running.companies(&gathered.leads).await?;
        running.contacts(&gathered.leads).await?;
        running.crm_leads(&gathered.leads).await?;
        running.touch().await?;
        Ok(running.report(&gathered))
    }
}

impl Running<'_> {
    async fn companies(&mut self, leads: &[Lead]) -> Result<(), OdooError> {
        let rows: Vec<Row> = leads.iter().map(|lead| rows::company(lead, &self.fields)).collect();
        let sought = leads.iter().map(sort::sought).collect::<Vec<_>>();
        self.stage(rows, sort::Look::Companies(sought)).await
    }

    /// Contacts of companies that are there. In a preview, those of companies that would be made would be made, too.
    async fn contacts(&mut self, leads: &[Lead]) -> Result<(), OdooError> {
        let mut rows = Vec::new();
        for lead in leads {
            for contact in &lead.contacts {
                let parent = self.partner(lead.company);
                let would_be = parent.unwrap_or_default();
                let Some(row) = rows::contact(lead, contact, would_be, &self.fields) else { continue };
                match parent {
                    Some(_) => rows.push(row),
                    None => drop(self.done.insert(row.key, self.orphan(lead.company))),
                }
            }
        }
        self.stage(rows, sort::Look::Contacts).await
    }

    async fn crm_leads(&mut self, leads: &[Lead]) -> Result<(), OdooError> {
        let mut rows = Vec::new();
        for lead in leads {
            let parent = self.partner(lead.company);
            let Some(row) = rows::crm_lead(lead, parent.unwrap_or_default(), &self.settings) else { continue };
            match parent {
                Some(_) => rows.push(row),
                None => drop(self.done.insert(row.key, self.orphan(lead.company))),
            }
        }
        match self.stage(rows.clone(), sort::Look::Nowhere).await {
            // Companies and contacts are there; that there is no CRM, or none for us, is told.
            Err(OdooError::Fault(Fault::FixNeeded { what, cure })) => {
                for row in rows {
                    let problem = Some(format!("{what}: {cure}"));
                    self.done.insert(row.key, Done { problem, ..Done::new("refused") });
                }
                Ok(())
            }
            other => other,
        }
    }

    /// The partner that a company is, if it is there and nobody put it away.
    fn partner(&self, company: CompanyId) -> Option<i64> {
        let key = Key { model: Model::Partner, company, subject: None };
        let record = self.known.get(&key).filter(|record| record.state == State::Held)?;
        record.odoo_id
    }

    /// What becomes of a record whose company is not there.
    fn orphan(&self, company: CompanyId) -> Done {
        let key = Key { model: Model::Partner, company, subject: None };
        match self.done.get(&key).map(|done| done.outcome) {
            Some("created" | "adopted") => Done::new("created"),
            _ => Done::new("left_out"),
        }
    }

    fn record(&self, key: Key, odoo_id: Option<i64>, origin: Origin, state: State, outcome: &str) -> Record {
        Record {
            key,
            odoo_id,
            origin,
            state,
            fields: BTreeMap::new(),
            run: self.job.run.get(),
            attempt: i32::try_from(self.job.attempt).unwrap_or(i32::MAX),
            outcome: outcome.to_owned(),
            problem: None,
            changed_at: (self.writer.now)(),
        }
    }

    fn report(&self, gathered: &Gathered) -> Report {
        report::report(self, gathered)
    }
}

/// Whether a contact or a lead of the company's is to be made.
fn grows(lead: &Lead, known: &HashMap<Key, Record>, settings: &OdooSettings) -> bool {
    let key = Key { model: Model::Partner, company: lead.company, subject: None };
    let is_new = |key: Key| known.get(&key).is_none_or(|record| record.odoo_id.is_none());
    rows::crm_lead(lead, 0, settings).is_some_and(|row| is_new(row.key))
        || lead.contacts.iter().any(|contact| is_new(Key { subject: contact.subject, ..key }))
}
