//! The attributes of a node, and the windows that several operations state in them alike.

use rrlab_types::{Padding, Window};

use super::error::NodeProblem;
use super::proto::{AttributeProto, NodeProto, TensorProto};

/// The attributes of a node.
#[derive(Clone, Copy)]
pub struct Attributes<'a>(&'a [AttributeProto]);

impl<'a> Attributes<'a> {
    pub fn of(node: &'a NodeProto) -> Self {
        Self(&node.attribute)
    }

    fn find(self, name: &str) -> Option<&'a AttributeProto> {
        self.0.iter().find(|attribute| attribute.name == name)
    }

    pub fn int(self, name: &str) -> Option<i64> {
        self.find(name).map(|attribute| attribute.i)
    }

    pub fn float(self, name: &str) -> Option<f64> {
        self.find(name).map(|attribute| f64::from(attribute.f))
    }

    pub fn ints(self, name: &str) -> Option<Vec<i64>> {
        self.find(name).map(|attribute| attribute.ints.clone())
    }

    pub fn floats(self, name: &str) -> Option<Vec<f32>> {
        self.find(name).map(|attribute| attribute.floats.clone())
    }

    pub fn text(self, name: &str) -> Option<String> {
        self.find(name).map(|attribute| String::from_utf8_lossy(&attribute.s).into_owned())
    }

    pub fn tensor(self, name: &str) -> Option<&'a TensorProto> {
        self.find(name)?.t.as_ref()
    }

    /// A number that is a size; `otherwise` where it is not stated.
    pub fn size(self, name: &'static str, otherwise: usize) -> Result<usize, NodeProblem> {
        let Some(found) = self.int(name) else { return Ok(otherwise) };
        usize::try_from(found).map_err(|_| NodeProblem::Attribute {
            name,
            found: found.to_string(),
            supported: "numbers from 1",
        })
    }

    /// Whether an attribute that the lab has one value of has that one, or is not stated.
    pub fn expect(
        self,
        name: &'static str,
        only: i64,
        supported: &'static str,
    ) -> Result<(), NodeProblem> {
        match self.int(name) {
            Some(found) if found != only => {
                Err(NodeProblem::Attribute { name, found: found.to_string(), supported })
            }
            _ => Ok(()),
        }
    }

    /// Numbers for rows and columns.
    fn pair(self, name: &'static str) -> Result<Option<[usize; 2]>, NodeProblem> {
        let Some(found) = self.ints(name) else { return Ok(None) };
        let two = <[i64; 2]>::try_from(found.clone()).ok();
        let sizes = two.and_then(|[rows, columns]| {
            Some([usize::try_from(rows).ok()?, usize::try_from(columns).ok()?])
        });
        let wrong = || NodeProblem::Attribute {
            name,
            found: format!("{found:?}"),
            supported: "two numbers from 0, for rows and columns",
        };
        sizes.map(Some).ok_or_else(wrong)
    }

    /// The window of a convolution or pool over images of so many rows and columns. `kernel` is
    /// that of the weight, where there is one.
    pub fn window(
        self,
        kernel: Option<[usize; 2]>,
        image: [usize; 2],
    ) -> Result<Window, NodeProblem> {
        let missing = || NodeProblem::Attribute {
            name: "kernel_shape",
            found: "nothing".into(),
            supported: "two numbers, for rows and columns",
        };
        let stated = self.pair("kernel_shape")?;
        let kernel = kernel.or(stated).ok_or_else(missing)?;
        let stride = self.pair("strides")?.unwrap_or([1; 2]);
        let dilation = self.pair("dilations")?.unwrap_or([1; 2]);
        let window = Window { kernel, stride, dilation, padding: Padding::default() };
        let padding = match self.text("auto_pad").as_deref() {
            None | Some("NOTSET" | "") => self.stated_padding()?,
            Some("VALID") => Padding::default(),
            Some("SAME_UPPER") => same(window, image, false),
            Some("SAME_LOWER") => same(window, image, true),
            Some(other) => {
                return Err(NodeProblem::Attribute {
                    name: "auto_pad",
                    found: other.into(),
                    supported: "NOTSET, VALID, SAME_UPPER and SAME_LOWER",
                });
            }
        };
        Ok(Window { padding, ..window })
    }

    fn stated_padding(self) -> Result<Padding, NodeProblem> {
        let Some(found) = self.ints("pads") else { return Ok(Padding::default()) };
        padding(&found).ok_or_else(|| NodeProblem::Attribute {
            name: "pads",
            found: format!("{found:?}"),
            supported: "four numbers from 0: rows and columns before, then after",
        })
    }
}

/// A place among `count`, where negative ones count from the end.
pub fn from_start(place: i64, count: i64) -> i64 {
    if place < 0 { place.saturating_add(count) } else { place }
}

/// The padding of four numbers: rows and columns before, then after.
pub fn padding(pads: &[i64]) -> Option<Padding> {
    let &[top, left, bottom, right] = pads else { return None };
    let side = |pixels: i64| usize::try_from(pixels).ok();
    Some(Padding { top: side(top)?, left: side(left)?, bottom: side(bottom)?, right: side(right)? })
}

/// The padding that gives one place for each step within the image; an odd pixel goes before or
/// after.
fn same(window: Window, image: [usize; 2], odd_before: bool) -> Padding {
    let along = |side: usize| {
        let Window { kernel, stride, dilation, .. } = window;
        let reach = dilation[side].saturating_mul(kernel[side].max(1) - 1).saturating_add(1);
        let places = image[side].div_ceil(stride[side].max(1));
        let needed = places.saturating_sub(1).saturating_mul(stride[side]).saturating_add(reach);
        let all = needed.saturating_sub(image[side]);
        let (less, more) = (all / 2, all - all / 2);
        if odd_before { (more, less) } else { (less, more) }
    };
    let ((top, bottom), (left, right)) = (along(0), along(1));
    Padding { top, left, bottom, right }
}
