//! `suppressed_companies`: which companies shortlists leave out; and, when suppressions change, taking back what rows already show.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use presdr_events::{Event, IndexKey, Suppressible, TenantId};
use presdr_rules::email_policy;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::shortlists::Shortlists;
use crate::suppressed::{Suppressed, ask_about_person};
use crate::{ApplyError, Projection, TenantBatch};

/// The read model.
pub(crate) struct SuppressedCompanies;

/// Rows that are looked at together.
const PAGE: i64 = 5_000;

impl Projection for SuppressedCompanies {
    fn name(&self) -> &'static str {
        "suppressed_companies"
    }

    fn apply<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        batch: &'a TenantBatch<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move {
            let Some(index) = batch.suppressed.index() else { return Ok(()) };
            let mut work = Work { connection, tenant: batch.tenant, index };
            if batch.events.iter().any(|event| changes_suppressions(&event.envelope.event)) {
                work.companies(None).await?;
                work.take_back().await?;
            } else {
                let resolved =
                    batch.events.iter().filter(|event| matches!(event.envelope.event, Event::LeadDomainResolved(_)));
                let companies: BTreeSet<i64> = resolved.filter_map(|event| Some(event.lead()?.1)).collect();
                if !companies.is_empty() {
                    work.companies(Some(companies.into_iter().collect())).await?;
                }
            }
            Ok(())
        })
    }
}

fn changes_suppressions(event: &Event) -> bool {
    matches!(event, Event::SuppressionAdded(_) | Event::SuppressionLifted(_) | Event::SubjectErased(_))
}

struct Work<'a> {
    connection: &'a mut PgConnection,
    tenant: &'a TenantId,
    index: &'a IndexKey,
}

#[derive(FromRow)]
struct Address {
    company_id: i64,
    email: String,
    first_name: Option<String>,
    last_name: Option<String>,
    last_seen_at: DateTime<Utc>,
}

#[derive(FromRow)]
struct Person {
    company_id: i64,
    subject_id: Uuid,
    name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    profile_url: Option<String>,
    last_seen_at: DateTime<Utc>,
}

#[derive(FromRow)]
struct Number {
    company_id: i64,
    phone: String,
    last_seen_at: DateTime<Utc>,
}

impl Work<'_> {
    /// Brings the table up to date for some companies or for all, and the shortlists that have one whose standing changed.
    async fn companies(&mut self, among: Option<Vec<i64>>) -> Result<(), sqlx::Error> {
        let domains = self.domains(among.as_deref()).await?;
        let suppressed = self.look_up(domains.clone(), |_| {}).await?;
        let now = DateTime::<Utc>::MAX_UTC; // what is found from now on: only what nobody lifted holds for that
        let by_domain = domains.keys().copied().filter(|company| suppressed.company(*company, now));
        let by_domain: Vec<i64> = by_domain.collect();
        let changed: Vec<i64> = sqlx::query_scalar(
            "with held as (
                 select company_id from public.suppressions
                 where tenant_id = $1 and company_id is not null and kind = 'company' and lifted_at is null
                     and ($2::bigint[] is null or company_id = any($2))
                 union select unnest($3::bigint[])),
             freed as (delete from suppressed_companies kept where tenant_id = $1 and ($2::bigint[] is null or company_id = any($2))
                     and not exists (select from held where held.company_id = kept.company_id) returning company_id),
             taken as (insert into suppressed_companies (tenant_id, company_id) select $1, company_id from held
                     on conflict do nothing returning company_id)
             select company_id from freed union all select company_id from taken",
        )
        .bind(self.tenant.as_str())
        .bind(among)
        .bind(by_domain)
        .fetch_all(&mut *self.connection)
        .await?;
        if changed.is_empty() {
            return Ok(());
        }
        let runs: Vec<i64> =
            sqlx::query_scalar("select run_id from run_manifests where tenant_id = $1 and shortlisted_ids && $2")
                .bind(self.tenant.as_str())
                .bind(changed)
                .fetch_all(&mut *self.connection)
                .await?;
        Shortlists.settle(self.connection, self.tenant, &runs).await
    }

    async fn domains(&mut self, among: Option<&[i64]>) -> Result<HashMap<i64, BTreeSet<String>>, sqlx::Error> {
        let rows: Vec<(i64, String)> = sqlx::query_as(
            "select distinct company_id, domain from company_enrichment_runs
             where tenant_id = $1 and domain is not null and ($2::bigint[] is null or company_id = any($2))",
        )
        .bind(self.tenant.as_str())
        .bind(among)
        .fetch_all(&mut *self.connection)
        .await?;
        let mut domains: HashMap<i64, BTreeSet<String>> = HashMap::new();
        for (company, domain) in rows {
            domains.entry(company).or_default().insert(domain);
        }
        Ok(domains)
    }

    async fn look_up(
        &mut self,
        domains: HashMap<i64, BTreeSet<String>>,
        ask: impl FnOnce(&dyn Fn(Suppressible<'_>) -> bool),
    ) -> Result<Suppressed, sqlx::Error> {
        Suppressed::look_up(self.connection, self.tenant, self.index, domains, ask).await
    }

    async fn of_companies(
        &mut self,
        companies: impl Iterator<Item = i64>,
    ) -> Result<HashMap<i64, BTreeSet<String>>, sqlx::Error> {
        let mut of_rows: HashMap<i64, BTreeSet<String>> = companies.map(|company| (company, BTreeSet::new())).collect();
        let among: Vec<i64> = of_rows.keys().copied().collect();
        of_rows.extend(self.domains(Some(&among)).await?);
        Ok(of_rows)
    }

    /// Deletes the rows of what is suppressed by now.
    async fn take_back(&mut self) -> Result<(), sqlx::Error> {
        self.take_back_addresses().await?;
        self.take_back_people().await?;
        self.take_back_numbers().await
    }

    async fn take_back_addresses(&mut self) -> Result<(), sqlx::Error> {
        let mut after = (i64::MIN, String::new());
        loop {
            let page: Vec<Address> = sqlx::query_as(
                "select company_id, email, first_name, last_name, last_seen_at from lead_emails
                 where tenant_id = $1 and (company_id, email) > ($2, $3) order by company_id, email limit $4",
            )
            .bind(self.tenant.as_str())
            .bind(after.0)
            .bind(&after.1)
            .bind(PAGE)
            .fetch_all(&mut *self.connection)
            .await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = (last.company_id, last.email.clone());
            let name =
                |row: &Address| crate::suppressed::full_name(row.first_name.as_deref(), row.last_name.as_deref());
            let domains = self.of_companies(page.iter().map(|row| row.company_id)).await?;
            let suppressed = self.look_up(domains, |ask| {
                for row in &page {
                    email_policy::is_suppressed(&row.email, ask);
                    ask_about_person(row.company_id, name(row).as_deref(), None, ask);
                }
            });
            let suppressed = suppressed.await?;
            let gone = page.iter().filter(|row| {
                suppressed.company(row.company_id, row.last_seen_at)
                    || suppressed.address(&row.email, row.last_seen_at)
                    || suppressed.person(row.company_id, name(row).as_deref(), None, row.last_seen_at)
            });
            let (companies, emails): (Vec<i64>, Vec<&str>) =
                gone.map(|row| (row.company_id, row.email.as_str())).unzip();
            sqlx::query(
                "delete from lead_emails as kept using unnest($2::bigint[], $3::text[]) as gone (company_id, email)
                 where kept.tenant_id = $1 and kept.company_id = gone.company_id and kept.email = gone.email",
            )
            .bind(self.tenant.as_str())
            .bind(companies)
            .bind(emails)
            .execute(&mut *self.connection)
            .await?;
        }
    }

    async fn take_back_people(&mut self) -> Result<(), sqlx::Error> {
        let mut after = (i64::MIN, Uuid::nil());
        loop {
            let page: Vec<Person> = sqlx::query_as(
                "select company_id, subject_id, name, email, phone, profile_url, last_seen_at from contacts
                 where tenant_id = $1 and (company_id, subject_id) > ($2, $3) order by company_id, subject_id limit $4",
            )
            .bind(self.tenant.as_str())
            .bind(after.0)
            .bind(after.1)
            .bind(PAGE)
            .fetch_all(&mut *self.connection)
            .await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = (last.company_id, last.subject_id);
            let domains = self.of_companies(page.iter().map(|row| row.company_id)).await?;
            let suppressed = self.look_up(domains, |ask| page.iter().for_each(|row| row.ask(ask))).await?;
            let key = |row: &Person| (row.company_id, row.subject_id);
            let (companies, subjects): (Vec<i64>, Vec<Uuid>) =
                page.iter().filter(|row| row.is_gone(&suppressed)).map(key).unzip();
            sqlx::query(
                "delete from contacts as kept using unnest($2::bigint[], $3::uuid[]) as gone (company_id, subject_id)
                 where kept.tenant_id = $1 and kept.company_id = gone.company_id and kept.subject_id = gone.subject_id",
            )
            .bind(self.tenant.as_str())
            .bind(companies)
            .bind(subjects)
            .execute(&mut *self.connection)
            .await?;
            let without_phone = page
                .iter()
                .filter(|row| row.phone.as_deref().is_some_and(|phone| suppressed.phone(phone, row.last_seen_at)));
            let (companies, subjects): (Vec<i64>, Vec<Uuid>) = without_phone.map(key).unzip();
            sqlx::query(
                "update contacts as kept set phone = null from unnest($2::bigint[], $3::uuid[]) as gone (company_id, subject_id)
                 where kept.tenant_id = $1 and kept.company_id = gone.company_id and kept.subject_id = gone.subject_id",
            )
            .bind(self.tenant.as_str())
            .bind(companies)
            .bind(subjects)
            .execute(&mut *self.connection)
            .await?;
        }
    }

    async fn take_back_numbers(&mut self) -> Result<(), sqlx::Error> {
        let mut after = (i64::MIN, String::new());
        loop {
            let page: Vec<Number> = sqlx::query_as(
                "select company_id, phone, last_seen_at from lead_phones
                 where tenant_id = $1 and (company_id, phone) > ($2, $3) order by company_id, phone limit $4",
            )
            .bind(self.tenant.as_str())
            .bind(after.0)
            .bind(&after.1)
            .bind(PAGE)
            .fetch_all(&mut *self.connection)
            .await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = (last.company_id, last.phone.clone());
            let domains = self.of_companies(page.iter().map(|row| row.company_id)).await?;
            let suppressed = self.look_up(domains, |ask| {
                for row in &page {
                    ask(Suppressible::Phone(&row.phone));
                }
            });
            let suppressed = suppressed.await?;
            let gone = page.iter().filter(|row| {
                suppressed.company(row.company_id, row.last_seen_at) || suppressed.phone(&row.phone, row.last_seen_at)
            });
            let (companies, phones): (Vec<i64>, Vec<&str>) =
                gone.map(|row| (row.company_id, row.phone.as_str())).unzip();
            sqlx::query(
                "delete from lead_phones as kept using unnest($2::bigint[], $3::text[]) as gone (company_id, phone)
                 where kept.tenant_id = $1 and kept.company_id = gone.company_id and kept.phone = gone.phone",
            )
            .bind(self.tenant.as_str())
            .bind(companies)
            .bind(phones)
            .execute(&mut *self.connection)
            .await?;
        }
    }
}

impl Person {
    fn ask(&self, suppressed: &dyn Fn(Suppressible<'_>) -> bool) {
        if let Some(email) = &self.email {
            email_policy::is_suppressed(email, suppressed);
        }
        if let Some(phone) = &self.phone {
            suppressed(Suppressible::Phone(phone));
        }
        ask_about_person(self.company_id, self.name.as_deref(), self.profile_url.as_deref(), suppressed);
    }

    fn is_gone(&self, suppressed: &Suppressed) -> bool {
        let at = self.last_seen_at;
        suppressed.company(self.company_id, at)
            || self.email.as_deref().is_some_and(|email| suppressed.address(email, at))
            || suppressed.person(self.company_id, self.name.as_deref(), self.profile_url.as_deref(), at)
    }
}
