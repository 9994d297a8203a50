//! TLS that ends here.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio_rustls::TlsAcceptor;

/// How often it is looked whether the certificate was renewed.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// A certificate and its key, read again when their files have changed.
pub(crate) struct Certified {
    certificates: PathBuf,
    key: PathBuf,
    held: Mutex<Held>,
}

struct Held {
    acceptor: TlsAcceptor,
    changed: Option<[SystemTime; 2]>,
    looked: Instant,
}

impl Certified {
    /// Reads a chain of certificates and its key.
    ///
    /// # Errors
    /// When a file cannot be read or used; the key is never shown.
    pub(crate) fn read(certificates: &Path, key: &Path) -> io::Result<Self> {
        let changed = changed(certificates, key);
        let held = Held { acceptor: acceptor(certificates, key)?, changed, looked: Instant::now() };
        Ok(Self { certificates: certificates.to_owned(), key: key.to_owned(), held: Mutex::new(held) })
    }

    /// What to answer the next connection with. A renewed certificate that cannot be used is told of, and the one before goes on.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.looked.elapsed() >= LOOK_EVERY {
            self.look(&mut held);
        }
        held.acceptor.clone()
    }

    fn look(&self, held: &mut Held) {
        held.looked = Instant::now();
        let changed = changed(&self.certificates, &self.key);
        if changed == held.changed {
            return;
        }
        match acceptor(&self.certificates, &self.key) {
            Ok(acceptor) => (held.acceptor, held.changed) = (acceptor, changed),
            Err(error) => tracing::warn!(%error, "a renewed certificate cannot be used yet"),
        }
    }
}

/// When the files were changed; `None` while one is away.
fn changed(certificates: &Path, key: &Path) -> Option<[SystemTime; 2]> {
    let of = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    Some([of(certificates)?, of(key)?])
}

fn acceptor(certificates: &Path, key: &Path) -> io::Result<TlsAcceptor> {
    let unusable =
        |what: &str, path: &Path, why: String| io::Error::other(format!("TLS {what} {}: {why}", path.display()));
    let read = |what: &str, path: &Path| fs::read(path).map_err(|error| unusable(what, path, error.to_string()));
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read("certificate", certificates)?).collect();
    let chain = chain.map_err(|error| unusable("certificate", certificates, error.to_string()))?;
    let secret = PrivateKeyDer::from_pem_slice(&read("key", key)?);
    let secret = secret.map_err(|_| unusable("key", key, "there is no private key in PEM in it".to_owned()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, secret));
    let mut config = config.map_err(|error| unusable("certificate", certificates, error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
