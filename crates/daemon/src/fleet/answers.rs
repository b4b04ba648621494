//! What the hub's answers mean for the agent.

use thimble_agent::event::Event;
use thimble_protocol::enrol::Issued;
use thimble_protocol::report::ReportReply;
use thimble_protocol::session::{Exchange, Kind, Outcome, Problem, State};
use tokio::task::spawn_blocking;

use super::driver::{Driver, now_ms};
use super::identity;
use super::link::{Got, LinkError};

/// Statuses by which the hub says that it does not want this device.
const REFUSALS: [u16; 2] = [401, 403];

/// Takes the answer to an exchange.
pub(super) async fn exchanged(
    driver: &mut Driver,
    exchange: &Exchange,
    result: Result<Got, LinkError>,
) {
    let got = match result {
        Ok(got) => got,
        Err(error) => {
            driver.session.failed(now_ms(), exchange, error.failure());
            failed(driver, exchange, &error).await;
            return;
        }
    };
    match got.answered(&mut driver.session, now_ms(), exchange) {
        Outcome::State(state) => took(driver, &state).await,
        Outcome::NotModified { is_report_wanted } => {
            driver.contact();
            driver.tell(Event::HubAnswered).await;
            if is_report_wanted {
                driver.tell(Event::ReportWanted).await;
            }
        }
        Outcome::Reported(reply) => reported(driver, exchange, reply).await,
        Outcome::Enrolled(issued) => renewed(driver, issued).await,
        Outcome::Pending { .. } | Outcome::Blob(_) => driver.contact(),
        Outcome::Problem(problem) => refused(driver, exchange, &problem).await,
        Outcome::Invalid(invalid) => {
            driver.problem = Some(format!("the hub's answer cannot be read: {invalid:?}"));
            unanswered(driver, exchange).await;
        }
    }
}

async fn took(driver: &mut Driver, state: &State) {
    driver.contact();
    driver
        .tell(Event::StateReceived {
            envelope: &state.envelope,
            delay_apply_s: state.delay_apply_s,
        })
        .await;
    if state.is_report_wanted {
        driver.tell(Event::ReportWanted).await;
    }
}

async fn reported(driver: &mut Driver, exchange: &Exchange, reply: ReportReply) {
    driver.contact();
    if let Kind::Report { sequence } = exchange.kind {
        driver
            .tell(Event::ReportSent {
                sequence,
                send_all: reply.send_all,
            })
            .await;
    }
    // What it has been told once is not told again, however long it asks.
    if let Some(sent) = driver.log_sent.take() {
        driver.log_answers.retain(|answer| answer.request != sent);
    }
    let is_asked = |id: &u64| reply.requests.iter().any(|one| one.request == *id);
    driver.log_requests.retain(is_asked);
    if !driver.log_answers.is_empty() {
        driver.tell(Event::ReportWanted).await;
    }
    driver.read_logs(reply.requests);
    if reply.renew_certificate {
        driver.renew();
    }
}

/// The hub gave another certificate: the driver begins anew with it.
async fn renewed(driver: &mut Driver, issued: Issued) {
    driver.contact();
    let folder = driver.folder.clone();
    let kept = spawn_blocking(move || identity::keep_enrolment(&folder, &issued)).await;
    match kept {
        Ok(Ok(())) => {
            tracing::info!("fleet: the device has another certificate");
            driver.again = Some(std::time::Duration::ZERO);
        }
        Ok(Err(error)) => {
            driver.problem = Some(format!("the new certificate cannot be kept: {error}"));
        }
        Err(_) => {}
    }
}

async fn failed(driver: &mut Driver, exchange: &Exchange, error: &LinkError) {
    let text = error.to_string();
    if driver.problem.as_ref() != Some(&text) {
        tracing::warn!("fleet: {text}");
    }
    driver.is_refused = matches!(error, LinkError::DeviceRefused { .. });
    driver.problem = Some(text);
    unanswered(driver, exchange).await;
}

async fn refused(driver: &mut Driver, exchange: &Exchange, problem: &Problem) {
    let text = format!(
        "the hub answers {}: {}",
        problem.status,
        if problem.detail.is_empty() {
            &problem.kind
        } else {
            &problem.detail
        }
    );
    if driver.problem.as_ref() != Some(&text) {
        tracing::warn!("fleet: {text}");
    }
    driver.is_refused = REFUSALS.contains(&problem.status);
    driver.problem = Some(text);
    unanswered(driver, exchange).await;
}

async fn unanswered(driver: &mut Driver, exchange: &Exchange) {
    driver.has_contact = false;
    driver.tell(Event::HubFailed).await;
    if matches!(exchange.kind, Kind::Report { .. }) {
        driver.tell(Event::ReportFailed).await;
    }
}
