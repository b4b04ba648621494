//! Arguments and memory that make sense often enough to get far, and no sense at all otherwise.

use arbitrary::{Result, Unstructured};
use thimble_abi::CallSpec;
use thimble_abi::calls::ParameterKind;

/// What memory is filled with, one every 64 bytes: paths, names, topics, addresses, lists of buffers.
const CONTENTS: &[&[u8]] = &[
    b"file\0",
    b"folder\0",
    b"folder/deep\0",
    b"..\0",
    b"../../etc/passwd\0",
    b"/\0",
    b"/etc/passwd\0",
    b".\0",
    b"\0",
    b"link\0",
    b"loop\0",
    b"out\0",
    b"new\0",
    b"folder/../file\0",
    b"new\xff\0",
    b"a/b/c/d/e/f\0",
    b"fifo\0",
    b"led0\0",
    b"sw0\0",
    b"temp\0",
    b"nothing\0",
    b"a/topic\0",
    b"a/#\0",
    b"+/topic\0",
    b"#\0",
    b"a+\0",
    b"text/plain\0",
    b"localhost\0",
    b"127.0.0.1\0",
    b"80\0",
    b"on_event\0",
    b"_start\0",
    b"key\0",
    // 127.0.0.1 with port 0, 9 and 2049; ::1 with port 0.
    b"\0\0\0\0\x7f\0\0\x01\0\0",
    b"\0\0\0\0\x7f\0\0\x01\x09\0",
    b"\0\0\0\0\x7f\0\0\x01\x01\x08",
    b"\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0",
    // Buffers: 64 bytes at 0x800; three of them; one that ends behind any memory; one of no bytes.
    b"\0\x08\0\0\x40\0\0\0",
    b"\0\x08\0\0\x10\0\0\0\x40\x08\0\0\0\0\0\0\0\x0c\0\0\0\x02\0\0",
    b"\0\x08\0\0\xff\xff\xff\xff",
    b"\xf0\xff\xff\xff\x20\0\0\0",
    // Subscriptions: a clock in 1 ms; descriptors 0 and 1.
    b"\x07\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x40\x42\x0f\0\0\0\0\0",
    b"\x08\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0",
    b"\x09\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x01\0\0\0",
];

/// Bytes between two contents, and how many there are.
const SLOT_BYTES: usize = 64;
const SLOTS: usize = 24;

/// Fills the slots at the beginning, and a little of the end.
pub(super) fn fill(memory: &mut [u8], u: &mut Unstructured<'_>) -> Result<()> {
    for slot in memory.chunks_mut(SLOT_BYTES).take(SLOTS) {
        if u.ratio(1, 4)? {
            continue;
        }
        let content = *u.choose(CONTENTS)?;
        for (to, from) in slot.iter_mut().zip(content) {
            *to = *from;
        }
    }
    if u.ratio(1, 4)? {
        // A string that the memory cuts off.
        let start = memory.len().saturating_sub(32);
        memory.get_mut(start..).unwrap_or_default().fill(b'x');
    }
    Ok(())
}

/// Arguments for a call on a memory of `size` bytes.
pub(super) fn of(spec: &CallSpec, size: usize, u: &mut Unstructured<'_>) -> Result<Vec<u64>> {
    let size = size as u64;
    let mut arguments = Vec::with_capacity(spec.parameters.len());
    for parameter in spec.parameters {
        let value = match *parameter {
            ParameterKind::Pointer | ParameterKind::String => pointer(size, u)?,
            ParameterKind::Length => length(size, u)?,
            ParameterKind::Descriptor => descriptor(u)?,
            ParameterKind::I32 => number(u)? & 0xffff_ffff,
            ParameterKind::I64 => number(u)?,
            ParameterKind::F64 => {
                f64::to_bits(*u.choose(&[0.0, -1.0, 1e300, f64::NAN, f64::INFINITY])?)
            }
        };
        arguments.push(match spec.name {
            // Room that is set aside for real, and not to fill the disk of who runs this.
            "fd_allocate" if value < 1 << 62 => value & 0xf_ffff,
            _ => value,
        });
    }
    Ok(arguments)
}

fn pointer(size: u64, u: &mut Unstructured<'_>) -> Result<u64> {
    Ok(match u.int_in_range(0..=15)? {
        0..=8 => u.int_in_range(0..=SLOTS as u64 - 1)? * SLOT_BYTES as u64,
        9 => 0x800,
        10 => 0,
        11 => size.saturating_sub(*u.choose(&[0, 1, 2, 4, 8, 24, 64])?),
        12 => size + u.int_in_range(0..=1)?,
        13 => 0xffff_ffff - u.int_in_range(0..=64)?,
        14 => 0x8000_0000,
        _ => u64::from(u.arbitrary::<u16>()?),
    })
}

fn length(size: u64, u: &mut Unstructured<'_>) -> Result<u64> {
    Ok(match u.int_in_range(0..=11)? {
        0..=4 => u.int_in_range(0..=16)?,
        5 => 64,
        6 => u.int_in_range(0..=4096)?,
        7 => size,
        8 => size + 1,
        9 => 0xffff_ffff,
        10 => 0x8000_0000,
        _ => *u.choose(&[0x1fff_ffff, 0x2000_0000, 0x2000_0001, 0x0555_5556])?,
    })
}

fn descriptor(u: &mut Unstructured<'_>) -> Result<u64> {
    Ok(match u.int_in_range(0..=9)? {
        0..=5 => u.int_in_range(0..=8)?,
        6 | 7 => u.int_in_range(0..=24)?,
        8 => 0xffff_ffff,
        _ => u64::from(u.arbitrary::<u32>()?),
    })
}

fn number(u: &mut Unstructured<'_>) -> Result<u64> {
    Ok(match u.int_in_range(0..=11)? {
        0..=4 => u.int_in_range(0..=8)?,
        5 => 1 << u.int_in_range(0..=63)?,
        6 => u64::MAX,
        7 => i64::MAX.cast_unsigned(),
        8 => i64::MIN.cast_unsigned(),
        9 => 0x7fff_ffff,
        10 => u64::from(u.arbitrary::<u16>()?),
        _ => u.arbitrary()?,
    })
}
