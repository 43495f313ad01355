//! Capabilities, and the promise never to gain any.

use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    configure_capability_in_ambient_set, remove_capability_from_bounding_set, set_capabilities,
    set_no_new_privs,
};

use super::{During, Failure};

/// Makes set-user-id programs and file capabilities have no effect for this process and all that come of it.
pub(super) fn no_new_privileges() -> Result<(), Failure> {
    set_no_new_privs(true).during("set no_new_privs")
}

/// Says whether this process may administer the system: whether it needs no user namespace to make others.
pub(super) fn may_administer() -> bool {
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN))
}

/// Each capability, by its number; the kernel says where they end.
fn each() -> impl Iterator<Item = CapabilitySet> {
    (0..64).map(|bit| CapabilitySet::from_bits_retain(1 << bit))
}

/// Keeps the capabilities of this process over the start of another program, whoever runs it.
pub(super) fn keep_over_exec() -> Result<(), Failure> {
    let sets = capabilities(None).during("read capabilities")?;
    set_capabilities(
        None,
        CapabilitySets {
            inheritable: sets.permitted,
            ..sets
        },
    )
    .during("make capabilities inheritable")?;
    for capability in each().filter(|one| sets.permitted.contains(*one)) {
        configure_capability_in_ambient_set(capability, true).during("keep capabilities")?;
    }
    Ok(())
}

/// Drops all capabilities for good; root is then an ordinary user who happens to own root's files.
pub(super) fn drop_all() -> Result<(), Failure> {
    clear_ambient_capability_set().during("drop ambient capabilities")?;
    for capability in each() {
        match remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            // The end of the capabilities; or no right to shrink the set, and then there is no root to gain from it either.
            Err(Errno::INVAL | Errno::PERM) => break,
            Err(error) => return Err(error).during("drop capabilities from the bounding set"),
        }
    }
    set_capabilities(
        None,
        CapabilitySets {
            effective: CapabilitySet::empty(),
            permitted: CapabilitySet::empty(),
            inheritable: CapabilitySet::empty(),
        },
    )
    .during("drop capabilities")
}
