// What every kernel sees: the arena with all activations, the constants of all layers, the numbers of this dispatch.
// `Params` is declared by each kernel; its first two members are always `images` and `zero`, which is 0.
@group(0) @binding(0) var<storage, read_write> arena: array<u32>;
@group(0) @binding(1) var<storage, read> constants: array<vec4<u32>>;
@group(0) @binding(2) var<uniform> p: Params;

// One word of the constants that start at a vector.
fn constant(start: u32, index: u32) -> u32 {
    return constants[start + index / 4u][index % 4u];
}

fn unpack(word: u32) -> vec4<i32> {
    return vec4<i32>((vec4<u32>(word) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(0xFFu));
}

fn unpack_signed(word: u32) -> vec4<i32> {
    return vec4<i32>(vec4<u32>(word) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u);
}

fn pack(bytes: vec4<i32>) -> u32 {
    let b = vec4<u32>(bytes) << vec4<u32>(0u, 8u, 16u, 24u);
    return b.x | b.y | b.z | b.w;
}
