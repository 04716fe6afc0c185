//! The one place that writes: results to standard output, everything else to standard error.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::error::Error;
use std::io::{ErrorKind, IsTerminal, Write};

use super::error::CliError;
use super::text::plain;
use crate::engine::{Chunk, OutputStream};

/// Writes results and messages; knows where colours are welcome.
#[derive(Debug)]
pub struct Printer {
    quiet: bool,
    colours: Colours,
    reader_gone: bool,
    warned: BTreeSet<String>,
}

/// Where colours are welcome.
#[derive(Clone, Copy, Debug)]
struct Colours {
    results: bool,
    messages: bool,
}

/// What a piece of text stands for; shown as a colour where colours are welcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// On its way, or worth a look.
    Attention,
    /// Wrong.
    Bad,
    /// A heading.
    Strong,
    /// Beside the point.
    Faint,
}

impl Tone {
    /// The parameter of the terminal's "select graphic rendition".
    const fn code(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Attention => "33",
            Self::Bad => "31",
            Self::Strong => "1",
            Self::Faint => "2",
        }
    }

    /// The text in this tone, if colours are welcome.
    pub fn paint(self, text: &str, colours: bool) -> Cow<'_, str> {
        if colours && !text.is_empty() {
            Cow::Owned(format!("\u{1b}[{}m{text}\u{1b}[0m", self.code()))
        } else {
            Cow::Borrowed(text)
        }
    }
}

impl Printer {
    /// For this process's streams. `no_color`: colours are not wanted, whatever the streams are; `quiet`: nor are notes.
    pub fn new(no_color: bool, quiet: bool) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let welcome = !(no_color || set("NO_COLOR") || dumb);
        Self {
            quiet,
            colours: Colours {
                results: welcome && Self::output_is_terminal(),
                messages: welcome && std::io::stderr().is_terminal(),
            },
            reader_gone: false,
            warned: BTreeSet::new(),
        }
    }

    /// Writes a piece of the result, which ends its lines itself. What comes from files must have been through [`plain`].
    ///
    /// A reader who has seen enough (`wharf get | head`) is no error: the rest is not written, and the command goes on to its
    /// exit code. Loops ask [`Self::reader_gone`].
    pub fn result(&mut self, text: &str) -> Result<(), CliError> {
        if self.reader_gone {
            return Ok(());
        }
        match write(&mut std::io::stdout().lock(), text.as_bytes()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => self.reader_gone = true,
            Err(source) => return Err(CliError::Output { source }),
            Ok(()) => {}
        }
        Ok(())
    }

    /// Writes what a container wrote, byte by byte, to the same stream. A reader who has seen enough is no error, as in
    /// [`Self::result`].
    pub fn pass_on(&mut self, chunk: &Chunk) -> Result<(), CliError> {
        let written = match chunk.stream {
            OutputStream::Stdout => write(&mut std::io::stdout().lock(), &chunk.bytes),
            OutputStream::Stderr => write(&mut std::io::stderr().lock(), &chunk.bytes),
        };
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => self.reader_gone = true,
            Err(source) => return Err(CliError::Output { source }),
            Ok(()) => {}
        }
        Ok(())
    }

    /// Whether nobody reads the results any more.
    pub const fn reader_gone(&self) -> bool {
        self.reader_gone
    }

    /// Whether results go to a terminal in colours.
    pub const fn colours(&self) -> bool {
        self.colours.results
    }

    /// Whether results go to a terminal.
    pub fn output_is_terminal() -> bool {
        std::io::stdout().is_terminal()
    }

    /// Colours a piece of the result.
    pub fn paint<'a>(&self, tone: Tone, text: &'a str) -> Cow<'a, str> {
        tone.paint(text, self.colours.results)
    }

    /// Tells something beside the result; not with `--quiet`.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.message(None, text);
        }
    }

    /// Tells that something is wrong which does not stop the command. Told once, however often it is met while watching.
    pub fn warning(&mut self, text: &str) {
        if self.warned.insert(text.to_owned()) {
            self.message(Some(("warning:", Tone::Attention)), text);
        }
    }

    /// Tells why the command failed: the error, its causes, and the next step.
    pub fn error(&self, error: &CliError) {
        self.message(Some(("error:", Tone::Bad)), &error.to_string());
        for cause in causes(error) {
            self.message(None, &format!("  caused by: {cause}"));
        }
        if let Some(help) = error.help() {
            self.message(None, &format!("  help: {help}"));
        }
    }

    fn message(&self, mark: Option<(&str, Tone)>, text: &str) {
        let mark = mark.map(|(mark, tone)| format!("{} ", tone.paint(mark, self.colours.messages)));
        let line = format!("{}{}\n", mark.unwrap_or_default(), plain(text));
        // There is nowhere left to say that this could not be said.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}

fn write(output: &mut impl Write, bytes: &[u8]) -> std::io::Result<()> {
    output.write_all(bytes)?;
    output.flush()
}

/// The causes of an error, outermost first, without those whose text the error above has told already.
fn causes(error: &dyn Error) -> Vec<String> {
    let mut told = error.to_string();
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        next = cause.source();
        if !told.contains(&text) {
            told.clone_from(&text);
            causes.push(text);
        }
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Link {
        text: &'static str,
        source: Option<Box<Link>>,
    }

    #[test]
    fn a_cause_is_told_once() {
        let link = |text, source: Option<Link>| Link { text, source: source.map(Box::new) };
        let error = link("open x: denied", Some(link("denied", Some(link("EACCES", None)))));
        assert_eq!(causes(&error), ["EACCES"]);
    }
}
