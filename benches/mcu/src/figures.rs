//! The figures, made of what the runs said.

use anyhow::{Context as _, Result, bail};
use thimble_bench_report::{Outcome, geometric_mean};

use crate::flash::Flash;
use crate::said::{Kernel, Module, Said};

/// The kernel that does nothing but call the host, and the same without the call; no mean counts them.
const HOST: &str = "host";
const LOOP: &str = "loop";
/// The engine that is promised.
const OURS: &str = "inplace";
/// The same without fuel.
const UNMETERED: &str = "unmetered";
const KIB: f64 = 1024.0;

/// Prints a line for each kernel: natively, and in each engine.
pub(crate) fn print_kernels(board: &str, said: &[Said]) {
    println!("kernels on {board}: instructions, and as multiples of native code by gcc -O2");
    print!("  {:10}{:>12}", "", "native");
    for said in said {
        print!("{:>14}{:>8}", said.engine, "");
    }
    println!();
    for (position, kernel) in said
        .first()
        .map_or(&[][..], |said| &said.kernels)
        .iter()
        .enumerate()
    {
        print!("  {:10}{:12.0}", kernel.name, kernel.native);
        for kernel in said.iter().filter_map(|said| said.kernels.get(position)) {
            print!("{:14.0}{:8.2}", kernel.engine, kernel.ratio());
        }
        println!();
    }
}

/// Everything else.
pub(crate) fn outcomes(said: &[Said], flash: &Flash) -> Result<Vec<Outcome>> {
    let ours = said
        .iter()
        .find(|said| said.engine == OURS)
        .context("the engine that runs in place did not run")?;
    if let Some(other) = said.iter().find(|said| said.written != ours.written) {
        bail!(
            "a guest wrote something else in {} than in {OURS}",
            other.engine
        );
    }
    let mut outcomes = speed(ours);
    outcomes.push(fuel(
        ours,
        said.iter().find(|said| said.engine == UNMETERED),
    ));
    outcomes.extend(
        ours.modules
            .iter()
            .flat_map(|(name, module)| of_module(name, module)),
    );
    outcomes.push(match flash.inplace {
        Some(bytes) => Outcome::new("flash", bytes / KIB, "KiB")
            .budget("mcu_flash_kb_max")
            .note("with validator, soft floats and the allocator's use"),
        None => Outcome::skipped("flash", "not measured with --alone"),
    });
    let is_peer = |said: &&Said| ![OURS, UNMETERED].contains(&said.engine.as_str());
    for peer in said.iter().filter(is_peer) {
        outcomes.extend(peer_outcomes(peer, flash.wasmi));
    }
    Ok(outcomes)
}

fn counted(said: &Said) -> impl Iterator<Item = &Kernel> {
    said.kernels
        .iter()
        .filter(|kernel| kernel.name != HOST && kernel.name != LOOP)
}

fn mean(said: &Said) -> Option<f64> {
    let ratios: Vec<f64> = counted(said).map(Kernel::ratio).collect();
    (!ratios.is_empty()).then(|| geometric_mean(&ratios))
}

/// Instructions of a call of the host, from the instruction that passes the argument to the one that takes the result: what
/// the loop around it takes is measured by itself.
fn host_call(said: &Said) -> Option<f64> {
    let kernel = |name| said.kernels.iter().find(|kernel| kernel.name == name);
    let (host, alone) = (kernel(HOST)?, kernel(LOOP)?);
    Some((host.engine - alone.engine) / host.amount)
}

fn speed(ours: &Said) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    if let Some(mean) = mean(ours) {
        outcomes.push(
            Outcome::new("geometric mean of the kernels", mean, "x")
                .budget("mcu_geomean_vs_native_max"),
        );
    }
    if let Some(worst) = counted(ours).max_by(|a, b| a.ratio().total_cmp(&b.ratio())) {
        outcomes.push(
            Outcome::new("the slowest of them", worst.ratio(), "x")
                .budget("mcu_kernel_vs_native_max")
                .note(worst.name.clone()),
        );
    }
    if let Some(call) = host_call(ours) {
        outcomes.push(
            Outcome::new("host call", call, "instr").budget("mcu_host_call_instructions_max"),
        );
    }
    outcomes
}

/// What counting fuel adds to the kernels' instructions.
fn fuel(ours: &Said, unmetered: Option<&Said>) -> Outcome {
    match (mean(ours), unmetered.and_then(mean)) {
        (Some(with), Some(without)) => {
            let percent = (with / without - 1.0) * 100.0;
            Outcome::new("fuel, of all instructions", percent, "%").budget("mcu_fuel_percent_max")
        }
        _ => Outcome::skipped("fuel", "not measured with --alone"),
    }
}

fn of_module(name: &str, module: &Module) -> Vec<Outcome> {
    let is_kernels = name == "kernels";
    let promised = |outcome: Outcome, budget| match is_kernels {
        true => outcome.budget(budget),
        false => outcome,
    };
    let mut outcomes = vec![
        promised(
            Outcome::new(
                format!("{name}: load and instantiate"),
                module.instantiate,
                "instr",
            ),
            "mcu_instantiate_instructions_max",
        ),
        Outcome::new(format!("{name}: validate, once"), module.install, "instr")
            .note(format!("{:.0} bytes of module", module.bytes)),
        Outcome::new(
            format!("{name}: memory of the validator"),
            module.install_heap_bytes / KIB,
            "KiB",
        )
        .note(format!(
            "{:.0} bytes by its own account, and {:.0} of the processor's stack",
            module.install_peak_bytes, module.install_stack_bytes
        )),
        Outcome::new(
            format!("{name}: side table, in flash"),
            module.table_bytes / KIB,
            "KiB",
        ),
    ];
    if let Some(bytes) = module.memory_bytes {
        let budget = match is_kernels {
            true => "mcu_kernels_ram_kb_max",
            false => "mcu_big_ram_kb_max",
        };
        outcomes.push(
            Outcome::new(
                format!("{name}: RAM beyond memory and stack"),
                bytes / KIB,
                "KiB",
            )
            .budget(budget)
            .note(format!(
                "and {:.0} bytes of the processor's stack",
                module.stack_bytes
            )),
        );
    }
    outcomes
}

/// The same of an engine that nothing is promised of.
fn peer_outcomes(peer: &Said, flash: Option<f64>) -> Vec<Outcome> {
    let engine = &peer.engine;
    let mut outcomes = Vec::new();
    if let Some(mean) = mean(peer) {
        outcomes.push(Outcome::new(format!("{engine}: geometric mean"), mean, "x"));
    }
    if let Some(call) = host_call(peer) {
        outcomes.push(Outcome::new(format!("{engine}: host call"), call, "instr"));
    }
    for (name, module) in &peer.modules {
        let load = module.install + module.instantiate;
        outcomes.push(Outcome::new(
            format!("{engine}: {name}: load and instantiate"),
            load,
            "instr",
        ));
        if let Some(bytes) = module.memory_bytes {
            outcomes.push(
                Outcome::new(
                    format!("{engine}: {name}: RAM beyond memory"),
                    bytes / KIB,
                    "KiB",
                )
                .note(format!(
                    "and {:.0} bytes of the processor's stack",
                    module.stack_bytes
                )),
            );
        }
    }
    if let Some(bytes) = flash {
        outcomes.push(Outcome::new(format!("{engine}: flash"), bytes / KIB, "KiB"));
    }
    outcomes
}
