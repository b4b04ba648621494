//! The checks that every engine must pass: the contract of [`thimble_runtime::engine`] as running code.
//!
//! Each check takes any engine and panics where the engine breaks the contract. An engine's tests call
//! [`engine_conformance_tests!`](crate::engine_conformance_tests), which makes one test of each check.

mod calls;
mod ends;
mod entries;
mod fixture;
mod limits;
mod modules;
mod slices;

pub use fixture::{Answers, Outcome, drive, forever, instantiate, load, parse, roomy, run, short};
pub use modules::simd_works;

use thimble_runtime::engine::Engine;

/// A check, with the name of its function.
pub type Check = (&'static str, fn(&dyn Engine));

/// Declares the checks once: as functions, as a list and as a macro that makes tests of them.
macro_rules! checks {
    ($d:tt $($module:ident: $($name:ident),+;)+) => {
        $(pub use $module::{$($name),+};)+

        /// Every check.
        pub const CHECKS: &[Check] = &[$($((stringify!($name), $name)),+),+];

        /// Makes a test of each check, for the engine that the expression makes.
        #[macro_export]
        macro_rules! engine_conformance_tests {
            ($d engine:expr) => {
                $($(
                    #[test]
                    fn $name() {
                        $crate::engine_conformance::$name(&$d engine);
                    }
                )+)+
            };
        }
    };
}

checks! { $
    ends:
        exit_codes,
        host_exits,
        host_traps,
        each_trap_has_its_kind,
        endless_recursion_is_a_stack_overflow,
        deep_recursion_works,
        an_end_is_final;
    entries:
        entries_run_in_order,
        a_reactor_only_initializes,
        no_entry_exits_at_once,
        start_function_runs_before_the_entries,
        start_function_waits,
        start_function_loops,
        missing_entry_is_named,
        wrong_entry_signatures_are_refused,
        an_imported_function_is_an_entry;
    calls:
        arguments_and_results_keep_their_bits,
        every_call_can_be_imported,
        a_blocked_call_is_made_again,
        a_blocked_call_in_nested_frames_keeps_them,
        a_blocked_tail_call_returns_to_the_right_frame,
        a_blocked_indirect_call_is_made_again,
        the_host_reads_and_writes_memory,
        imported_memory_is_the_guests_own,
        hidden_memory_is_found,
        no_memory_is_empty_memory;
    slices:
        tiny_budgets_do_not_change_results,
        a_busy_loop_is_preempted,
        an_interrupt_ends_a_long_slice,
        an_interrupt_ends_a_slice_of_host_calls,
        an_early_interrupt_does_no_harm,
        bulk_operations_make_progress,
        dropping_is_clean_anywhere,
        guests_of_one_module_are_separate;
    limits:
        initial_memory_over_the_limit,
        initial_tables_over_the_limit,
        growth_to_the_limit_works,
        growth_over_the_limit_is_refused,
        growth_over_the_modules_maximum_is_refused,
        the_memory_limit_can_be_changed,
        table_growth_over_the_limit_is_refused;
    modules:
        invalid_modules_are_refused,
        refused_features_are_named,
        accepted_features_work,
        small_pages_work,
        a_huge_branch_table_works,
        segments_that_do_not_fit_trap;
}

/// Runs every check, printing its name before it.
pub fn all(engine: &dyn Engine) {
    for (name, check) in CHECKS {
        println!("{}: {name}", engine.name());
        check(engine);
    }
}
