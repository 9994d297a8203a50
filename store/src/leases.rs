//! Leases across the fleet: session advisory locks on one connection of their own per process.
//!
//! A lease ends when its guard is dropped or when its process dies: Postgres releases a dead session's locks at once, so nobody waits for
//! an expiry. When the connection is lost every lease is lost with it, and what runs under them is told so through [`Lease::lost`].
//! Within the process a name is held once.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use tokio::sync::{Mutex as AsyncMutex, mpsc};
use tokio_util::sync::CancellationToken;

use crate::{Database, StoreError};

/// How often the connection is asked whether it still lives.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// How long the database may take to answer about a lease.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// How often whoever waits for a lease looks whether it is free.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// This process's leases.
#[derive(Clone)]
pub struct Leases(Arc<Inner>);

struct Inner {
    database: Database,
    session: AsyncMutex<Option<Session>>,
    held: Mutex<HashSet<String>>,
    released: mpsc::UnboundedSender<(String, CancellationToken)>,
}

/// One connection's life.
struct Session {
    connection: PgConnection,
    lost: CancellationToken,
}

/// A lease that is held until this is dropped.
pub struct Lease {
    name: String,
    lost: CancellationToken,
    inner: Arc<Inner>,
}

impl Lease {
    /// Cancelled when the lease is no longer ours: stop what is done under it.
    #[must_use]
    pub fn lost(&self) -> &CancellationToken {
        &self.lost
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.name.is_empty() {
            return; // it was never ours
        }
        // The receiver lives as long as the process's leases; without it there is no session to release from.
        let _ = self.inner.released.send((std::mem::take(&mut self.name), self.lost.clone()));
    }
}

impl Leases {
    /// Leases of this process. Nothing connects before the first lease is taken.
    #[must_use]
    pub fn new(database: Database) -> Self {
        let (released, mut releases) = mpsc::unbounded_channel::<(String, CancellationToken)>();
        let inner = Arc::new(Inner { database, session: AsyncMutex::new(None), held: Mutex::default(), released });
        let weak = Arc::downgrade(&inner);
        tokio::spawn(async move {
            let mut beat = tokio::time::interval(HEARTBEAT);
            loop {
                let release = tokio::select! {
                    release = releases.recv() => release,
                    _ = beat.tick() => None,
                };
                let Some(inner) = weak.upgrade() else { return };
                match release {
                    Some((name, session)) => inner.release(name, &session).await,
                    None => inner.check().await,
                }
            }
        });
        Self(inner)
    }

    /// Takes the lease on `name` if nobody in the fleet holds it.
    ///
    /// # Errors
    /// What the database says; then every lease of this process is lost.
    pub async fn try_take(&self, name: &str) -> Result<Option<Lease>, StoreError> {
        if !self.0.hold(name) {
            return Ok(None);
        }
        // Made before anything is awaited: whoever stops waiting gives back what it took, or was about to take.
        let mut lease = Lease { name: name.to_owned(), lost: CancellationToken::new(), inner: Arc::clone(&self.0) };
        match self.0.lock(name).await {
            Ok(Some(lost)) => {
                lease.lost = lost;
                Ok(Some(lease))
            }
            other => {
                lease.name.clear();
                self.0.let_go(name);
                other.map(|_| None)
            }
        }
    }
}

impl Leases {
    /// Takes the lease on `name` as soon as nobody holds it, within `patience`.
    ///
    /// # Errors
    /// What the database says.
    pub async fn take_within(&self, name: &str, patience: Duration) -> Result<Option<Lease>, StoreError> {
        let until = Instant::now() + patience;
        loop {
            if let Some(lease) = self.try_take(name).await? {
                return Ok(Some(lease));
            }
            if Instant::now() >= until {
                return Ok(None);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

impl Inner {
    fn hold(&self, name: &str) -> bool {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned())
    }

    fn let_go(&self, name: &str) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    async fn lock(&self, name: &str) -> Result<Option<CancellationToken>, StoreError> {
        let mut slot = self.session.lock().await;
        if slot.is_none() {
            *slot = Some(Session { connection: self.database.dedicated().await?, lost: CancellationToken::new() });
        }
        let Some(session) = slot.as_mut() else { unreachable!("the session was just made") };
        let taking =
            sqlx::query_scalar("select pg_try_advisory_lock($1)").bind(key(name)).fetch_one(&mut session.connection);
        match in_time(taking).await {
            Ok(true) => Ok(Some(session.lost.clone())),
            Ok(false) => Ok(None),
            Err(error) => {
                lose(&mut slot);
                Err(error.into())
            }
        }
    }

    async fn release(&self, name: String, held_in: &CancellationToken) {
        let mut slot = self.session.lock().await;
        // A lease of a lost session has nothing to release: its successor's locks are not its own.
        if let (false, Some(session)) = (held_in.is_cancelled(), slot.as_mut()) {
            let released =
                sqlx::query("select pg_advisory_unlock($1)").bind(key(&name)).execute(&mut session.connection);
            if in_time(released).await.is_err() {
                lose(&mut slot);
            }
        }
        self.let_go(&name);
    }

    async fn check(&self) {
        let mut slot = self.session.lock().await;
        let Some(session) = slot.as_mut() else { return };
        if in_time(sqlx::query("select 1").execute(&mut session.connection)).await.is_err() {
            lose(&mut slot);
        }
    }
}

/// A connection that does not answer may be gone on the other side, and its locks with it: it counts as lost.
async fn in_time<T>(asked: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    let late = |_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()));
    tokio::time::timeout(ANSWER_MAX, asked).await.unwrap_or_else(late)
}

fn lose(slot: &mut Option<Session>) {
    if let Some(session) = slot.take() {
        session.lost.cancel();
        tracing::warn!("lost the connection that holds this process's leases; what runs under them stops");
    }
}

/// The advisory lock's number: the first 64 bits of SHA-256 of the name.
pub(crate) fn key(name: &str) -> i64 {
    let hash = Sha256::digest(name.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash[..8]);
    i64::from_be_bytes(first)
}

/// How long the domain wants to be left alone yet. Notes that it is asked now and wants to be left alone for `quiet` from here on.
///
/// # Errors
/// What the database says.
pub async fn note_visit(database: &Database, domain: &str, quiet: Duration) -> Result<Duration, StoreError> {
    let wait_ms: Option<i64> = sqlx::query_scalar(
        "with before as (select free_at from domain_visits where domain = $1),
              noted as (insert into domain_visits (domain, free_at) values ($1, clock_timestamp() + make_interval(secs => $2))
                        on conflict (domain) do update set free_at = greatest(domain_visits.free_at, excluded.free_at))
         select greatest(0, extract(epoch from free_at - clock_timestamp()) * 1000)::bigint from before",
    )
    .bind(domain)
    .bind(quiet.as_secs_f64())
    .fetch_optional(database.platform())
    .await?;
    Ok(Duration::from_millis(wait_ms.unwrap_or(0).unsigned_abs()))
}
