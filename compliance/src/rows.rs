//! The rows of a place that are about a person.

use std::collections::BTreeSet;

use futures::TryStreamExt;
use presdr_events::{CompanyId, SuppressionKind, TenantId};
use presdr_rules::named::{self, Left};
use presdr_sites::Visit;
use presdr_store::{
    TenantTx,
    answers::{self, Answer},
    keys::TenantKeys,
};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Row};

use crate::{ComplianceError, Office, Path, Place, target::Target};

/// A row that is about the person.
#[derive(Clone)]
pub(crate) struct Hit {
    /// The columns of the place's key.
    pub key: Value,
    /// All of it.
    pub whole: Value,
    /// What is left of it without the person, where something is.
    pub left: Option<Value>,
}

/// Looks for one person in place after place.
pub(crate) struct Search<'a> {
    pub office: &'a Office,
    pub tenant: &'a TenantId,
    pub keys: &'a TenantKeys,
    pub target: &'a Target,
    /// Companies whose text names the person: what was made of it is the person's, too.
    pub companies: BTreeSet<i64>,
}

impl Search<'_> {
    /// Every row of the place that is about the person.
    pub async fn hits(&mut self, place: &Place) -> Result<Vec<Hit>, ComplianceError> {
        let mut tx = self.office.desk.database().enter(self.tenant).await?;
        let hits = match place.path {
            Path::Key | Path::Identifiers | Path::ReadModel => self.of_subjects(&mut tx, place).await?,
            Path::AddressHash => self.with_hash(&mut tx, place, "hash", SuppressionKind::Email).await?,
            Path::Asked => self.with_hash(&mut tx, place, "thing", SuppressionKind::Thing).await?,
            Path::Text | Path::ShownText => self.with_text(&mut tx, place).await?,
            Path::Pages => self.with_pages(&mut tx, place).await?,
            Path::Said => self.with_said(&mut tx, place).await?,
            Path::Answers => self.with_answers(&mut tx).await?,
            Path::Vectors => self.of_companies(&mut tx, place).await?,
            Path::Sealed | Path::Stays(_) | Path::Nobody(_) => Vec::new(),
        };
        tx.commit().await?;
        Ok(hits)
    }

    async fn of_subjects(&self, tx: &mut TenantTx, place: &Place) -> Result<Vec<Hit>, ComplianceError> {
        let ids: Vec<uuid::Uuid> = self.target.subjects.iter().map(|subject| subject.0).collect();
        let statement = format!("{} where t.tenant_id = $1 and t.subject_id = any($2)", select(place));
        let rows = sqlx::query(AssertSqlSafe(statement)).bind(self.tenant.as_str()).bind(ids).fetch_all(&mut **tx);
        Ok(rows.await?.iter().map(hit).collect())
    }

    async fn with_hash(
        &self,
        tx: &mut TenantTx,
        place: &Place,
        column: &str,
        kind: SuppressionKind,
    ) -> Result<Vec<Hit>, ComplianceError> {
        let hashes = self.hashes(kind);
        let statement = format!("{} where t.tenant_id = $1 and t.{column} = any($2)", select(place));
        let rows = sqlx::query(AssertSqlSafe(statement)).bind(self.tenant.as_str()).bind(hashes).fetch_all(&mut **tx);
        Ok(rows.await?.iter().map(hit).collect())
    }

    /// The keyed hashes of one kind under which the person is known.
    fn hashes(&self, kind: SuppressionKind) -> Vec<Vec<u8>> {
        let forms = self.target.forms.keys().filter(|form| form.kind == kind).map(|form| form.hash.to_vec());
        let things =
            if kind == SuppressionKind::Thing { self.target.known.things(self.tenant, self.keys) } else { Vec::new() };
        forms.chain(things.into_iter().map(|thing| thing.to_vec())).collect()
    }

    async fn with_text(&mut self, tx: &mut TenantTx, place: &Place) -> Result<Vec<Hit>, ComplianceError> {
        let statement = format!("{} where t.tenant_id = $1", select(place));
        let mut rows = sqlx::query(AssertSqlSafe(statement)).bind(self.tenant.as_str()).fetch(&mut **tx);
        let mut hits = Vec::new();
        while let Some(row) = rows.try_next().await? {
            let hit = hit(&row);
            let company = company_of(&hit.whole);
            let texts = place.columns.iter().filter_map(|column| hit.whole[column].as_str());
            if texts.into_iter().any(|text| self.target.is_named(&self.keys.index, text, company)) {
                self.companies.extend(company.map(CompanyId::get));
                hits.push(hit);
            }
        }
        Ok(hits)
    }

    async fn with_pages(&self, tx: &mut TenantTx, place: &Place) -> Result<Vec<Hit>, ComplianceError> {
        let statement = format!("{} where t.tenant_id = $1", select(place));
        let mut rows = sqlx::query(AssertSqlSafe(statement)).bind(self.tenant.as_str()).fetch(&mut **tx);
        let mut hits = Vec::new();
        while let Some(row) = rows.try_next().await? {
            let mut hit = hit(&row);
            let company = company_of(&hit.whole);
            let named = |text: &str| self.target.is_named(&self.keys.index, text, company);
            if !mentions(&hit.whole["visit"], &named) {
                continue;
            }
            // A visit that an older version stored is not worth keeping in parts.
            hit.left = serde_json::from_value(hit.whole["visit"].clone()).ok().and_then(|visit| without(visit, &named));
            hits.push(hit);
        }
        Ok(hits)
    }

    async fn with_said(&self, tx: &mut TenantTx, place: &Place) -> Result<Vec<Hit>, ComplianceError> {
        let statement = format!("{} where t.tenant_id = $1", select(place));
        let mut rows = sqlx::query(AssertSqlSafe(statement)).bind(self.tenant.as_str()).fetch(&mut **tx);
        let named = |text: &str| self.target.is_named_anywhere(&self.keys.index, text);
        let mut hits = Vec::new();
        while let Some(row) = rows.try_next().await? {
            let mut hit = hit(&row);
            let said = hit.whole[place.columns[0]].take();
            hit.left = match named::without_entries(&said, &named) {
                Left::All => continue,
                Left::Less(less) => Some(less),
                Left::Nothing => Some(Value::Object(serde_json::Map::new())),
            };
            hit.whole[place.columns[0]] = said;
            hits.push(hit);
        }
        Ok(hits)
    }

    async fn with_answers(&self, tx: &mut TenantTx) -> Result<Vec<Hit>, ComplianceError> {
        let things = self.hashes(SuppressionKind::Thing);
        let (mut hits, mut page) = (Vec::new(), answers::page(tx, None).await?);
        while let Some(last) = page.last().cloned() {
            for answer in page {
                let opened = answers::open(tx, self.keys, &answer)?;
                let company = CompanyId::new(answer.bought_for.1).ok();
                let named = |text: &str| self.target.is_named(&self.keys.index, text, company);
                let document: Value = serde_json::from_slice(&opened).unwrap_or_default();
                if things.contains(&answer.thing) || mentions(&document, &named) {
                    hits.push(of_answer(&answer, document));
                }
            }
            page = answers::page(tx, Some(&last)).await?;
        }
        Ok(hits)
    }

    async fn of_companies(&self, tx: &mut TenantTx, place: &Place) -> Result<Vec<Hit>, ComplianceError> {
        let companies: Vec<i64> = self.companies.iter().copied().collect();
        let statement = format!("{} where t.tenant_id = $1 and t.company_id = any($2)", select(place));
        let rows =
            sqlx::query(AssertSqlSafe(statement)).bind(self.tenant.as_str()).bind(companies).fetch_all(&mut **tx);
        Ok(rows.await?.iter().map(hit).collect())
    }
}

/// The visit without what names the person, perhaps without any page: a lead that is under way needs it.
fn without(mut visit: Visit, named: &dyn Fn(&str) -> bool) -> Option<Value> {
    visit.forget(named);
    visit.pages.retain(|page| serde_json::to_value(page).is_ok_and(|page| !mentions(&page, named)));
    serde_json::to_value(&visit).ok()
}

fn mentions(value: &Value, named: &dyn Fn(&str) -> bool) -> bool {
    presdr_rules::named::without_entries(value, named) != presdr_rules::named::Left::All
}

fn of_answer(answer: &Answer, document: Value) -> Hit {
    let thing: String = answer.thing.iter().map(|byte| format!("{byte:02x}")).collect();
    let key = serde_json::json!({
        "vendor": answer.vendor, "operation": answer.operation, "thing": format!("\\x{thing}"),
    });
    let (run, company, _) = answer.bought_for;
    let whole = serde_json::json!({
        "vendor": answer.vendor, "operation": answer.operation, "run_id": run, "company_id": company,
        "stored_at": answer.stored_at, "answer": document,
    });
    Hit { key, whole, left: None }
}

/// Which company a row is about.
pub(crate) fn company_of(row: &Value) -> Option<CompanyId> {
    CompanyId::new(row["company_id"].as_i64()?).ok()
}

fn select(place: &Place) -> String {
    let key: Vec<String> = place.key.iter().map(|column| format!("'{column}', t.{column}")).collect();
    format!(
        "select jsonb_build_object({}) as key, to_jsonb(t) - 'tenant_id' as whole from {} t",
        key.join(", "),
        place.table
    )
}

fn hit(row: &sqlx::postgres::PgRow) -> Hit {
    Hit { key: row.get("key"), whole: row.get("whole"), left: None }
}
