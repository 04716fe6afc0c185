//! One workspace alone on the screen. Pure.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::draw::Page;
use super::row::{Row, Sort};
use super::state::{Details, State};
use crate::cli::describe::conditions;
use crate::cli::get::phase_tone;
use crate::cli::metrics::chart;
use crate::cli::printer::Tone;
use crate::cli::text::plain;
use crate::cli::units::{bytes, bytes_in_brief};

/// Draws what is known of a workspace; `None`: it is gone.
pub fn draw(page: &mut Page<'_>, state: &State, details: &Details, row: Option<&Row>, area: Rect) {
    let Some(row) = row else {
        let text = format!("workspace {} is gone", plain(&details.key.0));
        return page.line(area, 0, &text, page.style(Tone::Attention));
    };
    let lines = lines(page, state, details, row, area.width);
    for (at, (text, style)) in (0..area.height).zip(&lines) {
        page.line(area, at, text, *style);
    }
    let used = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    if used + 1 < area.height {
        page.line(area, used, "EVENTS", page.style(Tone::Strong));
        let below = Rect { y: area.y + used + 1, height: area.height - used - 1, ..area };
        let own = |workspace: &Option<String>| workspace.as_deref() == Some(row.name());
        let events = state.events.iter().map(|event| &**event).filter(|event| own(&event.workspace));
        page.events(state, events, below);
    }
}

fn lines(page: &Page<'_>, state: &State, details: &Details, row: &Row, width: u16) -> Vec<(String, Style)> {
    let status = &row.view.document.status;
    let mut lines = vec![
        (plain(row.name()).into_owned(), page.style(Tone::Strong)),
        (format!("{:?}: {}", status.phase, plain(&status.summary)), page.style(phase_tone(status.phase))),
        (in_use(state, row), Style::new()),
        (String::new(), Style::new()),
    ];
    let text = conditions(status, state.now).render(false).0;
    lines.extend(titled(page, &text));
    lines.push((String::new(), Style::new()));
    match &details.series {
        Some(Ok(series)) => {
            let text = chart::draw(row.name(), series, width.into(), false);
            let table = text.split_once("\n\n").map_or(text.as_str(), |(_, table)| table);
            lines.extend(titled(page, table));
        }
        Some(Err(why)) => lines.push((plain(why).into_owned(), page.style(Tone::Attention))),
        None => lines.push(("asking for the history of the last minutes".to_owned(), page.style(Tone::Faint))),
    }
    lines.push((String::new(), Style::new()));
    lines
}

/// The lines of a table, the first of which is its header.
fn titled(page: &Page<'_>, table: &str) -> Vec<(String, Style)> {
    let style = |at| if at == 0 { page.style(Tone::Strong) } else { Style::new() };
    table.lines().enumerate().map(|(at, line)| (line.to_owned(), style(at))).collect()
}

fn in_use(state: &State, row: &Row) -> String {
    let text = |field, bytes| row.text(field, state.now, bytes);
    format!(
        "CPU {}%   MEM {}   NET {}   BLOCK {}   PIDS {}   UP {}",
        text(Sort::Cpu, bytes),
        text(Sort::Memory, bytes),
        text(Sort::Network, bytes_in_brief),
        text(Sort::Block, bytes_in_brief),
        text(Sort::Pids, bytes),
        text(Sort::Uptime, bytes),
    )
}
