//! Pickles as data: Python's serialisation, protocols 2 to 5, read into objects. Nothing is looked
//! up, called or built: what a pickle wants made of a class is kept as the class's name and the
//! arguments.
//!
//! Source: CPython's `Lib/pickletools.py`, which documents every opcode.

use std::collections::HashMap;

/// Most objects of a pickle: a checkpoint of a thousand tensors has some twenty thousand.
const MAX_OBJECTS: usize = 1 << 20;

/// Why bytes are not a pickle that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PickleError {
    /// The bytes end too early.
    #[error("the pickle breaks off at byte {at}: was the file cut short?")]
    Cut {
        /// Where more was expected.
        at: usize,
    },
    /// An opcode that protocols 2 to 5 do not write.
    #[error(
        "opcode {code:#04x} at byte {at} is not one of pickle protocols 2 to 5: save the file with torch.save as it is"
    )]
    Opcode {
        /// The opcode.
        code: u8,
        /// Where it stands.
        at: usize,
    },
    /// An opcode whose operands are not there, or are of another kind.
    #[error("the pickle is broken at byte {at}: {problem}")]
    Broken {
        /// Where the opcode stands.
        at: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// More objects than any checkpoint has.
    #[error("the pickle holds more than {MAX_OBJECTS} objects: save the state_dict() alone")]
    TooLarge,
}

/// Index of an object in its pickle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Id(usize);

/// A Python object, as far as a pickle describes it.
#[derive(Debug, Clone, PartialEq)]
pub enum Object {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer of at most 128 bits.
    Int(i128),
    /// A wider integer, a float or bytes: nothing of a state dict depends on its value.
    Opaque,
    /// A text.
    Text(String),
    /// A tuple, list or set.
    Items(Vec<Id>),
    /// A dict, ordered or not.
    Dict(Vec<(Id, Id)>),
    /// A class or function by its full name, such as `collections.OrderedDict`.
    Global(String),
    /// What a class or function would make of arguments.
    Made {
        /// The class or function.
        by: Id,
        /// Its arguments.
        arguments: Id,
    },
    /// What lies outside the pickle, by the object that names it.
    Persistent(Id),
}

/// The objects of a pickle.
#[derive(Debug)]
pub struct Pickle {
    objects: Vec<Object>,
    root: Id,
}

impl Pickle {
    /// Reads the pickle that the bytes begin with; returns also how many bytes it takes.
    ///
    /// # Errors
    /// If the bytes are not a whole pickle of protocols 2 to 5.
    pub fn read(bytes: &[u8]) -> Result<(Self, usize), PickleError> {
        let mut machine = Machine { bytes, at: 0, ..Machine::default() };
        let root = machine.run()?;
        Ok((Self { objects: machine.objects, root }, machine.at))
    }

    /// The object that was pickled.
    pub fn root(&self) -> Id {
        self.root
    }

    /// An object.
    pub fn object(&self, id: Id) -> &Object {
        &self.objects[id.0]
    }

    /// Every object.
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// The text that an object is.
    pub fn text(&self, id: Id) -> Option<&str> {
        match self.object(id) {
            Object::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The non-negative integer that an object is.
    pub fn size(&self, id: Id) -> Option<usize> {
        match self.object(id) {
            Object::Int(value) => usize::try_from(*value).ok(),
            _ => None,
        }
    }

    /// The items of a tuple or list.
    pub fn items(&self, id: Id) -> Option<&[Id]> {
        match self.object(id) {
            Object::Items(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a dict.
    pub fn entries(&self, id: Id) -> Option<&[(Id, Id)]> {
        match self.object(id) {
            Object::Dict(entries) => Some(entries),
            _ => None,
        }
    }

    /// Name of the class or function that an object is, or that it would be made by.
    pub fn class(&self, id: Id) -> Option<&str> {
        match self.object(id) {
            Object::Global(name) => Some(name),
            Object::Made { by, .. } => match self.object(*by) {
                Object::Global(name) => Some(name),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The machine that a pickle is a program of, without the means to call anything. Each opcode makes
/// at most one object of fixed size, or moves what is on the stack: memory stays within a multiple
/// of the input.
#[derive(Default)]
struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    objects: Vec<Object>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<usize, Id>,
    /// Where the opcode at hand stands.
    opcode_at: usize,
}

impl<'a> Machine<'a> {
    fn run(&mut self) -> Result<Id, PickleError> {
        loop {
            self.opcode_at = self.at;
            let [code] = self.array()?;
            if code == b'.' {
                return self.pop();
            }
            self.carry_out(code)?;
        }
    }

    fn carry_out(&mut self, code: u8) -> Result<(), PickleError> {
        match code {
            // Protocol and frame: how the rest was cut into pieces.
            0x80 => self.take(1).map(drop),
            0x95 => self.take(8).map(drop),
            b'(' => {
                self.marks.push(self.stack.len());
                self.bounded(self.marks.len())
            }
            b'0' => self.pop().map(drop),
            b'1' => self.pop_to_mark().map(drop),
            b'2' => {
                let top = self.top()?;
                self.push_id(top)
            }
            b'N' => self.push(Object::None),
            0x88 => self.push(Object::Bool(true)),
            0x89 => self.push(Object::Bool(false)),
            b'J' => self
                .array()
                .and_then(|bytes| self.push(Object::Int(i32::from_le_bytes(bytes).into()))),
            b'K' => self.integer(1),
            b'M' => self.integer(2),
            0x8a => self.long(1),
            0x8b => self.long(4),
            b'G' => self.take(8).and_then(|_| self.push(Object::Opaque)),
            b'X' | b'T' => self.text(4),
            0x8c | b'U' => self.text(1),
            0x8d => self.text(8),
            b'B' => self.opaque(4),
            b'C' => self.opaque(1),
            0x8e | 0x96 => self.opaque(8),
            b')' | b']' | 0x8f => self.push(Object::Items(Vec::new())),
            b'}' => self.push(Object::Dict(Vec::new())),
            0x85..=0x87 => {
                let items = self.pop_many(usize::from(code - 0x84))?;
                self.push(Object::Items(items))
            }
            b't' | b'l' | 0x91 => {
                let items = self.pop_to_mark()?;
                self.push(Object::Items(items))
            }
            b'd' => {
                let items = self.pop_to_mark()?;
                self.push(Object::Dict(Vec::new()))?;
                self.put_entries(&items)
            }
            b'a' => {
                let item = self.pop()?;
                self.put_items(vec![item])
            }
            b'e' | 0x90 => {
                let items = self.pop_to_mark()?;
                self.put_items(items)
            }
            b's' => {
                let items = self.pop_many(2)?;
                self.put_entries(&items)
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                self.put_entries(&items)
            }
            b'q' => self.length(1).and_then(|key| self.remember(key)),
            b'r' => self.length(4).and_then(|key| self.remember(key)),
            0x94 => self.remember(self.memo.len()),
            b'h' => self.length(1).and_then(|key| self.recall(key)),
            b'j' => self.length(4).and_then(|key| self.recall(key)),
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Object::Global(format!("{module}.{name}")))
            }
            0x93 => self.stack_global(),
            b'R' | 0x81 => self.make(),
            0x92 => {
                // Named arguments are no part of anything that a state dict is made of.
                self.pop()?;
                self.make()
            }
            b'b' => self.pop().and_then(|_state| self.top()).map(drop),
            b'Q' => {
                let name = self.pop()?;
                self.push(Object::Persistent(name))
            }
            code => Err(PickleError::Opcode { code, at: self.opcode_at }),
        }
    }

    fn broken(&self, problem: &'static str) -> PickleError {
        PickleError::Broken { at: self.opcode_at, problem }
    }

    fn bounded(&self, count: usize) -> Result<(), PickleError> {
        if count > MAX_OBJECTS { Err(PickleError::TooLarge) } else { Ok(()) }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], PickleError> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..length).ok_or(PickleError::Cut { at: self.bytes.len() })?;
        self.at += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        let bytes = self.take(N)?;
        Ok(std::array::from_fn(|index| bytes[index]))
    }

    /// An unsigned number of this many bytes.
    fn length(&mut self, width: usize) -> Result<usize, PickleError> {
        let bytes = self.take(width)?;
        let value = bytes.iter().rev().fold(0u64, |value, &byte| value << 8 | u64::from(byte));
        // What does not fit is more than there can be, and will be found missing.
        Ok(usize::try_from(value).unwrap_or(usize::MAX))
    }

    fn line(&mut self) -> Result<String, PickleError> {
        let rest = &self.bytes[self.at..];
        let length = rest
            .iter()
            .position(|&byte| byte == b'\n')
            .ok_or(PickleError::Cut { at: self.bytes.len() })?;
        self.at += length + 1;
        Ok(String::from_utf8_lossy(&rest[..length]).into_owned())
    }

    fn integer(&mut self, width: usize) -> Result<(), PickleError> {
        let value = self.length(width)?;
        self.push(Object::Int(value as i128))
    }

    /// A signed number of any width, least significant byte first.
    fn long(&mut self, width: usize) -> Result<(), PickleError> {
        let length = self.length(width)?;
        let bytes = self.take(length)?;
        if bytes.len() > size_of::<i128>() {
            return self.push(Object::Opaque);
        }
        let sign = if bytes.last().is_some_and(|&byte| byte >= 0x80) { u8::MAX } else { 0 };
        let all = std::array::from_fn(|index| bytes.get(index).copied().unwrap_or(sign));
        self.push(Object::Int(i128::from_le_bytes(all)))
    }

    fn text(&mut self, width: usize) -> Result<(), PickleError> {
        let length = self.length(width)?;
        let bytes = self.take(length)?;
        self.push(Object::Text(String::from_utf8_lossy(bytes).into_owned()))
    }

    fn opaque(&mut self, width: usize) -> Result<(), PickleError> {
        let length = self.length(width)?;
        self.take(length)?;
        self.push(Object::Opaque)
    }

    fn push(&mut self, object: Object) -> Result<(), PickleError> {
        self.objects.push(object);
        self.bounded(self.objects.len())?;
        self.push_id(Id(self.objects.len() - 1))
    }

    fn push_id(&mut self, id: Id) -> Result<(), PickleError> {
        self.stack.push(id);
        self.bounded(self.stack.len())
    }

    /// What lies on the stack above the last mark.
    fn above_mark(&self) -> usize {
        self.stack.len() - self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<Id, PickleError> {
        let top = self.stack.last().filter(|_| self.above_mark() > 0);
        top.copied().ok_or_else(|| self.broken("nothing is on its stack"))
    }

    fn pop(&mut self) -> Result<Id, PickleError> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<Id>, PickleError> {
        if self.above_mark() < count {
            return Err(self.broken("too little is on its stack"));
        }
        Ok(self.stack.split_off(self.stack.len() - count))
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, PickleError> {
        let mark = self.marks.pop().ok_or_else(|| self.broken("no mark is on its stack"))?;
        Ok(self.stack.split_off(mark))
    }

    fn put_items(&mut self, more: Vec<Id>) -> Result<(), PickleError> {
        let onto = self.top()?;
        match &mut self.objects[onto.0] {
            Object::Items(items) => items.extend(more),
            // A class of its own that behaves like a list: what it holds is as unknown as what it
            // is.
            Object::Made { .. } => {}
            _ => return Err(self.broken("items are put into what is no list")),
        }
        Ok(())
    }

    fn put_entries(&mut self, more: &[Id]) -> Result<(), PickleError> {
        let (pairs, []) = more.as_chunks::<2>() else {
            return Err(self.broken("a key has no value"));
        };
        let onto = self.top()?;
        match &mut self.objects[onto.0] {
            Object::Dict(entries) => entries.extend(pairs.iter().map(|&[key, value]| (key, value))),
            Object::Made { .. } => {}
            _ => return Err(self.broken("entries are put into what is no dict")),
        }
        Ok(())
    }

    fn remember(&mut self, key: usize) -> Result<(), PickleError> {
        let top = self.top()?;
        self.memo.insert(key, top);
        self.bounded(self.memo.len())
    }

    fn recall(&mut self, key: usize) -> Result<(), PickleError> {
        let known = self.memo.get(&key).copied();
        let known = known.ok_or_else(|| self.broken("it recalls what it never kept"))?;
        self.push_id(known)
    }

    fn stack_global(&mut self) -> Result<(), PickleError> {
        let parts = self.pop_many(2)?;
        let [Object::Text(module), Object::Text(name)] =
            [&self.objects[parts[0].0], &self.objects[parts[1].0]]
        else {
            return Err(self.broken("a class is named by what is no text"));
        };
        // Two long names that are recalled again and again would take memory out of nothing.
        if module.len() + name.len() > 1 << 10 {
            return Err(self.broken("a class has a name of more than a thousand letters"));
        }
        let name = format!("{module}.{name}");
        self.push(Object::Global(name))
    }

    fn make(&mut self) -> Result<(), PickleError> {
        let parts = self.pop_many(2)?;
        let (by, arguments) = (parts[0], parts[1]);
        let makes_dict = matches!(&self.objects[by.0], Object::Global(name) if name == "collections.OrderedDict");
        let empty = matches!(&self.objects[arguments.0], Object::Items(items) if items.is_empty());
        self.push(if makes_dict && empty {
            Object::Dict(Vec::new())
        } else {
            Object::Made { by, arguments }
        })
    }
}
