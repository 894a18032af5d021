//! What the page shows, in which colours, and where networks run: each a choice among a few.

use crate::choices::choices;

choices! {
    /// What is shown below the graph.
    Pane {
        Table = "table", "Table";
        Compare = "compare", "Compare";
        Ablation = "ablation", "Ablation";
        Layer = "layer", "Layer";
        Sweep = "sweep", "Sweep";
        Networks = "networks", "Networks";
    }
}

choices! {
    /// Which allocations have a graph.
    Shown {
        A = "a", "A";
        B = "b", "B";
        Both = "both", "A beside B";
    }
}

choices! {
    /// Whether the page is light or dark.
    Theme {
        /// As the system has it.
        System = "system", "System";
        Light = "light", "Light";
        Dark = "dark", "Dark";
    }
}

choices! {
    /// What another page shows of this one in a frame.
    Embed {
        /// The whole page, which is in no frame.
        No = "no", "the whole page";
        Graph = "graph", "the graph";
        Pane = "pane", "the pane";
        Both = "both", "graph and pane";
    }
}

choices! {
    /// Parts of the page that a link can hide, for teaching.
    Part {
        /// Opening of files and the gallery.
        Open = "open", "opening files";
        Run = "run", "running networks";
        Sparsity = "sparsity", "the sparsity";
        /// Rule, operator and their settings.
        Rule = "rule", "rules and their settings";
        Force = "force", "forcing of layers";
        Compare = "compare", "the comparison";
        /// Accuracies beside the controls.
        Accuracy = "accuracy", "accuracies beside the controls";
        Sweep = "sweep", "the sweep";
        Export = "export", "export";
        Tour = "tour", "the tour";
        /// The menu that hides these.
        Menu = "menu", "this menu";
    }
}

impl Part {
    /// What a reviewer's link hides: all that would change what was sent.
    pub const REVIEW: [Self; 8] = [
        Self::Open,
        Self::Run,
        Self::Sparsity,
        Self::Rule,
        Self::Force,
        Self::Compare,
        Self::Tour,
        Self::Menu,
    ];
}

choices! {
    /// Where networks run.
    ComputeOn {
        /// By WebGPU where there is a graphics card, else on the CPU.
        Auto = "auto", "Automatic";
        Cpu = "cpu", "CPU";
        /// By WebGPU, whatever the adapter.
        WebGpu = "webgpu", "WebGPU";
        /// As a job on the server that serves the page.
        Server = "server", "the server";
    }
}
