//! Which company a person means by a name or a UEN.

use presdr_events::CompanyId;
use presdr_rules::chat::company::{Which, which};
use presdr_store::{StoreError, TenantTx};

/// A company as people tell it apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its id.
    pub id: CompanyId,
    /// Its name.
    pub name: String,
    /// Its number in the registry, if it has one.
    pub uen: Option<String>,
}

/// So many candidates with the written word in their name are looked through.
const CANDIDATES_MAX: i64 = 2000;

/// The company of this UEN in the registry; else the one of this name among those that the tenant has seen or listed; else among the
/// candidates of its profile.
///
/// # Errors
/// What the database says.
pub async fn find(tx: &mut TenantTx, written: &str) -> Result<Which<Named>, StoreError> {
    let tenant = tx.tenant().clone();
    let by_uen = sqlx::query_as("select company_id, uen, name from tenant_company where uen = $1 limit 1");
    if let Some(row) = by_uen.bind(written.trim().to_uppercase()).fetch_optional(&mut **tx).await? {
        return Ok(Which::One(named(row)?));
    }
    let own = sqlx::query_as(
        "select c.company_id, c.uen, c.name
         from (select company_id from seen_companies where tenant_id = $1
               union select company_id from tenant_companies where tenant_id = $1) own
         join tenant_company c using (company_id)",
    );
    let own = meant(written, own.bind(tenant.as_str()).fetch_all(&mut **tx).await?).await?;
    if own != Which::None {
        return Ok(own);
    }
    let candidates = sqlx::query_as(
        "select c.company_id, c.uen, c.name from icp_candidate_companies i join companies c using (company_id)
         where i.tenant_id = $1 and strpos(lower(c.name), lower($2)) > 0 limit $3",
    );
    let telling = written.split(' ').max_by_key(|word| word.chars().count()).unwrap_or_default();
    let candidates = candidates.bind(tenant.as_str()).bind(telling).bind(CANDIDATES_MAX);
    meant(written, candidates.fetch_all(&mut **tx).await?).await
}

/// Whether a tenant can ask for a company: the registry has it, or its own list.
///
/// # Errors
/// What the database says.
pub async fn is_known(tx: &mut TenantTx, company: CompanyId) -> Result<bool, StoreError> {
    let known = sqlx::query_scalar("select exists (select from tenant_company where company_id = $1)");
    Ok(known.bind(company.get()).fetch_one(&mut **tx).await?)
}

type Row = (i64, Option<String>, Option<String>);

/// Names that are compared where they are; more keep a thread busy that others wait for.
const COMPARED_HERE_MAX: usize = 1000;

async fn meant(written: &str, rows: Vec<Row>) -> Result<Which<Named>, StoreError> {
    let companies = rows.into_iter().map(named).collect::<Result<Vec<_>, _>>()?;
    let (many, written) = (companies.len() > COMPARED_HERE_MAX, written.to_owned());
    let compare = move || {
        let named = companies.into_iter().map(|company| {
            let name = company.name.clone();
            (company, name)
        });
        which(&written, named)
    };
    if !many {
        return Ok(compare());
    }
    let compared = tokio::task::spawn_blocking(compare).await;
    compared.map_err(|_| StoreError::Refused("the names could not be compared".to_owned()))
}

fn named((id, uen, name): Row) -> Result<Named, StoreError> {
    let id = CompanyId::new(id).map_err(|error| StoreError::Refused(error.to_string()))?;
    let name = name.or_else(|| uen.clone()).unwrap_or_else(|| format!("company {id}"));
    Ok(Named { id, name, uen })
}
