//! The command line: every command, flag and help text.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use axum::http::HeaderName;
use clap::{Args, Parser, Subcommand, ValueEnum};
use openidconnect::url::Url;
use rrlab_engine::architecture::Architecture;
use rrlab_engine::checkpoint::NetworkHint;
use rrlab_engine::data::{ImageSize, Normalization, SHAPES10, Split};
use rrlab_engine::device::DeviceChoice;
use rrlab_engine::import::{Hint, Preprocessing};
use rrlab_protocol::{CourseLinkPlan, UserRole};
use rrlab_types::{
    CALIBRATION_IMAGES, Constraint, Criterion, Distillation, DistillationPlan, FinetunePlan,
    JUDGE_IMAGES, Repair, RepairOperator, Rule, RuleSettings, Schedule, Search, Sparsity,
    SweepPlan, TrainingPlan, glossary,
};
use strum::VariantArray as _;

use crate::destination::Existing;
use crate::embedder::Embedder;
use crate::objects::GRACE;
use crate::storage::read_text;
use crate::store::CONNECTIONS;

/// Which layers of a pruned network can still be repaired?
///
/// The lab measures Relative Repairability (RR) for each layer of a network on unlabelled images,
/// shares out a global budget of weights by it (and by uniform, ERK, LAMP and magnitude), prunes,
/// repairs and evaluates.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_help = FIRST_STEPS)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t = Format::Table, global = true)]
    pub format: Format,
    /// Where data sets are kept [default: the platform's folder for data].
    #[arg(long, env = "RRLAB_DATA_DIR", value_name = "FOLDER", global = true)]
    pub data_dir: Option<PathBuf>,
    /// Where to compute: auto, cpu, wgpu, vulkan, cuda (those that were compiled in).
    #[arg(long, default_value = "auto", value_name = "DEVICE", global = true)]
    pub device: DeviceChoice,
    /// Seed of everything that is drawn: weights, order of images, calibration images.
    #[arg(long, default_value_t = 0, global = true)]
    pub seed: u64,
    /// Seconds between two lines of progress where standard error is no terminal; 0 prints none.
    #[arg(
        long,
        env = "RRLAB_PROGRESS_EVERY",
        default_value_t = 5,
        value_name = "SECONDS",
        global = true
    )]
    pub progress_every: u64,
}

const FIRST_STEPS: &str = "First steps, without any download:
  rrlab train     --arch resnet8 --dataset shapes10 --epochs 8 --out model.safetensors
  rrlab calibrate --model model.safetensors --dataset shapes10 --out profile.json
  rrlab inspect   profile.json --sparsity 0.95
  rrlab allocate  --profile profile.json --rule rr --sparsity 0.95
  rrlab sweep     --model model.safetensors --dataset shapes10 --out sweep.json
  rrlab plot      sweep.json --out sweep.svg";

/// Terms in which a profile is shown.
const MEASURED: [&str; 7] = [
    "raw distortion",
    "residual distortion",
    "RR",
    "repair operator",
    "sensitivity",
    "share",
    "residual stream",
];

/// Explains these terms of the glossary below a command's long help.
fn words(terms: &[&str]) -> String {
    let explained =
        terms.iter().filter_map(|term| glossary::entry(term)).map(|entry| format!("\n  {entry}"));
    format!("Words:{}", explained.collect::<String>())
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: rounded, with a legend.
    Table,
    /// For programs: everything, to the last digit.
    Json,
    /// For programs and spreadsheets: a line for each row, with JSON's names and numbers.
    Csv,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Import, list and fetch data sets.
    #[command(subcommand)]
    Dataset(DatasetCommand),
    /// Train a network.
    Train(TrainArgs),
    /// Measure a network's Relative Repairability on unlabelled images and write its profile.
    Calibrate(CalibrateArgs),
    /// Share out a budget of weights over the layers.
    Allocate(AllocateArgs),
    /// Select, by the label-free judge, the best of several rules' allocations, and walk on from it.
    Choose(ChooseArgs),
    /// Prune a network as allocated, and repair it.
    Prune(PruneArgs),
    /// Let a pruned and repaired network learn from the dense one's outputs, without labels; goes on
    /// where it was stopped.
    Distil(DistilArgs),
    /// Write a network in another form: safetensors, which PyTorch loads, or ONNX.
    Export(ExportArgs),
    /// Measure a network's accuracy.
    Evaluate(EvaluateArgs),
    /// Prune, repair and evaluate over rules, sparsities and repairs; goes on where it was stopped.
    Sweep(SweepArgs),
    /// Prune, repair and fine-tune over rules and sparsities; goes on where it was stopped.
    Finetune(FinetuneArgs),
    /// Show a profile's layers, or a model's.
    Inspect(InspectArgs),
    /// Show where two profiles, sweeps, fine-tuning reports or allocations differ, and whether they
    /// are of one network.
    Compare(CompareArgs),
    /// Draw a profile, a sweep, a fine-tuning report or an allocation as a figure.
    Plot(PlotArgs),
    /// Hold what a profile predicts of pruned networks against what a sweep measured of them: the
    /// noise that repair leaves in the logits, and rank correlations with recovery, the judge's
    /// beside them.
    Predict(PredictArgs),
    /// Write a sweep as a page of Markdown: accuracies, who leads beyond noise, transitions, and
    /// what the judge chose; of several sweeps where a rule and the judge's choice stand in all.
    Report(ReportArgs),
    /// Repeat experiments on a network. The paper's: train, calibrate, fine sweep of the rules,
    /// projection-forced ERK in three forms and at densities between, with pages and figures. Or how
    /// much depends on which calibration images there are. Goes on where it was stopped.
    Reproduce(ReproduceArgs),
    /// Serve the lab: the page, the API, and a worker that computes jobs.
    Serve(ServeArgs),
    /// Compute jobs of a lab that is served elsewhere.
    Worker(WorkerArgs),
    /// Add and list the people of a hosted lab.
    User(UserArgs),
    /// Make, list and revoke their tokens.
    Token(TokenArgs),
    /// Look after the courses of a hosted lab.
    Course(CourseArgs),
    /// Look after what a lab stores.
    Admin(AdminArgs),
    /// Read an upload for a server, from standard input to standard output.
    #[command(hide = true)]
    Ingest(IngestArgs),
}

/// Read an upload for a server.
#[derive(Debug, Args)]
pub struct IngestArgs {
    /// What it is said to be and may cost, as JSON.
    pub request: String,
}

/// Import, list and fetch data sets.
#[derive(Debug, Subcommand)]
pub enum DatasetCommand {
    /// Import CIFAR's official files or an image folder (train/CLASS/*.png|jpg|webp), from a folder,
    /// .tar, .tar.gz or .zip.
    Import {
        /// The folder or archive.
        path: PathBuf,
        /// Name of the data set in later commands.
        #[arg(long)]
        name: String,
        /// Rows and columns to which the middle of a folder's images is cut. A network resizes them
        /// to its own by itself, but nothing brings back what was scaled away.
        #[arg(long, value_name = "PIXELS", default_value_t = ImageSize::default().side())]
        size: usize,
        /// What the shorter side of an image is scaled to before; without this as many pixels as
        /// stay. Networks for 224 pixels are mostly evaluated on images scaled to 256.
        #[arg(long, value_name = "PIXELS")]
        resize: Option<usize>,
        #[command(flatten)]
        overwrite: OverwriteArgs,
    },
    /// List the data sets that there are.
    List,
    /// Download CIFAR-10 or CIFAR-100 from its official address and import it. Resumes a broken
    /// download.
    Fetch {
        /// cifar10 or cifar100.
        name: String,
        /// Another address to download the archive from, such as a mirror's.
        #[arg(long, value_name = "URL")]
        from: Option<String>,
        /// MD5 of the archive at --from, where it is not the official one (packed anew, or a part
        /// of it).
        #[arg(long, value_name = "HEX", requires = "from")]
        md5: Option<String>,
        #[command(flatten)]
        overwrite: OverwriteArgs,
    },
}

/// What becomes of files that are there already.
#[derive(Debug, Clone, Copy, Args)]
pub struct OverwriteArgs {
    /// Replace what is there under the name of a result; without this nothing is computed where
    /// something is.
    #[arg(long)]
    pub force_overwrite: bool,
}

impl From<OverwriteArgs> for Existing {
    fn from(args: OverwriteArgs) -> Self {
        if args.force_overwrite { Self::Replace } else { Self::Keep }
    }
}

/// What is written by work that goes on where it was stopped.
#[derive(Debug, Clone, Copy, Args)]
pub struct SavingArgs {
    #[command(flatten)]
    pub overwrite: OverwriteArgs,
    /// Seconds between two saved states.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    save_every: u64,
}

impl SavingArgs {
    /// Time between two saved states.
    pub fn every(&self) -> Duration {
        Duration::from_secs(self.save_every)
    }
}

/// Which network, where the model's file does not say.
#[derive(Debug, Clone, Args)]
pub struct NetworkArgs {
    /// Architecture: resnet8, resnet20, resnet18, resnet34, vgg11_bn or vgg16_bn, perhaps with a
    /// width: resnet18:width=0.25; or one that others publish: chenyaofo_resnet20 (32, 44, 56),
    /// chenyaofo_vgg16_bn (11, 13, 19), chenyaofo_mobilenetv2_x1_0 (x0_5, x0_75, x1_4),
    /// weiaicunzai_resnet18 (34, 50, 101, 152), weiaicunzai_vgg16_bn (11, 13, 19),
    /// akamaster_resnet20 (32, 44, 56, 110), torchvision_resnet50 and torchvision's other networks,
    /// perhaps for images of another size than its own: torchvision_resnet50:size=64. Where a
    /// model's file is read, its tensors tell, or the graph of an ONNX file.
    #[arg(long, value_name = "NAME[:OPTIONS]")]
    pub arch: Option<Architecture>,
    /// Number of classes.
    #[arg(long)]
    pub classes: Option<usize>,
}

impl NetworkArgs {
    /// The same for the engine.
    pub fn hint(&self) -> NetworkHint {
        NetworkHint { architecture: self.arch, classes: self.classes }
    }
}

/// A model's file.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// The model: a safetensors file, a .pt, .pth or .th file of PyTorch with a state dict, or an
    /// .onnx file.
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    #[command(flatten)]
    pub network: NetworkArgs,
    #[command(flatten)]
    pub preprocessing: PreprocessingArgs,
}

impl ModelArgs {
    /// The same for the engine.
    ///
    /// # Errors
    /// As [`PreprocessingArgs::read`].
    pub fn hint(&self) -> anyhow::Result<Hint> {
        let preprocessing = self.preprocessing.read()?;
        Ok(Hint { network: self.network.hint(), preprocessing })
    }
}

/// What a network expects of images, where its file does not say.
#[derive(Debug, Args)]
pub struct PreprocessingArgs {
    /// Rows and columns of the network's images, where its file leaves them open.
    #[arg(long, value_name = "PIXELS")]
    pub size: Option<usize>,
    /// What an image's shorter side is scaled to before so much of its middle is cut out, where the
    /// network's file does not say.
    #[arg(long, value_name = "PIXELS")]
    pub resize: Option<usize>,
    /// Mean of each colour, pixels scaled to 0..1, that the network was trained with, where its
    /// file does not say; one number is for all.
    #[arg(long, value_name = "R,G,B", requires = "std", value_parser = colours)]
    pub mean: Option<[f32; 3]>,
    /// Deviation of each colour, likewise.
    #[arg(long, value_name = "R,G,B", requires = "mean", value_parser = deviations)]
    pub std: Option<[f32; 3]>,
    /// A file that says all of this, and what the classes are called: JSON with any of "size",
    /// "resize", "normalization" ({"mean": [R, G, B], "std": [R, G, B]}) and "class_names" ([…], in
    /// the order of the network's outputs).
    #[arg(long, value_name = "FILE", conflicts_with_all = ["size", "resize", "mean", "std"])]
    pub preprocessing: Option<PathBuf>,
}

impl PreprocessingArgs {
    /// The same for the engine.
    ///
    /// # Errors
    /// If the file can't be read, or says something else.
    pub fn read(&self) -> anyhow::Result<Preprocessing> {
        if let Some(path) = &self.preprocessing {
            let text = read_text(path)?;
            return text.parse().with_context(|| path.display().to_string());
        }
        let normalization = self.mean.zip(self.std).map(|(mean, std)| Normalization { mean, std });
        let (size, resize) = (self.size, self.resize);
        Ok(Preprocessing { size, resize, normalization, ..Preprocessing::default() })
    }
}

/// Train a network.
#[derive(Debug, Args)]
pub struct TrainArgs {
    #[command(flatten)]
    pub network: NetworkArgs,
    /// Data set to train on: shapes10, or the name of an imported one.
    #[arg(long)]
    pub dataset: String,
    /// Passes over the training images.
    #[arg(long, default_value_t = TrainingPlan::default().epochs)]
    pub epochs: usize,
    /// Images of one step.
    #[arg(long, default_value_t = TrainingPlan::default().batch_size)]
    pub batch_size: usize,
    /// Highest learning rate.
    #[arg(long, default_value_t = TrainingPlan::default().learning_rate)]
    pub learning_rate: f64,
    /// Course of the learning rate.
    #[arg(long, value_enum, default_value_t = ScheduleArg::OneCycle)]
    pub schedule: ScheduleArg,
    /// Probability spread over all classes.
    #[arg(long, default_value_t = 0.0)]
    pub label_smoothing: f64,
    /// Neither shift nor flip images.
    #[arg(long)]
    pub no_augmentation: bool,
    /// Where the model goes. While training, OUT.training holds the state to go on from after a
    /// stop.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    #[command(flatten)]
    pub saving: SavingArgs,
}

/// Course of the learning rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ScheduleArg {
    /// Up for a quarter, then down along a cosine.
    OneCycle,
    /// Down along a cosine.
    Cosine,
}

impl From<ScheduleArg> for Schedule {
    fn from(schedule: ScheduleArg) -> Self {
        match schedule {
            ScheduleArg::OneCycle => Self::OneCycle,
            ScheduleArg::Cosine => Self::Cosine,
        }
    }
}

/// Images to calibrate on; labels are never looked at.
#[derive(Debug, Args)]
pub struct CalibrationArgs {
    /// Data set of the calibration images.
    #[arg(long)]
    pub dataset: String,
    /// Number of calibration images, drawn with --seed.
    #[arg(long, default_value_t = CALIBRATION_IMAGES, value_name = "COUNT")]
    pub images: usize,
    /// Split that they are drawn from.
    #[arg(long, value_enum, default_value_t = SplitArg::Train)]
    pub split: SplitArg,
    /// Draw images of this class alone, to see what depends on which images there are.
    #[arg(long, value_name = "NAME")]
    pub class: Option<String>,
}

/// Split of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SplitArg {
    /// Training images.
    Train,
    /// Test images.
    Test,
}

impl From<SplitArg> for Split {
    fn from(split: SplitArg) -> Self {
        match split {
            SplitArg::Train => Self::Train,
            SplitArg::Test => Self::Test,
        }
    }
}

/// Measure a network's Relative Repairability.
#[derive(Debug, Args)]
#[command(after_long_help = words(&MEASURED))]
pub struct CalibrateArgs {
    #[command(flatten)]
    pub model: ModelArgs,
    #[command(flatten)]
    pub images: CalibrationArgs,
    /// Convolve with every pruned weight instead of using second moments: slow, for comparison.
    #[arg(long)]
    pub direct: bool,
    /// Where the profile goes.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Where RR of every channel goes, which the page shows; the profile keeps its spread alone.
    #[arg(long, value_name = "FILE")]
    pub channels: Option<PathBuf>,
    #[command(flatten)]
    pub overwrite: OverwriteArgs,
}

/// Numbers that some rules read.
#[derive(Debug, Clone, Args)]
pub struct SettingsArgs {
    /// Exponent of RR in rr_proportional and blend.
    #[arg(long, default_value_t = RuleSettings::default().alpha, allow_negative_numbers = true)]
    pub alpha: f64,
    /// Rule that blend and blend_geometric start from.
    #[arg(long, default_value_t = RuleSettings::default().prior.into(), value_name = "RULE")]
    pub prior: Rule,
    /// Exponent of a layer's share: how much of a residual block's output variance comes from the
    /// layer's side of the sum, the branch or the shortcut (rr_ratio alone). 0: all layers count
    /// alike.
    #[arg(long, default_value_t = RuleSettings::default().share_exponent, allow_negative_numbers = true)]
    pub share_exponent: f64,
    /// Factor by which noise in the classifier, the last linear layer, counts more than elsewhere
    /// (rr_ratio alone).
    #[arg(long, default_value_t = RuleSettings::default().classifier_weight)]
    pub classifier_weight: f64,
    /// Least density of every layer that is not forced, such as 0.01: no rule goes below it.
    #[arg(long, default_value_t = RuleSettings::default().floor, value_name = "DENSITY")]
    pub floor: f64,
}

impl SettingsArgs {
    /// The same for the rules, with the operator whose residual counts.
    pub fn settings(&self, repair: RepairOperator) -> anyhow::Result<RuleSettings> {
        Ok(RuleSettings {
            repair,
            alpha: self.alpha,
            prior: self.prior.try_into()?,
            share_exponent: self.share_exponent,
            classifier_weight: self.classifier_weight,
            floor: self.floor,
        })
    }
}

/// Share out a budget of weights.
#[derive(Debug, Args)]
#[command(after_long_help = words(&["budget", "density", "RR", "ERK", "projection", "capped", "free", "forced"]))]
pub struct AllocateArgs {
    /// The network's profile; rules that need no weights go without one, with --arch and --classes.
    #[arg(long, value_name = "FILE", conflicts_with = "arch")]
    pub profile: Option<PathBuf>,
    #[command(flatten)]
    pub network: NetworkArgs,
    /// uniform, uniform_plus, er, erk, global_magnitude, lamp, rr, rr_ratio, rr_proportional,
    /// residual_optimal, raw_optimal, blend or blend_geometric.
    #[arg(long)]
    pub rule: Rule,
    /// Fraction of weights to remove, such as 0.95.
    #[arg(long, allow_negative_numbers = true)]
    pub sparsity: Sparsity,
    /// Force layers before the rule shares out the rest: projection=dense, stem=global,
    /// layer2.0.conv1=0.2, projection=rule:rr. May be given several times.
    #[arg(long = "force", value_name = "LAYERS=DENSITY")]
    pub force: Vec<Constraint>,
    /// Repair operator whose residual distortion, what is left after repair, counts; under rule rr
    /// all of them count as least_squares.
    #[arg(long, default_value_t = RepairOperator::default(), value_name = "OPERATOR")]
    pub repair: RepairOperator,
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// Select among allocations: each is pruned, repaired and judged on unlabelled images that
/// calibration did not use.
#[derive(Debug, Args)]
#[command(after_long_help = words(&["judge", "rule", "budget", "reconstruction", "pruning in steps"]))]
pub struct ChooseArgs {
    #[command(flatten)]
    pub experiment: ExperimentArgs,
    /// Fraction of weights to remove, such as 0.95.
    #[arg(long, allow_negative_numbers = true)]
    pub sparsity: Sparsity,
    /// Repair of every network that is judged: one of those of `rrlab prune`.
    #[arg(long, default_value_t = Repair::Operator(RepairOperator::default()))]
    pub repair: Repair,
    /// Number of unlabelled training images, none of them calibration images, that the judge looks
    /// at.
    #[arg(long, default_value_t = JUDGE_IMAGES, value_name = "COUNT")]
    pub judge_images: usize,
    /// Search for a better allocation than the best rule's, judging at most COUNT more networks. Half
    /// of the judge's images decide the way, the others whether it was worth it.
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    pub refine: usize,
    /// How: walk, downhill from the best rule's allocation, or spdy, SPDY's random search over costs
    /// for each layer.
    #[arg(long, default_value_t, requires = "refine")]
    pub search: Search,
    /// Where the allocation goes, for `rrlab prune --allocation`.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    #[command(flatten)]
    pub overwrite: OverwriteArgs,
}

/// Prune a network as allocated.
#[derive(Debug, Args)]
#[command(after_long_help = words(&["repair operator", "reconstruction", "pruning in steps", "density"]))]
pub struct PruneArgs {
    #[command(flatten)]
    pub model: ModelArgs,
    /// The allocation, as `rrlab allocate --format json` or `--format csv` printed it.
    #[arg(long, value_name = "FILE")]
    pub allocation: PathBuf,
    /// none, variance_matching, variance_scale, layerwise, shrunk, least_squares, reconstruction or
    /// bn_recalibration.
    #[arg(long, default_value_t = Repair::Operator(RepairOperator::default()))]
    pub repair: Repair,
    /// What chooses the weights that stay inside each layer: magnitude, wanda, or obs, which prunes
    /// in steps and goes with repair reconstruction alone.
    #[arg(long, default_value_t)]
    pub criterion: Criterion,
    /// Data set of the calibration images that repair needs, on whose test images the accuracy is
    /// measured [default: the one that the network was trained on].
    #[arg(long)]
    pub dataset: Option<String>,
    /// Number of calibration images, drawn with --seed.
    #[arg(long, default_value_t = CALIBRATION_IMAGES, value_name = "COUNT")]
    pub images: usize,
    /// Where the pruned model goes: a name that ends in .onnx, or in .safetensors, which PyTorch
    /// reads by safetensors.torch.load_file. What came as ONNX goes back into its own graph.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Where the masks go (U8, 1 where a weight stays).
    #[arg(long, value_name = "FILE")]
    pub masks: Option<PathBuf>,
    /// Where the network goes as torch.nn.utils.prune has it, safetensors: NAME.weight_orig with the
    /// dense network's weights where they were removed, and NAME.weight_mask.
    #[arg(long, value_name = "FILE")]
    pub torch_prune: Option<PathBuf>,
    #[command(flatten)]
    pub overwrite: OverwriteArgs,
}

/// Let a pruned and repaired network learn from the dense one's outputs, without labels.
///
/// Its kept weights, biases and norms follow the dense network's output distribution on unlabelled
/// images, by Adam; what was pruned stays 0 and the norms' statistics stay as repair left them.
#[derive(Debug, Args)]
pub struct DistilArgs {
    #[command(flatten)]
    pub model: ModelArgs,
    /// The dense network that it was pruned from.
    #[arg(long, value_name = "FILE")]
    pub teacher: PathBuf,
    /// Data set of the images to learn from, on whose test images the accuracy is measured.
    #[arg(long)]
    pub dataset: String,
    /// Images to learn from, drawn with --seed: with the same seed and count those that repair saw.
    #[arg(long, default_value_t = CALIBRATION_IMAGES, value_name = "COUNT")]
    pub images: usize,
    /// Unlabelled images that are not learned from, on which the divergence from the dense network is
    /// measured before and after.
    #[arg(long, default_value_t = JUDGE_IMAGES, value_name = "COUNT")]
    pub judge_images: usize,
    /// Passes over the images.
    #[arg(long, default_value_t = DistillationPlan::default().epochs)]
    pub epochs: usize,
    /// Images of one step.
    #[arg(long, default_value_t = DistillationPlan::default().batch_size)]
    pub batch_size: usize,
    /// Highest learning rate; it falls to 0 along a cosine.
    #[arg(long, default_value_t = DistillationPlan::default().learning_rate)]
    pub learning_rate: f64,
    /// Leave images as they are; without this they are flipped.
    #[arg(long)]
    pub no_augmentation: bool,
    /// Shift images, too, as training does.
    #[arg(long, conflicts_with = "no_augmentation")]
    pub shift: bool,
    /// Where the network goes: a name that ends in .onnx or .safetensors. Meanwhile OUT.training holds
    /// the state to go on from after a stop.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    #[command(flatten)]
    pub saving: SavingArgs,
}

/// Write a network in another form.
#[derive(Debug, Args)]
pub struct ExportArgs {
    #[command(flatten)]
    pub model: ModelArgs,
    /// Where it goes: a name that ends in .onnx, or in .safetensors, which PyTorch reads by
    /// safetensors.torch.load_file.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    #[command(flatten)]
    pub overwrite: OverwriteArgs,
}

/// Measure a network's accuracy.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    #[command(flatten)]
    pub model: ModelArgs,
    /// Data set to evaluate on.
    #[arg(long)]
    pub dataset: String,
    /// Split to evaluate on.
    #[arg(long, value_enum, default_value_t = SplitArg::Test)]
    pub split: SplitArg,
    /// Refuse unless this profile is of the network, or of the dense one that it was pruned from.
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
    /// Evaluate on COUNT images drawn with --seed instead of all.
    #[arg(long, value_name = "COUNT")]
    pub images: Option<usize>,
}

/// What `choose`, `sweep` and `finetune` have in common: the network, the images, and how budgets
/// are shared out.
#[derive(Debug, Args)]
pub struct ExperimentArgs {
    #[command(flatten)]
    pub model: ModelArgs,
    /// Data set: calibration, and training where there is any, on its training images, evaluation
    /// on its test images.
    #[arg(long)]
    pub dataset: String,
    /// The network's profile; without one the network is calibrated first.
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
    /// Rules, separated by commas.
    #[arg(long, value_delimiter = ',', default_values_t = SweepPlan::default().rules)]
    pub rules: Vec<Rule>,
    /// What chooses the weights that stay inside each layer: magnitude, wanda, or obs, which prunes
    /// in steps and goes with repair reconstruction alone.
    #[arg(long, default_value_t)]
    pub criterion: Criterion,
    /// Force layers, as in `rrlab allocate`.
    #[arg(long = "force", value_name = "LAYERS=DENSITY")]
    pub force: Vec<Constraint>,
    /// Repair operator whose residual distortion, what is left after repair, counts in the rules.
    #[arg(long, default_value_t = RepairOperator::default(), value_name = "OPERATOR")]
    pub rule_repair: RepairOperator,
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// Number of calibration images, drawn with --seed.
    #[arg(long, default_value_t = CALIBRATION_IMAGES, value_name = "COUNT")]
    pub images: usize,
}

/// Which images accuracies are measured on.
#[derive(Debug, Args)]
pub struct EvaluationArgs {
    /// Evaluate on COUNT test images drawn with --seed instead of all.
    #[arg(long, value_name = "COUNT")]
    pub test_images: Option<usize>,
}

/// Prune, repair and evaluate over rules, sparsities and repairs.
#[derive(Debug, Args)]
#[command(after_long_help = words(&["rule", "RR", "ERK", "reconstruction", "pruning in steps", "recovery", "recoverability transition", "chance", "judge", "distillation"]))]
pub struct SweepArgs {
    #[command(flatten)]
    pub experiment: ExperimentArgs,
    #[command(flatten)]
    pub evaluation: EvaluationArgs,
    /// Sparsities, separated by commas.
    #[arg(long, value_delimiter = ',', default_values_t = SweepPlan::default().sparsities)]
    pub sparsities: Vec<Sparsity>,
    /// Repairs, separated by commas: those of `rrlab prune`.
    #[arg(long, value_delimiter = ',', default_values_t = SweepPlan::default().repairs)]
    pub repairs: Vec<Repair>,
    /// Number of unlabelled training images, none of them calibration images, on which the judge
    /// measures how far each network's outputs are from the dense network's; 0 for no judge.
    #[arg(long, default_value_t = JUDGE_IMAGES, value_name = "COUNT")]
    pub judge_images: usize,
    /// After repair let each network learn from the dense network's outputs, without labels, in so
    /// many passes over the calibration images, as `rrlab distil` does; 0 leaves it as repaired.
    #[arg(long, default_value_t = 0, value_name = "EPOCHS")]
    pub distil: usize,
    /// Seeds to draw calibration and judge's images with, separated by commas, in place of --seed,
    /// which draws the test images of all: a sweep for each, in a file of its own, for which --out
    /// (and --profile, if given) bears {seed}. The table has means over the draws, and `rrlab report`
    /// of the files their standard errors.
    #[arg(long, value_delimiter = ',', value_name = "SEEDS")]
    pub calibration_seeds: Vec<u64>,
    /// Draw calibration and judge's images of this data set's training images in place of --dataset's,
    /// to see what depends on which images there are. The profile is measured on them, too.
    #[arg(long, value_name = "DATASET", conflicts_with = "profile")]
    pub calibration_dataset: Option<String>,
    /// Draw calibration and judge's images of this class alone, to see what depends on which images
    /// there are.
    #[arg(long, value_name = "NAME")]
    pub calibration_class: Option<String>,
    /// Networks that are pruned, repaired and evaluated at once, each on a share of the processor's
    /// threads and in memory of its own: worth it where one is too small to keep all threads busy. The
    /// numbers are the same. Not more than there are threads, and not on a GPU.
    #[arg(long, value_name = "COUNT", default_value_t = NonZeroUsize::MIN)]
    pub at_once: NonZeroUsize,
    /// Where the report goes. One of the same sweep is gone on with; --force-overwrite replaces
    /// whatever else is there.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    #[command(flatten)]
    pub overwrite: OverwriteArgs,
}

/// Prune, repair and fine-tune.
#[derive(Debug, Args)]
#[command(after_long_help = words(&["rule", "RR", "ERK", "distillation"]))]
pub struct FinetuneArgs {
    #[command(flatten)]
    pub experiment: ExperimentArgs,
    #[command(flatten)]
    pub evaluation: EvaluationArgs,
    /// Sparsities, separated by commas.
    #[arg(long, value_delimiter = ',', default_values_t = FinetunePlan::default().sparsities)]
    pub sparsities: Vec<Sparsity>,
    /// Repair before fine-tuning: one of those of `rrlab prune`.
    #[arg(long, default_value_t = FinetunePlan::default().repair)]
    pub repair: Repair,
    /// Passes over the training images.
    #[arg(long, default_value_t = FinetunePlan::customary_training().epochs)]
    pub epochs: usize,
    /// Images of one step.
    #[arg(long, default_value_t = FinetunePlan::customary_training().batch_size)]
    pub batch_size: usize,
    /// Highest learning rate; it falls to 0 along a cosine.
    #[arg(long, default_value_t = FinetunePlan::customary_training().learning_rate)]
    pub learning_rate: f64,
    /// Knowledge distillation from the dense network: its weight in the loss, 0 to 1. Without it,
    /// labels alone count.
    #[arg(long, value_name = "WEIGHT")]
    pub distill: Option<f64>,
    /// Softmax temperature of both networks' outputs in distillation.
    #[arg(long, default_value_t = Distillation::default().temperature, requires = "distill")]
    pub temperature: f64,
    /// Neither shift nor flip images.
    #[arg(long)]
    pub no_augmentation: bool,
    /// Where the report goes. While training, OUT.training holds the state to go on from after a
    /// stop.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Folder where the fine-tuned networks go, as RULE-SPARSITY.safetensors.
    #[arg(long, value_name = "FOLDER")]
    pub models: Option<PathBuf>,
    #[command(flatten)]
    pub saving: SavingArgs,
}

/// Show a profile's layers, or a model's.
#[derive(Debug, Args)]
#[command(after_long_help = words(&MEASURED))]
pub struct InspectArgs {
    /// A profile or a model.
    pub file: PathBuf,
    #[command(flatten)]
    pub point: PointArgs,
    #[command(flatten)]
    pub network: NetworkArgs,
    #[command(flatten)]
    pub preprocessing: PreprocessingArgs,
}

/// Compare two results.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// A profile, a sweep, a fine-tuning report or an allocation.
    #[arg(value_name = "A")]
    pub first: PathBuf,
    /// Another of the same kind.
    #[arg(value_name = "B")]
    pub second: PathBuf,
    #[command(flatten)]
    pub point: PointArgs,
}

/// Draw a result.
#[derive(Debug, Args)]
pub struct PlotArgs {
    /// A profile, a sweep, a fine-tuning report or an allocation; or several sweeps of one network,
    /// such as one by magnitude and one in steps.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Where the figure goes; its name ends in .svg.
    #[arg(long, value_name = "FILE.svg")]
    pub out: PathBuf,
    /// Which rules of a sweep are drawn, separated by commas [default: all]. One alone shows the
    /// ladder of its repairs.
    #[arg(long, value_delimiter = ',')]
    pub rules: Vec<Rule>,
    /// What is drawn of a profile: RR of every layer over sparsity, or at --sparsity.
    #[arg(long, value_enum, default_value_t = ProfileFigure::Bars)]
    pub profile_as: ProfileFigure,
    #[command(flatten)]
    pub point: PointArgs,
    #[command(flatten)]
    pub overwrite: OverwriteArgs,
}

/// Hold a profile's predictions against a sweep.
#[derive(Debug, Args)]
pub struct PredictArgs {
    /// The profile that the sweep's budgets were shared out by.
    #[arg(long, value_name = "FILE")]
    pub profile: PathBuf,
    /// The sweep.
    #[arg(long, value_name = "FILE")]
    pub sweep: PathBuf,
    /// Which rules' networks are held against each other, separated by commas [default: all].
    #[arg(long, value_delimiter = ',')]
    pub rules: Vec<Rule>,
    /// Where a figure of recovery over predicted noise goes; its name ends in .svg.
    #[arg(long, value_name = "FILE.svg")]
    pub figure: Option<PathBuf>,
    #[command(flatten)]
    pub overwrite: OverwriteArgs,
}

/// Write a sweep, or where a rule stands in several, as a page.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// A sweep; or several, for a page of where the rule and the judge's choice stand in all of them.
    #[arg(required = true, value_name = "SWEEP")]
    pub sweeps: Vec<PathBuf>,
    /// Hold what the paper claims against sweeps of one network: one of free layers, and those of ERK
    /// with forced projections.
    #[arg(long, conflicts_with_all = ["rule", "calibrations"])]
    pub claims: bool,
    /// Put sweeps of one network beside each other that differ in their calibration images alone:
    /// how many, of which class or data set, drawn with which seed.
    #[arg(long, conflicts_with = "rule")]
    pub calibrations: bool,
    /// Put the repairs of one network under one rule above each other: sweeps of any criterion,
    /// distilled or not, and reports of fine-tuning.
    #[arg(long, conflicts_with_all = ["claims", "calibrations"])]
    pub ladder: bool,
    /// The rule that is held against all others, or whose ladder it is; without it rr, which some
    /// sweep must have for a ladder.
    #[arg(long)]
    pub rule: Option<Rule>,
    /// Where the page goes.
    #[arg(long, value_name = "FILE.md")]
    pub out: PathBuf,
    #[command(flatten)]
    pub overwrite: OverwriteArgs,
}

/// Repeat experiments.
#[derive(Debug, Args)]
pub struct ReproduceArgs {
    /// Which experiments.
    #[arg(value_enum, default_value_t = ReproducedExperiment::Paper)]
    pub experiment: ReproducedExperiment,
    /// Architecture to train, as in `rrlab train --arch`, such as resnet18 or resnet18:width=0.25.
    #[arg(long, value_name = "NAME[:width=W]", default_value = "resnet18")]
    pub network: Architecture,
    /// A dense network to start from in place of training one.
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// Data set: training and calibration on its training images, evaluation on its test images.
    #[arg(long)]
    pub dataset: String,
    /// Passes over the training images.
    #[arg(long, default_value_t = TrainingPlan::default().epochs)]
    pub epochs: usize,
    /// Sparsities, separated by commas; without them 0.90 to 0.98 by 0.005 in the paper's
    /// experiments, and 0.8 and 0.9 in those of calibration images.
    #[arg(long, value_delimiter = ',')]
    pub sparsities: Vec<Sparsity>,
    /// Repairs, separated by commas; without them none (in the paper's experiments),
    /// variance_matching and reconstruction.
    #[arg(long, value_delimiter = ',')]
    pub repairs: Vec<Repair>,
    /// Epochs in which networks that rr shared out and that were pruned in steps learn from the dense
    /// network, without labels; 0 leaves that sweep out.
    #[arg(long, default_value_t = DistillationPlan::default().epochs, value_name = "EPOCHS")]
    pub distil: usize,
    /// Number of calibration images, drawn with --seed; for calibration images themselves the number
    /// of each other kind.
    #[arg(long, default_value_t = CALIBRATION_IMAGES, value_name = "COUNT")]
    pub images: usize,
    /// Numbers of calibration images to compare, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "COUNTS",
        default_values_t = [16, 64, 256, 1024, 4096])]
    pub image_counts: Vec<usize>,
    /// Seeds to draw them with, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "SEEDS", default_values_t = [0, 1, 2])]
    pub calibration_seeds: Vec<u64>,
    /// Classes of which calibration images are drawn alone, separated by commas; without them the data
    /// set's first.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub calibration_classes: Vec<String>,
    /// Other data set that calibration images are drawn from.
    #[arg(long, value_name = "DATASET", default_value = SHAPES10)]
    pub calibration_dataset: String,
    #[command(flatten)]
    pub evaluation: EvaluationArgs,
    /// Folder of everything that is made; what is there already is gone on with.
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
}

/// Experiments that are one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReproducedExperiment {
    /// The paper's: a fine sweep of the rules, and ERK with forced projections.
    Paper,
    /// How much depends on which calibration images there are: how many, drawn with which seed, of
    /// one class alone, of another data set.
    Calibration,
}

/// What is drawn of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProfileFigure {
    /// RR of each layer at one sparsity.
    Bars,
    /// RR of each layer over sparsity.
    Curves,
}

/// Where on its curves a profile is looked at.
#[derive(Debug, Clone, Copy, Args)]
pub struct PointArgs {
    /// Sparsity at which a profile's layers are looked at.
    #[arg(long, default_value_t = Self::default().sparsity, allow_negative_numbers = true)]
    pub sparsity: Sparsity,
    /// Repair operator by whose residual distortion a profile's layers are looked at.
    #[arg(long, default_value_t = RepairOperator::default(), value_name = "OPERATOR")]
    pub repair: RepairOperator,
}

impl Default for PointArgs {
    fn default() -> Self {
        Self {
            sparsity: Sparsity::new(0.95).unwrap_or(Sparsity::DENSE),
            repair: RepairOperator::default(),
        }
    }
}

/// Where the lab keeps what it knows.
#[derive(Debug, Clone, Args)]
pub struct LabArgs {
    /// Database: sqlite://PATH, or postgres://USER:PASSWORD@HOST/NAME for many servers and workers
    /// [default: lab.sqlite in the data folder].
    #[arg(long, env = "RRLAB_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// Object store: a folder, or s3://BUCKET/PREFIX with the customary AWS_* variables [default:
    /// artifacts in the data folder].
    #[arg(long, env = "RRLAB_ARTIFACTS", value_name = "PATH|URL")]
    pub artifacts: Option<String>,
    /// Most connections to the database that this program opens.
    #[arg(long, env = "RRLAB_CONNECTIONS", default_value_t = CONNECTIONS, value_name = "COUNT",
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub connections: u32,
    /// How the log is written.
    #[arg(long, env = "RRLAB_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line for each event, for people.
    Text,
    /// JSON, for programs.
    Json,
}

/// How workers work.
#[derive(Debug, Clone, Args)]
pub struct WorkArgs {
    /// Seconds of silence after which a worker counts as dead and its job goes to another.
    #[arg(long, default_value_t = 20, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(2..=3600))]
    pub lease: u64,
    /// Seconds between two checkpoints of a job.
    #[arg(long, default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub checkpoint: u64,
    /// Hours for which a job may be computed, by all its workers together; then it ends as failed.
    /// Without this as long as it takes.
    #[arg(long, env = "RRLAB_JOB_HOURS", value_name = "HOURS", value_parser = positive_hours)]
    pub job_hours: Option<f64>,
}

fn positive_hours(text: &str) -> Result<f64, String> {
    let hours: f64 = text.parse().map_err(|_| format!("`{text}` is no number of hours"))?;
    let right = hours.is_finite() && hours > 0.0;
    right.then_some(hours).ok_or_else(|| format!("{hours} hours: it must be more than 0"))
}

/// Serve the lab.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Port; 0 takes a free one.
    #[arg(long, env = "RRLAB_PORT", default_value_t = 7878)]
    pub port: u16,
    /// Address to listen on. Any but this machine's own needs --hosted.
    #[arg(long, env = "RRLAB_HOST", default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// For many people, each with tokens of their own (`rrlab user add`, `rrlab token create`).
    /// Without this for whoever starts it: the address that it prints lets its reader in.
    #[arg(long, env = "RRLAB_HOSTED")]
    pub hosted: bool,
    /// Behind a proxy that speaks TLS and sets X-Forwarded-For itself: trust that header, and send
    /// cookies over TLS alone.
    #[arg(long, env = "RRLAB_BEHIND_PROXY")]
    pub behind_proxy: bool,
    /// Header in which the proxy names whom it has signed in, and which it lets nobody else set:
    /// X-Forwarded-User of oauth2-proxy, Remote-User of Authelia. They are added on their first
    /// visit.
    #[arg(
        long,
        env = "RRLAB_IDENTITY_HEADER",
        value_name = "HEADER",
        requires = "behind_proxy",
        requires = "hosted"
    )]
    pub identity_header: Option<HeaderName>,
    /// Header with the groups of whom the proxy has signed in, comma between comma. Without this
    /// roles are as `rrlab user role` has them.
    #[arg(
        long,
        env = "RRLAB_GROUPS_HEADER",
        value_name = "HEADER",
        requires = "identity_header",
        group = "groups"
    )]
    pub groups_header: Option<HeaderName>,
    /// Group whose people are admins.
    #[arg(long, env = "RRLAB_ADMIN_GROUP", value_name = "GROUP", requires = "groups")]
    pub admin_group: Option<String>,
    /// Group whose people are reviewers.
    #[arg(long, env = "RRLAB_REVIEWER_GROUP", value_name = "GROUP", requires = "groups")]
    pub reviewer_group: Option<String>,
    #[command(flatten)]
    pub sign_in: SignInArgs,
    /// Hours for which somebody stays signed in at one browser.
    #[arg(long, env = "RRLAB_SESSION_HOURS", default_value_t = 168.0, value_name = "HOURS", value_parser = positive_hours)]
    pub session_hours: f64,
    /// Site whose pages may show the lab's in a frame, such as a course's; may be repeated.
    #[arg(long, env = "RRLAB_EMBED_IN", value_name = "SITE", value_delimiter = ',')]
    pub embed_in: Vec<Embedder>,
    /// Compute no jobs here; `rrlab worker` does, on this machine or others.
    #[arg(long, env = "RRLAB_NO_WORKER")]
    pub no_worker: bool,
    /// Jobs that one person may have waiting and running.
    #[arg(long, env = "RRLAB_JOBS_PER_USER", default_value_t = 10, value_name = "COUNT")]
    pub jobs_per_user: usize,
    /// Largest upload, in MiB.
    #[arg(long, env = "RRLAB_UPLOAD_MIB", default_value_t = 1024, value_name = "MIB")]
    pub upload_mib: u64,
    /// What one person of a hosted lab may store, in GiB.
    #[arg(long, env = "RRLAB_STORAGE_GIB", default_value_t = 20, value_name = "GIB",
        value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub storage_gib: u64,
    /// Hours of computing that the jobs of one person may have had in the last day when they ask for
    /// another. Without this any.
    #[arg(long, env = "RRLAB_DEVICE_HOURS", value_name = "HOURS", value_parser = positive_hours)]
    pub device_hours: Option<f64>,
    /// Memory, in GiB, that one job may be taken to need. Without this any: a worker that runs out of it
    /// dies, and its job with the third.
    #[arg(long, env = "RRLAB_JOB_MEMORY_GIB", value_name = "GIB",
        value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub job_memory_gib: Option<u64>,
    /// Days after which a job that has ended is forgotten, with its events; what it made stays. Without
    /// this none is.
    #[arg(long, env = "RRLAB_KEEP_JOBS", value_name = "DAYS")]
    pub keep_jobs: Option<u32>,
    /// Days after which entries of the audit log are forgotten. Without this none is.
    #[arg(long, env = "RRLAB_KEEP_AUDIT", value_name = "DAYS")]
    pub keep_audit: Option<u32>,
    /// Requests of one person each second, beyond a burst of 1000.
    #[arg(long, env = "RRLAB_REQUESTS_PER_SECOND", default_value_t = 50, value_name = "COUNT")]
    pub requests_per_second: u64,
    /// Folder of the page, in place of the one that is built in.
    #[arg(long, value_name = "FOLDER")]
    pub page: Option<PathBuf>,
    #[command(flatten)]
    pub lab: LabArgs,
    #[command(flatten)]
    pub work: WorkArgs,
}

/// The OpenID provider that signs people in.
#[derive(Debug, Args)]
pub struct SignInArgs {
    /// OpenID provider (Keycloak, Entra, Google, GitLab) that signs people in, by the address that its
    /// tokens name. They are added on their first visit.
    #[arg(
        long = "oidc-issuer",
        env = "RRLAB_OIDC_ISSUER",
        value_name = "URL",
        requires_all = ["client", "public_url", "hosted"],
        conflicts_with = "identity_header",
        value_parser = secure_address
    )]
    pub issuer: Option<String>,
    /// Name of the lab at the provider.
    #[arg(
        long = "oidc-client-id",
        env = "RRLAB_OIDC_CLIENT_ID",
        value_name = "NAME",
        requires = "issuer"
    )]
    pub client: Option<String>,
    /// What the lab shows the provider, unless it is a public client there. Better set by its
    /// variable: others on the machine see a program's options.
    #[arg(
        long = "oidc-client-secret",
        env = "RRLAB_OIDC_CLIENT_SECRET",
        value_name = "SECRET",
        hide_env_values = true,
        requires = "issuer"
    )]
    pub secret: Option<String>,
    /// What the provider is asked for beside `openid`.
    #[arg(
        long = "oidc-scopes",
        env = "RRLAB_OIDC_SCOPES",
        default_value = "profile email",
        value_name = "SCOPES"
    )]
    pub scopes: String,
    /// The claim with a person's name.
    #[arg(
        long = "oidc-name-claim",
        env = "RRLAB_OIDC_NAME_CLAIM",
        default_value = "preferred_username",
        value_name = "CLAIM"
    )]
    pub name_claim: String,
    /// The claim with a person's groups: its name, or a JSON pointer such as /realm_access/roles. Without
    /// this roles are as `rrlab user role` has them.
    #[arg(
        long = "oidc-groups-claim",
        env = "RRLAB_OIDC_GROUPS_CLAIM",
        value_name = "CLAIM",
        requires = "issuer",
        group = "groups"
    )]
    pub groups_claim: Option<String>,
    /// Address at which browsers reach the lab. The provider is to send them back to this with
    /// /sign-in/done.
    #[arg(long, env = "RRLAB_PUBLIC_URL", value_name = "URL", value_parser = secure_address)]
    pub public_url: Option<String>,
}

/// An address over TLS, or of this machine.
fn secure_address(text: &str) -> Result<String, String> {
    let address = Url::parse(text).map_err(|error| format!("`{text}` is no address: {error}"))?;
    let local = matches!(address.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match address.scheme() {
        "https" => Ok(text.into()),
        "http" if local => Ok(text.into()),
        _ => Err(format!("`{text}`: it must begin with https://, but for this machine's own")),
    }
}

/// Compute jobs of a lab.
#[derive(Debug, Args)]
pub struct WorkerArgs {
    /// Compute the job whose turn it is and end; where none waits, help with a job that runs, or end at
    /// once. For schedulers that lend a machine for a while.
    #[arg(long)]
    pub once: bool,
    /// Address on which to answer /healthz, /readyz and /metrics, such as 0.0.0.0:9100; for anybody who
    /// reaches it.
    #[arg(long, env = "RRLAB_WORKER_LISTEN", value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// For a server's own: say when it computes jobs, and end when the input does.
    #[arg(long, hide = true, conflicts_with = "once")]
    pub with_server: bool,
    #[command(flatten)]
    pub lab: LabArgs,
    #[command(flatten)]
    pub work: WorkArgs,
}

/// People who use a hosted lab.
#[derive(Debug, Args)]
pub struct UserArgs {
    #[command(subcommand)]
    pub command: UserCommand,
    #[command(flatten)]
    pub lab: LabArgs,
}

/// What to do about people.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Add somebody.
    Add {
        /// Name.
        name: String,
        /// student (own work), reviewer (reads what is shared by a link) or admin (everybody's
        /// work).
        #[arg(long, default_value = "student", value_parser = role)]
        role: UserRole,
    },
    /// List everybody, with what they have stored.
    List,
    /// Give somebody another role; their tokens stay.
    Role {
        /// Name.
        name: String,
        /// student, reviewer or admin.
        #[arg(value_parser = role)]
        role: UserRole,
    },
    /// Shut somebody out: their sessions end, and their tokens are refused until `user enable`. What is
    /// theirs stays.
    Disable {
        /// Name.
        name: String,
    },
    /// Let somebody in again.
    Enable {
        /// Name.
        name: String,
    },
    /// Sign somebody out of all browsers; their tokens stay.
    SignOut {
        /// Name.
        name: String,
    },
    /// Say whom an OpenID provider means by one of its subjects: for people who were added by name
    /// before they signed in there.
    Bind {
        /// Name.
        name: String,
        /// The provider, as `rrlab serve --oidc-issuer` has it.
        #[arg(long, value_name = "URL")]
        issuer: String,
        /// What the provider calls them.
        #[arg(long, value_name = "SUBJECT")]
        subject: String,
    },
    /// Write everything that the lab keeps of somebody into an archive: what is known of them, their
    /// jobs with all events, what they did and what was done to them, and every file of theirs.
    Export {
        /// Name.
        name: String,
        /// The archive (.tar).
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        overwrite: OverwriteArgs,
    },
    /// Erase somebody with their tokens, sessions, links, jobs and artifacts. Content goes at the next
    /// cleaning (`rrlab admin clean`). It can't be undone.
    Erase {
        /// Name.
        name: String,
        /// The name once more, so that nobody is erased by a slip.
        #[arg(long, value_name = "NAME")]
        confirm: String,
    },
}

/// Courses of a hosted lab: teachers see the work of their students.
#[derive(Debug, Args)]
pub struct CourseArgs {
    #[command(subcommand)]
    pub command: CourseCommand,
    #[command(flatten)]
    pub lab: LabArgs,
}

/// What to do about courses.
#[derive(Debug, Subcommand)]
pub enum CourseCommand {
    /// Make a course. Who teaches it makes links on the page, by which students enrol.
    Add {
        /// Name.
        name: String,
        /// Somebody who teaches it; may be repeated.
        #[arg(long, value_name = "NAME", required = true)]
        teacher: Vec<String>,
    },
    /// List all courses.
    List,
    /// Put somebody into a course, or have who is in it teach or learn.
    Join {
        /// Name of the course.
        name: String,
        /// Who.
        person: String,
        /// As a teacher, not as a student.
        #[arg(long)]
        teacher: bool,
    },
    /// Take somebody out of a course; their work stays.
    Leave {
        /// Name of the course.
        name: String,
        /// Who.
        person: String,
    },
    /// Make a link that enrols whoever opens it; its secret is shown this once.
    Link {
        /// Name of the course.
        name: String,
        /// Days after which it ends by itself.
        #[arg(long, default_value_t = CourseLinkPlan::default().days, value_name = "COUNT",
            value_parser = clap::value_parser!(u32).range(1..=i64::from(CourseLinkPlan::MOST_DAYS)))]
        days: u32,
        /// Students that the course may have when somebody enrols by it.
        #[arg(long, default_value_t = CourseLinkPlan::default().seats, value_name = "COUNT",
            value_parser = clap::value_parser!(u32).range(1..=i64::from(CourseLinkPlan::MOST_SEATS)))]
        seats: u32,
    },
    /// Remove a course with its links; its people and their work stay.
    Remove {
        /// Name.
        name: String,
    },
}

/// Tokens that people show.
#[derive(Debug, Args)]
pub struct TokenArgs {
    #[command(subcommand)]
    pub command: TokenCommand,
    #[command(flatten)]
    pub lab: LabArgs,
}

/// What to do about tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token for somebody; it is shown this once.
    Create {
        /// Whose.
        user: String,
        /// What it is for.
        #[arg(long, default_value = "")]
        label: String,
        /// Days after which it ends by itself; without this it lasts until it is revoked.
        #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=36500))]
        days: Option<u32>,
    },
    /// List all tokens, without their secrets.
    List,
    /// Revoke a token.
    Revoke {
        /// Its number.
        id: i64,
    },
}

/// Look after what a lab stores.
#[derive(Debug, Args)]
pub struct AdminArgs {
    #[command(subcommand)]
    pub command: AdminCommand,
}

/// What to do about it.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Remove content that nothing refers to any more, as servers and workers do every hour, and
    /// list it.
    Clean(CleanArgs),
    /// Forget jobs that ended long ago, with their events: what they made stays, and so do those that a
    /// link shows. `rrlab serve --keep-jobs` does so every hour.
    ForgetJobs(ForgetJobsArgs),
    /// List who did what to whom: people, tokens, sessions, links, and what admins did with others' work.
    Audit(AuditArgs),
}

/// The audit log.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// Of this person alone: what they did and what was done to them.
    #[arg(long, value_name = "NAME")]
    pub person: Option<String>,
    /// Latest entries.
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    pub count: u32,
    #[command(flatten)]
    pub lab: LabArgs,
}

/// Forget jobs that ended long ago.
#[derive(Debug, Args)]
pub struct ForgetJobsArgs {
    /// Days since they ended; 0 is all that have.
    #[arg(long, value_name = "DAYS")]
    pub older_than: u32,
    #[command(flatten)]
    pub lab: LabArgs,
}

/// Remove content that nothing refers to.
#[derive(Debug, Args)]
pub struct CleanArgs {
    /// List what would go, and remove nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Age in seconds below which unneeded content is kept: it may be of an upload or a job that is
    /// about to name it.
    #[arg(long, default_value_t = GRACE.as_secs(), value_name = "SECONDS")]
    pub older_than: u64,
    #[command(flatten)]
    pub lab: LabArgs,
}

fn role(name: &str) -> Result<UserRole, String> {
    let names: Vec<_> = UserRole::VARIANTS.iter().map(|value| value.name()).collect();
    name.parse().map_err(|_| format!("there are {}", names.join(", ")))
}

fn colours(text: &str) -> Result<[f32; 3], String> {
    let values: Option<Vec<f32>> = text.split(',').map(|value| value.trim().parse().ok()).collect();
    let three = values.and_then(|values| match values[..] {
        [grey] => Some([grey; 3]),
        _ => <[f32; 3]>::try_from(values).ok(),
    });
    let three = three.filter(|values| values.iter().all(|value| value.is_finite()));
    three.ok_or_else(|| {
        "give three numbers with commas between them, such as 0.4914,0.4822,0.4465, or one for all".into()
    })
}

fn deviations(text: &str) -> Result<[f32; 3], String> {
    let positive = |values: &[f32; 3]| values.iter().all(|value| *value > 0.0);
    colours(text).and_then(|values| {
        if positive(&values) { Ok(values) } else { Err("a deviation is above 0".into()) }
    })
}
