//! Comparing rebuilt read models with the live ones, row by row, at one place of the log. Nothing changes places.

use std::time::{Duration, Instant};

use presdr_events::TenantId;
use presdr_store::tenants;
use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::{Filling, Progress, Reach, Rebuild, Teller, live};
use crate::ProjectError;
use crate::checkpoint::{CHECKPOINT, Position, Schema};
use crate::models::Selection;
use crate::projector::Writer;
use crate::retention;

/// How often the live read models are given time to come to rest.
const TRIES: usize = 50;
const PAUSE: Duration = Duration::from_millis(200);
/// Differences that are told of one table and tenant.
const TOLD_MAX: i64 = 20;
/// Columns of a key that are personal: they are never shown.
const PERSONAL: [&str; 2] = ["email", "phone"];

/// How a read model compares with what the log makes of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// The table.
    pub table: String,
    /// Rows of the live table.
    pub live_rows: i64,
    /// Rows that the log makes.
    pub rebuilt_rows: i64,
    /// Rows that are not the same.
    pub different: i64,
    /// The first of them, a few of each tenant.
    pub differences: Vec<RowDifference>,
}

/// A row that is not the same.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RowDifference {
    /// Whose.
    pub tenant: TenantId,
    /// What the row is about: its key, and its person where it has one. Personal parts are hidden.
    pub key: Map<String, Value>,
    /// How it differs.
    pub difference: Difference,
}

/// How a row differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// The log makes no such row.
    OnlyLive,
    /// The log makes a row that is not there.
    OnlyRebuilt,
    /// These columns hold something else.
    Columns(Vec<String>),
}

/// Makes read models anew and compares them with the live ones, table by table. The new ones are thrown away.
///
/// # Errors
/// [`ProjectError::Busy`] when the live ones do not come to rest; otherwise as [`rebuild`](super::rebuild).
pub async fn verify(rebuild: Rebuild<'_>, mut progress: impl FnMut(Progress)) -> Result<Vec<Compared>, ProjectError> {
    let (mut filling, log) = rebuild.begin(Selection::of(rebuild.only)?, Reach::Live).await?;
    let from = filling.writer.position().sequence;
    let mut teller = Teller { from, last: log.last_sequence, started: Instant::now(), progress: &mut progress };
    rebuild.approach_live(&mut filling, &mut teller).await?;
    filling.writer.count().await?;
    retention::keep_gone(rebuild.projector).await?;
    let mut snapshot = rebuild.projector.dedicated().await?;
    let compared = rebuild.compare(&mut filling, &mut snapshot, &mut teller).await?;
    let mut tx = rebuild.owner.shared().await?;
    sqlx::query("select discard_rebuild($1)").bind(CHECKPOINT).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(compared)
}

impl Rebuild<'_> {
    async fn compare(
        &self,
        filling: &mut Filling<'_>,
        snapshot: &mut PgConnection,
        teller: &mut Teller<'_>,
    ) -> Result<Vec<Compared>, ProjectError> {
        for _ in 0..TRIES {
            self.settle_live(filling).await?;
            // While this transaction lives, the live read models stand still.
            let mut standing = self.owner.shared().await?;
            let live = live(&mut standing, &filling.writer.position().log, "for update").await?;
            let live = live.ok_or(ProjectError::NotOfThisLog)?;
            if !live.settled {
                standing.rollback().await?;
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            self.catch_up(&mut filling.writer, live.sequence, teller).await?;
            filling.writer.count().await?;
            retention::keep_gone(self.projector).await?;
            let mut seen = snapshot.begin().await?;
            // The first statement fixes what all that follow see.
            sqlx::query("set transaction isolation level repeatable read, read only").execute(&mut *seen).await?;
            sqlx::query("select 1 from projection_checkpoints limit 1").execute(&mut *seen).await?;
            standing.rollback().await?;
            let compared =
                tables(&mut seen, &filling.selection.swapped(), &tenants::with_events(self.projector).await?).await;
            // What is left open would keep the rebuilt tables from being dropped.
            seen.rollback().await?;
            return compared;
        }
        Err(ProjectError::Busy)
    }

    /// Counts what the live projector left uncounted while much came.
    async fn settle_live(&self, filling: &Filling<'_>) -> Result<(), ProjectError> {
        let mut connection = self.projector.dedicated().await?;
        let log = filling.writer.position().log.clone();
        let position = Position::load(&mut connection, Schema::Live, &log).await?;
        match Writer::new(connection, self.keyring, position).count().await {
            Err(ProjectError::Moved) => Ok(()), // it was quicker: the next try will tell
            counted => counted,
        }
    }
}

async fn tables(
    seen: &mut PgConnection,
    tables: &[&'static str],
    tenants: &[TenantId],
) -> Result<Vec<Compared>, ProjectError> {
    let mut all = Vec::new();
    for table in tables {
        let key = key(seen, table).await?;
        let mut compared =
            Compared { table: (*table).to_owned(), live_rows: 0, rebuilt_rows: 0, different: 0, differences: vec![] };
        for tenant in tenants {
            sqlx::query("select set_config('request.tenant_id', $1, true)")
                .bind(tenant.as_str())
                .execute(&mut *seen)
                .await?;
            compare_tenant(seen, table, &key, tenant, &mut compared).await?;
        }
        all.push(compared);
    }
    Ok(all)
}

/// The columns that tell a table's rows apart.
async fn key(seen: &mut PgConnection, table: &str) -> Result<Vec<String>, ProjectError> {
    Ok(sqlx::query_scalar(
        "select a.attname::text from pg_index i cross join unnest(i.indkey) with ordinality as k (attnum, at)
         join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
         where i.indrelid = ('public.' || quote_ident($1))::regclass and i.indisprimary order by k.at",
    )
    .bind(table)
    .fetch_all(seen)
    .await?)
}

async fn compare_tenant(
    seen: &mut PgConnection,
    table: &str,
    key: &[String],
    tenant: &TenantId,
    compared: &mut Compared,
) -> Result<(), ProjectError> {
    let joined = format!(
        "(select * from public.{table} where tenant_id = $1) live
         full join (select * from rebuild.{table} where tenant_id = $1) anew using ({})",
        key.join(", ")
    );
    let statement = format!(
        "select count(live.tenant_id), count(anew.tenant_id), count(*) filter (where live is distinct from anew) from {joined}"
    );
    let (live_rows, rebuilt_rows, different): (i64, i64, i64) =
        sqlx::query_as(AssertSqlSafe(statement)).bind(tenant.as_str()).fetch_one(&mut *seen).await?;
    compared.live_rows += live_rows;
    compared.rebuilt_rows += rebuilt_rows;
    compared.different += different;
    if different == 0 {
        return Ok(());
    }
    let order = key.join(", ");
    let statement = format!(
        "select to_jsonb(live), to_jsonb(anew) from {joined} where live is distinct from anew order by {order} limit {TOLD_MAX}"
    );
    let rows: Vec<(Option<Value>, Option<Value>)> =
        sqlx::query_as(AssertSqlSafe(statement)).bind(tenant.as_str()).fetch_all(seen).await?;
    let told = rows.into_iter().map(|(live, anew)| RowDifference {
        tenant: tenant.clone(),
        key: about(live.as_ref().or(anew.as_ref()), key),
        difference: difference(live.as_ref(), anew.as_ref()),
    });
    compared.differences.extend(told);
    Ok(())
}

/// What a row is about, without what is personal.
fn about(row: Option<&Value>, key: &[String]) -> Map<String, Value> {
    let names = key.iter().map(String::as_str).chain(["subject_id"]).filter(|name| *name != "tenant_id");
    let shown = |name: &str| match PERSONAL.contains(&name) {
        true => Some("***".into()),
        false => row?.get(name).cloned(),
    };
    names.filter_map(|name| Some((name.to_owned(), shown(name)?))).collect()
}

fn difference(live: Option<&Value>, anew: Option<&Value>) -> Difference {
    match (live.and_then(Value::as_object), anew.and_then(Value::as_object)) {
        (Some(live), Some(anew)) => {
            let other = |name: &&String| live.get(*name) != anew.get(*name);
            Difference::Columns(live.keys().filter(other).cloned().collect())
        }
        (Some(_), None) => Difference::OnlyLive,
        (None, _) => Difference::OnlyRebuilt,
    }
}
