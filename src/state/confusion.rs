//! Confusion: how many images of each class were taken for which.

use super::predictions::Predictions;

/// Counts by label and by what was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    counts: Vec<usize>,
}

impl Confusion {
    /// Counts every image that has a label and that both models have seen.
    pub fn of(model: &Predictions, both: &Predictions, truth: &[u16], classes: usize) -> Self {
        let mut counts = vec![0; classes * classes];
        for (image, label) in truth.iter().enumerate() {
            let (Some(said), Some(_)) = (model.class(image), both.class(image)) else { continue };
            let (label, said) = (usize::from(*label), usize::from(said));
            if label < classes && said < classes {
                counts[label * classes + said] += 1;
            }
        }
        Self { classes, counts }
    }

    /// Images of a label that were said to be something.
    pub fn at(&self, label: usize, said: usize) -> usize {
        self.counts.get(label * self.classes + said).copied().unwrap_or_default()
    }

    /// Images of a label.
    pub fn of_label(&self, label: usize) -> usize {
        (0..self.classes).map(|said| self.at(label, said)).sum()
    }

    /// Images in all.
    pub fn n(&self) -> usize {
        self.counts.iter().sum()
    }

    /// Change of a cell since before.
    pub fn change(&self, before: &Self, label: usize, said: usize) -> i64 {
        let count = |confusion: &Self| i64::try_from(confusion.at(label, said)).unwrap_or_default();
        count(self) - count(before)
    }

    /// Mistakes, the most frequent first: label, what was said. With what was before, those that became more frequent
    /// most; at most `most`.
    pub fn mistakes(&self, before: Option<&Self>, most: usize) -> Vec<(usize, usize)> {
        let weight = |(label, said): (usize, usize)| match before {
            Some(before) => self.change(before, label, said).unsigned_abs(),
            None => self.at(label, said) as u64,
        };
        let cells = (0..self.classes).flat_map(|label| (0..self.classes).map(move |said| (label, said)));
        let mut found: Vec<(usize, usize)> = Vec::new();
        for cell in cells.filter(|(label, said)| label != said).filter(|cell| weight(*cell) > 0) {
            let at = found.iter().position(|known| weight(*known) < weight(cell)).unwrap_or(found.len());
            if at < most {
                found.insert(at, cell);
                found.truncate(most);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_counted_by_label_and_class() {
        let predictions = |classes: &[u16]| {
            let mut made = Predictions::default();
            made.put(0, classes, &[]);
            made
        };
        let (truth, float, int) = ([0, 0, 1, 1, 2, 2], predictions(&[0, 0, 1, 1, 2, 0]), predictions(&[0, 1, 1, 2, 1, 1, 9]));
        let before = Confusion::of(&float, &int, &truth, 3);
        let after = Confusion::of(&int, &float, &truth, 3);
        assert_eq!((after.n(), after.at(2, 1), after.at(0, 1), after.of_label(2)), (6, 2, 1, 2));
        assert_eq!((after.change(&before, 2, 1), after.change(&before, 2, 0), after.change(&before, 0, 0)), (2, -1, -1));
        assert_eq!(after.mistakes(None, 2), [(2, 1), (0, 1)]);
        assert_eq!(after.mistakes(Some(&before), 9), [(2, 1), (0, 1), (1, 2), (2, 0)]);
        // A label that there is no class for is not counted.
        assert_eq!(Confusion::of(&int, &float, &[7, 0], 3).n(), 1);
    }
}
