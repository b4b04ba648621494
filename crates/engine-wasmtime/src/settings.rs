//! What a program chooses about the engine.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Everything a program chooses about the engine.
///
/// [`Settings::default`] suits one guest at a time: no cache, one slot, the running program as compiler.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The program that compiles.
    pub compiler: CompilerProgram,
    /// What the compiler may use.
    pub compile_limits: CompileLimits,
    /// Where native code is kept; without it every process compiles anew.
    pub cache: Option<CacheSettings>,
    /// Guests for which address space is set aside. 0: none, guests are allocated one by one, slower
    /// and with more of the kernel's maps each.
    pub slots: u32,
    /// Elements a table of a guest in a slot may have; modules that need more are allocated one by one.
    pub slot_table_elements: u32,
    /// Freed slots that keep [`Settings::resident_bytes`] of their memory, to be reused sooner.
    pub warm_slots: u32,
    /// Bytes of a freed slot's linear memory that stay in RAM: cleared by hand instead of by the kernel.
    pub resident_bytes: u32,
    /// How generously address space may be used.
    pub address_space: AddressSpace,
    /// Gives every computed NaN the same bits. Costs speed; lets engines be compared bit for bit.
    pub canonical_nans: bool,
    /// How guests are stopped at the end of a slice.
    pub preemption: Preemption,
    /// Hears what went wrong without stopping anything.
    pub notices: NoticeSink,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            compiler: CompilerProgram::default(),
            compile_limits: CompileLimits::default(),
            cache: None,
            slots: 1,
            slot_table_elements: 65_536,
            warm_slots: 16,
            resident_bytes: 65_536,
            address_space: AddressSpace::Automatic,
            canonical_nans: false,
            preemption: Preemption::Automatic,
            notices: NoticeSink::default(),
        }
    }
}

/// A program that calls [`crate::compile_child_main`] with what follows these arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompilerProgram {
    /// The program's file.
    pub program: PathBuf,
    /// Arguments before the engine's own.
    pub arguments: Vec<OsString>,
}

impl Default for CompilerProgram {
    /// The running program itself, even if its file was replaced, with the argument `__compile`.
    fn default() -> Self {
        Self {
            program: "/proc/self/exe".into(),
            arguments: vec!["__compile".into()],
        }
    }
}

/// What one compilation may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// Address space, in bytes.
    pub memory_bytes: u64,
    /// Processor time over all threads, rounded up to seconds.
    pub processor_time: Duration,
    /// Native code, in bytes.
    pub output_bytes: u64,
    /// Threads; `None` for one per processor, eight at most.
    pub threads: Option<u16>,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self {
            memory_bytes: 4 << 30,
            processor_time: Duration::from_secs(120),
            output_bytes: 1 << 30,
            threads: None,
        }
    }
}

/// Where native code is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheSettings {
    /// A folder for this purpose alone. Made if it is missing; refused if others could write to it.
    pub folder: PathBuf,
    /// What its files may take together; the oldest used go first.
    pub bytes_max: u64,
}

impl CacheSettings {
    /// A cache in this folder, with at most 512 MiB.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            bytes_max: 512 << 20,
        }
    }
}

/// How generously address space may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressSpace {
    /// Wide where the process may have it, else tight.
    Automatic,
    /// 4 GiB for each guest: bounds are checked by the MMU, which is fastest.
    Wide,
    /// What the guest needs; bounds are checked in code. For small address spaces.
    Tight,
}

/// How guests are stopped at the end of a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preemption {
    /// By signals where the system can, else by epochs.
    Automatic,
    /// Native code looks now and then whether it is to stop, which costs it about a quarter of its speed;
    /// works everywhere.
    Epochs,
}

/// Something that went wrong without stopping anything.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// A file of the cache was not what this engine had written; it was removed.
    CacheFileRejected {
        /// The file.
        path: PathBuf,
        /// What was wrong with it.
        reason: String,
    },
    /// Native code could not be kept; the next process compiles it again.
    CacheWriteFailed {
        /// What went wrong.
        reason: String,
    },
    /// Address space for the slots could not be set aside; guests are allocated one by one.
    SlotsUnavailable {
        /// What went wrong.
        reason: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CacheFileRejected { path, reason } => {
                write!(
                    formatter,
                    "cached native code {} was not used and removed: {reason}",
                    path.display()
                )
            }
            Self::CacheWriteFailed { reason } => {
                write!(formatter, "native code could not be cached: {reason}")
            }
            Self::SlotsUnavailable { reason } => {
                write!(
                    formatter,
                    "no address space for the slots, guests are allocated one by one: {reason}"
                )
            }
        }
    }
}

/// Who hears notices.
#[derive(Clone, Default)]
pub struct NoticeSink(Option<Arc<Hear>>);

type Hear = dyn Fn(&Notice) + Send + Sync;

impl NoticeSink {
    /// A sink that calls this function.
    pub fn new(hear: impl Fn(&Notice) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hear)))
    }

    pub(crate) fn tell(&self, notice: &Notice) {
        if let Some(hear) = &self.0 {
            hear(notice);
        }
    }
}

impl fmt::Debug for NoticeSink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() {
            "NoticeSink(set)"
        } else {
            "NoticeSink(none)"
        })
    }
}
