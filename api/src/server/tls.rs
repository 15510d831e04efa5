//! TLS by rustls, when a certificate is configured.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

/// Why there is no TLS although it is configured.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file holds nothing of the kind, or cannot be read.
    #[error("{path} cannot be used: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong; never a part of the key.
        reason: String,
    },
    /// Certificate and key do not belong together.
    #[error("the certificate and its key cannot be used together: {0}")]
    Pair(#[from] rustls::Error),
}

/// Reads a chain of certificates and their key, both PEM. TLS 1.3 is preferred, 1.2 the least; HTTP/2 and HTTP/1.1 are offered.
///
/// # Errors
/// [`TlsError`].
pub fn acceptor(certificates: &Path, key: &Path) -> Result<TlsAcceptor, TlsError> {
    let wrong = |path: &Path, reason: String| TlsError::File { path: path.to_owned(), reason };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(certificates).and_then(Iterator::collect);
    let chain = chain.map_err(|error| wrong(certificates, error.to_string()))?;
    if chain.is_empty() {
        return Err(wrong(certificates, "it holds no certificate".to_owned()));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, error.to_string()))?;
    let versions = ServerConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions()?;
    let mut config = versions.with_no_client_auth().with_single_cert(chain, private)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[test]
    fn what_is_no_certificate_is_named_and_never_shown() {
        let folder = std::env::temp_dir().join(format!("daybook-tls-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&folder).unwrap();
        let (empty, absent) = (folder.join("empty.pem"), folder.join("absent.pem"));
        std::fs::write(&empty, "not a certificate").unwrap();
        for (certificate, named) in [(&empty, "empty.pem"), (&absent, "absent.pem")] {
            let error = acceptor(certificate, &empty).err().unwrap().to_string();
            assert!(error.contains(named) && !error.contains("not a certificate"), "{error}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
