//! Medians, percentiles and means.

/// What is told of many samples.
#[derive(Clone, Copy, Debug)]
pub struct Summary {
    /// Half of them are below.
    pub median: f64,
    /// 99 of a hundred are below.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

/// Sums up samples; all zero if there are none.
#[must_use]
pub fn summarize(mut samples: Vec<f64>) -> Summary {
    samples.sort_by(f64::total_cmp);
    let at = |thousandths: usize| {
        let index = (samples.len().saturating_sub(1) * thousandths).div_ceil(1000);
        samples.get(index).copied().unwrap_or(0.0)
    };
    Summary {
        median: at(500),
        p99: at(990),
        max: at(1000),
    }
}

/// The geometric mean; 0 of nothing.
#[must_use]
pub fn geometric_mean(values: &[f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let logarithms: f64 = values.iter().map(|value| value.ln()).sum();
    (logarithms / values.len() as f64).exp()
}

#[cfg(test)]
mod tests {
    use super::{geometric_mean, summarize};

    #[test]
    fn samples_are_summed_up() {
        let summary = summarize((1..=101).rev().map(f64::from).collect());
        assert_eq!(
            (summary.median, summary.p99, summary.max),
            (51.0, 100.0, 101.0)
        );
        assert_eq!(summarize(vec![7.0]).p99, 7.0);
        assert_eq!(summarize(Vec::new()).median, 0.0);
        assert!((geometric_mean(&[1.0, 4.0]) - 2.0).abs() < 1e-12);
    }
}
