// Four products of signed bytes, summed, for each of four words: in plain integers.
fn dots(a: u32, b: vec4<u32>) -> vec4<i32> {
    let x = unpack_signed(a);
    return vec4<i32>(dot(x, unpack_signed(b.x)), dot(x, unpack_signed(b.y)), dot(x, unpack_signed(b.z)), dot(x, unpack_signed(b.w)));
}
