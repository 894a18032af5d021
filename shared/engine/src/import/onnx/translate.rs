//! From the nodes of an ONNX graph to the modules of the lab's, one after the other.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::rc::Rc;

use rrlab_types::{FeatureShape, Module, NodeId, Op};

use super::attributes::{Attributes, from_start};
use super::axes::{Axes, Layout, all_channels, all_positions};
use super::constant::{Beside, Constant, Origin, computed};
use super::error::{NodeProblem, OnnxError, feature_text};
use super::proto::data_type::is_float;
use super::proto::{NodeProto, TensorProto};
use super::value::{Feature, Form, Value};
use crate::tensors::{HostTensor, StateDict, tensor_name};

/// Operations that are translated, of images or of constants.
#[rustfmt::skip]
pub const OPERATIONS: [&str; 51] = [
    "Add", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat", "Constant",
    "ConstantOfShape", "Conv", "Div", "Dropout", "Equal", "Erf", "Expand", "Flatten", "Gather",
    "Gelu", "Gemm", "GlobalAveragePool", "GlobalMaxPool", "GroupNormalization", "HardSigmoid",
    "HardSwish", "Identity", "InstanceNormalization", "LayerNormalization", "LeakyRelu",
    "LogSoftmax", "MatMul", "Max", "MaxPool", "Mod", "Mul", "Neg", "Pad", "ReduceMean", "Relu",
    "Reshape", "Shape", "Sigmoid", "Slice", "Softmax", "Split", "Sqrt", "Squeeze", "Sub", "Sum",
    "Swish", "Transpose", "Unsqueeze", "Where",
];

/// Most values that constants may be computed to have, all together: shapes and axes have some
/// dozens, weights that are transposed or joined as many as the network.
const MOST_COMPUTED: usize = 1 << 27;

/// What the modules of a network are made of so far.
pub struct Translation<'a> {
    pub modules: Vec<Module>,
    pub tensors: StateDict,
    /// Where the file holds a tensor.
    pub origins: BTreeMap<String, Origin>,
    pub(super) opset: i64,
    shapes: Vec<FeatureShape>,
    /// What each name stands for.
    values: HashMap<&'a str, Value>,
    /// How many nodes take each value; the output is taken too.
    uses: HashMap<&'a str, usize>,
    /// Nodes whose output several nodes take, under one name or more.
    shared: HashSet<NodeId>,
    names: HashSet<String>,
    /// Orders of dimensions that are not customary.
    axes: Vec<Axes>,
    batch: usize,
    /// How many more values of constants may be computed.
    budget: usize,
    output: &'a str,
    initializers: HashMap<&'a str, &'a TensorProto>,
    beside: Beside<'a>,
}

/// A node with what it takes.
pub(super) struct Step<'a> {
    pub node: &'a NodeProto,
    pub inputs: Vec<Option<Value>>,
    pub attributes: Attributes<'a>,
}

impl<'a> Translation<'a> {
    pub fn new(
        initializers: &'a [TensorProto],
        (nodes, output): (&[&'a NodeProto], &'a str),
        opset: i64,
        beside: Beside<'a>,
    ) -> Self {
        let mut uses = HashMap::from([(output, 1)]);
        for input in nodes.iter().flat_map(|node| &node.input) {
            *uses.entry(input.as_str()).or_insert(0) += 1;
        }
        let by_name = |tensor: &'a TensorProto| (tensor.name.as_str(), tensor);
        Self {
            modules: Vec::new(),
            tensors: StateDict::new(),
            origins: BTreeMap::new(),
            opset,
            shapes: Vec::new(),
            values: HashMap::new(),
            uses,
            shared: HashSet::new(),
            names: HashSet::new(),
            axes: Vec::new(),
            batch: 1,
            budget: MOST_COMPUTED,
            output,
            initializers: initializers.iter().map(by_name).collect(),
            beside,
        }
    }

    /// Whether an initializer has this name.
    pub fn holds(&self, name: &str) -> bool {
        self.initializers.contains_key(name)
    }

    /// Puts in the images; `batch` is how many the file says that there are at a time.
    pub fn add_input(&mut self, name: &'a str, layout: Layout, shape: FeatureShape, batch: usize) {
        self.batch = batch;
        self.names.insert("input".into());
        self.modules.push(Module { name: "input".into(), op: Op::Input, inputs: Vec::new() });
        self.shapes.push(shape);
        self.values.insert(name, Value::Feature(Feature::plain(NodeId(0), layout)));
    }

    /// Translates a node.
    pub fn add(&mut self, node: &'a NodeProto) -> Result<(), OnnxError> {
        let fail = |problem| OnnxError::Node {
            node: node.name_for_people().into(),
            operation: node.op_type.clone(),
            problem,
        };
        let mut inputs = Vec::new();
        for name in &node.input {
            // An input that is left out has an empty name.
            let value = if name.is_empty() { None } else { self.value(name)? };
            if value.is_none() && !name.is_empty() {
                return Err(fail(NodeProblem::Unknown(name.clone())));
            }
            inputs.push(value);
        }
        let step = Step { node, inputs, attributes: Attributes::of(node) };
        let outputs = self.outputs(&step).map_err(fail)?;
        for (name, value) in node.output.iter().zip(outputs) {
            if let Value::Feature(feature) = &value
                && self.uses.get(name.as_str()).is_some_and(|&uses| uses > 1)
            {
                self.shared.insert(feature.node);
            }
            self.values.insert(name.as_str(), value);
        }
        Ok(())
    }

    /// What a name stands for, unless nothing gave it.
    fn value(&mut self, name: &'a str) -> Result<Option<Value>, OnnxError> {
        if let Some(value) = self.values.get(name) {
            return Ok(Some(value.clone()));
        }
        let Some(tensor) = self.initializers.get(name) else { return Ok(None) };
        let fail = |problem| OnnxError::Tensor { name: name.into(), problem };
        let mut constant = Constant::read(tensor, self.beside).map_err(fail)?;
        let origin = Origin { initializer: name.into(), is_transposed: false };
        constant.origin = constant.is_of_floats().then_some(origin);
        let value = Value::Constant(Rc::new(constant));
        self.values.insert(name, value.clone());
        Ok(Some(value))
    }

    fn outputs(&mut self, step: &Step<'a>) -> Result<Vec<Value>, NodeProblem> {
        let one = |value: Value| vec![value];
        let operation = step.node.op_type.as_str();
        if operation == "Constant" {
            return Ok(one(constant_of(step)?));
        }
        if operation == "Shape" {
            return Ok(one(self.shape_of(step)?));
        }
        if let Some(constants) = step.all_constants() {
            if let ("Identity", [constant, ..]) = (operation, &constants[..]) {
                return Ok(one(Value::Constant(constant.clone())));
            }
            let constants: Vec<&Constant> = constants.iter().map(|constant| &**constant).collect();
            let constant = computed(operation, &constants, step.attributes, self.budget)?;
            self.spend(constant.len())?;
            return Ok(one(Value::Constant(Rc::new(constant))));
        }
        if let Some(scores) = self.on_scores(step)? {
            return Ok(one(scores));
        }
        let feature = match operation {
            "Split" => return self.split(step),
            "Identity" => step.feature(0)?,
            "Cast" => cast(step)?,
            "Dropout" => self.dropout(step)?,
            "Conv" => self.conv(step)?,
            "Gemm" => self.gemm(step)?,
            "MatMul" if !matches!(step.input(1)?, Value::Constant(_)) => {
                return Ok(one(self.product_of_values(step)?));
            }
            "MatMul" => self.matmul(step)?,
            "Gather" => self.gather(step)?,
            "BatchNormalization" => self.batch_norm(step)?,
            "InstanceNormalization" => self.instance_norm(step)?,
            "GroupNormalization" => self.group_norm(step)?,
            "LayerNormalization" => self.layer_norm(step)?,
            "Add" | "Sub" | "Mul" | "Div" | "Sum" => self.arithmetic(step)?,
            "Neg" => self.scaled(step.feature(0)?, -1.0)?,
            "Erf" => self.erf(step)?,
            "Max" => self.max(step)?,
            "Softmax" | "LogSoftmax" => self.softmax(step)?,
            "MaxPool" => self.max_pool(step)?,
            "AveragePool" => self.average_pool(step)?,
            "GlobalAveragePool" => self.pooled(step, Op::GlobalAveragePool)?,
            "GlobalMaxPool" => self.global_max_pool(step)?,
            "ReduceMean" => self.reduce_mean(step)?,
            "Flatten" => self.flatten(step)?,
            "Reshape" => self.reshape(step)?,
            "Squeeze" | "Unsqueeze" => self.squeeze(step)?,
            "Transpose" => self.transpose(step)?,
            "Concat" => self.concat(step)?,
            "Slice" => self.slice(step)?,
            "Pad" => self.pad(step)?,
            _ => self.activation(step)?,
        };
        Ok(one(Value::Feature(feature)))
    }

    /// What becomes of scores of attention before values are weighed by them.
    fn on_scores(&self, step: &Step<'a>) -> Result<Option<Value>, NodeProblem> {
        let Some(Some(Value::Scores(scores))) = step.inputs.first() else { return Ok(None) };
        let scores = scores.clone();
        let factor = || step.constant(1, "its second value")?.scalar().ok_or(NodeProblem::OfScores);
        Ok(match step.node.op_type.as_str() {
            "Identity" => Some(Value::Scores(scores)),
            "Cast" => check_cast(step).map(|()| Some(Value::Scores(scores)))?,
            "Dropout" => self.check_dropout(step).map(|()| Some(Value::Scores(scores)))?,
            "Mul" => Some(self.scaled_scores(&scores, factor()?)?),
            "Div" => Some(self.scaled_scores(&scores, 1.0 / factor()?)?),
            "Softmax" => Some(self.softmax_of_scores(step, &scores)?),
            "MatMul" => None,
            _ => return Err(NodeProblem::OfScores),
        })
    }

    /// What goes in comes out, unless it is said to be training.
    fn dropout(&self, step: &Step<'a>) -> Result<Feature, NodeProblem> {
        self.check_dropout(step)?;
        step.feature(0)
    }

    fn check_dropout(&self, step: &Step<'a>) -> Result<(), NodeProblem> {
        let trains = step.optional(2, "whether it trains")?.and_then(|trains| trains.scalar());
        let is_test = self.opset >= 7 || step.attributes.int("is_test") == Some(1);
        if trains.is_some_and(|trains| trains != 0.0) || !is_test {
            return Err(NodeProblem::Attribute {
                name: "training_mode",
                found: "1".into(),
                supported: "dropout as in evaluation, where it does nothing",
            });
        }
        Ok(())
    }

    /// The lengths of a batch's dimensions, or some of them, as a constant.
    fn shape_of(&mut self, step: &Step<'a>) -> Result<Value, NodeProblem> {
        let lengths = match step.input(0)? {
            Value::Constant(constant) => constant.shape.clone(),
            Value::Feature(feature) => self.lengths(*feature),
            Value::Scores(_) => return Err(NodeProblem::OfScores),
        };
        let count = lengths.len() as i64;
        let place = |name: &str, otherwise: i64| {
            let at = step.attributes.int(name).unwrap_or(otherwise);
            from_start(at, count).clamp(0, count) as usize
        };
        let (start, end) = (place("start", 0), place("end", count));
        let taken = lengths.get(start..end).unwrap_or_default();
        let integers = taken.iter().map(|&length| length as i64).collect();
        Ok(Value::Constant(Rc::new(Constant::integers(integers))))
    }

    /// Whether a node gives what comes out of the graph.
    pub(super) fn is_output(&self, step: &Step<'a>) -> bool {
        step.node.output.first().is_some_and(|name| name == self.output)
    }

    /// The last module gives what comes out of the graph. A softmax that ends the network is left
    /// out, because the lab works with logits; returns whether there was one.
    pub fn end(&mut self) -> Result<bool, OnnxError> {
        let output = self.output;
        let missing = || OnnxError::Output { output: output.into() };
        match self.values.get(output).cloned() {
            Some(Value::Feature(feature)) => {
                let fail = |problem| OnnxError::Node {
                    node: output.into(),
                    operation: "output".into(),
                    problem,
                };
                if let Layout::Other(_) = feature.layout {
                    let from = feature_text(self.shape(feature));
                    let (to, supported) = ("its output".into(), "channels put back in their order");
                    return Err(fail(NodeProblem::Rearranged { from, to, supported }));
                }
                let node = self.settled(feature).map_err(fail)?.node;
                if node.0 + 1 != self.modules.len() {
                    return Err(missing());
                }
                let is_softmax = self.modules.last().is_some_and(|last| last.op == Op::Softmax);
                // Of a single operation nothing would be left.
                let is_left_out = is_softmax && self.modules.len() > 2;
                if is_left_out {
                    self.pop();
                }
                Ok(is_left_out)
            }
            _ => Err(missing()),
        }
    }

    /// Shape of a value.
    pub(super) fn shape(&self, feature: Feature) -> FeatureShape {
        let shape = self.shapes[feature.node.0];
        let [rows, columns] = feature.strides;
        let (height, width) = (shape.height.div_ceil(rows), shape.width.div_ceil(columns));
        FeatureShape { height, width, ..shape }
    }

    /// Shape of what a module of one input takes.
    pub(super) fn shape_before(&self, module: &Module) -> FeatureShape {
        self.shapes[module.inputs[0].0]
    }

    /// Lengths of a value's dimensions as ONNX has them.
    pub(super) fn lengths(&self, feature: Feature) -> Vec<usize> {
        let FeatureShape { channels, height, width } = self.shape(feature);
        match feature.layout {
            Layout::Image => vec![self.batch, channels, height, width],
            Layout::ImageLast => vec![self.batch, height, width, channels],
            Layout::Vector => vec![self.batch, channels * height * width],
            Layout::Other(index) => self.axes[index].lengths(),
        }
    }

    /// A value's dimensions.
    pub(super) fn axes(&self, feature: Feature) -> Axes {
        match feature.layout {
            Layout::Other(index) => self.axes[index].clone(),
            layout => Axes::of(layout, self.batch, self.shape(feature)),
        }
    }

    /// The value in these dimensions.
    pub(super) fn laid_out(&mut self, feature: Feature, axes: Axes) -> Feature {
        let layout = axes.customary(self.batch, self.shape(feature)).unwrap_or_else(|| {
            let index = self.axes.iter().position(|held| *held == axes);
            Layout::Other(index.unwrap_or_else(|| {
                self.axes.push(axes);
                self.axes.len() - 1
            }))
        });
        feature.laid_out(layout)
    }

    /// Where rows and columns are among a value's dimensions.
    pub(super) fn position_axes(&self, feature: Feature) -> Option<Vec<usize>> {
        match feature.layout {
            Layout::Image => Some(vec![2, 3]),
            Layout::ImageLast => Some(vec![1, 2]),
            Layout::Vector => None,
            Layout::Other(index) => {
                let positions = all_positions(self.shape(feature));
                self.axes[index].position(&positions).map(|axis| vec![axis])
            }
        }
    }

    /// Counts values of constants that are computed.
    pub(super) fn spend(&mut self, values: usize) -> Result<(), NodeProblem> {
        self.budget = self.budget.checked_sub(values).ok_or(NodeProblem::TooMuch)?;
        Ok(())
    }

    /// Images that the file says that there are at a time.
    pub(super) fn batch(&self) -> usize {
        self.batch
    }

    /// The module that gives a value, if it is the last and nothing but the node at hand takes it.
    pub(super) fn last_alone(&self, feature: Feature) -> Option<&Module> {
        let is_last = feature.node.0 + 1 == self.modules.len() && feature.node.0 > 0;
        let is_alone = !self.shared.contains(&feature.node);
        let is_plain = feature == Feature::plain(feature.node, feature.layout);
        self.modules.last().filter(|_| is_last && is_alone && is_plain)
    }

    /// Gives the last module another operation with the same output.
    pub(super) fn replace_last(&mut self, op: Op) {
        if let Some(module) = self.modules.last_mut() {
            module.op = op;
        }
    }

    /// Calls the last module as its bias is called without `.bias` (or `_bias`, as in PyTorch's
    /// `in_proj_bias`), where its weight had no such name.
    pub(super) fn name_by_bias(&mut self, bias: &Constant) {
        let Some(origin) = &bias.origin else { return };
        let stated = origin.initializer.strip_suffix("bias");
        let name = stated.and_then(|name| name.strip_suffix(['.', '_']));
        let Some(name) = name.filter(|name| !name.is_empty()).map(str::to_owned) else { return };
        let Some(module) = self.modules.last_mut() else { return };
        let weight = self.origins.get(&tensor_name(&module.name, "weight"));
        let is_named = weight.is_some_and(|origin| origin.initializer.ends_with(".weight"));
        if is_named || !self.names.insert(name.clone()) {
            return;
        }
        let before = std::mem::replace(&mut module.name, name.clone());
        self.names.remove(&before);
        for tensor in ["weight", "bias"] {
            let [from, to] = [&before, &name].map(|module| tensor_name(module, tensor));
            if let Some(values) = self.tensors.remove(&from) {
                self.tensors.insert(to.clone(), values);
            }
            if let Some(origin) = self.origins.remove(&from) {
                self.origins.insert(to, origin);
            }
        }
    }

    /// Whether any node takes the value of this name.
    pub(super) fn is_taken(&self, name: &str) -> bool {
        self.uses.contains_key(name)
    }

    /// Takes the last module away again.
    pub(super) fn pop(&mut self) {
        if let Some(module) = self.modules.pop() {
            self.names.remove(&module.name);
            self.shapes.pop();
        }
    }

    /// The value with its strides and its scale made modules, where it has them.
    pub(super) fn settled(&mut self, feature: Feature) -> Result<Feature, NodeProblem> {
        if feature.form != Form::Plain {
            return Err(NodeProblem::Alone(
                "takes an error function that is no part of x·(1 + erf(x/√2))/2, which the lab has as GELU",
            ));
        }
        let feature = self.strided(feature)?;
        if feature.scale == 1.0 {
            return Ok(feature);
        }
        let op = Op::ScaleShift { scale: feature.scale, shift: 0.0 };
        self.push("scale", op, &[feature.node], feature.layout)
    }

    /// The value with its strides made a module, where it has them.
    pub(super) fn strided(&mut self, feature: Feature) -> Result<Feature, NodeProblem> {
        let [rows, columns] = feature.strides;
        if [rows, columns] == [1; 2] {
            return Ok(feature);
        }
        if rows != columns {
            return Err(NodeProblem::Alone(
                "takes every n-th row and every m-th column, where the lab has one number for both",
            ));
        }
        let out_channels = self.shape(feature).channels;
        let op = Op::PadShortcut { out_channels, stride: rows };
        let strided = self.push("stride", op, &[feature.node], feature.layout)?;
        Ok(Feature { scale: feature.scale, ..strided })
    }

    /// The first input, settled.
    pub(super) fn first(&mut self, step: &Step<'a>) -> Result<Feature, NodeProblem> {
        self.settled(step.feature(0)?)
    }

    /// Adds a module that takes these nodes; `name` is what it would like to be called.
    pub(super) fn push(
        &mut self,
        name: &str,
        op: Op,
        inputs: &[NodeId],
        layout: Layout,
    ) -> Result<Feature, NodeProblem> {
        let shapes: Vec<FeatureShape> = inputs.iter().map(|input| self.shapes[input.0]).collect();
        let shape = op.output_shape(&shapes)?;
        let mut unique = name.to_owned();
        let mut count = 1;
        while self.names.contains(&unique) {
            count += 1;
            unique = format!("{name}_{count}");
        }
        self.names.insert(unique.clone());
        self.modules.push(Module { name: unique, op, inputs: inputs.to_vec() });
        self.shapes.push(shape);
        Ok(Feature::plain(NodeId(self.modules.len() - 1), layout))
    }

    /// Adds a module that takes one value and gives one of the same layout.
    pub(super) fn push_after(
        &mut self,
        step: &Step<'a>,
        op: Op,
        input: Feature,
    ) -> Result<Feature, NodeProblem> {
        self.push(&step.name(), op, &[input.node], input.layout)
    }

    /// Keeps a tensor of the last module.
    pub(super) fn keep(&mut self, tensor: &str, values: HostTensor, origin: Option<Origin>) {
        let Some(module) = self.modules.last() else { return };
        let name = tensor_name(&module.name, tensor);
        if let Some(origin) = origin {
            self.origins.insert(name.clone(), origin);
        }
        self.tensors.insert(name, values);
    }

    /// Makes the factors of the last module, a layer scale, the weight of an affine map.
    pub(super) fn scale_becomes_weight(&mut self) {
        let Some(module) = self.modules.last() else { return };
        let [scale, weight] = ["layer_scale", "weight"].map(|name| tensor_name(&module.name, name));
        if let Some(origin) = self.origins.remove(&scale) {
            self.origins.insert(weight.clone(), origin);
        }
        if let Some(values) = self.tensors.remove(&scale) {
            self.tensors.insert(weight, HostTensor::vector(values.values().to_vec()));
        }
    }

    /// Keeps a vector of the last module.
    pub(super) fn keep_vector(&mut self, tensor: &str, constant: &Constant) {
        self.keep(tensor, HostTensor::vector(constant.floats()), constant.origin.clone());
    }

    /// Channels of a value, where channels are one of its dimensions.
    pub(super) fn channels(&self, feature: Feature) -> Result<(usize, usize), NodeProblem> {
        let channels = self.shape(feature).channels;
        let axis = match feature.layout {
            Layout::Image | Layout::Vector => Some(1),
            Layout::ImageLast => Some(3),
            Layout::Other(index) => self.axes[index].position(&all_channels(channels)),
        };
        let axis = axis.ok_or_else(|| NodeProblem::Rearranged {
            from: feature_text(self.shape(feature)),
            to: "something by channels".into(),
            supported: "that before its channels are taken apart",
        })?;
        Ok((axis, channels))
    }
}

/// Numbers stay as they are in any type of floats.
fn cast(step: &Step<'_>) -> Result<Feature, NodeProblem> {
    check_cast(step)?;
    step.feature(0)
}

fn check_cast(step: &Step<'_>) -> Result<(), NodeProblem> {
    let to = step.attributes.int("to").unwrap_or_default();
    if is_float(to as i32) {
        return Ok(());
    }
    let found = to.to_string();
    Err(NodeProblem::Attribute { name: "to", found, supported: "numbers of floats" })
}

/// The constant that a node holds.
fn constant_of(step: &Step<'_>) -> Result<Value, NodeProblem> {
    let attributes = step.attributes;
    let nowhere = |_: &str, _: Range<u64>| Err("a constant of a node lies in no file".into());
    let floats = |values: Vec<f32>, shape: Vec<usize>| Constant {
        shape,
        values: super::constant::Values::Floats(values),
        origin: None,
    };
    let constant = if let Some(tensor) = attributes.tensor("value") {
        Constant::read(tensor, &nowhere)?
    } else if let Some(value) = attributes.float("value_float") {
        floats(vec![value as f32], Vec::new())
    } else if let Some(values) = attributes.floats("value_floats") {
        let count = values.len();
        floats(values, vec![count])
    } else if let Some(value) = attributes.int("value_int") {
        Constant { shape: Vec::new(), ..Constant::integers(vec![value]) }
    } else if let Some(values) = attributes.ints("value_ints") {
        Constant::integers(values)
    } else {
        return Err(NodeProblem::OfConstants);
    };
    Ok(Value::Constant(Rc::new(constant)))
}

impl Step<'_> {
    /// Whether the node takes so many inputs, where ONNX allows any number.
    pub fn expect_inputs(&self, count: usize) -> Result<(), NodeProblem> {
        match self.inputs.len() {
            found if found == count => Ok(()),
            found if found < count => Err(NodeProblem::Missing(found)),
            _ => Err(NodeProblem::Alone("takes more than two inputs; the lab has two")),
        }
    }

    pub fn input(&self, index: usize) -> Result<&Value, NodeProblem> {
        let input = self.inputs.get(index).and_then(Option::as_ref);
        input.ok_or(NodeProblem::Missing(index))
    }

    /// An input that depends on the images.
    pub fn feature(&self, index: usize) -> Result<Feature, NodeProblem> {
        match self.input(index)? {
            Value::Feature(feature) => Ok(*feature),
            Value::Constant(_) => Err(NodeProblem::OfConstants),
            Value::Scores(_) => Err(NodeProblem::OfScores),
        }
    }

    /// An input that does not depend on the images.
    pub fn constant(&self, index: usize, what: &'static str) -> Result<Rc<Constant>, NodeProblem> {
        match self.input(index)? {
            Value::Constant(constant) => Ok(constant.clone()),
            Value::Feature(_) | Value::Scores(_) => Err(NodeProblem::NotConstant(what)),
        }
    }

    /// The same, where it is there.
    pub fn optional(
        &self,
        index: usize,
        what: &'static str,
    ) -> Result<Option<Rc<Constant>>, NodeProblem> {
        match self.inputs.get(index) {
            Some(Some(_)) => self.constant(index, what).map(Some),
            _ => Ok(None),
        }
    }

    /// Integers that newer opsets take as an input and older ones as an attribute.
    pub fn integers(
        &self,
        name: &'static str,
        index: usize,
    ) -> Result<Option<Vec<i64>>, NodeProblem> {
        let input = self.optional(index, name)?.map(|constant| constant.as_integers());
        Ok(input.or_else(|| self.attributes.ints(name)))
    }

    fn all_constants(&self) -> Option<Vec<Rc<Constant>>> {
        let constant = |input: &Option<Value>| match input {
            Some(Value::Constant(constant)) => Some(constant.clone()),
            _ => None,
        };
        self.inputs.iter().map(constant).collect()
    }

    /// What its module would like to be called: the path of its name without what repeats, else its
    /// operation.
    pub fn name(&self) -> String {
        let parts = self.path();
        if parts.is_empty() { self.node.op_type.to_lowercase() } else { parts.join(".") }
    }

    fn path(&self) -> Vec<&str> {
        let mut parts: Vec<&str> = Vec::new();
        for part in self.node.name.split('/').filter(|part| !part.is_empty()) {
            // PyTorch names /layer1/layer1.0/conv1/Conv.
            if let Some(last) = parts.last()
                && part.strip_prefix(*last).is_some_and(|rest| rest.starts_with('.'))
            {
                parts.pop();
            }
            parts.push(part);
        }
        parts
    }

    /// What a module with weights would like to be called: as its weight without `.weight`, where
    /// the file names that so, else as the module of PyTorch that the node is the operation of.
    pub fn name_by(&self, weight: &Constant) -> String {
        let initializer = weight.origin.as_ref().map(|origin| origin.initializer.as_str());
        match initializer.and_then(|name| name.strip_suffix(".weight")) {
            Some(module) if !module.is_empty() => module.to_owned(),
            _ => match &self.path()[..] {
                [module @ .., last]
                    if !module.is_empty() && last.starts_with(&self.node.op_type) =>
                {
                    module.join(".")
                }
                _ => self.name(),
            },
        }
    }
}
