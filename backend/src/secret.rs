//! Secrets of tokens and links.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::hex::hex;

/// Random bytes in a secret.
const BYTES: usize = 32;

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .expect("the operating system has no random numbers: nothing here would be safe");
    bytes
}

/// What every secret begins with, so that people and other programs know it for one.
pub const PREFIX: &str = "rrlab_";

/// A secret of 256 random bits that fits into addresses and headers.
pub fn new_secret() -> String {
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random::<BYTES>()))
}

/// Some random hexadecimal digits, two for each byte.
pub fn random_hex<const N: usize>() -> String {
    hex(&random::<N>())
}
