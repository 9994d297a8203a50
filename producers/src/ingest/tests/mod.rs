//! Loads against a real Postgres.

mod acra;
mod companies;
mod interrupted;
mod ssic;

use std::{env, fs, path::PathBuf};

use presdr_events::TenantId;
use presdr_store::{Database, Role, testing::TestStore};
use sqlx::Row;
use tempfile::TempDir;

use super::Summary;

/// The columns of the registry that matter, in an order of their own, and one that does not.
const ACRA_HEADER: &str = "entity_name,uen,no_of_charges,entity_type_description,entity_status_description,\
                           registration_incorporation_date,primary_ssic_code,postal_code";

const SSIC: &str = "code,title,description,level,section,parent\n\
    H,TRANSPORTATION AND STORAGE,,section,H,\n\
    52,WAREHOUSING  AND SUPPORT ACTIVITIES,,division,H,H\n\
    52292,\"Freight forwarding, packing\",\"one\ntwo\",subclass,H,5229\n\
    62,COMPUTER PROGRAMMING,,division,K,K\n\
    01,AGRICULTURE,,division,A,A\n";

/// A database, its pools and a directory for files.
struct Fixture {
    store: TestStore,
    producer: Database,
    dir: TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let store = TestStore::new().await.unwrap();
        let producer = store.connect(Role::Producer).await.unwrap();
        Self { store, producer, dir: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// A registry file with these lines after the header.
    fn acra_file(&self, name: &str, lines: &[&str]) -> PathBuf {
        self.file(name, format!("{ACRA_HEADER}\n{}\n", lines.join("\n")))
    }

    async fn acra(&self, files: &[PathBuf]) -> Summary {
        super::acra(&self.producer, files, &|_| {}).await.unwrap()
    }

    async fn ssic(&self) -> Summary {
        let file = self.file("ssic.csv", SSIC);
        super::ssic(&self.producer, &file).await.unwrap()
    }

    /// One company as text: what matters of it, separated by `|`.
    async fn company(&self, uen: &str) -> String {
        self.rows(
            "select concat_ws('|', name, live, incorporation_year, coalesce(industry_code, '-'), coalesce(industry_norm, '-'), postal_code)
             from companies where uen = $1",
            uen,
        )
        .await
        .join("; ")
    }

    /// The platform's view of rows that a query with one parameter gives as one text column.
    async fn rows(&self, query: &'static str, parameter: &str) -> Vec<String> {
        self.rows_of(&TenantId::platform(), query, parameter).await
    }

    async fn rows_of(&self, tenant: &TenantId, query: &'static str, parameter: &str) -> Vec<String> {
        let mut tx = self.producer.enter(tenant).await.unwrap();
        let rows = sqlx::query(query).bind(parameter).fetch_all(&mut *tx).await.unwrap();
        rows.iter().map(|row| row.get::<String, _>(0)).collect()
    }

    /// Everything a registry load leaves, as text, without times and load ids.
    async fn registry(&self) -> Vec<String> {
        let mut all = self
            .rows("select to_jsonb(c)::text || $1 from (select c.* from companies c order by uen) c", "")
            .await
            .into_iter()
            .map(|row| without(&row, "updated_at"))
            .collect::<Vec<_>>();
        all.extend(self.rows("select file || ':' || line || ' ' || reason || ' ' || raw || $1 from ingest_quarantine order by file, line", "").await);
        all.extend(self.rows("select live_companies || ' live' || $1 from registry_state", "").await);
        all
    }
}

fn without(json: &str, key: &str) -> String {
    let mut row: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).unwrap();
    row.remove(key);
    serde_json::to_string(&row).unwrap()
}

/// What came to (rows, quarantined, inserted, updated).
fn counts(summary: &Summary) -> (u64, u64, u64, u64) {
    (summary.rows, summary.quarantined, summary.inserted, summary.updated)
}

/// A file of real input, if this machine has it.
fn real_input(path: &str) -> Option<PathBuf> {
    let root = env::var_os("PRESDR_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let file = root.join(path);
    if !file.exists() {
        println!("skipped: {} not found", file.display());
        return None;
    }
    Some(file)
}
