//! TLS to the database, as the URL asks for it.

use super::server::{self, Postgres};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use textgate_store::{Database, PostgresStore, StoreError};

type Authority = CertifiedIssuer<'static, KeyPair>;

/// An authority, with its certificate in this file.
fn authority(path: &Path) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(path, authority.pem()).unwrap();
    authority
}

/// A certificate for this name, and its key, which only the server may read.
fn certificate(folder: &Path, authority: &Authority, name: &str) -> [PathBuf; 2] {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    let paths = [folder.join("server.crt"), folder.join("server.key")];
    std::fs::write(&paths[0], certificate.pem()).unwrap();
    std::fs::write(&paths[1], key.serialize_pem()).unwrap();
    std::fs::set_permissions(&paths[1], std::fs::Permissions::from_mode(0o600)).unwrap();
    if let Some((uid, gid)) = server::unprivileged() {
        chown(&paths[1], Some(uid), Some(gid)).unwrap();
    }
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    paths
}

async fn reaches(url: String) -> Result<(), StoreError> {
    PostgresStore::look(&Database::parse(&url)?).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_believed_as_far_as_sslmode_says() {
    if !server::is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (ours, others) = (folder.path().join("ours.pem"), folder.path().join("others.pem"));
    let signs = authority(&ours);
    authority(&others);
    for (name, is_named) in [("127.0.0.1", true), ("db.example.com", false)] {
        let [certificate, key] = certificate(folder.path(), &signs, name);
        let settings =
            [format!("ssl_cert_file={}", certificate.display()), format!("ssl_key_file={}", key.display())];
        let mut postgres = Postgres::start(&["ssl=on", &settings[0], &settings[1]]);
        let url = postgres.database();
        let with = |mode: &str, roots: &Path| format!("{url}?sslmode={mode}&sslrootcert={}", roots.display());
        reaches(with("disable", &ours)).await.unwrap();
        reaches(with("require", &others)).await.unwrap();
        reaches(with("verify-ca", &ours)).await.unwrap();
        assert_eq!(reaches(with("verify-full", &ours)).await.is_ok(), is_named);
        for mode in ["verify-ca", "verify-full"] {
            let error = reaches(with(mode, &others)).await.unwrap_err().to_string();
            assert!(error.contains("certificate"), "{error}");
        }
        postgres.stop("INT");
    }
    // One that has no TLS is not spoken to without.
    let plain = Postgres::shared().database();
    let error = reaches(format!("{plain}?sslmode=require")).await.unwrap_err().to_string();
    assert!(error.contains("TLS"), "{error}");
    reaches(format!("{plain}?sslmode=prefer")).await.unwrap();
}
