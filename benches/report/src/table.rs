//! Prints figures, for people or for programs.

use anyhow::Result;
use serde_json::json;

use crate::budget::{Budgets, Verdict};
use crate::outcome::Outcome;

/// Prints a figure, which has a name and tells something; how many budgets it missed.
///
/// # Errors
/// A budget is asked for that is not in the file.
pub fn print(
    (name, about): (&str, &str),
    outcomes: &[Outcome],
    budgets: &Budgets,
    as_json: bool,
) -> Result<usize> {
    let mut missed = 0;
    if !as_json {
        println!("{name} - {about}");
    }
    for outcome in outcomes {
        let judged = match (&outcome.budget, &outcome.value) {
            (Some(name), Ok(value)) => Some(budgets.judge(name, *value)?),
            _ => None,
        };
        missed += usize::from(matches!(judged, Some((_, Verdict::Missed))));
        if as_json {
            println!("{}", line_as_json(name, outcome, judged.as_ref()));
        } else {
            println!("{}", line(outcome, judged.as_ref()));
        }
    }
    if !as_json {
        println!();
    }
    Ok(missed)
}

/// Prints that a figure could not be measured.
pub fn print_failure(name: &str, error: &anyhow::Error, as_json: bool) {
    if as_json {
        println!(
            "{}",
            json!({ "figure": name, "error": format!("{error:#}") })
        );
    } else {
        println!("{name} - FAILED: {error:#}\n");
    }
}

fn verdict(judged: Option<&(String, Verdict)>) -> &'static str {
    match judged {
        Some((_, Verdict::Kept)) => "kept",
        Some((_, Verdict::Missed)) => "MISSED",
        None => "",
    }
}

fn line(outcome: &Outcome, judged: Option<&(String, Verdict)>) -> String {
    let what = &outcome.what;
    let text = match &outcome.value {
        Ok(value) => {
            let goal = judged.map_or("", |(goal, _)| goal);
            let unit = outcome.unit;
            format!(
                "  {what:46} {:>10} {unit:5} {goal:>10} {:6} {}",
                number(*value),
                verdict(judged),
                outcome.note
            )
        }
        Err(why) => format!("  {what:46}    skipped: {why}"),
    };
    text.trim_end().to_owned()
}

fn line_as_json(
    figure: &str,
    outcome: &Outcome,
    judged: Option<&(String, Verdict)>,
) -> serde_json::Value {
    match &outcome.value {
        Ok(value) => json!({
            "figure": figure,
            "what": outcome.what,
            "value": value,
            "unit": outcome.unit,
            "budget": outcome.budget,
            "goal": judged.map(|(goal, _)| goal),
            "verdict": judged.map(|_| verdict(judged)),
            "note": outcome.note,
        }),
        Err(why) => json!({ "figure": figure, "what": outcome.what, "skipped": why }),
    }
}

/// A number with about four digits.
pub fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => format!("{value:.0}"),
        size if size >= 100.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
