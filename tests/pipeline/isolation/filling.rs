//! A row in every tenant's table, made from the catalogue alone, so that a table of tomorrow is walked too.

use presdr_events::TenantId;
use presdr_store::{Database, TenantTx};
use sqlx::{AssertSqlSafe, FromRow};

/// What dates are. A Monday, on which text may expire.
const DAY: &str = "2025-01-06";

/// A table that tenants own.
#[derive(Debug, Clone, FromRow)]
pub struct Table {
    /// As statements name it.
    pub name: String,
}

#[derive(Debug, FromRow)]
struct Column {
    name: String,
    kind: String,
    /// Whether a row must say it: the rest have defaults or may be empty.
    needed: bool,
    /// The first of the texts that a check allows.
    allowed: Option<String>,
}

/// Every table under row level security. Nobody is granted anything on a partition: it is reached through its table.
pub async fn tables(owner: &Database) -> Vec<Table> {
    let mut tx = owner.shared().await.unwrap();
    sqlx::query("select ensure_text_partitions($1::date)").bind(DAY).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = owner.shared().await.unwrap();
    let statement = "select c.oid::regclass::text as name from pg_class c where c.relrowsecurity and c.relkind in ('r', 'p') and not c.relispartition order by 1";
    sqlx::query_as(statement).fetch_all(&mut *tx).await.unwrap()
}

/// Fills every table with rows of `tenant`, whose numbers are all `number`.
pub async fn fill(owner: &Database, tables: &[Table], tenant: &TenantId, number: u8) {
    let mut left: Vec<(&Table, String)> = tables.iter().map(|table| (table, String::new())).collect();
    while !left.is_empty() {
        let mut still = Vec::new();
        for (table, _) in &left {
            if let Err(error) = fill_one(owner, table, tenant, number).await {
                still.push((*table, error.to_string()));
            }
        }
        // A table that refers to another waits for it.
        assert!(still.len() < left.len(), "no row can be made for {still:?}");
        left = still;
    }
}

async fn fill_one(owner: &Database, table: &Table, tenant: &TenantId, number: u8) -> Result<(), sqlx::Error> {
    let mut tx = owner.enter(tenant).await?;
    if count(&mut tx, table).await? > 0 {
        return Ok(());
    }
    let columns = columns(&mut tx, table).await?;
    let needed = insert(table, tenant, number, &columns, |column| column.needed);
    match sqlx::query(AssertSqlSafe(needed)).execute(&mut *tx).await {
        Ok(_) => return tx.commit().await,
        Err(sqlx::Error::Database(error)) if error.is_check_violation() => drop(tx),
        Err(error) => return Err(error),
    }
    let mut tx = owner.enter(tenant).await?;
    let more = insert(table, tenant, number, &columns, |column| column.needed || column.kind == "bytea");
    sqlx::query(AssertSqlSafe(more)).execute(&mut *tx).await?;
    tx.commit().await
}

async fn count(tx: &mut TenantTx, table: &Table) -> Result<i64, sqlx::Error> {
    let statement = format!("select count(*) from {} where tenant_id = '{}'", table.name, tx.tenant());
    sqlx::query_scalar(AssertSqlSafe(statement)).fetch_one(&mut **tx).await
}

async fn columns(tx: &mut TenantTx, table: &Table) -> Result<Vec<Column>, sqlx::Error> {
    let statement = "
        select attname::text as name, format_type(atttypid, atttypmod) as kind, attidentity <> '' or attnotnull and not atthasdef as needed,
               (select substring(pg_get_constraintdef(c.oid) from '''([^'']*)''::text') from pg_constraint c
                where c.conrelid = attrelid and c.contype = 'c' and c.conkey = array[attnum] and pg_get_constraintdef(c.oid) like '%ANY%') as allowed
        from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = ''";
    sqlx::query_as(statement).bind(&table.name).fetch_all(&mut **tx).await
}

fn insert(table: &Table, tenant: &TenantId, number: u8, columns: &[Column], said: impl Fn(&Column) -> bool) -> String {
    let said: Vec<&Column> = columns.iter().filter(|column| said(column)).collect();
    let names: Vec<&str> = said.iter().map(|column| column.name.as_str()).collect();
    let values: Vec<String> = said.iter().map(|column| value(column, tenant, number)).collect();
    format!("insert into {} ({}) overriding system value values ({})", table.name, names.join(", "), values.join(", "))
}

fn value(column: &Column, tenant: &TenantId, number: u8) -> String {
    match column.kind.as_str() {
        _ if column.name == "tenant_id" => format!("'{tenant}'"),
        "text" => format!("'{}'", column.allowed.as_deref().unwrap_or("x")),
        "bytea" => "decode(repeat('01', 32), 'hex')".to_owned(),
        "uuid" => format!("'00000000-0000-0000-0000-0000000000{number:02}'"),
        "bigint" | "integer" | "smallint" | "numeric" => number.to_string(),
        "double precision" => "0.5".to_owned(),
        "boolean" => "false".to_owned(),
        "date" | "timestamp with time zone" => format!("'{DAY}'"),
        kind if kind == "jsonb" || kind.ends_with("[]") => "'{}'".to_owned(),
        kind => panic!("say here what a {kind} may be, for column {}", column.name),
    }
}
