//! Amounts for people: short, and with their units.

use crate::model::metrics::Unit;

/// Bytes in powers of 1024, as `docker stats` writes them: `0B`, `12.3MiB`, `512MiB`.
pub fn bytes(amount: f64) -> String {
    scaled(amount, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
}

/// The same where there is little room: `0`, `12.3M`, `512M`.
pub fn bytes_in_brief(amount: f64) -> String {
    scaled(amount, ["", "K", "M", "G", "T", "P"])
}

fn scaled(amount: f64, units: [&str; 6]) -> String {
    const STEP: f64 = 1024.0;
    let mut amount = amount.max(0.0);
    let (greatest, others) = (units[5], &units[..5]);
    for unit in others {
        if amount.round() < STEP {
            return format!("{}{unit}", short(amount));
        }
        amount /= STEP;
    }
    format!("{}{greatest}", short(amount))
}

/// A count of bytes.
#[expect(clippy::cast_precision_loss, reason = "no machine has more than 52 bits can count")]
pub fn whole_bytes(amount: u64) -> String {
    bytes(amount as f64)
}

/// Bytes a second.
pub fn rate(amount: f64) -> String {
    format!("{}/s", bytes(amount))
}

/// Percent of one core as cores: `0.25`.
pub fn cores(percent: f64) -> String {
    format!("{:.2}", percent / 100.0)
}

/// A length of time in milliseconds: `0.4ms`, `12ms`, `1.5s`.
pub fn millis(amount: f64) -> String {
    if amount.round() < 1000.0 { format!("{}ms", short(amount)) } else { format!("{}s", short(amount / 1000.0)) }
}

/// A value of a metric, in its unit.
pub fn value(unit: Unit, amount: f64) -> String {
    match unit {
        Unit::Percent => format!("{}%", short(amount)),
        Unit::Bytes => bytes(amount),
        Unit::BytesPerSecond => rate(amount),
        Unit::Count => short(amount),
    }
}

/// A number with one decimal while that says something.
pub fn short(amount: f64) -> String {
    let text = if amount.abs() < 99.95 { format!("{amount:.1}") } else { format!("{amount:.0}") };
    let text = text.strip_suffix(".0").map_or(text.clone(), str::to_owned);
    if text == "-0" { "0".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short() {
        for (amount, text) in [
            (0.0, "0B"),
            (12.0, "12B"),
            (1023.0, "1023B"),
            (1023.9, "1KiB"),
            (1536.0, "1.5KiB"),
            (12.34 * 1024.0 * 1024.0, "12.3MiB"),
            (536_870_912.0, "512MiB"),
            (1e30, "888178419700125PiB"),
        ] {
            assert_eq!(bytes(amount), text);
        }
        assert_eq!((rate(1024.0), bytes_in_brief(1536.0)), ("1KiB/s".to_owned(), "1.5K".to_owned()));
        assert_eq!((cores(125.0), cores(0.4)), ("1.25".to_owned(), "0.00".to_owned()));
        assert_eq!((millis(0.44), millis(12.0), millis(1500.0)), ("0.4ms".into(), "12ms".into(), "1.5s".into()));
        assert_eq!((value(Unit::Percent, 99.96), value(Unit::Count, -0.01)), ("100%".to_owned(), "0".to_owned()));
    }
}
