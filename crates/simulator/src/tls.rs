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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::pki_types::ServerName;
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    use super::*;
    use crate::{HttpOptions, HttpProvider, Smsc, SmscOptions};

    /// An identity for localhost as PEM and as DER, and who trusts it.
    fn identities() -> ([TlsIdentity; 2], TlsConnector) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let pem = TlsIdentity {
            certificates: made.cert.pem().into_bytes(),
            private_key: made.signing_key.serialize_pem().into_bytes(),
        };
        let der = TlsIdentity {
            certificates: made.cert.der().to_vec(),
            private_key: made.signing_key.serialize_der(),
        };
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        ([pem, der], TlsConnector::from(Arc::new(config)))
    }

    async fn ask(connector: &TlsConnector, address: std::net::SocketAddr, request: &[u8]) -> Vec<u8> {
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = connector.connect(name, stream).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = vec![0; 16];
        stream.read_exact(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn both_simulators_speak_tls_with_the_given_identity() {
        let (identities, connector) = identities();
        for identity in identities {
            let tls = Some(identity);
            let smsc = Smsc::start(SmscOptions { tls: tls.clone(), ..SmscOptions::default() }).await.unwrap();
            let bind = b"\0\0\0\x1B\0\0\0\x09\0\0\0\0\0\0\0\x01esme\0\0\0\x34\0\0\0";
            let answer = ask(&connector, smsc.address(), bind).await;
            assert_eq!(answer[4..12], [0x80, 0, 0, 9, 0, 0, 0, 0]);
            let options = HttpOptions { tls, ..HttpOptions::default() };
            let provider = HttpProvider::start(options).await.unwrap();
            assert!(provider.url("/x").starts_with("https://127.0.0.1:"));
            let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
            assert_eq!(ask(&connector, provider.address(), request).await, b"HTTP/1.1 200 OK\r");
            smsc.shutdown().await;
            provider.shutdown().await;
        }
    }

    #[test]
    fn what_is_no_identity_is_refused() {
        let ([pem, der], _) = identities();
        let mixed = TlsIdentity { private_key: b"no key".to_vec(), ..der };
        assert!(mixed.acceptor().is_err());
        let cut = TlsIdentity { certificates: b"-----BEGIN CERTIFICATE-----".to_vec(), ..pem };
        assert!(cut.acceptor().is_err());
    }
}
