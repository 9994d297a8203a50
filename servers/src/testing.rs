//! Servers for tests: each test has a database of its own on a shared PostgreSQL, and, where it needs one, a broker of its own.
//!
//! `make test` starts one PostgreSQL for all and names it in the environment variable [`DATABASE_VARIABLE`]. Without that, as in a
//! plain `cargo test -p`, each test process starts one for itself.
//!
//! ```no_run
//! # async fn example() -> Result<(), presdr_servers::ServerError> {
//! use presdr_servers::testing;
//!
//! let database = testing::database("schema 1", async |url| Ok::<_, std::io::Error>(drop(url))).await?;
//! let nats = testing::nats().await?;
//! println!("{} {}", database.url(), nats.url());
//! # Ok(())
//! # }
//! ```

use std::fmt::Display;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::{Durability, Nats, NatsConfig, Postgres, ServerError};

pub use odoo::{Account, ODOO_VARIABLE, Odoo, OdooTenant, odoo};

mod odoo;

/// Names the environment variable with the superuser's URL of the PostgreSQL that all tests share.
pub const DATABASE_VARIABLE: &str = "PRESDR_TEST_DATABASE_URL";

/// How the directories of test servers are named.
const DIRECTORY_PREFIX: &str = "presdr-test-";
/// A directory younger than this may belong to a server that is about to start.
const LEFT_OVER_AFTER: Duration = Duration::from_secs(600);

/// A server of one test, in a directory that goes with it.
#[derive(Debug)]
pub struct Own<Server> {
    server: Server, // before the directory
    _dir: TempDir,
}

impl<Server> Deref for Own<Server> {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl<Server> DerefMut for Own<Server> {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.server
    }
}

/// A PostgreSQL server of one's own, for tests that kill or restart it. Most tests want [`database`].
///
/// # Errors
/// As [`Postgres::start`].
pub async fn postgres() -> Result<Own<Postgres>, ServerError> {
    postgres_with(Durability::Test).await
}

/// A PostgreSQL server of one's own that keeps what was committed as `durability` says: a test that kills it wants all of it.
///
/// # Errors
/// As [`Postgres::start`].
pub async fn postgres_with(durability: Durability) -> Result<Own<Postgres>, ServerError> {
    let dir = directory()?;
    Ok(Own { server: Postgres::start(dir.path(), durability).await?, _dir: dir })
}

/// A NATS server of one's own, open to everybody on this machine.
///
/// # Errors
/// As [`Nats::start`].
pub async fn nats() -> Result<Own<Nats>, ServerError> {
    nats_with(NatsConfig::default()).await
}

/// A NATS server of one's own, with users and permissions or with syncing.
///
/// # Errors
/// As [`Nats::start`].
pub async fn nats_with(config: NatsConfig) -> Result<Own<Nats>, ServerError> {
    let dir = directory()?;
    Ok(Own { server: Nats::start(dir.path(), config).await?, _dir: dir })
}

/// A database of one test. It is dropped with this value, whoever is still connected.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    name: String,
    server_url: String,
}

impl TestDatabase {
    /// The database's URL, as superuser.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The database's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Makes a database of one's own with the schema that `migrate` makes.
///
/// `migrate` gets the URL of an empty database, and runs once per server and `key`: `key` must change when the outcome of `migrate`
/// does (a hash of the migrations, say). What it made is copied for each test.
///
/// # Errors
/// When the server cannot be started or asked, or `migrate` fails.
pub async fn database<E: Display>(
    key: &str,
    migrate: impl AsyncFnOnce(String) -> Result<(), E>,
) -> Result<TestDatabase, ServerError> {
    let server_url = server_url().await?;
    let connected = PgConnection::connect(&server_url).await;
    let mut connection = connected.map_err(ServerError::database("connect for the tests"))?;
    let template = template(&mut connection, &server_url, key, migrate).await?;
    let name = format!("test_{}_{:08x}", std::process::id(), rand::random::<u32>());
    execute(&mut connection, format!("create database {name} template {template}")).await?;
    let _ = connection.close().await; // it is closed either way
    Ok(TestDatabase { url: url_of(&server_url, &name), name, server_url })
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (url, statement) = (self.server_url.clone(), format!("drop database if exists {} with (force)", self.name));
        // A test's own runtime cannot be entered again from here. What fails is left to the end of the server.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            runtime.block_on(async {
                let mut connection = PgConnection::connect(&url).await.ok()?;
                execute(&mut connection, statement).await.ok()
            })
        });
        let _ = dropping.join();
    }
}

/// The name of the migrated template, made under a lock of the server so that of many test processes one makes it.
async fn template<E: Display>(
    connection: &mut PgConnection,
    server_url: &str,
    key: &str,
    migrate: impl AsyncFnOnce(String) -> Result<(), E>,
) -> Result<String, ServerError> {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    let (lock, template) = (hasher.finish().cast_signed(), format!("template_{:016x}", hasher.finish()));
    if exists(connection, &template).await? {
        return Ok(template);
    }
    // The lock ends with the connection, so with whoever holds it and fails.
    let locked = sqlx::query("select pg_advisory_lock($1)").bind(lock).execute(&mut *connection).await;
    locked.map_err(ServerError::database("wait for the template"))?;
    if !exists(connection, &template).await? {
        let unfinished = format!("unfinished_{template}");
        execute(connection, format!("drop database if exists {unfinished} with (force)")).await?;
        execute(connection, format!("create database {unfinished} template template0")).await?;
        let migrated = migrate(url_of(server_url, &unfinished)).await;
        migrated.map_err(|error| ServerError::Migrate { message: error.to_string() })?;
        // A template that nobody can connect to can be copied by many at once.
        execute(connection, format!("alter database {unfinished} with allow_connections false")).await?;
        let ended = sqlx::query("select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1");
        let ended = ended.bind(&unfinished).execute(&mut *connection).await;
        ended.map_err(ServerError::database("end what the migration left connected"))?;
        execute(connection, format!("alter database {unfinished} rename to {template}")).await?;
    }
    let unlocked = sqlx::query("select pg_advisory_unlock($1)").bind(lock).execute(&mut *connection).await;
    unlocked.map_err(ServerError::database("let the template go"))?;
    Ok(template)
}

async fn exists(connection: &mut PgConnection, database: &str) -> Result<bool, ServerError> {
    let found =
        sqlx::query("select from pg_database where datname = $1").bind(database).fetch_optional(connection).await;
    Ok(found.map_err(ServerError::database("look for the template"))?.is_some())
}

async fn execute(connection: &mut PgConnection, statement: String) -> Result<(), ServerError> {
    let failed = ServerError::database(statement.clone());
    sqlx::query(AssertSqlSafe(statement)).execute(connection).await.map(drop).map_err(failed)
}

/// The superuser's URL of the shared server: the one in the environment, or one that this process starts and keeps to its end.
async fn server_url() -> Result<String, ServerError> {
    static OF_THIS_PROCESS: OnceCell<Own<Postgres>> = OnceCell::const_new();
    match std::env::var(DATABASE_VARIABLE) {
        Ok(url) => Ok(url),
        Err(_) => Ok(OF_THIS_PROCESS.get_or_try_init(postgres).await?.url()),
    }
}

/// The same server's URL for another database.
fn url_of(server_url: &str, database: &str) -> String {
    let (address, options) = server_url
        .split_once('?')
        .map_or((server_url, String::new()), |(address, options)| (address, format!("?{options}")));
    let server = address.rsplit_once('/').map_or(address, |(server, _)| server);
    format!("{server}/{database}{options}")
}

/// A new directory for a server, after those that killed test processes left behind are removed.
fn directory() -> Result<TempDir, ServerError> {
    let parent = std::env::temp_dir();
    let entries = fs::read_dir(&parent).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(DIRECTORY_PREFIX)) {
        let age =
            entry.metadata().and_then(|found| found.modified()).map(|modified| modified.elapsed().unwrap_or_default());
        let lock = File::open(entry.path().join("lock"));
        if age.is_ok_and(|age| age > LEFT_OVER_AFTER) && lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(entry.path()); // somebody else may be doing it
        }
    }
    let made = tempfile::Builder::new().prefix(DIRECTORY_PREFIX).tempdir_in(&parent);
    made.map_err(ServerError::file("make a directory in", parent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_another_database_keeps_server_and_options() {
        assert_eq!(
            url_of("postgres://a:b@127.0.0.1:5/presdr?sslmode=disable", "x"),
            "postgres://a:b@127.0.0.1:5/x?sslmode=disable"
        );
        assert_eq!(url_of("postgres://127.0.0.1:5/presdr", "x"), "postgres://127.0.0.1:5/x");
    }
}
