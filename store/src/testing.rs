//! A migrated database of its own for a test, with a keyring and tenants.

use presdr_events::{Key, TenantId};
use presdr_servers::{
    Postgres,
    testing::{Own, TestDatabase},
};

use crate::{Database, Role, StoreError, keys::Keyring, migrate, migrations_hash, tenants};

/// A test's database: dropped with this value.
pub struct TestStore {
    database: Place,
}

enum Place {
    /// On the server that tests share.
    Shared(TestDatabase),
    /// On a server of its own.
    Apart(Own<Postgres>, String),
}

impl TestStore {
    /// A fresh database with the newest schema.
    ///
    /// # Errors
    /// When no server can be started or a migration fails; a test unwraps it.
    pub async fn new() -> anyhow::Result<Self> {
        let database = presdr_servers::testing::database(&migrations_hash(), async |url| migrate(&url).await).await?;
        Ok(Self { database: Place::Shared(database) })
    }

    /// The same on a server of its own, for a test that looks at its files.
    ///
    /// # Errors
    /// As [`TestStore::new`].
    pub async fn apart() -> anyhow::Result<Self> {
        let server = presdr_servers::testing::postgres().await?;
        let url = server.url();
        migrate(&url).await?;
        Ok(Self { database: Place::Apart(server, url) })
    }

    /// The server, where it is one of its own.
    #[must_use]
    pub fn server(&self) -> Option<&Postgres> {
        match &self.database {
            Place::Shared(_) => None,
            Place::Apart(server, _) => Some(server),
        }
    }

    /// The URL, as the superuser who may become any role.
    #[must_use]
    pub fn url(&self) -> &str {
        match &self.database {
            Place::Shared(database) => database.url(),
            Place::Apart(_, url) => url,
        }
    }

    /// A small pool in `role`.
    ///
    /// # Errors
    /// What the database says.
    pub async fn connect(&self, role: Role) -> Result<Database, StoreError> {
        Database::connect(self.url(), role, 8).await
    }

    /// The keyring of every test: its master key is no secret.
    #[must_use]
    pub fn keyring(&self) -> Keyring {
        Keyring::new(Key::new([7; 32]))
    }

    /// Creates a tenant with keys and defaults.
    ///
    /// # Errors
    /// What the database says.
    pub async fn tenant(&self, slug: &str) -> anyhow::Result<TenantId> {
        let tenant = TenantId::new(slug)?;
        let producer = self.connect(Role::Producer).await?;
        let mut tx = producer.enter(&tenant).await?;
        tenants::create(&mut tx, &self.keyring(), slug).await?;
        tx.commit().await?;
        producer.close().await;
        Ok(tenant)
    }
}
