//! `juju debug-log` and `juju show-status-log`.

use std::collections::VecDeque;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::command::{Command, Cx, Failure, Running, first_of};
use super::log_filter::Filter;
use super::table::TextTable;
use super::times::Times;
use crate::JujuVersion;
use crate::flags::{Flag, Kind, Parsed};
use crate::model::{
    LogLevel, LogLine, LogQuery, Model, ModelUuid, StatusKind, StatusRecord, UnitName,
};

pub(super) const COMMANDS: &[Command] = &[
    Command::new("debug-log", "Displays log messages for a model.", debug_log).args("", check_debug_log).flags(&[
        Flag::text(&["i", "include"], "Only show log messages for these entities"),
        Flag::text(&["x", "exclude"], "Do not show log messages for these entities"),
        Flag::text(&["include-module"], "Only show log messages for these logging modules"),
        Flag::text(&["exclude-module"], "Do not show log messages for these logging modules"),
        Flag::text(&["include-label"], "Only show log messages for these logging labels").only(JujuVersion::V3_6),
        Flag::text(&["exclude-label"], "Do not show log messages for these logging labels").only(JujuVersion::V3_6),
        Flag::text(&["include-labels"], "Only show log messages for these logging label key values").only(JujuVersion::V4_0),
        Flag::text(&["exclude-labels"], "Do not show log messages for these logging label key values").only(JujuVersion::V4_0),
        Flag::switch(&["firehose"], "Show logs from all models").only(JujuVersion::V4_0),
        Flag::of(Kind::Format(&["text", "json"]), &["format"], "Specify output format").only(JujuVersion::V4_0),
        Flag::text(&["o", "output"], "Specify an output file").only(JujuVersion::V4_0),
        Flag::text(&["l", "level"], "Log level to show, one of [TRACE, DEBUG, INFO, WARNING, ERROR]"),
        Flag::of(Kind::Uint, &["n", "lines"], "Show this many of the most recent lines and continue to append new ones"),
        Flag::of(Kind::Uint, &["limit"], "Show this many of the most recent logs and then exit"),
        Flag::switch(&["replay"], "Show the entire log and continue to append new ones"),
        Flag::switch(&["no-tail"], "Show existing log messages and then exit"),
        Flag::switch(&["tail"], "Show existing log messages and continue to append new ones"),
        Flag::switch(&["color"], "Force use of ANSI color codes"),
        Flag::switch(&["utc"], "Show times in UTC"),
        Flag::switch(&["location"], "Show filename and line numbers"),
        Flag::switch(&["date"], "Show dates as well as times"),
        Flag::switch(&["ms"], "Show times to millisecond precision"),
        Flag::switch(&["retry"], "Retry connection on failure"),
        Flag::of(Kind::Duration, &["retry-delay"], "Retry delay between connection failure retries"),
    ]),
    Command::new("show-status-log", "Output past statuses for the specified entity.", show_status_log)
        .args("<entity name>", check_status_log)
        .formats(&["tabular", "json", "yaml"])
        .flags(&[
            Flag::text(&["type"], "Type of statuses to be displayed [application|juju-unit|unit|workload]"),
            Flag::of(Kind::Uint, &["n"], "Returns the last N logs (cannot be combined with --days or --date)"),
            Flag::of(Kind::Uint, &["days"], "Returns the logs for the past <days> days (cannot be combined with -n or --date)"),
            Flag::text(&["from-date"], "Returns logs for any date after the passed one, the expected date format is YYYY-MM-DD"),
            Flag::switch(&["utc"], "Display time as UTC in RFC3339 format"),
        ]),
];

/// How many lines are shown when nothing else is said.
const LINES: u64 = 10;

fn check_debug_log(args: &Parsed) -> Result<(), String> {
    let is_on = |name: &str| match name {
        "lines" | "limit" => args.is_set(name),
        _ => args.switch(name),
    };
    for (a, b) in [
        ("tail", "no-tail"),
        ("tail", "limit"),
        ("no-tail", "lines"),
        ("limit", "lines"),
        ("replay", "lines"),
    ] {
        if is_on(a) && is_on(b) {
            return Err(format!("setting --{a} and --{b} not valid"));
        }
    }
    if let Some(level) = args
        .text("level")
        .filter(|level| LogLevel::parse(level).is_none_or(|level| level == LogLevel::Critical))
    {
        return Err(format!(
            "level value {level:?} is not one of \"TRACE\", \"DEBUG\", \"INFO\", \"WARNING\", \"ERROR\""
        ));
    }
    super::command::no_args(args)
}

/// How much of the log is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Extent {
    /// The first lines of the log instead of its last.
    from_start: bool,
    /// So many lines of those that are there; `None` means all.
    lines: Option<u64>,
    /// Then wait for more.
    tail: bool,
}

impl Extent {
    fn of(args: &Parsed, on_terminal: Terminal) -> Self {
        let number = |name: &str| args.int(name).and_then(|n| u64::try_from(n).ok());
        let tail = match () {
            () if args.switch("no-tail") || args.is_set("limit") => false,
            () if args.switch("tail") || args.is_set("lines") => true,
            () => on_terminal == Terminal::Yes,
        };
        let from_start = args.switch("replay");
        let lines = match (number("limit"), number("lines")) {
            (Some(0), _) => None,
            (Some(limit), _) => Some(limit),
            (None, Some(lines)) => Some(lines),
            (None, None) if from_start => None,
            (None, None) => Some(LINES),
        };
        Self {
            from_start,
            lines,
            tail,
        }
    }
}

/// Whether the client's standard output is a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Terminal {
    Yes,
    No,
}

fn debug_log(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let terminal = if cx.env("stdout-is-terminal").is_some() {
            Terminal::Yes
        } else {
            Terminal::No
        };
        let extent = Extent::of(&cx.args, terminal);
        let filter = Filter::new(&cx.args);
        let plain = cx.env("NO_COLOR").is_some() || cx.env("TERM") == Some("dumb");
        let to_client = cx.args.text("output").is_none_or(str::is_empty);
        let by_itself = terminal == Terminal::Yes && to_client && !plain;
        let layout = Layout {
            color: by_itself || cx.args.switch("color"),
            ..Layout::new(&cx.args, cx.times())
        };
        let mut news = cx.hub.watch_log();
        news.borrow_and_update();
        let mut last = existing(cx, extent, &filter, &layout).await?;
        let mut output = Output::Client;
        if !extent.tail {
            return Ok(());
        }
        loop {
            let came = tokio::select! {
                changed = news.changed() => changed.is_ok(),
                () = cx.io.gone() => false,
            };
            if !came {
                return Ok(());
            }
            news.borrow_and_update();
            last = forward(cx, last, usize::MAX, &filter, &layout, &mut output).await?;
        }
    })
}

/// How many lines are read at once: a long log must not hold up the database.
const PAGE: u64 = 1000;

/// Returns the model whose lines are shown; `None` when it is those of all.
fn wanted_model(cx: &Cx) -> Option<ModelUuid> {
    (!cx.args.switch("firehose")).then(|| cx.model_uuid())
}

/// Prints the lines that are there already and returns the row id of the newest that was read.
async fn existing(
    cx: &Cx,
    extent: Extent,
    filter: &Filter,
    layout: &Layout,
) -> Result<i64, Failure> {
    let wanted = extent.lines.map_or(usize::MAX, |lines| {
        usize::try_from(lines).unwrap_or(usize::MAX)
    });
    let mut output = Output::new(cx)?;
    if extent.from_start || extent.lines.is_none() {
        return forward(cx, 0, wanted, filter, layout, &mut output).await;
    }
    let model = wanted_model(cx);
    let mut kept: VecDeque<LogLine> = VecDeque::new();
    let mut query = LogQuery {
        last: Some(PAGE),
        ..LogQuery::default()
    };
    let mut newest = 0;
    while kept.len() < wanted {
        let page = cx.hub.read_log(model.as_ref(), &query)?;
        let (Some((oldest, _)), Some((last, _))) = (page.first(), page.last()) else {
            break;
        };
        newest = newest.max(*last);
        query.before = Some(*oldest);
        for (_, line) in page.into_iter().rev() {
            if kept.len() < wanted && filter.takes(&line) {
                kept.push_front(line);
            }
        }
    }
    let text: String = kept.iter().map(|line| layout.line(line)).collect();
    output.write(cx, &text).await?;
    Ok(newest)
}

/// Prints lines from a row id on, page by page, up to a number of them; returns the row id of the newest that was read.
async fn forward(
    cx: &Cx,
    after: i64,
    wanted: usize,
    filter: &Filter,
    layout: &Layout,
    output: &mut Output,
) -> Result<i64, Failure> {
    let model = wanted_model(cx);
    let mut query = LogQuery {
        after,
        first: Some(PAGE),
        ..LogQuery::default()
    };
    let mut shown = 0;
    while shown < wanted {
        let page = cx.hub.read_log(model.as_ref(), &query)?;
        let Some((last, _)) = page.last() else {
            break;
        };
        query.after = *last;
        let taken = page.iter().map(|(_, line)| line);
        let taken = taken.filter(|line| filter.takes(line)).take(wanted - shown);
        let lines: Vec<String> = taken.map(|line| layout.line(line)).collect();
        shown += lines.len();
        output.write(cx, &lines.concat()).await?;
    }
    Ok(query.after)
}

/// Where lines go: to the client, or into the file of `--output`.
enum Output {
    Client,
    File(std::fs::File),
}

impl Output {
    fn new(cx: &Cx) -> Result<Self, Failure> {
        let Some(name) = cx.args.text("output").filter(|name| !name.is_empty()) else {
            return Ok(Self::Client);
        };
        let file = std::fs::File::create(cx.path(name));
        file.map(Self::File)
            .map_err(|error| Failure::failed(format!("open {name}: {error}")))
    }

    async fn write(&mut self, cx: &Cx, text: &str) -> Result<(), Failure> {
        match self {
            Self::Client if text.is_empty() => {}
            Self::Client => cx.io.stdout(text).await,
            Self::File(file) => std::io::Write::write_all(file, text.as_bytes())
                .map_err(|error| Failure::failed(format!("cannot write the log: {error}")))?,
        }
        Ok(())
    }
}

/// How a line is written.
#[derive(Debug)]
struct Layout {
    times: Times,
    form: &'static str,
    /// One JSON object per line (Juju 4.0).
    json: bool,
    /// Each line begins with its model (Juju 4.0, `--firehose`).
    with_model: bool,
    /// Levels are coloured.
    color: bool,
}

/// Colours a level as Juju does.
fn colored(level: LogLevel) -> String {
    let code = match level {
        LogLevel::Trace => "39",
        LogLevel::Debug => "32",
        LogLevel::Info => "94",
        LogLevel::Warning => "33",
        LogLevel::Error => "91",
        LogLevel::Critical => "37;41",
    };
    format!("\u{1b}[{code}m{}\u{1b}[0m", level.as_str())
}

impl Layout {
    fn new(args: &Parsed, times: Times) -> Self {
        let form = match (args.switch("date"), args.switch("ms")) {
            (false, false) => "%H:%M:%S",
            (false, true) => "%H:%M:%S%.3f",
            (true, false) => "%Y-%m-%d %H:%M:%S",
            (true, true) => "%Y-%m-%d %H:%M:%S%.3f",
        };
        Self {
            times,
            form,
            json: args.text("format") == Some("json"),
            with_model: args.switch("firehose"),
            color: false,
        }
    }

    fn line(&self, line: &LogLine) -> String {
        if self.json {
            // Lines of charms say no place in a source file.
            return super::values::json(&json!({
                "model-uuid": line.model.0,
                "timestamp": line.at.to_string(),
                "entity": line.entity,
                "level": line.level.as_str(),
                "module": line.module,
                "location": "",
                "message": line.message,
            }));
        }
        let at = self.times.format(line.at, self.form);
        let level = if self.color {
            colored(line.level)
        } else {
            line.level.as_str().to_owned()
        };
        let model = if self.with_model {
            format!("{}: ", line.model)
        } else {
            String::new()
        };
        format!(
            "{model}{}: {at} {level} {} {}\n",
            line.entity, line.module, line.message
        )
    }
}

fn check_status_log(args: &Parsed) -> Result<(), String> {
    first_of(args, 1, "entity name is missing.")?;
    let kind = args.text("type").unwrap_or("unit");
    if kinds(kind).is_none() {
        return Err(format!("unexpected status type {kind:?}"));
    }
    let given = ["n", "days", "from-date"]
        .into_iter()
        .filter(|name| args.is_set(name))
        .count();
    if given > 1 {
        return Err(
            "backlog size, backlog date and backlog days back cannot be specified together"
                .to_owned(),
        );
    }
    Ok(())
}

/// Returns the kinds of records behind a `--type`; the types of things that we keep no history of have none.
fn kinds(kind: &str) -> Option<&'static [StatusKind]> {
    Some(match kind {
        "unit" => &[StatusKind::JujuUnit, StatusKind::Workload],
        "juju-unit" => &[StatusKind::JujuUnit],
        "workload" => &[StatusKind::Workload],
        "application" => &[StatusKind::Application],
        // What is kept of these is their present status.
        "saas" | "machine" | "juju-machine" | "container" | "juju-container" | "model" => &[],
        _ => return None,
    })
}

fn show_status_log(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let entity = &cx.positionals()[0];
        let kind = cx.args.text("type").unwrap_or("unit");
        let kinds = kinds(kind).unwrap_or_default();
        if matches!(kind, "unit" | "juju-unit" | "workload") && UnitName::parse(entity).is_err() {
            return Err(Failure::Failed(format!(
                "{entity:?} is not a valid name for a unit"
            )));
        }
        let since = earliest(cx)?;
        let unlimited = since.is_some();
        let limit = match cx.args.int("n").and_then(|n| usize::try_from(n).ok()) {
            Some(n) if n > 0 => n,
            _ if unlimited => usize::MAX,
            _ => 20,
        };
        let mut records = cx
            .hub
            .read_history(&cx.model_uuid(), entity, kinds, limit)?;
        if let Some(record) = present(&*cx.model()?, kind, entity) {
            return shown_present(cx, &record, kind).await;
        }
        records.retain(|record| since.is_none_or(|since| record.since >= since));
        if records.is_empty() {
            return Err(Failure::failed("no status history available"));
        }
        let times = cx.times();
        let value: Vec<Value> = records.iter().map(record_value).collect();
        cx.print_value(&value.into(), |_| history_table(&records, &times))
            .await
    })
}

/// Returns the one status that a machine or the model has had: they never leave it while they are there.
fn present(model: &Model, kind: &str, entity: &str) -> Option<StatusRecord> {
    let (status, message, since) = match kind {
        "machine" => ("running", "Running", model.machines.get(entity)?.since),
        "juju-machine" => ("started", "", model.machines.get(entity)?.since),
        "model" if entity == model.info.name || entity == model.info.uuid.0 => {
            ("available", "", model.info.created)
        }
        _ => return None,
    };
    Some(StatusRecord {
        entity: entity.to_owned(),
        kind: StatusKind::JujuUnit,
        status: status.to_owned(),
        message: message.to_owned(),
        since,
        data: serde_json::Map::new(),
    })
}

async fn shown_present(cx: &Cx, record: &StatusRecord, kind: &str) -> Result<(), Failure> {
    let mut value = record_value(record);
    value["type"] = kind.into();
    let times = cx.times();
    cx.print_value(&json!([value]), |_| {
        let mut table = TextTable::new(["Time", "Type", "Status", "Message"]);
        table.row([
            times.since(record.since).as_str(),
            kind,
            &record.status,
            &record.message,
        ]);
        table.render()
    })
    .await
}

/// Returns from when on records are wanted, by `--days` or `--from-date`.
fn earliest(cx: &Cx) -> Result<Option<jiff::Timestamp>, Failure> {
    if let Some(date) = cx.args.text("from-date") {
        let parsed = date
            .parse::<jiff::civil::Date>()
            .ok()
            .and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC).ok());
        let zoned = parsed.ok_or_else(|| {
            Failure::Failed(format!(
                "parsing backlog date {date:?}: the expected date format is YYYY-MM-DD"
            ))
        })?;
        return Ok(Some(zoned.timestamp()));
    }
    let days = cx.args.int("days").filter(|days| *days > 0);
    Ok(days.and_then(|days| {
        cx.hub
            .now()
            .checked_sub(SignedDuration::from_hours(
                days.saturating_mul(24).min(1_000_000),
            ))
            .ok()
    }))
}

fn kind_word(kind: StatusKind) -> &'static str {
    match kind {
        StatusKind::JujuUnit => "juju-unit",
        StatusKind::Workload => "workload",
        StatusKind::Application => "application",
    }
}

fn record_value(record: &StatusRecord) -> Value {
    let mut value = json!({ "status": record.status });
    if !record.message.is_empty() {
        value["message"] = record.message.clone().into();
    }
    if !record.data.is_empty() {
        value["data"] = record.data.clone().into();
    }
    value["since"] = record
        .since
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
        .into();
    value["type"] = kind_word(record.kind).into();
    value
}

fn history_table(records: &[StatusRecord], times: &Times) -> String {
    let mut table = TextTable::new(["Time", "Type", "Status", "Message"]);
    for record in records {
        table.row([
            times.since(record.since).as_str(),
            kind_word(record.kind),
            &record.status,
            &record.message,
        ]);
    }
    table.render()
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
