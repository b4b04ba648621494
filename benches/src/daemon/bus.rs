//! Messages between containers of the daemon: how many, how old when they come, to one and to a hundred, and beside
//! one that never reads.

use anyhow::{Context as _, Result};
use thimble_device_api::ContainerSpec;

use crate::options::Options;
use thimble_bench_report::Outcome;
use thimble_bench_report::summarize;

use super::guests::{self, BATCH};
use super::service::{Home, Service, numbers, spec};

/// Subscribers at once.
const MANY: usize = 100;
/// Between two messages whose age is measured.
const PERIOD_MS: u32 = 2;

/// Measures one worker and two.
pub(crate) fn measure(options: &Options) -> Result<Vec<Outcome>> {
    let thimble = match options.thimble() {
        Ok(thimble) => thimble,
        Err(why) => return Ok(vec![Outcome::skipped("thimble daemon", why)]),
    };
    let mut outcomes = Vec::new();
    for workers in [1, 2] {
        let home = Home::new(options, &thimble, "bus")?.workers(workers)?;
        let bench = Bench {
            options,
            home: &home,
            service: home.start()?,
            // The promises are about one worker: there is no luck with processors in them.
            is_promised: workers == 1 && !options.smoke,
            workers,
        };
        outcomes.extend(bench.throughput()?);
        outcomes.extend(bench.beside_a_silent_one()?);
        outcomes.extend(bench.ages()?);
        bench.service.stop()?;
    }
    Ok(outcomes)
}

struct Bench<'home> {
    options: &'home Options,
    home: &'home Home,
    service: Service<'home>,
    is_promised: bool,
    workers: usize,
}

impl Bench<'_> {
    fn throughput(&self) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        for (subscribers, batches) in [(1, 2000), (MANY, 40)] {
            let batches = self.options.times(batches, 2);
            let subscribers = self.options.times(subscribers, subscribers.min(3));
            let rate = self.rate(subscribers, batches, None)?;
            let outcome = Outcome::new(
                format!("daemon, to {subscribers}, {} workers", self.workers),
                rate * subscribers as f64,
                "/s",
            )
            .note(format!(
                "deliveries; {} messages of 32 bytes",
                batches * BATCH
            ));
            outcomes.push(if self.is_promised {
                outcome.budget("bus_messages_per_s_min")
            } else {
                outcome
            });
        }
        Ok(outcomes)
    }

    /// A publisher and a subscriber: how much of their throughput is left when there is a second subscriber that never
    /// reads, instead of one that does.
    fn beside_a_silent_one(&self) -> Result<Vec<Outcome>> {
        let batches = self.options.times(1000, 2);
        let mut ratios = Vec::new();
        let (mut alone, mut reading, mut silent) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.options.times(5, 1) {
            alone.push(self.rate(1, batches, None)?);
            let beside_reading = self.rate(1, batches, Some(guests::quiet_subscriber()))?;
            let beside_silent = self.rate(1, batches, Some(guests::silent_subscriber()))?;
            ratios.push(beside_silent / beside_reading * 100.0);
            reading.push(beside_reading);
            silent.push(beside_silent);
        }
        let outcome = Outcome::new(
            format!(
                "daemon, beside one that never reads, {} workers",
                self.workers
            ),
            summarize(ratios).median,
            "%",
        )
        .note(format!(
            "of {:.0}/s beside one that reads; {:.0}/s alone, {:.0}/s beside the silent one",
            summarize(reading).median,
            summarize(alone).median,
            summarize(silent).median
        ));
        Ok(vec![if self.is_promised {
            outcome.budget("daemon_bus_beside_silent_percent_min")
        } else {
            outcome
        }])
    }

    /// How old messages are when they come, to one subscriber and to many.
    fn ages(&self) -> Result<Vec<Outcome>> {
        let rounds = self.options.times(200, 3);
        let mut outcomes = Vec::new();
        for subscribers in [1, self.options.times(MANY, 3)] {
            let image = self.home.image("timer", &guests::timer(rounds))?;
            let pacer = guests::pacer(subscribers, rounds, PERIOD_MS);
            let pacer = self.guest("pacer", &pacer)?;
            self.service.run(&pacer)?;
            let timers: Vec<_> = (0..subscribers)
                .map(|number| with_bus(spec(format!("timer{number}"), &image)))
                .collect();
            for timer in &timers {
                self.service.run(timer)?;
            }
            self.service.end(&pacer)?;
            let mut ages = Vec::new();
            for timer in &timers {
                let said = numbers(&self.service.end(timer)?)?;
                ages.extend(said.into_iter().map(|nanos| nanos as f64 / 1e3));
            }
            let summary = summarize(ages);
            let outcome = Outcome::new(
                format!(
                    "daemon, one way to {subscribers}, {} workers: median",
                    self.workers
                ),
                summary.median,
                "us",
            )
            .note(format!(
                "p99 {:.1}, worst {:.1}; {rounds} messages, one every {PERIOD_MS} ms, to an idle device",
                summary.p99, summary.max
            ));
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    /// Messages a second, to as many subscribers, each of which gets all, beside one more.
    fn rate(&self, subscribers: usize, batches: usize, other: Option<String>) -> Result<f64> {
        let ready = subscribers + usize::from(other.is_some());
        let publisher = guests::publisher(ready, subscribers, batches);
        let publisher = self.guest("publisher", &publisher)?;
        self.service.run(&publisher)?;
        let other = other.map(|text| self.guest("other", &text)).transpose()?;
        if let Some(other) = &other {
            self.service.run(other)?;
        }
        let image = self
            .home
            .image("subscriber", &guests::subscriber(batches))?;
        let subscribers: Vec<_> = (0..subscribers)
            .map(|number| with_bus(spec(format!("subscriber{number}"), &image)))
            .collect();
        for subscriber in &subscribers {
            self.service.run(subscriber)?;
        }
        let record = self.service.end(&publisher)?;
        for subscriber in &subscribers {
            self.service.end(subscriber)?;
        }
        if let Some(other) = &other {
            self.service.remove(other)?;
        }
        let nanos = numbers(&record)?;
        let nanos = nanos.first().context("the publisher said nothing")?;
        Ok((batches * BATCH) as f64 / (*nanos as f64 / 1e9))
    }

    fn guest(&self, name: &str, text: &str) -> Result<ContainerSpec> {
        let image = self.home.image(name, text)?;
        Ok(with_bus(spec(name, &image)))
    }
}

fn with_bus(mut spec: ContainerSpec) -> ContainerSpec {
    spec.grants = ["bus.pub:bench/#", "bus.sub:bench/#"]
        .map(str::to_owned)
        .to_vec();
    spec
}
