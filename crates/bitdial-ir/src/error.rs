//! Why a file is not a model that can be used here.

/// Why a model cannot be read or prepared. Each message is a sentence that names the place and the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IrError {
    /// The bytes are not an ONNX protobuf.
    #[error("this file is not an ONNX model: {0}")]
    Protobuf(String),
    /// The model as a whole: its versions or its counts.
    #[error("this ONNX model cannot be read: {0}")]
    Model(String),
    /// An operator outside of what is supported.
    #[error("node `{node}` needs the operator {op}, which is not supported here")]
    Unsupported {
        /// Name of the node.
        node: String,
        /// Operator, with its domain if that is not ONNX's own.
        op: String,
    },
    /// A node that cannot be what it says.
    #[error("node `{node}` ({op}): {reason}")]
    Node {
        /// Name of the node.
        node: String,
        /// Operator.
        op: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A node on a cycle.
    #[error("node `{node}` ({op}) needs its own result: the graph has a cycle")]
    Cycle {
        /// Name of a node on the cycle.
        node: String,
        /// Its operator.
        op: String,
    },
    /// A constant that cannot be what it says.
    #[error("initializer `{name}`: {reason}")]
    Initializer {
        /// Name of the initializer.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A graph input that cannot be used.
    #[error("graph input `{name}`: {reason}")]
    Input {
        /// Name of the input.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A graph output that cannot be used.
    #[error("graph output `{name}`: {reason}")]
    Output {
        /// Name of the output.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A name that stands for two things.
    #[error("`{0}` is defined twice")]
    Duplicate(String),
    /// The model would need more memory or time than a browser has.
    #[error("this model is too large: {0}")]
    TooLarge(String),
    /// A layer that has no form in ONNX.
    #[error("layer `{layer}` cannot be written as ONNX: {reason}")]
    Export {
        /// Name of the node or value.
        layer: String,
        /// What ONNX cannot say.
        reason: String,
    },
    /// The bytes are not a packed model.
    #[error("this file is not a packed model: {0}")]
    Packed(String),
    /// A graph that breaks an invariant of [`crate::Graph`].
    #[error("the graph is not consistent: {0}")]
    Graph(String),
}

impl IrError {
    /// An error at a node.
    pub(crate) fn node(node: &str, op: &str, reason: impl Into<String>) -> Self {
        Self::Node { node: shorten(node), op: shorten(op), reason: reason.into() }
    }
}

/// A name from a file, cut to a length that a sentence can hold.
pub(crate) fn shorten(name: &str) -> String {
    const LONGEST: usize = 120;
    if name.chars().count() <= LONGEST { name.to_owned() } else { name.chars().take(LONGEST).chain("...".chars()).collect() }
}
