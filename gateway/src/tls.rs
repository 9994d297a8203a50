//! TLS that ends here.

use std::{fs, io, path::Path, sync::Arc};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio_rustls::TlsAcceptor;

/// Reads a chain of certificates and its key.
///
/// # Errors
/// When a file cannot be read or used; the key is never shown.
pub(crate) fn acceptor(certificates: &Path, key: &Path) -> io::Result<TlsAcceptor> {
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
