//! Overhears the keys that DTLS agrees on for SRTP (RFC 5764 section 4.2). str0m keeps them to
//! itself, and makes its DTLS connections by a provider that all peers share: while a peer
//! connection is built, this is where its keys will be found.

use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use str0m::config::DtlsCert;
use str0m::crypto::CryptoError;
use str0m::crypto::dtls::{
    DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
    SrtpProfile,
};

/// What two peers have agreed on.
pub struct Keying {
    /// Keys of client and server, then salts of client and server.
    pub material: Vec<u8>,
    /// How packets are encrypted.
    pub profile: SrtpProfile,
    /// Whether the client's are ours.
    pub is_client: bool,
}

impl fmt::Debug for Keying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keying(..)")
    }
}

/// Where a peer connection's keys are found once DTLS is up.
pub type Keys = Arc<OnceLock<Keying>>;

thread_local! {
    /// The peer connection that is being built.
    static BUILDING: RefCell<Option<Keys>> = const { RefCell::new(None) };
}

/// Builds one peer connection; gives its keys as well.
pub fn overhear<T>(build: impl FnOnce() -> T) -> (T, Keys) {
    let keys = Keys::default();
    BUILDING.replace(Some(Arc::clone(&keys)));
    let built = build();
    BUILDING.take();
    (built, keys)
}

/// A DTLS library that is overheard.
#[derive(Debug)]
pub struct Overheard(pub &'static dyn DtlsProvider);

impl DtlsProvider for Overheard {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        self.0.generate_certificate()
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let connection = self.0.new_dtls(certificate, now, version, mtu)?;
        Ok(match BUILDING.take() {
            Some(keys) => Box::new(Connection { connection, keys }),
            None => connection,
        })
    }
}

#[derive(Debug)]
struct Connection {
    connection: Box<dyn DtlsInstance>,
    keys: Keys,
}

impl DtlsInstance for Connection {
    fn set_active(&mut self, active: bool) {
        self.connection.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.connection.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        let output = self.connection.poll_output(buffer);
        if let DtlsOutput::KeyingMaterial(material, profile) = &output {
            let (material, is_client) = (material.to_vec(), self.connection.is_active());
            // Agreed on once: neither side here renegotiates.
            let _ = self.keys.set(Keying { material, profile: *profile, is_client });
        }
        output
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.connection.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.connection.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.connection.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.connection.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.connection.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.connection.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.connection.close()
    }
}
