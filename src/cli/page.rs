//! Pages for people: labelled lines, one under the other.

use super::printer::Tone;
use super::table::Table;
use super::text::plain;

/// A page under construction: labelled lines, texts and tables. What comes from files is made harmless here.
#[derive(Debug)]
pub struct Page {
    lines: Vec<String>,
    colours: bool,
}

impl Page {
    /// The column in which values begin.
    const VALUES: usize = 15;

    /// An empty page.
    pub const fn new(colours: bool) -> Self {
        Self { lines: Vec::new(), colours }
    }

    /// The page as text.
    pub fn finish(self) -> String {
        self.lines.join("\n") + "\n"
    }

    /// An empty line.
    pub fn gap(&mut self) {
        self.lines.push(String::new());
    }

    /// A line of its own, as it is.
    pub fn line(&mut self, text: String) {
        self.lines.push(text);
    }

    /// The beginning of a part, with a value where a word says it all.
    pub fn heading(&mut self, title: &str, value: &str) {
        self.gap();
        if value.is_empty() {
            self.lines.push(Tone::Strong.paint(&format!("{title}:"), self.colours).into_owned());
        } else {
            self.field(title, [value]);
        }
    }

    /// A part that is a table.
    pub fn table(&mut self, title: &str, table: &Table) {
        self.heading(title, "");
        self.lines.extend(table.render(self.colours).0.lines().map(|line| format!("  {line}")));
    }

    /// A part that is text.
    pub fn text(&mut self, title: &str, text: &str) {
        self.heading(title, "");
        self.lines.extend(text.lines().map(|line| format!("  {}", plain(line))));
    }

    /// One line a value, the label before the first; without values, `-`.
    pub fn field<T: AsRef<str>>(&mut self, label: &str, values: impl IntoIterator<Item = T>) {
        self.toned_field(label, values, None);
    }

    /// The same, coloured.
    pub fn toned_field<T: AsRef<str>>(&mut self, label: &str, values: impl IntoIterator<Item = T>, tone: Option<Tone>) {
        let width = Self::VALUES;
        let mut label = format!("{label}:");
        let before = self.lines.len();
        for value in values {
            let value = plain(value.as_ref());
            let value = tone.map_or_else(|| value.clone(), |tone| tone.paint(&value, self.colours).into_owned().into());
            self.lines.push(format!("{label:width$}{value}"));
            label.clear();
        }
        if self.lines.len() == before {
            self.lines.push(format!("{label:width$}-"));
        }
    }
}
