//! Against a server in memory that has the certificate of tls_tests/: for `camera`, its own
//! authority, valid for a hundred years. Made by
//! `openssl req -x509 -key key.der -days 36500 -subj /CN=camera -addext subjectAltName=DNS:camera`.

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion, version};
use sha2::{Digest, Sha256};

use super::*;

const CERTIFICATE: &[u8] = include_bytes!("tls_tests/camera.der");
const KEY: &[u8] = include_bytes!("tls_tests/key.der");
const OTHER_KEY: &[u8] = include_bytes!("tls_tests/other-key.der");
const VERSIONS: [&SupportedProtocolVersion; 2] = [&version::TLS12, &version::TLS13];

fn authorities(roots: &[&'static [u8]]) -> Authorities {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots.iter().map(|root| CertificateDer::from(*root)));
    Authorities(Arc::new(OnceLock::from(Trust::new(store))))
}

/// Presents the certificate, whether it has its key or not.
#[derive(Debug)]
struct Presenter(Arc<CertifiedKey>);

impl ResolvesServerCert for Presenter {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

fn server(key: &'static [u8], version: &'static SupportedProtocolVersion) -> ServerConnection {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key));
    let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
    let presented = CertifiedKey::new(vec![CertificateDer::from(CERTIFICATE)], key);
    let provider = Arc::new(tls_provider::provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Presenter(Arc::new(presented))));
    ServerConnection::new(Arc::new(config)).unwrap()
}

/// What a client says of the server, once it has said something to it and heard the same.
fn echoed(connector: &Connector, mut server: ServerConnection) -> Result<Vec<u8>, String> {
    let mut tls = Tls::new(connector, "camera")?;
    let mut plain = Vec::new();
    let mut is_greeted = false;
    for _ in 0..10 {
        if tls.is_up() && !std::mem::replace(&mut is_greeted, true) {
            tls.send(b"OPTIONS *").unwrap();
        }
        let outgoing = tls.take_outgoing();
        server.read_tls(&mut &outgoing[..]).unwrap();
        let Ok(state) = server.process_new_packets() else { continue };
        let mut heard = vec![0; state.plaintext_bytes_to_read()];
        server.reader().read_exact(&mut heard).unwrap();
        std::io::Write::write_all(&mut server.writer(), &heard).unwrap();
        let mut answer = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut answer).unwrap();
        }
        // Cut anyhow.
        for bytes in answer.chunks(7) {
            tls.receive(bytes, &mut plain)?;
        }
    }
    Ok(plain)
}

fn outcome(
    authorities: &Authorities,
    check: config::Tls,
    key: &'static [u8],
    version: &'static SupportedProtocolVersion,
) -> Result<(), String> {
    let plain = echoed(&Connector::new(authorities, check), server(key, version))?;
    assert_eq!(plain, b"OPTIONS *");
    Ok(())
}

fn pin() -> [u8; 32] {
    Sha256::digest(CERTIFICATE).into()
}

#[test]
fn a_certificate_is_taken_from_an_authority_by_its_pin_or_unseen() {
    for version in VERSIONS {
        let known = authorities(&[CERTIFICATE]);
        assert_eq!(outcome(&known, config::Tls::Verify, KEY, version), Ok(()));
        let nobody = authorities(&[]);
        for check in [config::Tls::Pin(pin()), config::Tls::Insecure] {
            assert_eq!(outcome(&nobody, check, KEY, version), Ok(()), "{check:?}");
        }
    }
}

#[test]
fn a_certificate_without_its_key_proves_nothing() {
    for version in VERSIONS {
        let known = authorities(&[CERTIFICATE]);
        for check in [config::Tls::Verify, config::Tls::Pin(pin())] {
            let error = outcome(&known, check, OTHER_KEY, version).unwrap_err();
            assert!(error.contains("BadSignature"), "{check:?}: {error}");
        }
        assert_eq!(outcome(&known, config::Tls::Insecure, OTHER_KEY, version), Ok(()));
    }
}

#[test]
fn a_refusal_tells_the_fingerprint_and_fits_where_it_is_shown() {
    let others = authorities(&[]);
    let hex: String = pin().iter().map(|byte| format!("{byte:02x}")).collect();
    let refused = |check| outcome(&others, check, KEY, &version::TLS13).unwrap_err();
    let error = refused(config::Tls::Pin([0; 32]));
    assert_eq!(error, format!("TLS: certificate SHA-256 {hex} refused: not the pinned one"));
    assert!(error.len() <= 128, "the client cuts what is longer");
    assert!(refused(config::Tls::Verify).contains("no certificates to check"));
}
