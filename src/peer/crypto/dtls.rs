//! DTLS: dimpl's machine with what browsers ask of its cryptography.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use dimpl::crypto::CryptoProvider;
use str0m::config::DtlsCert;
use str0m::crypto::CryptoError;
use str0m::crypto::dtls::{
    DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
};

use super::signature::Ecdsa;
use super::suite::AesGcmSha256;
use super::{certificate, exchange};

/// Makes one DTLS connection for each peer.
#[derive(Debug)]
pub struct Dtls;

impl DtlsProvider for Dtls {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        certificate::self_signed()
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        // What every browser has, and all that str0m asks for.
        if version != DtlsVersion::Dtls12 {
            return Err(CryptoError::Other(format!("{version} is not provided")));
        }
        let connection = dimpl::Dtls::new_12(config(mtu)?, certificate.clone(), now);
        Ok(Box::new(Connection(connection)))
    }
}

/// One configuration for all peers of an MTU: its making tries out every algorithm, which takes
/// as long as a handshake.
fn config(mtu: Option<usize>) -> Result<Arc<dimpl::Config>, CryptoError> {
    static SHARED: OnceLock<(Option<usize>, Arc<dimpl::Config>)> = OnceLock::new();
    if let Some((_, config)) = SHARED.get().filter(|(its_mtu, _)| *its_mtu == mtu) {
        return Ok(Arc::clone(config));
    }
    // A cookie would only repeat what ICE has proved: that the peer is where it says.
    let mut builder =
        dimpl::Config::builder().with_crypto_provider(PROVIDER).use_server_cookie(false);
    if let Some(mtu) = mtu {
        builder = builder.mtu(mtu);
    }
    let config = builder.build().map_err(|error| CryptoError::Other(error.to_string()))?;
    let config = Arc::new(config);
    let _ = SHARED.set((mtu, Arc::clone(&config))); // the first MTU stays
    Ok(config)
}

/// What every browser has. Built with all that dimpl knows, the program would be larger by a
/// twentieth, most of it for P-384.
const PROVIDER: CryptoProvider = CryptoProvider {
    kx_groups: exchange::GROUPS,
    signature_verification: &Ecdsa,
    key_provider: &Ecdsa,
    secure_random: &AesGcmSha256,
    hash_provider: &AesGcmSha256,
    hmac_provider: &AesGcmSha256,
    cipher_suites: &[&AesGcmSha256],
    // Not used, and dimpl wants one.
    dtls13_cipher_suites: &[&AesGcmSha256],
};

struct Connection(dimpl::Dtls);

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection(..)")
    }
}

impl DtlsInstance for Connection {
    fn set_active(&mut self, active: bool) {
        self.0.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.0.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        self.0.poll_output(buffer)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.0.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.0.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.0.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.0.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.0.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.0.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_standards_have_as_examples_comes_out() {
        // dimpl tries every part of a provider when a configuration is made of it.
        assert!(config(None).is_ok());
    }
}
