//! What is shown, and what keys and news make of it. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::row::{Key as RowKey, Row, Sort};
use crate::api::WorkspaceView;
use crate::cli::statuses::Choice;
use crate::model::event::{Event, EventKind};
use crate::model::metrics::{Series, Usage};
use crate::model::selector::Selector;
use crate::model::statistics::Summary;
use crate::model::time::Time;

/// How many events are kept to be shown.
const EVENTS: usize = 200;

/// For how many seconds the course of the processor use is kept.
pub const COURSE_SECONDS: i64 = 300;

/// What is shown.
#[derive(Debug)]
pub struct State {
    /// The time of what is shown.
    pub now: Time,
    /// All workspaces in a few numbers.
    pub summary: Summary,
    /// By what rows are ordered.
    pub sort: Sort,
    /// Whether the order is reversed.
    pub reversed: bool,
    /// The filter that is in force.
    pub filter: Filter,
    /// The filter that is being typed, and what is wrong with it.
    pub typing: Option<Typing>,
    /// What happened, oldest first.
    pub events: VecDeque<Arc<Event>>,
    /// Why nothing new comes; absent while it does.
    pub away: Option<Away>,
    /// When something new came after nothing had.
    pub back: Option<Time>,
    /// The workspace that is shown alone.
    pub details: Option<Details>,
    choice: Choice,
    rows: Vec<Row>,
    selected: Option<RowKey>,
    /// Where the selected row was, for when it goes.
    cursor: usize,
    courses: BTreeMap<String, VecDeque<(i64, f64)>>,
}

/// Which rows are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    /// All.
    #[default]
    None,
    /// Those whose name has this in it.
    Name(String),
    /// Those with these labels.
    Labels(Selector),
}

/// A filter that is being typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typing {
    /// So far.
    pub text: String,
    /// What is wrong with it.
    pub error: Option<String>,
}

/// Why nothing new comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Away {
    /// Since when.
    pub since: Time,
    /// Why.
    pub why: String,
}

/// A workspace that is shown alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Details {
    /// Which.
    pub key: RowKey,
    /// What it has used; absent until that has come.
    pub series: Option<Result<Series, String>>,
}

/// A key that means something here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// Ten rows up.
    PageUp,
    /// Ten rows down.
    PageDown,
    /// To the first row.
    Home,
    /// To the last row.
    End,
    /// Yes.
    Enter,
    /// Back.
    Escape,
    /// Takes back what was typed last.
    Backspace,
    /// Ends the program, whatever is being done.
    Interrupt,
    /// A character.
    Char(char),
}

/// What came from the controller.
#[derive(Debug)]
pub enum News {
    /// All workspaces, and all of them in a few numbers.
    Workspaces(Vec<Arc<WorkspaceView>>, Summary),
    /// Something happened.
    Event(Arc<Event>),
    /// What a workspace's processor use was, as seconds and percent of a core, oldest first.
    Course(String, Vec<(i64, f64)>),
    /// What the workspace that is shown alone has used.
    Series(String, Result<Series, String>),
    /// The controller does not answer, and why.
    Away(String),
}

/// What a key asks of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Nothing.
    Nothing,
    /// The history of this workspace is of interest from now on.
    Show(String),
    /// No history is of interest any more.
    Hide,
    /// The end.
    Quit,
}

impl State {
    /// With nothing to show yet. `choice`: other workspaces are never shown.
    pub fn new(choice: Choice, sort: Sort, reversed: bool, now: Time) -> Self {
        Self {
            now,
            summary: Summary::default(),
            sort,
            reversed,
            filter: Filter::None,
            typing: None,
            events: VecDeque::new(),
            away: None,
            back: None,
            details: None,
            choice,
            rows: Vec::new(),
            selected: None,
            cursor: 0,
            courses: BTreeMap::new(),
        }
    }

    /// The rows that are shown, in their order.
    pub fn visible(&self) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self.rows.iter().filter(|row| self.filter.passes(row)).collect();
        rows.sort_by(|one, other| {
            let order = self.sort.compare(one, other);
            if self.reversed { order.reverse() } else { order }
        });
        rows
    }

    /// How many rows there are, shown or not.
    pub const fn known(&self) -> usize {
        self.rows.len()
    }

    /// Which of the rows that are shown is selected.
    pub fn selected(&self, visible: &[&Row]) -> Option<usize> {
        let found = visible.iter().position(|row| Some(row.key()) == self.selected);
        found.or_else(|| visible.len().checked_sub(1).map(|last| self.cursor.min(last)))
    }

    /// The workspace that is shown alone, unless it is gone.
    pub fn shown_alone(&self) -> Option<(&Details, Option<&Row>)> {
        let details = self.details.as_ref()?;
        Some((details, self.rows.iter().find(|row| row.key() == details.key)))
    }

    /// The processor use of the last minutes, as seconds and percent of a core, oldest first.
    pub fn course(&self, name: &str) -> Vec<(i64, f64)> {
        self.courses.get(name).map(|course| course.iter().copied().collect()).unwrap_or_default()
    }

    /// Takes what has come.
    pub fn take(&mut self, news: News, now: Time) {
        self.now = now;
        match news {
            News::Workspaces(views, summary) => {
                if self.away.take().is_some() {
                    self.back = Some(now);
                }
                self.summary = summary;
                self.take_workspaces(views);
            }
            News::Event(event) => self.take_event(event),
            News::Course(name, mut before) => {
                let course = self.courses.entry(name).or_default();
                let first = course.front().map_or(i64::MAX, |(second, _)| *second);
                before.retain(|(second, _)| *second < first);
                before.into_iter().rev().for_each(|point| course.push_front(point));
            }
            News::Series(name, series) => {
                if let Some(details) = self.details.as_mut().filter(|details| details.key.0 == name) {
                    details.series = Some(series);
                }
            }
            News::Away(why) => {
                let since = self.away.as_ref().map_or(now, |away| away.since);
                self.away = Some(Away { since, why });
            }
        }
    }

    fn take_workspaces(&mut self, views: Vec<Arc<WorkspaceView>>) {
        let chosen = |view: &Arc<WorkspaceView>| {
            let metadata = &view.document.metadata;
            self.choice.selects(&metadata.name, &metadata.labels)
        };
        self.rows = views.into_iter().filter(chosen).map(Row::new).collect();
        let rows = std::mem::take(&mut self.rows);
        for row in &rows {
            if let Some(usage) = &row.usage {
                self.measured(row.name(), usage);
            }
        }
        self.courses.retain(|name, _| rows.iter().any(|row| row.name() == name));
        self.rows = rows;
    }

    fn take_event(&mut self, event: Arc<Event>) {
        match (event.kind, &event.workspace, &event.usage) {
            (EventKind::MetricsUpdate, Some(name), Some(usage)) => {
                let running = |row: &&mut Row| row.name() == name && row.started_at().is_some();
                if let Some(row) = self.rows.iter_mut().find(running) {
                    row.usage = Some((**usage).clone());
                    self.measured(name, usage);
                }
            }
            // They come with every resync, and say nothing about any workspace.
            (EventKind::MetricsUpdate | EventKind::SyncStart | EventKind::SyncComplete, ..) => {}
            _ => {
                // An event that happens again has a new place, and counts.
                let is_same = |it: &Arc<Event>| event.sequence.is_some() && it.sequence == event.sequence;
                if !self.events.iter().any(is_same) {
                    self.events.push_back(event);
                }
                if self.events.len() > EVENTS {
                    self.events.pop_front();
                }
            }
        }
    }

    fn measured(&mut self, name: &str, usage: &Usage) {
        let second = usage.time.timestamp().as_second();
        let course = self.courses.entry(name.to_owned()).or_default();
        if course.back().is_none_or(|(last, _)| *last < second) {
            course.push_back((second, usage.cpu_percent));
        }
        while course.front().is_some_and(|(first, _)| *first < second - COURSE_SECONDS) {
            course.pop_front();
        }
    }

    /// Takes a key.
    pub fn press(&mut self, key: Key) -> Reaction {
        if key == Key::Interrupt {
            return Reaction::Quit;
        }
        if self.typing.is_some() {
            self.type_filter(key);
            return Reaction::Nothing;
        }
        if self.details.is_some() {
            return self.press_in_details(key);
        }
        match key {
            Key::Char('q') => return Reaction::Quit,
            Key::Char('s') => self.sort = self.sort.next(),
            Key::Char('r') => self.reversed = !self.reversed,
            Key::Char('/') => self.typing = Some(Typing { text: self.filter.text().to_owned(), error: None }),
            Key::Escape => self.filter = Filter::None,
            Key::Up | Key::Char('k') => self.go(-1),
            Key::Down | Key::Char('j') => self.go(1),
            Key::PageUp => self.go(-10),
            Key::PageDown => self.go(10),
            Key::Home => self.go(isize::MIN),
            Key::End => self.go(isize::MAX),
            Key::Enter => return self.show(),
            Key::Backspace | Key::Char(_) | Key::Interrupt => {}
        }
        Reaction::Nothing
    }

    fn press_in_details(&mut self, key: Key) -> Reaction {
        match key {
            Key::Char('q') => Reaction::Quit,
            Key::Escape | Key::Enter | Key::Backspace => {
                self.details = None;
                Reaction::Hide
            }
            _ => Reaction::Nothing,
        }
    }

    fn show(&mut self) -> Reaction {
        let visible = self.visible();
        let Some(row) = self.selected(&visible).map(|at| visible[at]) else { return Reaction::Nothing };
        let key = row.key();
        let name = key.0.clone();
        self.details = Some(Details { key, series: None });
        Reaction::Show(name)
    }

    fn go(&mut self, by: isize) {
        let visible = self.visible();
        let Some(at) = self.selected(&visible) else { return };
        let to = at.saturating_add_signed(by).min(visible.len() - 1);
        let key = visible[to].key();
        (self.cursor, self.selected) = (to, Some(key));
    }

    fn type_filter(&mut self, key: Key) {
        let Some(typing) = &mut self.typing else { return };
        match key {
            Key::Char(c) => typing.text.push(c),
            Key::Backspace => {
                typing.text.pop();
            }
            Key::Escape => self.typing = None,
            Key::Enter => match typing.text.parse() {
                Ok(filter) => {
                    self.filter = filter;
                    self.typing = None;
                }
                Err(error) => typing.error = Some(error),
            },
            _ => {}
        }
    }
}

impl Filter {
    /// As typed.
    pub fn text(&self) -> &str {
        match self {
            Self::None => "",
            Self::Name(part) => part,
            Self::Labels(selector) => selector.as_str(),
        }
    }

    fn passes(&self, row: &Row) -> bool {
        match self {
            Self::None => true,
            Self::Name(part) => row.name().contains(part.as_str()),
            Self::Labels(selector) => selector.selects(&row.view.document.metadata.labels),
        }
    }
}

impl std::str::FromStr for Filter {
    type Err = String;

    /// What no name can have in it makes it a selector.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            Ok(Self::None)
        } else if text.contains(['=', '!', ',']) {
            text.parse().map(Self::Labels).map_err(|error: crate::model::selector::InvalidSelector| error.to_string())
        } else {
            Ok(Self::Name(text.to_owned()))
        }
    }
}
