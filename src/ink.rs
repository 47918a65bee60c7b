//! Ink: strokes of a pen, and the image of 28 x 28 that a model sees of them.

/// Pixels along a side of an image.
pub const SIDE: usize = 28;
/// Half the width of the pen, as a share of the canvas: a digit that fills most of it has lines of 2 to 3 pixels, as those of
/// MNIST have.
pub const PEN: f32 = 0.05;

/// How strokes become an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// As MNIST was made (`LeCun`, Bottou, Bengio, Haffner 1998, III.A): fitted into 20 x 20 with their aspect ratio kept, grey at
    /// their borders, and moved by whole pixels so that their centre of mass is the centre of 28 x 28.
    Mass,
    /// As Fashion-MNIST was made (Xiao, Rasul, Vollgraf 2017): the longer side as long as the image, and in its middle.
    Full,
}

/// A point of the canvas, 0 to 1 from the left and from the top.
pub type Point = [f32; 2];

/// What was drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ink {
    strokes: Vec<Vec<Point>>,
}

impl Ink {
    /// The pen touches the canvas.
    pub fn begin(&mut self, at: Point) {
        self.strokes.push(vec![inside(at)]);
    }

    /// The pen moves on. Points that add nothing are left out.
    pub fn extend(&mut self, to: Point) {
        let to = inside(to);
        if let Some(stroke) = self.strokes.last_mut()
            && stroke.last().is_none_or(|last| (last[0] - to[0]).hypot(last[1] - to[1]) >= PEN / 10.0)
        {
            stroke.push(to);
        }
    }

    /// Takes the last stroke back.
    pub fn undo(&mut self) {
        self.strokes.pop();
    }

    /// Takes everything back.
    pub fn clear(&mut self) {
        self.strokes.clear();
    }

    /// Whether nothing is drawn.
    pub fn is_empty(&self) -> bool {
        self.strokes.is_empty()
    }

    /// The strokes, oldest first.
    pub fn strokes(&self) -> &[Vec<Point>] {
        &self.strokes
    }

    /// What a model sees: one byte a pixel, row by row, 255 where there is ink; `None` without ink.
    pub fn image(&self, fit: Fit) -> Option<Vec<u8>> {
        let points = || self.strokes.iter().flatten();
        let end = |axis: usize| points().fold([f32::MAX, f32::MIN], |[low, high], p| [low.min(p[axis]), high.max(p[axis])]);
        let (x, y) = (end(0), end(1));
        points().next()?;
        let size = (x[1] - x[0]).max(y[1] - y[0]) + 2.0 * PEN;
        let room = if fit == Fit::Mass { 20.0 } else { SIDE as f32 };
        let scale = room / size;
        // In pixels, the ink's box begins at the corner, or lies in the middle.
        let place = |[low, high]: [f32; 2]| match fit {
            Fit::Mass => scale * (PEN - low),
            Fit::Full => (SIDE as f32 - scale * (low + high)) / 2.0,
        };
        let (left, top) = (place(x), place(y));
        let mut coverage = vec![0.0_f32; SIDE * SIDE];
        for stroke in &self.strokes {
            let points: Vec<Point> = stroke.iter().map(|p| [scale * p[0] + left, scale * p[1] + top]).collect();
            // A stroke of one point is a dot.
            points.iter().zip(points.iter().skip(1).chain(points.last())).for_each(|(a, b)| line(&mut coverage, *a, *b, scale * PEN));
        }
        let image: Vec<u8> = coverage.iter().map(|share| (255.0 * share).round() as u8).collect();
        let length = |[low, high]: [f32; 2]| ((scale * (high - low + 2.0 * PEN)).ceil() as usize).min(SIDE);
        Some(if fit == Fit::Mass { centred(&image, [length(x), length(y)]) } else { image })
    }
}

/// The nearest point of the canvas.
fn inside(point: Point) -> Point {
    point.map(|at| if at.is_finite() { at.clamp(0.0, 1.0) } else { 0.0 })
}

/// Draws a line of this radius with round ends; what a pixel has already stays.
fn line(coverage: &mut [f32], a: Point, b: Point, radius: f32) {
    let reach = radius + 1.0;
    let span = |axis: usize| {
        let (low, high) = (a[axis].min(b[axis]) - reach, a[axis].max(b[axis]) + reach);
        (low.max(0.0) as usize)..(high.max(0.0).ceil() as usize).min(SIDE)
    };
    for row in span(1) {
        for column in span(0) {
            let beyond = distance([column as f32 + 0.5, row as f32 + 0.5], a, b) - radius;
            let pixel = &mut coverage[row * SIDE + column];
            *pixel = pixel.max((0.5 - beyond).clamp(0.0, 1.0));
        }
    }
}

/// How far a point is from a line between two points.
fn distance(p: Point, a: Point, b: Point) -> f32 {
    let (along, to) = ([b[0] - a[0], b[1] - a[1]], [p[0] - a[0], p[1] - a[1]]);
    let length = along[0] * along[0] + along[1] * along[1];
    let share = if length > 0.0 { ((to[0] * along[0] + to[1] * along[1]) / length).clamp(0.0, 1.0) } else { 0.0 };
    (to[0] - share * along[0]).hypot(to[1] - share * along[1])
}

/// Where the ink of an image is on average, in pixels from its corner; the middle without any.
fn mass(image: &[u8]) -> Point {
    let mut sum = [0.0_f32; 3];
    for (at, &ink) in image.iter().enumerate() {
        let ink = f32::from(ink);
        sum[0] += ink * ((at % SIDE) as f32 + 0.5);
        sum[1] += ink * ((at / SIDE) as f32 + 0.5);
        sum[2] += ink;
    }
    if sum[2] > 0.0 { [sum[0] / sum[2], sum[1] / sum[2]] } else { [SIDE as f32 / 2.0; 2] }
}

/// Moves what lies in a box at the corner, so wide and so high, so that its centre of mass is the image's centre, as far as it
/// stays inside.
fn centred(image: &[u8], size: [usize; 2]) -> Vec<u8> {
    let mass = mass(image);
    let [right, down] = [0, 1].map(|axis| (SIDE as f32 / 2.0 - mass[axis]).round().clamp(0.0, (SIDE - size[axis]) as f32) as usize);
    let mut moved = vec![0; image.len()];
    for row in 0..SIDE - down {
        let from = &image[row * SIDE..][..SIDE - right];
        moved[(row + down) * SIDE + right..][..from.len()].copy_from_slice(from);
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ink(strokes: &[&[Point]]) -> Ink {
        let mut ink = Ink::default();
        for stroke in strokes {
            ink.begin(stroke[0]);
            stroke[1..].iter().for_each(|point| ink.extend(*point));
        }
        ink
    }

    /// First and last row, first and last column with ink.
    fn bounds(image: &[u8]) -> [usize; 4] {
        let rows: Vec<usize> = (0..SIDE).filter(|row| image[row * SIDE..][..SIDE].iter().any(|&p| p > 0)).collect();
        let columns: Vec<usize> = (0..SIDE).filter(|column| image.iter().skip(*column).step_by(SIDE).any(|&p| p > 0)).collect();
        [rows[0], rows[rows.len() - 1], columns[0], columns[columns.len() - 1]]
    }

    #[test]
    fn digits_fill_twenty_pixels_around_their_centre_of_mass() {
        let one: &[Point] = &[[0.5, 0.1], [0.5, 0.9]];
        let small: &[Point] = &[[0.8, 0.8], [0.8, 0.9]];
        let seven: &[Point] = &[[0.2, 0.2], [0.7, 0.2], [0.4, 0.9]];
        let wide: &[Point] = &[[0.05, 0.5], [0.95, 0.6]];
        let five: [&[Point]; 2] = [&[[0.3, 0.2], [0.3, 0.5], [0.6, 0.6], [0.6, 0.9], [0.2, 0.9]], &[[0.3, 0.2], [0.7, 0.2]]];
        for (name, drawn) in
            [("one", ink(&[one])), ("small", ink(&[small])), ("seven", ink(&[seven])), ("wide", ink(&[wide])), ("five", ink(&five))]
        {
            let image = drawn.image(Fit::Mass).unwrap();
            let [top, bottom, left, right] = bounds(&image);
            let (height, width) = (bottom - top + 1, right - left + 1);
            assert_eq!(height.max(width), 20, "{name}: {height} x {width}");
            for at in mass(&image) {
                assert!((at - 14.0).abs() <= 0.5, "{name}: centre of mass at {at}");
            }
            assert!(image.contains(&255) && image.iter().any(|p| (1..255).contains(p)), "{name} has no grey borders");
        }
    }

    #[test]
    fn where_and_how_large_something_is_drawn_does_not_matter() {
        let at = |x: f32, y: f32, size: f32| {
            // The pen does not grow with the digit: without it, they would be the same in every pixel.
            let points = [[0.0, 0.0], [1.0, 0.0], [0.5, 1.0]].map(|p: Point| [x + size * p[0], y + size * p[1]]);
            ink(&[&points]).image(Fit::Mass).unwrap()
        };
        assert_eq!(at(0.1, 0.1, 0.5), at(0.4, 0.3, 0.5));
        let (small, large) = (mass(&at(0.1, 0.1, 0.3)), mass(&at(0.1, 0.1, 0.8)));
        assert!((small[0] - large[0]).abs() < 1.0 && (small[1] - large[1]).abs() < 1.0, "{small:?} {large:?}");
    }

    #[test]
    fn a_heavy_end_does_not_push_the_rest_out() {
        let scribble: Vec<Point> = (0..200).map(|i| [0.1 + 0.1 * (i % 7) as f32 / 7.0, 0.1 + 0.1 * (i % 5) as f32 / 5.0]).collect();
        let drawn = ink(&[&scribble, &[[0.15, 0.15], [0.9, 0.9]]]);
        let [top, bottom, left, right] = bounds(&drawn.image(Fit::Mass).unwrap());
        assert!(bottom - top == 19 && right - left == 19, "{top} {bottom} {left} {right}");
    }

    #[test]
    fn fashion_fills_the_image_and_lies_in_its_middle() {
        let [top, bottom, left, right] = bounds(&ink(&[&[[0.1, 0.3], [0.6, 0.3], [0.6, 0.5]]]).image(Fit::Full).unwrap());
        assert_eq!((left, right), (0, 27));
        assert_eq!(top, 27 - bottom);
    }

    #[test]
    fn strokes_come_and_go() {
        let mut drawn = Ink::default();
        assert_eq!((drawn.image(Fit::Mass), drawn.is_empty()), (None, true));
        // A dot is a dot, and what is no place is in the corner.
        drawn.begin([f32::NAN, 7.0]);
        assert_eq!(drawn.strokes(), [[[0.0, 1.0]]]);
        assert_eq!(drawn.image(Fit::Mass).unwrap()[14 * SIDE + 14], 255);
        let before = drawn.clone();
        drawn.begin([0.2, 0.2]);
        drawn.extend([0.2001, 0.2]);
        assert_eq!(drawn.strokes()[1].len(), 1, "a point that adds nothing");
        drawn.extend([0.5, 0.5]);
        drawn.undo();
        assert_eq!(drawn, before);
        drawn.undo();
        drawn.undo();
        drawn.extend([0.1, 0.1]);
        assert!(drawn.is_empty());
    }
}
