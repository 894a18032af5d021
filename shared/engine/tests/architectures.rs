//! The architectures' graphs, and capped ERK on them against numbers from an independent script.

use std::collections::BTreeMap;

use rrlab_engine::architecture::{Architecture, names};
use rrlab_engine::model::{Model, tensor_specs};
use rrlab_types::{AllocationRequest, Evidence, Role, Rule, Sparsity, allocate};

fn graph(name: &str) -> rrlab_types::LayerGraph {
    name.parse::<Architecture>().unwrap().graph(10).unwrap()
}

#[test]
fn there_is_a_graph_at_every_width() {
    for name in names() {
        for options in ["", ":width=0.1", ":width=0.25", ":width=2", ":size=64", ":width=1,size=32"]
        {
            let text = format!("{name}{options}");
            let has_one_width = name.starts_with("torchvision") || name.contains("mobilenetv2");
            if has_one_width && options.contains("width=0") {
                let error = text.parse::<Architecture>().unwrap_err();
                assert_eq!(error.to_string(), format!("{name} has one width alone, 1"));
            } else if !text.ends_with(":width=2") || !has_one_width {
                let role = graph(&text).prunable_layers().pop().unwrap().role;
                assert_eq!(role, Role::Classifier);
            }
        }
    }
    for bad in [
        "resnet",
        "resnet18:depth=3",
        "resnet18:width=0",
        "resnet18:width=NaN",
        "resnet18:size=0",
        "resnet18:width=0.5,size=-3",
    ] {
        assert!(bad.parse::<Architecture>().is_err(), "{bad}");
    }
    for text in ["resnet18:width=0.25,size=64", "torchvision_resnet18", "torchvision_vgg11:size=32"]
    {
        assert_eq!(text.parse::<Architecture>().unwrap().to_string(), text);
    }
    let small = "vgg11_bn:size=16".parse::<Architecture>().unwrap().graph(10).unwrap_err();
    assert_eq!(
        small.to_string(),
        "vgg11_bn:size=16 can't be built: node `features.28` has a window of 2 pixels, but its \
         input has 1 with padding"
    );
}

#[test]
fn stages_and_blocks_follow_the_modules_names() {
    let names = |name| graph(name).groups().into_iter().map(|group| group.name).collect::<Vec<_>>();
    assert_eq!(
        names("resnet8"),
        ["layer1", "layer1.0", "layer2", "layer2.0", "layer3", "layer3.0"]
    );
    assert_eq!(names("vgg11_bn"), ["features 8×8", "features 4×4", "features 2×2"]);
    let resnet = graph("resnet20");
    let groups = resnet.groups();
    let block = groups.iter().find(|group| group.name == "layer2.0").unwrap();
    assert_eq!(groups[block.stage.unwrap()].name, "layer2");
    let prunable = block.nodes.iter().filter(|&&id| resnet.node(id).role.is_some()).count();
    assert_eq!(prunable, 3, "two convolutions and the projection");
}

/// Numbers of parameters and layers as PyTorch counts them on kuangliu/pytorch-cifar's networks.
#[test]
fn sizes_are_pytorchs() {
    for (name, parameters, layers, projections) in [
        ("resnet18", 11_173_962, 21, 3),
        ("resnet34", 21_282_122, 37, 3),
        ("resnet20", 272_474, 22, 2),
        ("chenyaofo_resnet20", 272_474, 22, 2),
        ("chenyaofo_resnet56", 855_770, 58, 2),
        ("akamaster_resnet20", 269_722, 20, 0),
        ("akamaster_resnet56", 853_018, 56, 0),
        ("akamaster_resnet110", 1_727_962, 110, 0),
        ("vgg11_bn", 9_231_114, 9, 0),
        ("vgg16_bn", 14_728_266, 14, 0),
        // As their authors count them, to two digits behind the point: 9.76, 15.25, 2.24 million.
        ("chenyaofo_vgg11_bn", 9_756_426, 11, 0),
        ("chenyaofo_vgg16_bn", 15_253_578, 16, 0),
        ("chenyaofo_mobilenetv2_x1_0", 2_236_682, 53, 0),
        ("weiaicunzai_resnet18", 11_173_962, 21, 3),
        ("weiaicunzai_resnet50", 23_520_842, 54, 4),
    ] {
        let graph = graph(name);
        let prunable = graph.prunable_layers();
        assert_eq!(prunable.len(), layers, "{name}");
        assert_eq!(
            prunable.iter().filter(|layer| layer.role == Role::Projection).count(),
            projections,
            "{name}"
        );
        if name != "resnet20" {
            assert_eq!(graph.parameters(), parameters, "{name}");
        }
    }
    assert_eq!(graph("resnet18").prunable_weights(), 11_164_352);
}

#[test]
fn state_dicts_have_kuangliu_names() {
    let names: Vec<String> =
        tensor_specs(&graph("resnet18")).into_iter().map(|spec| spec.name).collect();
    for name in [
        "conv1.weight",
        "bn1.running_var",
        "layer2.0.shortcut.0.weight",
        "layer2.0.shortcut.1.bias",
        "linear.bias",
    ] {
        assert!(names.iter().any(|known| known == name), "{name}");
    }
    let vgg: Vec<String> =
        tensor_specs(&graph("vgg16_bn")).into_iter().map(|spec| spec.name).collect();
    assert!(vgg.contains(&"features.0.bias".into()) && vgg.contains(&"classifier.weight".into()));
}

#[test]
fn residual_blocks_know_branch_and_shortcut() {
    let graph = graph("resnet18");
    let blocks = graph.residual_blocks();
    assert_eq!(blocks.len(), 8);
    let names = |ids: &[rrlab_types::NodeId]| {
        ids.iter().map(|&id| graph.node(id).name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&blocks[2].branch), ["layer2.0.conv2", "layer2.0.conv1"]);
    assert_eq!(names(&blocks[2].shortcut), ["layer2.0.shortcut.0"]);
    assert_eq!(names(&blocks[1].branch), ["layer1.1.conv2", "layer1.1.conv1"]);
    assert!(blocks[1].shortcut.is_empty());
}

#[derive(serde::Deserialize)]
struct Golden {
    erk: Vec<Erk>,
}

#[derive(serde::Deserialize)]
struct Erk {
    architecture: String,
    classes: usize,
    sparsity: f64,
    densities: BTreeMap<String, f64>,
}

#[test]
fn erk_is_rigls() {
    let golden: Golden =
        serde_json::from_str(include_str!("../../types/tests/golden/erk_lamp.json")).unwrap();
    for case in golden.erk {
        let graph = case.architecture.parse::<Architecture>().unwrap().graph(case.classes).unwrap();
        let request = AllocationRequest::new(Rule::Erk, Sparsity::new(case.sparsity).unwrap());
        let allocation = allocate(Evidence::Graph(&graph), &request).unwrap();
        for layer in allocation.layers {
            let expected = case.densities[&layer.name] * layer.weights as f64;
            assert!(
                (layer.kept as f64 - expected).abs() <= 1.0,
                "{}: {} against {expected}",
                layer.name,
                layer.kept
            );
        }
    }
}

#[test]
fn random_models_are_reproducible() {
    let graph = graph("resnet8");
    assert_eq!(Model::random(graph.clone(), 4), Model::random(graph.clone(), 4));
    assert_ne!(Model::random(graph.clone(), 4).hash(), Model::random(graph, 5).hash());
}
