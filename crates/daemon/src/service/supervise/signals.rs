//! Signals as something to wait for: they are blocked, and asked for one by one.

use std::io;
use std::mem::MaybeUninit;
use std::time::Duration;

/// What is waited for besides the child's end.
const PASSED_ON: [libc::c_int; 6] = [
    libc::SIGTERM,
    libc::SIGINT,
    libc::SIGHUP,
    libc::SIGQUIT,
    libc::SIGUSR1,
    libc::SIGUSR2,
];

/// What was heard.
#[derive(Debug)]
pub(super) enum Heard {
    /// One to pass on.
    Signal(libc::c_int),
    /// A child has ended.
    Child,
    /// The time is over, or nothing that matters here.
    Nothing,
}

/// The signals of this process, from now on.
pub(super) struct Signals {
    waited_for: libc::sigset_t,
    original: Mask,
}

/// Which signals are blocked.
#[derive(Clone, Copy)]
pub(super) struct Mask(libc::sigset_t);

impl Signals {
    pub(super) fn take_over() -> io::Result<Self> {
        let mut waited_for = empty();
        for signal in PASSED_ON.into_iter().chain([libc::SIGCHLD]) {
            // SAFETY: the set is initialised, and the signal is one.
            unsafe { libc::sigaddset(&raw mut waited_for, signal) };
        }
        let mut original = empty();
        // SAFETY: both sets are initialised and outlive the call.
        let error = unsafe {
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const waited_for, &raw mut original)
        };
        if error != 0 {
            return Err(io::Error::from_raw_os_error(error));
        }
        Ok(Self {
            waited_for,
            original: Mask(original),
        })
    }

    /// The mask that was there before, for children.
    pub(super) fn original(&self) -> Mask {
        self.original
    }

    /// Waits for a signal, for at most this long.
    pub(super) fn wait(&self, at_most: Option<Duration>) -> io::Result<Heard> {
        let signal = match at_most {
            // SAFETY: the set is initialised; no details are asked for.
            None => unsafe { libc::sigwaitinfo(&raw const self.waited_for, std::ptr::null_mut()) },
            Some(at_most) => {
                let at_most = libc::timespec {
                    tv_sec: libc::time_t::try_from(at_most.as_secs()).unwrap_or(libc::time_t::MAX),
                    tv_nsec: libc::c_long::from(at_most.subsec_nanos().cast_signed()),
                };
                // SAFETY: the set and the time are initialised; no details are asked for.
                unsafe {
                    libc::sigtimedwait(
                        &raw const self.waited_for,
                        std::ptr::null_mut(),
                        &raw const at_most,
                    )
                }
            }
        };
        match signal {
            libc::SIGCHLD => Ok(Heard::Child),
            -1 => {
                let error = io::Error::last_os_error();
                match error.raw_os_error() {
                    Some(libc::EAGAIN | libc::EINTR) => Ok(Heard::Nothing),
                    _ => Err(error),
                }
            }
            signal => Ok(Heard::Signal(signal)),
        }
    }
}

impl Mask {
    /// Blocks these and no others. Makes one system call.
    pub(super) fn set(&self) -> io::Result<()> {
        // SAFETY: the set is initialised; the old one is not asked for.
        let error = unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut())
        };
        if error == 0 {
            Ok(())
        } else {
            Err(io::Error::from_raw_os_error(error))
        }
    }
}

fn empty() -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the pointer is to a set, which the call initialises and cannot fail to.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: initialised above.
    unsafe { set.assume_init() }
}
