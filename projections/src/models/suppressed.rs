//! What every read model that minds suppressions does when they change: take back what its rows already show.

mod companies;

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use presdr_events::{Event, IndexKey, Suppressible, TenantId};
use presdr_rules::email_policy;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::TenantBatch;
use crate::suppressed::{Suppressed, ask_about_person, full_name};

/// Rows that are looked at together.
const PAGE: i64 = 5_000;

fn changes_suppressions(event: &Event) -> bool {
    // A consent that is taken back suppresses its address, and one that is given anew lifts that.
    matches!(
        event,
        Event::SuppressionAdded(_)
            | Event::SuppressionLifted(_)
            | Event::ConsentRecorded(_)
            | Event::ConsentWithdrawn(_)
            | Event::SubjectErased(_)
    )
}

/// What there is to do for a tenant that suppresses anything.
pub(crate) struct Work<'a> {
    connection: &'a mut PgConnection,
    tenant: &'a TenantId,
    index: &'a IndexKey,
    /// Whether the events changed what is suppressed.
    pub lists_changed: bool,
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

impl<'a> Work<'a> {
    /// Nothing for a tenant that suppresses nothing.
    pub(crate) fn of(connection: &'a mut PgConnection, batch: &'a TenantBatch) -> Option<Self> {
        let index = batch.suppressed.index()?;
        let lists_changed = batch.events.iter().any(|event| changes_suppressions(&event.envelope.event));
        Some(Self { connection, tenant: &batch.tenant, index, lists_changed })
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

    /// Deletes suppressed addresses.
    pub(crate) async fn take_back_addresses(&mut self) -> Result<(), sqlx::Error> {
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
            let name = |row: &Address| full_name(row.first_name.as_deref(), row.last_name.as_deref());
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

    /// Deletes suppressed people, and suppressed numbers of others.
    pub(crate) async fn take_back_people(&mut self) -> Result<(), sqlx::Error> {
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

    /// Deletes suppressed numbers.
    pub(crate) async fn take_back_numbers(&mut self) -> Result<(), sqlx::Error> {
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
