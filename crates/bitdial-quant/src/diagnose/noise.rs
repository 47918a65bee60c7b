//! How far numbers are from what they should be.

/// Sums of squares of a signal and of its error.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Noise {
    signal: f64,
    noise: f64,
}

impl Noise {
    /// Adds one number: as it is, and as it should be. Those that are not finite are left out.
    pub(crate) fn add(&mut self, is: f32, should: f32) {
        let (is, should) = (f64::from(is), f64::from(should));
        let error = is - should;
        if error.is_finite() {
            self.signal += should * should;
            self.noise += error * error;
        }
    }

    /// Adds as many numbers.
    pub(crate) fn add_all(&mut self, are: &[f32], should: &[f32]) {
        are.iter().zip(should).for_each(|(&is, &should)| self.add(is, should));
    }

    /// Signal-to-noise ratio, dB; `None` without signal or without noise.
    pub(crate) fn db(self) -> Option<f32> {
        (self.signal > 0.0 && self.noise > 0.0).then(|| (10.0 * libm::log10(self.signal / self.noise)) as f32)
    }
}

/// The part of an error that is the same for every image.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shift {
    /// Sum of the errors of each output over all images.
    sums: Vec<f64>,
    noise: f64,
    images: usize,
}

impl Shift {
    /// Adds some images' outputs: as they are, and as they should be.
    pub(crate) fn add_all(&mut self, are: &[Vec<f32>], should: &[Vec<f32>], images: usize) {
        let lens: Vec<usize> = are.iter().map(|are| are.len() / images.max(1)).collect();
        self.sums.resize(lens.iter().sum(), 0.0);
        self.images += images;
        let mut first = 0;
        for ((are, should), len) in are.iter().zip(should).zip(lens) {
            for (is, should) in are.chunks(len.max(1)).zip(should.chunks(len.max(1))) {
                for ((sum, &is), &should) in self.sums[first..first + len].iter_mut().zip(is).zip(should) {
                    let error = f64::from(is) - f64::from(should);
                    if error.is_finite() {
                        *sum += error;
                        self.noise += error * error;
                    }
                }
            }
            first += len;
        }
    }

    /// Its share of the power of all errors; 0 without any.
    pub(crate) fn share(&self) -> f32 {
        let common: f64 = self.sums.iter().map(|sum| sum * sum).sum::<f64>() / self.images.max(1) as f64;
        if self.noise > 0.0 { (common / self.noise).min(1.0) as f32 } else { 0.0 }
    }
}

/// The Kullback-Leibler divergence of the softmax of some logits from that of others, `sum p ln(p / q)`, in nats.
pub(crate) fn divergence(should: &[f32], are: &[f32]) -> f64 {
    let log_sum = |logits: &[f32]| {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = logits.iter().map(|&x| libm::exp(f64::from(x) - f64::from(largest))).sum();
        f64::from(largest) + libm::log(sum)
    };
    let (p_sum, q_sum) = (log_sum(should), log_sum(are));
    let term = |(&p, &q): (&f32, &f32)| {
        let ln_p = f64::from(p) - p_sum;
        libm::exp(ln_p) * (ln_p - (f64::from(q) - q_sum))
    };
    should.iter().zip(are).map(term).sum::<f64>().max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_of_known_numbers() {
        let db = |are: &[f32], should: &[f32]| {
            let mut noise = Noise::default();
            noise.add_all(are, should);
            noise.db()
        };
        assert_eq!(db(&[1.1, -10.0], &[1.0, -10.0]).map(f32::round), Some(40.0));
        assert_eq!(db(&[3.0, 4.0, f32::NAN], &[0.0, 5.0, 1.0]).map(f32::round), Some(4.0));
        assert_eq!([db(&[1.0], &[1.0]), db(&[1.0], &[0.0]), db(&[], &[])], [None; 3]);
    }

    #[test]
    fn shifts_of_known_errors() {
        let share = |errors: [[f32; 2]; 2]| {
            let mut shift = Shift::default();
            for image in errors {
                shift.add_all(&[vec![image[0] + 1.0], vec![image[1] + 2.0]], &[vec![1.0], vec![2.0]], 1);
            }
            let mut at_once = Shift::default();
            at_once.add_all(&[vec![errors[0][0], errors[1][0]], vec![errors[0][1], errors[1][1]]], &[vec![0.0; 2], vec![0.0; 2]], 2);
            assert_eq!(at_once.share(), shift.share());
            shift.share()
        };
        assert_eq!(share([[0.0; 2]; 2]), 0.0);
        assert_eq!(share([[0.5, -1.0], [0.5, -1.0]]), 1.0);
        assert_eq!(share([[0.5, -1.0], [-0.5, 1.0]]), 0.0);
        assert_eq!(share([[0.0, 4.0], [0.0, 0.0]]), 0.5);
    }

    #[test]
    fn divergences_of_known_distributions() {
        let logits = |p: &[f64]| p.iter().map(|p| p.ln() as f32 + 3.0).collect::<Vec<_>>();
        for (p, q, nats) in [([0.5, 0.5], [0.5, 0.5], 0.0), ([0.5, 0.5], [0.25, 0.75], 0.143_841), ([0.9, 0.1], [0.1, 0.9], 1.757_780)] {
            let found = divergence(&logits(&p), &logits(&q));
            assert!((found - nats).abs() < 1e-5, "{p:?} {q:?}: {found}");
        }
        assert!(divergence(&[1e30, 0.0], &[0.0, 1e30]) > 1e29);
    }
}
