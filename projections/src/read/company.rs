//! One company as a tenant knows it: what is known, why it scored so, why each vendor was asked.

use chrono::{DateTime, Utc};
use presdr_events::CompanyId;
use presdr_store::{StoreError, TenantTx};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use sqlx::FromRow;

use super::Sight;

/// At most so many of a company's newest steps and vendor calls are shown.
const NEWEST_MAX: i64 = 200;

/// A company that the tenant has looked at, or has on its list.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Company {
    /// What the registry and the tenant's list say.
    #[serde(flatten)]
    pub facts: Facts,
    /// The newest time that a run looked at it.
    pub lead: Option<Lead>,
    /// Its newest score and what that is made of.
    pub score: Option<Score>,
    /// Addresses.
    pub emails: Vec<Email>,
    /// People.
    pub contacts: Vec<Person>,
    /// Telephone numbers.
    pub phones: Vec<String>,
    /// Every question about it to a paid vendor, newest first, each with its reason.
    pub vendor_calls: Vec<VendorCall>,
    /// What was done about it, newest first.
    pub steps: Vec<Step>,
}

/// What the registry and the tenant's list say of a company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, FromRow)]
#[expect(missing_docs, reason = "the columns' own names")]
pub struct Facts {
    pub company_id: i64,
    pub uen: Option<String>,
    pub name: Option<String>,
    pub industry_code: Option<String>,
    pub industry_norm: Option<String>,
    pub employees_est: Option<i32>,
    pub revenue_bucket: Option<String>,
    pub incorporation_year: Option<i32>,
    pub website_domain: Option<String>,
    pub in_registry: bool,
    pub listed: bool,
    pub suppressed: bool,
}

/// A company on its way through a run.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema, FromRow)]
pub struct Lead {
    /// Which run.
    pub run_id: i64,
    /// Its site.
    pub domain: Option<String>,
    /// How the site was found.
    pub domain_method: Option<String>,
    /// How sure that is, from 0 to 1.
    pub domain_confidence: Option<f64>,
    /// What reading the site came to.
    pub visit_verdict: Option<String>,
    /// Pages that were read.
    pub pages_read: Option<i64>,
    /// What robots.txt allowed.
    pub robots: Option<String>,
    /// When the site was read.
    pub visited_at: Option<DateTime<Utc>>,
    /// What it says of itself; text may name people, so it is not there for who sees masked.
    pub about_text: Option<String>,
    /// The site's language.
    pub language: Option<String>,
    /// What the site is built with.
    pub tech_stack: Option<Vec<String>>,
    /// Words of the profile that the site uses.
    pub keywords: Option<Vec<String>>,
    /// Open positions.
    pub jobs_count: Option<i64>,
    /// Whether the site names the company.
    pub identity_confirmed: Option<bool>,
    /// How it ended.
    pub outcome: Option<String>,
    /// And why.
    pub outcome_reason: Option<String>,
    /// What was done with less than there should have been.
    pub degraded_reasons: Vec<String>,
}

/// A score and what it is made of.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema, FromRow)]
pub struct Score {
    /// Which run.
    pub run_id: i64,
    /// From 0 to 1.
    pub score: f64,
    /// `High`, `Medium` or `Low`.
    pub bucket: String,
    /// The known share of the weight, from 0 to 1.
    pub confidence: f64,
    /// In words.
    pub rationale: String,
    /// Each feature that counted: weight, value and points.
    pub contributions: Value,
    /// Every feature; null is evidence that is missing.
    pub features: Option<Value>,
    /// When it was scored.
    pub created_at: DateTime<Utc>,
}

/// An address.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema, FromRow)]
#[expect(missing_docs, reason = "the columns' own names")]
pub struct Email {
    pub email: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub role_title: Option<String>,
    pub role_account: bool,
    pub source: String,
    pub because: Option<String>,
    pub verification_status: String,
    pub smtp_confidence: Option<f64>,
    pub last_verified_at: Option<DateTime<Utc>>,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, FromRow)]
#[expect(missing_docs, reason = "the columns' own names")]
pub struct Person {
    pub name: Option<String>,
    pub role_title: Option<String>,
    pub wanted_title: bool,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub profile_url: Option<String>,
    pub source: String,
    pub because: Option<String>,
}

/// A question to a paid vendor.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema, FromRow)]
#[expect(missing_docs, reason = "the columns' own names")]
pub struct VendorCall {
    pub run_id: Option<i64>,
    pub vendor: String,
    pub operation: String,
    pub purpose: String,
    /// Why it was asked, or why it was not.
    pub because: String,
    pub status: String,
    #[schemars(with = "String")]
    pub cost_usd: Decimal,
    pub called_at: DateTime<Utc>,
}

/// Something that was done about a company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, FromRow)]
#[expect(missing_docs, reason = "the columns' own names")]
pub struct Step {
    pub run_id: Option<i64>,
    pub event_type: String,
    pub tool: String,
    pub status: String,
    pub attempt: i64,
    pub degraded_reasons: Vec<String>,
    pub occurred_at: DateTime<Utc>,
}

/// One company; `None` when the tenant neither looked at it nor has it on its list, whatever the registry knows.
///
/// # Errors
/// What the database says.
pub async fn company(tx: &mut TenantTx, company: CompanyId, sight: Sight) -> Result<Option<Company>, StoreError> {
    let (tenant, id) = (tx.tenant().clone(), company.get());
    let facts: Option<Facts> = sqlx::query_as(
        "select company_id, uen, name, industry_code, industry_norm, employees_est, revenue_bucket, incorporation_year,
                website_domain, in_registry, listed,
                exists (select from suppressed_companies s where s.tenant_id = $1 and s.company_id = $2) as suppressed
         from tenant_company
         where company_id = $2 and (listed or exists (select from company_enrichment_runs l where l.tenant_id = $1 and l.company_id = $2))",
    )
    .bind(tenant.as_str())
    .bind(id)
    .fetch_optional(&mut **tx)
    .await?;
    let Some(facts) = facts else { return Ok(None) };
    let lead: Option<Lead> = sqlx::query_as(
        "select run_id, domain, domain_method, domain_confidence, visit_verdict, pages_read, robots, visited_at, about_text,
                language, tech_stack, keywords, jobs_count, identity_confirmed, outcome, outcome_reason, degraded_reasons
         from company_enrichment_runs where tenant_id = $1 and company_id = $2 order by run_id desc limit 1",
    )
    .bind(tenant.as_str())
    .bind(id)
    .fetch_optional(&mut **tx)
    .await?;
    let score = sqlx::query_as(
        "select s.run_id, s.score, s.bucket, s.confidence, s.rationale, s.contributions, f.features, s.created_at
         from lead_scores s
         left join lead_features f on f.tenant_id = s.tenant_id and f.run_id = s.run_id and f.company_id = s.company_id
         where s.tenant_id = $1 and s.company_id = $2 order by s.run_id desc limit 1",
    )
    .bind(tenant.as_str())
    .bind(id)
    .fetch_optional(&mut **tx)
    .await?;
    let vendor_calls = sqlx::query_as(
        "select run_id, vendor, operation, purpose, because, status, cost_usd, called_at
         from vendor_calls where tenant_id = $1 and company_id = $2 order by sequence desc limit $3",
    )
    .bind(tenant.as_str())
    .bind(id)
    .bind(NEWEST_MAX)
    .fetch_all(&mut **tx)
    .await?;
    let steps = sqlx::query_as(
        "select run_id, event_type, tool, status, attempt, degraded_reasons, occurred_at
         from audit_log where tenant_id = $1 and company_id = $2 order by sequence desc limit $3",
    )
    .bind(tenant.as_str())
    .bind(id)
    .bind(NEWEST_MAX)
    .fetch_all(&mut **tx)
    .await?;
    let lead = lead.map(|lead| Lead { about_text: sight.text(lead.about_text), ..lead });
    let (emails, contacts, phones) =
        (emails(tx, id, sight).await?, contacts(tx, id, sight).await?, phones(tx, id, sight).await?);
    Ok(Some(Company { facts, lead, score, emails, contacts, phones, vendor_calls, steps }))
}

async fn emails(tx: &mut TenantTx, company: i64, sight: Sight) -> Result<Vec<Email>, StoreError> {
    let tenant = tx.tenant().clone();
    let emails: Vec<Email> = sqlx::query_as(
        "select email, first_name, last_name, role_title, role_account, source, because, verification_status, smtp_confidence,
                last_verified_at
         from lead_emails where tenant_id = $1 and company_id = $2 order by own_domain desc, role_account, email",
    )
    .bind(tenant.as_str())
    .bind(company)
    .fetch_all(&mut **tx)
    .await?;
    let seen = |email: Email| Email {
        email: sight.email(email.email),
        first_name: sight.name(email.first_name),
        last_name: sight.name(email.last_name),
        ..email
    };
    Ok(emails.into_iter().map(seen).collect())
}

async fn contacts(tx: &mut TenantTx, company: i64, sight: Sight) -> Result<Vec<Person>, StoreError> {
    let tenant = tx.tenant().clone();
    let contacts: Vec<Person> = sqlx::query_as(
        "select name, role_title, wanted_title, email, phone, profile_url, source, because
         from contacts where tenant_id = $1 and company_id = $2 order by wanted_title desc, email is null, role_title, name, email, subject_id",
    )
    .bind(tenant.as_str())
    .bind(company)
    .fetch_all(&mut **tx)
    .await?;
    let seen = |person: Person| Person {
        name: sight.name(person.name),
        email: sight.email(person.email),
        phone: sight.phone(person.phone),
        profile_url: sight.text(person.profile_url),
        ..person
    };
    Ok(contacts.into_iter().map(seen).collect())
}

async fn phones(tx: &mut TenantTx, company: i64, sight: Sight) -> Result<Vec<String>, StoreError> {
    let tenant = tx.tenant().clone();
    let phones: Vec<String> =
        sqlx::query_scalar("select phone from lead_phones where tenant_id = $1 and company_id = $2 order by phone")
            .bind(tenant.as_str())
            .bind(company)
            .fetch_all(&mut **tx)
            .await?;
    Ok(phones.into_iter().filter_map(|phone| sight.phone(Some(phone))).collect())
}
