//! Whether the certificate of a TLS server is taken, and what is said of one that is not.

use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use sha2::{Digest, Sha256};

/// What makes a certificate a good one.
#[derive(Debug)]
pub(super) enum Check {
    /// An authority vouches for it and for the name.
    Authorities(Arc<WebPkiServerVerifier>),
    /// It is this one, by its SHA-256.
    Pin([u8; 32]),
    /// Nothing has to.
    Nothing,
}

/// Checks certificates in one way.
#[derive(Debug)]
pub(super) struct Verifier {
    pub check: Check,
    pub algorithms: WebPkiSupportedAlgorithms,
}

/// A certificate that was not taken.
#[derive(Debug)]
struct Refused {
    sha256: [u8; 32],
    why: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The fingerprint first and whole: it is there to be copied, and long reasons are cut.
        f.write_str("certificate SHA-256 ")?;
        for byte in self.sha256 {
            write!(f, "{byte:02x}")?;
        }
        write!(f, " refused: {}", self.why)
    }
}

impl std::error::Error for Refused {}

impl Verifier {
    fn is_blind(&self) -> bool {
        matches!(self.check, Check::Nothing)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let sha256: [u8; 32] = Sha256::digest(end_entity.as_ref()).into();
        let checked = match &self.check {
            Check::Nothing => Ok(ServerCertVerified::assertion()),
            Check::Pin(pin) if *pin == sha256 => Ok(ServerCertVerified::assertion()),
            Check::Pin(_) => Err("not the pinned one".to_owned()),
            Check::Authorities(verifier) => verifier
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .map_err(|error| reason(&error)),
        };
        checked.map_err(|why| {
            let refused = OtherError(Arc::new(Refused { sha256, why }));
            Error::InvalidCertificate(CertificateError::Other(refused))
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.is_blind() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        // A pinned certificate is public: only the signature shows that the server owns it.
        crypto::verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.is_blind() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        crypto::verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.algorithms.supported_schemes();
        if self.is_blind() {
            // Old devices know nothing else, and nobody looks at it.
            schemes.extend([SignatureScheme::RSA_PKCS1_SHA1, SignatureScheme::ECDSA_SHA1_Legacy]);
        }
        schemes
    }
}

fn reason(error: &Error) -> String {
    let Error::InvalidCertificate(error) = error else { return error.to_string() };
    match error {
        CertificateError::UnknownIssuer => "unknown issuer".to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "not valid yet".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "not for this host".to_owned()
        }
        error => error.to_string(),
    }
}
