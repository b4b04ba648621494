//! Makes inputs and lets a target examine them.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::arguments::Order;
use crate::corpus::Corpus;
use crate::coverage;
use crate::examine::{catch_panics, examine};
use crate::finding::{self, Violation};
use crate::mutate::mutate;
use crate::random::Random;
use crate::shapes::Shapes;
use crate::targets::{Target, TargetSpec};
use crate::watchdog::Watchdog;

/// The exit code of a worker that found something and said so.
pub(crate) const EXIT_FOUND: u8 = 87;
/// Time for making a finding smaller.
const SHRINK_TIME: Duration = Duration::from_secs(5);

/// Works until the time is over.
pub(crate) fn run(order: &Order) -> ExitCode {
    catch_panics();
    let scratch = match File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&order.scratch)
    {
        Ok(scratch) => scratch,
        Err(error) => {
            eprintln!("{}: {error}", order.scratch.display());
            return ExitCode::FAILURE;
        }
    };
    let mut worker = Worker {
        order,
        scratch,
        target: (order.target.make)(),
        watchdog: Watchdog::start(order.target.patience),
        corpus: Corpus::load(order.target.name),
        seen: HashSet::new(),
        broken: BTreeSet::new(),
        examined: 0,
    };
    match worker.work() {
        Ok(()) if worker.broken.is_empty() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::from(EXIT_FOUND),
        Err(error) => {
            eprintln!("{}: {error}", order.target.name);
            ExitCode::FAILURE
        }
    }
}

/// Examines one file and says what it does.
pub(crate) fn repeat(target: &'static TargetSpec, file: &Path) -> ExitCode {
    let input = match fs::read(file) {
        Ok(input) => input,
        Err(error) => {
            eprintln!("{}: {error}", file.display());
            return ExitCode::FAILURE;
        }
    };
    catch_panics();
    let watchdog = Watchdog::start(target.patience);
    watchdog.begin();
    match examine(&mut *(target.make)(), &input, &mut Shapes::default()) {
        Ok(()) => {
            println!("{}: nothing wrong with {}", target.name, file.display());
            ExitCode::SUCCESS
        }
        Err(violation) => {
            println!("{}: {}\n{}", target.name, violation.rule, violation.detail);
            ExitCode::FAILURE
        }
    }
}

struct Worker<'a> {
    order: &'a Order,
    scratch: File,
    target: Box<dyn Target>,
    watchdog: Watchdog,
    corpus: Corpus,
    seen: HashSet<u64>,
    /// Rules for which there is a finding.
    broken: BTreeSet<String>,
    examined: u64,
}

impl Worker<'_> {
    fn work(&mut self) -> io::Result<()> {
        let begin = Instant::now();
        let name = self.order.target.name;
        let files = self.corpus.inputs().to_vec();
        for input in &files {
            self.try_input(input)?;
        }
        for index in 0.. {
            if begin.elapsed() >= self.order.time {
                break;
            }
            let mut random = Random::fork(self.order.seed, index);
            let input = self.make(&mut random);
            if self.try_input(&input)? {
                if self.order.keep {
                    self.corpus.save(&input);
                }
                self.corpus.add(input, &mut random);
            }
        }
        println!(
            "{name}: {} inputs in {} s ({} from the corpus), {} shapes, seed {}, {} findings",
            self.examined,
            begin.elapsed().as_secs(),
            files.len(),
            self.seen.len(),
            self.order.seed,
            self.broken.len()
        );
        Ok(())
    }

    fn make(&self, random: &mut Random) -> Vec<u8> {
        let target = self.order.target;
        let inputs = self.corpus.inputs();
        match random.pick(inputs) {
            Some(input) if !random.one_in(3) => {
                let other = random.pick(inputs).map_or(&[][..], Vec::as_slice);
                mutate(input, other, target.tokens, target.bytes_max, random)
            }
            _ => {
                // Short ones as often as long ones.
                let scale = random.below(target.bytes_max.ilog2() as usize + 1);
                let len = random.below((2 << scale).min(target.bytes_max));
                random.bytes(len)
            }
        }
    }

    /// Examines an input; whether it did anything new.
    fn try_input(&mut self, input: &[u8]) -> io::Result<bool> {
        self.scratch.write_all_at(input, 0)?;
        self.scratch.set_len(input.len() as u64)?;
        self.examined += 1;
        let mut shapes = Shapes::default();
        coverage::begin();
        let result = self.examine(input, &mut shapes);
        coverage::end(&mut shapes);
        if let Err(violation) = result
            && self.broken.insert(violation.rule.clone())
        {
            let (name, seed) = (self.order.target.name, self.order.seed);
            finding::report(name, seed, &violation, input)?;
            let small = self.shrink(input, &violation.rule);
            if let Err(smaller) = self.examine(&small, &mut Shapes::default())
                && small.len() < input.len()
            {
                finding::report(name, seed, &smaller, &small)?;
            }
        }
        Ok(shapes.add_to(&mut self.seen))
    }

    fn examine(&mut self, input: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
        self.watchdog.begin();
        let result = examine(&mut *self.target, input, shapes);
        self.watchdog.end();
        result
    }

    /// The input without the parts that are not needed to break the rule.
    fn shrink(&mut self, input: &[u8], rule: &str) -> Vec<u8> {
        let begin = Instant::now();
        let mut small = input.to_vec();
        let mut part = small.len().next_power_of_two() / 2;
        while part > 0 && begin.elapsed() < SHRINK_TIME {
            let mut at = 0;
            while at < small.len() && begin.elapsed() < SHRINK_TIME {
                let mut candidate = small.clone();
                candidate.drain(at..(at + part).min(small.len()));
                match self.examine(&candidate, &mut Shapes::default()) {
                    Err(violation) if violation.rule == rule => small = candidate,
                    _ => at += part,
                }
            }
            part /= 2;
        }
        small
    }
}
