//! Why a change is refused.

use charmtest_charm::ConfigError;

use super::schema::SchemaError;
use super::storage_error::StorageError;
use crate::model::{NameError, Rejected, RelationId, TaskId};

/// A change that cannot be made; the words are Juju 3.6's where Juju refuses the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// There is no such model.
    #[error("model {0} not found")]
    ModelNotFound(String),
    /// The model is going.
    #[error("model {0:?} is no longer alive")]
    ModelDying(String),
    /// There is no such application.
    #[error("application {0:?} not found")]
    ApplicationNotFound(String),
    /// The application is going.
    #[error("application {0:?} is not alive")]
    ApplicationDying(String),
    /// The name is taken.
    #[error(
        "cannot add application {0:?}: application already exists: \ndeploy application using an alias name:\n    \
         juju deploy <application> <alias>\nor use remove-application to remove the existing one and try again."
    )]
    ApplicationExists(String),
    /// A name breaks Juju's rules.
    #[error(transparent)]
    Name(#[from] NameError),
    /// There is no such unit.
    #[error("unit {0:?} not found")]
    UnitNotFound(String),
    /// The unit has nothing to resolve.
    #[error("unit {0:?} is not in an error state")]
    NotInError(String),
    /// The unit has nothing to resolve, in the words of 4.0.
    #[error("resolving unit: checking unit {0:?} status: unit is not in error state")]
    NotInErrorUuid(String),
    /// The unit's error was resolved already.
    #[error("cannot set resolved mode for unit {0:?}: already resolved")]
    AlreadyResolved(String),
    /// There is no such machine.
    #[error("machine {0} not found")]
    MachineNotFound(String),
    /// The machine is going.
    #[error("machine {0} is not alive")]
    MachineDying(String),
    /// Units are on the machine.
    #[error("machine {machine} has unit {unit:?} assigned")]
    MachineInUse {
        /// The machine's id.
        machine: String,
        /// One of the units.
        unit: String,
    },
    /// A placement that this controller cannot do.
    #[error(
        "placement {0:?} is not supported by the embedded controller; use the id of a machine, or no --to"
    )]
    Placement(String),
    /// All loopback addresses are taken.
    #[error("no loopback address is left for another machine")]
    NoAddress,
    /// There is no such charm in the model.
    #[error("charm {0:?} not found")]
    CharmNotFound(String),
    /// The charm needs something that this controller does not have.
    #[error("cannot deploy charm {charm:?}: {what} not supported by the embedded controller")]
    Unsupported {
        /// The charm.
        charm: String,
        /// What it needs, with `is` or `are`.
        what: String,
    },
    /// The charm assumes features that are not there.
    #[error("Charm feature requirements cannot be met:\n{0}")]
    Assumes(String),
    /// The charm needs a newer Juju.
    #[error("charm's min version ({wanted}) is higher than this juju model's version ({juju})")]
    MinJujuVersion {
        /// The version that the charm needs.
        wanted: String,
        /// The version of the model.
        juju: &'static str,
    },
    /// The charm does not run on the base.
    #[error(
        "base {base:?} not supported by charm, the charm supported bases are: {supported}\nUse --force to deploy the charm anyway."
    )]
    Base {
        /// The base asked for.
        base: String,
        /// What the charm supports.
        supported: String,
    },
    /// The charm does not run on the base (Juju 4.0).
    #[error("base \"{base}/stable\" is not supported, supported bases are: {supported}")]
    BaseNotSupported {
        /// The base asked for.
        base: String,
        /// What the charm supports.
        supported: String,
    },
    /// Juju 4.0 does not know the base.
    #[error("{charm} is not available on the following base: {base}/stable not supported")]
    BaseUnknown {
        /// The charm.
        charm: String,
        /// The base asked for.
        base: String,
    },
    /// An application cannot change its base when it is refreshed (Juju 4.0).
    #[error(
        "cannot set charm {charm:?}: refreshing application from base {from:?} to {to:?} (incompatible base)"
    )]
    OtherBase {
        /// The new charm.
        charm: String,
        /// The base that the application has.
        from: String,
        /// The base asked for.
        to: String,
    },
    /// The text is no base.
    #[error("expected base string to contain os and channel separated by '@'")]
    BaseSyntax,
    /// A device that the charm does not declare.
    #[error("charm {charm:?} has no device called {device:?}")]
    NoDevice {
        /// The charm.
        charm: String,
        /// The device.
        device: String,
    },
    /// A setting does not fit the charm's options.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// `trust` is no boolean.
    #[error("option \"trust\" expected bool, got {0}")]
    Trust(String),
    /// A resource that the charm does not declare.
    #[error("unrecognized resource {0:?}")]
    UnknownResource(String),
    /// Endpoints that do not fit.
    #[error("no relations found")]
    NoRelations,
    /// More than one pair of endpoints fits.
    #[error("ambiguous relation: {pair:?} could refer to {candidates}")]
    AmbiguousRelation {
        /// What was asked for.
        pair: String,
        /// The keys of the relations that it could be, quoted.
        candidates: String,
    },
    /// There is no such endpoint.
    #[error("application {application:?} has no {endpoint:?} relation")]
    EndpointNotFound {
        /// The application.
        application: String,
        /// The endpoint.
        endpoint: String,
    },
    /// Other models are connected to the application.
    #[error("cannot destroy application {application:?}: application is used by {consumers} consumer{}", if *consumers == 1 { "" } else { "s" })]
    UsedByConsumers {
        /// The application.
        application: String,
        /// How many relations there are.
        consumers: usize,
    },
    /// A consumed application has the name.
    #[error("cannot add application {0:?}: saas application with same name already exists")]
    RemoteApplicationExists(String),
    /// The relation is there.
    #[error("cannot add relation {0:?}: relation {0} already exists")]
    RelationExists(String),
    /// The relation is on its way out.
    #[error("cannot add relation {0:?}: relation {0} is dying, but not yet removed")]
    RelationDying(String),
    /// The endpoint has as many relations as it takes.
    #[error(
        "cannot add relation {key:?}: establishing a new relation for {endpoint} would exceed its maximum relation limit of {limit}"
    )]
    RelationLimit {
        /// The relation's key.
        key: String,
        /// The full endpoint.
        endpoint: String,
        /// Its limit.
        limit: u32,
    },
    /// A relation within containers, of two principals.
    #[error(
        "cannot add relation {0:?}: container scoped relation requires at least one subordinate application"
    )]
    NoSubordinate(String),
    /// A subordinate that cannot run where its principal does.
    #[error("cannot add relation {0:?}: principal and subordinate applications' bases must match")]
    SubordinateBases(String),
    /// Units of subordinates come and go with their principals.
    #[error(
        "cannot add unit 1/{count} to application {application:?}: cannot add unit to application {application:?}: application is a subordinate"
    )]
    AddSubordinate {
        /// The application.
        application: String,
        /// How many units were asked for.
        count: u32,
    },
    /// Units of subordinates come and go with their principals.
    #[error(
        "unit {unit:?} is a subordinate, to remove use remove-relation. Note: this will remove all units of {application:?}"
    )]
    RemoveSubordinate {
        /// The unit.
        unit: String,
        /// Its application.
        application: String,
    },
    /// There is no such relation.
    #[error("relation {0} not found")]
    RelationNotFound(String),
    /// There is no relation of this number.
    #[error("relation {0} not found")]
    RelationIdNotFound(RelationId),
    /// More than one relation fits.
    #[error("endpoints {0} are ambiguous, specify relation endpoints or id")]
    AmbiguousEndpoints(String),
    /// Peer relations live as long as their application.
    #[error("cannot destroy relation {0:?}: is a peer relation")]
    PeerRelation(String),
    /// The new charm is another one.
    #[error("cannot refresh {from:?} to {to:?}")]
    OtherCharm {
        /// The charm that the application has.
        from: String,
        /// The charm offered.
        to: String,
    },
    /// The new charm lacks an endpoint that is in use.
    #[error(
        "cannot upgrade application {application:?} to charm {charm:?}: would break relation {relation:?}"
    )]
    BreaksRelation {
        /// The application.
        application: String,
        /// The new charm.
        charm: String,
        /// The relation's key.
        relation: String,
    },
    /// The new charm lacks an endpoint that is in use, or has it in another way (Juju 4.0).
    #[error("setting application {application:?} charm: {why}")]
    SetCharm {
        /// The application.
        application: String,
        /// What does not fit.
        why: String,
    },
    /// Endpoints that the charm does not have.
    #[error("endpoint {:?} not found", .0.first().map(String::as_str).unwrap_or_default())]
    UnknownEndpoints(Vec<String>),
    /// The endpoint is not exposed.
    #[error("endpoint {0:?} is not exposed")]
    NotExposed(String),
    /// There is no such space.
    #[error("space {0:?} not found")]
    SpaceNotFound(String),
    /// The text is no network.
    #[error("unable to parse {0:?} as a CIDR: invalid CIDR address: {0}")]
    Cidr(String),
    /// The architecture of an application cannot change; the current one in brackets, if there is one.
    #[error("cannot set constraints: changing architecture{0} not supported")]
    Architecture(String),
    /// There is no such task.
    #[error("task {0} not found")]
    TaskNotFound(TaskId),
    /// The model has as many tasks as it can hold.
    #[error(
        "cannot queue {more} more tasks: {open} tasks of this model have not ended, and it holds at most {limit} of them; \
         wait for some, or cancel them with \"juju cancel-task\""
    )]
    TooManyTasks {
        /// How many were to be added.
        more: usize,
        /// How many have not ended.
        open: usize,
        /// How many may be.
        limit: usize,
    },
    /// The schema of an action uses what is not supported, or the parameters do not fit it.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// Storage does not fit.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<Rejected> for ChangeError {
    fn from(Rejected(uuid): Rejected) -> Self {
        Self::ModelNotFound(uuid.0)
    }
}
