//! Randomness, which the core is given as arguments.

/// A random number.
pub(super) fn random_u64() -> u64 {
    let mut bytes = [0; 8];
    fill_random(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// A name of 128 random bits that nobody guesses, in 32 hexadecimal digits.
pub(super) fn random_name() -> String {
    let mut bytes = [0; 16];
    fill_random(&mut bytes);
    format!("{:032x}", u128::from_be_bytes(bytes))
}

/// Random bytes.
pub(super) fn fill_random(bytes: &mut [u8]) {
    if let Err(error) = getrandom::fill(bytes) {
        // Without randomness there is no security: nothing sensible can go on.
        log::error!("no randomness: {error}");
        std::process::abort();
    }
}
