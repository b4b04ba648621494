//! Links the instances of a file to each other, as far as this engine can express it.

use std::collections::BTreeMap;

use wasmparser::{ExternalKind, FuncType, GlobalType, MemoryType, RefType, TableType, ValType};

use crate::shape::{self, Kind, Shape};
use crate::stream::{Target, Value};

/// Pages of `spectest`'s memory, and elements of its table.
const SPECTEST_SIZES: [u64; 2] = [1, 10];

/// An instance of a file.
pub(crate) struct Linked {
    pub(crate) shape: Shape,
    /// Its number in the stream; nothing if it is left out.
    pub(crate) number: Option<u32>,
    targets: Vec<Target>,
    /// Instances that it calls.
    uses: Vec<usize>,
    /// Why what it answers is not what it answers elsewhere, by the number of a skip.
    pub(crate) cause: Option<usize>,
}

/// How a module's imports are served.
#[derive(Default)]
pub(crate) struct Imports {
    pub(crate) targets: Vec<Target>,
    pub(crate) values: Vec<Value>,
    /// Instances whose functions it calls.
    uses: Vec<usize>,
}

/// Whether a module can be linked.
pub(crate) enum Link {
    Done(Imports),
    /// It must not be linked: what it imports is not there, or has another type.
    Unlinkable,
    /// It shares something with another instance, which this engine cannot express.
    Shares {
        what: String,
        /// Those that it may change.
        with: Vec<usize>,
    },
    /// It calls an instance that is left out, or whose answers are not what they are elsewhere.
    Without(usize),
}

/// All instances of a file, and their names.
#[derive(Default)]
pub(crate) struct Linker {
    pub(crate) instances: Vec<Linked>,
    registered: BTreeMap<String, usize>,
    named: BTreeMap<String, usize>,
    numbers: u32,
}

impl Linker {
    /// The instance of a name, or the last one.
    pub(crate) fn instance(&self, name: Option<&str>) -> Option<usize> {
        match name {
            Some(name) => self.named.get(name).copied(),
            None => self.instances.len().checked_sub(1),
        }
    }

    pub(crate) fn register(&mut self, name: &str, instance: usize) {
        self.registered.insert(name.to_owned(), instance);
    }

    /// Adds an instance that takes the next number of the stream.
    pub(crate) fn add(&mut self, name: Option<&str>, shape: Shape, imports: Imports) {
        let number = self.numbers;
        self.numbers += 1;
        self.push(
            name,
            Linked {
                shape,
                number: Some(number),
                targets: imports.targets,
                uses: imports.uses,
                cause: None,
            },
        );
    }

    /// Adds one that is left out.
    pub(crate) fn add_without(&mut self, name: Option<&str>, shape: Shape, cause: usize) {
        self.push(
            name,
            Linked {
                shape,
                number: None,
                targets: Vec::new(),
                uses: Vec::new(),
                cause: Some(cause),
            },
        );
    }

    /// Forgets the instance that was added last, which trapped.
    pub(crate) fn forget_last(&mut self) {
        self.instances.pop();
        self.numbers -= 1;
    }

    fn push(&mut self, name: Option<&str>, linked: Linked) {
        if let Some(name) = name {
            self.named.insert(name.to_owned(), self.instances.len());
        }
        self.instances.push(linked);
    }

    /// Why nothing can be asked of an instance, if so.
    pub(crate) fn cause(&self, instance: usize) -> Option<usize> {
        let linked = &self.instances[instance];
        linked
            .cause
            .or_else(|| linked.uses.iter().find_map(|used| self.cause(*used)))
    }

    /// The function of an instance by its index.
    pub(crate) fn target(&self, instance: usize, function: u32) -> Target {
        let linked = &self.instances[instance];
        let imported = linked.targets.get(function as usize).copied();
        imported.unwrap_or(Target::Function {
            instance: linked.number.expect("it is not left out"),
            function,
        })
    }

    /// Serves a module's imports.
    pub(crate) fn link(&self, shape: &Shape) -> Link {
        let mut imports = Imports::default();
        let mut shares = None;
        let mut without = None;
        let mut with = Vec::new();
        for (module, name, wanted) in &shape.imports {
            let owner = self.registered.get(module).copied();
            let Some((found, index)) = self.exported(module, owner, name) else {
                return Link::Unlinkable;
            };
            if !shape::matches(&found, wanted) {
                return Link::Unlinkable;
            }
            if let Some(what) = shared(owner, wanted, shape) {
                with.extend(owner);
                shares = shares.or(Some(format!("{what} of \"{module}\"")));
                continue;
            }
            if let Some(cause) = owner.and_then(|owner| self.cause(owner)) {
                without = without.or(Some(cause));
                continue;
            }
            self.serve(&mut imports, wanted, owner, index);
        }
        match (shares, without) {
            (Some(what), _) => Link::Shares { what, with },
            (None, Some(cause)) => Link::Without(cause),
            (None, None) => Link::Done(imports),
        }
    }

    fn serve(&self, imports: &mut Imports, wanted: &Kind, owner: Option<usize>, index: u32) {
        match (wanted, owner) {
            (Kind::Function(_), None) => imports.targets.push(Target::Host),
            (Kind::Function(_), Some(owner)) => {
                imports.uses.push(owner);
                imports.targets.push(self.target(owner, index));
            }
            (Kind::Global(ty), None) => imports.values.push(Value::Slot(spectest_global(ty))),
            (Kind::Global(_), Some(owner)) => {
                imports.uses.push(owner);
                imports.values.push(Value::Global {
                    instance: self.instances[owner].number.expect("it is not left out"),
                    global: index,
                });
            }
            (Kind::Table(_) | Kind::Memory(_), _) => {}
        }
    }

    fn exported(&self, module: &str, owner: Option<usize>, name: &str) -> Option<(Kind, u32)> {
        let Some(owner) = owner else {
            return (module == "spectest")
                .then(|| spectest(name))
                .flatten()
                .map(|kind| (kind, 0));
        };
        let shape = &self.instances[owner].shape;
        let (_, kind, index) = shape.exports.iter().find(|export| export.0 == name)?;
        Some((shape.kind(*kind, *index), *index))
    }
}

/// What the module would share with whom it imports this from, if anybody can tell. The memory and the table of `spectest`
/// are each module's own, as long as it wants them as large as they are: files write there what only they read.
fn shared(owner: Option<usize>, wanted: &Kind, shape: &Shape) -> Option<&'static str> {
    let of_spectest = |size: u64, own: u64| owner.is_none() && size == own;
    let [pages, elements] = SPECTEST_SIZES;
    let what = match wanted {
        Kind::Function(ty) if owner.is_some() && shape::passes_functions(ty) => {
            return Some("calls with references to functions");
        }
        Kind::Global(ty) if ty.content_type == ValType::Ref(RefType::FUNCREF) => {
            return Some("a reference to a function");
        }
        Kind::Memory(ty) if !of_spectest(ty.initial, pages) => "a memory",
        Kind::Table(ty) if !of_spectest(ty.initial, elements) => "a table",
        Kind::Global(ty) if ty.mutable => "a mutable global",
        _ => return None,
    };
    (!shape.is_inert()).then_some(what)
}

/// What the suite's host has.
fn spectest(name: &str) -> Option<Kind> {
    let function = |types: &[ValType]| Kind::Function(FuncType::new(types.iter().copied(), []));
    let global = |content_type| {
        Kind::Global(GlobalType {
            content_type,
            mutable: false,
            shared: false,
        })
    };
    let [pages, elements] = SPECTEST_SIZES;
    Some(match name {
        "print" => function(&[]),
        "print_i32" => function(&[ValType::I32]),
        "print_i64" => function(&[ValType::I64]),
        "print_f32" => function(&[ValType::F32]),
        "print_f64" => function(&[ValType::F64]),
        "print_i32_f32" => function(&[ValType::I32, ValType::F32]),
        "print_f64_f64" => function(&[ValType::F64, ValType::F64]),
        "global_i32" => global(ValType::I32),
        "global_i64" => global(ValType::I64),
        "global_f32" => global(ValType::F32),
        "global_f64" => global(ValType::F64),
        "table" => Kind::Table(TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            initial: elements,
            maximum: Some(20),
            shared: false,
        }),
        "memory" => Kind::Memory(MemoryType {
            memory64: false,
            shared: false,
            initial: pages,
            maximum: Some(2),
            page_size_log2: None,
        }),
        _ => return None,
    })
}

fn spectest_global(ty: &GlobalType) -> u64 {
    match ty.content_type {
        ValType::F32 => 666.6_f32.to_bits().into(),
        ValType::F64 => 666.6_f64.to_bits(),
        _ => 666,
    }
}

/// The export of a name, if it is of this kind.
pub(crate) fn export(shape: &Shape, name: &str, kind: ExternalKind) -> Option<u32> {
    let found = shape.exports.iter().find(|export| export.0 == name)?;
    (found.1 == kind).then_some(found.2)
}
