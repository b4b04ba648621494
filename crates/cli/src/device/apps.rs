//! `thimble up`, `down`, `diff` and `apps`.

use std::collections::BTreeSet;
use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::Path;

use serde_json::json;
use thimble_device_api::client::Milestone;
use thimble_device_api::{
    AppSpec, ChangeKind, Client, ClientError, DependencyCondition, Health, Plan,
};
use thimble_image::Reference;

use crate::app;
use crate::arguments::{AppsArguments, DiffArguments, DownArguments, UpArguments};
use crate::failure::Failure;
use crate::images::table::table;
use crate::observer::printable;
use crate::output::{APP, Output, PLAN, REMOVED, write};

use super::{client, create, each, ours};

/// Brings an app to what its file declares.
pub(super) fn up(arguments: &UpArguments) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, PLAN)?;
    let (name, spec) = app::load(&arguments.app.file, arguments.app.name.as_deref())?;
    let client = client()?;
    let images = Images {
        client: &client,
        spec: &spec,
        plain_http: arguments.plain_http,
        json: output.is_json(),
    };
    let failed = |error| Failure::daemon(&name, error);
    if arguments.dry_run {
        let plan = client.plan_app(&name, &spec).map_err(failed)?;
        return output.one(&plan, || plan_text(&plan));
    }
    let plan = images.fetched(&name, || client.plan_app(&name, &spec))?;
    if output.is_text() {
        write(&plan_text(&plan))?;
    }
    if !plan.is_empty() && !arguments.yes && output.is_text() && !confirmed(&plan)? {
        return Err(Failure::device("bringing the app up", "nothing was done"));
    }
    let done = images.fetched(&name, || client.apply_app(&name, &spec))?;
    if arguments.wait {
        wait(&client, &name, &spec)?;
    }
    output.one(&done, String::new)
}

/// Fetches what an app needs and is not there.
struct Images<'a> {
    client: &'a Client,
    spec: &'a AppSpec,
    plain_http: bool,
    json: bool,
}

impl Images<'_> {
    /// Asks again after each image that was not there was fetched.
    fn fetched(
        &self,
        app: &str,
        ask: impl Fn() -> Result<Plan, ClientError>,
    ) -> Result<Plan, Failure> {
        let mut fetched = BTreeSet::new();
        loop {
            let error = match ask() {
                Ok(plan) => return Ok(plan),
                Err(error) => error,
            };
            let missing = self.missing(&error);
            let new: Vec<_> = missing
                .into_iter()
                .filter(|image| fetched.insert((*image).to_owned()))
                .collect();
            if new.is_empty() {
                return Err(Failure::daemon(app, error));
            }
            for image in new {
                create::pull(self.client, image, self.plain_http, self.json)?;
            }
        }
    }

    /// The images that a problem is about: one, or all if it does not say which.
    fn missing(&self, error: &ClientError) -> BTreeSet<&str> {
        let Some(problem) = error.problem().filter(|_| create::is_missing_image(error)) else {
            return BTreeSet::new();
        };
        let images: BTreeSet<&str> = self
            .spec
            .containers
            .values()
            .map(|container| container.image.as_str())
            .filter(|image| image.parse::<Reference>().is_ok())
            .collect();
        let subject = problem.subject.as_deref();
        match images.iter().find(|image| Some(**image) == subject) {
            Some(image) => BTreeSet::from([*image]),
            None => images,
        }
    }
}

/// Asks a person, if there is one, before something that runs is ended.
fn confirmed(plan: &Plan) -> Result<bool, Failure> {
    let ends = plan
        .changes
        .iter()
        .any(|change| matches!(change.kind, ChangeKind::Replace | ChangeKind::Remove));
    if !ends || !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Ok(true);
    }
    write("Do this? [y/N] ")?;
    let mut answer = String::new();
    io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| Failure::device("reading the answer", error))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// What will be done, as a difference.
fn plan_text(plan: &Plan) -> String {
    let mut text = String::new();
    for change in &plan.changes {
        let sign = match change.kind {
            ChangeKind::Keep => "  ",
            ChangeKind::Create => "+ ",
            ChangeKind::Update => "~ ",
            ChangeKind::Replace => "± ",
            ChangeKind::Start => "> ",
            ChangeKind::Remove => "- ",
        };
        text.push_str(&format!(
            "{sign}{} ({})\n",
            printable(&change.container),
            change.kind.name()
        ));
        for difference in &change.differences {
            text.push_str(&format!("    {}\n", printable(difference)));
        }
    }
    if plan.is_empty() {
        text.push_str(&format!(
            "{}: everything is as declared\n",
            printable(&plan.app)
        ));
    }
    text
}

/// Waits until every container is as far as it can be by itself.
fn wait(client: &Client, app: &str, spec: &AppSpec) -> Result<(), Failure> {
    let completing: BTreeSet<&str> = spec
        .containers
        .values()
        .flat_map(|container| &container.depends_on)
        .filter(|need| need.condition == DependencyCondition::Completed)
        .map(|need| need.name.as_str())
        .collect();
    for name in spec.containers.keys() {
        let full = format!("{app}.{name}");
        let failed = |error| Failure::daemon(&full, error);
        if completing.contains(name.as_str()) {
            let end = client.wait_ended(&full).map_err(failed)?;
            if end.exit_code != 0 {
                return Err(Failure::device(
                    "waiting for the app",
                    format_args!("{full} ended with exit code {}", end.exit_code),
                ));
            }
            continue;
        }
        let container = client.wait_for(&full, Milestone::Running).map_err(failed)?;
        if container.health.status != Health::None {
            client.wait_for(&full, Milestone::Healthy).map_err(failed)?;
        }
    }
    Ok(())
}

/// Shows what `up` would do.
pub(super) fn diff(arguments: &DiffArguments) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, PLAN)?;
    let (name, spec) = app::load(&arguments.app.file, arguments.app.name.as_deref())?;
    let plan = client()?
        .plan_app(&name, &spec)
        .map_err(|error| Failure::daemon(&name, error))?;
    output.one(&plan, || plan_text(&plan))
}

/// Removes apps.
pub(super) fn down(arguments: &DownArguments) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, REMOVED)?;
    let names = if arguments.names.is_empty() {
        let file = arguments.file.as_deref().unwrap_or(Path::new("app.yaml"));
        vec![app::load(file, None)?.0]
    } else {
        arguments.names.clone()
    };
    let mut removed = Vec::new();
    let result = each(
        &names,
        |client, name| client.remove_app(name, arguments.volumes),
        |name, ()| {
            if output.is_text() {
                return write(&format!("{}\n", printable(name)));
            }
            removed.push(json!({"name": name}));
            Ok(())
        },
    );
    if !output.is_text() {
        output.list(&removed, String::new)?;
    }
    result
}

/// Lists apps.
pub(super) fn list(arguments: &AppsArguments) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, APP)?;
    let apps = client()?.apps().map_err(ours)?;
    output.list(&apps, || {
        let head = ["NAME", "CONTAINERS", "RUNNING", "TROUBLED"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(apps.iter().map(|app| {
            vec![
                printable(&app.name),
                app.containers.to_string(),
                app.running.to_string(),
                app.troubled.to_string(),
            ]
        }));
        table(&rows)
    })
}
