//! What an image asks for, and what of it a container gets: an image requests, whoever runs it grants.

use thimble_image::ImageConfig;
use thimble_image::config::LimitRequest;
use thimble_runtime::Limits;
use thimble_runtime::config::CpuShare;
use thimble_runtime::grant::Grants;

use super::options::Options;

/// What is told of requests that were not met: what is asked for, and the option that gives it.
pub(super) struct Unmet {
    what: String,
    option: String,
}

impl std::fmt::Display for Unmet {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "the image asks for {}, which it does not get; to give it, run with {}",
            self.what, self.option
        )
    }
}

/// Settles what a container of this image gets; adds what was refused.
pub(super) fn settle(
    config: &ImageConfig,
    options: &mut Options,
    unmet: &mut Vec<Unmet>,
) -> Result<(), String> {
    settle_grants(config, options, unmet)?;
    settle_limits(&config.limits, options, unmet);
    if let (None, Some(grace_ms)) = (options.explicit.stop_grace, config.stop_grace_ms) {
        options.stop_grace = std::time::Duration::from_millis(grace_ms);
    }
    for path in &config.volumes {
        let is_mounted = options
            .volumes
            .iter()
            .any(|volume| volume.destination.trim_end_matches('/') == path);
        if !is_mounted {
            unmet.push(Unmet {
                what: format!("a volume at {path}"),
                option: format!("-v FOLDER:{path}"),
            });
        }
    }
    options.env = environment(config, &options.env);
    Ok(())
}

fn settle_grants(
    config: &ImageConfig,
    options: &mut Options,
    unmet: &mut Vec<Unmet>,
) -> Result<(), String> {
    for text in &config.grants {
        let wanted = Grants::parse([text.as_str()])
            .map_err(|error| format!("the image asks for what cannot be granted: {error}"))?;
        for grant in wanted.as_slice() {
            if options.grants.covers(grant) {
                continue;
            }
            if options.allow_requested {
                options.grants.add(grant.clone());
            } else if !unmet.iter().any(|unmet| unmet.what == *text) {
                unmet.push(Unmet {
                    what: text.clone(),
                    option: format!("--allow {text}"),
                });
            }
        }
    }
    Ok(())
}

/// An image may ask for less than the device gives; for more it must be given more.
fn settle_limits(request: &LimitRequest, options: &mut Options, unmet: &mut Vec<Unmet>) {
    let given = Limits::default();
    if !options.explicit.memory
        && let Some(bytes) = request.memory_bytes
    {
        options.limits.memory_bytes = bytes.min(given.memory_bytes);
        if bytes > given.memory_bytes {
            unmet.push(Unmet {
                what: format!("{} of memory", crate::observer::mebibytes(bytes)),
                option: format!("--memory {bytes}"),
            });
        }
    }
    if let Some(bytes) = request.key_value_bytes {
        options.limits.store_bytes = bytes.min(given.store_bytes);
    }
    if let Some(bytes) = request.log_bytes {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        options.limits.output_tail_bytes = bytes.min(given.output_tail_bytes);
    }
    if let (false, Some(share)) = (
        options.explicit.cpus,
        request
            .cpu_share_thousandths
            .and_then(CpuShare::from_thousandths),
    ) {
        options.cpu_share = share.min(CpuShare::ONE);
        if share > CpuShare::ONE {
            unmet.push(Unmet {
                what: format!(
                    "{} shares of the processor",
                    f64::from(share.thousandths()) / 1000.0
                ),
                option: format!("--cpus {}", f64::from(share.thousandths()) / 1000.0),
            });
        }
    }
}

/// The image's variables, where the command line does not set the same.
fn environment(config: &ImageConfig, given: &[(String, String)]) -> Vec<(String, String)> {
    let mut variables: Vec<(String, String)> = config
        .env
        .iter()
        .filter_map(|text| text.split_once('='))
        .filter(|(name, _)| given.iter().all(|(known, _)| known != name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    variables.extend_from_slice(given);
    variables
}
