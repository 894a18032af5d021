//! The figures of `docs/performance.md` that need nothing but the engine, and, one at a time for
//! `performance.py` to set beside PyTorch's, the engine's speed.
//!
//! `cargo bench -p rrlab-engine --features rayon --bench performance` prints how many dense passes calibration takes,
//! how its time grows, and what a sweep's cell costs beside its parts. With words after `--`,
//! `forward ARCHITECTURE BATCH`, `train ARCHITECTURE BATCH`, `calibrate ARCHITECTURE IMAGES` or
//! `sweep ARCHITECTURE IMAGES`, it prints that one figure: images per second, dense passes with the
//! seconds of all, of what goes over images and of a dense pass, or a cell over its parts; with
//! `sweeps`, the last table alone.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use burn::tensor::{Device, Distribution, Tensor, read_sync};
use rrlab_engine::architecture::Architecture;
use rrlab_engine::calibrate::{CalibrationImages, Method, calibrate};
use rrlab_engine::data::{Dataset, Split, shapes10};
use rrlab_engine::evaluate::accuracy;
use rrlab_engine::experiment::Experiment;
use rrlab_engine::judge::Judge;
use rrlab_engine::measured::Measured;
use rrlab_engine::memory;
use rrlab_engine::model::Model;
use rrlab_engine::network::Network;
use rrlab_engine::prune::prune;
use rrlab_engine::repair::{DenseStatistics, repair};
use rrlab_engine::train::{Trainer, TrainingState};
use rrlab_engine::transfer::download;
use rrlab_engine::watch::{Progress, unwatched};
use rrlab_types::{
    AllocationRequest, Evidence, Repair, RepairOperator, Rule, Sparsity, SweepPlan, TrainingPlan,
    allocate,
};

const CLASSES: usize = 10;
/// A figure is of as many repetitions as fill this.
const LEAST: Duration = Duration::from_secs(3);
/// Images of the dense pass that calibration is compared with, at most: its time grows with them in
/// proportion.
const DENSE_IMAGES: usize = 256;
/// Networks whose calibration is counted in dense passes, with how many images.
const CALIBRATED: [(&str, usize); 10] = [
    ("resnet20", 256),
    ("resnet20", 1024),
    ("resnet18:width=0.25", 1024),
    ("resnet18", 256),
    ("resnet18", 1024),
    ("resnet34", 256),
    ("resnet34", 1024),
    ("vgg16_bn", 256),
    ("vgg16_bn", 1024),
    // Of 224×224 pixels.
    ("torchvision_resnet50", 64),
];

/// Networks whose sweeps are measured, with how many images each network is repaired on.
const SWEPT: [(&str, usize); 3] =
    [("resnet20", 1024), ("resnet18:width=0.25", 1024), ("resnet18", 256)];
/// Cells of such a sweep that count, and repetitions of their parts.
const CELLS: usize = 3;

fn model(architecture: &str) -> Model {
    let architecture: Architecture = architecture.parse().expect("an architecture's name");
    Model::random(architecture.graph(CLASSES).expect("ten classes"), 1)
}

fn drawn(data: &Dataset, images: usize) -> CalibrationImages<'_> {
    CalibrationImages::draw(data, Split::Train, images, 1, data.normalization).expect("as many")
}

/// Time of one of so many repetitions as fill [`LEAST`], after one that does not count.
fn time_of(mut work: impl FnMut()) -> f64 {
    work();
    let (began, mut count) = (Instant::now(), 0);
    while began.elapsed() < LEAST {
        work();
        count += 1;
    }
    began.elapsed().as_secs_f64() / f64::from(count)
}

/// Images per second of evaluation.
fn forward(architecture: &str, batch: usize) -> f64 {
    let (model, device) = (model(architecture), Device::flex());
    let input = model.graph().nodes()[0].shape;
    let network = Network::new(&model, &device);
    let shape = [batch, input.channels, input.height, input.width];
    let images = Tensor::<4>::random(shape, Distribution::Normal(0.0, 1.0), &device);
    let pass = || {
        read_sync(download(network.forward(images.clone()))).expect("the CPU does not fail");
    };
    batch as f64 / time_of(pass)
}

/// Images per second of training, augmentation included.
fn train(architecture: &str, batch: usize) -> f64 {
    let data = shapes10(4 * batch, 10, 1);
    let plan = TrainingPlan { epochs: 1000, batch_size: batch, ..TrainingPlan::default() };
    let state = TrainingState::start(model(architecture), plan);
    let mut trainer = Trainer::new(state, &data, &Device::flex()).expect("images of its size");
    let step = || {
        read_sync(trainer.step()).expect("a finite loss");
    };
    batch as f64 / time_of(step)
}

/// Seconds that a calibration took.
struct Calibration {
    /// All of it.
    seconds: f64,
    /// Until the last image was through: what grows with images.
    over_images: f64,
    /// A dense pass over as many images, before and after it.
    dense: f64,
}

impl Calibration {
    fn passes(&self) -> f64 {
        self.seconds / self.dense
    }
}

fn calibration(architecture: &str, count: usize) -> Calibration {
    let (data, model, device) = (shapes10(count, 10, 1), model(architecture), Device::flex());
    let (images, few) = (drawn(&data, count), drawn(&data, count.min(DENSE_IMAGES)));
    let network = Network::new(&model, &device);
    let dense = || {
        for batch in few.batches(network.graph(), &device) {
            read_sync(download(network.forward(batch))).expect("the CPU does not fail");
        }
    };
    let before = time_of(dense);
    let began = Instant::now();
    let method = Method::SecondMoments;
    let mut over_images = 0.0;
    let watch = async |progress: Progress<'_>| {
        if let Progress::Images(_) = progress {
            over_images = began.elapsed().as_secs_f64();
        }
        Ok(())
    };
    read_sync(calibrate(&model, &device, "cpu", &images, method, watch)).expect("finite");
    let seconds = began.elapsed().as_secs_f64();
    let of_few = (before + time_of(dense)) / 2.0;
    Calibration { seconds, over_images, dense: of_few * count as f64 / few.len() as f64 }
}

/// Seconds that a cell of a sweep takes, and the work that it can't do without.
struct Cell {
    seconds: f64,
    repair: f64,
    judge: f64,
    evaluation: f64,
}

impl Cell {
    /// How much more it takes than its parts.
    fn ratio(&self) -> f64 {
        self.seconds / (self.repair + self.judge + self.evaluation)
    }
}

/// A sweep with variance matching on so many images, judged on as many, evaluated on twice as many.
fn cell(architecture: &str, count: usize) -> Cell {
    let data = shapes10(2 * count, 2 * count, 1);
    let (model, device) = (model(architecture), Device::flex());
    let few = drawn(&data, count.min(64));
    let method = Method::SecondMoments;
    let profile = read_sync(calibrate(&model, &device, "cpu", &few, method, unwatched));
    let measured = profile.expect("finite");
    let measured = Measured::new(&model, &measured).expect("its own profile");
    let seconds = seconds_per_cell(measured, &data, &device, count);
    let [repair, judge, evaluation] = seconds_of_parts(measured, &data, &device, count);
    Cell { seconds, repair, judge, evaluation }
}

/// How cells are repaired.
const HOW: Repair = Repair::Operator(RepairOperator::VarianceMatching);

fn sparsity() -> Sparsity {
    Sparsity::new(0.9).expect("below 1")
}

fn seconds_per_cell(measured: Measured<'_>, data: &Dataset, device: &Device, count: usize) -> f64 {
    let plan = SweepPlan {
        // The first cell waits for what is done once for all.
        rules: vec![Rule::Uniform, Rule::Erk, Rule::Lamp, Rule::Rr],
        sparsities: vec![sparsity()],
        repairs: vec![HOW],
        calibration_images: count,
        judge_images: count,
        evaluation_images: 2 * count,
        ..SweepPlan::default()
    };
    let experiment =
        Experiment { measured, dataset: data, calibration: None, device, device_name: "cpu" };
    let mut done = Vec::new();
    let watch = async |progress: Progress<'_>| {
        if let Progress::Entry(_) = progress {
            done.push(Instant::now());
        }
        Ok(())
    };
    read_sync(experiment.sweep(plan, None, watch)).expect("a sweep");
    (done[CELLS] - done[0]).as_secs_f64() / CELLS as f64
}

/// Seconds of a repair, of the judge's pass, and of an evaluation.
fn seconds_of_parts(
    measured: Measured<'_>,
    data: &Dataset,
    device: &Device,
    count: usize,
) -> [f64; 3] {
    let (model, profile) = (measured.model(), measured.profile());
    let request = AllocationRequest::new(Rule::Rr, sparsity());
    let allocation = allocate(Evidence::Profile(profile), &request).expect("a budget");
    let (pruned, _) = prune(model, &allocation).expect("its own allocation");
    let images = drawn(data, count);
    let statistics = read_sync(DenseStatistics::measure(model, &images, device, unwatched));
    let statistics = statistics.expect("finite");
    let judge = read_sync(Judge::new(model, images.clone(), device, unwatched));
    let judge = judge.expect("the CPU does not fail");
    let network = Network::new(&pruned, device);
    let all: Vec<usize> = (0..data.test.len()).collect();
    let mean = |work: &mut dyn FnMut()| {
        let began = Instant::now();
        (0..CELLS).for_each(|_| work());
        began.elapsed().as_secs_f64() / CELLS as f64
    };
    [
        mean(&mut || {
            let repaired = repair(model, &statistics, &pruned, HOW, &images, device, unwatched);
            read_sync(repaired).expect("finite");
        }),
        mean(&mut || {
            read_sync(judge.divergence(&pruned, device, unwatched)).expect("finite");
        }),
        mean(&mut || {
            let normalization = &data.normalization;
            let evaluated = accuracy(&network, &data.test, &all, normalization, unwatched);
            read_sync(evaluated).expect("the CPU does not fail");
        }),
    ]
}

fn sweeps() {
    println!("\n| network | images | cell, s | repair, s | judge, s | evaluation, s | ratio |");
    println!("|---|---|---|---|---|---|---|");
    for (architecture, images) in SWEPT {
        let measured = cell(architecture, images);
        let Cell { seconds, repair, judge, evaluation } = measured;
        let ratio = measured.ratio();
        println!(
            "| {architecture} | {images} | {seconds:.2} | {repair:.2} | {judge:.2} | {evaluation:.2} | {ratio:.2} |"
        );
    }
}

/// The exponent with which seconds grow over sizes: the slope of both logarithms.
fn exponent(points: &[(f64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let count = logs.len() as f64;
    let (x, y) = logs.iter().fold((0.0, 0.0), |sum, log| (sum.0 + log.0, sum.1 + log.1));
    let (x, y) = (x / count, y / count);
    let covariance: f64 = logs.iter().map(|log| (log.0 - x) * (log.1 - y)).sum();
    covariance / logs.iter().map(|log| (log.0 - x).powi(2)).sum::<f64>()
}

/// Calibration over networks and images, in seconds, and the exponent over these sizes.
fn growth(what: &str, cases: &[(f64, &str, usize)]) {
    let mut points = Vec::new();
    for &(size, architecture, images) in cases {
        points.push((size, calibration(architecture, images).seconds));
    }
    let seconds: Vec<String> =
        points.iter().map(|(size, seconds)| format!("{size}: {seconds:.2} s")).collect();
    println!("| {what} | {} | {:.2} |", seconds.join(", "), exponent(&points));
}

fn all() {
    println!(
        "| network | images | calibration, s | of which over images, s | dense pass, s | passes |"
    );
    println!("|---|---|---|---|---|---|");
    for (architecture, images) in CALIBRATED {
        let measured = calibration(architecture, images);
        let Calibration { seconds, over_images, dense } = measured;
        let passes = measured.passes();
        println!(
            "| {architecture} | {images} | {seconds:.2} | {over_images:.2} | {dense:.2} | {passes:.1} |"
        );
    }
    println!("\n| with | seconds | exponent |");
    println!("|---|---|---|");
    let name = "resnet20";
    growth("images (ResNet-20)", &[(256.0, name, 256), (512.0, name, 512), (1024.0, name, 1024)]);
    let widths = ["resnet20", "resnet20:width=2", "resnet20:width=4"];
    growth(
        "channels (ResNet-20 of so many widths, 256 images)",
        &[(1.0, widths[0], 256), (2.0, widths[1], 256), (4.0, widths[2], 256)],
    );
    let depths = ["chenyaofo_resnet20", "chenyaofo_resnet32", "chenyaofo_resnet56"];
    growth(
        "depth (layers, 256 images)",
        &[(20.0, depths[0], 256), (32.0, depths[1], 256), (56.0, depths[2], 256)],
    );
    sweeps();
}

fn main() -> ExitCode {
    // As the program does.
    memory::keep_freed();
    // Cargo itself says `--bench`.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => all(),
        ["sweeps"] => sweeps(),
        [what, architecture, count] => {
            let count = count.parse().expect("how many images");
            match *what {
                "forward" => println!("{}", forward(architecture, count)),
                "train" => println!("{}", train(architecture, count)),
                "calibrate" => {
                    let measured = calibration(architecture, count);
                    let Calibration { seconds, over_images, dense } = measured;
                    println!("{} {seconds} {over_images} {dense}", measured.passes());
                }
                "sweep" => println!("{}", cell(architecture, count).ratio()),
                _ => return ExitCode::from(2),
            }
        }
        _ => return ExitCode::from(2),
    }
    ExitCode::SUCCESS
}
