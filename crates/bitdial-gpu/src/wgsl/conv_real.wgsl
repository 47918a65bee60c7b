// Convolution of real numbers as a matrix product whose left side is gathered from the image on the way: four pixels times four
// channels a thread, tiles of both sides in workgroup memory. Every sum runs over rows, columns and channels in order.

override WX: u32 = 8u;
override WY: u32 = 8u;
// Numbers of a row of weights that a tile takes.
override TK: u32 = 16u;
// Whether every product is rounded before it is added.
override STRICT: bool = true;
// Whether the window is one pixel and moves by one.
override POINT: bool = false;
// Bits of a weight: 32, or 8, 4, 2 of integers that are decoded here.
override BITS: u32 = 32u;

var<workgroup> a_tile: array<Real, 4u * WY * TK>;
var<workgroup> b_tile: array<Real4, WX * TK>;
// For each pixel of the tile: its image, row and column of its window's first tap.
var<workgroup> origins: array<vec3<i32>, 4u * WY>;

// Four channels of a number of a row of weights.
fn weights(k: u32, quad: u32) -> vec4<f32> {
    if (k >= p.row || quad >= p.panel) {
        return vec4<f32>(0.0);
    }
    if (BITS == 32u) {
        return bitcast<vec4<f32>>(constants[p.weights + k * p.panel + quad]);
    }
    let word = k / 4u;
    let per = max(8u / BITS, 1u);
    let packed = constants[p.weights + (word / per) * p.panel + quad] >> vec4<u32>(8u * (k % 4u) + BITS * (word % per));
    let integers = vec4<i32>(packed << vec4<u32>(32u - BITS)) >> vec4<u32>(32u - BITS);
    let row = (k / p.group) * p.panel + quad;
    return bitcast<vec4<f32>>(constants[p.scales + row]) * vec4<f32>(integers - bitcast<vec4<i32>>(constants[p.zeros + row]));
}

fn image_of(pixel: u32) -> u32 {
    return pixel / (p.out_rows * p.out_columns);
}

fn product(a: Real, b: Real4) -> vec4<f32> {
    if (STRICT) {
        return unfused(vec4<f32>(a * b));
    }
    return vec4<f32>(a * b);
}

fn finish(pixel: u32, quad: u32, sum: vec4<f32>) {
    if (pixel < p.images * p.out_rows * p.out_columns && quad < p.panel) {
        store_real(pixel, quad, sum);
    }
}

@compute @workgroup_size(WX, WY)
fn main(
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) tile: vec3<u32>,
    @builtin(num_workgroups) tiles: vec3<u32>,
) {
    let threads = WX * WY;
    let first = (tile.y + tile.z * tiles.y) * 4u * WY;
    let pixels = p.images * p.out_rows * p.out_columns;
    for (var m = thread; m < 4u * WY; m += threads) {
        let pixel = min(first + m, pixels - 1u);
        let at = pixel % (p.out_rows * p.out_columns);
        let y = i32(at / p.out_columns * p.stride_rows) - i32(p.pad_rows);
        let x = i32(at % p.out_columns * p.stride_columns) - i32(p.pad_columns);
        origins[m] = vec3<i32>(i32(image_of(pixel)), y, x);
    }
    workgroupBarrier();

    let own = thread % TK;
    var channel = own;
    var row = 0u;
    var column = 0u;
    if (!POINT) {
        channel = own % p.in_words;
        row = own / p.in_words / p.kernel_columns;
        column = own / p.in_words % p.kernel_columns;
    }
    let quad = tile.x * WX + local.x;
    var s0 = vec4<f32>(0.0);
    var s1 = vec4<f32>(0.0);
    var s2 = vec4<f32>(0.0);
    var s3 = vec4<f32>(0.0);
    for (var start = 0u; start < p.row; start += TK) {
        for (var m = thread / TK; m < 4u * WY; m += threads / TK) {
            var a = 0.0;
            if (start + own < p.row) {
                if (POINT) {
                    a = bitcast<f32>(arena[p.x + min(first + m, pixels - 1u) * p.in_words + start + own]);
                } else {
                    let base = origins[m];
                    let y = base.y + i32(row * p.dilation_rows);
                    let x = base.z + i32(column * p.dilation_columns);
                    if (y >= 0 && x >= 0 && y < i32(p.in_rows) && x < i32(p.in_columns)) {
                        let at = (u32(base.x) * p.in_rows + u32(y)) * p.in_columns + u32(x);
                        a = bitcast<f32>(arena[p.x + at * p.in_words + channel]);
                    }
                }
            }
            a_tile[own * 4u * WY + m] = Real(a);
        }
        if (!POINT) {
            channel += TK;
            while (channel >= p.in_words) {
                channel -= p.in_words;
                column += 1u;
                if (column == p.kernel_columns) {
                    column = 0u;
                    row += 1u;
                }
            }
        }
        for (var i = thread; i < WX * TK; i += threads) {
            b_tile[i] = Real4(weights(start + i / WX, tile.x * WX + i % WX));
        }
        workgroupBarrier();
        var h0 = Real4();
        var h1 = Real4();
        var h2 = Real4();
        var h3 = Real4();
        for (var k = 0u; k < TK; k++) {
            let b = b_tile[k * WX + local.x];
            let at = k * 4u * WY + 4u * local.y;
            if (HALF) {
                h0 += a_tile[at] * b;
                h1 += a_tile[at + 1u] * b;
                h2 += a_tile[at + 2u] * b;
                h3 += a_tile[at + 3u] * b;
            } else {
                s0 += product(a_tile[at], b);
                s1 += product(a_tile[at + 1u], b);
                s2 += product(a_tile[at + 2u], b);
                s3 += product(a_tile[at + 3u], b);
            }
        }
        if (HALF) {
            s0 += vec4<f32>(h0);
            s1 += vec4<f32>(h1);
            s2 += vec4<f32>(h2);
            s3 += vec4<f32>(h3);
        }
        workgroupBarrier();
    }
    // Once in the code for all four: compilers take their time over it.
    var sums = array<vec4<f32>, 4>(s0, s1, s2, s3);
    for (var i = 0u; i < 4u; i++) {
        finish(first + 4u * local.y + i, quad, sums[i]);
    }
}
