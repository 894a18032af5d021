//! Layer graphs: what is refused, by which words, and what follows from one that is not.

mod common;

use common::{chain, classifying, conv, module, profile};
use rrlab_types::{
    AveragePool, Conv2d, FeatureShape, GraphError, LayerGraph, Module, NodeId, Op, Padding, Pool,
    Role, ShapeError,
};

const IMAGE: FeatureShape = FeatureShape { channels: 3, height: 8, width: 8 };

fn graph(modules: Vec<Module>) -> Result<LayerGraph, GraphError> {
    LayerGraph::new("test", IMAGE, modules)
}

fn input() -> Module {
    module("input", Op::Input, &[])
}

fn linear(in_features: usize) -> Op {
    Op::Linear { in_features, out_features: 10, bias: true }
}

/// Why these modules, after the input and before a linear layer of them, make no graph.
fn refusal(mut modules: Vec<Module>) -> String {
    modules.insert(0, input());
    modules.push(module("linear", linear(3 * 64), &[modules.len() - 1]));
    graph(modules).unwrap_err().to_string()
}

#[test]
fn what_is_no_graph_is_refused_in_words() {
    let relu = |name: &str, input: usize| module(name, Op::Relu, &[input]);
    for (modules, words) in [
        // A circle.
        (vec![relu("a", 2), relu("b", 1)], "node `a` takes input 2, which is not an earlier node"),
        (vec![relu("a", 1)], "node `a` takes input 1, which is not an earlier node"),
        (vec![relu("a", 0), relu("a", 1)], "two nodes are named `a`"),
        (
            vec![relu("a", 0), relu("b", 0)],
            "no node takes the output of `a`, and it is not the last",
        ),
        (vec![module("a", Op::Add, &[0])], "node `a` has 1 inputs; its operation takes 2"),
        (vec![module("a", conv(4, 3, 3), &[0])], "node `a` takes 4 channels, but its input has 3"),
        (
            vec![module("a", Op::MaxPool(Pool::tiles(9)), &[0])],
            "node `a` has a window of 9 pixels, but its input has 8 with padding",
        ),
        (vec![module("a", Op::MaxPool(Pool::tiles(0)), &[0])], "node `a` has a size of 0"),
        (vec![module("a", conv(3, 0, 3), &[0])], "node `a` has a size of 0"),
        (
            vec![module("a", Op::GlobalAveragePool, &[0]), module("b", Op::Add, &[0, 1])],
            "node `b` takes inputs of one shape, but they are 3×8×8 and 3×1×1",
        ),
        (
            vec![module("a", Op::MaxPool(Pool::square(2, 2, 2)), &[0])],
            "node `a` has padding as wide as its windows, so that one could lie beside the image",
        ),
        (
            vec![module("a", Op::Concat, &[0])],
            "node `a` has 1 inputs; its operation takes at least 2",
        ),
        (
            vec![module("a", Op::ChannelSlice { start: 1, end: 4 }, &[0])],
            "node `a` takes channels 1 to 4 of an input that has 3",
        ),
        (
            vec![module("a", Op::ChannelShuffle { groups: 2 }, &[0])],
            "node `a` shares 3 channels out among 2 groups",
        ),
        (
            vec![module("a", Op::LeakyRelu { slope: f64::NAN }, &[0])],
            "node `a` has a slope that is not finite",
        ),
        (
            vec![module("second", Op::Input, &[])],
            "a layer graph starts with its input node; this one has a second, `second`",
        ),
    ] {
        assert_eq!(refusal(modules), words);
    }
    assert!(matches!(graph(vec![]), Err(GraphError::NoInput { .. })));
    assert!(matches!(graph(vec![relu("a", 0)]), Err(GraphError::NoInput { .. })));
    assert_eq!(
        graph(vec![input(), relu("a", 0)]).unwrap_err().to_string(),
        "the last node, `a`, gives 3×8×8; a vector with a number for each class is due"
    );
}

/// Sizes whose products pass any counter are told, not computed with.
#[test]
fn absurd_sizes_are_refused() {
    let huge = usize::MAX / 2;
    let convolution = |out_channels, kernel, stride, padding| {
        let (stride, padding) = ([stride; 2], Padding::all(padding));
        Op::Conv2d(Conv2d { stride, padding, ..Conv2d::square(3, out_channels, kernel) })
    };
    for op in [
        convolution(huge, 3, 1, 1),
        convolution(8, huge, 1, 1),
        convolution(8, 3, 1, huge),
        convolution(8, 3, 1, huge + 1),
        convolution(1 << 20, 1 << 10, 1, 1 << 10),
        Op::PadShortcut { out_channels: huge, stride: 1 },
        Op::Linear { in_features: 3 * 64, out_features: huge, bias: false },
    ] {
        let words = refusal(vec![module("a", op, &[0])]);
        assert!(words.starts_with("node `a` has more than 2147483647 values"), "{op:?}: {words}");
    }
    let wide = FeatureShape { channels: 3, height: 1 << 10, width: 1 << 10 };
    let attention = Op::Attention { heads: 1, scale: 1.0 };
    let modules = vec![input(), module("a", attention, &[0, 0, 0])];
    assert!(LayerGraph::new("test", wide, modules).is_err(), "2⁴⁰ products");
    let image = FeatureShape { channels: 3, height: huge, width: huge };
    assert!(LayerGraph::new("test", image, vec![input()]).is_err());
    // Each layer can be counted, all of them together can't.
    let image = FeatureShape { channels: 1, height: 46_340, width: 46_340 };
    let mut modules = vec![input()];
    for index in 0..9 {
        modules.push(module(format!("conv{index}"), conv(1, 1, 32_767), &[index]));
    }
    modules.push(module("pool", Op::GlobalAveragePool, &[9]));
    assert_eq!(LayerGraph::new("test", image, modules), Err(GraphError::TooLarge));
}

/// What a file states is compared with what follows from its operations.
#[test]
fn a_file_that_contradicts_itself_is_refused() {
    let text = serde_json::to_string(&chain(&[3, 8, 8], 4)).unwrap();
    let read = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} in {text}");
        serde_json::from_str::<LayerGraph>(&text.replacen(from, to, 1))
    };
    assert_eq!(read("conv0", "conv0").unwrap(), chain(&[3, 8, 8], 4));
    for (from, to, words) in [
        ("\"macs\":13824", "\"macs\":13825", "says its number of multiply-accumulates is 13825"),
        (
            "\"height\":8,\"width\":8},\"macs\":13824",
            "\"height\":7,\"width\":8},\"macs\":13824",
            "8×7×8",
        ),
        ("\"role\":\"stem\"", "\"role\":null", "can be pruned but has no role"),
        ("\"classes\":4", "\"classes\":5", "says its number of classes is 5"),
    ] {
        let error = read(from, to).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

/// x + x is a sum like any other: it takes x twice, and has no branch and no shortcut.
#[test]
fn a_sum_may_take_one_value_twice() {
    let graph = classifying(
        3,
        vec![module("conv", conv(3, 4, 3), &[0]), module("twice", Op::Add, &[1, 1])],
        4,
        10,
    );
    assert_eq!(graph.consumers(NodeId(1)).collect::<Vec<_>>(), [NodeId(2), NodeId(2)]);
    assert_eq!(graph.following_batch_norm(NodeId(1)), None);
    let blocks = graph.residual_blocks();
    assert_eq!(blocks.len(), 1);
    assert!(blocks[0].branch.is_empty() && blocks[0].shortcut.is_empty());
    assert_eq!(profile(&graph, 1).layers.len(), 2);
}

#[test]
fn roles_follow_from_the_graph() {
    let graph = classifying(
        3,
        vec![
            module("first", conv(3, 4, 3), &[0]),
            module("shortcut", conv(4, 8, 1), &[1]),
            module("branch.0", conv(4, 8, 1), &[1]),
            module("branch.1", Op::batch_norm(8), &[3]),
            module("branch.2", conv(8, 8, 3), &[4]),
            module("sum", Op::Add, &[2, 5]),
        ],
        8,
        10,
    );
    let role = |name: &str| graph.node(graph.find(name).unwrap()).role;
    assert_eq!(role("first"), Some(Role::Stem));
    assert_eq!(role("shortcut"), Some(Role::Projection));
    assert_eq!(role("branch.0"), Some(Role::Conv));
    assert_eq!(role("branch.1"), None);
    assert_eq!(role("linear"), Some(Role::Classifier));
    let block = graph.residual_blocks().remove(0);
    assert_eq!((block.branch_end, block.shortcut_end), (NodeId(5), NodeId(2)));
    assert_eq!(block.branch, [NodeId(5), NodeId(3)]);
}

/// What older files say is read, and what older files could say is written as they did: a
/// network's hash is over these texts.
#[test]
fn square_convolutions_read_and_write_as_ever() {
    for (text, op) in [
        (
            r#"{"op":"conv2d","in_channels":3,"out_channels":16,"kernel":3,"stride":2,"padding":1,"bias":false}"#,
            Op::Conv2d(Conv2d { stride: [2; 2], ..Conv2d::square(3, 16, 3) }),
        ),
        (r#"{"op":"batch_norm","channels":16}"#, Op::batch_norm(16)),
        (r#"{"op":"max_pool","size":2}"#, Op::MaxPool(Pool::tiles(2))),
        (
            r#"{"op":"conv2d","in_channels":4,"out_channels":8,"kernel":[1,7],"stride":[2,1],"padding":[0,3,1,2],"bias":true,"dilation":[1,2],"groups":4}"#,
            Op::Conv2d(Conv2d {
                in_channels: 4,
                out_channels: 8,
                kernel: [1, 7],
                stride: [2, 1],
                padding: Padding { top: 0, left: 3, bottom: 1, right: 2 },
                bias: true,
                dilation: [1, 2],
                groups: 4,
            }),
        ),
        (
            r#"{"op":"batch_norm","channels":16,"epsilon":0.001}"#,
            Op::BatchNorm { channels: 16, epsilon: 1e-3 },
        ),
        (
            r#"{"op":"max_pool","size":3,"stride":2,"padding":1,"ceil":true}"#,
            Op::MaxPool(Pool { ceil: true, ..Pool::square(3, 2, 1) }),
        ),
        (
            r#"{"op":"average_pool","size":[2,3],"stride":2,"counts_padding":false}"#,
            Op::AveragePool(AveragePool {
                pool: Pool { size: [2, 3], stride: [2; 2], ..Pool::tiles(2) },
                counts_padding: false,
            }),
        ),
        (r#"{"op":"adaptive_average_pool","size":7}"#, Op::AdaptiveAveragePool { size: [7; 2] }),
        (r#"{"op":"leaky_relu","slope":0.01}"#, Op::LeakyRelu { slope: 0.01 }),
    ] {
        assert_eq!(serde_json::to_string(&op).unwrap(), text);
        assert_eq!(serde_json::from_str::<Op>(text).unwrap(), op);
    }
}

#[test]
fn shapes_follow_from_windows_and_groups() {
    let input = FeatureShape { channels: 4, height: 9, width: 12 };
    let conv = Conv2d {
        kernel: [3, 2],
        stride: [2, 3],
        padding: Padding { top: 1, left: 0, bottom: 2, right: 1 },
        dilation: [2, 1],
        groups: 2,
        ..Conv2d::square(4, 6, 1)
    };
    let op = Op::Conv2d(conv);
    // Rows: 9 + 3 padded, windows of 5, steps of 2; columns: 13, windows of 2, steps of 3.
    let output = FeatureShape { channels: 6, height: 4, width: 4 };
    assert_eq!(op.output_shape(&[input]), Ok(output));
    assert_eq!(op.weight_shape(), Some(vec![6, 2, 3, 2]));
    assert_eq!(op.macs(output), 6 * 2 * 3 * 2 * 16);
    let uneven = Op::Conv2d(Conv2d { groups: 4, ..conv }).output_shape(&[input]);
    assert_eq!(uneven, Err(ShapeError::Groups { channels: 6, groups: 4 }));
    assert_eq!(
        Op::Conv2d(Conv2d { groups: 0, ..conv }).output_shape(&[input]),
        Err(ShapeError::Zero)
    );
}

#[test]
fn pools_have_pytorchs_places() {
    let places = |pool: Pool, side| pool.places([side; 2]).unwrap()[0];
    let ceil = |pool| Pool { ceil: true, ..pool };
    // As `torch.nn.functional.max_pool2d` gives them.
    assert_eq!(places(Pool::square(3, 2, 1), 112), 56);
    assert_eq!(places(Pool::square(3, 2, 0), 54), 26);
    assert_eq!(places(ceil(Pool::square(3, 2, 0)), 54), 27);
    assert_eq!(places(ceil(Pool::square(3, 2, 0)), 55), 27);
    // The last of four windows would begin in the padding.
    assert_eq!(places(ceil(Pool::square(2, 2, 1)), 5), 3);
    assert_eq!(places(ceil(Pool::square(3, 3, 1)), 8), 3);
}

/// Squeeze and excite weighs channels by what it computes from their means; a linear layer before
/// the last is hidden. A residual block around it still has one shortcut.
#[test]
fn squeeze_and_excite_and_hidden_layers_have_roles_of_their_own() {
    let linear = |in_features, out_features| Op::Linear { in_features, out_features, bias: true };
    let graph = graph(vec![
        input(),
        module("stem", conv(3, 4, 3), &[0]),
        module("expand", conv(4, 8, 1), &[1]),
        module("mean", Op::GlobalAveragePool, &[2]),
        module("squeeze", conv(8, 2, 1), &[3]),
        module("excite", conv(2, 8, 1), &[4]),
        module("sigmoid", Op::Sigmoid, &[5]),
        module("weigh", Op::Mul, &[6, 2]),
        module("reduce", conv(8, 6, 1), &[7]),
        module("shortcut", conv(4, 6, 1), &[1]),
        module("sum", Op::Add, &[8, 9]),
        module("hidden", linear(6 * 64, 5), &[10]),
        module("last", linear(5, 10), &[11]),
    ])
    .unwrap();
    let names = |role| {
        let of_role = graph.nodes().iter().filter(|node| node.role == Some(role));
        of_role.map(|node| node.name.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(names(Role::SqueezeExcite), ["squeeze", "excite"]);
    assert_eq!(names(Role::Hidden), ["hidden"]);
    assert_eq!(names(Role::Classifier), ["last"]);
    assert_eq!(names(Role::Projection), ["shortcut"]);
    assert_eq!(names(Role::Conv), ["expand", "reduce"]);
}
