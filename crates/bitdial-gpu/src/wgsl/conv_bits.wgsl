// Convolution of 1-bit activations and 1-bit weights as a matrix product of strings of bits: 32 products are an `xor` and
// a count. With activations `a`, zero point `z` and weights `1 - 2s` of sign bits `s`, the sum of `(a - z) * (1 - 2s)` is
// `count(a ^ s)` and a number that the table has. Bits that fill a string up are those of `z` and of `s = 0`.
// Source: Rastegari et al. 2016, 'XNOR-Net', section 3.2.

override WX: u32 = 8u;
override WY: u32 = 8u;
// Words of 32 bits that a tile takes.
override TK: u32 = 4u;

var<workgroup> a_tile: array<u32, 4u * WY * TK>;
var<workgroup> b_tile: array<vec4<u32>, WX * TK>;

// 32 activations of an output pixel: those of eight words, whose bytes hold a bit each.
fn bits(pixel: u32, word: u32) -> u32 {
    let image = image_of(pixel);
    let at = pixel % (p.out_rows * p.out_columns);
    let y = i32(at / p.out_columns * p.stride_rows) - i32(p.pad_rows);
    let x = i32(at % p.out_columns * p.stride_columns) - i32(p.pad_columns);
    let zeros = select(0u, 0xFu, p.zero_point != 0);
    var all = 0u;
    for (var i = 0u; i < 8u; i++) {
        let k = 8u * word + i;
        let t = k / p.in_words;
        let row = y + i32(t / p.kernel_columns * p.dilation_rows);
        let column = x + i32(t % p.kernel_columns * p.dilation_columns);
        var four = zeros;
        if (k < p.row && row >= 0 && column >= 0 && row < i32(p.in_rows) && column < i32(p.in_columns)) {
            let first = ((image * p.in_rows + u32(row)) * p.in_columns + u32(column)) * p.in_words;
            // The product moves bit `8i` to bit `24 + i`.
            four = (((arena[p.x + first + k % p.in_words] & 0x01010101u) * 0x01020408u) >> 24u) & 0xFu;
        }
        all |= four << (4u * i);
    }
    return all;
}

fn counts(a: u32, b: vec4<u32>) -> vec4<i32> {
    return vec4<i32>(countOneBits(vec4<u32>(a) ^ b));
}

@compute @workgroup_size(WX, WY)
fn main(
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) tile: vec3<u32>,
    @builtin(num_workgroups) tiles: vec3<u32>,
) {
    let first = (tile.y + tile.z * tiles.y) * 4u * WY;
    let pixels = p.images * p.out_rows * p.out_columns;
    let words = p.group;
    let quad = tile.x * WX + local.x;
    var s0 = vec4<i32>(0);
    var s1 = vec4<i32>(0);
    var s2 = vec4<i32>(0);
    var s3 = vec4<i32>(0);
    for (var start = 0u; start < words; start += TK) {
        for (var i = thread; i < 4u * WY * TK; i += WX * WY) {
            let m = i / TK;
            let k = start + i % TK;
            var a = 0u;
            if (k < words) {
                a = bits(min(first + m, pixels - 1u), k);
            }
            a_tile[i % TK * 4u * WY + m] = a;
        }
        for (var i = thread; i < WX * TK; i += WX * WY) {
            let k = start + i / WX;
            let column = tile.x * WX + i % WX;
            var b = vec4<u32>(0u);
            if (k < words && column < p.panel) {
                b = constants[p.weights + k * p.panel + column];
            }
            b_tile[i] = b;
        }
        workgroupBarrier();
        for (var k = 0u; k < TK; k++) {
            let b = b_tile[k * WX + local.x];
            let at = k * 4u * WY + 4u * local.y;
            s0 += counts(a_tile[at], b);
            s1 += counts(a_tile[at + 1u], b);
            s2 += counts(a_tile[at + 2u], b);
            s3 += counts(a_tile[at + 3u], b);
        }
        workgroupBarrier();
    }
    var sums = array<vec4<i32>, 4>(s0, s1, s2, s3);
    for (var i = 0u; i < 4u; i++) {
        let pixel = first + 4u * local.y + i;
        if (pixel < pixels && quad < p.panel) {
            store(pixel, quad, sums[i] + bitcast<vec4<i32>>(constants[p.table + 4u * quad + 1u]));
        }
    }
}
