//! Addresses for machines, out of 127.0.0.0/8.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use sha2::{Digest, Sha256};

use crate::model::{ModelUuid, State};

/// Last octets in use: 1 to 254.
const HOSTS: u32 = 254;

/// How many addresses one controller has.
const COUNT: u32 = 256 * HOSTS;

/// The loopback addresses of a controller's machines.
///
/// A controller keeps to one /16 that follows from its UUID, so that two data directories on one host rarely meet; 127.0.0.0/16, where
/// the host's own services listen, and 127.255.0.0/16 are never used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    controller: String,
    used: BTreeSet<Ipv4Addr>,
}

impl Addresses {
    /// Finds out which addresses the models of `state` use.
    pub fn of(state: &State) -> Self {
        let machines = state
            .models
            .values()
            .flat_map(|model| model.machines.values());
        Self {
            controller: state.controller.clone(),
            used: machines.map(|machine| machine.address).collect(),
        }
    }

    /// Takes the address of machine `number` of `model`; `None` when all are in use.
    ///
    /// Where the search begins depends on the model and goes up with the number: an address that a removed machine had comes again as
    /// late as possible, for a process of it may still listen there.
    pub fn take(&mut self, model: &ModelUuid, number: u32) -> Option<Ipv4Addr> {
        let network = u8::try_from(1 + hash(&self.controller) % 254).expect("1 to 254 fits a byte");
        let start = (hash(&format!("{}/{model}", self.controller)) % COUNT) + number % COUNT;
        let address = (0..COUNT)
            .map(|step| nth(network, (start + step) % COUNT))
            .find(|address| !self.used.contains(address))?;
        self.used.insert(address);
        Some(address)
    }
}

fn nth(network: u8, index: u32) -> Ipv4Addr {
    let third = u8::try_from(index / HOSTS).expect("the index is below 256 * HOSTS");
    let fourth = u8::try_from(1 + index % HOSTS).expect("1 to 254 fits a byte");
    Ipv4Addr::new(127, network, third, fourth)
}

/// A hash that stays the same over builds of this program, unlike that of the standard library.
fn hash(text: &str) -> u32 {
    let digest = Sha256::digest(text.as_bytes());
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(controller: &str) -> Addresses {
        Addresses {
            controller: controller.to_owned(),
            used: BTreeSet::new(),
        }
    }

    #[test]
    fn addresses_are_unique_and_decent() {
        let mut addresses = addresses("c");
        let model = ModelUuid("m".to_owned());
        let taken: Vec<Ipv4Addr> = (0..COUNT)
            .map(|number| addresses.take(&model, number).unwrap())
            .collect();
        assert_eq!(taken.iter().collect::<BTreeSet<_>>().len(), taken.len());
        assert_eq!(
            taken
                .iter()
                .map(|a| a.octets()[1])
                .collect::<BTreeSet<_>>()
                .len(),
            1,
            "one /16 per controller"
        );
        for address in &taken {
            let [first, second, _, last] = address.octets();
            assert_eq!(first, 127);
            assert!(
                !matches!(second, 0 | 255) && !matches!(last, 0 | 255),
                "{address}"
            );
        }
        assert_eq!(addresses.take(&model, 0), None, "all are taken");
    }

    #[test]
    fn a_removed_machine_does_not_give_its_address_to_the_next() {
        let model = ModelUuid("m".to_owned());
        let first = addresses("c").take(&model, 0).unwrap();
        let second = addresses("c").take(&model, 1).unwrap();
        assert_ne!(first, second);
    }
}
