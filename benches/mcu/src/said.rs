//! What a run of firmware said: a line for each thing, a word that names it, then `key=value`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context as _, Result, bail};

/// How far the known loop may be from its length.
const KNOWN_ERROR_MAX: f64 = 0.001;

/// What one engine's firmware said.
pub(crate) struct Said {
    /// The engine.
    pub(crate) engine: String,
    /// Kernels in the order in which they ran.
    pub(crate) kernels: Vec<Kernel>,
    /// What is known of each module.
    pub(crate) modules: BTreeMap<String, Module>,
    /// A sum over what the large guest wrote, as it was said; empty if it did not run.
    pub(crate) written: String,
}

/// What a kernel took, in instructions.
pub(crate) struct Kernel {
    pub(crate) name: String,
    pub(crate) amount: f64,
    pub(crate) native: f64,
    pub(crate) engine: f64,
}

impl Kernel {
    /// How many times as long as native code it takes.
    pub(crate) fn ratio(&self) -> f64 {
        self.engine / self.native
    }
}

/// What a module took.
#[derive(Default)]
pub(crate) struct Module {
    /// Its own bytes.
    pub(crate) bytes: f64,
    /// Instructions to install it: to validate it, and what else is done once.
    pub(crate) install: f64,
    /// Bytes written beside it, to flash.
    pub(crate) table_bytes: f64,
    /// The most memory while it was installed, by the engine's account.
    pub(crate) install_peak_bytes: f64,
    /// The same by the allocator's.
    pub(crate) install_heap_bytes: f64,
    /// How deep the processor's stack got meanwhile, in bytes.
    pub(crate) install_stack_bytes: f64,
    /// Instructions to make a guest of it.
    pub(crate) instantiate: f64,
    /// The most memory from then on, without the guest's own.
    pub(crate) memory_bytes: Option<f64>,
    /// How deep the processor's stack got, in bytes; native kernels are called on it too.
    pub(crate) stack_bytes: f64,
}

impl Said {
    /// Reads it, and checks that the run came to its end and that its counter counts.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is not right", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let mut said = Self {
            engine: String::new(),
            kernels: Vec::new(),
            modules: BTreeMap::new(),
            written: String::new(),
        };
        let mut is_whole = false;
        for line in text.lines() {
            let mut words = line.split(' ');
            let what = words.next().unwrap_or_default();
            let values = Values(words.filter_map(|word| word.split_once('=')).collect());
            match what {
                "engine" => said.engine = values.of("name")?,
                "known" => check_counter(&values)?,
                "kernel" => said.kernels.push(Kernel {
                    name: values.of("name")?,
                    amount: values.of("amount")?,
                    native: values.of("native")?,
                    engine: values.of("engine")?,
                }),
                "install" => {
                    let module = said.module(&values)?;
                    module.bytes = values.of("bytes")?;
                    module.install = values.of("instructions")?;
                    module.table_bytes = values.of("table")?;
                    module.install_peak_bytes = values.of("peak")?;
                    module.install_heap_bytes = values.of("heap_peak")?;
                    module.install_stack_bytes = values.of("stack")?;
                }
                "instantiate" => said.module(&values)?.instantiate = values.of("instructions")?,
                "memory" => {
                    let (peak, own): (f64, f64) = (values.of("peak")?, values.of("own")?);
                    let module = said.module(&values)?;
                    module.memory_bytes = Some(peak - own);
                    module.stack_bytes = values.of("stack")?;
                }
                "wrote" => said.written = values.of("sum")?,
                "end" => is_whole = true,
                _ => {}
            }
        }
        if !is_whole {
            bail!("the run did not come to its end");
        }
        Ok(said)
    }

    fn module(&mut self, values: &Values<'_>) -> Result<&mut Module> {
        Ok(self.modules.entry(values.of("module")?).or_default())
    }
}

/// Two instructions for each round of the loop whose length is known.
fn check_counter(values: &Values<'_>) -> Result<()> {
    let (rounds, counted): (f64, f64) = (values.of("iterations")?, values.of("instructions")?);
    let expected = 2.0 * rounds;
    if (counted - expected).abs() > expected * KNOWN_ERROR_MAX {
        bail!("the counter does not count instructions: {counted} instead of {expected}");
    }
    Ok(())
}

/// What stands behind a line's first word.
struct Values<'a>(BTreeMap<&'a str, &'a str>);

impl Values<'_> {
    fn of<T: FromStr>(&self, key: &str) -> Result<T> {
        self.0
            .get(key)
            .and_then(|text| text.parse().ok())
            .with_context(|| format!("a line lacks `{key}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::Said;

    #[test]
    fn a_run_is_read() {
        let text = "engine name=inplace step=40\n\
                    known iterations=1000 instructions=2000\n\
                    install module=kernels bytes=10 instructions=5 table=8 peak=100 heap_peak=120 heap=0 stack=600\n\
                    instantiate module=kernels instructions=7\n\
                    kernel name=fib amount=2 native=10 engine=150 fuel=1 result=0x1 expected=0x1\n\
                    memory module=kernels peak=9000 in_use=8900 own=8192 stack=700\n\
                    end\n";
        let said = Said::parse(text).unwrap();
        assert_eq!(said.engine, "inplace");
        assert_eq!(said.kernels[0].ratio(), 15.0);
        assert_eq!(said.modules["kernels"].memory_bytes, Some(808.0));
        assert!(Said::parse(&text.replace("end\n", "")).is_err());
        assert!(Said::parse(&text.replace("instructions=2000", "instructions=2100")).is_err());
    }
}
