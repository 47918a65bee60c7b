//! Kinds of layers, and short names for them: what ONNX calls `/1/1.0/1.0.0/Conv` the page calls `dw2`.

/// What a layer is, as far as its time and its weights go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A convolution over space and channels.
    Conv,
    /// A convolution over space, each channel for itself.
    Depthwise,
    /// A convolution over channels.
    Pointwise,
    /// Fully connected.
    Linear,
    /// Everything without weights of that kind.
    Other,
}

impl Kind {
    /// Every kind, in the order in which charts show them.
    pub const ALL: [Self; 5] = [Self::Conv, Self::Depthwise, Self::Pointwise, Self::Linear, Self::Other];

    /// The kind of an operator as the engine describes it, e.g. `Depthwise conv 3x3 + ReLU6`.
    pub fn of(op: &str) -> Self {
        match op {
            op if op.starts_with("Depthwise") => Self::Depthwise,
            op if op.starts_with("Conv 1x1") => Self::Pointwise,
            op if op.starts_with("Conv") => Self::Conv,
            op if op.starts_with("Linear") => Self::Linear,
            _ => Self::Other,
        }
    }

    /// As charts call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Conv => "convolution",
            Self::Depthwise => "depthwise",
            Self::Pointwise => "pointwise",
            Self::Linear => "linear",
            Self::Other => "the rest",
        }
    }

    fn short(self) -> &'static str {
        match self {
            Self::Conv => "c",
            Self::Depthwise => "dw",
            Self::Pointwise => "pw",
            Self::Linear => "fc",
            Self::Other => "op",
        }
    }
}

/// What the page calls a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// Where there is little room: `dw2`.
    pub short: String,
    /// Where there is more: `depthwise 2`.
    pub long: String,
}

/// A name for each operator of a list: its kind, numbered.
pub fn names<'a>(ops: impl Iterator<Item = &'a str>) -> Vec<Name> {
    let mut counts = [0_usize; Kind::ALL.len()];
    let name = |op| {
        let kind = Kind::of(op);
        let count = &mut counts[kind as usize];
        *count += 1;
        Name { short: format!("{}{count}", kind.short()), long: format!("{} {count}", kind.name()) }
    };
    ops.map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_have_kinds_and_short_names() {
        let ops =
            ["Conv 3x3 + ReLU6", "Depthwise conv 3x3/2", "Conv 1x1", "Depthwise conv 5x5", "Linear", "Add + ReLU", "Conv in 4 groups 1x1"];
        let names = names(ops.into_iter());
        assert_eq!(names.iter().map(|name| name.short.as_str()).collect::<Vec<_>>(), ["c1", "dw1", "pw1", "dw2", "fc1", "op1", "c2"]);
        assert_eq!(names[3].long, "depthwise 2");
    }
}
