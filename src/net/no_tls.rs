//! What stands for `tls` in builds without that feature.

/// Nobody.
#[derive(Default)]
pub struct Authorities(());

/// Makes no connections.
#[derive(Clone)]
pub struct Connector;

impl Connector {
    /// Checks nobody.
    pub fn new(_: &Authorities, _: config::Tls) -> Self {
        Self
    }

    /// Prepares nothing.
    pub fn prepare(&self) {}
}

/// A connection that can't be.
pub enum Tls {}

impl Tls {
    /// Says that there is no TLS.
    pub fn new(_: &Connector, _: &str) -> Result<Self, String> {
        Err("TLS needs a build with the feature tls".to_owned())
    }

    pub fn is_up(&self) -> bool {
        match *self {}
    }

    pub fn receive(&mut self, _: &[u8], _: &mut Vec<u8>) -> Result<(), String> {
        match *self {}
    }

    pub fn send(&mut self, _: &[u8]) -> Result<(), String> {
        match *self {}
    }

    pub fn take_outgoing(&mut self) -> Vec<u8> {
        match *self {}
    }
}
