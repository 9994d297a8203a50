//! What a sync came to, company by company, without anybody's data.

use std::collections::BTreeMap;

use presdr_events::CompanyId;
use presdr_store::odoo::records::{Key, Model};
use serde::Serialize;

use super::{Done, Running};
use crate::{client::Asked, gather::Gathered};

/// What was done for a company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Company {
    /// Which.
    pub company_id: CompanyId,
    /// `created`, `adopted`, `updated`, `kept`, `unchanged`, `archived`, `deleted`, `ambiguous`, `refused`, `superseded`, `suppressed`,
    /// `left_out`.
    pub outcome: &'static str,
    /// Its number in Odoo.
    pub partner_id: Option<i64>,
    /// Fields that were written.
    pub wrote: Vec<&'static str>,
    /// Fields that a person changed, which were left.
    pub kept: Vec<&'static str>,
    /// Its contacts by what was done with them.
    pub contacts: BTreeMap<&'static str, u32>,
    /// What was done with its lead in Odoo's CRM, where the tenant wants one.
    pub lead: Option<&'static str>,
    /// What is wrong with it or a contact of it, in our own words.
    pub problem: Option<String>,
}

impl Company {
    /// Whether a person has to do something before all of it is there.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        self.problem.is_some()
    }

    /// Whether everything of it was as it should be.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.outcome == "unchanged"
            && self.contacts.keys().all(|outcome| *outcome == "unchanged")
            && self.lead.is_none_or(|lead| lead == "unchanged")
    }
}

/// What a sync came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The shortlist, best first; suppressed companies last.
    pub companies: Vec<Company>,
    /// Records by kind and what was done with them: `company.created`, `contact.unchanged`, ….
    pub counts: BTreeMap<String, u32>,
    /// Fields of our own that this Odoo does not have.
    pub missing_fields: Vec<&'static str>,
    /// Which right would let us make them.
    pub cure: Option<String>,
    /// Calls to Odoo.
    #[serde(skip)]
    pub asked: Asked,
}

pub(super) fn report(running: &Running<'_>, gathered: &Gathered) -> Report {
    let mut companies: Vec<Company> = gathered.leads.iter().map(|lead| company(running, lead.company)).collect();
    companies.extend(gathered.suppressed.iter().map(|id| Company { outcome: "suppressed", ..company(running, *id) }));
    companies.extend(gathered.unreadable.iter().map(|id| {
        let problem = Some("what the run told of it cannot be read".to_owned());
        Company { problem, ..company(running, *id) }
    }));
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for (key, done) in &running.done {
        *counts.entry(format!("{}.{}", kind(*key), done.outcome)).or_default() += 1;
    }
    for (outcome, companies) in [("suppressed", &gathered.suppressed), ("left_out", &gathered.unreadable)] {
        if !companies.is_empty() {
            let count = u32::try_from(companies.len()).unwrap_or(u32::MAX);
            *counts.entry(format!("company.{outcome}")).or_default() += count;
        }
    }
    Report {
        companies,
        counts,
        missing_fields: running.fields.missing.clone(),
        cure: running.fields.cure.clone(),
        asked: running.writer.odoo.asked(),
    }
}

fn company(running: &Running<'_>, id: CompanyId) -> Company {
    let of = |model| Key { model, company: id, subject: None };
    let nothing = Done::new("left_out");
    let done = running.done.get(&of(Model::Partner)).unwrap_or(&nothing);
    let mut contacts = BTreeMap::new();
    let mut problem = done.problem.clone();
    // The company itself sorts before its people, and both before the next company.
    let people = running
        .done
        .range(of(Model::Partner)..)
        .take_while(|(key, _)| (key.model, key.company) == (Model::Partner, id));
    for (_, of_contact) in people.filter(|(key, _)| key.subject.is_some()) {
        *contacts.entry(of_contact.outcome).or_default() += 1;
        problem = problem.or_else(|| of_contact.problem.as_ref().map(|problem| format!("a contact: {problem}")));
    }
    let lead = running.done.get(&of(Model::Lead));
    let problem = problem.or_else(|| lead?.problem.as_ref().map(|problem| format!("its lead: {problem}")));
    Company {
        company_id: id,
        outcome: done.outcome,
        partner_id: running.known.get(&of(Model::Partner)).and_then(|record| record.odoo_id),
        wrote: done.wrote.clone(),
        kept: done.kept.clone(),
        contacts,
        lead: lead.map(|lead| lead.outcome),
        problem,
    }
}

fn kind(key: Key) -> &'static str {
    match (key.model, key.subject) {
        (Model::Lead, _) => "lead",
        (Model::Partner, None) => "company",
        (Model::Partner, Some(_)) => "contact",
    }
}
