// The grid of each image from the range of its numbers: a group of threads an image. NaN is left out.
struct Params {
    images: u32,
    zero: u32,
    x: u32,
    grids: u32,
    len: u32,
    symmetric: u32,
    // Largest integer of the grid; of its upper half, if it is symmetric.
    top: f32,
    smallest: f32,
}

var<workgroup> least: array<f32, 256>;
var<workgroup> most: array<f32, 256>;

// A scale that can be divided by.
fn usable(scale: f32) -> f32 {
    return select(1.0, clamp(scale, p.smallest, 0x1.fffffep+127f), scale > 0.0);
}

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3<u32>) {
    let image = group.x;
    // A grid always covers 0, which is also the range of nothing.
    var low = 0.0;
    var high = 0.0;
    for (var i = thread; i < p.len; i += 256u) {
        let bits = arena[p.x + image * p.len + i];
        if ((bits & 0x7FFFFFFFu) <= 0x7F800000u) {
            low = min(low, bitcast<f32>(bits));
            high = max(high, bitcast<f32>(bits));
        }
    }
    least[thread] = low;
    most[thread] = high;
    workgroupBarrier();
    for (var step = 128u; step > 0u; step = step / 2u) {
        if (thread < step) {
            least[thread] = min(least[thread], least[thread + step]);
            most[thread] = max(most[thread], most[thread + step]);
        }
        workgroupBarrier();
    }
    if (thread == 0u) {
        low = least[0];
        high = most[0];
        var scale = 0.0;
        var zero = 0.0;
        if (p.symmetric != 0u) {
            scale = usable(quotient(max(high, -low), p.top));
            zero = select(0.0, p.top + 1.0, low < 0.0);
        } else {
            scale = usable(quotient(high - low, p.top));
            zero = clamp(round(quotient(-low, scale)), 0.0, p.top);
        }
        arena[p.grids + 2u * image] = bitcast<u32>(scale);
        arena[p.grids + 2u * image + 1u] = u32(zero);
    }
}
