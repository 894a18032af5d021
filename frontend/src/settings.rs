//! Everything that a person can set on the page: one typed table, from which the address is written and read.

use std::fmt::Display;
use std::str::FromStr;

use leptos::prelude::*;
use rrlab_types::{AllocationRequest, Constraint, Prior, Repair, RepairOperator, Rule, RuleSettings, Sparsity};

use crate::gallery;
use crate::metric::Metric;

/// An enumeration whose variants have names, in the address and in controls.
macro_rules! choices {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal, $label:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $type { $($(#[$variant_doc])* $variant,)+ }

        impl $type {
            /// Every choice, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// What a person reads.
            pub fn label(self) -> &'static str {
                match self { $(Self::$variant => $label,)+ }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self { $(Self::$variant => $name,)+ })
            }
        }

        impl std::str::FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($name => Ok(Self::$variant),)+
                    _ => Err(format!("`{text}` is none of {}", [$($name),+].join(", "))),
                }
            }
        }
    };
}
pub(crate) use choices;

choices! {
    /// What is shown below the graph.
    Pane {
        /// Every layer's numbers.
        Table = "table", "Table";
        /// Allocation A beside B.
        Compare = "compare", "Compare";
        /// Projections forced.
        Ablation = "ablation", "Ablation";
        /// One layer's curves.
        Layer = "layer", "Layer";
        /// Accuracy over sparsity.
        Sweep = "sweep", "Sweep";
    }
}

choices! {
    /// Which allocations have a graph.
    Shown {
        /// A.
        A = "a", "A";
        /// B.
        B = "b", "B";
        /// Side by side.
        Both = "both", "A beside B";
    }
}

choices! {
    /// Colours of the page.
    Theme {
        /// As the system has it.
        System = "system", "System";
        /// Dark on light.
        Light = "light", "Light";
        /// Light on dark.
        Dark = "dark", "Dark";
    }
}

choices! {
    /// Parts of the page that a link can hide, for teaching.
    Part {
        /// Opening of files and the gallery.
        Open = "open", "opening files";
        /// Running of networks.
        Run = "run", "running networks";
        /// Sparsity.
        Sparsity = "sparsity", "the sparsity";
        /// Rule, operator and their settings.
        Rule = "rule", "rules and their settings";
        /// Forcing of layers.
        Force = "force", "forcing of layers";
        /// Comparison with B.
        Compare = "compare", "the comparison";
        /// The sweep.
        Sweep = "sweep", "the sweep";
        /// Export.
        Export = "export", "export";
        /// The tour.
        Tour = "tour", "the tour";
        /// The menu that hides these.
        Menu = "menu", "this menu";
    }
}

impl Part {
    /// What a reviewer's link hides: all that would change what was sent.
    pub const REVIEW: [Self; 8] =
        [Self::Open, Self::Run, Self::Sparsity, Self::Rule, Self::Force, Self::Compare, Self::Tour, Self::Menu];
}

choices! {
    /// Where networks run.
    ComputeOn {
        /// By WebGPU where there is a graphics card, else on the CPU.
        Auto = "auto", "Automatic";
        /// On the CPU.
        Cpu = "cpu", "CPU";
        /// By WebGPU, whatever the adapter.
        WebGpu = "webgpu", "WebGPU";
        /// As a job on the server that serves the page.
        Server = "server", "the server";
    }
}

choices! {
    /// Columns of the table.
    Column {
        /// In graph order.
        Order = "order", "#";
        /// Its name.
        Name = "layer", "layer";
        /// Its role.
        Role = "role", "role";
        /// Weights.
        Weights = "weights", "weights";
        /// Multiply-accumulates.
        Macs = "macs", "MACs";
        /// Weights kept.
        Kept = "kept", "kept";
        /// Density.
        Density = "density", "density";
        /// Raw distortion.
        Raw = "raw", "raw";
        /// Residual distortion.
        Residual = "residual", "residual";
        /// Relative repairability.
        Rr = "rr", "RR";
        /// Why.
        State = "state", "state";
    }
}

/// Order of the table: a column, upwards or downwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// By which.
    pub column: Column,
    /// Largest first.
    pub descending: bool,
}

impl Display for Sort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", if self.descending { "-" } else { "" }, self.column)
    }
}

impl FromStr for Sort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let column = text.strip_prefix('-');
        Ok(Self { column: column.unwrap_or(text).parse()?, descending: column.is_some() })
    }
}

/// Values between commas.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct List<T>(pub Vec<T>);

impl<T: Display> Display for List<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let items: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&items.join(","))
    }
}

impl<T: FromStr> FromStr for List<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        text.split(',').filter(|item| !item.is_empty()).map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl<T: PartialEq> List<T> {
    /// Whether it holds a value.
    pub fn contains(&self, value: &T) -> bool {
        self.0.contains(value)
    }

    /// Takes the value out if it is in, and in if it is not.
    pub fn toggle(&mut self, value: T) {
        match self.0.iter().position(|item| *item == value) {
            Some(index) => drop(self.0.remove(index)),
            None => self.0.push(value),
        }
    }
}

/// What shares out a budget: allocation A's, or B's.
#[derive(Debug, Clone, Copy)]
pub struct Choice {
    /// Global sparsity.
    pub sparsity: RwSignal<Sparsity>,
    /// The rule.
    pub rule: RwSignal<Rule>,
    /// Operator whose residual distortion counts and is shown.
    pub repair: RwSignal<RepairOperator>,
    /// Power of RR.
    pub alpha: RwSignal<f64>,
    /// Where a blend starts.
    pub prior: RwSignal<Prior>,
    /// Layers forced.
    pub force: RwSignal<List<Constraint>>,
}

impl Choice {
    fn new(rule: Rule) -> Self {
        let defaults = RuleSettings::default();
        Self {
            sparsity: RwSignal::new(first_sparsity()),
            rule: RwSignal::new(rule),
            repair: RwSignal::new(defaults.repair),
            alpha: RwSignal::new(defaults.alpha),
            prior: RwSignal::new(defaults.prior),
            force: RwSignal::new(List(Vec::new())),
        }
    }

    /// What is asked of the allocation; follows every signal.
    pub fn request(self) -> AllocationRequest {
        AllocationRequest {
            rule: self.rule.get(),
            sparsity: self.sparsity.get(),
            settings: RuleSettings {
                repair: self.repair.get(),
                alpha: self.alpha.get(),
                prior: self.prior.get(),
                ..RuleSettings::default()
            },
            constraints: self.force.get().0,
        }
    }

    /// In a line of words.
    pub fn describe(self) -> String {
        let (rule, sparsity, force) = (self.rule.get(), self.sparsity.get(), self.force.get());
        let forced = if force.0.is_empty() { String::new() } else { format!(", {force} forced") };
        format!("{rule} at {sparsity}{forced}")
    }

    fn properties(self, prefix: &str, rule: Rule, into: &mut Vec<Property>) {
        let mut add = |key: &str, make: &dyn Fn(String) -> Property| into.push(make(format!("{prefix}{key}")));
        add("sparsity", &|key| Property::new(key, self.sparsity, first_sparsity()));
        add("rule", &|key| Property::new(key, self.rule, rule));
        add("repair", &|key| Property::new(key, self.repair, RepairOperator::default()));
        add("alpha", &|key| Property::new(key, self.alpha, RuleSettings::default().alpha));
        add("prior", &|key| Property::new(key, self.prior, Prior::ERK));
        add("force", &|key| Property::new(key, self.force, List(Vec::new())));
    }
}

/// Sparsity at which the page opens.
fn first_sparsity() -> Sparsity {
    Sparsity::new(0.95).unwrap_or(Sparsity::DENSE)
}

/// Every setting of the page.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Name in the gallery or address of the profile.
    pub profile: RwSignal<String>,
    /// The beginning of the hash of the profile that a link was copied from.
    pub of: RwSignal<String>,
    /// Address of a sweep beside those of the gallery.
    pub sweep: RwSignal<String>,
    /// Allocation A.
    pub a: Choice,
    /// Allocation B.
    pub b: Choice,
    /// Which of them have a graph.
    pub shown: RwSignal<Shown>,
    /// What colours mean.
    pub metric: RwSignal<Metric>,
    /// The layer looked at.
    pub layer: RwSignal<String>,
    /// Groups that are folded.
    pub folded: RwSignal<List<String>>,
    /// What is shown below the graph.
    pub pane: RwSignal<Pane>,
    /// Order of the table.
    pub sort: RwSignal<Sort>,
    /// Text that the table's rows contain.
    pub filter: RwSignal<String>,
    /// Repair whose lines the sweep shows.
    pub sweep_repair: RwSignal<Repair>,
    /// Lines of the sweep that are hidden.
    pub hidden_lines: RwSignal<List<String>>,
    /// Parts of the page that are hidden.
    pub hide: RwSignal<List<Part>>,
    /// Step of the tour, from 1; 0 is none.
    pub tour: RwSignal<usize>,
    /// Whether networks can be run.
    pub run: RwSignal<bool>,
    /// Where.
    pub compute_on: RwSignal<ComputeOn>,
    /// The job on the server that is watched; 0 is none.
    pub job: RwSignal<i64>,
    /// Secret of the link to a job whose results are shown.
    pub share: RwSignal<String>,
    /// Colours of the page.
    pub theme: RwSignal<Theme>,
}

impl Settings {
    /// Every setting at its default.
    pub fn new() -> Self {
        Self {
            profile: RwSignal::new(gallery::FIRST.into()),
            of: RwSignal::new(String::new()),
            sweep: RwSignal::new(String::new()),
            a: Choice::new(Rule::Rr),
            b: Choice::new(Rule::Erk),
            shown: RwSignal::new(Shown::A),
            metric: RwSignal::new(Metric::Rr),
            layer: RwSignal::new(String::new()),
            folded: RwSignal::new(List(Vec::new())),
            pane: RwSignal::new(Pane::Table),
            sort: RwSignal::new(FIRST_SORT),
            filter: RwSignal::new(String::new()),
            sweep_repair: RwSignal::new(FIRST_SWEEP_REPAIR),
            hidden_lines: RwSignal::new(List(Vec::new())),
            hide: RwSignal::new(List(Vec::new())),
            tour: RwSignal::new(0),
            run: RwSignal::new(false),
            compute_on: RwSignal::new(ComputeOn::Auto),
            job: RwSignal::new(0),
            share: RwSignal::new(String::new()),
            theme: RwSignal::new(Theme::System),
        }
    }

    /// The table: each setting with its name in the address, and what it is for.
    pub fn properties(self) -> Vec<Property> {
        let mut table = vec![
            Property::new("profile".into(), self.profile, gallery::FIRST.into()),
            Property::new("of".into(), self.of, String::new()),
            Property::new("sweep".into(), self.sweep, String::new()),
            Property::new("shown".into(), self.shown, Shown::A),
            Property::new("colour".into(), self.metric, Metric::Rr),
            Property::new("layer".into(), self.layer, String::new()),
            Property::new("folded".into(), self.folded, List(Vec::new())),
            Property::new("pane".into(), self.pane, Pane::Table),
            Property::new("sort".into(), self.sort, FIRST_SORT),
            Property::new("filter".into(), self.filter, String::new()),
            Property::new("sweep_repair".into(), self.sweep_repair, FIRST_SWEEP_REPAIR),
            Property::new("hidden_lines".into(), self.hidden_lines, List(Vec::new())),
            Property::new("hide".into(), self.hide, List(Vec::new())),
            Property::new("tour".into(), self.tour, 0).personal(),
            Property::new("run".into(), self.run, false).personal(),
            Property::new("compute_on".into(), self.compute_on, ComputeOn::Auto).personal(),
            Property::new("job".into(), self.job, 0).personal(),
            Property::new("share".into(), self.share, String::new()).personal(),
            Property::new("theme".into(), self.theme, Theme::System).personal(),
        ];
        self.a.properties("", Rule::Rr, &mut table);
        self.b.properties("b.", Rule::Erk, &mut table);
        table
    }

    /// Whether a part of the page is shown.
    pub fn shows(self, part: Part) -> bool {
        !self.hide.with(|hidden| hidden.contains(&part))
    }

    /// Opens the pane that shows a layer.
    pub fn inspect(self, layer: &str) {
        self.layer.set(layer.to_owned());
        self.pane.set(Pane::Layer);
    }
}

const FIRST_SORT: Sort = Sort { column: Column::Order, descending: false };
const FIRST_SWEEP_REPAIR: Repair = Repair::Operator(RepairOperator::VarianceMatching);

/// One setting: its name in the address, how it is read from there and written there.
pub struct Property {
    /// Name in the address.
    pub key: String,
    /// Whether it is of the person who looks (their colours, their job, the secret of a link that they were given): an
    /// exported file says nothing of it.
    pub is_personal: bool,
    text: Box<dyn Fn() -> Option<String>>,
    set: Box<Setter>,
}

/// Sets a signal from a text, or to its default.
type Setter = dyn Fn(Option<&str>) -> Result<(), String>;

impl Property {
    fn new<T>(key: String, signal: RwSignal<T>, default: T) -> Self
    where
        T: Display + FromStr + PartialEq + Clone + Send + Sync + 'static,
        T::Err: Display,
    {
        let first = default.clone();
        let text = move || signal.with(|value| (*value != default).then(|| value.to_string()));
        let set = move |text: Option<&str>| {
            let value =
                text.map_or_else(|| Ok(first.clone()), |text| text.parse().map_err(|e: T::Err| e.to_string()))?;
            // Untouched signals wake nobody.
            if signal.with_untracked(|old| *old != value) {
                signal.set(value);
            }
            Ok(())
        };
        Self { key, is_personal: false, text: Box::new(text), set: Box::new(set) }
    }

    fn personal(self) -> Self {
        Self { is_personal: true, ..self }
    }

    /// Its text, unless it is at its default; follows the signal.
    pub fn text(&self) -> Option<String> {
        (self.text)()
    }

    /// Sets it from a text, or to its default.
    ///
    /// # Errors
    /// What is wrong with the text; the setting is then left as it was.
    pub fn set(&self, text: Option<&str>) -> Result<(), String> {
        (self.set)(text)
    }
}
