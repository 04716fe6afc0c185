//! Ranges of numbers and of addresses.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::model::text::textual;

/// Whole numbers from one to another, both included: `10000-20000`, or one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberRange {
    low: u32,
    high: u32,
}

/// An IP address, or all that begin with the same bits: `127.0.0.1`, `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    address: IpAddr,
    bits: u32,
}

/// Why a text is not a range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRange {
    /// Not a range of numbers.
    #[error("`{0}` is not a range of numbers: use one such as `10000-20000`, the smaller number first, or one number")]
    Numbers(String),
    /// Not a range of addresses.
    #[error("`{0}` is not an IP address or a range of them: use one such as `127.0.0.1`, `::1` or `10.0.0.0/8`")]
    Addresses(String),
}

impl NumberRange {
    /// Whether a number is in it.
    pub fn contains(self, number: u32) -> bool {
        (self.low..=self.high).contains(&number)
    }
}

impl AddressRange {
    /// Whether an address is in it. An IPv4 address is the same in the form of IPv6 (`::ffff:127.0.0.1`).
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => same(own.to_bits(), other.to_bits(), self.bits, 32),
            (IpAddr::V6(own), IpAddr::V6(other)) => same(own.to_bits(), other.to_bits(), self.bits, 128),
            _ => false,
        }
    }

    /// How many bits an address of this kind has.
    fn width(address: IpAddr) -> u32 {
        if address.is_ipv4() { 32 } else { 128 }
    }
}

/// Whether the first of the bits are the same.
fn same(one: impl Into<u128>, other: impl Into<u128>, bits: u32, width: u32) -> bool {
    let differs = one.into() ^ other.into();
    differs.checked_shr(width - bits).unwrap_or(0) == 0
}

fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

impl FromStr for NumberRange {
    type Err = InvalidRange;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (low, high) = text.split_once('-').unwrap_or((text, text));
        let range = number(low).zip(number(high)).filter(|(low, high)| low <= high);
        range
            .map(|(low, high)| Self { low, high })
            .ok_or_else(|| InvalidRange::Numbers(text.escape_debug().to_string()))
    }
}

impl FromStr for AddressRange {
    type Err = InvalidRange;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = || {
            let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
            let address: IpAddr = address.parse().ok()?;
            let width = Self::width(address);
            let bits = bits.map_or(Some(width), number).filter(|bits| *bits <= width)?;
            // An IPv4 address in the form of IPv6 would never be met: addresses are compared in their short form.
            (address == address.to_canonical()).then_some(Self { address, bits })
        };
        parsed().ok_or_else(|| InvalidRange::Addresses(text.escape_debug().to_string()))
    }
}

impl fmt::Display for NumberRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.low == self.high {
            write!(formatter, "{}", self.low)
        } else {
            write!(formatter, "{}-{}", self.low, self.high)
        }
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.bits == Self::width(self.address) {
            write!(formatter, "{}", self.address)
        } else {
            write!(formatter, "{}/{}", self.address, self.bits)
        }
    }
}

textual!(NumberRange, "NumberRange", "number-range", { "type": ["string", "integer"] });
textual!(AddressRange, "AddressRange", "address-range", { "type": "string" });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let range: NumberRange = "10-20".parse().expect("a range");
        assert_eq!([9, 10, 20, 21].map(|number| range.contains(number)), [false, true, true, false]);
        assert_eq!("7".parse::<NumberRange>().expect("one number").to_string(), "7");
        for bad in ["", "-", "1-", "-1", "2-1", "+1", "a", "1-2-3", "4294967296"] {
            assert!(bad.parse::<NumberRange>().is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses() {
        for (range, address, inside) in [
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("127.0.0.1", "::ffff:127.0.0.1", true),
            ("127.0.0.1", "0.0.0.0", false),
            ("127.0.0.0/8", "127.9.9.9", true),
            ("127.0.0.0/8", "128.0.0.1", false),
            ("0.0.0.0/0", "10.0.0.1", true),
            ("0.0.0.0/0", "::", false),
            ("::1", "::1", true),
            ("::1", "::", false),
            ("::/0", "fe80::1", true),
            ("::/0", "::ffff:10.0.0.1", false),
            ("fe80::/10", "fec0::1", false),
        ] {
            let parsed: AddressRange = range.parse().expect(range);
            assert_eq!(parsed.to_string(), range);
            assert_eq!(parsed.contains(address.parse().expect(address)), inside, "{range} {address}");
        }
        for bad in ["", "127.1", "10.0.0.0/33", "::/129", "10.0.0.0/", "localhost", "::ffff:127.0.0.1"] {
            assert!(bad.parse::<AddressRange>().is_err(), "{bad}");
        }
    }
}
