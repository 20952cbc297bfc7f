//! What descriptions tell of the transport, given to str0m: ICE and DTLS.

use str0m::{Candidate, Rtc};

use super::sdp::{Description, OfferError, Setup};
use crate::limits;

/// Whose description it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// We have offered.
    Offerer,
    /// We answer.
    Answerer {
        /// And leave all checks to the other side.
        is_ice_lite: bool,
    },
}

/// Takes the other side's first description; what we are in DTLS.
///
/// # Errors
/// When there could be no connection.
pub(super) fn connect(
    rtc: &mut Rtc,
    theirs: &Description<'_>,
    role: Role,
) -> Result<Setup, OfferError> {
    let refused = |why: &str| OfferError::Refused(why.to_owned());
    if role == (Role::Answerer { is_ice_lite: true }) && theirs.is_ice_lite {
        return Err(refused("both sides leave ICE's checks to the other (a=ice-lite)"));
    }
    let fingerprint = theirs.fingerprint.parse();
    let fingerprint =
        fingerprint.map_err(|_| refused("a=fingerprint has no hash and its value"))?;
    // RFC 8842 section 5.3: who may choose leaves the beginning to the other side.
    let setup = match theirs.setup {
        Some(Setup::Passive) => Setup::Active,
        Some(Setup::Active | Setup::ActPass) | None => Setup::Passive,
    };
    let mut api = rtc.direct_api();
    // RFC 8445 section 6.1.1: who offers controls, but if it leaves the checks to the other.
    api.set_ice_controlling(role == Role::Offerer || theirs.is_ice_lite);
    api.set_remote_fingerprint(fingerprint);
    let started = api.start_dtls(setup == Setup::Active);
    started.map_err(|error| OfferError::Refused(error.to_string()))?;
    hear_of(rtc, theirs);
    Ok(setup)
}

/// Takes its credentials and candidates; those that are of no use, or too many, are left out.
pub(super) fn hear_of(rtc: &mut Rtc, theirs: &Description<'_>) {
    rtc.direct_api().set_remote_ice_credentials(theirs.credentials.clone());
    for line in theirs.candidates.iter().take(limits::REMOTE_CANDIDATES_MAX) {
        hear_of_candidate(rtc, line);
    }
}

/// Takes a candidate; whether it is of use.
pub(super) fn hear_of_candidate(rtc: &mut Rtc, line: &str) -> bool {
    match Candidate::from_sdp_string(line) {
        Ok(candidate) => {
            rtc.add_remote_candidate(candidate);
            true
        }
        Err(error) => {
            log::debug!("candidate ignored: {error}");
            false
        }
    }
}

/// Hash function and value of our own certificate.
pub(super) fn fingerprint(rtc: &mut Rtc) -> String {
    rtc.direct_api().local_dtls_fingerprint().to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::peer::{Entropy, Identity};

    const CHROMIUM: &str = include_str!("../../fuzz/corpus/description/chromium");

    fn connected(description: &str, role: Role) -> Result<Setup, OfferError> {
        let identity = Identity::generate().unwrap();
        let mut rtc = identity.configure(Entropy([1; 32]).into_credentials()).build(Instant::now());
        connect(&mut rtc, &Description::read(description)?, role)
    }

    #[test]
    fn who_may_choose_leaves_the_beginning_of_dtls_to_the_other_side() {
        for (theirs, ours) in [
            ("actpass", Setup::Passive),
            ("active", Setup::Passive),
            ("passive", Setup::Active),
            ("holdconn", Setup::Passive),
        ] {
            let description = CHROMIUM.replace("a=setup:actpass", &format!("a=setup:{theirs}"));
            for role in [Role::Offerer, Role::Answerer { is_ice_lite: true }] {
                assert_eq!(connected(&description, role), Ok(ours), "{theirs}");
            }
        }
    }

    #[test]
    fn there_is_no_connection_without_anybody_who_checks_or_a_certificate_to_know() {
        let lite = CHROMIUM.replace("t=0 0", "t=0 0\r\na=ice-lite");
        assert!(connected(&lite, Role::Answerer { is_ice_lite: true }).is_err());
        assert!(connected(&lite, Role::Answerer { is_ice_lite: false }).is_ok());
        let strange = CHROMIUM.replace("a=fingerprint:sha-256 ", "a=fingerprint:sha-256 x:");
        assert!(connected(&strange, Role::Offerer).is_err());
    }
}
