//! The short texts of a manifest: each is refused in words that fit a terminal, or written back as one that means the same.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use wharf::model::Name;
use wharf::model::period::Period;
use wharf::model::quantity::{Cpu, Memory};
use wharf::model::reference::{AbsolutePath, Capability, ImageReference};
use wharf::model::spec::Level;

/// Amounts of processor time and memory.
pub fn quantities(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(cpu) = written_back::<Cpu>(text) {
        let (number, thousandths) = text.strip_suffix('m').map_or((text, 1.0), |number| (number, 1e-3));
        assert_near(number, thousandths * 1e9, cpu.nanos());
    }
    if let Some(memory) = written_back::<Memory>(text) {
        let of_suffix = |(suffix, unit): &(&str, f64)| text.strip_suffix(suffix).map(|number| (number, *unit));
        let (number, unit) = UNITS.iter().find_map(of_suffix).unwrap_or((text, 1.0));
        assert_near(number, unit, memory.bytes());
    }
}

/// Those of two letters first, of which one letter could be another.
const UNITS: [(&str, f64); 8] = [
    ("Ti", 1_099_511_627_776.0),
    ("Gi", 1_073_741_824.0),
    ("Mi", 1_048_576.0),
    ("Ki", 1_024.0),
    ("T", 1e12),
    ("G", 1e9),
    ("M", 1e6),
    ("k", 1e3),
];

/// Durations, levels, names, image references, paths and capabilities.
pub fn others(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(period) = written_back::<Period>(text) {
        assert!(
            period.duration() <= Period::MAX && period.duration().subsec_nanos() % 1_000_000 == 0,
            "{text}: {period}"
        );
    }
    if let Some(level) = written_back::<Level>(text) {
        assert!(level.value() > 0.0 && (level.is_rate() || level.value() <= 100.0), "{text}: {level}");
    }
    if let Some(name) = written_back::<Name>(text) {
        assert_eq!(name.as_str(), text);
    }
    if let Some(image) = written_back::<ImageReference>(text) {
        let (repository, tag) = image.repository_and_tag();
        assert!(
            !repository.is_empty() && !tag.is_empty() && text.starts_with(repository),
            "{text}: {repository} {tag}"
        );
        assert!(!text.contains(|c: char| c.is_whitespace() || c.is_control()), "{text:?}");
    }
    if let Some(path) = written_back::<AbsolutePath>(text) {
        assert!(std::path::Path::new(path.as_str()).components().all(|part| part != std::path::Component::ParentDir));
    }
    written_back::<Capability>(text);
}

/// The value, if it is one: what it is written as must be read as the same again.
fn written_back<T>(text: &str) -> Option<T>
where
    T: FromStr<Err: Display> + Display + PartialEq + Debug,
{
    match text.parse::<T>() {
        Ok(value) => {
            let again = value.to_string().parse::<T>();
            assert_eq!(again.ok().as_ref(), Some(&value), "{text:?} is written `{value}`");
            Some(value)
        }
        Err(error) => {
            let shown = error.to_string();
            assert!(!shown.contains(char::is_control), "{shown:?}");
            None
        }
    }
}

/// As far as a float can tell; exact arithmetic rounds down to a whole.
#[expect(clippy::cast_precision_loss, reason = "near is enough")]
fn assert_near(number: &str, unit: f64, found: u64) {
    let Ok(number) = number.parse::<f64>() else { panic!("`{number}` is no number, and was read as {found}") };
    let (wanted, found) = (number * unit, found as f64);
    assert!(
        (wanted - found).abs() <= 1.0 + wanted * 1e-9,
        "{number} times {unit} is {wanted}, and was read as {found}"
    );
}
