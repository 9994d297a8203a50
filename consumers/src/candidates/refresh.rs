//! The candidates of a profile anew.

use std::collections::{BTreeMap, BTreeSet};

use presdr_events::TenantId;
use presdr_rules::icp::IcpDocument;
use presdr_store::{Database, StoreError, TenantTx};

use super::{
    classification::Classification,
    difference, excluded,
    listed::{self, Judge, Listed, Verdict},
    registry::{self, Asked, Found},
};

/// How a refresh went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refresh {
    /// Live companies as the tenant sees them: the registry's and those of its own list.
    pub before: u64,
    /// How many were left after each filter that the profile asks for, applied in this order: `industry`, `incorporation_year`,
    /// `employees`, `revenue`, `geography`, `exclude`.
    pub after_filters: BTreeMap<String, u64>,
    /// The candidates now.
    pub candidates: u64,
    /// How many were not candidates before.
    pub added: u64,
    /// How many are candidates no more.
    pub removed: u64,
    /// Whether the industries alone were used, since nothing fits the whole profile.
    pub fallback: bool,
    /// Industries of the profile that the classification has no title for: only a tenant's own labels can match them.
    pub unknown_industries: Vec<String>,
}

/// Makes the companies that fit `document` the candidates of the tenant's rule, in one transaction: whoever reads meanwhile sees the old
/// set or the new one.
///
/// Only live companies are candidates; what is not known of one speaks for it, except its industry. What the tenant's own list says
/// comes before what the registry says. When nothing fits, the companies of the profile's industries are the candidates, without
/// those it excludes; a profile that names no industry then has none.
///
/// # Errors
/// What the database says; then the candidates are as they were.
pub async fn refresh(
    database: &Database,
    tenant: &TenantId,
    rule_id: i64,
    document: &IcpDocument,
) -> Result<Refresh, StoreError> {
    let mut tx = database.enter(tenant).await?;
    // Two refreshes of one rule take turns; the second then finds little to do. The commit need not wait for the disk: the event that
    // tells of it is committed later and waits for both, and until then a crash only means to refresh again.
    sqlx::query(
        "select pg_advisory_xact_lock(hashtextextended('candidates of ' || $1 || '/' || $2, 0)), set_config('synchronous_commit', 'off', true)",
    )
        .bind(tenant.as_str())
        .bind(rule_id.to_string())
        .execute(&mut *tx)
        .await?;
    let profile = Profile::read(&mut tx, document).await?;
    let mut wanted = profile.candidates(&mut tx).await?;
    wanted.ids.sort_unstable();
    let difference = difference::apply(&mut tx, tenant.as_str(), rule_id, &wanted.ids).await?;
    tx.commit().await?;
    Ok(Refresh {
        before: wanted.before,
        after_filters: wanted.after_filters,
        candidates: wanted.ids.len() as u64,
        added: difference.added.len() as u64,
        removed: difference.removed.len() as u64,
        fallback: wanted.fallback,
        unknown_industries: profile.unknown_industries,
    })
}

/// What a refresh would find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// As in [`Refresh::before`].
    pub before: u64,
    /// As in [`Refresh::after_filters`].
    pub after_filters: BTreeMap<String, u64>,
    /// The candidates there would be.
    pub candidates: u64,
    /// As in [`Refresh::fallback`].
    pub fallback: bool,
    /// As in [`Refresh::unknown_industries`].
    pub unknown_industries: Vec<String>,
}

/// What [`refresh`] would find for `document`; nothing is written.
///
/// # Errors
/// What the database says.
pub async fn preview(database: &Database, tenant: &TenantId, document: &IcpDocument) -> Result<Preview, StoreError> {
    let mut tx = database.enter(tenant).await?;
    let profile = Profile::read(&mut tx, document).await?;
    let wanted = profile.candidates(&mut tx).await?;
    Ok(Preview {
        before: wanted.before,
        after_filters: wanted.after_filters,
        candidates: wanted.ids.len() as u64,
        fallback: wanted.fallback,
        unknown_industries: profile.unknown_industries,
    })
}

/// A profile, and what is needed to apply it.
struct Profile<'a> {
    document: &'a IcpDocument,
    with_codes: IcpDocument,
    codes: Option<BTreeSet<String>>,
    unknown_industries: Vec<String>,
    classification: Classification,
    listed: Vec<Listed>,
}

/// The candidates there should be.
struct Wanted {
    ids: Vec<i64>,
    before: u64,
    after_filters: BTreeMap<String, u64>,
    fallback: bool,
}

impl<'a> Profile<'a> {
    async fn read(tx: &mut TenantTx, document: &'a IcpDocument) -> Result<Self, sqlx::Error> {
        let listed = listed::load(tx).await?;
        let classification =
            if document.asks_for_industry() { Classification::load(tx).await? } else { Classification::default() };
        let (with_codes, unknown_industries) = classification.with_codes(document);
        let codes = document.asks_for_industry().then(|| classification.covering(with_codes.ssic_codes.clone()));
        Ok(Self { document, with_codes, codes, unknown_industries, classification, listed })
    }

    async fn candidates(&self, tx: &mut TenantTx) -> Result<Wanted, sqlx::Error> {
        let listed_ids: Vec<i64> = self.listed.iter().map(|company| company.company_id).collect();
        let found = registry::find(tx, &Asked::all(self.document, self.codes.clone()), &listed_ids).await?;
        let verdicts = self.verdicts();
        let live_listed = self.listed.iter().filter(|company| company.is_live_in_registry()).count();
        let registry_live = registry::live(tx).await?.unsigned_abs().saturating_sub(live_listed as u64);
        let before = registry_live + verdicts.len() as u64;
        let fits = |verdict: &Verdict| {
            let Verdict { industry, incorporation_year, employees, revenue, geography, not_excluded } = *verdict;
            industry && incorporation_year && employees && revenue && geography && not_excluded
        };
        let ids = self.union(tx, &found, &verdicts, fits).await?;
        let after_filters = self.after_filters(&found, &verdicts, ids.len());
        let wanted = Wanted { ids, before, after_filters, fallback: false };
        match &self.codes {
            Some(codes) if wanted.ids.is_empty() => {
                let found = registry::find(tx, &Asked::industries(codes.clone()), &listed_ids).await?;
                let fits = |verdict: &Verdict| verdict.industry && verdict.not_excluded;
                Ok(Wanted { ids: self.union(tx, &found, &verdicts, fits).await?, fallback: true, ..wanted })
            }
            _ => Ok(wanted),
        }
    }

    /// The tenant's listed companies that are in business, judged.
    fn verdicts(&self) -> Vec<(i64, Verdict)> {
        let judge =
            Judge { document: self.document, with_codes: &self.with_codes, classification: &self.classification };
        let live = self.listed.iter().filter(|company| company.is_live());
        live.map(|company| (company.company_id, judge.judge(company))).collect()
    }

    /// The registry's companies without the excluded ones, and the listed ones that fit.
    async fn union(
        &self,
        tx: &mut TenantTx,
        found: &Found,
        verdicts: &[(i64, Verdict)],
        fits: impl Fn(&Verdict) -> bool,
    ) -> Result<Vec<i64>, sqlx::Error> {
        let excluded: BTreeSet<i64> = excluded::among(tx, self.document, &found.ids).await?.into_iter().collect();
        let registry = found.ids.iter().copied().filter(|id| !excluded.contains(id));
        let listed = verdicts.iter().filter(|(_, verdict)| fits(verdict)).map(|(id, _)| *id);
        Ok(registry.chain(listed).collect())
    }

    fn after_filters(&self, found: &Found, verdicts: &[(i64, Verdict)], candidates: usize) -> BTreeMap<String, u64> {
        let document = self.document;
        let mut left: Vec<Verdict> = verdicts.iter().map(|(_, verdict)| *verdict).collect();
        let mut counts = BTreeMap::new();
        let mut filter = |name: &str, asked: bool, in_registry: i64, passes: fn(&Verdict) -> bool| {
            left.retain(passes);
            if asked {
                counts.insert(name.to_owned(), in_registry.unsigned_abs() + left.len() as u64);
            }
        };
        filter("industry", document.asks_for_industry(), found.industry, |verdict| verdict.industry);
        let years = document.incorporation_year.is_some();
        filter("incorporation_year", years, found.incorporation_year, |verdict| verdict.incorporation_year);
        filter("employees", document.employee_range.is_some(), found.employees, |verdict| verdict.employees);
        filter("revenue", document.revenue_bucket.is_some(), found.revenue, |verdict| verdict.revenue);
        filter("geography", !document.geography.is_empty(), found.geography, |verdict| verdict.geography);
        if !document.exclude.is_empty() {
            counts.insert("exclude".to_owned(), candidates as u64);
        }
        counts
    }
}
