//! Files as `torch.save` lays them out, written here byte by byte: no other program is needed, and
//! what no PyTorch would write can be written too.

use std::io::{Cursor, Write};

use rrlab_engine::tensors::StateDict;
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

/// What a test pickles.
#[derive(Clone)]
pub enum Value {
    Int(i64),
    Float(f64),
    Text(String),
    Tuple(Vec<Value>),
    List(Vec<Value>),
    Dict(Vec<(String, Value)>),
    OrderedDict(Vec<(String, Value)>),
    Tensor(View),
    /// A parameter around a tensor.
    Parameter(View),
    /// An object of a class with attributes, as a whole module is.
    Object(&'static str, Vec<(String, Value)>),
}

/// A tensor as its pickle describes it.
#[derive(Clone)]
pub struct View {
    /// Class of the storage in `torch`.
    pub class: &'static str,
    /// Key of the storage.
    pub key: String,
    /// Values that the storage is said to have.
    pub stored: u64,
    /// First value.
    pub offset: u64,
    /// Lengths.
    pub shape: Vec<u64>,
    /// Steps.
    pub strides: Vec<u64>,
}

impl View {
    /// A whole contiguous storage of floats.
    pub fn whole(key: &str, shape: &[usize]) -> Self {
        let shape: Vec<u64> = shape.iter().map(|&length| length as u64).collect();
        let strides = (0..shape.len()).map(|axis| shape[axis + 1..].iter().product()).collect();
        Self {
            class: "FloatStorage",
            key: key.into(),
            stored: shape.iter().product(),
            offset: 0,
            shape,
            strides,
        }
    }
}

/// Keys of storages and their bytes.
pub type Storages = Vec<(String, Vec<u8>)>;

/// A state dict's tensors as values and storages; names get this prefix.
pub fn tensors_of(state: &StateDict, prefix: &str) -> (Vec<(String, Value)>, Storages) {
    let mut values = Vec::new();
    let mut storages = Storages::new();
    for (index, (name, tensor)) in state.iter().enumerate() {
        let key = index.to_string();
        values.push((format!("{prefix}{name}"), Value::Tensor(View::whole(&key, tensor.shape()))));
        storages
            .push((key, tensor.values().iter().flat_map(|value| value.to_le_bytes()).collect()));
    }
    (values, storages)
}

/// One pickle of protocol 2.
pub fn pickle(value: &Value) -> Vec<u8> {
    let mut bytes = vec![0x80, 2];
    put(&mut bytes, value);
    bytes.push(b'.');
    bytes
}

fn put(bytes: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Int(value) => {
            bytes.extend([0x8a, 8]);
            bytes.extend(value.to_le_bytes());
        }
        Value::Float(value) => {
            bytes.push(b'G');
            bytes.extend(value.to_be_bytes());
        }
        Value::Text(text) => {
            bytes.push(b'X');
            bytes.extend((text.len() as u32).to_le_bytes());
            bytes.extend(text.as_bytes());
        }
        Value::Tuple(items) => {
            bytes.push(b'(');
            items.iter().for_each(|item| put(bytes, item));
            bytes.push(b't');
        }
        Value::List(items) => {
            bytes.extend(b"](");
            items.iter().for_each(|item| put(bytes, item));
            bytes.push(b'e');
        }
        Value::Dict(entries) => {
            bytes.push(b'}');
            put_entries(bytes, entries);
        }
        Value::OrderedDict(entries) => {
            bytes.extend(b"ccollections\nOrderedDict\n)R");
            put_entries(bytes, entries);
        }
        Value::Tensor(view) => put_tensor(bytes, view),
        Value::Parameter(view) => {
            bytes.extend(b"ctorch._utils\n_rebuild_parameter\n(");
            put_tensor(bytes, view);
            bytes.extend(b"\x88ccollections\nOrderedDict\n)RtR");
        }
        Value::Object(class, attributes) => {
            let (module, name) = class.rsplit_once('.').unwrap();
            bytes.extend(format!("c{module}\n{name}\n").as_bytes());
            bytes.extend([b')', 0x81, b'}']);
            put_entries(bytes, attributes);
            bytes.push(b'b');
        }
    }
}

fn put_entries(bytes: &mut Vec<u8>, entries: &[(String, Value)]) {
    bytes.push(b'(');
    for (key, value) in entries {
        put(bytes, &Value::Text(key.clone()));
        put(bytes, value);
    }
    bytes.push(b'u');
}

fn put_tensor(bytes: &mut Vec<u8>, view: &View) {
    let int = |value: u64| Value::Int(value as i64);
    bytes.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
    put(bytes, &Value::Text("storage".into()));
    bytes.extend(format!("ctorch\n{}\n", view.class).as_bytes());
    put(bytes, &Value::Text(view.key.clone()));
    put(bytes, &Value::Text("cuda:0".into()));
    put(bytes, &int(view.stored));
    bytes.extend(b"tQ");
    put(bytes, &int(view.offset));
    for sizes in [&view.shape, &view.strides] {
        put(bytes, &Value::Tuple(sizes.iter().map(|&size| int(size)).collect()));
    }
    bytes.extend(b"\x89ccollections\nOrderedDict\n)RtR");
}

/// A zip archive as PyTorch 1.6 and later write it.
pub fn zip_file(value: &Value, storages: &Storages) -> Vec<u8> {
    zip_of(&pickle(value), storages, CompressionMethod::Stored)
}

/// A zip archive around any pickle.
pub fn zip_of(described: &[u8], storages: &Storages, compression: CompressionMethod) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(compression);
    let mut add = |name: String, bytes: &[u8]| {
        archive.start_file(format!("resnet/{name}"), options).unwrap();
        archive.write_all(bytes).unwrap();
    };
    add("data.pkl".into(), described);
    add("byteorder".into(), b"little");
    storages.iter().for_each(|(key, bytes)| add(format!("data/{key}"), bytes));
    add("version".into(), b"3\n");
    archive.finish().unwrap().into_inner()
}

/// A row of pickles as PyTorch before 1.6 writes it; every storage is of floats.
pub fn legacy_file(value: &Value, storages: &Storages) -> Vec<u8> {
    let mut bytes =
        vec![0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, b'.'];
    bytes.extend(pickle(&Value::Int(1001)));
    let sizes = Value::Dict(vec![("short".into(), Value::Int(2)), ("int".into(), Value::Int(4))]);
    let machine = vec![("protocol_version".into(), Value::Int(1001)), ("type_sizes".into(), sizes)];
    bytes.extend(pickle(&Value::Dict(machine)));
    bytes.extend(pickle(value));
    bytes.extend(pickle(&Value::List(
        storages.iter().map(|(key, _)| Value::Text(key.clone())).collect(),
    )));
    for (_, data) in storages {
        bytes.extend((data.len() as u64 / 4).to_le_bytes());
        bytes.extend(data);
    }
    bytes
}
