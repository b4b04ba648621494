//! Which system calls the process and its children may make.
//!
//! Three filters, because each knows one answer. The kernel runs all of them and takes the hardest answer, and
//! of two errors the one that was added last:
//!
//! 1. what only an attack does ends the process;
//! 2. what is not listed fails with `EPERM`;
//! 3. what programs only try, to see whether it is there, fails with `ENOSYS`, so that they fall back.
//!
//! A call that is allowed whatever its arguments costs nothing since Linux 5.11, which remembers the answer.

mod arguments;
mod table;

use std::collections::BTreeMap;

use seccompiler::{BackendError, SeccompAction, SeccompFilter, SeccompRule, TargetArch};

use super::{IsolationError, Report};

/// Rules by the number of the call; no rule means whatever its arguments.
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Puts the filters in force, for all threads.
pub(super) fn restrict(report: &mut Report) -> Result<(), IsolationError> {
    let Ok(target) = TargetArch::try_from(std::env::consts::ARCH) else {
        report.lacks(format!("system calls (not on {})", std::env::consts::ARCH));
        return Ok(());
    };
    let filters = filters(target).map_err(|error| IsolationError::Calls {
        error: error.into(),
    })?;
    for filter in filters {
        match seccompiler::apply_filter_all_threads(&filter) {
            Ok(()) => {}
            Err(seccompiler::Error::Seccomp(error))
                if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EINVAL)) =>
            {
                report.lacks("system calls (this kernel was built without CONFIG_SECCOMP_FILTER)");
                return Ok(());
            }
            Err(error) => return Err(IsolationError::Calls { error }),
        }
    }
    report.done("listed system calls");
    Ok(())
}

/// The filters in the order in which they are added.
fn filters(target: TargetArch) -> Result<[seccompiler::BpfProgram; 3], BackendError> {
    let errno = |errno: libc::c_int| SeccompAction::Errno(errno.cast_unsigned());
    let deadly = plain(table::DEADLY);
    let mut allowed = plain(table::ALLOWED);
    allowed.extend(plain(table::ALLOWED_HERE));
    allowed.extend(arguments::rules()?);
    let mut absent = plain(table::ABSENT);
    absent.extend(table::UNKNOWN.map(|call| (call, Vec::new())));
    let make = |rules, otherwise, matched| {
        SeccompFilter::new(rules, otherwise, matched, target)?.try_into()
    };
    Ok([
        make(deadly, SeccompAction::Allow, SeccompAction::KillProcess)?,
        make(allowed, errno(libc::EPERM), SeccompAction::Allow)?,
        make(absent, SeccompAction::Allow, errno(libc::ENOSYS))?,
    ])
}

fn plain(calls: &[libc::c_long]) -> Rules {
    calls.iter().map(|call| (*call, Vec::new())).collect()
}

#[cfg(test)]
mod tests;
