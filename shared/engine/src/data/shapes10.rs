//! `shapes10`: procedural 32×32 colour images in ten classes, five shapes times two textures.
//!
//! Colour, place, size, turn, clutter and noise are random, so that only shape and texture tell the
//! class. The same seed gives the same bytes on every platform: nothing here but arithmetic that
//! IEEE 754 fixes (no sine, no power).

use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

use super::dataset::Dataset;
use super::images::{ColourSums, IMAGE, IMAGE_BYTES, ImageSet, Normalization};
use crate::threads;

/// Name of the data set.
pub const SHAPES10: &str = "shapes10";

const SHAPES: [&str; 5] = ["disc", "ring", "square", "triangle", "cross"];
const TEXTURES: [&str; 2] = ["plain", "striped"];
/// Number of its classes.
pub const SHAPES10_CLASSES: usize = SHAPES.len() * TEXTURES.len();

/// Least distance between the colours of shape and ground, of √3 at most.
const MIN_CONTRAST: f32 = 0.35;
/// Deviation of the noise on each pixel and colour.
const NOISE: f32 = 0.12;
/// Small blobs of other colours strewn over each image, at most.
const MAX_CLUTTER: usize = 6;
/// Largest tangent of a figure's turn: a square turned by 45° would be no square to most.
const MAX_SLOPE: f32 = 0.55;
/// Points per side at which each pixel is sampled.
const SUPERSAMPLING: usize = 3;

/// Generates the data set; classes are equally frequent.
pub fn shapes10(train: usize, test: usize, seed: u64) -> Dataset {
    let classes = SHAPES
        .iter()
        .flat_map(|shape| TEXTURES.iter().map(move |texture| format!("{texture} {shape}")));
    let [train, test] = [(train, 0), (test, 1)].map(|(count, split)| generate(count, seed, split));
    let sums = ColourSums::of(train.pixels(), IMAGE.positions());
    Dataset {
        name: SHAPES10.into(),
        classes: classes.collect(),
        normalization: Normalization::of_sums(&sums),
        resize: None,
        train,
        test,
    }
}

fn generate(count: usize, seed: u64, split: u64) -> ImageSet {
    let images = threads::map_range(count, |index| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // A stream of its own for each image: what came before it makes no difference.
        rng.set_stream(split << 32 | index as u64);
        draw(&mut rng, index % SHAPES10_CLASSES)
    });
    let labels = (0..count).map(|index| (index % SHAPES10_CLASSES) as u32).collect();
    ImageSet::from_parts(IMAGE.height, images.concat().into(), labels)
        .expect("an image was drawn for each label")
}

type Colour = [f32; 3];

/// A shape of size 1 at the origin, seen through a turn, a scale and a shift.
struct Figure {
    shape: usize,
    centre: [f32; 2],
    /// Cosine and sine of the turn.
    turn: [f32; 2],
    radius: f32,
    /// Stripes per radius, or none.
    stripes: Option<f32>,
    colours: [Colour; 2],
}

impl Figure {
    /// Colour at a point of the image, where the figure covers it.
    fn colour_at(&self, x: f32, y: f32) -> Option<Colour> {
        let (dx, dy) = ((x - self.centre[0]) / self.radius, (y - self.centre[1]) / self.radius);
        let (u, v) = (dx * self.turn[0] + dy * self.turn[1], dy * self.turn[0] - dx * self.turn[1]);
        if !inside(self.shape, u, v) {
            return None;
        }
        let odd =
            self.stripes.is_some_and(|frequency| ((v + 2.0) * frequency).floor() as i32 % 2 == 1);
        Some(self.colours[usize::from(odd)])
    }
}

/// Whether a shape of size 1 covers a point. All have about the same area (1.8 to 2.6), so that
/// size does not tell the class; 1.732 is √3, which makes the triangle equilateral.
fn inside(shape: usize, u: f32, v: f32) -> bool {
    match SHAPES[shape] {
        "disc" => u * u + v * v < 0.81,
        "ring" => (0.33..1.0).contains(&(u * u + v * v)),
        "square" => u.abs() < 0.8 && v.abs() < 0.8,
        "triangle" => v > -0.6 && 1.732 * u.abs() < 1.15 - v,
        _ => (u.abs() < 0.36 && v.abs() < 1.0) || (v.abs() < 0.36 && u.abs() < 1.0),
    }
}

fn draw(rng: &mut ChaCha8Rng, class: usize) -> Vec<u8> {
    let ground = [colour(rng), colour(rng)];
    let slope = unit_vector(rng);
    let figure = figure(rng, class, &ground);
    let clutter: Vec<Figure> = (0..rng.random_range(0..=MAX_CLUTTER)).map(|_| blob(rng)).collect();
    let mut image = vec![0; IMAGE_BYTES];
    for row in 0..IMAGE.height {
        for column in 0..IMAGE.width {
            let pixel = supersampled(column, row, |x, y| {
                let blend = (0.5 + (x - 16.0) / 32.0 * slope[0] + (y - 16.0) / 32.0 * slope[1])
                    .clamp(0.0, 1.0);
                let behind = mix(ground[0], ground[1], blend);
                let blob = || clutter.iter().find_map(|blob| blob.colour_at(x, y));
                figure.colour_at(x, y).or_else(blob).unwrap_or(behind)
            });
            for (plane, value) in pixel.into_iter().enumerate() {
                let noisy = value + NOISE * bell(rng);
                image[plane * IMAGE.positions() + row * IMAGE.width + column] =
                    (noisy.clamp(0.0, 1.0) * 255.0).round() as u8;
            }
        }
    }
    image
}

fn figure(rng: &mut ChaCha8Rng, class: usize, ground: &[Colour; 2]) -> Figure {
    let radius = rng.random_range(7.0..13.0f32);
    // The figure stays in the image but for its outermost parts.
    let reach = 15.0 - radius * 0.8;
    let first = contrasting(rng, ground);
    let striped = class % TEXTURES.len() == 1;
    Figure {
        shape: class / TEXTURES.len(),
        centre: [16.0 + rng.random_range(-reach..reach), 16.0 + rng.random_range(-reach..reach)],
        turn: slight_turn(rng),
        radius,
        stripes: striped.then(|| radius / rng.random_range(2.0..3.2f32)),
        colours: [first, contrasting(rng, &[first, ground[0]])],
    }
}

fn blob(rng: &mut ChaCha8Rng) -> Figure {
    let colour = colour(rng);
    Figure {
        shape: rng.random_range(0..SHAPES.len()),
        centre: [rng.random_range(0.0..32.0), rng.random_range(0.0..32.0)],
        turn: unit_vector(rng),
        radius: rng.random_range(1.0..3.2),
        stripes: None,
        colours: [colour, colour],
    }
}

fn colour(rng: &mut ChaCha8Rng) -> Colour {
    rng.random()
}

/// A colour that differs from both of these.
fn contrasting(rng: &mut ChaCha8Rng, others: &[Colour; 2]) -> Colour {
    loop {
        let candidate = colour(rng);
        if others.iter().all(|other| distance(candidate, *other) > MIN_CONTRAST) {
            return candidate;
        }
    }
}

fn distance(a: Colour, b: Colour) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt()
}

fn mix(a: Colour, b: Colour, share: f32) -> Colour {
    std::array::from_fn(|i| a[i] + (b[i] - a[i]) * share)
}

/// A direction, uniform over the circle, by rejection.
fn unit_vector(rng: &mut ChaCha8Rng) -> [f32; 2] {
    loop {
        let (x, y): (f32, f32) = (rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0));
        let square = x * x + y * y;
        // Near the centre rounding would decide the direction.
        if (0.01..1.0).contains(&square) {
            return [x / square.sqrt(), y / square.sqrt()];
        }
    }
}

/// A direction within about 29° of upright.
fn slight_turn(rng: &mut ChaCha8Rng) -> [f32; 2] {
    let slope = rng.random_range(-MAX_SLOPE..MAX_SLOPE);
    let length = (1.0 + slope * slope).sqrt();
    [1.0 / length, slope / length]
}

/// About a normal deviate: the sum of three uniform ones on (−1, 1), each of variance 1/3.
fn bell(rng: &mut ChaCha8Rng) -> f32 {
    (0..3).map(|_| rng.random_range(-1.0..1.0f32)).sum()
}

fn supersampled(column: usize, row: usize, colour_at: impl Fn(f32, f32) -> Colour) -> Colour {
    let mut sum = [0.0; 3];
    let offset = |index: usize| (index as f32 + 0.5) / SUPERSAMPLING as f32;
    for sample in 0..SUPERSAMPLING * SUPERSAMPLING {
        let x = column as f32 + offset(sample % SUPERSAMPLING);
        let y = row as f32 + offset(sample / SUPERSAMPLING);
        let colour = colour_at(x, y);
        sum.iter_mut().zip(colour).for_each(|(sum, value)| *sum += value);
    }
    sum.map(|value| value / (SUPERSAMPLING * SUPERSAMPLING) as f32)
}
