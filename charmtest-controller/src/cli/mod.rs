//! The `juju` command line.
//!
//! `command` says what a command is and what it may use; each family of commands is a file that ends in a table `COMMANDS`, and
//! [`run`] finds the command, takes its arguments apart, finds its model and turns its outcome into texts and an exit code.

mod access;
mod actions;
mod application;
mod block;
mod bundle;
pub(crate) mod catalogue;
mod charmhub;
mod client;
mod client_files;
mod clouds;
mod command;
mod config;
mod constraints;
mod controller_config;
mod copy;
mod credentials;
mod deploy;
mod destroy;
mod exec;
mod help;
mod import_ssh_key;
mod io;
mod log;
mod log_filter;
mod login;
mod machines;
mod model_config;
mod model_constraints;
mod model_defaults;
mod models;
mod names;
mod offer;
mod offer_list;
mod refresh;
mod refusals;
mod relate;
mod removal;
mod resource_view;
mod resources;
mod run;
mod scp;
mod secret_backends;
mod secret_view;
mod secrets;
mod settings;
mod settled;
mod show;
mod spaces;
mod ssh;
mod ssh_keys;
mod status;
mod storage;
mod storage_changes;
mod storage_pools;
mod store;
mod switch;
pub(crate) mod table;
mod target;
mod task_view;
mod task_wait;
mod tasks;
pub(crate) mod times;
mod upload;
mod user_changes;
mod users;
mod values;
mod wait_for;

#[cfg(test)]
mod application_tests;
#[cfg(test)]
mod charm_fixture;
#[cfg(test)]
mod offer_tests;
#[cfg(test)]
mod refusal_tests;
#[cfg(test)]
mod resource_tests;
#[cfg(test)]
mod secret_tests;
#[cfg(test)]
mod storage_tests;
#[cfg(test)]
mod subordinate_tests;
#[cfg(test)]
mod task_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::JujuVersion;
use crate::flags::{self, Flag, Kind, Parsed, Placement};
use crate::model::Hub;
use crate::protocol::Request;
use command::{Command, Cx, Failure, Scope};
use target::Wanted;

pub(crate) use io::Io;
pub(crate) use offer_list::offered_charm;
pub(crate) use target::{CLOUD, CONTROLLER};

/// All commands, family by family.
const FAMILIES: &[&[Command]] = &[
    access::COMMANDS,
    actions::COMMANDS,
    application::COMMANDS,
    block::COMMANDS,
    bundle::COMMANDS,
    charmhub::COMMANDS,
    client::COMMANDS,
    clouds::COMMANDS,
    config::COMMANDS,
    constraints::COMMANDS,
    controller_config::COMMANDS,
    credentials::COMMANDS,
    deploy::COMMANDS,
    destroy::COMMANDS,
    exec::COMMANDS,
    help::COMMANDS,
    import_ssh_key::COMMANDS,
    log::COMMANDS,
    machines::COMMANDS,
    model_config::COMMANDS,
    model_constraints::COMMANDS,
    model_defaults::COMMANDS,
    models::COMMANDS,
    offer::COMMANDS,
    offer_list::COMMANDS,
    refresh::COMMANDS,
    relate::COMMANDS,
    removal::COMMANDS,
    resources::COMMANDS,
    run::COMMANDS,
    secret_backends::COMMANDS,
    secret_view::COMMANDS,
    secrets::COMMANDS,
    scp::COMMANDS,
    settled::COMMANDS,
    show::COMMANDS,
    spaces::COMMANDS,
    ssh::COMMANDS,
    ssh_keys::COMMANDS,
    status::COMMANDS,
    storage::COMMANDS,
    storage_changes::COMMANDS,
    storage_pools::COMMANDS,
    switch::COMMANDS,
    tasks::COMMANDS,
    user_changes::COMMANDS,
    users::COMMANDS,
    wait_for::COMMANDS,
];

/// The options of every command.
const GLOBAL_FLAGS: &[Flag] = &[
    Flag::switch(
        &["debug"],
        "Equivalent to --show-log --logging-config=<root>=DEBUG",
    ),
    Flag::switch(&["h", "help"], "Show help on a command or other topic."),
    Flag::text(&["logging-config"], "Specify log levels for modules"),
    Flag::switch(&["q", "quiet"], "Show no informational output"),
    Flag::switch(&["show-log"], "If set, write the log file to stderr"),
    Flag::switch(&["v", "verbose"], "Show more verbose output"),
];

/// Options of every command that the help does not show.
const HIDDEN_FLAGS: &[Flag] = &[
    Flag::text(&["log-file"], ""),
    Flag::switch(&["description"], ""),
];

/// Options that stand before the command.
const TOP_FLAGS: &[Flag] = &[
    Flag::switch(&["version"], ""),
    Flag::switch(&["no-alias"], ""),
];

const BROWSER_FLAG: &[Flag] = &[Flag::switch(
    &["B", "no-browser-login"],
    "Do not use web browser for authentication",
)];

const MODEL_FLAG: &[Flag] = &[Flag::text(
    &["m", "model"],
    "Model to operate in. Accepts [<controller name>:]<model name>|<model UUID>",
)];

const CONTROLLER_FLAG: &[Flag] = &[Flag::text(&["c", "controller"], "Controller to operate in")];

const OUTPUT_FLAG: &[Flag] = &[Flag::text(&["o", "output"], "Specify an output file")];

/// Runs one `juju` command and returns its exit code.
pub(crate) async fn run(hub: &Arc<Hub>, request: Request, io: Io) -> u8 {
    let mut cx = Cx {
        hub: Arc::clone(hub),
        request,
        io,
        args: Parsed::default(),
        target: None,
        format: String::new(),
        wrote: AtomicBool::new(false),
    };
    let outcome = dispatch(&mut cx).await;
    if let Err(error) = store::refresh(&cx.hub) {
        cx.warn(&format!("cannot write the client store: {error}"))
            .await;
    }
    match outcome {
        Ok(()) => 0,
        Err(failure) => report(&cx, failure).await,
    }
}

/// Iterates over all commands that `juju` has.
fn commands(juju: JujuVersion) -> impl Iterator<Item = &'static Command> {
    let all = FAMILIES.iter().copied().flatten();
    all.filter(move |command| command.versions.contain(juju))
}

/// Where the command stands on a command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CommandAt {
    /// Its place among the arguments.
    pub(crate) at: usize,
    /// Whether the user's aliases do not count.
    pub(crate) no_alias: bool,
}

/// Finds the command of a command line; `None` when there is none, or what stands before it makes no sense.
pub(crate) fn command_of(argv: &[String]) -> Option<CommandAt> {
    let top = top_flags();
    let parsed = flags::parse(&top, Placement::First, argv).ok()?;
    if parsed.switch("version") || parsed.positionals.is_empty() {
        return None;
    }
    Some(CommandAt {
        at: argv.len() - parsed.positionals.len(),
        no_alias: parsed.switch("no-alias"),
    })
}

/// Says whether `juju` itself answers to a name: a command, whether we have it or not, or a topic of its help.
pub(crate) fn is_word_of_juju(name: &str, juju: JujuVersion) -> bool {
    catalogue::names(juju).any(|other| other == name) || help::TOPICS.contains(&name)
}

/// Returns the options that may stand before a command.
fn top_flags() -> Vec<Flag> {
    let shared = GLOBAL_FLAGS.iter().chain(HIDDEN_FLAGS);
    shared.chain(TOP_FLAGS).copied().collect()
}

/// Finds a command by one of its names.
fn find(name: &str, juju: JujuVersion) -> Option<&'static Command> {
    commands(juju).find(|command| command.name == name || command.aliases.contains(&name))
}

async fn dispatch(cx: &mut Cx) -> Result<(), Failure> {
    let juju = cx.juju();
    let top = flags::parse(&top_flags(), Placement::First, &cx.request.argv);
    let mut top = top.map_err(Failure::usage)?;
    if top.switch("version") {
        top.positionals = vec!["version".to_owned()];
    }
    let Some((name, rest)) = top.positionals.split_first() else {
        return cx.print(&help::general(juju)).await;
    };
    let command = find(name, juju).ok_or_else(|| Failure::Failed(names::unknown(name, juju)))?;
    let own = flags_of(command, juju);
    let shared = GLOBAL_FLAGS.iter().chain(HIDDEN_FLAGS).copied();
    let all: Vec<Flag> = own.iter().copied().chain(shared).collect();
    cx.args = flags::parse(&all, command.placement, rest).map_err(Failure::usage)?;
    cx.args.absorb(&top);
    if cx.args.switch("quiet") && cx.args.switch("verbose") {
        return Err(Failure::failed(
            "\"verbose\" and \"quiet\" flags clash, please use one or the other, not both",
        ));
    }
    if cx.args.switch("help") {
        return cx.print(&help::of(command, juju)).await;
    }
    if cx.args.switch("description") {
        return cx.print(&format!("{}\n", command.summary)).await;
    }
    if let Some(flag) = own
        .iter()
        .find(|flag| flag.unsupported && cx.args.is_set(flag.name()))
    {
        return Err(Failure::Failed(format!(
            "option --{} of \"{}\" is not supported by the embedded controller",
            flag.name(),
            command.name
        )));
    }
    // From here on a failure in JSON or YAML also prints `{}`, unless it is of usage.
    if let Some(default) = command.formats.first() {
        cx.format = cx.args.text("format").unwrap_or(default).to_owned();
    }
    let named = match command.scope {
        Scope::Model => Some(target::named(&cx.wanted()).map_err(Failure::usage)?),
        Scope::Controller => {
            target::controller(cx.args.text("controller"), &cx.wanted())
                .map_err(Failure::failed)?;
            None
        }
        Scope::Client => None,
    };
    (command.check)(&cx.args).map_err(Failure::usage)?;
    if let Some(named) = named {
        let state = cx.hub.snapshot();
        let target = target::find(&state, &named)?;
        if let Some(model) = state.models.get(&target.uuid) {
            block::check(model, command.name, &cx.args)?;
        }
        cx.target = Some(target);
    }
    (command.run)(cx).await
}

/// Says how the command failed and returns its exit code.
async fn report(cx: &Cx, failure: Failure) -> u8 {
    let structured =
        matches!(cx.format.as_str(), "json" | "yaml") && !cx.wrote.load(Ordering::Relaxed);
    if structured && !matches!(failure, Failure::Usage(_)) {
        cx.io.stdout("{}\n").await;
    }
    let (text, code) = match failure {
        Failure::Usage(text) => (text, 2),
        Failure::Failed(text) => (text, 1),
        Failure::Silent(code) => return code,
    };
    cx.io.stderr(&format!("ERROR {text}\n")).await;
    code
}

impl Cx {
    /// Returns by what the client asks for a model.
    fn wanted(&self) -> Wanted {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Wanted {
            flag: owned(self.args.text("model")),
            juju_model: owned(self.env("JUJU_MODEL")),
            juju_controller: owned(self.env("JUJU_CONTROLLER")),
        }
    }
}

/// Returns the options of a command in `juju`, without those that every command has.
fn flags_of(command: &Command, juju: JujuVersion) -> Vec<Flag> {
    let own = command.flags.iter().copied().chain(format_flag(command));
    own.chain(scope_flags(command).copied())
        .filter(|flag| flag.versions.contain(juju))
        .collect()
}

/// Returns the options that a command has because of what it works on.
fn scope_flags(command: &Command) -> impl Iterator<Item = &'static Flag> + Clone + use<> {
    let scope = match command.scope {
        Scope::Model => MODEL_FLAG,
        Scope::Controller => CONTROLLER_FLAG,
        Scope::Client => &[],
    };
    let output = if command.formats.is_empty() {
        &[]
    } else {
        OUTPUT_FLAG
    };
    BROWSER_FLAG.iter().chain(scope).chain(output)
}

/// Returns the `--format` of a command, if it has one.
fn format_flag(command: &Command) -> Option<Flag> {
    let formats = command.formats;
    (!formats.is_empty())
        .then(|| Flag::of(Kind::Format(formats), &["format"], "Specify output format"))
}
