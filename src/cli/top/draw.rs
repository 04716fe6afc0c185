//! State to screen. Pure.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};

use super::row::{Row, Sort};
use super::state::{COURSE_SECONDS, State};
use crate::cli::get::phase_tone;
use crate::cli::printer::Tone;
use crate::cli::sparkline;
use crate::cli::text::{age, plain};
use crate::cli::units::{bytes_in_brief, cores, rate, whole_bytes};
use crate::model::event::{Event, EventType};
use crate::model::time::Time;

/// For how long it is said that the controller is back.
const NEWS_SECONDS: i64 = 10;

/// A screen with less has no events.
const ROOM_FOR_EVENTS: u16 = 12;

/// Draws on the whole of a screen. `colours`: whether they are welcome.
pub fn draw(state: &State, colours: bool, buffer: &mut Buffer) {
    let area = buffer.area;
    let mut page = Page { buffer, colours };
    page.line(area, 0, &header(state), Style::new().add_modifier(Modifier::BOLD));
    page.state_line(state, area);
    let body = Rect { y: area.y + 2, height: area.height.saturating_sub(3), ..area };
    if body.height > 0 && area.height > 2 {
        match state.shown_alone() {
            Some((details, row)) => super::details::draw(&mut page, state, details, row, body),
            None => overview(&mut page, state, body),
        }
    }
    if area.height > 2 {
        page.bottom_line(state, area);
    }
}

/// A buffer, and how it may be drawn upon. What lies outside of it is not drawn.
pub struct Page<'a> {
    buffer: &'a mut Buffer,
    colours: bool,
}

impl Page<'_> {
    /// A text in a line of an area, from its left edge.
    pub fn line(&mut self, area: Rect, row: u16, text: &str, style: Style) {
        self.text(area, Position { x: 0, y: row }, area.width, text, style);
    }

    /// A text at a place of an area, at most so many columns of it.
    pub fn text(&mut self, area: Rect, at: Position, width: u16, text: &str, style: Style) {
        let area = area.intersection(self.buffer.area);
        if at.y >= area.height || at.x >= area.width {
            return;
        }
        let width = width.min(area.width - at.x);
        self.buffer.set_stringn(area.x + at.x, area.y + at.y, text, width.into(), style);
    }

    /// How a tone looks here.
    pub fn style(&self, tone: Tone) -> Style {
        let colour = |colour| if self.colours { Style::new().fg(colour) } else { Style::new() };
        match tone {
            Tone::Good => colour(Color::Green),
            Tone::Attention => colour(Color::Yellow),
            Tone::Bad => colour(Color::Red),
            Tone::Strong => Style::new().add_modifier(Modifier::BOLD),
            Tone::Faint => Style::new().add_modifier(Modifier::DIM),
        }
    }

    /// Says what is shown, or that nothing new comes.
    fn state_line(&mut self, state: &State, area: Rect) {
        if let Some(away) = &state.away {
            let text =
                format!("controller away for {}, trying again: {}", age(away.since, state.now), plain(&away.why));
            return self.line(area, 1, &text, self.style(Tone::Bad).add_modifier(Modifier::REVERSED));
        }
        let reversed = if state.reversed { ", reversed" } else { "" };
        let filter = state.filter.text();
        let filter = if filter.is_empty() {
            String::new()
        } else {
            format!("; {} of {} pass the filter `{}`", state.visible().len(), state.known(), plain(filter))
        };
        let is_news = |back: &Time| state.now.timestamp().duration_since(back.timestamp()).as_secs() < NEWS_SECONDS;
        let back = if state.back.as_ref().is_some_and(is_news) { "   the controller is back" } else { "" };
        self.line(area, 1, &format!("by {}{reversed}{filter}{back}", state.sort.as_str()), self.style(Tone::Faint));
    }

    /// What keys do, or what is being typed.
    fn bottom_line(&mut self, state: &State, area: Rect) {
        let row = area.height - 1;
        match &state.typing {
            Some(typing) => {
                let error = typing.error.as_ref().map(|error| format!("   {}", plain(error))).unwrap_or_default();
                self.line(area, row, &format!("filter: {}_{error}", plain(&typing.text)), Style::new());
            }
            None if state.details.is_some() => self.line(area, row, "Esc back   q quit", self.style(Tone::Faint)),
            None => {
                let keys = "q quit   ↑↓ choose   Enter details   / filter   s sort   r reverse";
                self.line(area, row, keys, self.style(Tone::Faint));
            }
        }
    }

    /// Events in an area, the newest at its bottom.
    pub fn events<'e>(&mut self, state: &State, events: impl DoubleEndedIterator<Item = &'e Event>, area: Rect) {
        let mut shown: Vec<&Event> = events.rev().take(area.height.into()).collect();
        shown.reverse();
        for (row, event) in (0..).zip(shown) {
            let tone = if event.record.kind == EventType::Warning { Tone::Attention } else { Tone::Faint };
            let seen = age(event.record.last_time, state.now);
            self.text(area, Position { x: 0, y: row }, 6, &seen, self.style(Tone::Faint));
            let what = format!("{:?}", event.record.reason);
            self.text(area, Position { x: 7, y: row }, 17, &what, self.style(tone));
            let name = event.workspace.as_deref().map(|name| format!("{name}: ")).unwrap_or_default();
            let text = format!("{name}{}", event.record.message);
            self.text(area, Position { x: 25, y: row }, area.width, &plain(&text), Style::new());
        }
    }
}

fn header(state: &State) -> String {
    let all = &state.summary;
    let alerting = if all.alerting > 0 { format!(", {} alerting", all.alerting) } else { String::new() };
    format!(
        "wharf   {} workspaces, {} ready{alerting}   CPU {} cores   MEM {}   NET {} in, {} out",
        all.workspaces,
        all.ready,
        cores(all.cpu_percent),
        whole_bytes(all.memory_bytes),
        rate(all.network_rx_rate),
        rate(all.network_tx_rate),
    )
}

fn overview(page: &mut Page<'_>, state: &State, body: Rect) {
    let events = if body.height + 3 < ROOM_FOR_EVENTS { 0 } else { (body.height / 3).clamp(3, 10) };
    let table = Rect { height: body.height - events, ..body };
    rows(page, state, table);
    if events > 0 {
        let title = format!("EVENTS {}", "─".repeat(usize::from(body.width).saturating_sub(7)));
        let below = Rect { y: table.y + table.height, height: events, ..body };
        page.line(below, 0, &title, page.style(Tone::Faint));
        let lines = Rect { y: below.y + 1, height: events - 1, ..below };
        page.events(state, state.events.iter().map(|event| &**event), lines);
    }
}

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Column {
    field: Sort,
    title: &'static str,
    width: u16,
    /// Columns of less weight give way first.
    weight: u8,
}

/// What the top of a course stands for at least, in percent of a core: what rests is a flat line.
const LEAST_TOP: f64 = 10.0;

/// Between two columns.
const GAP: u16 = 2;

/// Which columns there is room for, and how wide the course of the processor use is; 0: there is no room for it.
fn columns(width: u16, name: u16, phase: u16) -> (Vec<Column>, u16) {
    const LEAST_COURSE: u16 = 8;
    let column = |field, title, width, weight| Column { field, title, width, weight };
    let mut columns = vec![
        column(Sort::Name, "NAME", name, 8),
        column(Sort::Phase, "PHASE", phase, 5),
        column(Sort::Cpu, "CPU %", 5, 7),
        column(Sort::Memory, "MEM / LIMIT", 11, 6),
        column(Sort::Network, "NET RX/TX", 11, 2),
        column(Sort::Block, "BLOCK R/W", 11, 1),
        column(Sort::Pids, "PIDS", 5, 3),
        column(Sort::Uptime, "UPTIME", 6, 4),
    ];
    let needed = |columns: &[Column]| columns.iter().map(|it| it.width + GAP).sum::<u16>() - GAP;
    while columns.len() > 1 && needed(&columns) > width {
        let least = columns.iter().map(|it| it.weight).min();
        columns.retain(|it| Some(it.weight) != least);
    }
    let course = width.saturating_sub(needed(&columns) + GAP);
    (columns, if course < LEAST_COURSE { 0 } else { course.min(60) })
}

fn rows(page: &mut Page<'_>, state: &State, area: Rect) {
    let visible = state.visible();
    let (name, phase) = (longest(state, &visible, Sort::Name), longest(state, &visible, Sort::Phase));
    let (columns, course) = columns(area.width, name, phase);
    let titles = columns.iter().map(|it| aligned(*it, it.title)).chain([format!("CPU, {} MIN", COURSE_SECONDS / 60)]);
    let shown = columns.len() + usize::from(course > 0);
    let titles: Vec<String> = titles.take(shown).collect();
    page.line(area, 0, &titles.join("  "), page.style(Tone::Strong).add_modifier(Modifier::UNDERLINED));
    let room = usize::from(area.height).saturating_sub(1);
    let selected = state.selected(&visible);
    // The selected row stays in the middle while there are rows above and below.
    let first = selected.unwrap_or_default().saturating_sub(room / 2).min(visible.len().saturating_sub(room));
    for (at, row) in (1..).zip(visible.iter().skip(first).take(room)) {
        let line = Rect { y: area.y + at, height: 1, ..area };
        page.row(state, row, &columns, course, line);
        if selected == Some(first + usize::from(at) - 1) {
            page.buffer.set_style(line.intersection(page.buffer.area), Style::new().add_modifier(Modifier::REVERSED));
        }
    }
    if visible.is_empty() && area.height > 1 {
        let text = if state.known() > 0 { "no workspace passes the filter; Esc shows all" } else { "no workspaces" };
        page.line(area, 1, text, page.style(Tone::Faint));
    }
}

/// How wide a column of words is.
fn longest(state: &State, rows: &[&Row], field: Sort) -> u16 {
    const LEAST: usize = 6;
    const MOST: u16 = 24;
    let lengths = rows.iter().map(|row| row.text(field, state.now, bytes_in_brief).chars().count());
    u16::try_from(lengths.max().unwrap_or_default().max(LEAST)).unwrap_or(MOST).min(MOST)
}

fn aligned(column: Column, text: &str) -> String {
    let width = usize::from(column.width);
    match column.field {
        Sort::Name | Sort::Phase => format!("{text:width$}"),
        _ => format!("{text:>width$}"),
    }
}

impl Page<'_> {
    fn row(&mut self, state: &State, row: &Row, columns: &[Column], course: u16, line: Rect) {
        let mut x = 0;
        for column in columns {
            let text = aligned(*column, &row.text(column.field, state.now, bytes_in_brief));
            let style = match column.field {
                Sort::Phase => self.style(phase_tone(row.view.document.status.phase)),
                _ => Style::new(),
            };
            self.text(line, Position { x, y: 0 }, column.width, &text, style);
            x += column.width + GAP;
        }
        if course > 0 && row.usage.is_some() {
            let text = course_of(state, row.name(), course);
            self.text(line, Position { x, y: 0 }, course, &text, self.style(Tone::Good));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds of any year fit")]
fn course_of(state: &State, name: &str, width: u16) -> String {
    let points: Vec<(f64, f64)> = state.course(name).iter().map(|(second, cpu)| (*second as f64, *cpu)).collect();
    let stretches = sparkline::stretches(&points, 1.0);
    let to = state.now.timestamp().as_second() as f64;
    let columns = sparkline::columns(&stretches, to - COURSE_SECONDS as f64, to, width.into());
    sparkline::draw(&columns, LEAST_TOP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_give_way_to_narrow_screens() {
        let titles = |width| {
            let (columns, course) = columns(width, 10, 8);
            let needed = columns.iter().map(|it| it.width + GAP).sum::<u16>() - GAP;
            assert!(needed <= width || columns.len() == 1, "{width}");
            (columns.iter().map(|it| it.title).collect::<Vec<_>>().join(" "), course)
        };
        assert_eq!(titles(100), ("NAME PHASE CPU % MEM / LIMIT NET RX/TX BLOCK R/W PIDS UPTIME".to_owned(), 17));
        assert_eq!(titles(80).0, "NAME PHASE CPU % MEM / LIMIT NET RX/TX PIDS UPTIME");
        assert_eq!(titles(30).0, "NAME CPU % MEM / LIMIT");
        assert_eq!(titles(3).0, "NAME");
        assert_eq!(columns(300, 10, 8).1, 60);
    }
}
