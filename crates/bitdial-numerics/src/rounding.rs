//! Which of two neighbours on a grid a value becomes.

/// How a real value is taken to a grid.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Rounding {
    /// To the nearer neighbour, ties to the one with the even code.
    #[default]
    Nearest,
    /// To the neighbour that is not larger.
    Floor,
    /// To the upper neighbour if the way to it that is done already is more than this number, which is uniform in
    /// `0..1`: then the mean of the results is the value.
    Stochastic(f32),
}

impl Rounding {
    /// A real number as an integer. NaN stays NaN.
    #[must_use]
    pub fn integer(self, x: f32) -> f32 {
        match self {
            Self::Nearest => x.round_ties_even(),
            Self::Floor => x.floor(),
            Self::Stochastic(uniform) => {
                let low = x.floor();
                if x - low > uniform { low + 1.0 } else { low }
            }
        }
    }

    /// The magnitude of a number with this sign as an integer, so that the signed number is rounded this way.
    pub(crate) fn magnitude(self, magnitude: f32, negative: bool) -> f32 {
        if negative { -self.integer(-magnitude) } else { self.integer(magnitude) }
    }
}

#[cfg(test)]
mod tests {
    use super::Rounding::{Floor, Nearest, Stochastic};

    #[test]
    fn neighbours_are_chosen() {
        for (rounding, x, integer) in [
            (Nearest, 2.5, 2.0),
            (Nearest, 3.5, 4.0),
            (Nearest, -0.5, 0.0),
            (Floor, 2.9, 2.0),
            (Floor, -2.1, -3.0),
            (Stochastic(0.2), 2.25, 3.0),
            (Stochastic(0.25), 2.25, 2.0),
            (Stochastic(0.0), 2.0, 2.0),
            (Stochastic(0.7), -2.25, -2.0),
            (Stochastic(0.8), -2.25, -3.0),
        ] {
            assert_eq!(rounding.integer(x), integer, "{x} by {rounding:?}");
            assert_eq!(rounding.magnitude(x.abs(), x < 0.0), integer.abs(), "{x} by {rounding:?}");
        }
        assert!(Stochastic(0.5).integer(f32::NAN).is_nan());
    }
}
