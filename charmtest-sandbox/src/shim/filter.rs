//! System calls by deny-list: seccomp.

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};

use super::{During, Failure};

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Refuses what files by allow-list leave open: Unix sockets of other programs, memory that they share, the user's keys, and typing
/// into the user's terminal.
///
/// Landlock before Linux 7.1 does not know who connects to a socket in the file system, and one socket is enough to leave: Docker's,
/// D-Bus with its `systemd-run`, or the controller's own. io_uring makes sockets past every filter, so it is refused as well.
pub(super) fn basic(shares_namespaces: bool) -> Result<(), Failure> {
    let mut rules = Rules::new();
    deny(
        &mut rules,
        &[
            libc::SYS_io_uring_setup,
            // The user's keys: Kerberos tickets, passwords of encrypted disks.
            libc::SYS_keyctl,
            libc::SYS_add_key,
            libc::SYS_request_key,
        ],
    );
    for command in [libc::TIOCSTI, libc::TIOCLINUX] {
        let condition = equals(1, command)?;
        deny_if(&mut rules, libc::SYS_ioctl, vec![condition])?;
    }
    // The command may own files that all users can reach, and root's are among them if root runs the tests.
    for (call, mode) in CHANGES_OF_MODE {
        let condition = SeccompCondition::new(
            *mode,
            SeccompCmpArgLen::Dword,
            SeccompCmpOp::MaskedEq(SET_USER_ID),
            SET_USER_ID,
        )
        .during("make a filter")?;
        deny_if(&mut rules, *call, vec![condition])?;
    }
    if shares_namespaces {
        deny(&mut rules, SHARED);
        let unix = libc::AF_UNIX as u64;
        deny_if(&mut rules, libc::SYS_socket, vec![equals(0, unix)?])?;
        // A pair of datagram sockets can send to any other socket.
        let datagram = SeccompCondition::new(
            1,
            SeccompCmpArgLen::Dword,
            SeccompCmpOp::MaskedEq(0xf),
            libc::SOCK_DGRAM as u64,
        )
        .during("make a filter")?;
        deny_if(
            &mut rules,
            libc::SYS_socketpair,
            vec![equals(0, unix)?, datagram],
        )?;
    }
    install(rules, libc::EPERM)
}

/// Refuses the deep parts of the kernel that no charm test needs.
pub(super) fn full() -> Result<(), Failure> {
    let mut rules = Rules::new();
    deny(&mut rules, DENIED);
    #[cfg(target_arch = "x86_64")]
    deny(&mut rules, DENIED_X86);
    for flag in [
        libc::CLONE_NEWNS,
        libc::CLONE_NEWCGROUP,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
    ] {
        let flag = flag as u64;
        let condition = SeccompCondition::new(
            0,
            SeccompCmpArgLen::Dword,
            SeccompCmpOp::MaskedEq(flag),
            flag,
        )
        .during("make a filter")?;
        deny_if(&mut rules, libc::SYS_clone, vec![condition])?;
    }
    // Sockets are for the network and between processes; packet, vsock, crypto and the like are ways into the kernel.
    let others = [
        libc::AF_UNIX,
        libc::AF_INET,
        libc::AF_INET6,
        libc::AF_NETLINK,
    ]
    .into_iter()
    .map(|family| {
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, family as u64)
            .during("make a filter")
    })
    .collect::<Result<_, _>>()?;
    deny_if(&mut rules, libc::SYS_socket, others)?;
    // Of netlink what getaddrinfo asks: the routes.
    let not_route = SeccompCondition::new(
        2,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::Ne,
        libc::NETLINK_ROUTE as u64,
    )
    .during("make a filter")?;
    let netlink = equals(0, libc::AF_NETLINK as u64)?;
    deny_if(&mut rules, libc::SYS_socket, vec![netlink, not_route])?;
    install(rules, libc::EPERM)?;
    // Its flags are in memory, where no filter looks. A C library that gets ENOSYS takes clone.
    let mut clone3 = Rules::new();
    deny(&mut clone3, &[libc::SYS_clone3]);
    install(clone3, libc::ENOSYS)
}

/// The bit of a mode with which a program runs as its owner, whoever starts it.
const SET_USER_ID: u64 = 0o4000;

/// The calls that change a file's mode, with the number of the argument that is the mode. A file that is made with the bit loses it when
/// something is written to it.
const CHANGES_OF_MODE: &[(i64, u8)] = &[
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_chmod, 1),
    (libc::SYS_fchmod, 1),
    (libc::SYS_fchmodat, 2),
    (libc::SYS_fchmodat2, 2),
];

/// Memory and queues that all processes of a user share, where they are not in a namespace.
const SHARED: &[i64] = &[
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_msgget,
    libc::SYS_msgsnd,
    libc::SYS_msgrcv,
    libc::SYS_msgctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_semctl,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
];

const DENIED: &[i64] = &[
    // namespaces and mounts
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_quotactl,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    // other processes
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
    // the kernel itself
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_syslog,
    libc::SYS_acct,
    libc::SYS_reboot,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_vhangup,
    libc::SYS_lookup_dcookie,
    libc::SYS_nfsservctl,
];

/// What only x86-64 has; the last are the calls that its x32 programs number otherwise.
#[cfg(target_arch = "x86_64")]
const DENIED_X86: &[i64] = &[
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_uselib,
    libc::SYS_ustat,
    libc::SYS_sysfs,
    libc::SYS__sysctl,
    521,
    528,
    539,
    540,
];

/// The bit that x86-64 has in the numbers of calls of x32 programs, which reach the same code.
#[cfg(target_arch = "x86_64")]
const X32: i64 = 0x4000_0000;

/// Returns a call by each number under which the kernel takes it.
fn numbers(call: i64) -> impl Iterator<Item = i64> {
    #[cfg(target_arch = "x86_64")]
    {
        [call, call | X32].into_iter()
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        [call].into_iter()
    }
}

fn deny(rules: &mut Rules, calls: &[i64]) {
    for call in calls.iter().flat_map(|call| numbers(*call)) {
        // No rule: whatever the arguments are.
        rules.insert(call, Vec::new());
    }
}

fn deny_if(rules: &mut Rules, call: i64, all: Vec<SeccompCondition>) -> Result<(), Failure> {
    let rule = SeccompRule::new(all).during("make a filter")?;
    for call in numbers(call) {
        rules.entry(call).or_default().push(rule.clone());
    }
    Ok(())
}

fn equals(argument: u8, value: u64) -> Result<SeccompCondition, Failure> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
        .during("make a filter")
}

/// Puts a filter over this process: what a rule names fails with an error code, all else is allowed.
fn install(rules: Rules, errno: i32) -> Result<(), Failure> {
    let what = "filter system calls with seccomp";
    let arch = std::env::consts::ARCH.try_into().during(what)?;
    let program: BpfProgram = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(errno as u32),
        arch,
    )
    .during(what)?
    .try_into()
    .during(what)?;
    apply_filter(&program).during(what)
}
