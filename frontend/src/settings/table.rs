//! The one table of every setting, from which the address is written and read.

use leptos::prelude::*;
use rrlab_types::{Repair, RepairOperator, Rule};

use super::allocation::AllocationSettings;
use super::list::List;
use super::options::{ComputeOn, Embed, Pane, Part, Shown, Theme};
use super::property::Property;
use super::run::RunSettings;
use super::seen::Seen;
use super::sparsity::SparsitySetting;
use super::table_order::{Column, Sort};
use crate::gallery;
use crate::metric::Metric;

/// How the table of layers is sorted at first.
const FIRST_SORT: Sort = Sort { column: Column::Order, descending: false };
/// Rules whose lines a sweep shows at first: more can't be told apart at a glance.
pub const FEW_RULES: [Rule; 4] = [Rule::Uniform, Rule::Erk, Rule::Lamp, Rule::Rr];
/// The repair whose lines a sweep shows at first.
const FIRST_SWEEP_REPAIR: Repair = Repair::Operator(RepairOperator::VarianceMatching);

/// Every setting of the page.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Name in the gallery or address of the profile.
    pub profile: RwSignal<String>,
    /// The beginning of the hash of the profile that a link was copied from.
    pub of: RwSignal<String>,
    /// Name in the gallery or address of the profile that it is compared with; empty for none.
    pub other: RwSignal<String>,
    /// Address of a sweep that is opened beside those of the gallery.
    pub sweep: RwSignal<String>,
    pub a: AllocationSettings,
    pub b: AllocationSettings,
    /// Which of them have a graph.
    pub shown: RwSignal<Shown>,
    /// What the colours of the graph stand for.
    pub metric: RwSignal<Metric>,
    /// Whether these colours reach just from the least to the most value shown.
    pub stretch: RwSignal<bool>,
    /// Name of the layer whose curves are shown; empty for none.
    pub layer: RwSignal<String>,
    /// Names of the groups that the graph draws as one box.
    pub folded: RwSignal<List<String>>,
    /// Which part of A's graph is seen.
    pub seen: RwSignal<Seen>,
    /// What is shown below the graph.
    pub pane: RwSignal<Pane>,
    /// How the table of layers is sorted.
    pub sort: RwSignal<Sort>,
    /// Text that the table's rows contain.
    pub filter: RwSignal<String>,
    /// Place of the sweep that is shown among those that are open.
    pub shown_sweep: RwSignal<usize>,
    /// Repair whose lines the sweep shows.
    pub sweep_repair: RwSignal<Repair>,
    /// Whether a sweep shows accuracy before repair too.
    pub before_repair: RwSignal<bool>,
    /// Rules that have a line in a sweep.
    pub rules: RwSignal<List<Rule>>,
    /// Parts of the page that are hidden.
    pub hide: RwSignal<List<Part>>,
    /// What is shown where the page is in another's frame.
    pub embed: RwSignal<Embed>,
    /// Name or address of the story that is told; empty for none.
    pub story: RwSignal<String>,
    /// Its step, from 1; 0 before it begins.
    pub step: RwSignal<usize>,
    /// Whether the panel that runs networks is open.
    pub run: RwSignal<bool>,
    /// What they are run with.
    pub running: RunSettings,
    /// On what networks are computed.
    pub compute_on: RwSignal<ComputeOn>,
    /// The job on the server that is watched; 0 is none.
    pub job: RwSignal<i64>,
    /// Secret of the link to a job whose results are shown.
    pub share: RwSignal<String>,
    /// Secret of the link by which somebody enrols in a course.
    pub enrol: RwSignal<String>,
    /// Colours of the page.
    pub theme: RwSignal<Theme>,
}

impl Settings {
    /// Every setting at its default.
    pub fn new() -> Self {
        let sparsity = SparsitySetting::new();
        Self {
            profile: RwSignal::new(gallery::FIRST.into()),
            of: RwSignal::new(String::new()),
            other: RwSignal::new(String::new()),
            sweep: RwSignal::new(String::new()),
            a: AllocationSettings::new(Rule::Rr, sparsity),
            b: AllocationSettings::new(Rule::Erk, SparsitySetting::along_with(sparsity)),
            shown: RwSignal::new(Shown::A),
            metric: RwSignal::new(Metric::Rr),
            stretch: RwSignal::new(false),
            layer: RwSignal::new(String::new()),
            folded: RwSignal::new(List(Vec::new())),
            seen: RwSignal::new(Seen::default()),
            pane: RwSignal::new(Pane::Table),
            sort: RwSignal::new(FIRST_SORT),
            filter: RwSignal::new(String::new()),
            shown_sweep: RwSignal::new(0),
            sweep_repair: RwSignal::new(FIRST_SWEEP_REPAIR),
            before_repair: RwSignal::new(false),
            rules: RwSignal::new(List(FEW_RULES.to_vec())),
            hide: RwSignal::new(List(Vec::new())),
            embed: RwSignal::new(Embed::No),
            story: RwSignal::new(String::new()),
            step: RwSignal::new(0),
            run: RwSignal::new(false),
            running: RunSettings::new(),
            compute_on: RwSignal::new(ComputeOn::Auto),
            job: RwSignal::new(0),
            share: RwSignal::new(String::new()),
            enrol: RwSignal::new(String::new()),
            theme: RwSignal::new(Theme::System),
        }
    }

    /// The table: each setting with its name in the address.
    pub fn properties(self) -> Vec<Property> {
        let mut table = vec![
            Property::new("profile".into(), self.profile, gallery::FIRST.into()).lasting().coarse(),
            Property::new("of".into(), self.of, String::new()).lasting(),
            Property::new("other".into(), self.other, String::new()).coarse(),
            Property::new("sweep".into(), self.sweep, String::new()).lasting(),
            Property::new("shown".into(), self.shown, Shown::A).coarse(),
            Property::new("colour".into(), self.metric, Metric::Rr),
            Property::new("stretch".into(), self.stretch, false),
            Property::new("layer".into(), self.layer, String::new()).coarse(),
            Property::new("folded".into(), self.folded, List(Vec::new())),
            Property::new("seen".into(), self.seen, Seen::default()).unseen(),
            Property::new("pane".into(), self.pane, Pane::Table).coarse(),
            Property::new("sort".into(), self.sort, FIRST_SORT),
            Property::new("filter".into(), self.filter, String::new()),
            Property::new("shown_sweep".into(), self.shown_sweep, 0),
            Property::new("sweep_repair".into(), self.sweep_repair, FIRST_SWEEP_REPAIR),
            Property::new("before_repair".into(), self.before_repair, false),
            Property::new("rules".into(), self.rules, List(FEW_RULES.to_vec())),
            Property::new("hide".into(), self.hide, List(Vec::new())).lasting(),
            Property::new("embed".into(), self.embed, Embed::No).personal(),
            Property::new("story".into(), self.story, String::new()).personal(),
            Property::new("step".into(), self.step, 0).personal().coarse(),
            Property::new("run".into(), self.run, false).personal(),
            Property::new("compute_on".into(), self.compute_on, ComputeOn::Auto).personal(),
            Property::new("job".into(), self.job, 0).personal(),
            Property::new("share".into(), self.share, String::new()).personal(),
            Property::new("enrol".into(), self.enrol, String::new()).personal(),
            Property::new("theme".into(), self.theme, Theme::System).personal(),
        ];
        self.running.properties(&mut table);
        self.a.properties("", Rule::Rr, &mut table);
        self.b.properties("b.", Rule::Erk, &mut table);
        table
    }

    /// Whether a part of the page is shown.
    pub fn shows(self, part: Part) -> bool {
        let leads_elsewhere = matches!(part, Part::Open | Part::Run | Part::Tour | Part::Menu);
        let is_hidden = self.hide.with(|hidden| hidden.contains(&part));
        !(is_hidden || leads_elsewhere && self.is_embedded())
    }

    /// Whether the graph is shown.
    pub fn shows_graph(self) -> bool {
        self.embed.get() != Embed::Pane
    }

    /// Whether the pane is shown.
    pub fn shows_pane(self) -> bool {
        self.embed.get() != Embed::Graph
    }

    /// Whether the page is in another's frame, without all that leads elsewhere.
    pub fn is_embedded(self) -> bool {
        self.embed.get() != Embed::No
    }

    /// Opens the pane that shows a layer.
    pub fn inspect(self, layer: &str) {
        self.layer.set(layer.to_owned());
        self.pane.set(Pane::Layer);
    }
}
