//! The certificate that a simulator shows, as its caller made it.

use std::io;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate chain and its private key, each as PEM or (one certificate) DER.
#[derive(Clone)]
pub struct TlsIdentity {
    /// The chain, the end entity first.
    pub certificates: Vec<u8>,
    /// The private key: PKCS#8, PKCS#1 or SEC1.
    pub private_key: Vec<u8>,
}

impl std::fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsIdentity").finish_non_exhaustive()
    }
}

impl TlsIdentity {
    pub(crate) fn acceptor(&self) -> io::Result<TlsAcceptor> {
        let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
        let certificates: Vec<CertificateDer<'static>> = if is_pem(&self.certificates) {
            CertificateDer::pem_slice_iter(&self.certificates)
                .collect::<Result<_, _>>()
                .map_err(|_| bad("the certificates are not PEM"))?
        } else {
            vec![CertificateDer::from(self.certificates.clone())]
        };
        let key = if is_pem(&self.private_key) {
            PrivateKeyDer::from_pem_slice(&self.private_key).map_err(|_| bad("the private key is not PEM"))?
        } else {
            PrivateKeyDer::try_from(self.private_key.clone())
                .map_err(|_| bad("the private key is not DER"))?
        };
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .map_err(io::Error::other)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn is_pem(bytes: &[u8]) -> bool {
    bytes.windows(11).take(4096).any(|window| window == b"-----BEGIN ")
}
