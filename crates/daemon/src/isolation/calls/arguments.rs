//! Calls that are allowed with certain arguments only.

use seccompiler::{
    BackendError, SeccompCmpArgLen::Dword, SeccompCmpArgLen::Qword, SeccompCmpOp, SeccompCondition,
    SeccompRule,
};

use super::Rules;

/// Every namespace that `clone` can make; that of time has no flag there.
const NAMESPACES: libc::c_int = libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET;

/// The type of a socket without the flags that share its argument.
const SOCKET_TYPE: u64 = 0xf;

/// What a socket may be: family, type, protocol. Anything else makes the kernel load code few have read.
const SOCKETS: [(libc::c_int, libc::c_int, libc::c_int); 9] = [
    (libc::AF_INET, libc::SOCK_STREAM, 0),
    (libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_TCP),
    (libc::AF_INET, libc::SOCK_DGRAM, 0),
    (libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_UDP),
    (libc::AF_INET6, libc::SOCK_STREAM, 0),
    (libc::AF_INET6, libc::SOCK_STREAM, libc::IPPROTO_TCP),
    (libc::AF_INET6, libc::SOCK_DGRAM, 0),
    (libc::AF_INET6, libc::SOCK_DGRAM, libc::IPPROTO_UDP),
    // What the addresses of this device are; NETLINK_ROUTE is 0.
    (libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE),
];

/// Options of sockets that hand the kernel a program to run.
const PROGRAM_OPTIONS: [libc::c_int; 4] = [
    libc::SO_ATTACH_FILTER,
    libc::SO_ATTACH_BPF,
    libc::SO_ATTACH_REUSEPORT_CBPF,
    libc::SO_ATTACH_REUSEPORT_EBPF,
];
/// Levels of options that are allowed in full.
const OPTION_LEVELS: [libc::c_int; 3] = [libc::IPPROTO_IP, libc::IPPROTO_IPV6, libc::IPPROTO_UDP];
/// Puts other code in the kernel between a connection and its bytes.
const TCP_ULP: libc::c_int = 31;

/// Requests to descriptors, the same on every machine: asm-generic/ioctls.h, linux/sockios.h, linux/fs.h.
const REQUESTS: [u64; 15] = [
    0x5401,      // TCGETS
    0x802c_542a, // TCGETS2
    0x5411,      // TIOCOUTQ, SIOCOUTQ
    0x5413,      // TIOCGWINSZ
    0x541b,      // FIONREAD, SIOCINQ
    0x5421,      // FIONBIO
    0x5450,      // FIONCLEX
    0x5451,      // FIOCLEX
    0x8910,      // SIOCGIFNAME
    0x8912,      // SIOCGIFCONF
    0x8913,      // SIOCGIFFLAGS
    0x8933,      // SIOCGIFINDEX
    0x8927,      // SIOCGIFHWADDR
    0x4004_9409, // FICLONE
    0x4020_940d, // FICLONERANGE
];

/// What a process may change or ask of itself.
const PROCESS_OPTIONS: [libc::c_int; 15] = [
    libc::PR_SET_NAME,
    libc::PR_GET_NAME,
    libc::PR_SET_PDEATHSIG,
    libc::PR_GET_PDEATHSIG,
    libc::PR_SET_NO_NEW_PRIVS,
    libc::PR_GET_NO_NEW_PRIVS,
    libc::PR_SET_DUMPABLE,
    libc::PR_GET_DUMPABLE,
    libc::PR_SET_TIMERSLACK,
    libc::PR_GET_TIMERSLACK,
    libc::PR_SET_THP_DISABLE,
    libc::PR_GET_THP_DISABLE,
    libc::PR_CAPBSET_READ,
    libc::PR_GET_SECCOMP,
    // The allocator names its areas.
    libc::PR_SET_VMA,
];

/// The calls whose arguments are looked at.
pub(super) fn rules() -> Result<Rules, BackendError> {
    Ok(Rules::from([
        (libc::SYS_clone, vec![all([none_of(0, NAMESPACES)?])?]),
        (libc::SYS_socket, sockets()?),
        (libc::SYS_socketpair, vec![all([is(0, libc::AF_UNIX)?])?]),
        (libc::SYS_setsockopt, socket_options()?),
        (libc::SYS_ioctl, requests()?),
        (libc::SYS_prctl, any_of(0, &PROCESS_OPTIONS)?),
        // Only this process's own limits.
        (libc::SYS_prlimit64, vec![all([is(0, 0)?])?]),
    ]))
}

fn sockets() -> Result<Vec<SeccompRule>, BackendError> {
    let mut rules = vec![all([is(0, libc::AF_UNIX)?])?];
    for (family, kind, protocol) in SOCKETS {
        let kind = masked(1, SOCKET_TYPE, number(kind))?;
        rules.push(all([is(0, family)?, kind, is(2, protocol)?])?);
    }
    // What it is asked for by others than the C library.
    let kind = masked(1, SOCKET_TYPE, number(libc::SOCK_DGRAM))?;
    rules.push(all([
        is(0, libc::AF_NETLINK)?,
        kind,
        is(2, libc::NETLINK_ROUTE)?,
    ])?);
    Ok(rules)
}

fn socket_options() -> Result<Vec<SeccompRule>, BackendError> {
    let mut general = vec![is(1, libc::SOL_SOCKET)?];
    for option in PROGRAM_OPTIONS {
        general.push(is_not(2, option)?);
    }
    let mut rules = any_of(1, &OPTION_LEVELS)?;
    rules.push(SeccompRule::new(general)?);
    rules.push(all([is(1, libc::IPPROTO_TCP)?, is_not(2, TCP_ULP)?])?);
    Ok(rules)
}

fn requests() -> Result<Vec<SeccompRule>, BackendError> {
    let rule = |request| all([SeccompCondition::new(1, Dword, SeccompCmpOp::Eq, request)?]);
    REQUESTS.into_iter().map(rule).collect()
}

/// One rule for each value of an argument.
fn any_of(argument: u8, values: &[libc::c_int]) -> Result<Vec<SeccompRule>, BackendError> {
    let rule = |value: &libc::c_int| all([is(argument, *value)?]);
    values.iter().map(rule).collect()
}

fn all<const N: usize>(conditions: [SeccompCondition; N]) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(conditions.into())
}

fn is(argument: u8, value: libc::c_int) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, Dword, SeccompCmpOp::Eq, number(value))
}

fn is_not(argument: u8, value: libc::c_int) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, Dword, SeccompCmpOp::Ne, number(value))
}

fn none_of(argument: u8, bits: libc::c_int) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, Qword, SeccompCmpOp::MaskedEq(number(bits)), 0)
}

fn masked(argument: u8, mask: u64, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, Dword, SeccompCmpOp::MaskedEq(mask), value)
}

fn number(value: libc::c_int) -> u64 {
    u64::from(value.cast_unsigned())
}
