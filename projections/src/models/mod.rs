//! The read models, one file each.

mod alerts;
pub(crate) mod audit;
mod contacts;
mod emails;
mod leads;
mod log;
mod manifests;
mod phones;
mod runs;
mod scores;
mod shortlists;
mod stages;
mod summaries;
mod suppressed;
mod vendor_calls;
mod vendor_usage;

use std::collections::BTreeSet;

use crate::{ProjectError, Projection};

/// Every read model, in the order in which they are written and then counted: counts come after the rows that they count.
pub(crate) const ALL: &[&dyn Projection] = &[
    &log::RunLog,
    &runs::Runs,
    &manifests::Manifests,
    &leads::Leads,
    &scores::Scores,
    &emails::Emails,
    &contacts::Contacts,
    &phones::Phones,
    &alerts::Alerts,
    &vendor_calls::VendorCalls,
    &stages::Stages,
    &shortlists::Shortlists,
    &summaries::Summaries,
    &vendor_usage::VendorUsage,
];

/// Some of the read models, with all that filling them takes.
#[derive(Clone)]
pub(crate) struct Selection {
    /// Those that were asked for.
    pub named: Vec<&'static dyn Projection>,
    /// These, and those whose tables they read; in the order of [`ALL`].
    pub filled: Vec<&'static dyn Projection>,
    /// Whether the audit log was asked for. It is always filled: it tells repeats from news.
    pub audit: bool,
}

impl Selection {
    /// Everything there is.
    pub(crate) fn all() -> Self {
        Self { named: ALL.to_vec(), filled: ALL.to_vec(), audit: true }
    }

    /// Those of these names (a read model's, or one of its tables'); all when there is none.
    ///
    /// # Errors
    /// [`ProjectError::NoModel`] for a name that is none.
    pub(crate) fn of(names: &[String]) -> Result<Self, ProjectError> {
        if names.is_empty() {
            return Ok(Self::all());
        }
        let (mut named, mut audit) = (Vec::new(), false);
        for name in names {
            match ALL.iter().find(|model| model.name() == name || model.tables().contains(&name.as_str())) {
                Some(model) => named.push(*model),
                None if audit::TABLES.contains(&name.as_str()) => audit = true,
                None => return Err(ProjectError::NoModel { name: name.clone(), known: known() }),
            }
        }
        let mut wanted: BTreeSet<&str> = named.iter().map(|model| model.name()).collect();
        let mut before = 0;
        while wanted.len() > before {
            before = wanted.len();
            let read = ALL.iter().filter(|model| wanted.contains(model.name())).flat_map(|model| model.reads());
            wanted.extend(read.copied().collect::<Vec<_>>());
        }
        let of = |names: &BTreeSet<&str>| ALL.iter().copied().filter(|model| names.contains(model.name())).collect();
        Ok(Self { named: of(&named.iter().map(|model| model.name()).collect()), filled: of(&wanted), audit })
    }

    /// Whether this is everything.
    pub(crate) fn is_all(&self) -> bool {
        self.named.len() == ALL.len() && self.audit
    }

    /// The tables that are filled.
    pub(crate) fn tables(&self) -> Vec<&'static str> {
        let models = self.filled.iter().flat_map(|model| model.tables());
        models.chain(audit::TABLES).chain(&[PARKED]).copied().collect()
    }

    /// The tables that take the place of the live ones.
    pub(crate) fn swapped(&self) -> Vec<&'static str> {
        let models = self.named.iter().flat_map(|model| model.tables()).copied();
        models.chain(audit::TABLES.iter().copied().filter(|_| self.audit)).collect()
    }
}

/// What could not be applied.
pub(crate) const PARKED: &str = "projection_parked";

/// Every name that a read model goes by.
fn known() -> String {
    ALL.iter().map(|model| model.name()).chain(["audit_log"]).collect::<Vec<_>>().join(", ")
}

/// JSON text of a value that always has one: maps with text keys, lists, numbers.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| unreachable!("maps with text keys have a JSON form: {error}"))
}

/// A count or duration as the database has it.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(models: &[&'static dyn Projection]) -> Vec<&'static str> {
        models.iter().map(|model| model.name()).collect()
    }

    #[test]
    fn what_is_asked_for_is_filled_with_what_it_reads() {
        let some = Selection::of(&["run_summaries".to_owned()]).unwrap();
        assert_eq!(names(&some.named), ["run_summaries"]);
        assert_eq!(
            names(&some.filled),
            ["run_event_logs", "enrichment_runs", "run_manifests", "company_enrichment_runs", "run_summaries"]
        );
        assert_eq!(some.swapped(), ["run_summaries"]);
        assert!(some.tables().contains(&"audit_log") && !some.is_all());
    }

    #[test]
    fn a_table_names_its_model_and_the_audit_log_is_one() {
        let some = Selection::of(&["lead_features".to_owned(), "audit_log".to_owned()]).unwrap();
        assert_eq!(some.swapped(), ["lead_scores", "lead_features", "audit_log", "audit_heads"]);
        assert!(Selection::of(&[]).unwrap().is_all());
    }

    #[test]
    fn a_name_that_is_none_is_told_with_those_that_are() {
        let error = Selection::of(&["lead_scors".to_owned()]).err().unwrap().to_string();
        assert!(error.contains("lead_scors") && error.contains("lead_scores"), "{error}");
    }

    #[test]
    fn every_table_has_one_model_and_every_model_reads_what_there_is() {
        let mut tables: Vec<&str> = ALL.iter().flat_map(|model| model.tables()).copied().collect();
        tables.sort_unstable();
        let all = tables.len();
        tables.dedup();
        assert_eq!(tables.len(), all);
        for model in ALL {
            assert!(model.reads().iter().all(|read| ALL.iter().any(|other| other.name() == *read)), "{}", model.name());
        }
    }
}
