//! `thimble fleet deploy`: says which devices run which version of an app, shows what will come of it, and begins the rollout.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::json;
use thimble_hub_api::client::Tagged;
use thimble_hub_api::deployment::{
    Deployment, DeploymentSpec, NewDeployment, Placement, Settings, UpdateRules,
};
use thimble_hub_api::rollout::{NewRollout, Policy, Rollout};
use thimble_hub_api::simulation::{NewSimulation, Simulation};

use crate::arguments::Shape;
use crate::failure::Failure;
use crate::observer::printable;
use crate::output::Output;
use crate::values;

use super::policy::PolicyOptions;
use super::prompt;
use super::rollout::preview_text;
use super::session::Session;
use super::words::{count, seconds};

/// The fields of what came of it.
const FIELDS: &[&str] = &["deployment", "placement", "preview", "rollout"];
/// Devices that are told one by one at most.
const TOLD_MAX: usize = 20;

#[derive(Args)]
#[command(disable_version_flag = true, after_help = HELP)]
pub(super) struct DeployArguments {
    /// The app [default: what the deployment has].
    #[arg(long, value_name = "APP")]
    app: Option<String>,

    /// The app's version [default: what the deployment has].
    #[arg(long = "version", value_name = "VERSION")]
    app_version: Option<String>,

    /// Which devices, by labels: `line=1, site in (a, b), !canary`; '' means all.
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    selector: Option<String>,

    /// Of two deployments of one app on a device, the greater priority wins.
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    priority: Option<i32>,

    /// Set an environment variable in all containers, or in one.
    #[arg(short, long, value_name = "[CONTAINER:]NAME=VALUE")]
    env: Vec<String>,

    /// Set an environment variable to the value of a secret.
    #[arg(long, value_name = "[CONTAINER:]NAME=SECRET")]
    secret_env: Vec<String>,

    /// A deployment that must be installed first.
    #[arg(long, value_name = "DEPLOYMENT")]
    after: Vec<String>,

    /// Time that the running app has to say yes to being replaced; 0 does not ask it.
    #[arg(long, value_name = "TIME")]
    consent: Option<String>,

    /// Time that new containers must run in health before they are kept.
    #[arg(long, value_name = "TIME")]
    probation: Option<String>,

    /// Time within which the hub must have been reached while on probation; 0 does not ask for it.
    #[arg(long, value_name = "TIME")]
    hub_within: Option<String>,

    #[command(flatten)]
    policy: PolicyOptions,

    /// Only keep what was said; no device changes until a rollout is begun.
    #[arg(long)]
    no_rollout: bool,

    /// Do not ask.
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    shape: Shape,

    /// The deployment: it is made if there is none of this name. What is not said stays as it is.
    #[arg(value_name = "DEPLOYMENT")]
    deployment: String,
}

const HELP: &str = "\
It shows which devices it reaches, which not and why, and who begins at once, and asks before any device changes.

Examples:
  thimble fleet deploy reader --app reader --version 1.0 -l line=1
  thimble fleet deploy reader --version 1.1 --wave 1 --wave 25% --soak 10m --errors 1 --budget line=1
  thimble fleet deploy reader --version 1.2 --wave canary=yes --approval 1 --on-error roll-back
  thimble fleet deploy reader -e LEVEL=debug -e main:PORT=8080 --yes";

/// Creates or changes a deployment, and rolls it out. Nothing is done before it is known what will come of it, and wanted.
pub(super) fn deploy(arguments: &DeployArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, FIELDS)?;
    let policy = arguments.policy.policy()?;
    let name = arguments.deployment.as_str();
    let found = session.find(name, session.client.deployment(name))?;
    let before = found.as_ref().map(|found| found.value.spec.clone());
    let spec = arguments.spec(before.unwrap_or_default())?;
    check(name, &spec)?;
    let simulation = simulated(session, name, &spec, policy.as_ref())?;
    if output.is_text() {
        crate::output::write(&outlook(name, &spec, &simulation))?;
    }
    let question = if arguments.no_rollout {
        "Keep this?"
    } else {
        "Begin the rollout?"
    };
    if !arguments.yes && !prompt::confirm(question)? {
        return Err(Failure::device("asking", "nothing was done"));
    }
    let deployment = declare(session, name, spec, found)?;
    let rollout = if arguments.no_rollout {
        None
    } else {
        let new = NewRollout {
            deployment: deployment.name.clone(),
            revision: Some(deployment.revision),
            policy,
        };
        Some(session.about(name, session.client.create_rollout(&new))?)
    };
    tell(&output, &deployment, &simulation, rollout.as_ref())
}

fn check(name: &str, spec: &DeploymentSpec) -> Result<(), Failure> {
    for (option, value) in [("--app", &spec.app), ("--version", &spec.version)] {
        if value.is_empty() {
            return Err(Failure::option(
                option,
                "",
                format_args!(
                    "there is no deployment `{}` yet: say which app and version",
                    printable(name)
                ),
            ));
        }
    }
    Ok(())
}

/// What would come of it.
pub(super) fn simulated(
    session: &Session,
    name: &str,
    spec: &DeploymentSpec,
    policy: Option<&Policy>,
) -> Result<Simulation, Failure> {
    let new = NewSimulation {
        deployment: NewDeployment {
            name: name.to_owned(),
            spec: spec.clone(),
        },
        policy: policy.cloned(),
    };
    session.about(name, session.client.simulate(&new))
}

/// Makes the deployment, or its next revision if something is different and nobody else made one meanwhile.
fn declare(
    session: &Session,
    name: &str,
    spec: DeploymentSpec,
    found: Option<Tagged<Deployment>>,
) -> Result<Deployment, Failure> {
    let Some(found) = found else {
        let new = NewDeployment {
            name: name.to_owned(),
            spec,
        };
        return session.about(name, session.client.create_deployment(&new));
    };
    if found.value.spec == spec {
        return Ok(found.value);
    }
    let etag = found.etag.as_deref();
    let changed = session.client.change_deployment(name, &spec, etag);
    session.about(name, changed)
}

impl DeployArguments {
    /// What a deployment becomes.
    fn spec(&self, mut spec: DeploymentSpec) -> Result<DeploymentSpec, Failure> {
        let set = |place: &mut String, value: &Option<String>| {
            if let Some(value) = value {
                place.clone_from(value);
            }
        };
        set(&mut spec.app, &self.app);
        set(&mut spec.version, &self.app_version);
        set(&mut spec.selector, &self.selector);
        spec.priority = self.priority.unwrap_or(spec.priority);
        for text in &self.env {
            let (container, name, value) = variable("--env", text)?;
            let settings = entry(&mut spec.containers, container);
            settings.secret_env.remove(name);
            settings.env.insert(name.to_owned(), value.to_owned());
        }
        for text in &self.secret_env {
            let (container, name, secret) = variable("--secret-env", text)?;
            let settings = entry(&mut spec.containers, container);
            settings.env.remove(name);
            settings
                .secret_env
                .insert(name.to_owned(), secret.to_owned());
        }
        if !self.after.is_empty() {
            spec.depends_on.clone_from(&self.after);
        }
        self.rules(&mut spec.update)?;
        Ok(spec)
    }

    fn rules(&self, rules: &mut UpdateRules) -> Result<(), Failure> {
        if let Some(text) = &self.consent {
            let time = values::time(text).ok();
            let consent = time.and_then(|time| u32::try_from(time.as_millis()).ok());
            rules.consent_ms = consent
                .ok_or_else(|| Failure::option("--consent", text, "must be a time: 500ms, 10s"))?;
        }
        if let Some(text) = &self.probation {
            rules.probation_s = seconds("--probation", text)?;
        }
        if let Some(text) = &self.hub_within {
            rules.hub_within_s = seconds("--hub-within", text)?;
        }
        Ok(())
    }
}

fn entry<'a>(containers: &'a mut BTreeMap<String, Settings>, container: &str) -> &'a mut Settings {
    containers.entry(container.to_owned()).or_default()
}

/// `[CONTAINER:]NAME=VALUE`; without a container, all.
fn variable<'a>(
    option: &'static str,
    text: &'a str,
) -> Result<(&'a str, &'a str, &'a str), Failure> {
    let wrong = || Failure::option(option, text, "must be NAME=VALUE, or CONTAINER:NAME=VALUE");
    let (left, value) = text.split_once('=').ok_or_else(wrong)?;
    let (container, name) = left.split_once(':').unwrap_or(("*", left));
    if container.is_empty() || name.is_empty() {
        return Err(wrong());
    }
    Ok((container, name, value))
}

/// What will come of it, for people.
pub(super) fn outlook(name: &str, spec: &DeploymentSpec, simulation: &Simulation) -> String {
    let mut text = format!(
        "{} revision {}{}: {} {} on {}\n",
        printable(name),
        simulation.revision,
        if simulation.is_new { " (new)" } else { "" },
        printable(&spec.app),
        printable(&spec.version),
        match spec.selector.as_str() {
            "" => "all devices".to_owned(),
            selector => format!("devices with {}", printable(selector)),
        }
    );
    text.push_str(&placement_text(&simulation.placement));
    text.push_str(&preview_text(&simulation.preview));
    text
}

/// On which devices a deployment would be, and on which not.
pub(super) fn placement_text(placement: &Placement) -> String {
    let mut text = format!("reaches {}\n", count(placement.placed, "device"));
    if placement.refused_count > 0 {
        text.push_str(&format!(
            "does not reach {}:\n",
            count(placement.refused_count, "device")
        ));
        for refusal in placement.refused.iter().take(TOLD_MAX) {
            text.push_str(&format!(
                "  {}: {}\n",
                printable(&refusal.name),
                printable(&refusal.reason)
            ));
        }
        text.push_str(&more(placement.refused_count, placement.refused.len()));
    }
    text
}

/// How many are not told one by one.
pub(super) fn more(all: u64, listed: usize) -> String {
    match all.saturating_sub(listed.min(TOLD_MAX) as u64) {
        0 => String::new(),
        left => format!("  and {left} more; --json lists them\n"),
    }
}

fn tell(
    output: &Output<'_>,
    deployment: &Deployment,
    simulation: &Simulation,
    rollout: Option<&Rollout>,
) -> Result<(), Failure> {
    let value = json!({
        "deployment": deployment,
        "placement": simulation.placement,
        "preview": simulation.preview,
        "rollout": rollout,
    });
    let name = printable(&deployment.name);
    output.one(&value, || match rollout {
        Some(rollout) => format!(
            "rollout {} has begun; `thimble fleet rollout status {name} --watch` shows how it goes\n",
            rollout.id
        ),
        None => format!("no device changes; `thimble fleet rollout start {name}` begins it\n"),
    })
}
