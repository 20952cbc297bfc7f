//! SRTP (RFC 3711, RFC 7714) between us and one peer. A packet is encrypted where it leaves from:
//! its payload, which all receivers share, is read once and written once. str0m does the same in
//! three steps, with a buffer for each, and asks all of its parts what else there may be.
//!
//! Reports that are received are not checked for replays: what an old one asks for is bounded as
//! what a new one does. Of packets that are received those know which came before who count them.

mod cipher;
mod header;
mod keys;

use str0m::config::CryptoProvider;

use self::cipher::{Cipher, Legible};
use self::keys::{Master, RTCP, RTP};
use super::crypto::Keying;

pub(super) use self::header::Header;

/// The flag of an SRTCP packet that is encrypted, beside its index (RFC 3711 section 3.4).
const ENCRYPTED: u32 = 1 << 31;
/// What stays legible of RTCP: the first packet's header and sender.
const RTCP_HEADER_BYTES: usize = 8;
const RTCP_INDEX_BYTES: usize = 4;

/// Both directions of one session.
#[derive(Debug)]
pub(super) struct Srtp {
    rtp: Cipher,
    rtcp: Cipher,
    received_rtcp: Cipher,
    /// Of those that send to us.
    #[cfg_attr(not(feature = "receive"), expect(dead_code, reason = "nobody does"))]
    received_rtp: Option<Cipher>,
    rtcp_index: u32,
}

impl Srtp {
    /// None if what was agreed on is no profile that is known.
    pub fn new(crypto: &CryptoProvider, keying: &Keying, receives: bool) -> Option<Self> {
        let master = |is_ours| Master::of(crypto.srtp_provider, keying, is_ours);
        let cipher = |master: &Master<'_>, labels, encrypts| {
            Cipher::new(crypto, keying.profile, master, labels, encrypts)
        };
        let (ours, theirs) = (master(true)?, master(false)?);
        Some(Self {
            rtp: cipher(&ours, RTP, true)?,
            rtcp: cipher(&ours, RTCP, true)?,
            received_rtcp: cipher(&theirs, RTCP, false)?,
            received_rtp: if receives { cipher(&theirs, RTP, false) } else { None },
            rtcp_index: 0,
        })
    }

    /// How long a packet becomes.
    pub fn sealed_bytes(&self, header: &Header, payload: &[u8]) -> usize {
        header.bytes() + payload.len() + self.rtp.tag_bytes()
    }

    /// Writes a packet into a buffer of [`Srtp::sealed_bytes`].
    pub fn seal(&mut self, header: &Header, payload: &[u8], packet: &mut [u8]) {
        let Some((head, body)) = packet.split_at_mut_checked(header.bytes()) else { return };
        header.write(head);
        // The rollover counter (RFC 3711 section 3.3.1) is vouched for, and not sent.
        let [_, _, rollover @ .., _, _] = header.sequence_number.to_be_bytes();
        let legible = Legible { associated: head, around: (head, &rollover) };
        if !self.rtp.seal((header.ssrc, header.sequence_number), legible, payload, body) {
            body.fill(0); // no receiver takes it, and nobody can read it
        }
    }

    /// Decrypts the payload behind a header of `header_bytes`, padding included; none if the other
    /// side did not send it, or not under this number, which its own is extended to.
    #[cfg(feature = "receive")]
    pub fn open(
        &mut self,
        packet: &[u8],
        header_bytes: usize,
        (ssrc, number): (u32, u64),
    ) -> Option<Vec<u8>> {
        let (head, body) = packet.split_at_checked(header_bytes)?;
        let [_, _, rollover @ .., _, _] = number.to_be_bytes();
        let legible = Legible { associated: head, around: (head, &rollover) };
        self.received_rtp.as_mut()?.open((ssrc, number), legible, body)
    }

    /// Encrypts a compound of reports; none if it is too short for one.
    pub fn seal_rtcp(&mut self, compound: &[u8]) -> Option<Vec<u8>> {
        let (head, plain) = compound.split_at_checked(RTCP_HEADER_BYTES)?;
        self.rtcp_index = (self.rtcp_index + 1) & !ENCRYPTED;
        let place = (sender(head)?, u64::from(self.rtcp_index));
        let index = (ENCRYPTED | self.rtcp_index).to_be_bytes();
        let associated = [head, &index].concat();
        let legible = Legible { associated: &associated, around: (head, &index) };
        let mut body = vec![0; plain.len() + self.rtcp.tag_bytes()];
        if !self.rtcp.seal(place, legible, plain, &mut body) {
            return None;
        }
        let (text, tag) = body.split_at(plain.len());
        Some(match self.rtcp.has_tag_behind_index() {
            true => [head, text, &index, tag].concat(),
            false => [head, text, tag, &index].concat(),
        })
    }

    /// Decrypts a compound of reports; none if it is not from the other side.
    pub fn open_rtcp(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let tag_bytes = self.received_rtcp.tag_bytes();
        let (head, rest) = packet.split_at_checked(RTCP_HEADER_BYTES)?;
        let text_bytes = rest.len().checked_sub(tag_bytes + RTCP_INDEX_BYTES)?;
        let (text, trailer) = rest.split_at_checked(text_bytes)?;
        let (tag, index) = match self.received_rtcp.has_tag_behind_index() {
            true => trailer.split_at_checked(RTCP_INDEX_BYTES).map(|(index, tag)| (tag, index)),
            false => trailer.split_at_checked(tag_bytes),
        }?;
        let number = u32::from_be_bytes(index.try_into().ok()?);
        if number & ENCRYPTED == 0 {
            return None; // nobody who can encrypt has a reason not to
        }
        let place = (sender(head)?, u64::from(number & !ENCRYPTED));
        let associated = [head, index].concat();
        let legible = Legible { associated: &associated, around: (head, index) };
        let plain = self.received_rtcp.open(place, legible, &[text, tag].concat())?;
        Some([head, &plain].concat())
    }
}

/// Who has sent a compound.
fn sender(head: &[u8]) -> Option<u32> {
    let [.., a, b, c, d] = head else { return None };
    Some(u32::from_be_bytes([*a, *b, *c, *d]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use str0m::crypto::dtls::SrtpProfile;

    use super::*;
    use crate::peer::crypto::provider;

    const HEADER: Header = Header {
        payload_type: 96,
        is_marked: true,
        sequence_number: 0x1_ffff,
        rtp_timestamp: 7,
        ssrc: 0xdead_beef,
        extension: None,
    };

    /// Both sides of a session.
    fn pair(profile: SrtpProfile) -> (Srtp, Srtp) {
        let material: Vec<u8> = (0..).take(profile.keying_material_len()).collect();
        let side = |is_client| {
            let keying = Keying { material: material.clone(), profile, is_client };
            Srtp::new(&provider(), &keying, true).unwrap()
        };
        (side(true), side(false))
    }

    fn report() -> Vec<u8> {
        let mut compound = Vec::new();
        rtsp::rtcp::push_receiver_report(&mut compound, 3, &[]);
        rtsp::rtcp::push_picture_loss(&mut compound, 3, 4);
        compound
    }

    #[test]
    fn reports_are_read_by_the_other_side_alone_and_only_as_they_were_sent() {
        for &profile in SrtpProfile::ALL {
            let (mut client, mut server) = pair(profile);
            for _ in 0..3 {
                let sealed = client.seal_rtcp(&report()).unwrap();
                assert_eq!(server.open_rtcp(&sealed).unwrap(), report());
                assert_eq!(client.open_rtcp(&sealed), None, "{profile:?}");
                for at in 0..sealed.len() {
                    let mut changed = sealed.clone();
                    changed[at] ^= 1;
                    assert_eq!(server.open_rtcp(&changed), None, "{profile:?}, byte {at}");
                    assert_eq!(server.open_rtcp(&sealed[..at]), None);
                }
            }
        }
    }

    #[cfg(feature = "receive")]
    #[test]
    fn packets_are_read_under_their_own_number_alone_and_only_as_they_were_sent() {
        let place = (HEADER.ssrc, HEADER.sequence_number);
        for &profile in SrtpProfile::ALL {
            let (mut client, mut server) = pair(profile);
            let payload = [7; 32];
            let mut packet = vec![0; client.sealed_bytes(&HEADER, &payload)];
            client.seal(&HEADER, &payload, &mut packet);
            assert_eq!(server.open(&packet, 12, place).as_deref(), Some(&payload[..]));
            assert_eq!(client.open(&packet, 12, place), None, "{profile:?}");
            // Of another round of numbers.
            assert_eq!(server.open(&packet, 12, (HEADER.ssrc, 0xffff)), None);
            for at in 0..packet.len() {
                let mut changed = packet.clone();
                changed[at] ^= 1;
                assert_eq!(server.open(&changed, 12, place), None, "{profile:?}, byte {at}");
                assert_eq!(server.open(&packet[..at], 12, place), None);
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_no_report(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for &profile in SrtpProfile::ALL {
                prop_assert_eq!(pair(profile).1.open_rtcp(&bytes), None);
            }
        }
    }

    #[test]
    fn no_two_packets_are_encrypted_alike() {
        for &profile in SrtpProfile::ALL {
            let (mut client, _) = pair(profile);
            let payload = [0; 32];
            let mut seal = |header: Header| {
                let mut packet = vec![0; client.sealed_bytes(&header, &payload)];
                client.seal(&header, &payload, &mut packet);
                packet.split_off(header.bytes())
            };
            let first = seal(HEADER);
            assert_eq!(seal(HEADER), first, "what is sent again is the same");
            for other in [
                Header { sequence_number: 0xffff, ..HEADER },
                Header { sequence_number: 0x1_fffe, ..HEADER },
                Header { ssrc: 1, ..HEADER },
            ] {
                assert_ne!(seal(other)[..32], first[..32], "{profile:?} {other:?}");
            }
            let marked = seal(Header { is_marked: false, ..HEADER });
            assert_eq!(marked[..32], first[..32]);
            assert_ne!(marked[32..], first[32..], "the header is vouched for");
        }
    }
}
