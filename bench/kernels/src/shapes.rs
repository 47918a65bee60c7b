//! The convolutions that take the time of the project's models.

use bitdial_kernels::ConvShape;

/// Name and geometry of each.
pub fn shapes() -> Vec<(String, ConvShape)> {
    let pointwise = |side, from, to| conv([side, side, from], to, 1, 1, 1);
    let full = |side, from, to, stride| conv([side, side, from], to, 3, stride, 1);
    let depthwise = |side, channels, window, stride| conv([side, side, channels], channels, window, stride, channels);
    let shapes = [
        // EfficientNet-Lite0: stem, the 1x1 of each resolution, head, classifier.
        full(224, 3, 32, 2),
        pointwise(112, 32, 16),
        pointwise(112, 16, 96),
        pointwise(56, 144, 24),
        pointwise(28, 240, 40),
        pointwise(14, 80, 480),
        pointwise(14, 672, 112),
        pointwise(7, 192, 1152),
        pointwise(7, 1152, 320),
        pointwise(7, 320, 1280),
        pointwise(1, 1280, 1000),
        // Its depthwise layers.
        depthwise(112, 32, 3, 1),
        depthwise(112, 96, 3, 2),
        depthwise(56, 144, 3, 1),
        depthwise(56, 144, 5, 2),
        depthwise(28, 240, 5, 1),
        depthwise(28, 240, 3, 2),
        depthwise(14, 480, 3, 1),
        depthwise(14, 672, 5, 1),
        depthwise(7, 1152, 5, 1),
        // Fashion ResNet and digits.
        full(28, 1, 16, 1),
        full(28, 16, 16, 1),
        full(28, 16, 32, 2),
        full(14, 32, 32, 1),
        full(7, 64, 64, 1),
        // Fashion MobileNet.
        pointwise(28, 24, 48),
        pointwise(14, 96, 96),
        pointwise(7, 160, 160),
        depthwise(28, 48, 3, 2),
        depthwise(14, 96, 3, 1),
    ];
    shapes.into_iter().map(|shape| (name(&shape), shape)).collect()
}

/// A convolution padded so that stride 1 keeps the size.
fn conv(input: [usize; 3], channels: usize, window: usize, stride: usize, groups: usize) -> ConvShape {
    let pad = window / 2;
    let out = |size: usize| (size + 2 * pad - window) / stride + 1;
    ConvShape {
        input,
        output: [out(input[0]), out(input[1]), channels],
        kernel: [window; 2],
        stride: [stride; 2],
        pad: [pad; 2],
        dilation: [1; 2],
        groups,
    }
}

fn name(shape: &ConvShape) -> String {
    let ([rows, columns, from], [.., to], [window, _]) = (shape.input, shape.output, shape.kernel);
    let depthwise = if shape.groups > 1 { "dw" } else { "" };
    let stride = if shape.stride[0] > 1 { "s2" } else { "" };
    let channels = if shape.groups > 1 { from.to_string() } else { format!("{from}>{to}") };
    format!("{depthwise}{window}x{window}{stride} {rows}x{columns} {channels}")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn shapes_have_names_of_their_own() {
        let shapes = shapes();
        let names: HashSet<&str> = shapes.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names.len(), shapes.len());
        assert!(names.contains("3x3s2 224x224 3>32") && names.contains("dw5x5 28x28 240"));
    }
}
