//! Vendors' keys: from the environment, files, or a directory; a tenant's own before the shared one.

use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use presdr_events::TenantId;
use presdr_store::breakers::KeyId;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::Vendor;

/// A key that was changed in its file is used after so long.
const REMEMBERED: Duration = Duration::from_secs(10);
/// No vendor's key is longer; a file that is was named by mistake.
const KEY_BYTES_MAX: u64 = 4096;

/// A vendor's key. Never printed.
#[derive(Clone)]
pub(crate) struct ApiKey {
    secret: SecretString,
    /// Whether it is the tenant's own.
    pub own: bool,
}

impl ApiKey {
    pub fn new(secret: &str, own: bool) -> Option<Self> {
        let secret = secret.trim();
        (!secret.is_empty()).then(|| Self { secret: secret.into(), own })
    }

    pub fn expose(&self) -> &str {
        self.secret.expose_secret()
    }

    /// Tells this key from others, across processes: the beginning of SHA-256 over vendor and key.
    pub fn id(&self, vendor: Vendor) -> KeyId {
        let hash = Sha256::digest(format!("presdr vendor key\0{vendor}\0{}", self.expose()));
        let mut id = KeyId::default();
        id.copy_from_slice(&hash[..8]);
        id
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey").field("own", &self.own).finish_non_exhaustive()
    }
}

type Remembered = HashMap<(TenantId, Vendor), (Instant, Option<ApiKey>)>;

/// Where keys come from.
///
/// For a tenant: the file `PRESDR_SECRETS_DIR/<tenant>/<vendor>`. For all others: the variable `PRESDR_<VENDOR>_API_KEY`, the file that
/// `PRESDR_<VENDOR>_API_KEY_FILE` names, or the file `PRESDR_SECRETS_DIR/<vendor>`, in this order.
#[derive(Clone)]
pub struct Secrets {
    shared: HashMap<Vendor, SecretString>,
    files: HashMap<Vendor, PathBuf>,
    dir: Option<PathBuf>,
    remembered: Arc<Mutex<Remembered>>,
}

impl Secrets {
    /// Reads the environment's variables through `variable`.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let said = |name: String| variable(&name).filter(|value| !value.trim().is_empty());
        let shared = Vendor::ALL.into_iter().filter_map(|vendor| {
            Some((vendor, SecretString::from(said(format!("PRESDR_{}_API_KEY", vendor.variable()))?)))
        });
        let files = Vendor::ALL.into_iter().filter_map(|vendor| {
            Some((vendor, PathBuf::from(said(format!("PRESDR_{}_API_KEY_FILE", vendor.variable()))?)))
        });
        Self {
            shared: shared.collect(),
            files: files.collect(),
            dir: said("PRESDR_SECRETS_DIR".to_owned()).map(PathBuf::from),
            remembered: Arc::default(),
        }
    }

    /// No keys at all.
    #[must_use]
    pub fn none() -> Self {
        Self::from_variables(|_| None)
    }

    /// The same with a shared key.
    #[must_use]
    pub fn with(mut self, vendor: Vendor, key: &str) -> Self {
        self.shared.insert(vendor, key.into());
        self
    }

    /// The key to ask with for this tenant, if there is one.
    pub(crate) fn key(&self, tenant: &TenantId, vendor: Vendor) -> Option<ApiKey> {
        let place = (tenant.clone(), vendor);
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, key)) = remembered.get(&place)
            && at.elapsed() < REMEMBERED
        {
            return key.clone();
        }
        let key = self.look(tenant, vendor);
        remembered.insert(place, (Instant::now(), key.clone()));
        key
    }

    fn look(&self, tenant: &TenantId, vendor: Vendor) -> Option<ApiKey> {
        let own = self.dir.as_ref().and_then(|dir| read(&dir.join(tenant.as_str()).join(vendor.as_str())));
        if let Some(key) = own.and_then(|text| ApiKey::new(text.expose_secret(), true)) {
            return Some(key);
        }
        let shared = self.shared.get(&vendor).cloned();
        let shared = shared.or_else(|| read(self.files.get(&vendor)?));
        let shared = shared.or_else(|| read(&self.dir.as_ref()?.join(vendor.as_str())));
        ApiKey::new(shared?.expose_secret(), false)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

/// What a file of one key holds. A file that is missing is no key; one that cannot be read is said so.
fn read(path: &Path) -> Option<SecretString> {
    let found = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    if found.len() > KEY_BYTES_MAX {
        tracing::error!(path = %path.display(), "a file of a vendor's key is too large to be one");
        return None;
    }
    match std::fs::read_to_string(path) {
        Ok(text) => Some(text.into()),
        Err(error) => {
            tracing::error!(path = %path.display(), kind = ?error.kind(), "a vendor's key cannot be read");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(slug: &str) -> TenantId {
        TenantId::new(slug).unwrap()
    }

    #[test]
    fn a_tenants_own_key_comes_before_the_shared_one() {
        let dir = std::env::temp_dir().join(format!("presdr-secrets-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("acme")).unwrap();
        std::fs::write(dir.join("acme/lusha"), "own-key\n").unwrap();
        std::fs::write(dir.join("lusha"), "from-dir").unwrap();
        std::fs::write(dir.join("some-file"), "from-file").unwrap();
        let secrets = Secrets::from_variables(|name| match name {
            "PRESDR_SECRETS_DIR" => Some(dir.display().to_string()),
            "PRESDR_TAVILY_API_KEY" => Some("from-variable".to_owned()),
            "PRESDR_OPENAI_API_KEY_FILE" => Some(dir.join("some-file").display().to_string()),
            _ => None,
        });
        let key = |slug: &str, vendor| secrets.key(&tenant(slug), vendor).map(|key| (key.expose().to_owned(), key.own));
        assert_eq!(key("acme", Vendor::Lusha), Some(("own-key".to_owned(), true)));
        assert_eq!(key("beta", Vendor::Lusha), Some(("from-dir".to_owned(), false)));
        assert_eq!(key("acme", Vendor::Tavily), Some(("from-variable".to_owned(), false)));
        assert_eq!(key("acme", Vendor::OpenAi), Some(("from-file".to_owned(), false)));
        assert_eq!(key("acme", Vendor::ZeroBounce), None);
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_key_is_never_shown() {
        let secrets = Secrets::none().with(Vendor::Tavily, "tvly-secret");
        let key = secrets.key(&tenant("acme"), Vendor::Tavily).unwrap();
        let shown = format!("{secrets:?} {key:?} {:?}", key.id(Vendor::Tavily));
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[test]
    fn keys_are_told_apart_by_vendor_and_text() {
        let key = |text| ApiKey::new(text, false).unwrap();
        assert_eq!(key("a").id(Vendor::Tavily), key(" a\n").id(Vendor::Tavily));
        assert_ne!(key("a").id(Vendor::Tavily), key("b").id(Vendor::Tavily));
        assert_ne!(key("a").id(Vendor::Tavily), key("a").id(Vendor::Lusha));
    }
}
