//! The file that describes a board.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use thimble_abi::env::SENSOR_NAME_BYTES;
use thimble_runtime::port::{Direction, PinName, SensorReading};
use toml::Spanned;

use super::{PinSpec, SensorSpec, Simulated};

/// Pins or sensors of one board.
const PARTS_MAX: usize = 256;

/// Why a board could not be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum BoardError {
    /// The file cannot be read.
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It is not TOML of the right form.
    Form {
        /// The line, counted from 1; 0 where it is not known.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A pin or sensor does not make sense.
    Part {
        /// The line, counted from 1.
        line: usize,
        /// Its name.
        name: String,
        /// What is wrong.
        reason: &'static str,
    },
}

impl std::fmt::Display for BoardError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Read { path, .. } => {
                write!(formatter, "cannot read the board {}", path.display())
            }
            Self::Form { line, reason } => write!(formatter, "line {line} of the board: {reason}"),
            Self::Part { line, name, reason } => {
                write!(formatter, "line {line} of the board: `{name}` {reason}")
            }
        }
    }
}

impl std::error::Error for BoardError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { error, .. } => Some(error),
            Self::Form { .. } | Self::Part { .. } => None,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    gpio: Vec<Spanned<Gpio>>,
    #[serde(default)]
    sensor: Vec<Spanned<Sensor>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Gpio {
    name: Option<String>,
    port: u32,
    pin: u32,
    direction: PinUse,
    #[serde(default)]
    pulses_ms: Vec<u64>,
    repeat_ms: Option<u64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum PinUse {
    Input,
    Output,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sensor {
    name: String,
    id: u32,
    channels: Vec<Channel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Channel {
    #[serde(rename = "type")]
    kind: u32,
    values: Vec<f64>,
}

pub(super) fn load(path: &Path) -> Result<Simulated, BoardError> {
    let text = std::fs::read_to_string(path).map_err(|error| BoardError::Read {
        path: path.to_owned(),
        error,
    })?;
    parse(&text)
}

pub(super) fn parse(text: &str) -> Result<Simulated, BoardError> {
    let file: File = toml::from_str(text).map_err(|error| BoardError::Form {
        line: error.span().map_or(0, |span| line(text, &span)),
        reason: error.message().to_owned(),
    })?;
    let mut pins: Vec<PinSpec> = Vec::new();
    for part in file.gpio {
        let line = line(text, &part.span());
        let pin = pin(part.into_inner(), &pins);
        pins.push(pin.map_err(|(name, reason)| BoardError::Part { line, name, reason })?);
    }
    let mut sensors: Vec<SensorSpec> = Vec::new();
    for part in file.sensor {
        let line = line(text, &part.span());
        let sensor = part.into_inner();
        check_sensor(&sensor, &sensors).map_err(|reason| BoardError::Part {
            line,
            name: sensor.name.clone(),
            reason,
        })?;
        sensors.push(SensorSpec {
            reading: SensorReading {
                name: sensor.name,
                id: sensor.id,
                channels: sensor.channels.iter().map(|channel| channel.kind).collect(),
            },
            values: sensor
                .channels
                .into_iter()
                .map(|channel| channel.values)
                .collect(),
        });
    }
    Ok(Simulated::new(pins, sensors))
}

fn pin(gpio: Gpio, others: &[PinSpec]) -> Result<PinSpec, (String, &'static str)> {
    let place = format!("{}.{}", gpio.port, gpio.pin);
    let label = gpio.name.clone().unwrap_or_else(|| place.clone());
    let fail = |reason| Err((label.clone(), reason));
    if others.len() >= PARTS_MAX {
        return fail("is one pin too many: a board has at most 256");
    }
    if gpio
        .name
        .as_ref()
        .is_some_and(|name| name.is_empty() || name.len() > 64 || name.contains('\0'))
    {
        return fail("must have a name of 1 to 64 bytes, or none");
    }
    if gpio.name.is_some() && others.iter().any(|other| other.name.name == gpio.name) {
        return fail("has the name of another pin");
    }
    if others
        .iter()
        .any(|other| (other.name.port, other.name.pin) == (gpio.port, gpio.pin))
    {
        return fail("has the port and number of another pin");
    }
    if i32::try_from(gpio.port).is_err() || i32::try_from(gpio.pin).is_err() {
        return fail("has a port or number that no guest can name: at most 2147483647");
    }
    let timed = !gpio.pulses_ms.is_empty() || gpio.repeat_ms.is_some();
    if timed && matches!(gpio.direction, PinUse::Output) {
        return fail("is an output: only inputs have pulses_ms and repeat_ms");
    }
    if !gpio
        .pulses_ms
        .is_sorted_by(|earlier, later| earlier < later)
    {
        return fail("must have pulses_ms that increase");
    }
    if gpio
        .repeat_ms
        .is_some_and(|repeat| gpio.pulses_ms.last().is_none_or(|last| repeat <= *last))
    {
        return fail("must have a repeat_ms that is larger than the last of its pulses_ms");
    }
    Ok(PinSpec {
        name: PinName {
            port: gpio.port,
            pin: gpio.pin,
            name: gpio.name,
        },
        direction: match gpio.direction {
            PinUse::Input => Direction::Input,
            PinUse::Output => Direction::Output,
        },
        times: gpio
            .pulses_ms
            .into_iter()
            .map(Duration::from_millis)
            .collect(),
        repeat: gpio.repeat_ms.map(Duration::from_millis),
    })
}

fn check_sensor(sensor: &Sensor, others: &[SensorSpec]) -> Result<(), &'static str> {
    let name_bytes_max = usize::try_from(SENSOR_NAME_BYTES).unwrap_or(usize::MAX);
    if others.len() >= PARTS_MAX {
        return Err("is one sensor too many: a board has at most 256");
    }
    if sensor.name.is_empty() || sensor.name.len() >= name_bytes_max || sensor.name.contains('\0') {
        return Err("must have a name of 1 to 124 bytes");
    }
    if others.iter().any(|other| other.reading.name == sensor.name) {
        return Err("has the name of another sensor");
    }
    if others.iter().any(|other| other.reading.id == sensor.id) {
        return Err("has the id of another sensor");
    }
    if sensor.channels.is_empty()
        || sensor
            .channels
            .iter()
            .any(|channel| channel.values.is_empty())
    {
        return Err("must have channels, each with at least one value");
    }
    Ok(())
}

/// The line, counted from 1, on which a part of the text begins.
fn line(text: &str, span: &Range<usize>) -> usize {
    let before = text.as_bytes().get(..span.start).unwrap_or_default();
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}
