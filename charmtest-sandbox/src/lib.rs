//! The sandbox around a command: how much of the machine it may reach.
