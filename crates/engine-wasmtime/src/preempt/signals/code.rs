//! Where a module's native code lies: its functions, and the trampolines between them and the host.

use std::ops::Range;

use wasmtime::Module;

/// Two functions with less between them have only padding there: no trampoline is that small.
const PADDING_BYTES: usize = 16;

/// The addresses of a module's native code.
pub(super) struct GuestCode {
    text: Range<usize>,
    /// The bodies of functions, never trampolines; sorted and apart.
    functions: Box<[Range<usize>]>,
}

impl GuestCode {
    pub(super) fn of(native: &Module) -> wasmtime::Result<Self> {
        let text = native.text().as_ptr_range();
        let text = text.start.addr()..text.end.addr();
        let mut bodies: Vec<Range<usize>> = native
            .functions()
            .map(|function| {
                let start = text.start.saturating_add(function.offset);
                start..start.saturating_add(function.len)
            })
            .collect();
        bodies.sort_by_key(|body| body.start);
        let mut functions: Vec<Range<usize>> = Vec::new();
        for body in bodies {
            match functions.last_mut() {
                Some(last) if body.start < last.end => {
                    return Err(wasmtime::Error::msg("functions of native code overlap"));
                }
                Some(last) if body.start - last.end < PADDING_BYTES => last.end = body.end,
                _ => functions.push(body),
            }
        }
        Ok(Self {
            text,
            functions: functions.into(),
        })
    }

    /// Whether the address lies in a function. Called by the signal's handler.
    pub(super) fn is_function(&self, address: usize) -> bool {
        let after = self
            .functions
            .partition_point(|function| function.start <= address);
        after
            .checked_sub(1)
            .and_then(|index| self.functions.get(index))
            .is_some_and(|function| function.contains(&address))
    }

    /// Whether it lies in this module's code at all. Called by the signal's handler.
    pub(super) fn is_text(&self, address: usize) -> bool {
        self.text.contains(&address)
    }

    pub(super) fn is_trampoline(&self, address: usize) -> bool {
        self.is_text(address) && !self.is_function(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_apart() {
        let code = GuestCode {
            text: 100..400,
            functions: [100..150, 200..250].into(),
        };
        let functions: Vec<_> = (90..410)
            .filter(|address| code.is_function(*address))
            .collect();
        let expected: Vec<_> = (100..150).chain(200..250).collect();
        assert_eq!(functions, expected);
        assert!(code.is_trampoline(150) && code.is_trampoline(399));
        assert!(!code.is_trampoline(99) && !code.is_trampoline(400) && !code.is_trampoline(100));
    }
}
