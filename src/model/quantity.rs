//! Kubernetes quantities: CPU (`1.5`, `500m`) and memory (`512Mi`, `1G`).
//!
//! Source of the forms: <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>.

use std::fmt;
use std::str::FromStr;

use super::text::textual;

/// Processor time in billionths of a core (Docker's `NanoCpus`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cpu(u64);

/// An amount of memory or storage in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Memory(u64);

/// Why a text is not a quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuantity {
    /// Not a CPU quantity.
    #[error("`{0}` is not an amount of CPU: use cores (`1.5`) or thousandths of one (`500m`)")]
    Cpu(String),
    /// Not a memory quantity.
    #[error("`{0}` is not an amount of memory: use bytes or a unit (`512Mi`, `2Gi`, `500M`)")]
    Memory(String),
}

impl Cpu {
    /// A thousandth of a core: less does nothing useful.
    const LEAST: u64 = 1_000_000;

    /// A million cores: more than any machine has. Up to there a float holds nine decimals exactly, and a float is what a
    /// number without quotes is read as.
    const MOST: u64 = 1_000_000 * 1_000_000_000;

    /// From billionths of a core.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// In billionths of a core.
    pub const fn nanos(self) -> u64 {
        self.0
    }
}

impl Memory {
    /// From bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// In bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

/// `digits[.digits]` times `10^exponent` in integers, because a float would make `0.1` something else.
/// `None` when it is not a decimal, has too many digits for the unit, or overflows.
fn scaled(text: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() && fraction.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 18 {
        return None;
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let unit = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let fraction: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let scale = u128::from(scale);
    let value = whole.checked_mul(scale)?.checked_add(fraction * scale / unit)?;
    u64::try_from(value).ok()
}

impl FromStr for Cpu {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let nanos = match text.strip_suffix('m') {
            Some(millis) => scaled(millis, 1_000_000),
            None => scaled(text, 1_000_000_000),
        };
        nanos
            .filter(|nanos| (Self::LEAST..=Self::MOST).contains(nanos))
            .map(Self)
            .ok_or_else(|| InvalidQuantity::Cpu(text.escape_debug().to_string()))
    }
}

impl fmt::Display for Cpu {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0;
        if nanos.is_multiple_of(1_000_000_000) {
            write!(formatter, "{}", nanos / 1_000_000_000)
        } else if nanos.is_multiple_of(1_000_000) {
            write!(formatter, "{}m", nanos / 1_000_000)
        } else {
            let text = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
            formatter.write_str(text.trim_end_matches('0'))
        }
    }
}

const UNITS: [(&str, u64); 9] = [
    ("Ti", 1 << 40),
    ("Gi", 1 << 30),
    ("Mi", 1 << 20),
    ("Ki", 1 << 10),
    ("T", 1_000_000_000_000),
    ("G", 1_000_000_000),
    ("M", 1_000_000),
    ("k", 1_000),
    ("", 1),
];

impl FromStr for Memory {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        UNITS
            .iter()
            .find_map(|(suffix, scale)| scaled(text.strip_suffix(suffix)?, *scale))
            .filter(|bytes| (1..=i64::MAX.unsigned_abs()).contains(bytes))
            .map(Self)
            .ok_or_else(|| InvalidQuantity::Memory(text.escape_debug().to_string()))
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = UNITS.iter().find(|(_, scale)| self.0 != 0 && self.0.is_multiple_of(*scale));
        let (suffix, scale) = exact.unwrap_or(&("", 1));
        write!(formatter, "{}{suffix}", self.0 / scale)
    }
}

textual!(Cpu, "Cpu", "cpu-quantity", { "type": ["string", "number"] });
textual!(Memory, "Memory", "memory-quantity", { "type": ["string", "integer"] });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_forms() {
        for (text, nanos, shown) in [
            ("1.5", 1_500_000_000, "1500m"),
            ("500m", 500_000_000, "500m"),
            ("2", 2_000_000_000, "2"),
            (".5", 500_000_000, "500m"),
            ("0.0015", 1_500_000, "0.0015"),
            ("1000000", 1_000_000_000_000_000, "1000000"),
        ] {
            let cpu: Cpu = text.parse().expect(text);
            assert_eq!((cpu.nanos(), cpu.to_string().as_str()), (nanos, shown));
        }
        for bad in ["", ".", "0", "-1", "1e3", "1.5x", "m", "0.1m0", "1000000.000000001"] {
            assert!(bad.parse::<Cpu>().is_err(), "{bad}");
        }
    }

    #[test]
    fn memory_forms() {
        for (text, bytes, shown) in [
            ("512Mi", 512 << 20, "512Mi"),
            ("1G", 1_000_000_000, "1G"),
            ("1.5Gi", 3 << 29, "1536Mi"),
            ("1024", 1024, "1Ki"),
            ("1000", 1000, "1k"),
            ("7", 7, "7"),
        ] {
            let memory: Memory = text.parse().expect(text);
            assert_eq!((memory.bytes(), memory.to_string().as_str()), (bytes, shown));
        }
        for bad in ["", "Mi", "0", "-1Mi", "1MB", "1mi", "99999999Ti"] {
            assert!(bad.parse::<Memory>().is_err(), "{bad}");
        }
    }
}
