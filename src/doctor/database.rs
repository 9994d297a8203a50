//! The database: its version and settings, the schema, the roles, and whether something is stale or stuck in it.

use std::time::Duration;

use presdr_producers::schedule;
use presdr_rules::icp::IcpDocument;
use presdr_store::{Database, Role, missing_migrations, runs, tenants};
use secrecy::ExposeSecret;
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

use super::{Check, broker::Log};
use crate::{config::Config, database::DatabaseServer};

/// How long the database may take to answer.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// The oldest PostgreSQL that will do, as the server tells its version.
const VERSION_MIN: i32 = 150_000;
/// Events that the read models may lack while much happens.
const BEHIND_MAX: i64 = 5_000;

/// Looks at the database. `log` is what the event log holds, if the broker told.
pub async fn check(config: &Config, log: Option<&Log>, checks: &mut Vec<Check>) {
    let Some(server) = DatabaseServer::find(config) else {
        checks.push(Check::note("database", "is not running", "`presdr up` starts it, or set DATABASE_URL"));
        return;
    };
    let answered = timeout(ANSWER_WAIT, settings(server.url().expose_secret())).await;
    match answered.unwrap_or_else(|_| Err(anyhow::anyhow!("does not answer"))) {
        Err(error) => {
            checks.push(Check::wrong("database", format!("{error:#}"), "start it, or look at DATABASE_URL"));
            return;
        }
        Ok(found) => checks.extend(found),
    }
    if !schema(&server, checks).await {
        return;
    }
    for role in [Role::Worker, Role::Projector, Role::Producer] {
        if let Err(error) = server.connect(role).await {
            checks.push(Check::wrong("database role", format!("{error:#}"), "`presdr migrate` makes the roles"));
        }
    }
    if let Err(error) = contents(&server, log, checks).await {
        checks.push(Check::wrong("database", format!("{error:#}"), "`presdr migrate`"));
    }
}

async fn settings(url: &str) -> anyhow::Result<Vec<Check>> {
    let mut connection = PgConnection::connect(url).await?;
    let (version, number, fsync, commit): (String, i32, String, String) = sqlx::query_as(
        "select current_setting('server_version'), current_setting('server_version_num')::int,
                current_setting('fsync'), current_setting('synchronous_commit')",
    )
    .fetch_one(&mut connection)
    .await?;
    connection.close().await?;
    let mut checks = vec![match number >= VERSION_MIN {
        true => Check::ok("database", format!("PostgreSQL {version} answers")),
        false => Check::wrong("database", format!("PostgreSQL {version}"), "upgrade it to 15 or newer"),
    }];
    if fsync == "off" || commit == "off" {
        let found = format!("fsync is {fsync}, synchronous_commit is {commit}: what is committed may be lost");
        checks.push(Check::wrong("database", found, "switch both on: the database is a system of record"));
    }
    Ok(checks)
}

/// Whether the schema is the one that this version needs.
async fn schema(server: &DatabaseServer, checks: &mut Vec<Check>) -> bool {
    let missing = async {
        let owner = server.connect(Role::Owner).await?;
        anyhow::Ok(missing_migrations(&owner).await?)
    };
    let (what, cure) = ("schema", "`presdr migrate`, before any role of this version starts");
    match missing.await {
        Ok(missing) if missing.is_empty() => checks.push(Check::ok(what, "up to date")),
        Ok(missing) => checks.push(Check::wrong(what, format!("{} migrations are missing", missing.len()), cure)),
        Err(error) => checks.push(Check::wrong(what, format!("{error:#}"), cure)),
    }
    checks.last().is_some_and(|check| check.cure.is_none())
}

async fn contents(server: &DatabaseServer, log: Option<&Log>, checks: &mut Vec<Check>) -> anyhow::Result<()> {
    let database = server.connect(Role::Producer).await?;
    checks.push(read_models(&database, log.map(|log| log.end)).await?);
    for stale in presdr_projections::stale_tenants(&database).await? {
        let found = format!(
            "{} lacks {} events, the first is {}: {}",
            stale.tenant, stale.events, stale.first_sequence, stale.first_error
        );
        checks.push(Check::wrong(
            "read models",
            found,
            "upgrade to a version that reads them, then `presdr project rebuild`",
        ));
    }
    checks.push(registry(&database).await?);
    for tenant in tenants::all(&database).await? {
        match tenant.status.as_str() {
            "active" => checks.extend(self::tenant(server, &database, &tenant).await?),
            "provisioning" => checks.push(Check::note(
                "tenant",
                format!("{} is still being set up", tenant.id),
                format!("`presdr tenant status {}` says what stands in the way", tenant.id),
            )),
            _ if tenant.is_closed() => checks.extend(erased(&tenant, log)),
            _ => {}
        }
    }
    database.close().await;
    Ok(())
}

/// An erasure that did not come to its end, or events of an erased tenant that came after it.
fn erased(tenant: &tenants::Tenant, log: Option<&Log>) -> Option<Check> {
    let (what, id) = ("tenant", &tenant.id);
    let cure = || format!("`presdr tenant purge {id} --confirm {id}`");
    let late = log.and_then(|log| log.events.get(id)).copied().unwrap_or(0);
    match tenant.status.as_str() {
        "purging" => Some(Check::wrong(what, format!("{id} is closed and not yet erased"), cure())),
        _ if late > 0 => {
            Some(Check::wrong(what, format!("{id} was erased, and {late} events came after that"), cure()))
        }
        _ => None,
    }
}

async fn read_models(database: &Database, log_ends_at: Option<u64>) -> anyhow::Result<Check> {
    let what = "read models";
    let Some(checkpoint) = presdr_projections::checkpoint(database).await? else {
        return Ok(Check::note(what, "nothing was projected yet", "`presdr up`, or `presdr project`"));
    };
    let end = log_ends_at.and_then(|end| i64::try_from(end).ok()).unwrap_or(checkpoint.sequence);
    let behind = end - checkpoint.sequence;
    Ok(match behind {
        0 => Check::ok(what, format!("hold every event up to {end}")),
        behind if behind < 0 => Check::wrong(
            what,
            format!("hold events up to {}, and the log ends at {end}", checkpoint.sequence),
            "the broker's data is older than the database's: bring both back from the same backup",
        ),
        behind if behind > BEHIND_MAX => Check::wrong(
            what,
            format!("are {behind} events behind since {}", checkpoint.updated_at.format("%F %T")),
            "is a projector running? `presdr project`",
        ),
        behind => Check::note(what, format!("are {behind} events behind"), "is a projector running? `presdr project`"),
    })
}

async fn registry(database: &Database) -> anyhow::Result<Check> {
    let what = "registry";
    let mut tx = database.shared().await?;
    let (codes, live): (i64, Option<i64>) =
        sqlx::query_as("select (select count(*) from ssic_ref), (select live_companies from registry_state)")
            .fetch_one(&mut *tx)
            .await?;
    tx.commit().await?;
    Ok(match (codes, live) {
        (0, _) => Check::note(what, "there is no industry classification", "`presdr ingest ssic FILE`"),
        (_, None) => Check::note(what, "no registry file was taken in", "`presdr ingest acra FILE...`"),
        (codes, Some(live)) => Check::ok(what, format!("{live} live companies, {codes} industry codes")),
    })
}

async fn tenant(server: &DatabaseServer, database: &Database, tenant: &tenants::Tenant) -> anyhow::Result<Vec<Check>> {
    let (what, id) = ("tenant", &tenant.id);
    let mut tx = database.enter(id).await?;
    if let Err(error) = server.keyring()?.tenant(&mut tx, id).await {
        return Ok(vec![Check::wrong(what, error.to_string(), "bring back the master key that it was created with")]);
    }
    let (parked, unpublished, waiting): (i64, i64, i64) = sqlx::query_as(
        "select (select count(*) from parked_messages where tenant_id = $1 and retried_at is null),
                (select count(*) from lead_steps where tenant_id = $1 and published_at is null
                 and committed_at < now() - interval '1 minute'),
                (select count(*) from erasure_requests where tenant_id = $1 and sealed is not null
                 and asked_at < now() - interval '10 minutes')",
    )
    .bind(id.as_str())
    .fetch_one(&mut *tx)
    .await?;
    let mut checks = Vec::new();
    if parked > 0 {
        let cure = format!("`presdr parked list --tenant {id}` tells why, `presdr parked retry` puts it back");
        checks.push(Check::wrong(what, format!("{id}: {parked} pieces of work are parked"), cure));
    }
    if unpublished > 0 {
        let cure = "workers publish them: `presdr up`, or `presdr work`";
        checks.push(Check::wrong(what, format!("{id}: {unpublished} events are committed and not published"), cure));
    }
    if waiting > 0 {
        let cure = "a scheduler carries them out: `presdr up`, or `presdr schedule`, whose log says why it could not";
        checks.push(Check::wrong(what, format!("{id}: {waiting} erasures that were asked for are not done"), cure));
    }
    checks.push(match runs::newest_icp(&mut tx).await? {
        None => Check::note(what, format!("{id} has no profile"), format!("`presdr icp set --tenant {id} icp.json`")),
        Some((_, version, document)) => {
            let icp = serde_json::from_value::<IcpDocument>(document)?;
            let next = schedule::next(icp.schedule, id, chrono::Utc::now());
            let next =
                next.map_or("no nightly runs".to_owned(), |time| format!("next night at {} UTC", time.format("%F %R")));
            Check::ok(what, format!("{id}: profile version {version}, {next}"))
        }
    });
    Ok(checks)
}
