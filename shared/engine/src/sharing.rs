//! Work of many parts that several compute: a sweep's entries, the runs of fine-tuning. A part is the
//! same whoever computes it, on devices of one kind.

use crate::experiment::ExperimentError;
use crate::watch::Stopped;

/// A report of such work.
pub trait SharedWork {
    /// What it is made of.
    type Part;
    /// A part under way, at rest.
    type State;
}

/// What one who computes such work does next.
#[derive(Debug, Clone, PartialEq)]
pub enum Share<Work: SharedWork> {
    /// Computes the open part at this place of the plan's order, from the state that another left if any
    /// did.
    Compute(usize, Option<Work::State>),
    /// Takes over one that another has computed.
    Ready(Work::Part),
    /// Leaves the rest to others.
    Nothing,
}

/// How one who computes such work comes to terms with others.
pub trait Sharing<Work: SharedWork> {
    /// Before the first part: others may take some of those at the open places, of so many in all.
    /// `_work` is the report that all begin with, without any part. One who shares nothing out leaves
    /// this as it is.
    ///
    /// # Errors
    /// If the work is to end.
    fn offer(&mut self, _work: &Work, _open: &[usize], _all: usize) -> Result<(), Stopped> {
        Ok(())
    }

    /// What is next where these places are open, of which there is at least one.
    ///
    /// # Errors
    /// If the work is to end.
    fn next(&mut self, open: &[usize]) -> Result<Share<Work>, Stopped>;
}

/// Computes every part, in the plan's order.
pub struct Alone;

impl<Work: SharedWork> Sharing<Work> for Alone {
    fn next(&mut self, open: &[usize]) -> Result<Share<Work>, Stopped> {
        Ok(Share::Compute(open[0], None))
    }
}

/// Removes from the open places the one of a part that has come.
///
/// # Errors
/// If it was not open.
pub(crate) fn close(
    open: &mut Vec<usize>,
    place: Option<usize>,
    work: &'static str,
) -> Result<(), ExperimentError> {
    let Some(at) = open.iter().position(|open| Some(*open) == place) else {
        let problem = "has no room for a part that it was given".into();
        return Err(ExperimentError::OtherWork { work, problem });
    };
    open.remove(at);
    Ok(())
}
