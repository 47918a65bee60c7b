// Convolution of u8 and signed weights as a matrix product whose left side is gathered from the image on the way: four
// pixels times four channels a thread, tiles of both sides in workgroup memory.
//
// Activations are taken to signed bytes by flipping their highest bit; what zero points add to a sum is put right once,
// when it is stored. Bytes that fill words up are weights that stand for 0.

// Threads along channels and along pixels, and words of a row of weights that a tile takes.
override WX: u32 = 8u;
override WY: u32 = 8u;
override TK: u32 = 8u;
// Bits of a weight: 8, 4 or 2. Several words of a row lie in one then, word i in the bits from i * BITS of each byte.
override BITS: u32 = 8u;
// Whether the window is one pixel and moves by one.
override POINT: bool = false;
// Whether bytes are gathered one by one, as channels do not fill words.
override GATHER: bool = false;
// Whether weights have zero points.
override AFFINE: bool = false;
// Whether weights have scales in groups.
override GROUPED: bool = false;

const SIGN: u32 = 0x80808080u;
const ONES: u32 = 0x01010101u;

var<workgroup> a_tile: array<u32, 4u * WY * TK>;
var<workgroup> b_tile: array<vec4<u32>, WX * TK>;
// For each pixel of the tile: its image, row and column of its window's first tap, what its border holds.
var<workgroup> origins: array<vec4<i32>, 4u * WY>;

fn origin(pixel: u32) -> vec4<i32> {
    let image = image_of(pixel);
    let at = pixel % (p.out_rows * p.out_columns);
    let row = i32(at / p.out_columns * p.stride_rows) - i32(p.pad_rows);
    let column = i32(at % p.out_columns * p.stride_columns) - i32(p.pad_columns);
    return vec4<i32>(i32(image), row, column, i32((u32(zero_point(image)) * ONES) ^ SIGN));
}

// Where the first word of a tap lies, or -1 beyond the image.
fn tap(base: vec4<i32>, row: u32, column: u32) -> i32 {
    let y = base.y + i32(row * p.dilation_rows);
    let x = base.z + i32(column * p.dilation_columns);
    if (y < 0 || x < 0 || y >= i32(p.in_rows) || x >= i32(p.in_columns)) {
        return -1;
    }
    return ((base.x * i32(p.in_rows) + y) * i32(p.in_columns) + x) * i32(p.in_words);
}

// A word of activations, found one by one. Beyond a row of weights it may hold anything.
fn gathered(base: vec4<i32>, k: u32) -> u32 {
    var word = 0u;
    for (var i = 0u; i < 4u; i++) {
        let at = 4u * k + i;
        let channel = at % p.channels;
        let t = at / p.channels;
        let first = tap(base, t / p.kernel_columns, t % p.kernel_columns);
        var byte = u32(base.w) & 0xFFu;
        if (first >= 0) {
            byte = ((arena[p.x + u32(first) + channel / 4u] >> (8u * (channel % 4u))) & 0xFFu) ^ 0x80u;
        }
        word |= byte << (8u * i);
    }
    return word;
}

// Four channels of a word of weights, as signed bytes.
fn weights(k: u32, quad: u32) -> vec4<u32> {
    if (k >= p.row || quad >= p.panel) {
        return vec4<u32>(0u);
    }
    if (BITS == 8u) {
        return constants[p.weights + k * p.panel + quad];
    }
    if (BITS == 4u) {
        let x = (constants[p.weights + (k >> 1u) * p.panel + quad] >> vec4<u32>(4u * (k & 1u))) & vec4<u32>(0x0F0F0F0Fu);
        return x | ((x & vec4<u32>(0x08080808u)) * 30u);
    }
    let x = (constants[p.weights + (k >> 2u) * p.panel + quad] >> vec4<u32>(2u * (k & 3u))) & vec4<u32>(0x03030303u);
    return x | ((x & vec4<u32>(0x02020202u)) * 126u);
}

// Puts zero points right: `row` is the row of the table, `ones` the sum of the activations.
fn corrected(sum: vec4<i32>, ones: i32, row: u32, zero: i32) -> vec4<i32> {
    var all = sum - (zero - 128) * bitcast<vec4<i32>>(constants[row + 1u]);
    if (AFFINE) {
        all -= ones * bitcast<vec4<i32>>(constants[row + 2u]);
    }
    return all;
}

// Adds the sum of a group, scaled.
fn flushed(total: vec4<f32>, sum: vec4<i32>, ones: i32, group: u32, quad: u32, zero: i32) -> vec4<f32> {
    let row = p.scales + 4u * (group * p.panel + min(quad, p.panel - 1u));
    let scaled = vec4<f32>(corrected(sum, ones, row, zero)) * bitcast<vec4<f32>>(constants[row + 3u]);
    return total + unfused(scaled);
}

fn finish(pixel: u32, quad: u32, sum: vec4<i32>, ones: i32, total: vec4<f32>) {
    if (pixel >= p.images * p.out_rows * p.out_columns || quad >= p.panel) {
        return;
    }
    let image = image_of(pixel);
    if (GROUPED) {
        store_real(pixel, quad, unfused(total * input_scale(image)));
    } else {
        store(pixel, quad, corrected(sum, ones, p.table + 4u * quad, zero_point(image)));
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
        origins[m] = origin(min(first + m, pixels - 1u));
    }
    workgroupBarrier();

    // Every thread always loads the same word of a tile's rows, so it can go on from tap to tap.
    let own = thread % TK;
    var word = own;
    var row = 0u;
    var column = 0u;
    if (!POINT && !GATHER) {
        word = own % p.in_words;
        row = own / p.in_words / p.kernel_columns;
        column = own / p.in_words % p.kernel_columns;
    }
    let quad = tile.x * WX + local.x;
    var s0 = vec4<i32>(0);
    var s1 = vec4<i32>(0);
    var s2 = vec4<i32>(0);
    var s3 = vec4<i32>(0);
    var ones = vec4<i32>(0);
    var t0 = vec4<f32>(0.0);
    var t1 = vec4<f32>(0.0);
    var t2 = vec4<f32>(0.0);
    var t3 = vec4<f32>(0.0);
    let zeros = vec4<i32>(
        zero_point(u32(origins[4u * local.y].x)),
        zero_point(u32(origins[4u * local.y + 1u].x)),
        zero_point(u32(origins[4u * local.y + 2u].x)),
        zero_point(u32(origins[4u * local.y + 3u].x)),
    );
    for (var start = 0u; start < p.row; start += TK) {
        for (var m = thread / TK; m < 4u * WY; m += threads / TK) {
            var a = 0u;
            if (start + own < p.row) {
                if (POINT) {
                    a = arena[p.x + min(first + m, pixels - 1u) * p.in_words + start + own] ^ SIGN;
                } else if (GATHER) {
                    a = gathered(origins[m], start + own);
                } else {
                    let base = origins[m];
                    let at = tap(base, row, column);
                    a = select(u32(base.w), arena[p.x + u32(max(at, 0)) + word] ^ SIGN, at >= 0);
                }
            }
            a_tile[own * 4u * WY + m] = a;
        }
        if (!POINT && !GATHER) {
            word += TK;
            while (word >= p.in_words) {
                word -= p.in_words;
                column += 1u;
                if (column == p.kernel_columns) {
                    column = 0u;
                    row += 1u;
                }
            }
        }
        for (var i = thread; i < WX * TK; i += threads) {
            b_tile[i] = weights(start + i / WX, tile.x * WX + i % WX);
        }
        workgroupBarrier();
        for (var k = 0u; k < TK; k++) {
            let b = b_tile[k * WX + local.x];
            let at = k * 4u * WY + 4u * local.y;
            let a = vec4<u32>(a_tile[at], a_tile[at + 1u], a_tile[at + 2u], a_tile[at + 3u]);
            s0 += dots(a.x, b);
            s1 += dots(a.y, b);
            s2 += dots(a.z, b);
            s3 += dots(a.w, b);
            if (AFFINE) {
                ones += vec4<i32>(dots(a.x, vec4<u32>(ONES)).x, dots(a.y, vec4<u32>(ONES)).x, dots(a.z, vec4<u32>(ONES)).x, dots(a.w, vec4<u32>(ONES)).x);
            }
        }
        workgroupBarrier();
        if (GROUPED) {
            let end = start + TK;
            if (end % p.group == 0u || end >= p.row) {
                let group = start / p.group;
                t0 = flushed(t0, s0, ones.x, group, quad, zeros.x);
                t1 = flushed(t1, s1, ones.y, group, quad, zeros.y);
                t2 = flushed(t2, s2, ones.z, group, quad, zeros.z);
                t3 = flushed(t3, s3, ones.w, group, quad, zeros.w);
                s0 = vec4<i32>(0);
                s1 = vec4<i32>(0);
                s2 = vec4<i32>(0);
                s3 = vec4<i32>(0);
                ones = vec4<i32>(0);
            }
        }
    }
    // Once in the code for all four: compilers take their time over it.
    var sums = array<vec4<i32>, 4>(s0, s1, s2, s3);
    var totals = array<vec4<f32>, 4>(t0, t1, t2, t3);
    for (var i = 0u; i < 4u; i++) {
        finish(first + 4u * local.y + i, quad, sums[i], ones[i], totals[i]);
    }
}
