//! Several networks of a sweep at once, each on a share of the processor's threads: worth it where one
//! is too small to keep all of them busy.

use std::collections::{BTreeSet, VecDeque};
use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use burn::tensor::read_sync;
use rayon::{ThreadPool, ThreadPoolBuilder};
use rrlab_engine::device::OpenDevice;
use rrlab_engine::experiment::{Experiment, ExperimentError};
use rrlab_engine::sharing::{Share, Sharing};
use rrlab_engine::watch::{Progress, Stopped};
use rrlab_types::{SweepEntry, SweepPlan, SweepReport};

use crate::interrupt::Interrupt;
use crate::progress::say;

/// How long the one who collects waits for an entry before it looks whether it is to end.
const PATIENCE: Duration = Duration::from_millis(200);

/// How many networks are computed at once where `asked` are wanted: no more than there are threads, and
/// on the processor alone, since on a GPU they would wait for each other.
///
/// # Errors
/// If several are wanted of another device.
pub fn places(asked: NonZeroUsize, device: &OpenDevice) -> anyhow::Result<NonZeroUsize> {
    if asked.get() == 1 {
        return Ok(asked);
    }
    if !device.is_cpu() {
        bail!(
            "--at-once shares out the processor's threads, and this sweep would run on {}; \
             give --device cpu or leave --at-once away",
            device.name
        );
    }
    let threads = NonZeroUsize::new(rayon::current_num_threads()).unwrap_or(NonZeroUsize::MIN);
    if asked > threads {
        say(&format!("note: {threads} at once, not {asked}: there are no more threads"));
    }
    Ok(asked.min(threads))
}

/// A sweep that computes so many networks at once. `watch` hears of every entry.
///
/// # Errors
/// If threads can't be started; within, what the sweep came to.
pub fn sweep(
    experiment: &Experiment<'_>,
    (plan, previous): (SweepPlan, Option<SweepReport>),
    at_once: NonZeroUsize,
    interrupt: &Interrupt,
    mut watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
) -> anyhow::Result<Result<SweepReport, ExperimentError>> {
    if at_once.get() == 1 {
        return Ok(read_sync(experiment.sweep(plan, previous, watch)));
    }
    let pools = pools(at_once.get())?;
    let table = Table::new(pools.len(), interrupt);
    let swept = thread::scope(|scope| {
        // Whatever becomes of the sweep, nobody waits for it.
        let _ends = Ends(&table);
        for pool in &pools {
            let helps = || pool.install(|| table.help(experiment));
            thread::Builder::new().spawn_scoped(scope, helps).context(NO_THREADS)?;
        }
        let mut collector = Collector(&table);
        // Asked to end, it first takes over what was brought.
        let collect = async |progress: Progress<'_>| match watch(progress).await {
            Err(Stopped) if table.has_ready() => Ok(()),
            heard => heard,
        };
        anyhow::Ok(read_sync(experiment.shared_sweep(plan, previous, &mut collector, collect)))
    })?;
    Ok(match (swept, table.into_failure()) {
        (Err(_), Some(failure)) => Err(failure),
        (swept, _) => swept,
    })
}

const NO_THREADS: &str = "threads can't start";

/// So many pools that have all threads between them.
fn pools(count: usize) -> anyhow::Result<Vec<ThreadPool>> {
    let all = rayon::current_num_threads();
    let pool = |index| {
        let threads = all / count + usize::from(index < all % count);
        ThreadPoolBuilder::new().num_threads(threads).build().context(NO_THREADS)
    };
    (0..count).map(pool).collect()
}

/// What those who compute a sweep and the one who collects their entries come to terms over.
struct Table<'i> {
    state: Mutex<State>,
    changed: Condvar,
    interrupt: &'i Interrupt,
}

#[derive(Default)]
struct State {
    /// The report that all begin with, once it is there.
    offered: Option<SweepReport>,
    /// Open places that nobody has taken.
    open: BTreeSet<usize>,
    /// Entries that were computed and not collected.
    ready: VecDeque<SweepEntry>,
    /// How many may still bring entries.
    helpers: usize,
    /// Why the first that failed did.
    failure: Option<ExperimentError>,
    is_over: bool,
}

impl<'i> Table<'i> {
    fn new(helpers: usize, interrupt: &'i Interrupt) -> Self {
        let state = Mutex::new(State { helpers, ..State::default() });
        Self { state, changed: Condvar::new(), interrupt }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something that others may wait for.
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }

    fn has_ready(&self) -> bool {
        !self.state().ready.is_empty()
    }

    fn into_failure(self) -> Option<ExperimentError> {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).failure
    }

    /// Computes places that nobody has taken, as long as there are any.
    fn help(&self, experiment: &Experiment<'_>) {
        let _leaves = Leaves(self);
        let Some(offered) = self.wait_for_offer() else { return };
        let plan = offered.plan.clone();
        let hear = async |progress: Progress<'_>| self.hear(progress);
        let helped =
            read_sync(experiment.shared_sweep(plan, Some(offered), &mut Helper(self), hear));
        if let Err(error) = helped {
            self.change(|state| {
                if !state.is_over {
                    state.failure = Some(error);
                    state.is_over = true;
                }
            });
        }
    }

    /// The report to begin with; none where there is nothing to share.
    fn wait_for_offer(&self) -> Option<SweepReport> {
        let waits = |state: &mut State| state.offered.is_none() && !state.is_over;
        let state = self.changed.wait_while(self.state(), waits);
        state.unwrap_or_else(PoisonError::into_inner).offered.clone()
    }

    /// Takes note of what a helper has come to.
    fn hear(&self, progress: Progress<'_>) -> Result<(), Stopped> {
        if let Progress::Entry(report) = progress {
            self.change(|state| state.ready.extend(report.entries.last().cloned()));
        }
        if self.state().is_over { Err(Stopped) } else { self.interrupt.check() }
    }

    /// The next entry that a helper brings.
    fn collect(&self) -> Result<SweepEntry, Stopped> {
        let mut state = self.state();
        loop {
            if let Some(entry) = state.ready.pop_front() {
                return Ok(entry);
            }
            if state.is_over || state.helpers == 0 {
                return Err(Stopped);
            }
            self.interrupt.check()?;
            let waited = self.changed.wait_timeout(state, PATIENCE);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The end of the work at a table.
struct Ends<'t, 'i>(&'t Table<'i>);

impl Drop for Ends<'_, '_> {
    fn drop(&mut self) {
        self.0.change(|state| state.is_over = true);
    }
}

/// A helper's presence at a table.
struct Leaves<'t, 'i>(&'t Table<'i>);

impl Drop for Leaves<'_, '_> {
    fn drop(&mut self) {
        self.0.change(|state| state.helpers -= 1);
    }
}

/// The one whose report it is.
struct Collector<'t, 'i>(&'t Table<'i>);

impl Sharing<SweepReport> for Collector<'_, '_> {
    fn offer(&mut self, work: &SweepReport, open: &[usize], _: usize) -> Result<(), Stopped> {
        self.0.change(|state| {
            state.offered = Some(work.clone());
            state.open = open.iter().copied().collect();
        });
        Ok(())
    }

    fn next(&mut self, open: &[usize]) -> Result<Share<SweepReport>, Stopped> {
        if self.0.state().offered.is_none() {
            // A single place was not offered.
            return Ok(Share::Compute(open[0], None));
        }
        self.0.collect().map(Share::Ready)
    }
}

/// One who computes places of it.
struct Helper<'t, 'i>(&'t Table<'i>);

impl Sharing<SweepReport> for Helper<'_, '_> {
    fn next(&mut self, _: &[usize]) -> Result<Share<SweepReport>, Stopped> {
        let place = self.0.state().open.pop_first();
        Ok(place.map_or(Share::Nothing, |place| Share::Compute(place, None)))
    }
}
