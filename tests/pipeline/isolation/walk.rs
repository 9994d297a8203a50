//! Every verb of every role on every table, with another tenant's rows as the aim.

use presdr_events::TenantId;
use presdr_store::{Database, Role};
use sqlx::{AssertSqlSafe, PgConnection};

use super::filling::Table;

/// One tenant tries to reach another's rows.
pub struct Walk<'a> {
    pub owner: &'a Database,
    pub by: &'a TenantId,
    pub towards: &'a TenantId,
}

/// What came of a statement.
#[derive(Debug, PartialEq)]
enum Answer {
    Rows(u64),
    /// The role has no such right, or the policy holds.
    Denied,
    /// No tenant was entered.
    NoTenant,
    Failed(String),
}

/// Which tenant a statement is made in.
#[derive(Debug, Clone, Copy)]
enum Inside<'a> {
    Tenant(&'a TenantId),
    Nothing,
    EmptyName,
}

impl Walk<'_> {
    /// Everything that `role` can do to the other's rows, in words. The second value is how many of its own it sees.
    pub async fn ways_across(&self, database: &Database, table: &Table) -> (Vec<String>, u64) {
        let (name, by, towards) = (&table.name, self.by, self.towards);
        let foreign = self.row_of_the_other(table).await;
        let insert = format!(
            "insert into {name} overriding system value select * from jsonb_populate_record(null::{name}, '{foreign}')"
        );
        let mut ways = Vec::new();
        let mut expect = |what: &str, answer: &Answer, good: bool| {
            if !good {
                ways.push(format!("{} on {name}: {what} came to {answer:?}", database.role().name()));
            }
        };
        let harmless = |answer: &Answer| matches!(answer, Answer::Rows(0) | Answer::Denied);
        let foreigners = [
            ("reading the other's rows", format!("select from {name} where tenant_id <> '{by}'")),
            ("locking the other's rows", format!("select from {name} where tenant_id <> '{by}' for update")),
            (
                "changing the other's rows",
                format!("update {name} set tenant_id = tenant_id where tenant_id = '{towards}'"),
            ),
            ("taking the other's rows", format!("update {name} set tenant_id = '{by}' where tenant_id = '{towards}'")),
            ("deleting the other's rows", format!("delete from {name} where tenant_id = '{towards}'")),
        ];
        for (what, statement) in &foreigners {
            let answer = attempt(database, Inside::Tenant(by), statement).await;
            expect(what, &answer, harmless(&answer));
        }
        let refused = [
            ("inserting a row of the other's", insert.clone()),
            ("giving own rows to the other", format!("update {name} set tenant_id = '{towards}'")),
        ];
        for (what, statement) in &refused {
            let answer = attempt(database, Inside::Tenant(by), statement).await;
            expect(what, &answer, answer == Answer::Denied);
        }
        let everything = [
            format!("select from {name}"),
            format!("update {name} set tenant_id = tenant_id"),
            format!("delete from {name}"),
            insert,
        ];
        for inside in [Inside::Nothing, Inside::EmptyName] {
            for statement in &everything {
                let answer = attempt(database, inside, statement).await;
                expect(
                    &format!("{statement:?} with {inside:?}"),
                    &answer,
                    matches!(answer, Answer::Denied | Answer::NoTenant),
                );
            }
        }
        if database.role() != Role::Owner {
            let answer = attempt(database, Inside::Tenant(by), &format!("truncate {name} cascade")).await;
            expect("emptying the table", &answer, answer == Answer::Denied);
        }
        let own = match attempt(database, Inside::Tenant(by), &format!("select from {name}")).await {
            Answer::Rows(rows) => rows,
            _ => 0,
        };
        (ways, own)
    }

    /// A row that only the other tenant sees, as JSON.
    async fn row_of_the_other(&self, table: &Table) -> String {
        let mut tx = self.owner.enter(self.towards).await.unwrap();
        let statement =
            format!("select to_jsonb(t)::text from {} t where tenant_id = '{}' limit 1", table.name, self.towards);
        let row: String = sqlx::query_scalar(AssertSqlSafe(statement)).fetch_one(&mut *tx).await.unwrap();
        row.replace('\'', "''")
    }
}

/// What the statement comes to; nothing of it stays.
async fn attempt(database: &Database, inside: Inside<'_>, statement: &str) -> Answer {
    match inside {
        Inside::Tenant(tenant) => run(&mut database.enter(tenant).await.unwrap(), statement).await,
        Inside::Nothing => run(&mut database.shared().await.unwrap(), statement).await,
        Inside::EmptyName => {
            let mut tx = database.shared().await.unwrap();
            sqlx::query("select set_config('request.tenant_id', '', true)").execute(&mut *tx).await.unwrap();
            run(&mut tx, statement).await
        }
    }
}

async fn run(connection: &mut PgConnection, statement: &str) -> Answer {
    match sqlx::query(AssertSqlSafe(statement.to_owned())).execute(connection).await {
        Ok(done) => Answer::Rows(done.rows_affected()),
        Err(sqlx::Error::Database(error)) if error.message().contains("request.tenant_id is not set") => {
            Answer::NoTenant
        }
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42501") => Answer::Denied,
        Err(error) => Answer::Failed(error.to_string()),
    }
}
