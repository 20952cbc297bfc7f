//! TLS on an outgoing connection: bytes to bytes, the socket stays with its owner.

use std::io::Read;
use std::sync::{Arc, OnceLock};

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, Error, PeerIncompatible,
    RootCertStore,
};

use crate::net::certificate::{Check, Verifier};
use crate::net::tls_provider;

/// Whom the system trusts to name a server: read when that is first asked, for it takes memory
/// that most do not need.
#[derive(Clone, Default)]
pub struct Authorities(Arc<OnceLock<Trust>>);

struct Trust {
    provider: Arc<CryptoProvider>,
    verifier: Result<Arc<WebPkiServerVerifier>, String>,
}

impl Authorities {
    fn trust(&self) -> &Trust {
        self.0.get_or_init(Trust::load)
    }
}

impl Trust {
    /// Reads the system's certificates from disk; `SSL_CERT_FILE` and `SSL_CERT_DIR` name
    /// others. That there are none matters only to whom they are to verify.
    fn load() -> Self {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            log::debug!("certificates: {error}");
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        Self::new(roots)
    }

    fn new(roots: RootCertStore) -> Self {
        let provider = Arc::new(tls_provider::provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let verifier = verifier.build().map_err(|_| {
            "no certificates to check the server's with: install ca-certificates or set \
             SSL_CERT_FILE"
                .to_owned()
        });
        Self { provider, verifier }
    }
}

/// Makes connections whose servers are checked in the same way.
#[derive(Clone)]
pub struct Connector {
    authorities: Authorities,
    tls: config::Tls,
    config: Arc<OnceLock<Result<Arc<ClientConfig>, String>>>,
}

impl Connector {
    /// Checks servers in this way.
    pub fn new(authorities: &Authorities, tls: config::Tls) -> Self {
        Self { authorities: authorities.clone(), tls, config: Arc::default() }
    }

    /// Does now what the first connection would have to wait for.
    pub fn prepare(&self) {
        let _ = self.config();
    }

    fn config(&self) -> Result<Arc<ClientConfig>, String> {
        let make = || {
            let Trust { provider, verifier } = self.authorities.trust();
            let check = match self.tls {
                config::Tls::Verify => verifier.clone().map(Check::Authorities),
                config::Tls::Insecure => Ok(Check::Nothing),
                config::Tls::Pin(sha256) => Ok(Check::Pin(sha256)),
            };
            check.and_then(|check| config(provider, check))
        };
        self.config.get_or_init(make).clone()
    }
}

fn config(provider: &Arc<CryptoProvider>, check: Check) -> Result<Arc<ClientConfig>, String> {
    let algorithms = provider.signature_verification_algorithms;
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier { check, algorithms }))
        .with_no_client_auth();
    // A connection lives for days: its handshake need not be shortened.
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// One connection.
pub struct Tls(Box<ClientConnection>);

impl Tls {
    /// A connection to the server of this name or address.
    pub fn new(connector: &Connector, host: &str) -> Result<Self, String> {
        let config = connector.config()?;
        let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
        let connection = ClientConnection::new(config, name);
        connection.map(|tls| Self(Box::new(tls))).map_err(|error| explain(&error))
    }

    /// Whether the server has proven its name.
    pub fn is_up(&self) -> bool {
        !self.0.is_handshaking()
    }

    /// Bytes from the socket; appends what they say.
    pub fn receive(&mut self, mut bytes: &[u8], plain: &mut Vec<u8>) -> Result<(), String> {
        while !bytes.is_empty() {
            let taken = self.0.read_tls(&mut bytes).map_err(|error| error.to_string())?;
            let state = self.0.process_new_packets().map_err(|error| explain(&error))?;
            let length = state.plaintext_bytes_to_read() as u64;
            let read = self.0.reader().take(length).read_to_end(plain);
            read.map_err(|error| error.to_string())?;
            if taken == 0 {
                break; // behind the server's goodbye
            }
        }
        Ok(())
    }

    /// Takes what is to be said to the server.
    pub fn send(&mut self, plain: &[u8]) -> Result<(), String> {
        let mut writer = self.0.writer();
        std::io::Write::write_all(&mut writer, plain).map_err(|error| error.to_string())
    }

    /// What goes to the socket now.
    pub fn take_outgoing(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.0.wants_write() {
            if self.0.write_tls(&mut bytes).is_err() {
                break; // a Vec takes everything
            }
        }
        bytes
    }
}

/// What a person can do something about, in his words.
fn explain(error: &Error) -> String {
    let text = match error {
        Error::InvalidCertificate(CertificateError::Other(refused)) => refused.to_string(),
        Error::InvalidMessage(_) => "no TLS is spoken there".to_owned(),
        Error::AlertReceived(AlertDescription::ProtocolVersion)
        | Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => "only versions before 1.2 are spoken there, which are not supported".to_owned(),
        Error::AlertReceived(AlertDescription::HandshakeFailure)
        | Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon) => {
            "no cipher in common (RSA key exchange is not supported)".to_owned()
        }
        error => error.to_string(),
    };
    format!("TLS: {text}")
}

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
