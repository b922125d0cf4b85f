//! Whom a gateway trusts over TLS: the system's root certificates, and a CA of the provider's own where one is entered.

use crate::certificate::{Expiry, Noting};
use crate::{BuildError, Problem};
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// The certificates in a PEM text, none where it is blank, or what is wrong with it as a problem of `field`.
pub(crate) fn read_certificates(field: &str, pem: &str) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let wrong = |message: &str| Err(Problem::new(field, message));
    if pem.trim().is_empty() {
        return Ok(Vec::new());
    }
    let Ok(found) = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>() else {
        return wrong("this is not PEM: paste everything from -----BEGIN CERTIFICATE----- to the END line");
    };
    if found.is_empty() {
        return wrong("there is no certificate in it: it begins with -----BEGIN CERTIFICATE-----");
    }
    let mut roots = RootCertStore::empty();
    if found.iter().any(|certificate| roots.add(certificate.clone()).is_err()) {
        return wrong("this certificate cannot be read; paste the CA's X.509 certificate in PEM");
    }
    Ok(found)
}

/// A client's side of TLS that trusts the system's roots and these certificates, checks the host's name, and notes when the host's
/// certificate expires.
pub(crate) async fn client_config(
    own_ca: &[CertificateDer<'static>],
    expiry: Arc<Expiry>,
) -> Result<ClientConfig, BuildError> {
    let unbuilt = |error: rustls::Error| BuildError(format!("TLS cannot be set up: {error}"));
    let mut roots = RootCertStore::clone(system_roots().await);
    for certificate in own_ca {
        roots.add(certificate.clone()).map_err(unbuilt)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    if roots.is_empty() {
        // A verifier is not made without roots; this one trusts nobody, and says so.
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unbuilt)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        return Ok(config);
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .map_err(|error| BuildError(format!("TLS cannot be set up: {error}")))?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unbuilt)?
        .dangerous()
        // Verifies just as without it.
        .with_custom_certificate_verifier(Arc::new(Noting { verifier, expiry }))
        .with_no_client_auth();
    Ok(config)
}

/// A client's side of TLS that trusts the system's roots: what else in the program connects to the outside trusts whom gateways trust.
///
/// # Errors
/// [`BuildError`]: TLS cannot be set up.
pub async fn system_tls() -> Result<ClientConfig, BuildError> {
    client_config(&[], Arc::default()).await
}

/// The system's root certificates, read once for all.
async fn system_roots() -> &'static RootCertStore {
    static ROOTS: OnceCell<RootCertStore> = OnceCell::const_new();
    ROOTS
        .get_or_init(|| async {
            tokio::task::spawn_blocking(|| {
                let found = rustls_native_certs::load_native_certs();
                let mut roots = RootCertStore::empty();
                let (added, _) = roots.add_parsable_certificates(found.certs);
                if added == 0 {
                    tracing::warn!(
                        "no root certificates on this machine: install ca-certificates, or give gateways their own CA"
                    );
                }
                roots
            })
            .await
            .unwrap_or_else(|_| RootCertStore::empty())
        })
        .await
}
