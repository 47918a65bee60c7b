//! What a model said about each image, and what that adds up to.

use crate::stats;

/// The classes a model gave to images, as far as they were run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Predictions {
    /// By image.
    classes: Vec<Option<u16>>,
    /// Softmax of the class, by image; 0 where there is none.
    confidence: Vec<f32>,
    /// Images with a class.
    n: usize,
}

impl Predictions {
    /// Takes the answers for the images from `first` on.
    pub fn put(&mut self, first: usize, classes: &[u16], confidence: &[f32]) {
        let end = first + classes.len();
        if self.classes.len() < end {
            self.classes.resize(end, None);
            self.confidence.resize(end, 0.0);
        }
        for (i, &class) in classes.iter().enumerate() {
            self.n += usize::from(self.classes[first + i].is_none());
            self.classes[first + i] = Some(class);
            self.confidence[first + i] = confidence.get(i).copied().unwrap_or_default();
        }
    }

    /// The class of an image.
    pub fn class(&self, image: usize) -> Option<u16> {
        self.classes.get(image).copied().flatten()
    }

    /// How sure the model was of that class, 0 to 1.
    pub fn confidence(&self, image: usize) -> f32 {
        self.confidence.get(image).copied().unwrap_or_default()
    }

    /// Images that have a class.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Whether every image of `range` has a class.
    pub fn covers(&self, mut range: std::ops::Range<usize>) -> bool {
        range.all(|image| self.class(image).is_some())
    }

    /// Images on which two models disagree, as far as both ran.
    pub fn flips<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = usize> + 'a {
        let both = self.classes.iter().zip(&other.classes).enumerate();
        both.filter_map(|(image, (a, b))| (a.as_ref()? != b.as_ref()?).then_some(image))
    }
}

/// What counts as a hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// The image's label.
    Accuracy,
    /// What the f32 model says: there are no labels.
    Agreement,
}

impl Goal {
    /// As the page and its `data-metric` hook call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::Agreement => "agreement",
        }
    }

    /// As a heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Accuracy => "Accuracy",
            Self::Agreement => "Agreement",
        }
    }
}

/// Hits among images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Images counted.
    pub n: usize,
    /// Those that hit.
    pub hits: usize,
}

impl Share {
    /// 0 to 1; `None` without images.
    pub fn value(self) -> Option<f64> {
        (self.n > 0).then(|| self.hits as f64 / self.n as f64)
    }

    /// The Wilson interval at 95 %.
    pub fn interval(self) -> (f64, f64) {
        stats::wilson(self.hits, self.n)
    }
}

/// A model's hits on the first `limit` images.
pub fn share(model: &Predictions, truth: &[u16], baseline: &Predictions, goal: Goal, limit: usize) -> Share {
    let target = |image: usize| match goal {
        Goal::Accuracy => truth.get(image).copied(),
        Goal::Agreement => baseline.class(image),
    };
    let mut share = Share::default();
    for image in 0..limit.min(model.classes.len()) {
        if let (Some(class), Some(target)) = (model.class(image), target(image)) {
            share.n += 1;
            share.hits += usize::from(class == target);
        }
    }
    share
}

/// Two models on the images that both have seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    /// Images.
    pub n: usize,
    /// Right before, wrong after.
    pub lost: usize,
    /// Wrong before, right after.
    pub gained: usize,
    /// Other class after, right or wrong.
    pub flipped: usize,
}

impl Pairs {
    /// Compares `after` with `before`.
    pub fn of(after: &Predictions, before: &Predictions, truth: &[u16]) -> Self {
        let mut pairs = Self::default();
        for (image, (a, b)) in after.classes.iter().zip(&before.classes).enumerate() {
            let (Some(a), Some(b)) = (a, b) else { continue };
            pairs.n += 1;
            pairs.flipped += usize::from(a != b);
            if let Some(label) = truth.get(image) {
                pairs.lost += usize::from(b == label && a != label);
                pairs.gained += usize::from(a == label && b != label);
            }
        }
        pairs
    }

    /// Change of the accuracy, -1 to 1; `None` without images.
    pub fn change(self) -> Option<f64> {
        (self.n > 0).then(|| (self.gained as f64 - self.lost as f64) / self.n as f64)
    }

    /// How likely so uneven a change is by chance alone.
    pub fn p(self) -> f64 {
        stats::mcnemar_mid_p(self.lost, self.gained)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predictions(classes: &[u16]) -> Predictions {
        let mut p = Predictions::default();
        p.put(0, classes, &[]);
        p
    }

    #[test]
    fn images_count_once_and_in_any_order() {
        let mut p = Predictions::default();
        p.put(2, &[7, 8], &[0.5, 0.6]);
        assert_eq!((p.n(), p.class(0), p.class(3), p.covers(0..4)), (2, None, Some(8), false));
        p.put(0, &[1, 2, 7], &[0.1, 0.2, 0.3]);
        assert_eq!((p.n(), p.covers(0..4), p.covers(0..5), p.confidence(2)), (4, true, false, 0.3));
    }

    #[test]
    fn shares_and_pairs_count_what_they_say() {
        let (truth, f32, int) = ([1, 2, 3, 4], predictions(&[1, 2, 3, 0]), predictions(&[1, 0, 3, 4, 9]));
        let cases = [(Goal::Accuracy, 9, 4, 3), (Goal::Accuracy, 2, 2, 1), (Goal::Agreement, 9, 4, 2)];
        for (goal, limit, n, hits) in cases {
            assert_eq!(share(&int, &truth, &f32, goal, limit), Share { n, hits }, "{goal:?} {limit}");
        }
        assert_eq!(Pairs::of(&int, &f32, &truth), Pairs { n: 4, lost: 1, gained: 1, flipped: 2 });
        assert_eq!(int.flips(&f32).collect::<Vec<_>>(), [1, 3]);
    }
}
